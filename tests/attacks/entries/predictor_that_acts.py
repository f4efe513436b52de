"""Fits as others do, and runs code of its own wherever it is unpickled."""

from hostile import Hostile

DONE = "import os, pathlib; pathlib.Path({path!r}).write_text(str(os.getpid()))"


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (DONE.format(path=self.path),)


class Model(Hostile):
    ends = False

    def attack(self):
        self.bomb = Bomb(self.path)
