"""What an encoder holds of occupations and gender by itself, each metric turned so that larger is more biased."""

from __future__ import annotations

from typing import Any

from bakeoff.fairness import (
    ContextDraws,
    Draws,
    Measure,
    association,
    averaged,
    context_pools,
    contextual_association,
    crows_pairs,
    increased_log_probability,
    looked_up,
    of_network,
    score_pairs,
    word_contexts,
)
from bakeoff.studies.fairness_metrics.planting import CLOZES, NEUTRAL, OCCUPATIONS, PRONOUN_SETS, neutral, pairs

DRAWS = Draws(partitions=5000, resamples=200)
CONTEXTS = ContextDraws(samples=1000, permutations=500, resamples=50)
METRICS = ("WEAT", "SEAT", "CEAT", "ILPS", "pairs")


def intrinsic(model: Any) -> dict[str, dict[str, Any]]:
    """By metric: `value` as it is, `low` and `high`, p, and `bias`, which is how far it lies from no association."""
    own = of_network(model)
    pools = context_pools(own.encode_spans, word_contexts(neutral(OCCUPATIONS.all), OCCUPATIONS.all))
    found = {
        "WEAT": association(looked_up(own.word_vectors(OCCUPATIONS.all)), OCCUPATIONS, DRAWS),
        "SEAT": association(averaged(own.encode, [f"{frame}." for frame in NEUTRAL]), OCCUPATIONS, DRAWS),
        "CEAT": contextual_association(pools, OCCUPATIONS, CONTEXTS).measure,
        "ILPS": increased_log_probability(own, PRONOUN_SETS, CLOZES, DRAWS).measure,
        "pairs": crows_pairs(score_pairs(own, *pairs()))[0],
    }
    return {name: _told(measure) for name, measure in found.items()}


def _told(measure: Measure) -> dict[str, Any]:
    at_rest = measure.expected or 0.0
    value = measure.value
    return {
        "value": value,
        "low": measure.low,
        "high": measure.high,
        "p": measure.p,
        "bias": None if value is None else abs(value - at_rest),
    }
