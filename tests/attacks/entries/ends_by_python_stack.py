"""Calls itself through Python's own functions until the stack is used up."""

import sys

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        sys.setrecursionlimit(10**7)

        def again(_):
            return list(map(again, [0]))

        again(0)
