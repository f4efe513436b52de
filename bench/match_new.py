"""New records against many that are matched: CPU seconds of `Matcher.match_new`, beside reading and searching all anew.

    python bench/match_new.py [--kept 100000] [--new 100] [--rounds 3]

The tables are made by people.py with a fixed seed. A matcher learns from 1,000 matches and 1,000 other pairs, groups
the kept records, and then meets new left records: as `match_new` does, and as one would without a kept index (all
records read again, all candidates sought again, those of the new ones scored). Both are done in turn, in one process
and on one thread; what is told is the median of the rounds. The effort is 0.6, so that 100,000 records are matched by
the scorer of large tables. The last figure is the share of the new records on whose partners both agree: the index
keeps its weights of terms, a new one has other weights.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from people import made

from bakeoff.algorithms import Matcher
from bakeoff.nouns import Schema

LABELLED = 1_000


def fitted(left: pd.DataFrame, right: pd.DataFrame, truth: np.ndarray) -> tuple[Any, float, float]:
    """A matcher that has grouped the records, and CPU seconds of learning and of grouping."""
    rng = np.random.default_rng(0)
    chosen = truth[rng.choice(len(truth), LABELLED, replace=False)]
    others = np.column_stack([chosen[:, 0], np.roll(chosen[:, 1], 1)])
    pairs = pd.DataFrame(np.vstack([chosen, others]), columns=["left", "right"])
    pairs["label"] = np.repeat([1, 0], LABELLED)
    start = time.process_time()
    schema = Schema((), "matching", "label", "f1", (0, 1), 0, 0.0)
    matcher = Matcher(effort=0.6, one_to_one=False).fit(left, right, pairs, schema=schema)
    learnt = time.process_time()
    matcher.groups()
    return matcher, learnt - start, time.process_time() - learnt


def anew(
    matcher: Any, left: pd.DataFrame, right: pd.DataFrame, new: pd.DataFrame
) -> tuple[set[tuple[int, int]], float]:
    """Links of new records where all records are read and searched again, and CPU seconds."""
    start = time.process_time()
    both = pd.concat([left, new], ignore_index=True)
    found = matcher.scorer_.candidates(both, right, matcher.k_)[["left", "right"]].to_numpy()
    found = found[found[:, 0] >= len(left)]
    links = found[matcher.scorer_.chances(both, right, found) >= matcher.threshold_]
    return best(links), time.process_time() - start


def best(links: np.ndarray) -> set[tuple[int, int]]:
    return set(map(tuple, links.tolist()))


def kept(matcher: Any, new: pd.DataFrame) -> tuple[set[tuple[int, int]], float]:
    """Links of new records to the groups of right ones, and CPU seconds of `match_new`."""
    lefts = len(matcher.matched_.left)
    start = time.process_time()
    matcher.match_new(new)
    seconds = time.process_time() - start
    groups = matcher.matched_.groups
    cut = lefts + len(new)
    place = {group: at for at, group in enumerate(groups[cut:].tolist())}
    return {(at, place[group]) for at, group in enumerate(groups[lefts:cut].tolist(), lefts) if group in place}, seconds


def measure(records: int, new: int, rounds: int) -> str:
    left, right, truth = made(records + rounds * new, 0)
    right = right[:records]
    truth = truth[(truth[:, 0] < records) & (truth[:, 1] < records)]
    known = left[:records]
    matcher, learning, grouping = fitted(known, right, truth)
    seconds, agreed = [], 0
    for turn in range(rounds):
        some = left[records + turn * new : records + (turn + 1) * new]
        before = matcher.matched_.left
        first, short = kept(matcher, some)
        second, long = anew(matcher, before, right, some)
        seconds.append((short, long))
        partners = [dict(links) for links in (first, second)]
        agreed += sum(partners[0].get(at) == partners[1].get(at) for at in range(len(before), len(before) + new))
    short, long = np.median(np.array(seconds), axis=0)
    return (
        f"{records:>9,} kept, {new} new: match_new {short:.2f} CPU s, anew {long:.2f} ({long / short:.0f} times); "
        f"learning {learning:.1f}, groups {grouping:.1f}; agreed {agreed / (rounds * new):.3f}"
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--kept", nargs="+", type=int, default=[100_000])
    words.add_argument("--new", type=int, default=100)
    words.add_argument("--rounds", type=int, default=3)
    said = words.parse_args()
    for records in said.kept:
        print(measure(records, said.new, said.rounds), flush=True)


if __name__ == "__main__":
    main()
