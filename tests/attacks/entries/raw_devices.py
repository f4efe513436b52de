"""Reads the disk and the kernel's memory as devices, also through a node that it makes itself."""

import contextlib
import glob
import os
import stat

from hostile import Hostile, writable_places

KERNEL = ("/dev/mem", "/dev/kmsg", "/proc/kcore")


class Model(Hostile):
    def attack(self):
        for path in (*glob.glob("/dev/*"), *KERNEL):
            with contextlib.suppress(OSError):
                if stat.S_ISBLK(os.stat(path).st_mode) or path in KERNEL:
                    self.take(path)
        with open("/proc/partitions") as file:
            for line in file.read().splitlines()[2:]:
                major, minor = map(int, line.split()[:2])
                for place in writable_places():
                    with contextlib.suppress(OSError):
                        self.make(os.path.join(place, f"{self.token}-{major}-{minor}"), os.makedev(major, minor))

    def make(self, node, device):
        os.mknod(node, 0o600 | stat.S_IFBLK, device)
        try:
            self.take(node)
        finally:
            os.unlink(node)

    def take(self, path):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if os.read(fd, 8192 if path in KERNEL else 512):
            self.tell("REACHED", path)
        os.close(fd)
