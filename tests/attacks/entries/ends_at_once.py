"""Leaves without a word."""

import os

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        os._exit(0)
