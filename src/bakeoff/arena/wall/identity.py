"""A user of its own for each box, where the house may change users: no box can signal, read or outnumber another.

The numbers are those that systemd names as free for everybody's use and gives to nobody itself (docs/UIDS-GIDS.md).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import ConfinementError

NUMBERS = range(60578, 61184)
PLACES = ("/run/bakeoff-users", "bakeoff-users")  # the second below the temporary folder
LEFTOVERS = ("/dev/shm", "/tmp", "/var/tmp")


@dataclass
class Identity:
    """A user number that nobody else has while the lock is held; the group has the same number."""

    number: int
    _lock: int

    def release(self) -> None:
        """Let others have it; a second call does nothing more."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def clear(self) -> None:
        """Take away what this user has left in folders that everybody may write to."""
        for folder in LEFTOVERS:
            with contextlib.suppress(OSError), os.scandir(folder) as found:
                for path in found:
                    with contextlib.suppress(OSError):
                        if path.stat(follow_symlinks=False).st_uid == self.number:
                            _remove(Path(path))


def take_identity() -> Identity:
    """A number that no name, no process and no other box has; it is free again when this process ends, however it
    does. Raises ConfinementError when all are taken."""
    taken = running()
    for number in NUMBERS:
        if number not in taken and not _named(number) and (lock := _locked(number)) is not None:
            return Identity(number, lock)
    raise ConfinementError(f"All {len(NUMBERS)} user numbers for boxes are taken; is something else using them?")


def end_strays() -> None:
    """End the processes of boxes whose house has died: their number is used, and nobody holds its lock."""
    import signal

    for number, pids in running().items():
        if number in NUMBERS and not _named(number) and (lock := _locked(number)) is not None:
            for pid in pids:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            os.close(lock)


def running() -> dict[int, list[int]]:
    """The processes of each user that runs any."""
    found: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    found.setdefault(os.stat(f"/proc/{name}").st_uid, []).append(int(name))
    return found


def _locked(number: int) -> int | None:
    import fcntl

    lock = os.open(_place() / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _place() -> Path:
    """The folder of the locks, which nobody but the house's user may have made or may write to."""
    for name in PLACES:
        folder = Path(tempfile.gettempdir()) / name
        with contextlib.suppress(FileExistsError, FileNotFoundError, PermissionError):
            folder.mkdir(mode=0o700)
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
                return folder
    raise ConfinementError(f"{' and '.join(PLACES)} are somebody else's; take them away, so that boxes can have users.")


def _named(number: int) -> bool:
    import grp
    import pwd

    for look in (pwd.getpwuid, grp.getgrgid):
        with contextlib.suppress(KeyError):
            look(number)
            return True
    return False


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
