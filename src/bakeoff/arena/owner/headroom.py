"""Headroom: what the entries would reach together, against the best one of them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bakeoff.arena.board import Estimate
from bakeoff.arena.owner.answers import KeptAnswers, Paired, beyond_noise, difference, paired
from bakeoff.arena.owner.words import alike, amount, gain_or_loss, metric_word
from bakeoff.nouns import Array
from bakeoff.stats.pooling import CrossFit, cross_fit, folds_of
from bakeoff.tasks import Score

FEWEST_ROWS = 40
REPEATS = 3  # random divisions into folds that are averaged
ONE_DIVISION = 20_000  # rows from which a single division is steady enough
QUARTILES = 4


@dataclass(frozen=True, eq=False)
class Headroom:
    """The best entry against a cross-fitted ensemble of all kept answers.

    `together` is the ensemble's score and `alone` that of the best entry, both on rows that chose neither; `gain` is
    the difference, positive where the ensemble is better, and `found` whether it is beyond noise. `shares` tells how
    much of the ensemble each entry is, largest first. `replicates` are those of the gain. Without `gain`, `reason` says
    why there is none.
    """

    best: str = ""
    alone: Estimate | None = None
    together: Estimate | None = None
    gain: Estimate | None = None
    found: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""
    reason: str = ""
    replicates: Array | None = None


def headroom(kept: KeptAnswers) -> Headroom:
    """Whether these entries together know more than the best one alone.

    Each row is answered by an ensemble, and by a best entry, that the row itself had no part in choosing (five folds,
    stratified by class or by quartile, a few random divisions averaged). Intervals are over test rows and seeds.
    """
    names = list(kept.standing)
    if len(names) < 2:
        return _nothing(f"Headroom needs answers of at least two entries, and there are {len(names)}")
    if len(kept.truth) < FEWEST_ROWS:
        return _nothing(f"Headroom needs at least {FEWEST_ROWS} test rows, and there are {len(kept.truth)}")
    together, alone, shares = [], [], np.zeros(len(names))
    seeds = [seed for seed in kept.seeds if all((name, seed) in kept.answers for name in names)] or kept.seeds[:1]
    for seed in seeds:
        here = [place for place, name in enumerate(names) if (name, seed) in kept.answers]
        fits = _fits(kept, np.stack([kept.answers[names[place], seed] for place in here]), seed)
        together.append(_averaged([kept.score(fit.together) for fit in fits]))
        alone.append(_averaged([kept.score(fit.alone) for fit in fits]))
        shares[here] += np.mean([fit.weights for fit in fits], axis=0) / len(seeds)
    return _told(kept, names, shares, paired(together, kept.task.digest), paired(alone, kept.task.digest))


def _fits(kept: KeptAnswers, answers: Array, seed: int) -> list[CrossFit]:
    key, truth = kept.task.digest, kept.truth
    strata = truth
    if not kept.task.classes:
        strata = np.searchsorted(np.quantile(truth, np.arange(1, QUARTILES) / QUARTILES), truth)
    repeats = 1 if len(truth) >= ONE_DIVISION else REPEATS
    divisions = [folds_of(strata, key, f"headroom {seed} {repeat}") for repeat in range(repeats)]
    return [cross_fit(answers, truth, folds, kept.utility) for folds in divisions]


def _averaged(scores: list[Score]) -> Score:
    """One score of several divisions into folds: the rows are the same, so replicates are averaged one by one."""
    value = float(np.mean([score.value for score in scores]))
    replicates = [score.replicates for score in scores if score.replicates is not None]
    return Score(value, np.mean(replicates, axis=0) if len(replicates) == len(scores) else None)


def _told(kept: KeptAnswers, names: list[str], shares: Array, together: Paired, alone: Paired) -> Headroom:
    gain = difference(together, alone, 1.0 if kept.metric.greater_is_better else -1.0)
    shown = beyond_noise(gain)
    if shown.low is None or shown.high is None:
        return _nothing(f"{kept.metric.title} is undefined on these test rows")
    found = shown.low > 0
    order = np.argsort(-shares, kind="stable")
    return Headroom(
        best=names[0],
        alone=alone.estimate,
        together=together.estimate,
        gain=shown,
        found=found,
        shares={names[place]: float(shares[place]) for place in order},
        verdict=_verdict(kept, names[0], together.estimate, shown),
        replicates=gain.replicates,
    )


def _verdict(kept: KeptAnswers, best: str, together: Estimate, gain: Estimate) -> str:
    up = kept.metric.greater_is_better
    word = metric_word(kept.metric.title)
    digits = alike(together, gain)
    level = amount(together, digits)
    reach = f"would reach {level} in {word}" if up else f"would bring {word} down to {level}"
    if gain.low is not None and gain.low > 0:
        side = "above" if up else "below"
        there = f"{amount(gain, digits)} {side} the best one alone ({best}): there is headroom."
        return f"The entries together {reach}, {there}"
    return (
        f"The entries together {reach}, {gain_or_loss(gain, digits)} against the best one alone ({best}): "
        "no headroom can be seen beyond noise."
    )


def _nothing(reason: str) -> Headroom:
    return Headroom(verdict=f"{reason}.", reason=reason)
