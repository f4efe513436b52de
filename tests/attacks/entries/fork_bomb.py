"""Starts processes until it holds many, all alive."""

import os
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        for held in range(self.most):
            try:
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
            except OSError:
                self.tell("stopped at", held)
                time.sleep(1)
                return
        self.tell("REACHED", self.most)
