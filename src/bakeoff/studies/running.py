"""A study is run: what was measured before is taken over, what is due is measured, and claims are judged."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.studies.kept import Kept
from bakeoff.studies.study import Claim, Grid, Result, Setting, Study

PACKAGES = ("bakeoff", "numpy", "torch", "dp-accounting", "opacus")


class Watcher(Protocol):
    """Told of a run as it goes on."""

    def start(self, due: int, kept: int) -> None:
        """So many settings are due, and so many are kept from before."""

    def began(self, setting: Setting) -> None:
        """A setting is being measured."""

    def ended(self, setting: Setting, seconds: float, problem: str) -> None:
        """It was measured in so many seconds of wall clock, or left out because of a problem."""


@dataclass(frozen=True)
class Choice:
    """Which part of a study is run: its quick settings, and those alone whose name holds every word of `only`."""

    quick: bool = False
    only: Sequence[str] = ()

    def of(self, study: Study) -> list[Setting]:
        """The settings that are asked for; UsageError where there are none."""
        found = list(study.settings(self.quick))
        named = [setting for setting in found if all(word in setting.name for word in self.only)]
        if not named:
            some = "; ".join(setting.name for setting in found[:3])
            raise UsageError(f"No setting's name holds {' and '.join(map(repr, self.only))}; names are like: {some}.")
        return named


@dataclass(frozen=True)
class Outcome:
    """What a study came to: verdicts, tables for people, and how much of the study they rest on.

    `measured` of `settings` were there in the end; `left_out` says why the others were not, by the setting's name.
    """

    study: str
    quick: bool
    claims: Sequence[Claim]
    grids: Sequence[Grid]
    settings: int
    measured: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    made_with: Sequence[Mapping[str, Any]] = ()

    def as_plain(self) -> dict[str, Any]:
        """As what JSON can hold: `study` and `claims`, and beside them what they rest on."""
        return {
            "study": self.study,
            "claims": [claim.as_plain() for claim in self.claims],
            "quick": self.quick,
            "settings": {"all": self.settings, "measured": self.measured, "left out": dict(self.left_out)},
            "made with": [dict(one) for one in self.made_with],
        }


def run(
    study: Study,
    folder: Path,
    *,
    choice: Choice | None = None,
    data: Path | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Measure what is due, one setting after another, and judge the claims on everything that is in the folder.

    What was measured before is not measured again. A setting that cannot be measured here is left out and named; it is
    tried again in the next run. Verdicts rest on all of the study's settings that are kept, and not on `choice` alone.
    """
    chosen = choice or Choice()
    everything = list(study.settings(chosen.quick))
    kept = Kept(folder)
    asked = chosen.of(study)
    due = [setting for setting in asked if not kept.has(setting)]
    if watcher is not None:
        watcher.start(len(due), len(asked) - len(due))
    left_out: dict[str, str] = {}
    for setting in due:
        if watcher is not None:
            watcher.began(setting)
        began = time.perf_counter()
        problem = _measured(study, setting, kept, data)
        if problem:
            left_out[setting.name] = problem
        if watcher is not None:
            watcher.ended(setting, time.perf_counter() - began, problem)
    results = list(kept.find(everything))
    return Outcome(
        study=study.name,
        quick=chosen.quick,
        claims=study.claims(results),
        grids=study.grids(results),
        settings=len(everything),
        measured=len(results),
        left_out=left_out,
        made_with=_merged([result.made_with for result in results]),
    )


def _measured(study: Study, setting: Setting, kept: Kept, data: Path | None) -> str:
    """Measure and keep one setting; gives the problem where it cannot be measured here."""
    began = time.perf_counter()
    try:
        figures = study.measure(setting, data)
    except BakeoffError as problem:
        return str(problem)
    except Exception as failed:  # a run of a night must not end on its first hour's setting
        return f"It failed with {type(failed).__name__}: {failed}"
    kept.keep(Result(setting, figures, time.perf_counter() - began, made_with()))
    return ""


def made_with() -> dict[str, Any]:
    """What a result is made with: versions of packages, Python, machine, and the day."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "day": datetime.now(UTC).date().isoformat(),
    }


def _merged(made: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each once, in order."""
    found: list[Mapping[str, Any]] = []
    for one in made:
        if one not in found:
            found.append(one)
    return found
