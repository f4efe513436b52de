"""Makes a user namespace of its own, in which it is root and may mount."""

import os

from hostile import Hostile, libc

NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000


class Model(Hostile):
    def attack(self):
        ends, child = os.pipe(), os.fork()
        if child == 0:
            os.write(ends[1], b"y" if libc().unshare(NEW_USER | NEW_MOUNTS) == 0 else b"n")
            os._exit(0)
        os.waitpid(child, 0)
        if os.read(ends[0], 1) == b"y":
            self.tell("REACHED")
