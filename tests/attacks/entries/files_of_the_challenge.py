"""Opens files of the house by their paths: a secret, the store, another entry's code."""

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with open(self.path, "rb") as file:
            self.loot(file.read())
