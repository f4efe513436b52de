"""From the scores of canaries to a bound: the guesses are counted, and held against what the ledger's steps promise."""

from __future__ import annotations

from bakeoff.nouns import Array
from bakeoff.privacy.audits import ceiling, lower_bound
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.whitebox.canaries import Canaries, guesses_for, levels, right_guesses
from bakeoff.privacy.whitebox.checks import Check
from bakeoff.privacy.whitebox.ledger_curves import Stated
from bakeoff.privacy.whitebox.reports import WhiteBoxReport


def weighed(
    how: Canaries,
    inside: Array,
    scores: Array,
    claimed: tuple[Ledger, float],
    *,
    middle: float | None = None,
    checks: tuple[Check, ...] = (),
) -> WhiteBoxReport:
    """The report of an audit: `inside` bool and `scores` float64, (canaries,), larger the more it looks a member.

    `claimed` is the fit's ledger and the delta of its claim, `middle` the score that speaks for neither side in a sound
    fit (None: not known). UsageError where the ledger holds more than noisy steps.
    """
    ledger, delta = claimed
    count, confidence = len(inside), how.confidence
    stated = Stated.of(ledger.entries, ledger.neighbours)
    if stated.noisy:
        claim = stated.epsilon(delta)
        first, second = guesses_for(count, claim, delta, confidence)
        guesses = (first, second)
        tried = (
            (right_guesses(scores, inside, first, middle), first),
            (right_guesses(scores, inside, second), second),
        )
    else:  # nothing is claimed, so nothing can be contradicted: what the guesses show by themselves
        claim, guesses = float("inf"), (count, count)
        tried = ((right_guesses(scores, inside, count, middle), count), (right_guesses(scores, inside, count), count))
    held = levels(confidence)
    plain = max(lower_bound(*one, count, delta, level) for one, level in zip(tried, held, strict=True))
    less = stated.refuted(tried, count, held) if stated.noisy else 0.0
    most = stated.refuted([(one, one) for one in guesses], count, held) if stated.noisy else 0.0
    return WhiteBoxReport(
        bound=stated.epsilon(delta, less) if stated.noisy else plain,
        ceiling=stated.epsilon(delta, most) if stated.noisy else ceiling(count, count, delta, held[0]),
        plain=plain,
        claim=claim,
        delta=delta,
        confidence=confidence,
        tried=tried,
        sees=how.sees,
        inside=inside,
        scores=scores,
        checks=checks,
        broken=ledger.broken,
        refuted=less >= 1.0,
    )
