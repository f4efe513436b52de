"""What stands in a ledger: one entry for each mechanism that touched training rows, and for each step that did not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from bakeoff.errors import UsageError


class Kind(StrEnum):
    """What sort of step an entry is, and so how it is accounted for."""

    SAMPLED = "sampled"  # Gaussian noise on a sum over a Poisson sample
    FIXED = "fixed"  # Gaussian noise on a sum over a sample of fixed size, drawn without replacement
    RELEASED = "released"  # Gaussian noise on a sum over all rows
    SPENT = "spent"  # any other mechanism, by the epsilon and delta that it states
    SELECTED = "selected"  # the best of a random number of private runs
    PUBLIC = "public"  # took nothing from training rows


class Neighbours(StrEnum):
    """Which two data sets must be hard to tell apart."""

    ADD_OR_REMOVE = "add or remove one"
    REPLACE = "replace one"


@dataclass(frozen=True)
class Entry:
    """One step of a fit, or `count` equal ones in a row.

    `sigma` is the noise's standard deviation divided by the L2 bound on one record's contribution to the sum, whatever
    the neighbours are; `rate` is the probability with which a record is drawn, and `together` how many records the
    unit of privacy may have, each drawn and bounded by itself. `epsilon` and `delta` belong to a SPENT entry. One that
    is SELECTED is the best of a random number of runs with mean `mean` and shape `shape` (see `selection`), each of
    which does at most what one of `options` holds. UsageError where a number is out of its range.
    """

    kind: Kind
    name: str
    count: int = 1
    rate: float = 1.0
    sigma: float = 0.0
    together: int = 1
    epsilon: float = 0.0
    delta: float = 0.0
    mean: float = 0.0
    shape: float = 0.0
    options: tuple[tuple[Entry, ...], ...] = ()
    detail: str = ""

    def __post_init__(self) -> None:
        if self.count < 1 or int(self.count) != self.count:
            raise UsageError(f"{self.name!r} was done {self.count} times; a count is a whole number of at least 1.")
        if self.kind in (Kind.SAMPLED, Kind.FIXED) and not 0 <= self.rate <= 1:
            raise UsageError(f"The sampling rate of {self.name!r} is {self.rate}; it is a probability from 0 to 1.")
        if self.noisy and not (self.sigma >= 0 and math.isfinite(self.sigma)):
            raise UsageError(f"The sigma of {self.name!r} is {self.sigma}; it is a number of at least 0.")
        if self.together < 1 or int(self.together) != self.together:
            raise UsageError(f"{self.name!r} has {self.together} records of a unit; that is a whole number from 1 on.")
        if self.kind is Kind.SPENT and not (self.epsilon >= 0 and math.isfinite(self.epsilon)):
            raise UsageError(f"The epsilon of {self.name!r} is {self.epsilon}; it is a number of at least 0.")
        if self.kind is Kind.SPENT and not 0 <= self.delta < 1:
            raise UsageError(f"The delta of {self.name!r} is {self.delta}; it is a probability from 0 to below 1.")
        if self.kind is Kind.SELECTED and not (self.mean >= 1 and self.shape >= 0 and self.options):
            raise UsageError(
                f"{self.name!r} is the best of {self.mean} runs on average with shape {self.shape}; give a mean of at "
                "least 1, a shape of at least 0 (or infinity), and what each run does."
            )
        if self.kind is Kind.FIXED and self.together > 1:
            raise UsageError(f"{self.name!r} drew samples of fixed size; they are accounted for record by record only.")
        if any(inner.kind is Kind.SELECTED for option in self.options for inner in option):
            raise UsageError(f"{self.name!r} selects among selections, which is not accounted for; select once.")

    def __str__(self) -> str:
        times = f"{self.count:,} x " if self.count > 1 else ""
        owner = f", up to {self.together} records of one owner" if self.together > 1 else ""
        said = {
            Kind.SAMPLED: f"sigma {self.sigma:.5g} over Poisson samples at rate {self.rate:.4g}{owner}",
            Kind.FIXED: f"sigma {self.sigma:.5g} over samples of fixed size, a share of {self.rate:.4g}",
            Kind.RELEASED: f"sigma {self.sigma:.5g} over all rows",
            Kind.SPENT: f"epsilon {self.epsilon:.4g}" + (f", delta {self.delta:.3g}" if self.delta else ""),
            Kind.SELECTED: f"the best of {self.mean:g} private runs on average",
            Kind.PUBLIC: "public",
        }[self.kind]
        return f"{times}{self.name}: {said}" + (f" ({self.detail})" if self.detail else "")

    @property
    def noisy(self) -> bool:
        """Whether it is Gaussian noise on a sum."""
        return self.kind in (Kind.SAMPLED, Kind.FIXED, Kind.RELEASED)

    @property
    def private(self) -> bool:
        """Whether it touched training rows."""
        return self.kind is not Kind.PUBLIC

    def follows(self, other: Entry) -> bool:
        """Whether it is the same step as `other`, so that both are one entry with a greater count."""
        return self.private and self._said() == other._said()

    def _said(self) -> tuple[object, ...]:
        told = (self.kind, self.sigma, self.rate, self.name, self.detail, self.together)
        return (*told, self.epsilon, self.delta, self.mean, self.shape, self.options)

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold; fields that hold nothing are left out."""
        held: dict[str, Any] = {"kind": self.kind.value, "name": self.name}
        for one in fields(self)[2:]:
            value = getattr(self, one.name)
            if value != one.default:
                held[one.name] = value
        if self.options:
            held["options"] = [[inner.as_plain() for inner in entries] for entries in self.options]
        if math.isinf(self.shape):
            held["shape"] = "infinity"  # which JSON cannot hold as a number
        return held

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Entry:
        """The entry again; UsageError where it is none."""
        try:
            held = dict(plain)
            if "options" in held:
                held["options"] = tuple(tuple(cls.of_plain(inner) for inner in each) for each in held["options"])
            if "shape" in held:
                held["shape"] = float(held["shape"])
            return cls(Kind(held.pop("kind")), **held)
        except (TypeError, ValueError, KeyError) as error:
            raise UsageError(f"{plain!r} is no entry of a privacy ledger: {error}.") from None
