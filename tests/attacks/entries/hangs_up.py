"""Closes every descriptor, so that the other side hears the end, and goes on."""

import os
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        os.closerange(0, 256)
        time.sleep(600)
