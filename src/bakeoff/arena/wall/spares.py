"""Warm spares: boxes that are started ahead and import the common libraries while other cells run."""

from __future__ import annotations

import threading
from pathlib import Path

from bakeoff.arena.wall.confinement import Box, open_box
from bakeoff.nouns import Level


class Spares:
    """Keeps `ahead` warm boxes for the environment that is next; each box serves one cell and is never used again."""

    def __init__(self, level: Level, ahead: int = 1, house_cores: tuple[int, ...] = (), threads: int = 1) -> None:
        self.level = level
        self.ahead = ahead
        self.house_cores = house_cores
        self.threads = threads
        self._warm: dict[Path | None, list[Box]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def warm(self, environment: Path | None = None) -> None:
        """Start spares until `ahead` of them wait."""
        with self._lock:
            waiting = self._warm.setdefault(environment, [])
            while not self._closed and len(waiting) < self.ahead:
                waiting.append(self._open(environment))
            idle = [box for other, boxes in self._warm.items() if other != environment for box in boxes]
            for other in self._warm.keys() - {environment}:
                self._warm[other] = []
        for box in idle:
            box.close()

    def take(self, environment: Path | None = None) -> Box:
        """A box for one cell, the oldest spare if there is one."""
        with self._lock:
            waiting = self._warm.setdefault(environment, [])
            return waiting.pop(0) if waiting else self._open(environment)

    def _open(self, environment: Path | None) -> Box:
        return open_box(self.level, environment, self.house_cores, self.threads)

    def close(self) -> None:
        """End the spares that nobody took."""
        with self._lock:
            self._closed = True
            boxes = [box for waiting in self._warm.values() for box in waiting]
            self._warm.clear()
        for box in boxes:
            box.close()
