"""Knocks at doors of the kernel that escapes have gone through: bpf, io_uring, userfaultfd, perf, keys, modules."""

import ctypes
import errno
import platform

from hostile import Hostile, libc

INTEL = {"bpf": 321, "io_uring": 425, "userfaultfd": 323, "perf": 298, "keys": 250, "modules": 313, "kexec": 246}
ARM = {"bpf": 280, "io_uring": 425, "userfaultfd": 282, "perf": 241, "keys": 219, "modules": 273, "kexec": 104}
SHUT = (errno.EPERM, errno.ENOSYS, errno.EACCES)


class Model(Hostile):
    def attack(self):
        calls = {"x86_64": INTEL, "aarch64": ARM}.get(platform.machine(), {})
        for name, number in calls.items():
            # No call gets arguments with which it could do anything.
            if libc().syscall(number, -1, 0, 0, 0, 0) < 0 and ctypes.get_errno() not in SHUT:
                self.tell("REACHED", name, errno.errorcode.get(ctypes.get_errno(), "?"))
