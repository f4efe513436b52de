"""One cell from a warm box to its answers: load, go, fit, link, ask, and the meters beside."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.answer_forms import AnswerForm
from bakeoff.arena.escaping import clean
from bakeoff.arena.linked import Linked, Sizes, accept, most_links, records_of
from bakeoff.arena.privacy_claims import read_claim
from bakeoff.arena.wall.confinement import Box
from bakeoff.arena.wall.conversation import Conversation, Ended
from bakeoff.errors import Refused
from bakeoff.nouns import Array, Claim, Level, Limits, Measurements, Outcome

READY_SECONDS = 180.0
LOAD_SECONDS = 120.0
MOST_NOTES = 20


@dataclass(frozen=True)
class Call:
    """One call: the file that holds its rows, how many there are, and which share of them are test rows."""

    file: Path
    rows: int
    test_share: float


@dataclass(frozen=True)
class Records:
    """What a linkage entry is handed: two tables of records, or one, the labelled pairs, and the calls of test pairs.

    `sizes` are the numbers of left and right records, the second None for one table.
    """

    left: Path
    right: Path | None
    pairs: Path
    calls: tuple[Call, ...]
    sizes: Sizes

    @property
    def handed_in(self) -> dict[str, Path]:
        """The files to learn from, by what they hold."""
        files = {"left": self.left, "right": self.right, "pairs": self.pairs}
        return {what: file for what, file in files.items() if file is not None}


@dataclass(frozen=True)
class Job:
    """All that one cell hands in: the worker's spec, the entry's own files, the training rows and the calls.

    `records` makes what is handed in instead when the entry says that it links; None where there is nothing to link.
    """

    spec: Mapping[str, Any]
    code: Path | None
    train: Path | None
    calls: tuple[Call, ...]
    form: AnswerForm
    limits: Limits
    cores: tuple[int, ...] = ()
    records: Callable[[], Records] | None = None


@dataclass
class Played:
    """What came of it: answers (asked rows, ...) in their form in call order, or None with the outcome's reason.

    `linked` is what a linkage entry said of the records; it has answers of its own only when it was asked for them.
    `killed` says that its process was killed, by whom is not known.
    """

    outcome: Outcome
    reason: str
    answers: Array | None
    log: str
    level: Level
    notes: tuple[str, ...]
    measurements: Measurements
    linked: Linked | None = None
    killed: bool = False
    claim: Claim | None = None


def play(box: Box, job: Job, free_since: float) -> Played:
    """Run one cell in `box`; `free_since` is when the lane became free, on the monotonic clock.

    Raises ConfinementError when the box itself fails, which is never the entry's fault and is never kept.
    """
    talk = Conversation(box, job.limits)
    talk.allow(READY_SECONDS)
    cell = _Playing(talk, job)
    outcome, reason, killed = Outcome.DONE, "", False
    try:
        cell.prepare()
        if job.train is None:
            cell.read_predictions()
        else:
            cell.fit_and_ask(job.train, free_since)
    except Ended as ended:
        outcome, reason, killed = ended.outcome, ended.reason, ended.killed
    talk.finish_log()
    timed = outcome is Outcome.DONE and job.train is not None
    measurements = Measurements(
        wall=cell.fit + cell.predict if timed else None,
        cpu=cell.cpu if timed else None,
        peak_mib=talk.peak_mib if job.train is not None else None,
        fit=cell.fit if timed else None,
        predict=cell.predict if timed else None,
        before=cell.before,
        warm_cpu=cell.warm_cpu,
        load_cpu=cell.load_cpu,
        written_mib=cell.written_mib if timed else None,
    )
    level = Level.PREDICTIONS if job.train is None else box.level
    told = (talk.log_tail(), level, cell.notes, measurements)
    return Played(outcome, reason, cell.answers, *told, cell.linked, killed, cell.claim)


@dataclass
class _Playing:
    """One cell while it runs: what was measured and what came out of the box so far.

    `fit`, `predict` and `cpu` are seconds from go to answers, the probe rows' share taken out; linking counts as
    predicting.
    """

    talk: Conversation
    job: Job
    fit: float = 0.0
    predict: float = 0.0
    cpu: float = 0.0
    before: float | None = None
    warm_cpu: float | None = None
    load_cpu: float | None = None
    written_mib: float | None = None
    notes: tuple[str, ...] = ()
    claim: Claim | None = None
    answers: Array | None = None
    linked: Linked | None = None
    _records: Records | None = None
    _asked: tuple[Call, ...] = ()

    def prepare(self) -> None:
        """Wait for the spare, put it on its core and let it import the entry's code; no data are in the box yet."""
        # A spare that is still warming up may use the lane's core, which has nothing else to do meanwhile.
        # What an entry's own packages do while they are imported is the entry's doing.
        talk, job = self.talk, self.job
        talk.house = not talk.box.own_packages
        talk.meters.pin(job.cores)
        talk.wait("ready")
        talk.box.group.cap_memory(job.limits.memory_mib)
        talk.forget_log()
        self.warm_cpu = talk.meter().cpu
        if job.code is not None:
            talk.box.bring_code(job.code)
        talk.house = False
        talk.base_processes = talk.meter().processes
        talk.allow(LOAD_SECONDS, importing=True)
        talk.tell({"do": "load", "spec": dict(job.spec)})
        loaded, _ = talk.wait("loaded")
        self.load_cpu = talk.meter().cpu - self.warm_cpu
        self._asked = job.calls
        if job.records is not None and loaded.get("links") is True:
            self._records = job.records()
            self._asked = self._records.calls if loaded.get("answers") is True else ()

    def fit_and_ask(self, train: Path, free_since: float) -> None:
        """Hand in what is to be learned from, then the questions; the clock runs from go to the last answer."""
        talk = self.talk
        handed_in = {"file": train} if self._records is None else self._records.handed_in
        for file in handed_in.values():
            talk.box.stage(file)
        reading = talk.meter()
        start_cpu, start_written = reading.cpu, reading.written_mib
        start = time.monotonic()
        self.before = start - free_since
        talk.allow(self.job.limits.seconds)
        for file in handed_in.values():
            talk.box.hand_in(file)
        talk.tell({"do": "go", **{what: file.name for what, file in handed_in.items()}})
        fitted, _ = talk.wait("fitted")
        self._note(fitted)
        self._claim(fitted)
        self.fit = time.monotonic() - start
        cpu = talk.meter().cpu
        self.cpu = cpu - start_cpu
        if self._records is not None:
            cpu = self._link(self._records, cpu)
        parts, times = [], []
        for call in self._asked:
            talk.box.stage(call.file)
            asked = time.monotonic()
            talk.box.hand_in(call.file)
            talk.tell({"do": "ask", "file": call.file.name})
            parts.append(self._answered(call.rows))
            reading = talk.meter()
            times.append((time.monotonic() - asked, reading.cpu - cpu))
            cpu = reading.cpu
        self.written_mib = talk.meter().written_mib - start_written
        if parts:
            self.predict += without_probes([wall for wall, _ in times], self._asked)
            self.cpu += without_probes([used for _, used in times], self._asked)
            self.answers = np.concatenate(parts)

    def _link(self, records: Records, cpu: float) -> float:
        """Ask for the links, check them outside the clock, and give the CPU seconds used so far."""
        asked = time.monotonic()
        most = most_links(records.sizes)
        sides = {side: file.name for side, file in records.handed_in.items() if side != "pairs"}
        self.talk.tell({"do": "link", "most": most, **sides})
        message, data = self.talk.wait("links", payload=max(24 * most, 8 * records_of(records.sizes)))
        after = self.talk.meter().cpu
        self.predict += time.monotonic() - asked
        self.cpu += after - cpu
        self._note(message)
        try:
            self.linked = accept(message.get("form"), data, records.sizes)
        except Refused as refused:
            raise Ended(Outcome.REFUSED, str(refused)) from None
        return after

    def _note(self, message: Mapping[str, Any]) -> None:
        """Keep what the entry says of itself; it may say more with each message."""
        notes = message.get("notes", [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise Ended(Outcome.REFUSED, "what it says of itself is not a list of sentences.")
        cleaned = (clean(note, 300) for note in notes[:MOST_NOTES])
        self.notes = tuple(dict.fromkeys((*self.notes, *cleaned)))[:MOST_NOTES]

    def _claim(self, message: Mapping[str, Any]) -> None:
        """Keep what the fitted entry says of the privacy of those it was fitted on."""
        try:
            self.claim = read_claim(message.get("claim"))
        except Refused as refused:
            raise Ended(Outcome.REFUSED, str(refused)) from None

    def _answered(self, rows: int) -> Array:
        """Raw float64 of exactly the size that was asked for, or as many capped lines; nothing else is accepted."""
        message, data = self.talk.wait("answers", payload=self.job.form.most(rows))
        self._note(message)
        try:
            return self.job.form.read(data, rows)
        except Refused as refused:
            raise Ended(Outcome.REFUSED, str(refused)) from None

    def read_predictions(self) -> None:
        """Let the box read a prediction file."""
        (call,) = self.job.calls
        self.talk.box.hand_in(call.file)
        self.talk.allow(self.job.limits.seconds)
        self.talk.tell({"do": "read", "rows_file": call.file.name})
        self.answers = self._answered(call.rows)


def without_probes(seconds: Sequence[float], calls: Sequence[Call]) -> float:
    """The seconds of all calls without what the probe rows took, at the rate of the call that was fastest by the row.

    The fastest, since an entry that puts its learning off to the first call would else have a share of it taken out.
    """
    rate = min(spent / call.rows for spent, call in zip(seconds, calls, strict=True))
    probes = sum(call.rows * (1 - call.test_share) for call in calls)
    return max(0.0, sum(seconds) - rate * probes)
