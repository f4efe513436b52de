"""The command line of bubblewrap: name spaces of its own, a root that cannot be written, and nothing of the house."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

TMP_BYTES = 1 << 30
SHARED_BYTES = 256 << 20
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives")
CELL, MODELS, TMP = "/cell", "/models", "/tmp"
ROOMS = ("code", "data")
DISABLES_NESTING = (0, 8)


def wrapped(shown: Iterable[str], folder: Path, models: Path | None, seccomp: int) -> list[str]:
    """Bubblewrap's command, to which the command that runs inside is appended.

    `shown` are folders seen at their own place, `folder` is seen as /cell, `seccomp` is a descriptor or -1.
    """
    command = [
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"),
        *("--hostname", "cell", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(SHARED_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
        *("--size", str(TMP_BYTES), "--tmpfs", TMP),
        *(("--disable-userns",) if version() >= DISABLES_NESTING else ()),
        *(("--seccomp", str(seccomp)) if seccomp >= 0 else ()),
    ]
    for top in SYSTEM:
        if os.path.islink(top):
            command += ["--symlink", os.readlink(top), top]
        else:
            command += ["--ro-bind-try", top, top]
    for path in shown:
        command += ["--ro-bind", os.path.realpath(path), path]
    if models is not None:
        command += ["--ro-bind", os.path.realpath(models), MODELS]
    for room in ROOMS:
        command += ["--ro-bind", str(folder / room), f"{CELL}/{room}"]
    return [*command, "--chdir", TMP, "--remount-ro", "/", "--"]


@functools.cache
def version() -> tuple[int, ...]:
    """Bubblewrap's version, empty where it is not installed."""
    try:
        tried = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", tried.stdout)[:2])
