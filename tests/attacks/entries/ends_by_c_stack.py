"""Calls itself through C until the stack is used up."""

import ctypes

from hostile import Hostile

CALLED = ctypes.CFUNCTYPE(None)


class Model(Hostile):
    def attack(self):
        import sys

        sys.setrecursionlimit(10**7)

        @CALLED
        def again():
            again()

        again()
