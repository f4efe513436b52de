"""Reads another process's memory with process_vm_readv."""

import ctypes

from hostile import Hostile, libc


class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Model(Hostile):
    def attack(self):
        held = ctypes.create_string_buffer(self.length)
        here = Vector(ctypes.addressof(held), self.length)
        there = Vector(self.address, self.length)
        read = libc().process_vm_readv(self.pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        if read == self.length:
            self.loot(held.raw)
