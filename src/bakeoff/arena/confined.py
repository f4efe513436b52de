"""One box for work beside the cells: what it ends with comes out as a plain error instead of an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from bakeoff.arena.cellrun import LOAD_SECONDS, READY_SECONDS
from bakeoff.arena.wall.confinement import PLAIN, Fittings, best_level, open_box
from bakeoff.arena.wall.conversation import Conversation, Ended
from bakeoff.errors import BakeoffError, Declined, EntryError
from bakeoff.nouns import Level, Limits, Outcome


class Confined:
    """A box at the best level that does what it is told, until it is closed.

    `called` is how a sentence names what runs in it. Raises ConfinementError when the box cannot start.
    """

    def __init__(
        self, limits: Limits, fittings: Fittings = PLAIN, *, called: str = "The entry", level: Level | None = None
    ) -> None:
        self.box = open_box(level or best_level(), replace(fittings, warm="cold"))
        self.limits = limits
        self.called = called
        self.loaded: dict[str, Any] = {}
        self.talk = Conversation(self.box, limits, house=not self.box.own_packages)
        try:
            self._wait("ready", 0, READY_SECONDS)
            self.box.group.cap_memory(limits.memory_mib)
            self.talk.forget_log()
            self.talk.house = False
            self.talk.base_processes = self.talk.meter().processes
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the box."""
        self.box.close()

    def load(self, spec: Mapping[str, Any], code: Path | None) -> None:
        """Hand an entry's code in and let it be imported; `loaded` then holds what the box said of it."""
        try:
            if code is not None:
                self.box.bring_code(code)
            self.loaded, _ = self._wait("loaded", 0, LOAD_SECONDS, {"do": "load", "spec": dict(spec)})
        except BaseException:
            self.close()
            raise

    def hand_in(self, file: Path, name: str = "") -> None:
        """Copy a file into the box's data, under its own name or another."""
        self.box.hand_in(file, name)

    def take_back(self, name: str) -> None:
        """Take a handed-in file out of the box again."""
        (self.box.folder / "data" / name).unlink(missing_ok=True)

    def ask(self, message: Mapping[str, Any], event: str, payload: int = 0) -> bytes:
        """What comes with the event that answers a message."""
        return self.hear(message, event, payload)[1]

    def hear(self, message: Mapping[str, Any] | None, event: str, payload: int = 0) -> tuple[dict[str, Any], bytes]:
        """The event that answers a message, or the next one where there is none, and what comes with it."""
        return self._wait(event, payload, self.limits.seconds if message is not None else 0, message)

    def error(self, ended: Ended) -> BakeoffError:
        """The error that stands for how the box ended."""
        kind = Declined if ended.outcome is Outcome.DECLINED else EntryError
        tail = self.talk.log_tail(5) if ended.outcome is Outcome.FAILED else ""
        return kind(f"{self.called} {ended.outcome.value}: {ended.reason}" + (f"\n{tail}" if tail else ""))

    def _wait(
        self, event: str, payload: int, seconds: float, message: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        if seconds:
            self.talk.allow(seconds, importing=event in ("ready", "loaded"))
        try:
            if message is not None:
                self.talk.tell(message)
            return self.talk.wait(event, payload)
        except Ended as ended:
            self.talk.finish_log()
            self.close()
            raise self.error(ended) from None
