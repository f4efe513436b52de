"""Puts itself before everybody else on the processor."""

import contextlib
import os

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)
            self.tell("REACHED: before all others")
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            self.tell("REACHED: in real time")
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
