"""Linking 10,000 to 1,000,000 people with as many: pair F1, CPU seconds and memory against Splink in the same run.

    python bench/linkage_scale.py [--sizes 10000 100000] [--methods bakeoff splink] [--threads 2] [--json]

The tables are made by people.py with a fixed seed; about half of the records have one partner. Both methods are given
the same 2,000 matches and 2,000 other pairs as labels, drawn from the candidates in tables of 10,000 records of another
seed, with the weights that make them a sample of all candidates. Bakeoff learns from them. Splink learns by expectation
maximisation as its guides do it, with term frequencies for names and one comparison for the whole address, since
street, number, city and postcode move together; of its answers the labels choose the threshold, and whether a record
keeps its best link alone. Each method runs in a process of its own, one after another; CPU seconds are those of the
process, imports and labels included, and memory is the largest resident set. The growth exponent is the slope of log
CPU seconds in log records. Nothing here fails on time.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from people import made

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
LABELLED = 2_000  # pairs of each kind
NEAREST = 10
ANOTHER = 7  # seed of the tables that the labels come from


def labels(threads: int) -> tuple[pd.DataFrame, pd.DataFrame, Any, pd.DataFrame]:
    """Two tables of another draw, their blocker, and labelled pairs: half matches, half candidates that are none.

    `weight` is how many candidates a labelled pair stands for.
    """
    left, right, truth = made(10_000, ANOTHER)
    search = blocker(threads).fit(left, right)
    found = search.candidates(NEAREST)
    hit = matched(found, truth)
    rng = np.random.default_rng(0)
    chosen = [rng.choice(np.flatnonzero(hit == kind), LABELLED, replace=False) for kind in (True, False)]
    at = np.sort(np.concatenate(chosen))
    weight = np.where(hit[at], hit.sum(), (~hit).sum()) / LABELLED
    known = found.iloc[at][["left", "right"]].assign(label=hit[at].astype(int), weight=weight)
    return left, right, search, known.reset_index(drop=True)


def blocker(threads: int) -> Any:
    from bakeoff.algorithms.blocking import Blocker
    from bakeoff.algorithms.matching.search import effort_for
    from bakeoff.nouns import Schema

    schema = Schema((), "matching", "label", "f1", (0, 1), 0, 0.0, threads=threads)
    return Blocker(schema, effort=effort_for(1_000_000, threads))


def matched(pairs: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    """Which pairs are true ones, bool (pairs,)."""
    known = truth[:, 0] << 32 | truth[:, 1]
    return np.isin(pairs["left"].to_numpy(np.int64) << 32 | pairs["right"].to_numpy(np.int64), known)


def bakeoff(left: pd.DataFrame, right: pd.DataFrame, threads: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """The pairs that Bakeoff calls matches, and CPU seconds of each step."""
    from bakeoff.algorithms.matching.sifting import Sifter

    clock = Clock()
    fitted = Sifter(threads=threads).fit(*labels(threads)[2:])
    clock.tick("learn")
    search = blocker(threads).fit(left, right)
    clock.tick("read")
    found = search.candidates(NEAREST)
    clock.tick("block")
    called = fitted.chances(search, found)
    clock.tick("score")
    return found[called >= 0.5], clock.steps


def splink(left: pd.DataFrame, right: pd.DataFrame, threads: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """The pairs that Splink calls matches at the threshold that is best on the labelled pairs."""
    clock = Clock()
    first, second, _, known = labels(threads)
    score, single = 0.0, False
    settings = model(first, second, threads)
    answers = predicted(first, second, settings, threads)
    joined = known.merge(answers, how="left", on=["left", "right"])
    best = -1.0
    for alone in (False, True):
        scores = joined["score"].where(~alone | joined["best"].eq(True)).fillna(-np.inf).to_numpy()
        figure, at = threshold(scores, joined["label"].to_numpy() == 1, joined["weight"].to_numpy())
        if figure > best:
            best, score, single = figure, at, alone
    clock.tick("labels")
    settings = model(left, right, threads)
    clock.tick("learn")
    answers = predicted(left, right, settings, threads)
    clock.tick("predict")
    return answers[(answers["score"] >= score) & (answers["best"] | (not single))], clock.steps


def threshold(scores: np.ndarray, matches: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The best weighted F1 and the score from which it is reached."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum((matches * weights)[order])
    figures = 2 * right / (np.cumsum(weights[order]) + (matches * weights).sum())
    figures[~np.isfinite(scores[order])] = -1
    at = int(figures.argmax())
    return float(figures[at]), float(scores[order][at])


def opened(left: pd.DataFrame, right: pd.DataFrame, settings: Any, threads: int) -> Any:
    import duckdb
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    engine = DuckDBAPI(duckdb.connect(":memory:", config={"threads": threads}))
    tables = [
        engine.register(table.reset_index(names="unique_id"), table_name=name, dataset_display_name=name)
        for name, table in (("left_records", left), ("right_records", right))
    ]
    return Linker(tables, settings, log_level=logging.ERROR)


def model(left: pd.DataFrame, right: pd.DataFrame, threads: int) -> dict[str, Any]:
    """Splink's model of people, trained as its tutorial does: prior, u by random pairs, m in two rounds."""
    import splink.comparison_level_library as levels
    import splink.comparison_library as compare
    from splink import SettingsCreator, block_on

    def both(*names: str) -> str:
        return " and ".join(f'"{name}_l" = "{name}_r"' for name in names)

    address = compare.CustomComparison(
        [
            levels.CustomLevel(
                '("postcode_l" is null or "postcode_r" is null) and ("street_l" is null or "street_r" is null)'
            ).configure(is_null_level=True),
            levels.CustomLevel(both("postcode", "house_number"), "postcode and number"),
            levels.CustomLevel(both("street", "house_number", "city"), "street, number and city"),
            levels.CustomLevel(both("postcode"), "postcode"),
            levels.CustomLevel(both("street", "house_number"), "street and number"),
            levels.CustomLevel('jaro_winkler_similarity("postcode_l", "postcode_r") >= 0.9', "postcode nearly"),
            levels.CustomLevel(both("city"), "city"),
            levels.ElseLevel(),
        ],
        output_column_name="address",
    )
    rules = [
        ("surname", "birth_date"),
        ("given_name", "birth_date"),
        ("birth_date", "postcode"),
        ("given_name", "surname", "city"),
        ("given_name", "postcode"),
        ("surname", "postcode"),
        ("given_name", "street", "house_number"),
        ("email",),
        ("phone",),
    ]
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            compare.NameComparison("given_name").configure(term_frequency_adjustments=True),
            compare.NameComparison("surname").configure(term_frequency_adjustments=True),
            compare.DateOfBirthComparison("birth_date", input_is_string=True),
            address,
            compare.EmailComparison("email"),
            compare.LevenshteinAtThresholds("phone", [1, 2]),
        ],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    linker = opened(left, right, settings, threads)
    sure = [block_on("given_name", "surname", "birth_date"), block_on("email"), block_on("phone")]
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=0)
    for rule in (("given_name", "surname"), ("birth_date",)):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    return dict(linker.misc.save_model_to_json())


