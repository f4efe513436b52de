"""Warm spares: boxes that are started ahead and import the common libraries while other cells run."""

from __future__ import annotations

import threading

from bakeoff.arena.wall.box import PLAIN, Box, Fittings
from bakeoff.arena.wall.levels import open_box
from bakeoff.nouns import Level


class Spares:
    """Keeps `ahead` warm boxes with the fittings needed next; a box serves one cell and is never used again."""

    def __init__(self, level: Level, ahead: int = 1, house_cores: tuple[int, ...] = ()) -> None:
        self.level = level
        self.ahead = ahead
        self.house_cores = house_cores
        self._warm: dict[Fittings, list[Box]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def warm(self, fittings: Fittings = PLAIN) -> None:
        """Start spares until `ahead` of them wait."""
        with self._lock:
            waiting = self._warm.setdefault(fittings, [])
            while not self._closed and len(waiting) < self.ahead:
                waiting.append(self._open(fittings))
            idle = [box for other, boxes in self._warm.items() if other != fittings for box in boxes]
            for other in self._warm.keys() - {fittings}:
                self._warm[other] = []
        for box in idle:
            box.close()

    def take(self, fittings: Fittings = PLAIN) -> Box:
        """A box for one cell, the oldest spare if there is one."""
        with self._lock:
            waiting = self._warm.setdefault(fittings, [])
            return waiting.pop(0) if waiting else self._open(fittings)

    def _open(self, fittings: Fittings) -> Box:
        return open_box(self.level, fittings, self.house_cores)

    def close(self) -> None:
        """End the spares that nobody took."""
        with self._lock:
            self._closed = True
            boxes = [box for waiting in self._warm.values() for box in waiting]
            self._warm.clear()
        for box in boxes:
            box.close()
