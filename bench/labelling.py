"""How far labels chosen for a person take a matcher, against as many drawn at random.

    python bench/labelling.py DATA --sets abt_buy amazon_google --counts 50 100 200 400

The oracle answers by the official labels: a pair that is not labelled a match is none. Pairs of the official test are
never proposed; F1 is that of the matcher on these test pairs. CPU seconds are those of proposing, and of one fit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "algorithms"))

from er_sets import read_set

from bakeoff.algorithms.matching import Matcher
from bakeoff.algorithms.matching.proposals import CANDIDATES, Pool, Proposer, candidates_of

EACH = 5


def chosen(pool, oracle, test, count, seed):
    """Labels chosen as `bakeoff label` does, in the order in which they were asked."""
    proposer, labels = Proposer(pool, seed), {}
    while len(labels) < count:
        proposer.learn(labels)
        proposals = proposer.propose(EACH, set(labels) | test, len(labels))
        if not proposals:
            break
        labels |= {proposal.pair: proposal.pair in oracle for proposal in proposals}
    return list(labels.items())[:count]


def drawn(found, oracle, test, count, seed):
    """Labels of candidates drawn at random."""
    order = np.random.default_rng(seed).permutation(len(found))
    pairs = [pair for pair in map(tuple, found[order].tolist()) if pair not in test]
    return [(pair, pair in oracle) for pair in pairs[:count]]


def measure(folder, counts, seed):
    """One row for each way of choosing and count."""
    shape = read_set(folder)
    schema = shape.schema(sides=False)
    matches = np.vstack([shape.train[shape.labels == 1], shape.test[shape.truth == 1]])
    oracle, test = (set(map(tuple, part.tolist())) for part in (matches, shape.test))
    before = time.process_time()
    pool = Pool(shape.left, shape.right, schema)
    asked = {"chosen": chosen(pool, oracle, test, max(counts), seed)}
    spent = time.process_time() - before
    found = candidates_of(shape.left, shape.right, schema, np.arange(len(shape.left)))[1][:, :2].astype(np.int64)
    asked["random"] = drawn(found, oracle, test, max(counts), seed)
    positions = shape.asked(shape.test).assign(left=shape.test[:, 0], right=shape.test[:, 1])
    rows = []
    for way, labels in asked.items():
        for count in counts:
            pairs = pd.DataFrame(
                [(*pair, int(match)) for pair, match in labels[:count]], columns=["left", "right", "label"]
            )
            before = time.process_time()
            model = Matcher().fit(shape.left, shape.right, pairs, schema=schema)
            fit = time.process_time() - before
            called = model.predict_proba(positions)[:, 1] >= 0.5
            hits = int((called & (shape.truth == 1)).sum())
            f1 = 200 * hits / max(1, int(called.sum() + shape.truth.sum()))
            row = {
                "set": folder.name,
                "labels": way,
                "count": count,
                "matches": int(pairs["label"].sum()),
                "f1": round(f1, 1),
            }
            row |= {"learnt": model.learnt_, "fit_cpu": round(fit, 1), "choosing_cpu": round(spent, 1), "seed": seed}
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--sets", nargs="+", default=["abt_buy", "amazon_google"])
    parser.add_argument("--counts", nargs="+", type=int, default=[50, 100, 200, 400])
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    rows = [
        row
        for name in asked.sets
        for seed in range(asked.seeds)
        for row in measure(asked.home / name, asked.counts, seed)
    ]
    print(f"\nF1 x 100 on the official test pairs, {CANDIDATES} candidates for each record")
    table = pd.DataFrame(rows).pivot_table(index=["set", "labels"], columns="count", values="f1")
    print(table.round(1).to_string())


if __name__ == "__main__":
    main()
