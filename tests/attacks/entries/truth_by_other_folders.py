"""Goes through the working folders of other processes to the truth."""

import contextlib

from hostile import Hostile, processes


class Model(Hostile):
    def attack(self):
        for pid in processes():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cwd/{self.inner}", "rb") as file:
                self.loot(file.read())
                return
