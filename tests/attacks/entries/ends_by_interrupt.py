"""Pretends that somebody has pressed Ctrl-C."""

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        raise KeyboardInterrupt
