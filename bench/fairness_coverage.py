"""How often intervals of fairness hold the truth: `python bench/fairness_coverage.py [--trials 400]`.

Groups of known rates are drawn again and again; of each figure stands the share of intervals at 0.95 that hold the
truth, and last the share of gaps with p < 0.05, which is a false alarm where all groups are alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from bakeoff.fairness import CountTable, Settings, Wanted, by_attributes, compare_groups

GAP, RATIO = "largest - smallest", "smallest / largest"
DRAWS = 400
SIZES = (30, 200, 2000, 0)  # rows of each group; 0 is from 30 to 2,000, each group other ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    trials = parser.parse_args().trials
    print("groups   rows rates                gap  ratio  least   most  group  p < 0.05")
    for groups in (2, 5, 20):
        for size in SIZES:
            for name, rates in cases(groups):
                found = coverage(rates, rows(groups, size), trials)
                told = f"{size:6}" if size else "  30 -"
                print(f"{groups:6} {told} {name:18} " + " ".join(f"{one:6.3f}" for one in found), flush=True)


def cases(groups: int) -> Iterator[tuple[str, np.ndarray]]:
    """Rates of groups: all alike, one apart, half of them apart, evenly spread."""
    yield "all 0.3", np.full(groups, 0.3)
    yield "one 0.4, rest 0.3", np.array([0.4] + [0.3] * (groups - 1))
    yield "one 0.6, rest 0.3", np.array([0.6] + [0.3] * (groups - 1))
    if groups > 2:
        yield "half 0.5, half 0.3", np.where(np.arange(groups) < groups // 2, 0.5, 0.3)
        yield "from 0.3 to 0.5", np.linspace(0.3, 0.5, groups)


def rows(groups: int, size: int) -> np.ndarray:
    """Rows of each group; of mixed sizes the large ones stand anywhere."""
    if size:
        return np.full(groups, size)
    return np.random.default_rng(groups).permutation(np.geomspace(30, 2000, groups).round().astype(int))


def coverage(rates: np.ndarray, sizes: np.ndarray, trials: int) -> list[float]:
    """Shares of intervals that hold: gap, ratio, smallest, largest, all groups; and of p below 0.05."""
    random = np.random.default_rng(0)
    names = [f"{place:02d}" for place in range(len(rates))]
    patterns = by_attributes({"g": names}).patterns
    truth = {GAP: np.ptp(rates), RATIO: rates.min() / rates.max(), "smallest": rates.min(), "largest": rates.max()}
    truth |= dict(zip(names, rates, strict=True))
    held: dict[str, list[bool]] = {name: [] for name in truth}
    alarms = []
    for trial in range(trials):
        picked = random.binomial(sizes, rates)
        counts = np.zeros((len(rates), 2, 2))
        counts[:, 0, 1], counts[:, 0, 0] = picked, sizes - picked
        table = CountTable(patterns, ("0", "1"), counts)
        report = compare_groups(table, Settings(Wanted(("selection rate",)), draws=DRAWS, seed=trial))
        for one in report:
            if one.group in held and one.low is not None and one.high is not None:
                held[one.group].append(one.low - 1e-9 <= truth[one.group] <= one.high + 1e-9)
        alarms.append((report.find("selection rate", GAP).p or 0.0) < 0.05)
    of_groups = np.mean([np.mean(held[name]) for name in names])
    return [*(float(np.mean(held[name])) for name in list(truth)[:4]), float(of_groups), float(np.mean(alarms))]


if __name__ == "__main__":
    main()
