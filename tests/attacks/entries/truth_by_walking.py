"""Walks the disk until it meets a file of the truth's name."""

import os
import sys
import time

from hostile import Hostile

DULL = ("/proc", "/sys", "/dev", "/usr", sys.base_prefix, sys.prefix)


class Model(Hostile):
    def attack(self):
        end = time.monotonic() + 4
        for top in (*self.tops, "/tmp", "/home", "/var", "/"):
            for folder, below, files in os.walk(top):
                below[:] = [name for name in below if os.path.join(folder, name) not in DULL]
                for name in files:
                    if name == self.name and "truth" in folder:
                        self.take(os.path.join(folder, name))
                if time.monotonic() > end:
                    return

    def take(self, path):
        try:
            with open(path, "rb") as file:
                self.loot(file.read())
        except OSError as error:
            self.tell(type(error).__name__)
