"""What became of the claims, by thresholds that were agreed on before anything was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.fairness.correlations import SPEARMAN, AgreementSettings, agreement
from bakeoff.fairness.measures import OK
from bakeoff.nouns import Array
from bakeoff.studies.prediction_sensitivity.settings import verdicts
from bakeoff.studies.study import Claim, Result, Verdict

PAPER = "Krishna et al. 2022, arXiv 2203.08670, abstract"
OURS = "this study"
YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
HARD, SOFT, RELATIVE = "hard accumulated", "soft accumulated", "hard relative"
SWAPPED, GAP, UNEQUAL = "swapped words", "gap", "false positive equality difference"
MEASURES = (HARD, SOFT, RELATIVE, "soft relative", SWAPPED, "flips")
FEWEST, DRAWS = 3, 4000


@dataclass(frozen=True)
class Spread:
    """A mean over repetitions with its bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """From one value for each repetition; resampling them as they are."""
        held = np.asarray(values, dtype=np.float64)
        picked = np.random.default_rng(15).integers(0, len(held), (DRAWS, len(held)))
        low, high = np.quantile(held[picked].mean(1), [0.025, 0.975])
        return cls(float(held.mean()), float(low), float(high), len(held))

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def plain(self) -> dict[str, float]:
        """As figures."""
        return {"mean": round(self.mean, 4), "low": round(self.low, 4), "high": round(self.high, 4), "n": self.n}


def claims(results: Sequence[Result]) -> list[Claim]:
    """Every claim with its verdict."""
    within, across = ordered(results), pooled(results)
    return [
        _follows(
            "Accumulated prediction sensitivity along protected words grows with what predictions owe to the status",
            f"{PAPER}; planted by us",
            within.get(HARD, []),
        ),
        _follows(
            "It does so with weights of a model of the protected status, without any list of words",
            f"{PAPER}; planted by us",
            within.get(SOFT, []),
        ),
        _follows(
            "Over classifiers of different kinds it goes with the gap between groups (statistical parity)",
            f"{PAPER}; planted by us",
            across.get(HARD, []),
        ),
        _follows(
            "Relative sensitivity does so: divided by that of all inputs, different classifiers compare",
            OURS,
            across.get(RELATIVE, []),
        ),
        _better(within),
        _real(results),
        _people(results),
    ]


def ordered(results: Sequence[Result]) -> dict[str, list[float]]:
    """For each measure its rank correlation with the planted strength, one for each set, model and seed."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in _of(results, "planted"):
        strengths = list(map(float, one.figures["strengths"]))
        for name in MEASURES:
            values = [figures[name] for figures in one.figures["strengths"].values()]
            found[name].append(rank_correlation(strengths, values))
    return found


def pooled(results: Sequence[Result]) -> dict[str, list[float]]:
    """For each measure its rank correlation with the gap over all models and strengths, one for each set and seed."""
    together: dict[tuple[str, int], list[Mapping[str, float]]] = defaultdict(list)
    for one in _of(results, "planted"):
        values = one.setting.values
        together[values["set"], values["seed"]] += list(one.figures["strengths"].values())
    found: dict[str, list[float]] = defaultdict(list)
    for fits in together.values():
        for name in MEASURES:
            found[name].append(rank_correlation([one[GAP] for one in fits], [one[name] for one in fits]))
    return found


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, 0 where one of the two is the same everywhere."""
    from scipy.stats import rankdata

    first, second = rankdata(one), rankdata(other)
    if not (first.std() > 0 and second.std() > 0):
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def models_of(results: Sequence[Result]) -> tuple[dict[str, Array], list[str]]:
    """Every figure of the classifiers of posts, one value for each, and their names."""
    held = _of(results, "real")
    names = [one.setting.name.removeprefix("real ") for one in held]
    figures = {name: np.array([one.figures["figures"][name] for one in held]) for name in held[0].figures["figures"]}
    return figures, names


def _of(results: Sequence[Result], kind: str) -> list[Result]:
    return [one for one in results if one.setting.values["kind"] == kind]


def _follows(claim: str, source: str, found: Sequence[float]) -> Claim:
    if len(found) < FEWEST:
        why = f"{len(found)} repetitions were measured, and {FEWEST} are needed."
        return Claim(claim, source, OPEN, {}, why)
    limits, spread = verdicts(), Spread.of(found)
    good = spread.mean >= limits["follows"] and spread.low >= limits["surely"]
    verdict = YES if good else NO if spread.mean < limits["fails"] else OPEN
    why = (
        f"Over {spread.n} repetitions the mean rank correlation is {spread} (it follows from {limits['follows']:g} on, "
        f"with a lower end of {limits['surely']:g}; below {limits['fails']:g} it does not)."
    )
    return Claim(claim, source, verdict, spread.plain(), why)


def _better(within: Mapping[str, Sequence[float]]) -> Claim:
    claim = "It orders classifiers by planted dependence better than counterfactual fairness by swapped words"
    first, second = within.get(HARD, []), within.get(SWAPPED, [])
    if len(first) < FEWEST:
        return Claim(claim, OURS, OPEN, {}, f"{len(first)} repetitions were measured, and {FEWEST} are needed.")
    spread = Spread.of([one - other for one, other in zip(first, second, strict=True)])
    verdict = YES if spread.low > 0 else NO if spread.high <= 0 else OPEN
    why = f"Its rank correlation less that of swapped words is {spread} over {spread.n} repetitions."
    return Claim(claim, OURS, verdict, spread.plain(), why)


def _real(results: Sequence[Result]) -> Claim:
    claim = "Over classifiers of HateXplain it goes with how unlike harmless madlibs of different identities fare"
    held = _of(results, "real")
    least = int(verdicts()["models"])
    if len(held) < least:
        return Claim(claim, OURS, OPEN, {}, f"{len(held)} classifiers were measured, and {least} are needed.")
    figures, _ = models_of(results)
    found = agreement(
        {name: figures[name] for name in (HARD, SOFT, SWAPPED)},
        {UNEQUAL: figures[UNEQUAL]},
        figures["accuracy"].tolist(),
        AgreementSettings(least=least),
    )
    told: dict[str, Any] = {
        f"{one.family}, {one.metric}": {"value": one.value, "low": one.low, "high": one.high, "p": one.p}
        for one in found
        if one.status == OK
    }
    (mine,) = [one for one in found if one.metric == SPEARMAN and one.family.startswith(HARD)]
    if mine.value is None or mine.low is None or mine.high is None:
        return Claim(claim, OURS, OPEN, told, f"It cannot be told: {mine.reason}.")
    verdict = YES if mine.low > 0 else NO if mine.high <= 0 else OPEN
    why = f"Over {len(held)} classifiers the rank correlation is {mine.value:.2f} [{mine.low:.2f}, {mine.high:.2f}]."
    return Claim(claim, OURS, verdict, told, why)


def _people(results: Sequence[Result]) -> Claim:
    claim = "It is significantly more correlated with people's judgement of fairness than counterfactual fairness"
    held = _of(results, "people")
    if not held:
        why = "There are no judgements of people: the paper's are not public, and nobody gave others."
        return Claim(claim, PAPER, OPEN, {}, why)
    told = {one.setting.name: dict(one.figures) for one in held}
    between = [one.figures["difference"] for one in held]
    better, worse = sum(low > 0 for low, _ in between), sum(high <= 0 for _, high in between)
    verdict = YES if better == len(held) else NO if better == 0 and worse > 0 else OPEN
    why = f"Of {len(held)} classifiers it is surely better for {better} and surely worse for {worse}."
    return Claim(claim, PAPER, verdict, told, why)
