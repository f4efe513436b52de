"""The matching baselines on the eight public sets of records: F1, CPU seconds, and what blocking keeps.

F1 is that of the official test pairs at each method's own threshold, beside the published figures. Every method is
fitted on the official train and valid pairs before the file of test pairs is opened. `scorer` is the matcher's scorer
of pairs; its second figure is that of each pair by itself, and a table tells what held-out training pairs say of the
features of rivals. `--linked` adds the F1 of test pairs end to end, where a pair that is not linked is no match.
Blocking is the recall of all labelled matches among each left record's nearest.
Run: python bench/matching.py [--sets abt_buy beer] [--methods similarity linkage splink scorer matcher] [--linked]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.matching.pair_scorer import ScorerOptions
from bakeoff.algorithms.matching.switch import ContextChoice
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
    "cosine": "cosine:Cosine",
    "similarity": "similarity:Similarity",
    "linkage": "linkage:Linkage",
    "splink": "splink_linkage:SplinkLinkage",
    "scorer": "matching.pair_scorer:PairScorer",
    "matcher": "matching.matcher:Matcher",
}
Keys = tuple[dict[Any, int], dict[Any, int]]


@dataclass(frozen=True, eq=False)
class Records:
    """Two tables with labelled pairs; positions int64 (pairs, 2) and labels of train and valid. Test is not read."""

    name: str
    left: Frame
    right: Frame
    columns: dict[str, ColumnType]
    keys: Keys
    train: Array
    labels: Array

    def schema(self, sides: bool, threads: int) -> Schema:
        prefixes = ("left_", "right_") if sides else ("",)
        columns = tuple(Column(f"{prefix}{name}", type_) for prefix in prefixes for name, type_ in self.columns.items())
        return Schema(columns, "matching", "label", "f1", (0, 1), 0, 600.0, threads)

    def test(self) -> tuple[Array, Array]:
        """The official test pairs and whether they match: opened only when a method has been fitted."""
        pairs = pd.read_parquet(HOME / self.name / "test.parquet")
        return positions(pairs, self.keys), pairs["label"].to_numpy() == 1


def positions(pairs: Frame, keys: Keys) -> Array:
    return np.column_stack([pairs["a_id"].map(keys[0]), pairs["b_id"].map(keys[1])]).astype(np.int64)


def read(name: str) -> Records:
    folder = HOME / name
    left, right = (pd.read_parquet(folder / f"table_{side}.parquet") for side in "ab")
    train = pd.concat([pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "valid")], ignore_index=True)
    first, second = ({key: place for place, key in enumerate(table["id"])} for table in (left, right))
    columns = json.loads((folder / "about.json").read_text())["columns"]
    types = {column: ColumnType(type_) for column, type_ in columns.items() if column != "id"}
    tables = left.drop(columns="id"), right.drop(columns="id")
    keys = (first, second)
    return Records(name, *tables, types, keys, positions(train, keys), train["label"].to_numpy())


def f1(called: Array, truth: Array) -> str:
    right = int((called & truth).sum())
    wrong, missed = int((called & ~truth).sum()), int((~called & truth).sum())
    return f"{200 * right / max(1, 2 * right + wrong + missed):.2f} ({right}/{wrong}/{missed})"


@dataclass(frozen=True)
class Figures:
    """What a table's cell shows, the scorer's choice of features of rivals, and the figure end to end."""

    shown: str
    context: ContextChoice | None = None
    linked: str = ""


def score(records: Records, method: str, options: argparse.Namespace) -> Figures:
    module, name = METHODS[method].split(":")
    entry = getattr(import_module(f"bakeoff.algorithms.{module}"), name)
    if method == "scorer":
        return of_scorer(records, entry, options)
    start = time.process_time()
    fitted = entry()
    linking = hasattr(fitted, "link")
    if linking:
        pairs = pd.DataFrame(records.train, columns=["left", "right"]).assign(label=records.labels)
        fitted.fit(records.left, records.right, pairs, schema=records.schema(False, options.threads))
    else:
        asked = pairs_of(records.left, records.right, records.train)
        fitted.fit(asked, records.labels, schema=records.schema(True, options.threads))
    test, truth = records.test()
    asked = pairs_of(records.left, records.right, test)
    asked = asked.assign(left=test[:, 0], right=test[:, 1]) if linking else asked
    figure = f1(np.asarray(fitted.predict(asked)) == 1, truth)
    seconds = time.process_time() - start
    linked = ends(fitted, records, test, truth) if options.linked and linking else ""
    return Figures(f"{figure}, {seconds:.1f} s", None, linked)


def of_scorer(records: Records, entry: Any, options: argparse.Namespace) -> Figures:
    start = time.process_time()
    asked = ScorerOptions(threads=options.threads, effort=options.effort)
    scorer = entry(records.schema(False, options.threads), asked)
    scorer.fit(records.left, records.right, records.train, records.labels == 1)
    test, truth = records.test()
    whole = f1(scorer.chances(records.left, records.right, test) >= scorer.threshold_, truth)
    seconds = time.process_time() - start
    alone = scorer.chances_alone(pairs_of(records.left, records.right, test)) >= scorer.alone_.threshold
    return Figures(f"{whole}, {seconds:.1f} s; alone {f1(alone, truth)}", scorer.context_)


def ends(fitted: Any, records: Records, test: Array, truth: Array) -> str:
    """F1 of the test pairs where those that are not among the links are no matches."""
    start = time.process_time()
    found = fitted.link(records.left, records.right)
    links = found.loc[found["score"] >= 0.5, ["left", "right"]].to_numpy()
    there = set(map(tuple, links.tolist()))
    called = np.array([tuple(pair) in there for pair in test.tolist()])
    return f"{f1(called, truth)}, {len(links)} links, {time.process_time() - start:.1f} s"


def recall(records: Records, counts: tuple[int, ...] = (5, 10, 50)) -> list[str]:
    start = time.process_time()
    found = Blocker(records.schema(False, 1)).fit(records.left, records.right).candidates(max(counts))
    seconds = time.process_time() - start
    test, truth = records.test()
    every = np.vstack([records.train[records.labels == 1], test[truth]])
    rank = found.groupby("left").cumcount()
    kept = []
    for count in counts:
        near = found[rank < count]
        there = set(zip(near["left"].tolist(), near["right"].tolist(), strict=True))
        kept.append(f"{sum(tuple(pair) in there for pair in every.tolist()) / len(every):.4f}")
    return [f"{len(records.left)} x {len(records.right)}", str(len(every)), *kept, f"{seconds:.1f}"]


def table(title: str, *heads: str) -> Table:
    made = Table(title=title)
    made.add_column("set")
    for head in heads:
        made.add_column(head, justify="right")
    return made


def measure(chosen: argparse.Namespace) -> list[Table]:
    heads = (*chosen.methods, "Magellan", "DeepMatcher+", "Ditto")
    shown = table("100 x F1 of the test pairs at the own threshold (found/wrong/missed), CPU seconds", *heads)
    rivals = table("Held-out training pairs without / with features of rivals", "used", "F1", "log loss", "why")
    linked = table("100 x F1 of the test pairs, end to end", *chosen.methods)
    heads = ("left x right", "matches", "k = 5", "k = 10", "k = 50", "CPU seconds")
    blocked = table("Recall of all labelled matches with the k nearest right records of each left record", *heads)
    for name in chosen.sets:
        records = read(name)
        figures = [score(records, method, chosen) for method in chosen.methods]
        shown.add_row(name, *(each.shown for each in figures), *(f"{figure:.2f}" for figure in PUBLISHED[name]))
        if chosen.linked:
            linked.add_row(name, *(each.linked for each in figures))
        for context in [each.context for each in figures if each.context]:
            pairs = [" / ".join(f"{value:.4f}" for value in values) for values in (context.f1, context.log_loss)]
            rivals.add_row(name, "yes" if context.on else "no", *pairs, context.reason)
        if name in WHOLE and chosen.blocking:
            blocked.add_row(name, *recall(records))
        print(name, *(each.shown for each in figures), flush=True)
    return [shown, rivals, linked, blocked]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    options.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--effort", type=float, default=0.5, help="the scorer's, 0 to 1")
    options.add_argument("--linked", action="store_true")
    options.add_argument("--blocking", action=argparse.BooleanOptionalAction, default=True)
    chosen = options.parse_args()
    console = Console(width=220)
    with threadpool_limits(chosen.threads):
        for each in measure(chosen):
            if each.row_count:
                console.print(each)


if __name__ == "__main__":
    main()
