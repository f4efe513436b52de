"""How much of a record's gradient is kept: the factor by which each is shortened, and the bound that this keeps.

Every kind bounds what one record adds to the sum of a step, however long its gradient is. Its `sensitivity` is that
bound, which the noise is measured in; a kind that looks at the norms to adapt itself says what that costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bakeoff.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-12  # a norm below it is a record without a gradient


class Draws(Protocol):
    """Private noise, as far as clipping needs it."""

    def number(self, deviation: float) -> float:
        """One number from N(0, deviation^2)."""


class Clipping(Protocol):
    """From the norms of each record's gradient to its factors."""

    @property
    def sensitivity(self) -> float:
        """The largest L2 norm of what one record adds to a step's sum, over all groups together."""

    def groups(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """For each parameter, given by name with its number of values, the group it is clipped in: 0, 1, ..."""

    def factors(self, norms: Tensor) -> Tensor:
        """By what each record's gradient is multiplied, float32 (groups, records), from its norm in each group."""

    def multiplier(self, sigma: float) -> float:
        """Noise on the gradients, in sensitivities, with which a whole step is a Gaussian mechanism of `sigma`.

        Above `sigma` where the clipping takes something else from the records; UsageError where no noise would do.
        """

    def expect(self, units: float) -> None:
        """A step's sample is expected to hold so many records or owners, which is public."""

    def finish(self, noise: Draws) -> None:
        """A step has ended: adapt to the norms that were seen since the last one."""

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint must keep, as numbers."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a kept state."""


class Fixed:
    """A clipping that learns nothing from the records."""

    def multiplier(self, sigma: float) -> float:
        """The noise that was asked for."""
        return sigma

    def expect(self, units: float) -> None:
        """It does not matter."""

    def finish(self, noise: Draws) -> None:
        """Nothing to adapt."""

    def state(self) -> Mapping[str, Any]:
        """Nothing to keep."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


class Together:
    """A clipping that looks at a record's gradient as a whole."""

    def groups(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """All in one."""
        return (0,) * len(sizes)


@dataclass(frozen=True)
class Flat(Together, Fixed):
    """Gradients longer than `bound` are shortened to it, all parameters together (Abadi et al. 2016, algorithm 1).

    UsageError where the bound is not a positive number.
    """

    bound: float = 1.0

    def __post_init__(self) -> None:
        _check_positive("The bound of clipping", self.bound)

    @property
    def sensitivity(self) -> float:
        """The bound."""
        return self.bound

    def factors(self, norms: Tensor) -> Tensor:
        """min(1, bound / norm)."""
        return _shortened(norms, self.bound)


@dataclass(frozen=True)
class Automatic(Together, Fixed):
    """Every gradient is given nearly the length `bound`: bound / (norm + stability) (Bu et al. 2023, AUTO-S).

    There is no threshold to tune: with another bound the same steps are made at another learning rate. UsageError where
    either number is not positive.
    """

    bound: float = 1.0
    stability: float = 0.01

    def __post_init__(self) -> None:
        _check_positive("The bound of clipping", self.bound)
        _check_positive("The stability of automatic clipping", self.stability)

    @property
    def sensitivity(self) -> float:
        """The bound, which norm * bound / (norm + stability) stays below."""
        return self.bound

    def factors(self, norms: Tensor) -> Tensor:
        """bound / (norm + stability)."""
        return self.bound / (norms + self.stability)


class Layerwise(Fixed):
    """Each module's gradient is shortened by itself; the sensitivity is the root of the sum of the bounds' squares.

    With `bound` a number it is that of all modules together, divided among them by `shares`: "size" gives a module's
    square a share in proportion to its number of values, as noise does, and "equal" the same to each. With a mapping
    each module's bound is given by its name, or that of a module it lies in; the longest name counts, and "" stands for
    all others. `automatic` above 0 gives every gradient nearly the length of its bound, with that number as
    stability (see `Automatic`). UsageError for bounds that are not positive, and for a parameter without one.
    """

    def __init__(
        self, bound: float | Mapping[str, float] = 1.0, *, shares: str = "size", automatic: float = 0.0
    ) -> None:
        for given in bound.values() if isinstance(bound, Mapping) else (bound,):
            _check_positive("The bound of clipping", given)
        if shares not in ("size", "equal"):
            raise UsageError(f"There are no shares {shares!r} of layer-wise clipping; there are 'size' and 'equal'.")
        self.bound, self.shares, self.automatic = bound, shares, automatic
        self.bounds: tuple[float, ...] = ()

    @property
    def sensitivity(self) -> float:
        """sqrt(sum of bound^2) over the groups that there are; UsageError where they are not known yet."""
        if not isinstance(self.bound, Mapping):
            return self.bound
        if not self.bounds:
            raise UsageError("Layer-wise clipping has no sensitivity before `groups` has seen a network's parameters.")
        return math.sqrt(sum(bound**2 for bound in self.bounds))

    def groups(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """One for each module that holds parameters itself."""
        number: dict[str, int] = {}
        values: list[int] = []
        found = []
        for name, size in sizes.items():
            place = number.setdefault(name.rpartition(".")[0], len(number))
            if place == len(values):
                values.append(0)
            values[place] += size
            found.append(place)
        if isinstance(self.bound, Mapping):
            self.bounds = tuple(_given(self.bound, module) for module in number)
        else:
            parts = values if self.shares == "size" else [1] * len(values)
            self.bounds = tuple(self.bound * math.sqrt(part / sum(parts)) for part in parts)
        return tuple(found)

    def factors(self, norms: Tensor) -> Tensor:
        """min(1, bound of the group / norm in the group)."""
        bounds = norms.new_tensor(self.bounds)[:, None]
        if self.automatic:
            return bounds / (norms + self.automatic)
        return _shortened(norms, bounds)


class Quantile(Together):
    """Flat clipping at a bound that follows a quantile of the norms (Andrew et al. 2021, algorithm 1).

    The bound begins at `bound`; after each step it is multiplied by exp(-`pace` * (share below it - `quantile`)). The
    share is that among as many records as a batch is expected to hold, and is counted with noise of deviation
    `deviation` (0: a twentieth of the expected batch). The count's part of the privacy is taken out of the step's:
    gradients get (sigma^-2 - (2 deviation)^-2)^(-1/2) in place of sigma (theorem 1), so that both together are one
    Gaussian mechanism of sigma. UsageError for numbers out of range, and before a batch's size is known.
    """

    def __init__(self, *, bound: float = 1.0, quantile: float = 0.5, pace: float = 0.2, deviation: float = 0.0) -> None:
        _check_positive("The bound of clipping", bound)
        _check_positive("The pace of quantile clipping", pace)
        if not 0 < quantile < 1:
            raise UsageError(f"The quantile of clipping is a share between 0 and 1, and not {quantile}.")
        if deviation:
            _check_positive("The deviation of the count's noise", deviation)
        self.bound, self.quantile, self.pace = bound, quantile, pace
        self._given, self._expected = deviation, 0.0
        self._above_half = 0.0

    @property
    def deviation(self) -> float:
        """The deviation of the noise on the count of records below the bound."""
        if not self._expected:
            raise UsageError("Quantile clipping does not know how many records a batch is expected to hold; tell it.")
        return self._given or self._expected / 20

    def expect(self, units: float) -> None:
        """The size of a batch that shares are of."""
        _check_positive("The expected number of records in a batch", units)
        self._expected = units

    @property
    def sensitivity(self) -> float:
        """The present bound."""
        return self.bound

    def factors(self, norms: Tensor) -> Tensor:
        """min(1, bound / norm); records at or below the bound are counted."""
        # Counted as one half or minus one half, so that a record changes the count by 1/2 and not by 1.
        self._above_half += float((norms <= self.bound).sum()) - norms.numel() / 2
        return _shortened(norms, self.bound)

    def multiplier(self, sigma: float) -> float:
        """(sigma^-2 - (2 deviation)^-2)^(-1/2)."""
        if sigma == 0:
            return 0.0
        left = sigma**-2 - (2 * self.deviation) ** -2
        if left <= 0:
            raise UsageError(
                f"The count of quantile clipping has noise {self.deviation:g}, which is too little for sigma "
                f"{sigma:g}: give it a deviation above {sigma / 2:g}, or take larger batches."
            )
        return float(left**-0.5)

    def finish(self, noise: Draws) -> None:
        """Move the bound towards the quantile."""
        share = (self._above_half + noise.number(self.deviation)) / self._expected + 0.5
        self._above_half = 0.0
        self.bound *= math.exp(-self.pace * (min(max(share, 0.0), 1.0) - self.quantile))

    def state(self) -> Mapping[str, Any]:
        """The bound."""
        return {"bound": self.bound}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The bound again."""
        self.bound, self._above_half = float(state["bound"]), 0.0


def _shortened(norms: Tensor, bound: float | Tensor) -> Tensor:
    """min(1, bound / norm)."""
    return norms.clamp(min=TINY).reciprocal_().mul_(bound).clamp_(max=1.0)


def _given(bounds: Mapping[str, float], module: str) -> float:
    fitting = [start for start in bounds if not start or f"{module}.".startswith(f"{start}.")]
    if not fitting:
        raise UsageError(f"Layer-wise clipping has no bound for {module!r}; give one, or one for '' (all others).")
    return bounds[max(fitting, key=len)]


def _check_positive(what: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise UsageError(f"{what} is {value}; give a number above 0.")
