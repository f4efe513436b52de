"""Attaches a System V shared memory segment of another process."""

import ctypes

from hostile import Hostile, libc


class Model(Hostile):
    def attack(self):
        found = libc().shmget(self.key, 0, 0)
        if found < 0:
            return
        attach = libc().shmat
        attach.restype = ctypes.c_void_p
        attach.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
        address = attach(found, None, 0o10000)
        if address not in (None, 2**64 - 1):
            self.loot(ctypes.string_at(address, self.length))
