"""Pours bytes without a line's end into the pipe of the answers."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        for _ in range(self.mib):
            pour(b"x" * (1 << 20))
