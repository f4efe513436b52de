"""What a fit is given beside rows and a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.training.clock import Clock
from bakeoff.training.fitting import Watcher
from bakeoff.training.recipe import Recipe
from bakeoff.training.regimes import Regime


@dataclass(frozen=True)
class Circumstances:
    """The regime in which gradients are made, the clock, a watcher of epochs and a checkpoint, as `fit` knows them.

    A clock counts from when it is made; without one the recipe's seconds begin when these circumstances are made.
    """

    recipe: Recipe | None = None
    regime: Regime | None = None
    clock: Clock | None = None
    watcher: Watcher | None = None
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        if self.clock is None and self.recipe is not None:
            object.__setattr__(self, "clock", Clock(self.recipe.seconds))

    def given(self) -> dict[str, Any]:
        """As arguments of `fit`."""
        return {
            "regime": self.regime,
            "clock": self.clock,
            "watcher": self.watcher,
            "checkpoint": self.checkpoint,
        }
