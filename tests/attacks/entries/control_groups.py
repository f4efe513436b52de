"""Leaves its control group, and with it the limits and meters."""

import contextlib
import glob

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        for path in (*glob.glob("/sys/fs/cgroup/*/cgroup.procs"), "/sys/fs/cgroup/cgroup.procs"):
            with contextlib.suppress(OSError), open(path, "w") as file:
                file.write("0")
                file.flush()
                self.tell("REACHED", path)
