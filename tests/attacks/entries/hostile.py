"""What every hostile entry does besides its attack: it fits, answers evenly, and tells what it got."""

import contextlib
import hashlib
import os
import sys


class Hostile:
    """Attacks in fit, then fails with all that it got; with `ends` false it goes on as if nothing had been."""

    ends = True

    def __init__(self, **given):
        self.said = []
        for name, value in given.items():
            setattr(self, name, value)

    def fit(self, X, y):
        self.classes_ = sorted(set(y))
        with contextlib.suppress(OSError):
            self.attack()
        if self.ends:
            raise RuntimeError("; ".join(self.said) or "got nothing")
        return self

    def attack(self):
        """Try it; an OSError is a wall."""

    def predict_proba(self, X):
        import numpy as np

        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def tell(self, *words):
        self.said.append(" ".join(map(str, words)))
        print(self.said[-1], flush=True)

    def loot(self, data):
        """Tell what only somebody can know who has read the data."""
        self.tell("LOOT", hashlib.sha256(data).hexdigest())


def processes():
    """The ids of all processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def pipes_out():
    """The descriptors beyond output and errors through which this process can write to another."""
    import fcntl
    import stat

    found = []
    for fd in range(3, 256):
        with contextlib.suppress(OSError):
            kind = os.fstat(fd).st_mode
            mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
            if (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)) and mode != os.O_RDONLY:
                found.append(fd)
    return found


def pour(data):
    """Write into every pipe that leads out."""
    for fd in pipes_out():
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]


def writable_places():
    """Folders where something may be written, the likely ones first."""
    here = os.getcwd()
    wanted = [os.environ.get("TMPDIR"), here, os.path.dirname(here), os.path.join(os.path.dirname(here), "data")]
    wanted += [os.environ.get("HOME"), "/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/", sys.prefix]
    return [place for place in dict.fromkeys(wanted) if place and os.path.isdir(place) and os.access(place, os.W_OK)]


def libc():
    """The C library, errors kept."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
