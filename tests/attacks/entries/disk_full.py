"""Fills a disk with files, each of them small enough; stops where it has shown enough."""

import contextlib
import os

from hostile import Hostile, writable_places

STEP = 100 << 20


class Model(Hostile):
    def attack(self):
        for place in writable_places():
            made = []
            try:
                self.fill(place, made)
                return
            except OSError:
                for path in made:
                    with contextlib.suppress(OSError):
                        os.unlink(path)

    def fill(self, place, made):
        device = 0
        for number in range(-(-(self.mib << 20) // STEP)):
            made.append(os.path.join(place, f"{self.token}-{number}"))
            fd = os.open(made[-1], os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(fd, 0, STEP)
                device = os.fstat(fd).st_dev
            finally:
                os.close(fd)
        self.tell("FILLED", device)
