"""Holds more memory than is allowed as files in shared memory."""

import os
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        path = f"/dev/shm/{self.token}"
        block = os.urandom(1 << 20)
        with open(path, "wb", buffering=0) as file:
            for _ in range(self.mib):
                file.write(block)
        time.sleep(0.5)
        self.tell("REACHED", self.mib, "MiB")
