"""The figures of one way of training, over its seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.stats.intervals import wilson
from bakeoff.studies.study import Result


@dataclass(frozen=True)
class Way:
    """What networks of different seeds share."""

    network: str
    repeats: int
    defence: str = "none"
    epsilon: float = 0.0
    kind: str = "pin"
    whole: bool = False

    @property
    def trained(self) -> str:
        """How it is trained, in words."""
        return f"epsilon {self.epsilon:g}" if self.epsilon else self.defence

    def times(self, repeats: int) -> Way:
        """The same with other repetitions; 0 is the control."""
        return Way(self.network, repeats, self.defence, self.epsilon, self.kind, self.whole)


@dataclass(frozen=True)
class Mean:
    """A mean with one standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, found: Sequence[float]) -> Mean:
        """Of single values, taken as if apart; of one value the error is without bound."""
        count = len(found)
        value = sum(found) / count
        if count < 2:
            return cls(value, math.inf)
        return cls(value, math.sqrt(sum((one - value) ** 2 for one in found) / (count - 1) / count))

    def minus(self, other: Mean) -> Mean:
        """The difference of two that were measured apart."""
        return Mean(self.value - other.value, math.hypot(self.error, other.error))

    def plain(self) -> dict[str, float | None]:
        """As figures; an error without bound is None."""
        return {"value": round(self.value, 4), "error": round(self.error, 4) if math.isfinite(self.error) else None}


@dataclass(frozen=True)
class Recovered:
    """What one attack recovered, over all canaries of all seeds."""

    exact: int
    canaries: int
    tokens: float
    sets: float
    chance: Mapping[str, float]

    @property
    def share(self) -> float:
        """Of the codes, recovered exactly."""
        return self.exact / self.canaries

    @property
    def interval(self) -> tuple[float, float]:
        """Of the exact share at 95 %, canaries taken as if apart (Wilson 1927)."""
        return wilson(self.exact, self.canaries)


@dataclass(frozen=True)
class Pooled:
    """Networks of one way of training: attacks by name, exposures where there are any, and what else was told."""

    attacks: Mapping[str, Recovered]
    bits: Mean | None
    ranks: Sequence[float]
    accuracy: float
    epsilon: float | None
    cpu: float
    seeds: int


def pooled(results: Sequence[Result]) -> dict[Way, Pooled]:
    """By way of training, in the order in which they come."""
    groups: dict[Way, list[Mapping[str, Any]]] = defaultdict(list)
    for one in results:
        values = one.setting.values
        way = Way(
            values["network"],
            values["repeats"],
            values["defence"],
            values["epsilon"],
            values["kind"],
            values["whole vocabulary"],
        )
        groups[way].append(one.figures)
    return {way: _pooled(figures) for way, figures in groups.items()}


def _pooled(figures: Sequence[Mapping[str, Any]]) -> Pooled:
    exposures = [one["exposure"] for one in figures if one["exposure"] is not None]
    bits = [own for one in exposures for own in one["bits"]]
    epsilons = [one["epsilon"] for one in figures if one["epsilon"] is not None]
    return Pooled(
        attacks={name: _recovered([one["attacks"][name] for one in figures]) for name in figures[0]["attacks"]},
        bits=Mean.of(bits) if bits else None,
        ranks=[own for one in exposures for own in one["ranks"]],
        accuracy=sum(one["accuracy"] for one in figures) / len(figures),
        epsilon=max(epsilons) if epsilons else None,
        cpu=sum(sum(one["CPU seconds"].values()) for one in figures) / len(figures),
        seeds=len(figures),
    )


def _recovered(several: Sequence[Mapping[str, Any]]) -> Recovered:
    canaries = sum(one["canaries"] for one in several)
    return Recovered(
        exact=sum(one["exact"] for one in several),
        canaries=canaries,
        tokens=sum(one["tokens"] * one["canaries"] for one in several) / canaries,
        sets=sum(one["sets"] * one["canaries"] for one in several) / canaries,
        chance=several[0]["chance"],
    )
