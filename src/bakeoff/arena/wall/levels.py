"""Which levels of confinement a machine can have, and what really holds at each: found by opening a box and looking.

A look is taken once for each process and level, and takes about a tenth of a second.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bakeoff.arena.wall import landlock, seccomp
from bakeoff.arena.wall.box import PLAIN, Box, Fittings, Opening, Way, open_by
from bakeoff.arena.wall.processes import tree
from bakeoff.errors import ConfinementError
from bakeoff.nouns import Level

SECONDS = 60.0
TRIES = 2
SPACES = {
    "user": "user name space",
    "mnt": "mount name space",
    "pid": "process name space",
    "net": "network name space",
    "ipc": "IPC name space",
    "uts": "host name space",
}
PROBE = """
import json, os, socket, sys
def refused(thing):
    try:
        thing()
    except OSError:
        return True
    return False
canary, port, asks, answers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
def unshared():
    import ctypes
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):
        raise OSError("unshare")
def held(path):
    found = os.statvfs(path)
    return found.f_blocks * found.f_frsize
seen = {
    "files": refused(lambda: open(canary)),
    "writes": refused(lambda: open(canary + "-beside", "w")),
    "network": refused(lambda: socket.create_connection(("127.0.0.1", port), 2)),
    "root": refused(lambda: open("/bakeoff-try", "w")),
    "tmp": held(os.environ["TMPDIR"]) <= 1 << 30,
    "nesting": refused(unshared),
}
os.write(answers, json.dumps(seen).encode() + b"\\n")
os.read(asks, 1)
"""


@dataclass(frozen=True)
class Tried:
    """What came of trying a level: the way that works, the layers that hold, or why it does not work at all.

    `gaps` tells for each layer that this machine lacks why it does, with the mend.
    """

    way: Way | None
    layers: tuple[str, ...] = ()
    why: str = ""
    gaps: Mapping[str, str] = field(default_factory=dict)


def open_box(level: Level, fittings: Fittings = PLAIN, cores: tuple[int, ...] = ()) -> Box:
    """Start a single-use interpreter at `level`; it warms up by itself and then says that it is ready.

    It may run on `cores` until it is pinned elsewhere. Raises ConfinementError when it cannot start.
    """
    way = tried(level).way
    if way is None:
        raise ConfinementError(f"A worker could not be started ({level}): {tried(level).why}.")
    return open_by(Opening(level, way, fittings, cores))


@functools.cache
def best_level() -> Level:
    """The best level that works on this machine, found by starting something in it."""
    return Level.PROCESS if why_not(Level.BUBBLEWRAP) else Level.BUBBLEWRAP


def why_not(level: Level) -> str:
    """Why a level cannot be had here, with the mend; empty when it can."""
    return "" if level is Level.PREDICTIONS else tried(level).why


def why_no_bubblewrap() -> str:
    """Why bubblewrap cannot be used here, with the mend; empty when it can."""
    return why_not(Level.BUBBLEWRAP)


def layers(level: Level) -> tuple[str, ...]:
    """What really confines and meters an entry at a level on this machine; nothing for files, of which nothing runs."""
    return () if level is Level.PREDICTIONS else tried(level).layers


def gaps(level: Level) -> dict[str, str]:
    """For each layer that a level could have and this machine has not, why, with the mend."""
    return {} if level is Level.PREDICTIONS else dict(tried(level).gaps)


class _Refused(ConfinementError):
    """The system would not open a box in some way."""


@functools.cache
def tried(level: Level) -> Tried:
    """Open a box at a level in the best way, and then in lesser ones, until one works; look at it from both sides.

    Raises ConfinementError when the machine is too busy or too full to tell, rather than take a lesser way for that.
    """
    if level is Level.BUBBLEWRAP and shutil.which("bwrap") is None:
        return Tried(None, why="bubblewrap is not installed; install it with: apt install bubblewrap")
    said: dict[Way, str] = {}
    for way in ways():
        for _ in range(TRIES):
            try:
                found = look(Opening(level, way))
            except _Refused as error:
                said[way] = str(error)
                continue
            except OSError as error:
                raise ConfinementError(f"A box could not be tried: {error}.") from error
            return Tried(way, found, gaps=_gaps(level, way, found, said))
    last = next(reversed(said.values()))
    if level is Level.BUBBLEWRAP:
        last = (
            f"bubblewrap is installed but may not make user namespaces here ({last}); "
            "ask for kernel.unprivileged_userns_clone=1, or an AppArmor profile for bwrap"
        )
    return Tried(None, why=last)


def ways() -> Iterator[Way]:
    """The ways to open a box here, the best first."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0 and sys.platform == "linux"
    filtered = sys.platform == "linux" and os.uname().machine in seccomp.ARCHITECTURES
    best = Way(user=root, mounts=root, seccomp=filtered, landlock=landlock.version())
    lesser = [best, replace(best, mounts=False), replace(best, user=False, mounts=False)]
    lesser += [replace(way, seccomp=False) for way in lesser]
    lesser += [replace(way, landlock=0) for way in lesser]
    return iter(dict.fromkeys(lesser))


