"""The numbers behind a board of many entries, tasks and seeds.

    python bench/board.py [--rounds 3]

Times `standings` under both questions and one `versus`, best of the rounds; the ratio is to the plainest version of the
same means, ranks and pairs in Python loops over folds, timed on one fold in the same run and multiplied up. The table
is for reading: nothing here fails on time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from bakeoff.stats import standings, versus

SIZES = ((10, 8, 1, 200), (60, 40, 1, 200), (60, 40, 5, 200), (60, 40, 5, 1000))


def scores(shape: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    entries, tasks, seeds, _ = shape
    values = rng.normal(size=(entries, 1, 1)) * 0.05 + rng.normal(size=(entries, tasks, seeds)) * 0.03 + 0.5
    return values[..., None] + rng.normal(size=shape) * 0.02, values


def one_fold(replicates: np.ndarray) -> None:
    """Means over seeds and tasks, ranks by task, wins of every pair, and who is first, for one fold."""
    table = [[sum(task) / len(task) for task in entry] for entry in replicates[..., 0]]
    means = [sum(entry) / len(entry) for entry in table]
    np.array([rankdata([-entry[task] for entry in table]) for task in range(len(table[0]))]).mean(axis=0)
    [[(own > other) + (own == other) / 2 for other in means] for own in means]
    [own == max(means) for own in means]


def best(call: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"best of {rounds}; loops: the plain version of one fold, times the folds\n")
    print(
        f"{'entries x tasks x seeds x folds':32} {'these tables':>13} {'new table':>11} {'versus':>9} {'loops':>9} "
        f"{'ratio':>7}"
    )
    for shape in SIZES:
        replicates, values = scores(shape)
        these = best(lambda r=replicates, v=values: standings(r, v, key="bench"), rounds)
        new = best(lambda r=replicates, v=values: standings(r, v, key="bench", question="on a new table"), rounds)
        duel = best(lambda r=replicates, v=values: versus(r[:2], v[:2], key="bench"), rounds)
        loops = best(lambda r=replicates: one_fold(r), rounds) * shape[3]
        name = " x ".join(map(str, shape))
        print(f"{name:32} {these:>11.3f} s {new:>9.3f} s {duel:>7.3f} s {loops:>7.2f} s {loops / these:>6.1f}x")


if __name__ == "__main__":
    main()
