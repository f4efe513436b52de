"""The public sets of records with official pairs, as the matching baselines are handed them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from pairs_of_every_shape import Matching

from bakeoff.nouns import ColumnType


def read_set(folder: Path) -> Matching:
    """Records without ids; train and valid pairs are the training part."""
    left, right = (pd.read_parquet(folder / f"table_{side}.parquet") for side in "ab")
    train, valid, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "valid", "test"))
    train = pd.concat([train, valid], ignore_index=True)
    places = [{key: place for place, key in enumerate(table["id"])} for table in (left, right)]
    asked = [np.column_stack([part["a_id"].map(places[0]), part["b_id"].map(places[1])]) for part in (train, test)]
    columns = json.loads((folder / "about.json").read_text())["columns"]
    types = {name: ColumnType(type_) for name, type_ in columns.items() if name != "id"}
    labels, truth = train["label"].to_numpy(), test["label"].to_numpy()
    return Matching(left.drop(columns="id"), right.drop(columns="id"), asked[0], labels, asked[1], truth, types)
