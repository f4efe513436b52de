"""Writes into the folders that the house's own code is loaded from."""

import contextlib
import os

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        for place in self.places:
            with contextlib.suppress(OSError), open(os.path.join(place, self.token), "w") as file:
                file.write("import evil")