def look(opening: Opening) -> tuple[str, ...]:
    """Open a box that tries what it must not, and name what held; ConfinementError when it does not open."""
    with tempfile.TemporaryDirectory(prefix="bakeoff-try-") as folder, socket.create_server(("127.0.0.1", 0)) as server:
        Path(folder).chmod(0o777)  # so that only a wall is in the way
        canary = Path(folder) / "canary"
        canary.write_text("seen")
        canary.chmod(0o644)
        probe = (sys.executable, "-I", "-S", "-c", PROBE, str(canary), str(server.getsockname()[1]))
        box = open_by(replace(opening, program=probe))
        try:
            inside = json.loads(_heard(box))
            outside = _from_outside(box)
            return tuple(_named(opening, inside, outside, box.group.holds))
        finally:
            box.close()


def _heard(box: Box) -> str:
    said, deadline = b"", time.monotonic() + SECONDS
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([box.answers], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise ConfinementError(f"A box had not answered after {SECONDS:g} s; is the machine overloaded?")
        data = os.read(box.answers, 1 << 16)
        if not data:
            os.set_blocking(box.log, False)
            with contextlib.suppress(BlockingIOError):
                said = os.read(box.log, 1 << 12)
            lines = said.decode(errors="replace").strip().splitlines()
            raise _Refused(lines[-1] if lines else "it ended without a word")
        said += data
    return said.decode()


def _from_outside(box: Box) -> dict[str, Any]:
    """What the system says of the innermost process: its name spaces and its status."""
    member = tree(box.process.pid)[-1].pid
    found: dict[str, Any] = {"spaces": []}
    with contextlib.suppress(OSError):
        for name in SPACES:
            if os.readlink(f"/proc/{member}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
                found["spaces"].append(name)
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            found[name] = value.split()
    return found


def _named(
    opening: Opening, inside: Mapping[str, bool], outside: Mapping[str, Any], groups: tuple[str, ...]
) -> list[str]:
    wrapped, way = opening.level is Level.BUBBLEWRAP, opening.way
    spaces = [SPACES[name] for name in outside["spaces"]]
    holds = {
        "uid drop": way.user and outside.get("Uid", ["0"])[0] not in ("0", str(os.geteuid())),
        "no new privileges": outside.get("NoNewPrivs") == ["1"],
        "no capabilities": set(outside.get("CapEff", ["1"])[0]) == {"0"},
        "seccomp": way.seccomp and outside.get("Seccomp") == ["2"],
        "no nested user name spaces": inside["nesting"],
        "house's files out of reach": inside["files"] and inside["writes"],
        "network out of reach": inside["network"],
        "read-only root": wrapped and inside["root"],
        "private temporary folder of limited size": inside["tmp"],
    }
    known = 0 if wrapped else way.landlock
    landlocked = {
        "Landlock": known and inside["files"],
        "Landlock TCP": known >= landlock.TCP_SINCE,
        "Landlock signals and abstract sockets": known >= landlock.SCOPES_SINCE,
    }
    return [*spaces, *(name for name, held in {**holds, **landlocked}.items() if held), *groups, "tree watchdog"]


def _gaps(level: Level, way: Way, found: tuple[str, ...], said: Mapping[Way, str]) -> dict[str, str]:
    lacks: dict[str, str] = {}
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if "uid drop" not in found:
        tries = [why for other, why in said.items() if other.user]
        lacks["uid drop"] = (
            f"another user could not be taken ({tries[-1] if tries else 'unknown'}); "
            "put Python where every user can read it, and give the house CAP_SETUID and CAP_CHOWN"
            if root
            else "the house is not root, so entries keep its user"
            + (
                ", in a name space of their own"
                if level is Level.BUBBLEWRAP
                else "; run it as root, or install bubblewrap"
            )
        )
    if "seccomp" not in found:
        tries = [why for other, why in said.items() if other.seccomp]
        lacks["seccomp"] = f"the system took no filter ({tries[-1] if tries else os.uname().machine})"
    if level is Level.PROCESS:
        if "Landlock" not in found:
            lacks["Landlock"] = "this kernel has none; Linux 5.13 and later do, where lsm= on its command line names it"
        elif "Landlock TCP" not in found:
            lacks["Landlock TCP"] = "Linux 6.7 and later have it"
        elif "Landlock signals and abstract sockets" not in found:
            lacks["Landlock signals and abstract sockets"] = "Linux 6.12 and later have them"
        if "private temporary folder of limited size" not in found:
            lacks["private temporary folder of limited size"] = "the watchdog measures it instead; bubblewrap makes one"
    for what in ("memory", "processes", "CPU"):
        if not any(layer.startswith("cgroup") and layer.endswith(what) for layer in found):
            lacks[f"cgroup {what}"] = (
                "no control group can be made, so the watchdog's readings stand in; "
                "start the house with: systemd-run --user --scope -p Delegate=yes"
            )
    return lacks
