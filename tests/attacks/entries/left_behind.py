"""Leaves a process behind: forked twice, in a session of its own, without the environment that could tell it."""

import os
import sys
import time

from hostile import Hostile

STAYS = "import time; time.sleep(60)"


class Model(Hostile):
    ends = False

    def attack(self):
        first = os.fork()
        if first == 0:
            os.setsid()
            if os.fork() == 0:
                os.chdir("/")
                os.closerange(0, 256)
                os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", STAYS, self.token], {})
            os._exit(0)
        os.waitpid(first, 0)
        time.sleep(0.3)
