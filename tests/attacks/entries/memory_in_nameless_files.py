"""Holds more memory than is allowed in nameless files, which no process counts as its own."""

import os
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        block = os.urandom(1 << 20)
        for number in range(self.mib // 100):
            fd = os.memfd_create(str(number))
            for _ in range(100):
                os.write(fd, block)
        time.sleep(0.5)
        self.tell("REACHED", self.mib, "MiB")
