"""How an owner's report says numbers and sentences; the terminal, the page and JSON share them."""

from __future__ import annotations

import math
from dataclasses import replace

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Estimate
from bakeoff.nouns import Task
from bakeoff.tasks import Metric

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


def asked_word(task: Task) -> str:
    """What a task asks, `classification of colour into 3 classes` or `which records match`."""
    if task.kind == "matching":
        return "which records match"
    classes = f" into {words.counted(len(task.classes), 'class', 'classes')}" if task.classes else ""
    return f"{task.kind.replace('_', ' ')} of {task.target}{classes}"


def alike(*estimates: Estimate | None) -> int:
    """Decimals for several figures of one sentence: as many as the one that needs most."""
    return max((places(one) for one in estimates if one is not None and words.known(one.value)), default=3)


def gain_or_loss(estimate: Estimate, decimals: int) -> str:
    """A difference in words, `a gain of 0.021 [0.010, 0.032]` or `a loss of 0.008 [-0.006, 0.022]`."""
    if estimate.value >= 0:
        return f"a gain of {amount(estimate, decimals)}"
    return f"a loss of {amount(_turned(estimate), decimals)}"


def moved(metric: Metric, gain: Estimate, decimals: int, bring: str = "brought", lose: str = "lost") -> str:
    """What something did to a metric: `brought 0.021 [..] in accuracy`, `lost 0.02 [..] in accuracy`.

    A gain is positive where the metric became better.
    """
    word, loss = metric_word(metric.title), gain.value < 0
    said = amount(_turned(gain) if loss else gain, decimals)
    if metric.greater_is_better:
        return f"{lose if loss else bring} {said} in {word}"
    return f"{bring} {said} {'more' if loss else 'less'} {word}"


def _turned(estimate: Estimate) -> Estimate:
    low, high = (None if end is None else -end for end in (estimate.high, estimate.low))
    return replace(estimate, value=-estimate.value, low=low, high=high)


def amount(estimate: Estimate | None, decimals: int | None = None) -> str:
    """A figure with its interval, `0.021 [0.010, 0.032]`, or the reason why it has none."""
    if estimate is None or not words.known(estimate.value):
        return "–"
    decimals = places(estimate) if decimals is None else decimals
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
