"""The processes of a box: finding them wherever they went, and ending them all."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from bakeoff.nouns import Level

if TYPE_CHECKING:
    import psutil

    from bakeoff.arena.wall.box import Box

MARK = "BAKEOFF_BOX"
ROUNDS = 200
PATIENCE = 0.01
ITS_OWN_END = 2.0


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants that are alive."""
    import psutil

    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def kill(box: Box) -> None:
    """End every process of a box; with bubblewrap its process space goes at once."""
    box.group.kill()
    members = tree(box.process.pid)
    if box.level is Level.BUBBLEWRAP:
        _end([process.pid for process in members[1:]])
    else:
        _kill_all(box)
    # The first of them ends by itself when it has seen the others end, so that nobody else need bury them.
    with contextlib.suppress(subprocess.TimeoutExpired):
        box.process.wait(ITS_OWN_END if len(members) > 1 else 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if box.process.poll() is None:
            os.killpg(box.process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        box.process.wait(10)
    for _ in range(ROUNDS):
        if not any(_alive(process) for process in members):
            return
        time.sleep(PATIENCE)


def _kill_all(box: Box) -> None:
    """End round by round until nobody is found: first those that could start others, last the one they fall to."""
    number = 0 if box.identity is None else box.identity.number
    for _ in range(ROUNDS):
        # A user of its own is ended in one call, before whose end none of its processes can start another.
        if number:
            _end_user(number)
        victims = {process.pid for process in tree(box.process.pid)[1:]} | box.group.members() | _marked(box.mark)
        victims -= {box.process.pid, os.getpid()}
        if not victims:
            return
        _end(list(victims))
        time.sleep(PATIENCE)


def _end(pids: list[int]) -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)


def _end_user(number: int) -> None:
    """Let a shell of that user kill whatever it may, which is that user's processes and nothing else."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            ["/bin/sh", "-c", "kill -9 -1"],
            user=number,
            group=number,
            extra_groups=[],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )


def _alive(process: psutil.Process) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _marked(mark: str) -> set[int]:
    """Processes that left the box's tree but still carry its mark in their environment."""
    import psutil

    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found
