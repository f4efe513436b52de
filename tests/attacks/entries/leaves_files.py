"""Leaves files wherever it may write."""

import contextlib
import os

from hostile import Hostile, writable_places


class Model(Hostile):
    ends = False

    def attack(self):
        for place in (*writable_places(), self.outside):
            with contextlib.suppress(OSError), open(os.path.join(place, self.token), "w") as file:
                file.write("for the next one")
