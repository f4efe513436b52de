"""The guarantee that is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bakeoff.errors import UsageError

UNITS = ("record", "owner")


@dataclass(frozen=True)
class Budget:
    """(epsilon, delta)-differential privacy when one record, or one owner with all of their records, comes or goes.

    UsageError where epsilon is not positive and finite, delta is not between 0 and 1, or the unit is unknown.
    """

    epsilon: float = 3.0
    delta: float = 1e-5
    unit: str = "record"

    def __post_init__(self) -> None:
        if not (self.epsilon > 0 and math.isfinite(self.epsilon)):
            raise UsageError(f"epsilon is {self.epsilon}; a privacy budget is a number above 0, such as 3.")
        if not 0 < self.delta < 1:
            raise UsageError(f"delta is {self.delta}; give a small probability above 0, such as 1e-5.")
        if self.unit not in UNITS:
            raise UsageError(f"There is no unit of privacy called {self.unit!r}; there are {', '.join(UNITS)}.")

    def check(self, units: int) -> None:
        """UsageError where delta is at least 1 / `units` (records or owners): somebody could be told outright."""
        if self.delta * units >= 1:
            raise UsageError(
                f"delta is {self.delta:g} and there are {units} {self.unit}s: a delta of 1/{units} or more allows one "
                f"of them to be published outright; take a delta below {1 / units:.1g}."
            )
