"""Lays pipes without a reader where the house will write the next questions."""

import contextlib
import os

from hostile import Hostile


class Model(Hostile):
    ends = False

    def attack(self):
        folder = os.path.join(os.path.dirname(os.getcwd()), "data")
        for number in range(8):
            with contextlib.suppress(OSError):
                os.mkfifo(os.path.join(folder, f"call-{number}.parquet"))
