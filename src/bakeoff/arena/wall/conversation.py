"""The parent's side of a cell: hand in, wait, watch the limits, and take out what may come out."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeoff.arena.escaping import clean
from bakeoff.arena.wall import wire
from bakeoff.arena.wall.box import MOST_FILES, Box
from bakeoff.arena.wall.bubblewrap import TMP_BYTES
from bakeoff.arena.wall.meter import Meter, Reading
from bakeoff.errors import ConfinementError
from bakeoff.nouns import Limits, Outcome

TICK = 0.05
LOG_KEPT = 64 * 1024
ENDINGS = {"declined": Outcome.DECLINED, "refused": Outcome.REFUSED, "failed": Outcome.FAILED}


class Ended(Exception):
    """The cell ended before it was done; `killed` when somebody killed it, who may not have been the entry."""

    def __init__(self, outcome: Outcome, reason: str, killed: bool = False) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.killed = killed


@dataclass
class Conversation:
    """Talks to one box; `wait` raises Ended as soon as a limit is passed or the entry has ended itself."""

    box: Box
    limits: Limits
    peak_mib: float = 0.0
    log_bytes: int = 0
    log: bytearray = field(default_factory=bytearray)
    deadline: float = float("inf")
    allowed: float = 0.0
    importing: bool = False
    base_processes: int = 0
    house: bool = True  # until the entry's code is in the box, an end is the house's fault
    _inbox: wire.Inbox = field(default_factory=lambda: wire.Inbox(0))
    _waiting: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    _metered: float = 0.0

    def __post_init__(self) -> None:
        self.meters = Meter(self.box)

    def allow(self, seconds: float, importing: bool = False) -> None:
        """Set the deadline so many seconds from now; `importing` while the entry's own code is being loaded."""
        self.allowed, self.importing = seconds, importing
        self.deadline = time.monotonic() + seconds

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send one message in; an entry that has stuffed the pipe is timed out like any other."""
        view = memoryview(wire.line(message))
        with selectors.DefaultSelector() as selector:
            selector.register(self.box.asks, selectors.EVENT_WRITE)
            while view:
                selector.select(TICK)
                try:
                    view = view[os.write(self.box.asks, view) :]
                except BlockingIOError:
                    self._watch()
                except BrokenPipeError:
                    raise self._gone() from None

    def wait(self, event: str, payload: int = 0) -> tuple[dict[str, Any], bytes]:
        """Wait for `event`, whose payload may have `payload` bytes at the most."""
        self._inbox.payload_cap = payload
        with selectors.DefaultSelector() as selector:
            selector.register(self.box.answers, selectors.EVENT_READ)
            if self.box.log >= 0:
                selector.register(self.box.log, selectors.EVENT_READ)
            while not self._waiting:
                ready = {key.fd for key, _ in selector.select(TICK)}
                if self.box.log in ready and not self._take_log():
                    selector.unregister(self.box.log)
                if self.box.answers in ready:
                    self._take_answers()
                self._watch()
        message, data = self._waiting.pop(0)
        return self._expect(event, message, data)

    def _expect(self, event: str, message: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        said = message["event"]
        reason = clean(str(message.get("reason", "")), 2000)
        if said in ENDINGS:
            raise Ended(ENDINGS[said], reason)
        if said == "memory":
            raise Ended(Outcome.OUT_OF_MEMORY, f"{reason} of {self.limits.memory_mib} MiB.")
        if said != event:
            raise Ended(Outcome.REFUSED, f"it said {clean(said, 40)!r} where {event!r} was due.")
        return message, data

    def _take_answers(self) -> None:
        data = os.read(self.box.answers, 1 << 20)
        if not data:
            raise self._gone()
        try:
            self._waiting += self._inbox.feed(data)
        except wire.Malformed as error:
            raise Ended(Outcome.REFUSED, f"what came out of the box is not an answer: {error}.") from error

    def _take_log(self) -> bool:
        data = os.read(self.box.log, 1 << 16)
        self.log_bytes += len(data)
        self.log += data
        del self.log[:-LOG_KEPT]
        if self.log_bytes > self.limits.log_mib << 20:
            raise Ended(Outcome.FAILED, f"it printed more than {self.limits.log_mib} MiB.")
        return bool(data)

    def _watch(self) -> None:
        now = time.monotonic()
        if now > self.deadline and self.house:
            raise ConfinementError("A worker was not ready in time; is the machine overloaded?")
        if now > self.deadline:
            if self.importing:
                raise Ended(Outcome.FAILED, f"its own code had not been imported after {self.allowed:g} s.")
            raise Ended(Outcome.TIMED_OUT, f"it had not answered after {self.allowed:g} s.")
        if now - self._metered >= TICK:
            self._metered = now
            self.meter()

    def meter(self) -> Reading:
        """Read the meters, keep the peak, and end the cell when memory or processes pass their limit."""
        reading = self.meters.read(self.base_processes + self.limits.processes)
        self.peak_mib = max(self.peak_mib, reading.mib)
        if reading.mib > self.limits.memory_mib:
            raise Ended(
                Outcome.OUT_OF_MEMORY,
                f"it held {reading.mib:.0f} MiB where {self.limits.memory_mib} MiB are allowed.",
            )
        if self.box.group.ran_out_of_memory():
            raise Ended(
                Outcome.OUT_OF_MEMORY,
                f"the system ended one of its processes, where {self.limits.memory_mib} MiB are allowed.",
            )
        if reading.files > MOST_FILES or reading.stored_mib > TMP_BYTES >> 20:
            raise Ended(
                Outcome.FAILED,
                f"it held {reading.files} temporary files of {reading.stored_mib:.0f} MiB on disk, where {MOST_FILES} "
                f"files and {TMP_BYTES >> 20} MiB are allowed.",
            )
        if self.base_processes and reading.processes - self.base_processes >= self.limits.processes:
            raise Ended(
                Outcome.FAILED, f"it started {reading.processes} processes where {self.limits.processes} are allowed."
            )
        return reading

    def _gone(self) -> Exception:
        """The box closed its end: say how it died."""
        self._drain_log()
        code = self._exit_code()
        if self.house:
            return ConfinementError(
                f"A worker ended before it was ready (exit code {code}): {self.log_tail(3) or 'it said nothing'}."
            )
        near = self.peak_mib > 0.8 * self.limits.memory_mib
        if code in (137, -9) and (near or self.box.group.ran_out_of_memory()):
            return Ended(Outcome.OUT_OF_MEMORY, f"the system killed it at the limit of {self.limits.memory_mib} MiB.")
        if code is None:
            return Ended(Outcome.FAILED, "it closed its pipe without answering.")
        return Ended(Outcome.FAILED, f"it ended without answering (exit code {code}).", killed=code in (137, -9))

    def _exit_code(self) -> int | None:
        # An entry that leaves by os._exit closes the pipe a moment before its parent can be waited for.
        try:
            return self.box.process.wait(2)
        except subprocess.TimeoutExpired:
            return None

    def _drain_log(self) -> None:
        os.set_blocking(self.box.log, False)
        try:
            while self._take_log():
                pass
        except (BlockingIOError, Ended, OSError):
            return

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that the entry printed, control characters made visible."""
        text = bytes(self.log[-8192:]).decode(errors="replace")
        return clean("\n".join(text.splitlines()[-lines:]), LOG_KEPT)

    def forget_log(self) -> None:
        """Leave out what the house's own imports printed."""
        self._drain_log()
        self.log.clear()
        self.log_bytes = 0

    def finish_log(self) -> None:
        """Take what the entry has printed up to now."""
        self._drain_log()
