"""Opens the truth by its path."""

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with open(self.truth, "rb") as file:
            self.loot(file.read())
