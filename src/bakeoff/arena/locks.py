"""Locks on files that end with the process that holds them."""

from __future__ import annotations

import os
from pathlib import Path


def is_locked(file: Path) -> bool:
    """Whether a living process holds a lock on the file, even one whose number means nothing here; False without it."""
    import fcntl

    try:
        handle = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
