"""Prints without end, or so it seems."""

import os

from hostile import Hostile


class Model(Hostile):
    ends = False

    def attack(self):
        line = b"x" * 1023 + b"\n"
        for _ in range(self.mib):
            for _ in range(16):
                os.write(1, line * 64)
