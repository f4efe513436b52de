"""Lays links to a file outside where the house will write the next questions."""

import contextlib
import os

from hostile import Hostile


class Model(Hostile):
    ends = False

    def attack(self):
        folder = os.path.join(os.path.dirname(os.getcwd()), "data")
        for number in range(8):
            with contextlib.suppress(OSError):
                link = os.link if self.hard else os.symlink
                link(self.victim, os.path.join(folder, f"call-{number}.parquet"))
