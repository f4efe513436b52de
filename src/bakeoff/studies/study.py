"""What a study is: its settings, what is measured of one, and what its claims come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class Verdict(StrEnum):
    """What became of a claim. Inconclusive: figures are lacking, or lie too close to what was agreed beforehand."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Claim:
    """One claim of a paper with its verdict, `figures` as JSON can hold them, and `why` in one sentence."""

    claim: str
    source: str
    verdict: Verdict
    figures: Mapping[str, Any]
    why: str

    def as_plain(self) -> dict[str, Any]:
        """As what JSON can hold."""
        told = {"claim": self.claim, "source": self.source, "verdict": self.verdict.value}
        return {**told, "why": self.why, "figures": dict(self.figures)}


@dataclass(frozen=True)
class Setting:
    """One thing to be measured: a name for people, and plain values that say all of it (seed and sizes among them)."""

    name: str
    values: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the values, in hexadecimal: results are kept under it, whatever a setting is called."""
        return hashlib.sha256(json.dumps(self.values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """What was measured of a setting: `figures` as JSON can hold them, wall `seconds`, and what it was made with."""

    setting: Setting
    figures: Mapping[str, Any]
    seconds: float
    made_with: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """A table for people: a title, the heads of its columns, and rows of words."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Study(Protocol):
    """A published experiment. Making one loads nothing heavy."""

    name: str
    title: str
    source: str

    def settings(self, quick: bool) -> Sequence[Setting]:
        """What is to be measured, in the order in which it is worth having; `quick` ones take minutes in all."""

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one setting, as JSON can hold them; `data` is the folder of public data sets, where there is one.

        BakeoffError where it cannot be measured here, for want of a package or a data set: it is left out and named.
        """

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts on what was measured so far; inconclusive where figures lack."""

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """The figures as tables for people."""
