"""Rewrites settings of the kernel through which others' processes could be taken over (with what they are)."""

import contextlib

from hostile import Hostile

FILES = ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/sys/kernel/modprobe")


class Model(Hostile):
    def attack(self):
        for path in FILES:
            with contextlib.suppress(OSError), open(path, "r+b", buffering=0) as file:
                said = file.read()
                file.seek(0)
                file.write(said)
                self.tell("REACHED", path)
