"""The ledger of a private fit: what touched training rows, with how much noise, and what that adds up to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bakeoff.errors import NoGuarantee, UsageError
from bakeoff.privacy import accounting, curves
from bakeoff.privacy.budget import UNITS
from bakeoff.privacy.entries import Entry, Kind, Neighbours
from bakeoff.training.preparation import DataStep, Source

VERSION = 1


class Ledger:
    """Every step of a fit that took something from training rows, or says that it did not.

    `unit` is what may come or go (a record, or an owner with all of their records) and `neighbours` how: "add or
    remove one" or "replace one". An epsilon is stated only where nothing was broken: a step from training rows that no
    mechanism accounts for, noise that was off, or whatever else was told to `broke`. UsageError for an unknown unit or
    unknown neighbours.
    """

    def __init__(self, unit: str = "record", neighbours: str = Neighbours.ADD_OR_REMOVE) -> None:
        if unit not in UNITS:
            raise UsageError(f"There is no unit of privacy called {unit!r}; there are {', '.join(UNITS)}.")
        if neighbours not in list(Neighbours):
            raise UsageError(f"There are no neighbours called {neighbours!r}; there are: {', '.join(Neighbours)}.")
        self.unit = unit
        self.neighbours = Neighbours(neighbours)
        self._entries: list[Entry] = []
        self._counts: list[int] = []  # how often each was done: a step more must cost a fit next to nothing
        self.broken: tuple[str, ...] = ()  # why no epsilon can be stated; empty where one can

    def sampled(
        self, name: str, rate: float, sigma: float, count: int = 1, detail: str = "", together: int = 1
    ) -> None:
        """`count` steps of Gaussian noise on a sum over a Poisson sample, where each unit is in with chance `rate`.

        `sigma` is the noise's standard deviation divided by the L2 bound on one unit's whole contribution. Where
        records are drawn and bounded one by one but the unit is an owner, `together` says how many an owner has at
        most, and `sigma` counts by a record's bound.
        """
        last = self._entries[-1] if self._entries else None
        same = last is not None and (last.kind, last.name, last.rate, last.sigma) == (Kind.SAMPLED, name, rate, sigma)
        if last is not None and same and (last.together, last.detail) == (together, detail) and count == 1:
            self._counts[-1] += 1
        else:
            self.add(Entry(Kind.SAMPLED, name, count, rate=rate, sigma=sigma, together=together, detail=detail))

    def released(self, name: str, sigma: float, count: int = 1, detail: str = "") -> None:
        """`count` sums over all rows with Gaussian noise; `sigma` as in `sampled`."""
        self.add(Entry(Kind.RELEASED, name, count, sigma=sigma, detail=detail))

    def spent(self, name: str, epsilon: float, delta: float = 0.0, count: int = 1, detail: str = "") -> None:
        """`count` uses of any other mechanism that is (epsilon, delta)-private for the ledger's unit and neighbours."""
        self.add(Entry(Kind.SPENT, name, count, epsilon=epsilon, delta=delta, detail=detail))

    def public(self, name: str, detail: str = "") -> None:
        """A step that took nothing from training rows."""
        self.add(Entry(Kind.PUBLIC, name, detail=detail))

    def add(self, entry: Entry) -> None:
        """Write any entry down, a FIXED or SELECTED one too; the same step again raises the last one's count."""
        if entry.noisy and not entry.sigma and entry.rate:
            self.broke(f"{entry.name!r} added no noise")
        if self._entries and entry.follows(self._entries[-1]):
            self._counts[-1] += entry.count
        else:
            self._entries.append(entry)
            self._counts.append(entry.count)

    def took(self, steps: Iterable[DataStep]) -> None:
        """Note the data steps of a fit.

        Public ones are written down. One from training rows is accounted for where a mechanism of the same name stands
        in the ledger already (`step_name`), one whose source is private where a mechanism names its column; otherwise
        it breaks the guarantee.
        """
        for step in steps:
            name = step_name(step)
            if step.source is Source.PUBLIC:
                self.public(name, step.detail)
            elif not any(entry.private and _accounts(entry.name, step) for entry in self._entries):
                self.broke(f"{name} was taken from training rows and no mechanism in the ledger accounts for it")

    def broke(self, why: str) -> None:
        """An assumption does not hold: from now on no epsilon is stated, and `why` is said instead."""
        if why not in self.broken:
            self.broken = (*self.broken, why)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries in the order in which they were made; equal steps in a row are one entry with a count."""
        pairs = zip(self._entries, self._counts, strict=True)
        return tuple(entry if entry.count == count else replace(entry, count=count) for entry, count in pairs)

    def epsilon(self, delta: float, *, grid: float = accounting.REPORTED) -> float:
        """Epsilon at `delta` by privacy loss distributions; NoGuarantee where something was broken."""
        self._check()
        found = accounting.epsilon_of(self.entries, delta, neighbours=self.neighbours, grid=grid)
        if not math.isfinite(found):
            raise NoGuarantee(
                f"No epsilon can be stated at delta {delta:g}: the mechanisms in the ledger spend that much delta "
                "themselves. Ask for a greater delta, or let them spend less."
            )
        return found

    def epsilons(self, delta: float, *, points: int = curves.POINTS) -> curves.Curve:
        """Epsilon after each of about so many steps of the fit; NoGuarantee where something was broken."""
        self._check()
        return curves.epsilons_of(self.entries, delta, neighbours=self.neighbours, points=points)

    def rdp(self, delta: float) -> float:
        """Epsilon at `delta` by Renyi divergences, a looser cross-check; NoGuarantee where something was broken."""
        self._check()
        return accounting.rdp_of(self.entries, delta, neighbours=self.neighbours)

    def claim(self, delta: float) -> dict[str, Any]:
        """What an entry may claim: epsilon, delta, unit and neighbours; NoGuarantee where something was broken."""
        return {
            "epsilon": self.epsilon(delta),
            "delta": delta,
            "unit": self.unit,
            "neighbours": self.neighbours.value,
        }

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {
            "version": VERSION,
            "unit": self.unit,
            "neighbours": self.neighbours.value,
            "entries": [entry.as_plain() for entry in self.entries],
            "broken": list(self.broken),
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Ledger:
        """The ledger again; UsageError where it is none."""
        version = plain.get("version") if isinstance(plain, Mapping) else None
        if version != VERSION or not isinstance(plain.get("entries"), list):
            raise UsageError(f"This is no privacy ledger of version {VERSION}: {json.dumps(plain, default=str)[:200]}.")
        ledger = cls(plain.get("unit", ""), plain.get("neighbours", ""))
        ledger._entries = [Entry.of_plain(entry) for entry in plain["entries"]]
        ledger._counts = [entry.count for entry in ledger._entries]
        ledger.broken = tuple(str(why) for why in plain.get("broken", ()))
        return ledger

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Hold what that ledger held, in place; UsageError where its unit or neighbours are others."""
        other = Ledger.of_plain(plain)
        if (other.unit, other.neighbours) != (self.unit, self.neighbours):
            raise UsageError(
                f"The kept ledger is stated for one {other.unit} and neighbours that {other.neighbours.value!r}, this "
                f"one for one {self.unit} and {self.neighbours.value!r}; go on with a ledger like the kept one."
            )
        self._entries, self._counts, self.broken = other._entries, other._counts, other.broken

    def _check(self) -> None:
        if self.broken:
            raise NoGuarantee(
                f"No epsilon can be stated: {'; '.join(self.broken)}. Give such values from outside, account for them "
                "with a mechanism, or leave the step out."
            )


def step_name(step: DataStep) -> str:
    """The name under which a mechanism that accounts for a data step stands in the ledger: `bins of 'age'`."""
    return f"{step.name} of {step.column!r}" if step.column else step.name


def _accounts(name: str, step: DataStep) -> bool:
    if step.source is Source.TRAINING or not step.column:
        return name == step_name(step)
    return f"of {step.column!r}" in name
