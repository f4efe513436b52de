"""A wall-clock budget, and whether there is room in it for one more step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class Clock:
    """Runs from when it is made; `seconds` 0 means no limit. `now` can be given, in seconds."""

    def __init__(self, seconds: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._now = now
        self._began = now()

    def elapsed(self) -> float:
        """Seconds since it was made."""
        return self._now() - self._began

    def put_forward(self, seconds: float) -> None:
        """Count seconds that were spent before it was made."""
        self._began -= seconds

    def left(self) -> float:
        """Seconds until the budget ends; infinite without one."""
        return self.seconds - self.elapsed() if self.seconds else float("inf")


class Pace:
    """What steps and checks of the held-out part have taken, and so whether another step fits."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._steps: deque[tuple[float, int]] = deque(maxlen=8)
        self._check: float | None = None

    def stepped(self, seconds: float, records: int) -> None:
        """One more step of so many records."""
        self._steps.append((seconds, records))

    def checked(self, seconds: float) -> None:
        """The held-out part was answered."""
        self._check = seconds

    def check(self, held_out: int) -> float:
        """How long answering the held-out part will take: as last time, or as learning half as many records."""
        if self._check is not None:
            return self._check
        records = sum(count for _, count in self._steps)
        return sum(seconds for seconds, _ in self._steps) / max(1, records) * held_out / 2

    def room(self, held_out: int) -> bool:
        """Whether one more step, and answering the held-out part, fit into what is left."""
        longest = max((seconds for seconds, _ in self._steps), default=0.0)
        return self.clock.left() > longest + self.check(held_out)