def predicted(left: pd.DataFrame, right: pd.DataFrame, settings: dict[str, Any], threads: int) -> pd.DataFrame:
    """Left, right, score, and whether each is the best link of both of its records."""
    found = opened(left, right, settings, threads).inference.predict(threshold_match_probability=0.001)
    table = found.as_pandas_dataframe()[["unique_id_l", "unique_id_r", "match_weight"]]
    table.columns = ["left", "right", "score"]
    best = [table.groupby(side)["score"].transform("max") for side in ("left", "right")]
    table["best"] = (table["score"] >= best[0]) & (table["score"] >= best[1])
    return table


class Clock:
    """CPU seconds of each step."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.last = time.process_time()

    def tick(self, step: str) -> None:
        now = time.process_time()
        self.steps[step] = round(now - self.last, 1)
        self.last = now
        print(f"  {step} {self.steps[step]} CPU s", file=sys.stderr, flush=True)


def one(method: str, size: int, threads: int, folder: Path) -> dict[str, Any]:
    left, right = (pd.read_parquet(folder / f"{side}_{size}.parquet") for side in ("left", "right"))
    truth = np.load(folder / f"truth_{size}.npy")
    start = time.perf_counter()
    found, steps = {"bakeoff": bakeoff, "splink": splink}[method](left, right, threads)
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    right_ones = int(matched(found, truth).sum())
    return {
        "method": method,
        "records": size,
        "seconds": round(wall, 1),
        "cpu": round(used.ru_utime + used.ru_stime, 1),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
        "precision": right_ones / max(1, len(found)),
        "recall": right_ones / len(truth),
        "f1": 2 * right_ones / (len(found) + len(truth)),
        "steps": steps,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    words.add_argument("--methods", nargs="+", choices=("bakeoff", "splink"), default=["bakeoff", "splink"])
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--json", action="store_true")
    words.add_argument("--one", nargs=3, metavar=("METHOD", "SIZE", "FOLDER"), help=argparse.SUPPRESS)
    said = words.parse_args()
    if said.one:
        print(json.dumps(one(said.one[0], int(said.one[1]), said.threads, Path(said.one[2]))))
        return
    figures = []
    with tempfile.TemporaryDirectory(prefix="bakeoff-bench-") as scratch:
        for size in said.sizes:
            left, right, truth = made(size)
            for side, table in (("left", left), ("right", right)):
                table.to_parquet(Path(scratch) / f"{side}_{size}.parquet")
            np.save(Path(scratch) / f"truth_{size}.npy", truth)
            del left, right
            for method in said.methods:
                command = [
                    sys.executable,
                    __file__,
                    "--threads",
                    str(said.threads),
                    "--one",
                    method,
                    str(size),
                    scratch,
                ]
                done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
                if done.returncode:
                    print(f"{method} on {size:,} records ended with {done.returncode}", file=sys.stderr)
                    continue
                figures.append(json.loads(done.stdout.splitlines()[-1]))
                show(figures[-1], said.json)
    for method in said.methods:
        mine = [(row["records"], row["cpu"]) for row in figures if row["method"] == method]
        if len(mine) > 1 and not said.json:
            slope = np.polyfit(*np.log(np.array(mine)).T, 1)[0]
            print(f"{method:8} CPU seconds grow as records to the power of {slope:.2f}")


def show(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(row), flush=True)
        return
    steps = ", ".join(f"{step} {seconds}" for step, seconds in row["steps"].items())
    print(
        f"{row['method']:8} {row['records']:>9,} records {row['seconds']:8.1f} s {row['cpu']:8.1f} CPU s "
        f"{row['peak_gib']:6.2f} GiB  F1 {row['f1']:.4f} precision {row['precision']:.4f} recall {row['recall']:.4f}"
        f"   ({steps})",
        flush=True,
    )


if __name__ == "__main__":
    main()
