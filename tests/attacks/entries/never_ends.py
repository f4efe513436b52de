"""Hangs, deaf to every signal that can be ignored."""

import contextlib
import signal
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        for number in range(1, 32):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
