"""Reads another process's memory through /proc."""

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as file:
            file.seek(self.address)
            self.loot(file.read(self.length))
