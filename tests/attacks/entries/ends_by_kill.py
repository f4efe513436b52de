"""Kills itself as the system does when memory is short."""

import os
import signal

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        os.kill(os.getpid(), signal.SIGKILL)
