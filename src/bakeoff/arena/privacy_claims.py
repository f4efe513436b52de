"""What an entry claims of the privacy of the people in a table: in entry.toml for all, or of one cell, as fitted.

A claim is the entry's word. It is read here with suspicion, and rounded up, so that it carries no more than it says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bakeoff.errors import Refused
from bakeoff.nouns import CellResult, Claim, Entry

KEYS = ("epsilon", "delta", "unit", "neighbours")
UNITS = ("record", "owner")
NEIGHBOURS = ("add or remove one", "replace one")


def read_claim(given: Any) -> Claim | None:
    """The claim that a mapping makes, None where it makes none; Refused when what it says is no claim at all.

    epsilon is rounded up to three digits and delta to one.
    """
    if given is None or (isinstance(given, Mapping) and "epsilon" not in given):
        return None
    if not isinstance(given, Mapping):
        raise Refused(f"its privacy claim is a {type(given).__name__}; it must be a table of {', '.join(KEYS)}.")
    epsilon = _number(given, "epsilon", None)
    delta = _number(given, "delta", 0.0)
    if not epsilon > 0:
        raise Refused(f"its privacy claim has epsilon = {epsilon:g}; it must be above 0.")
    if not 0 <= delta < 1:
        raise Refused(f"its privacy claim has delta = {delta:g}; it must be a probability below 1.")
    unit = _word(given, "unit", UNITS)
    return Claim(_up(epsilon, 3), _up(delta, 1), unit, _word(given, "neighbours", NEIGHBOURS))


def claim_words(claim: Claim) -> str:
    """A claim in a few words: `epsilon 3, delta 1e-05 per record`."""
    delta = f", delta {claim.delta:.0e}" if claim.delta else ""
    differing = "" if claim.neighbours == NEIGHBOURS[0] else f" ({claim.neighbours})"
    return f"epsilon {claim.epsilon:g}{delta} per {claim.unit}{differing}"


def claims_told(entry: Entry, results: Iterable[CellResult]) -> tuple[str, ...]:
    """What a board says of an entry's claims on one task: the fits' own, or that of entry.toml where fits say nothing.

    Where a fit admits to more than entry.toml promises, that is said too.
    """
    promised = read_claim(entry.claims)
    fitted = [result.claim for result in results if result.claim is not None]
    if not fitted:
        return () if promised is None else (f"claims {claim_words(promised)}",)
    worst = max(fitted, key=lambda claim: (claim.epsilon, claim.delta))
    told = f"claims {claim_words(worst)}"
    if promised is None or _within(worst, promised):
        return (told,)
    return (told, f"promised {claim_words(promised)}, which its own fit does not keep")


def _within(fitted: Claim, promised: Claim) -> bool:
    same = (fitted.unit, fitted.neighbours) == (promised.unit, promised.neighbours)
    return same and fitted.epsilon <= promised.epsilon and fitted.delta <= promised.delta


def _number(given: Mapping[str, Any], key: str, otherwise: float | None) -> float:
    value = given.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refused(f"its privacy claim has {key} = {str(value)[:40]!r}; it must be a number.")
    return float(value)


def _word(given: Mapping[str, Any], key: str, known: tuple[str, ...]) -> str:
    value = given.get(key, known[0])
    if value not in known:
        raise Refused(f"its privacy claim has {key} = {str(value)[:40]!r}; it must be one of {', '.join(known)}.")
    return str(value)


def _up(value: float, digits: int) -> float:
    """The smallest number of so many significant digits that is not below `value`."""
    if value == 0:
        return 0.0
    rounded = float(f"{value:.{digits - 1}e}")
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return rounded if rounded >= value else float(f"{rounded + step:.{digits - 1}e}")
