"""Holds more memory than is allowed in several processes, each of them within its own limit."""

import os
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        ready, full = os.pipe()
        for _ in range(self.processes):
            if os.fork() == 0:
                held = bytearray(os.urandom(4096) * (self.mib << 8))
                os.write(full, b"x" if held else b"")
                time.sleep(20)
                os._exit(0)
        os.close(full)
        got = 0
        while got < self.processes:
            got += len(os.read(ready, self.processes))
        self.tell("REACHED", self.processes * self.mib, "MiB")
