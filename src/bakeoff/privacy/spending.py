"""A fit under a budget: what preparation may spend, and the noise that the rest of it allows for gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.nouns import Array
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.calibration import calibrate
from bakeoff.privacy.clipping import Clipping, Flat
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.releases import Allowance, Normals, gaussian_sigma
from bakeoff.training.preparation import DataStep
from bakeoff.training.recipe import Recipe

PREPARING = 0.1  # of what the budget allows (in 1 / sigma^2) goes to preparation: noise on gradients grows by 5 %
THRESHOLDS = 0.05  # of delta, for thresholds
PHYSICAL = 512  # records that go through a network at once


@dataclass(frozen=True)
class Members:
    """Who is drawn: the public number of units, whose each record is (None: its own), and the most of one unit."""

    count: int
    units: Array | None = None
    most: int = 1


class Spending:
    """One budget, its ledger, and who may spend how much; `seed` is for tests and gives noise that protects nothing.

    `privacy` is a Budget, or an epsilon. MissingExtra without dp-accounting.
    """

    def __init__(self, privacy: Budget | float, seed: int | None = None) -> None:
        need("dp_accounting", "privacy")
        self.budget = budget_of(privacy)
        self.seed = seed
        self.ledger = Ledger(unit=self.budget.unit)
        if seed is not None:
            self.ledger.broke("the noise was drawn from a seed, and can be drawn again")
        whole = gaussian_sigma(self.budget.epsilon, self.budget.delta)
        normals = None if seed is None else Normals(seed)
        self.allowance = Allowance(self.ledger, whole / math.sqrt(PREPARING), THRESHOLDS * self.budget.delta, normals)

    def regime(self, recipe: Recipe, members: Members, clipping: Clipping | None = None, share: float = 1.0) -> Any:
        """A private regime whose noise spends a share of what is left, in 1 / sigma^2 of its steps.

        Without a clipping each unit's gradient is shortened to a length of 1. UsageError where nothing is left, or
        delta is not below one over the number of units.
        """
        from bakeoff.privacy.regime import PrivateSettings, PrivateSGD

        self.budget.check(members.count)
        rate = min(1.0, recipe.batch / members.count)
        steps = recipe.epochs * math.ceil(members.count / recipe.batch)
        sigma = calibrate(self.budget, rate, steps, entries=self.ledger.entries)
        settings = PrivateSettings(
            sigma=sigma / math.sqrt(share),
            clipping=clipping or Flat(),
            physical=PHYSICAL,
            records=members.count,
            units=members.units,
            most=members.most,
            seed=self.seed,
        )
        return PrivateSGD(self.ledger, settings)

    def told(self, steps: Iterable[DataStep]) -> dict[str, Any]:
        """The claim after a fit with these data steps; NoGuarantee that names the ones that nothing accounts for."""
        self.ledger.took(steps)
        return self.ledger.claim(self.budget.delta)


def budget_of(privacy: Budget | float) -> Budget:
    """A budget, of itself or of an epsilon; UsageError for anything else."""
    if isinstance(privacy, Budget):
        return privacy
    if isinstance(privacy, (int, float)) and not isinstance(privacy, bool):
        return Budget(epsilon=float(privacy))
    raise UsageError(f"privacy is {privacy!r}; give an epsilon such as 3.0, or a Budget(epsilon, delta, unit).")
