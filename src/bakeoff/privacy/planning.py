"""What a planned fit will cost, or how much noise it needs, before anything is fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.calibration import smallest_sigma, stretched
from bakeoff.privacy.entries import Entry, Kind, Neighbours
from bakeoff.privacy.ledger import Ledger


@dataclass(frozen=True)
class Plan:
    """Noisy steps as they are planned.

    `rate` is the chance with which a record is drawn for a step, `shape` multiplies the noise of equally long stretches
    of the steps. `together` is how many records an owner has at most: the unit is the owner where it is above 0.
    `fixed` draws samples of fixed size without replacement, which is accounted for where one record is replaced;
    `replace` states Poisson samples for that too. With `micro_batch` the mean of a micro-batch is clipped and not a
    record, which moves the sum by twice the bound. `best_of` runs on average are made and the best one is kept.
    `spent` are epsilons that other mechanisms take of the same records. UsageError where a number is out of range.
    """

    rate: float
    steps: int
    shape: Sequence[float] | None = None
    together: int = 0
    fixed: bool = False
    replace: bool = False
    micro_batch: bool = False
    best_of: float = 1.0
    spent: Sequence[float] = ()

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise UsageError(f"The sampling rate is {self.rate}; it is above 0 and at most 1, such as 0.01.")
        if self.steps < 1:
            raise UsageError(f"There are {self.steps} steps; a fit has at least 1.")
        if self.best_of < 1:
            raise UsageError(f"The best of {self.best_of} runs on average is asked for; there is at least 1.")
        if self.fixed and self.together:
            raise UsageError("Samples of fixed size are accounted for record by record only; leave the owners out.")
        if self.micro_batch and (self.fixed or self.together > 1):
            raise UsageError("Micro-batches are accounted for with Poisson samples of single records only.")

    def ledger(self, sigma: float) -> Ledger:
        """What will stand in the ledger with that sigma: the noise's standard deviation over the clipping bound."""
        neighbours = Neighbours.REPLACE if self.fixed or self.replace else Neighbours.ADD_OR_REMOVE
        ledger = Ledger("owner" if self.together else "record", neighbours)
        for epsilon in self.spent:
            ledger.spent("spent elsewhere", epsilon)
        steps = Ledger(ledger.unit, neighbours)
        moved = 2.0 if self.micro_batch else 1.0
        kind = Kind.FIXED if self.fixed else Kind.SAMPLED
        for one in stretched(sigma / moved, self.steps, self.shape):
            steps.add(Entry(kind, "gradients", rate=self.rate, sigma=one, together=max(1, self.together)))
        if self.best_of > 1:
            ledger.add(Entry(Kind.SELECTED, "search", mean=self.best_of, options=(steps.entries,)))
        else:
            for entry in steps.entries:
                ledger.add(entry)
        return ledger


@dataclass(frozen=True)
class Account:
    """What a plan comes to: the noise, epsilon at delta, a looser cross-check of it, and the ledger.

    `published` is what would be claimed if a micro-batch were taken for a record; None where records are clipped.
    """

    sigma: float
    epsilon: float
    rdp: float
    delta: float
    ledger: Ledger
    published: float | None = None

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        told = {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "unit": self.ledger.unit,
            "neighbours": self.ledger.neighbours.value,
            "sigma": self.sigma,
            "rdp": self.rdp if math.isfinite(self.rdp) else None,
            "ledger": self.ledger.as_plain(),
        }
        return told if self.published is None else {**told, "published": self.published}


def account(plan: Plan, delta: float, *, sigma: float | None = None, epsilon: float | None = None) -> Account:
    """Epsilon of a plan with that sigma, or the smallest sigma within that epsilon; one of the two is given.

    UsageError where none or both are given, or either is not above 0; NoGuarantee where the plan has no epsilon.
    """
    if (sigma is None) == (epsilon is None):
        raise UsageError("Give either sigma, to be told epsilon, or epsilon, to be told sigma.")
    if sigma is not None and not (sigma > 0 and math.isfinite(sigma)):
        raise UsageError(f"sigma is {sigma}; without noise there is no privacy, so give a number above 0, such as 1.")
    if sigma is None:
        assert epsilon is not None
        neighbours = plan.ledger(1.0).neighbours
        sigma = smallest_sigma(Budget(epsilon, delta), lambda one: plan.ledger(one).entries, neighbours=neighbours)
    ledger = plan.ledger(sigma)
    published = plan.ledger(2 * sigma).epsilon(delta) if plan.micro_batch else None
    return Account(sigma, ledger.epsilon(delta), ledger.rdp(delta), delta, ledger, published)
