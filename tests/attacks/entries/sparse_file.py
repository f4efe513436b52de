"""Makes a file of 10 GB that holds nothing, where answers or models might be looked for."""

import contextlib
import os

from hostile import Hostile, writable_places


class Model(Hostile):
    def attack(self):
        for place in writable_places():
            with contextlib.suppress(OSError):
                self.make(os.path.join(place, self.token))
                return

    def make(self, path):
        with open(path, "wb") as file:
            file.truncate(10_000_000_000)
            self.tell("FILLED", os.fstat(file.fileno()).st_dev)
