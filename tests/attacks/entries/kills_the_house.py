"""Sends a signal to the house's process, a harmless one, and ends whatever else started it."""

import contextlib
import os
import signal

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with contextlib.suppress(OSError):
            os.kill(self.house, self.signal)
            self.tell("sent")
        if os.getppid() not in (0, self.house):
            os.kill(os.getppid(), signal.SIGKILL)
