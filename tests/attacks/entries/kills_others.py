"""Ends a process that is not its own."""

import os
import signal

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        os.kill(self.pid, signal.SIGKILL)
        self.tell("sent")
