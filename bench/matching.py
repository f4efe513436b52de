"""The matching baselines on the eight public sets of records: F1, CPU seconds, and what blocking keeps.

F1 is that of the official test pairs at each baseline's own threshold, after fitting on the official train and valid
pairs, beside the published figures; blocking is the recall of all labelled matches among each left record's nearest.
Run: python bench/matching.py [--sets abt_buy beer] [--methods cosine similarity linkage splink] [--threads 1]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.records import pairs_of
from bakeoff.nouns import Array, Column, ColumnType, Frame, Schema

HOME = Path(os.environ.get("BAKEOFF_DATA") or Path(__file__).parents[2] / "shared" / "data")
# Magellan, DeepMatcher+ and Ditto, 100 x F1, as Ditto's paper gives them (arXiv 2004.00584).
PUBLISHED = {
    "beer": (78.8, 78.8, 94.37),
    "itunes_amazon": (91.2, 91.2, 97.06),
    "fodors_zagats": (100.0, 100.0, 100.0),
    "dblp_acm": (98.4, 98.45, 98.99),
    "dblp_scholar": (92.3, 94.7, 95.60),
    "amazon_google": (49.1, 70.7, 75.58),
    "walmart_amazon": (71.9, 73.6, 86.76),
    "abt_buy": (43.6, 62.8, 89.33),
}
WHOLE = ("abt_buy", "amazon_google", "walmart_amazon", "dblp_acm", "beer", "fodors_zagats")
METHODS = {
    "cosine": ("cosine", "Cosine"),
    "similarity": ("similarity", "Similarity"),
    "linkage": ("linkage", "Linkage"),
    "splink": ("splink_linkage", "SplinkLinkage"),
}


@dataclass(frozen=True, eq=False)
class Records:
    """Two tables with labelled pairs; positions int64 (pairs, 2) and labels of the training and of the test part."""

    left: Frame
    right: Frame
    columns: dict[str, ColumnType]
    train: Array
    labels: Array
    test: Array
    truth: Array

    def schema(self, sides: bool) -> Schema:
        prefixes = ("left_", "right_") if sides else ("",)
        columns = tuple(Column(f"{prefix}{name}", type_) for prefix in prefixes for name, type_ in self.columns.items())
        return Schema(columns, "matching", "label", "f1", (0, 1), 0, 600.0)


def read(name: str) -> Records:
    folder = HOME / name
    left, right = (pd.read_parquet(folder / f"table_{side}.parquet") for side in "ab")
    parts = {part: pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "valid", "test")}
    train = pd.concat([parts["train"], parts["valid"]], ignore_index=True)
    places = [{key: place for place, key in enumerate(table["id"])} for table in (left, right)]
    positions = [
        np.column_stack([part["a_id"].map(places[0]), part["b_id"].map(places[1])]) for part in (train, parts["test"])
    ]
    columns = json.loads((folder / "about.json").read_text())["columns"]
    return Records(
        left.drop(columns="id"),
        right.drop(columns="id"),
        {column: ColumnType(type_) for column, type_ in columns.items() if column != "id"},
        positions[0],
        train["label"].to_numpy(),
        positions[1],
        parts["test"]["label"].to_numpy(),
    )


def f1(called: Array, truth: Array) -> tuple[float, int, int, int]:
    right = int((called & truth).sum())
    wrong, missed = int((called & ~truth).sum()), int((~called & truth).sum())
    return 200 * right / max(1, 2 * right + wrong + missed), right, wrong, missed


def score(records: Records, method: str) -> tuple[str, float]:
    module, name = METHODS[method]
    entry = getattr(import_module(f"bakeoff.algorithms.{module}"), name)()
    asked = pairs_of(records.left, records.right, records.test)
    start = time.process_time()
    if hasattr(entry, "link"):
        pairs = pd.DataFrame(records.train, columns=["left", "right"]).assign(label=records.labels)
        entry.fit(records.left, records.right, pairs, schema=records.schema(sides=False))
        asked = asked.assign(left=records.test[:, 0], right=records.test[:, 1])
    else:
        entry.fit(pairs_of(records.left, records.right, records.train), records.labels, schema=records.schema(True))
    called = entry.predict_proba(asked)[:, 1] >= 0.5
    seconds = time.process_time() - start
    figure, right, wrong, missed = f1(called, records.truth == 1)
    return f"{figure:.2f} ({right}/{wrong}/{missed})", seconds


def recall(records: Records, counts: tuple[int, ...] = (5, 10, 50)) -> tuple[list[float], int, float]:
    every = np.vstack([records.train[records.labels == 1], records.test[records.truth == 1]])
    start = time.process_time()
    found = Blocker(records.schema(sides=False)).fit(records.left, records.right).candidates(max(counts))
    seconds = time.process_time() - start
    rank = found.groupby("left").cumcount()
    kept = []
    for count in counts:
        near = found[rank < count]
        there = set(zip(near["left"].tolist(), near["right"].tolist(), strict=True))
        kept.append(sum(tuple(pair) in there for pair in every.tolist()) / len(every))
    return kept, len(every), seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    options.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    options.add_argument("--threads", type=int, default=1)
    chosen = options.parse_args()
    console = Console(width=200)
    shown = Table(title="100 x F1 of the test pairs at the own threshold (found/wrong/missed), CPU seconds")
    for head in ("set", "test pairs", "matches", *chosen.methods, "Magellan", "DeepMatcher+", "Ditto"):
        shown.add_column(head, justify="left" if head == "set" else "right")
    blocked = Table(title="Recall of all labelled matches with the k nearest right records of each left record")
    for head in ("set", "left x right", "matches", "k = 5", "k = 10", "k = 50", "CPU seconds"):
        blocked.add_column(head, justify="left" if head == "set" else "right")
    with threadpool_limits(chosen.threads):
        for name in chosen.sets:
            records = read(name)
            figures = [score(records, method) for method in chosen.methods]
            cells = [f"{figure}, {seconds:.1f} s" for figure, seconds in figures]
            published = [f"{figure:.2f}" for figure in PUBLISHED[name]]
            shown.add_row(name, str(len(records.truth)), str(int(records.truth.sum())), *cells, *published)
            if name in WHOLE:
                kept, matches, seconds = recall(records)
                size = f"{len(records.left)} x {len(records.right)}"
                blocked.add_row(name, size, str(matches), *(f"{share:.4f}" for share in kept), f"{seconds:.1f}")
    console.print(shown)
    console.print(blocked)


if __name__ == "__main__":
    main()
