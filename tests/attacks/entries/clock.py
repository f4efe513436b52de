"""Sets the system's clock (to what it shows)."""

import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME))
        self.tell("set")
