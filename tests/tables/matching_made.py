"""A small matching table without a fault, to be spoiled one fault at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.tables import Settings
from bakeoff.tables.matching.standardised import read_matching, standardise_matching


@dataclass(frozen=True)
class Given:
    """Records of two sides (or one), and their labelled pairs."""

    left: pd.DataFrame
    right: pd.DataFrame | None
    pairs: pd.DataFrame

    def with_pair(self, **cells) -> Given:
        row = {**self.pairs.iloc[0].to_dict(), **cells}
        return replace(self, pairs=pd.concat([self.pairs, pd.DataFrame([row])], ignore_index=True))

    def standard(self, settings: Settings | None = None, **said):
        settings = settings or Settings(name="shop", **said)
        return standardise_matching(read_matching(self.left, right=self.right, pairs=self.pairs, settings=settings))

    def write(self, folder: Path, pairs: str = "pairs.csv") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        self.left.to_csv(folder / "left.csv", index=False)
        if self.right is not None:
            self.right.to_csv(folder / "right.csv", index=False)
        self.pairs.to_csv(folder / pairs, index=False)
        return folder


def shop(entities: int = 60, seed: int = 0, within: bool = False) -> Given:
    """Things sold by two shops, one to one: each matches its own, and not the next two of its six."""
    rng = np.random.default_rng(seed)
    nouns, makers = ["lamp", "cup", "chair", "bag", "shirt"], ["Ox", "North Star", "Grete"]
    names = [f"{rng.choice(nouns)} {rng.choice(makers)} {100 + i}" for i in range(entities)]
    price = rng.uniform(5, 90, entities).round(2)
    left = pd.DataFrame({"id": np.arange(entities) + 7000, "name": names, "price": price})
    right = pd.DataFrame({"sku": [f"x{i:03d}" for i in range(entities)], "name": names, "price": price + 1})
    right["name"] = [name.upper() if i % 2 else name.replace(" ", "  ") for i, name in enumerate(names)]
    right["colour"] = rng.choice(["red", "blue"], entities)
    left.loc[3, "price"] = None
    right.loc[::9, "name"] = [f"article {i}" for i in range(len(right.loc[::9]))]
    here = np.arange(entities)
    pairs = [(i, i // 6 * 6 + (i + step) % 6, int(step == 0)) for i in here for step in (0, 1, 2)]
    a, b, label = np.array(pairs).T
    if within:
        both = right.rename(columns={"sku": "id"})
        records = pd.concat([left.assign(id=[f"a{i:03d}" for i in here]), both], ignore_index=True)
        ids = records["id"].to_numpy()
        return Given(records, None, pd.DataFrame({"left_id": ids[a], "right_id": ids[entities + b], "label": label}))
    told = pd.DataFrame({"left_id": left["id"].to_numpy()[a], "right_id": right["sku"].to_numpy()[b], "label": label})
    return Given(left, right, told)
