"""Uses up the process ids of the user with threads, which no list of processes shows."""

import threading
import time

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        threading.stack_size(64 * 1024)
        for held in range(self.most):
            try:
                threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
            except RuntimeError:
                self.tell("stopped at", held)
                return
        self.tell("REACHED", self.most)
