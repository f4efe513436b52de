"""Noise that changes over a fit: multipliers of sigma for equally long stretches of its steps."""

from __future__ import annotations

from bakeoff.errors import UsageError


def decaying(epochs: int, factor: float = 0.9) -> list[float]:
    """Noise that is multiplied by `factor` after every epoch: 1, factor, factor^2, ...

    UsageError where there is no epoch or the factor is not in (0, 1].
    """
    _check(epochs, "factor", factor)
    return [factor**epoch for epoch in range(epochs)]


def falling(epochs: int, last: float = 0.5) -> list[float]:
    """Noise that falls by the same amount after every epoch, from 1 to `last` in the last one.

    UsageError where there is no epoch or `last` is not in (0, 1].
    """
    _check(epochs, "last multiplier", last)
    return [1 + (last - 1) * epoch / max(1, epochs - 1) for epoch in range(epochs)]


def _check(epochs: int, name: str, value: float) -> None:
    if epochs < 1:
        raise UsageError(f"A noise schedule is for at least 1 epoch, and not for {epochs}.")
    if not 0 < value <= 1:
        raise UsageError(f"The {name} of a noise schedule is {value}; give a number above 0 and at most 1.")
