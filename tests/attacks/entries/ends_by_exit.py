"""Asks the interpreter to leave, as if all were well."""

import sys

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        sys.exit(0)
