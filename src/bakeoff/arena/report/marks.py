"""Small marks inside tables: interval bars, heat steps and histograms; numbers only, so they are safe markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Estimate

HEAT_STEPS = 10
COLD_STEPS = 3


@dataclass(frozen=True)
class Axis:
    """The scores a bar spans; `ticks` are (per cent from the left, label)."""

    low: float
    high: float

    @classmethod
    def over(cls, estimates: Iterable[Estimate | None]) -> Axis:
        """From zero or the lowest end to the highest, on round tenths."""
        ends = [0.0]
        for each in estimates:
            if each is not None:
                ends += [
                    float(end) for end in (each.low, each.value, each.high) if end is not None and words.known(end)
                ]
        low, high = int(max(-1.0, min(ends)) * 20 - 0.999) / 20, int(min(1.0, max(ends)) * 10 + 0.999) / 10
        return cls(low if low < 0 else 0.0, max(high, 0.1))

    def share(self, value: float) -> float:
        """Per cent from the left, held within the bar."""
        return round(min(100.0, max(0.0, 100 * (value - self.low) / (self.high - self.low))), 2)

    @property
    def zero(self) -> float:
        """Where the best constant answer lies."""
        return self.share(0.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round scores along the bar."""
        span = self.high - self.low
        step = 0.5 if span > 1.2 else 0.2 if span > 0.45 else 0.1
        first = -int(-self.low / step)
        marks = [number * step for number in range(first, int(self.high / step + 1e-9) + 1)]
        return [(self.share(mark), f"{mark:g}" if abs(mark) > 1e-9 else "0") for mark in marks]


def interval_bar(estimate: Estimate | None, axis: Axis) -> str:
    """A line for the interval and a dot for the value, with zero marked."""
    zero = f'<i class="zero" style="left:{axis.zero}%"></i>'
    if estimate is None or not words.known(estimate.value):
        return f'<span class="bar" aria-hidden="true">{zero}</span>'
    span = ""
    if words.known(estimate.low) and words.known(estimate.high):
        left, right = axis.share(float(estimate.low or 0)), axis.share(float(estimate.high or 0))
        span = f'<i class="span" style="left:{left}%;width:{round(right - left, 2)}%"></i>'
    dot = f'<i class="dot" style="left:{axis.share(estimate.value)}%"></i>'
    return f'<span class="bar" aria-hidden="true">{zero}{span}{dot}</span>'


def heat(value: float | None) -> str:
    """The class of a normalised score: h0 (the constant) to h10 (perfect), c1 to c3 below the constant."""
    if value is None or not words.known(value):
        return "none"
    if value < -0.005:
        return f"c{min(COLD_STEPS, 1 + int(-value * COLD_STEPS))}"
    return f"h{min(HEAT_STEPS, max(0, round(value * HEAT_STEPS)))}"


def chance(probability: float | None) -> str:
    """The class of P(A better than B): h0 at one half to h10 at certainty, c1 to c3 when B is better."""
    return heat(None if probability is None else 2 * probability - 1)


def histogram(counts: Sequence[float], width: int = 96, height: int = 26) -> str:
    """Counts as a small bar chart; an SVG element without text, empty when there is nothing to draw."""
    counts = [max(0.0, float(count)) for count in counts if words.known(count)]
    if not counts or max(counts) <= 0:
        return ""
    step, top = width / len(counts), max(counts)
    bars = "".join(
        f'<rect x="{place * step:.1f}" y="{height - tall:.1f}" width="{max(0.6, step - 0.8):.1f}" height="{tall:.1f}"/>'
        for place, tall in enumerate(max(0.8 if count else 0.0, height * count / top) for count in counts)
    )
    return f'<svg class="histogram" viewBox="0 0 {width} {height}" aria-hidden="true">{bars}</svg>'
