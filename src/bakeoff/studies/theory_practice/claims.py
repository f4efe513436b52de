"""What became of the claims, by thresholds that were agreed on before anything was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.studies.study import Claim, Result, Verdict
from bakeoff.studies.theory_practice.settings import told, verdicts

DIRECT = "Jayaraman and Evans 2019, arXiv 1902.08874, abstract"
LOOSE = "Dupuy et al. 2021, arXiv 2107.14586, abstract"
OURS = "this study"
YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
LEVEL = 0.95
RARE = 1e-3  # how seldom so many of the bounds at 95 % would lie above what is stated


@dataclass(frozen=True)
class Leak:
    """A measured leakage with one standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, area: Mapping[str, float]) -> Leak:
        """From an area with its interval at 95 %."""
        return cls(area["value"], (area["high"] - area["low"]) / (2 * 1.96))


Table = Mapping[str, Mapping[float, Leak]]  # by model, by epsilon (infinite: without privacy)


def claims(results: Sequence[Result]) -> list[Claim]:
    """Every claim with its verdict."""
    strange, ordinary = (answers(results, rows) for rows in ("strange", "ordinary"))
    return [
        _together("Stated epsilon and what a threshold on the loss finds of rows labelled by chance", DIRECT, strange),
        _together("Stated epsilon and what a threshold on the loss finds of ordinary rows", DIRECT, ordinary),
        _together("Stated epsilon and what every noisy sum tells of gradient canaries", OURS, gradients(results)),
        _protects(strange),
        _never_above(results),
    ]


def answers(results: Sequence[Result], rows: str, name: str = "") -> Table:
    """The area of an attack (the first of those there are) on strange or ordinary rows, the mean over seeds."""
    chosen = name or told()["attacks"][0]
    return _means(
        (one.setting.values, Leak.of(one.figures[rows]["areas"][chosen]))
        for one in results
        if one.setting.values["kind"] == "outside"
    )


def gradients(results: Sequence[Result]) -> Table:
    """The area of the scores of gradient canaries, the mean over seeds."""
    return _means(
        (one.setting.values, Leak.of(one.figures["area"])) for one in results if one.setting.values["kind"] == "inside"
    )


def _means(found: Any) -> Table:
    held: dict[str, dict[float, list[Leak]]] = defaultdict(lambda: defaultdict(list))
    for values, leak in found:
        held[values["model"]][values["epsilon"] or math.inf].append(leak)
    return {model: {at: _mean(some) for at, some in sorted(row.items())} for model, row in held.items()}


def _mean(some: Sequence[Leak]) -> Leak:
    """Over seeds: the rows' error and that between seeds, added as if they were apart."""
    count = len(some)
    value = sum(one.value for one in some) / count
    rows = sum(one.error**2 for one in some) / count**2
    between = sum((one.value - value) ** 2 for one in some) / max(1, count - 1) / count
    return Leak(value, math.sqrt(rows + between))


def correlations(row: Mapping[float, Leak]) -> dict[str, float]:
    """Spearman over all epsilons with its interval, and Pearson with epsilon and its logarithm where it is finite.

    The interval is by Fisher's transformation with the variance (1 + r^2 / 2) / (n - 3) (Bonett and Wright 2000,
    Psychometrika 65, 23-28).
    """
    from scipy.stats import norm, pearsonr, spearmanr

    values = [one.value for one in row.values()]
    rank = float(spearmanr(list(row), values).statistic) if len(set(values)) > 1 else 0.0
    room = float(norm.isf((1 - LEVEL) / 2)) * math.sqrt((1 + rank**2 / 2) / max(1, len(row) - 3))
    middle = math.atanh(min(max(rank, -1 + 1e-9), 1 - 1e-9))
    finite = {at: one.value for at, one in row.items() if math.isfinite(at)}
    told = {"spearman": rank, "low": math.tanh(middle - room), "high": math.tanh(middle + room), "settings": len(row)}
    if len(finite) > 2 and len(set(finite.values())) > 1:
        told["pearson"] = float(pearsonr(list(finite), list(finite.values())).statistic)
        told["pearson with log"] = float(pearsonr(np.log(list(finite)), list(finite.values())).statistic)
    return {name: round(one, 4) for name, one in told.items()}


def _together(what: str, source: str, table: Table) -> Claim:
    """Reproduced where every model's rank correlation reaches the threshold, not where every one surely misses it."""
    claim = f"{what} go together (Spearman at least {verdicts()['spearman']:g})"
    figures = {model: correlations(row) for model, row in table.items() if len(row) >= verdicts()["fewest"]}
    if not figures:
        why = f"Fewer than {verdicts()['fewest']:g} epsilons of a model were measured."
        return Claim(claim, source, OPEN, figures, why)
    least = verdicts()["spearman"]
    reached = [model for model, one in figures.items() if one["spearman"] >= least]
    missed = [model for model, one in figures.items() if one["high"] < least]
    verdict = YES if len(reached) == len(figures) else NO if len(missed) == len(figures) else OPEN
    each = ", ".join(
        f"{model} {one['spearman']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for model, one in figures.items()
    )
    return Claim(claim, source, verdict, figures, f"Rank correlations: {each}.")


def _protects(table: Table) -> Claim:
    claim = "Even a loose epsilon gives practical protection against membership inference"
    loose, gained, surely = (verdicts()[name] for name in ("loose", "gained", "surely"))
    seen = {
        model: (row[math.inf], row[loose])
        for model, row in table.items()
        if math.inf in row and loose in row and row[math.inf].value - 0.5 > surely * row[math.inf].error
    }
    if not seen:
        return Claim(claim, LOOSE, OPEN, {}, "No fit without privacy was seen through beside one with a loose epsilon.")
    good = [m for m, (plain, private) in seen.items() if private.value - 0.5 <= (1 - gained) * (plain.value - 0.5)]
    verdict = YES if len(good) == len(seen) else NO if not good else OPEN
    figures = {
        model: {"without privacy": round(plain.value, 4), f"epsilon {loose:g}": round(private.value, 4)}
        for model, (plain, private) in seen.items()
    }
    why = (
        f"In {len(good)} of {len(seen)} models at least {gained:.0%} of the attack's advantage is gone at epsilon "
        f"{loose:g}; an attack accuses and never acquits."
    )
    return Claim(claim, LOOSE, verdict, figures, why)


def _never_above(results: Sequence[Result]) -> Claim:
    """Each bound lies above the truth once in twenty; so many that this happens once in a thousand are too many."""
    from scipy.stats import binom

    claim = "No measured lower bound lies above the stated epsilon, but by chance"
    pairs = []
    for one in results:
        if one.setting.values["kind"] == "inside":
            pairs.append((one.figures["bound"], one.figures["claim"]))
        elif one.figures["epsilon"] is not None:
            pairs.append((one.figures["one run"]["bound"], one.figures["epsilon"]))
    if not pairs:
        return Claim(claim, OURS, OPEN, {}, "No private fit was measured.")
    above = sum(bound > stated for bound, stated in pairs)
    most = int(binom.isf(RARE, len(pairs), 1 - LEVEL))
    shares = [bound / stated for bound, stated in pairs]
    figures = {"bounds": len(pairs), "above": above, "by chance at most": most, "greatest share": round(max(shares), 3)}
    why = f"{above} of {len(pairs)} bounds at 95 % lie above what is stated; up to {most} would by chance."
    return Claim(claim, OURS, YES if above <= most else NO, figures, why)
