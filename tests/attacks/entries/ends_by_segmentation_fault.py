"""Reads where nothing is."""

import ctypes

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        ctypes.string_at(0)
