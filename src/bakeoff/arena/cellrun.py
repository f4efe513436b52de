"""One cell from a warm box to its answers: load, go, fit, ask, and the meters beside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.confinement import Box
from bakeoff.arena.conversation import Conversation, Ended, clean
from bakeoff.nouns import Array, Level, Limits, Measurements, Outcome

READY_SECONDS = 180.0
LOAD_SECONDS = 120.0


@dataclass(frozen=True)
class Call:
    """One call: the file that holds its rows, how many there are, and which share of them are test rows."""

    file: Path
    rows: int
    test_share: float


@dataclass(frozen=True)
class Job:
    """All that one cell hands in: the worker's spec, the entry's own files, the training rows and the calls."""

    spec: Mapping[str, Any]
    code: Path | None
    train: Path | None
    calls: tuple[Call, ...]
    width: int
    limits: Limits
    cores: tuple[int, ...] = ()


@dataclass
class Played:
    """What came of it: answers of shape (asked rows, width) in call order, or None with the outcome's reason."""

    outcome: Outcome
    reason: str
    answers: Array | None
    log: str
    level: Level
    notes: tuple[str, ...]
    measurements: Measurements


@dataclass
class _Clock:
    """Wall and CPU seconds from go to answers, probe rows' share taken out."""

    fit: float = 0.0
    predict: float = 0.0
    cpu: float = 0.0


def play(box: Box, job: Job, free_since: float) -> Played:
    """Run one cell in `box`; `free_since` is when the lane became free, on the monotonic clock.

    Raises ConfinementError when the box itself fails, which is never the entry's fault and is never kept.
    """
    talk = Conversation(box, job.limits)
    talk.allow(READY_SECONDS)
    measured: dict[str, float] = {}
    clock = _Clock()
    notes: tuple[str, ...] = ()
    answers, outcome, reason = None, Outcome.DONE, ""
    try:
        _prepare(talk, job, measured)
        if job.train is None:
            answers = _read_predictions(talk, job)
        else:
            notes, answers = _fit_and_ask(talk, job, clock, measured, free_since)
    except Ended as ended:
        outcome, reason = ended.outcome, ended.reason
    talk.finish_log()
    timed = outcome is Outcome.DONE and job.train is not None
    measurements = Measurements(
        wall=clock.fit + clock.predict if timed else None,
        cpu=clock.cpu if timed else None,
        peak_mib=talk.peak_mib if job.train is not None else None,
        fit=clock.fit if timed else None,
        predict=clock.predict if timed else None,
        before=measured.get("before"),
        warm_cpu=measured.get("warm_cpu"),
        load_cpu=measured.get("load_cpu"),
    )
    level = Level.PREDICTIONS if job.train is None else box.level
    return Played(outcome, reason, answers, talk.log_tail(), level, notes, measurements)


def _prepare(talk: Conversation, job: Job, measured: dict[str, float]) -> None:
    """Wait for the spare, put it on its core and let it import the entry's code; no data are in the box yet."""
    # A spare that is still warming up may use the lane's core, which has nothing else to do meanwhile.
    # What an entry's own packages do while they are imported is the entry's doing.
    talk.house = not talk.box.own_packages
    talk.meters.pin(job.cores)
    talk.wait("ready")
    talk.box.group.cap_memory(job.limits.memory_mib)
    talk.forget_log()
    measured["warm_cpu"] = talk.meter().cpu
    if job.code is not None:
        shutil.copytree(job.code, talk.box.folder / "code", dirs_exist_ok=True)
    talk.house = False
    talk.base_processes = talk.meter().processes
    talk.allow(LOAD_SECONDS, importing=True)
    talk.tell({"do": "load", "spec": dict(job.spec)})
    talk.wait("loaded")
    measured["load_cpu"] = talk.meter().cpu - measured["warm_cpu"]


def _fit_and_ask(
    talk: Conversation, job: Job, clock: _Clock, measured: dict[str, float], free_since: float
) -> tuple[tuple[str, ...], Array]:
    assert job.train is not None
    _hand_in(talk, job.train)
    start_cpu = talk.meter().cpu
    start = time.monotonic()
    measured["before"] = start - free_since
    talk.allow(job.limits.seconds)
    talk.tell({"do": "go", "file": job.train.name})
    fitted, _ = talk.wait("fitted")
    clock.fit = time.monotonic() - start
    cpu = talk.meter().cpu
    clock.cpu = cpu - start_cpu
    parts, times = [], []
    for call in job.calls:
        _hand_in(talk, call.file)
        asked = time.monotonic()
        talk.tell({"do": "ask", "file": call.file.name})
        parts.append(_answers(talk, call.rows, job.width))
        after = talk.meter().cpu
        times.append((time.monotonic() - asked, after - cpu))
        cpu = after
    clock.predict = without_probes([wall for wall, _ in times], job.calls)
    clock.cpu += without_probes([used for _, used in times], job.calls)
    return _notes(fitted), np.concatenate(parts)


def without_probes(seconds: Sequence[float], calls: Sequence[Call]) -> float:
    """The seconds of all calls without what the probe rows took, at the rate of the call that was fastest by the row.

    The fastest, since an entry that puts its learning off to the first call would else have a share of it taken out.
    """
    rate = min(spent / call.rows for spent, call in zip(seconds, calls, strict=True))
    probes = sum(call.rows * (1 - call.test_share) for call in calls)
    return max(0.0, sum(seconds) - rate * probes)


def _notes(fitted: Mapping[str, Any]) -> tuple[str, ...]:
    notes = fitted.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise Ended(Outcome.REFUSED, "what it says of itself is not a list of sentences.")
    return tuple(clean(note, 300) for note in notes[:20])


def _hand_in(talk: Conversation, file: Path) -> None:
    shutil.copyfile(file, talk.box.folder / "data" / file.name)


def _answers(talk: Conversation, rows: int, width: int) -> Array:
    """Raw float64 of exactly the size that was asked for; nothing else is accepted."""
    due = rows * width * 8
    _, data = talk.wait("answers", payload=due)
    if len(data) != due:
        raise Ended(Outcome.REFUSED, f"{due} bytes of answers were asked for, {len(data)} came.")
    return np.frombuffer(data, dtype=np.float64).reshape(rows, width)


def _read_predictions(talk: Conversation, job: Job) -> Array:
    (call,) = job.calls
    _hand_in(talk, call.file)
    talk.allow(job.limits.seconds)
    talk.tell({"do": "read", "rows_file": call.file.name})
    return _answers(talk, call.rows, job.width)
