"""How an owner's report says numbers and sentences; the terminal, the page and JSON share them."""

from __future__ import annotations

import math

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Estimate

MOST_PLACES = 6


def metric_word(title: str) -> str:
    """A metric's title within a sentence: `accuracy`, `RMSE`, `macro F1`."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def places(estimate: Estimate) -> int:
    """Decimals that show two digits of half the interval, as many as anybody can use."""
    low, high = estimate.low, estimate.high
    half = (high - low) / 2 if low is not None and high is not None else abs(estimate.value) / 100
    if not math.isfinite(half) or half <= 0:
        return 3
    return min(MOST_PLACES, max(0, 1 - math.floor(math.log10(half))))


def amount(estimate: Estimate | None) -> str:
    """A figure with its interval, `0.021 [0.010, 0.032]`, or the reason why it has none."""
    if estimate is None or not words.known(estimate.value):
        return "–"
    decimals = places(estimate)
    if not (words.known(estimate.low) and words.known(estimate.high)):
        return f"{_number(estimate.value, decimals)} [{estimate.reason or 'no interval'}]"
    ends = ", ".join(_number(end, decimals) for end in (estimate.low, estimate.high) if end is not None)
    return f"{_number(estimate.value, decimals)} [{ends}]"


def signed(estimate: Estimate | None) -> str:
    """A difference with its sign, `+0.021 [0.010, 0.032]`."""
    said = amount(estimate)
    return f"+{said}" if estimate is not None and estimate.value > 0 and said != "–" else said


def _number(value: float, decimals: int) -> str:
    said = f"{value:,.{decimals}f}"
    return said.lstrip("-") if float(said.replace(",", "")) == 0 else said
