"""A box: one single-use interpreter that can reach nothing but what it is handed, and the ends of its pipes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.arena.locks import is_locked
from bakeoff.arena.wall import bubblewrap, landlock, seccomp
from bakeoff.arena.wall.folders import hidden, is_open, let_in, package_home, python_folders
from bakeoff.arena.wall.groups import MOST_PROCESSES, Group, find_group, group_names, make_group
from bakeoff.arena.wall.identity import Identity, end_strays, take_identity
from bakeoff.arena.wall.processes import MARK, kill
from bakeoff.arena.wall.rooms import SharedMemory, remove_folder, shared_memory
from bakeoff.errors import ConfinementError
from bakeoff.nouns import Level

PINNED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
MODELS = "BAKEOFF_MODELS"
PREFIX = "bakeoff-box-"
MOST_FILES = 50_000  # in a temporary folder, each of which costs the house about a KiB
MOST_OPEN = 4096
WAITING = "waiting"
HELD = "held"


@dataclass(frozen=True)
class Fittings:
    """What a box is fitted with before its cell is known: an entry's own packages, shared models, threads.

    `environment` is put before the house's packages; `models` is a folder that can only be read, and whose place is
    told to the entry by the environment variable BAKEOFF_MODELS. `warm` says what is imported ahead: the libraries of
    `learning`, those of `frames` alone, or none when `cold`: that box is ready at once.
    """

    environment: Path | None = None
    models: Path | None = None
    threads: int = 1
    warm: str = "learning"


PLAIN = Fittings()


@dataclass(frozen=True)
class Way:
    """What a machine can do of a level: another user, mounts of its own before that, seccomp, Landlock's version,
    control groups."""

    user: bool = False
    mounts: bool = False
    seccomp: bool = False
    landlock: int = 0
    groups: bool = True


@dataclass(frozen=True)
class Opening:
    """How a box is opened; `program` runs in it instead of the worker, with the descriptors of its pipes appended."""

    level: Level
    way: Way
    fittings: Fittings = PLAIN
    cores: tuple[int, ...] = ()
    program: tuple[str, ...] = ()


@dataclass
class Box:
    """One running interpreter and the ends of its pipes; `folder` is where the parent puts what it hands in."""

    process: subprocess.Popen[bytes]
    folder: Path
    level: Level
    asks: int
    answers: int
    log: int
    mark: str
    group: Group = field(default_factory=lambda: Group({}))
    own_packages: bool = False
    identity: Identity | None = None
    shared: SharedMemory | None = None
    _open: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def room(self) -> Path | None:
        """The box's own temporary folder as the house sees it; None where it lies in a name space of the box."""
        return None if self.level is Level.BUBBLEWRAP else self.folder / "tmp"

    def stage(self, file: Path, name: str = "") -> None:
        """Bring a file near, where the box cannot see it yet, so that handing it in takes no time."""
        staged = self.folder / WAITING / (name or file.name)
        shutil.copyfile(file, staged)
        staged.chmod(0o644)

    def hand_in(self, file: Path, name: str = "") -> None:
        """Let the box read a copy of a file, under its own name or another."""
        staged = self.folder / WAITING / (name or file.name)
        if not staged.exists():
            self.stage(file, name)
        staged.rename(self.folder / "data" / staged.name)

    def bring_code(self, code: Path) -> None:
        """Let the box read a copy of an entry's folder; a link in it stays a link, and so leads nowhere."""
        shutil.copytree(code, self.folder / "code", dirs_exist_ok=True, symlinks=True)
        (self.folder / "code").chmod(0o755)
        let_in(self.folder / "code")

    def close(self) -> None:
        """Kill whatever is left in the box, and take its folder away; a second call does nothing more."""
        with self._lock:
            kill(self)
            while self._open:
                with contextlib.suppress(OSError):
                    os.close(self._open.pop())
            self.group.remove()
            remove_folder(self.folder)
            if self.shared is not None:
                self.shared.clear()
            if self.identity is not None:
                if self.level is not Level.BUBBLEWRAP:
                    self.identity.clear()
                self.identity.release()


def open_by(opening: Opening) -> Box:
    """Start a single-use interpreter; ConfinementError when it cannot start."""
    made = _Opened(opening)
    try:
        made.take()
        process = _start(made.command(), made.variables(), made.ends_inside)
    except BaseException as error:
        made.give_back()
        if isinstance(error, OSError):
            raise ConfinementError(f"A worker could not be started ({opening.level}): {error}.") from error
        raise
    made.close_inside()
    os.set_blocking(made.asks, False)
    return Box(
        process,
        made.folder,
        opening.level,
        made.asks,
        made.answers,
        made.log,
        made.mark,
        made.group,
        opening.fittings.environment is not None,
        made.identity,
        made.shared,
        [made.asks, made.answers, made.log, made.held],
    )


def sweep() -> None:
    """Take away the processes, folders and groups that runs which were killed have left behind."""
    place = Path(tempfile.gettempdir())
    for name in {path.name for path in place.glob(f"{PREFIX}*")} | group_names(PREFIX):
        owner = name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            group = find_group(name)
            if is_locked(place / name / HELD):
                continue
            if 0 in group.members():  # of another process space, where its owner may well live
                continue
            group.kill()
            group.remove()
            remove_folder(place / name)
    if sys.platform == "linux" and os.geteuid() == 0:
        end_strays()


class _Opened:
    """What is taken for one box before its first process starts."""

    def __init__(self, opening: Opening) -> None:
        self.level, self.way, self.cores, self.program = opening.level, opening.way, opening.cores, opening.program
        fittings = opening.fittings
        self.environment, self.models = (path and path.absolute() for path in (fittings.environment, fittings.models))
        self.threads, self.warm = fittings.threads, fittings.warm
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.mark = self.folder.name
        self.identity: Identity | None = None
        self.shared: SharedMemory | None = None
        self.group = Group({})
        self.asks_read, self.asks = os.pipe()
        self.answers, self.answers_write = os.pipe()
        self.log, self.log_write = os.pipe()
        self.filter = -1
        self.held = _hold(self.folder / HELD)

    @property
    def bubblewrap(self) -> bool:
        return self.level is Level.BUBBLEWRAP

    @property
    def ends_inside(self) -> tuple[int, ...]:
        """The descriptors that only the box needs, first the one it prints to."""
        filters = (self.filter,) if self.filter >= 0 else ()
        return self.log_write, self.asks_read, self.answers_write, *filters

    def take(self) -> None:
        """The rooms, a user, a group, and the filter."""
        for room, mode in (("code", 0o755), ("data", 0o755), (WAITING, 0o700)):
            (self.folder / room).mkdir()
            (self.folder / room).chmod(mode)
        if not self.bubblewrap:
            (self.folder / "tmp").mkdir(mode=0o700)
        if self.way.groups:
            self.group = make_group(self.mark)
        if self.way.user:
            self.identity = take_identity()
            for path in filter(None, (self.environment, self.models)):
                if not is_open(path):
                    raise ConfinementError(f"A box cannot read {path}; let it: chmod -R o+rX {path}")
            os.chown(self.folder, 0, self.identity.number)
            self.folder.chmod(0o750)
            if not self.bubblewrap:
                os.chown(self.folder / "tmp", self.identity.number, self.identity.number)
        if not self.bubblewrap and not self.way.mounts:
            self.shared = shared_memory(self.identity.number if self.identity else os.geteuid())
        if self.way.seccomp:
            rules = seccomp.rules(self.level, os.getpid(), keeps_user=not self.way.user)
            self.filter = _readable(seccomp.program(rules))

    def give_back(self) -> None:
        """Undo everything, since nothing has started."""
        self.close_inside()
        for fd in (self.asks, self.answers, self.log, self.held):
            os.close(fd)
        self.group.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.identity is not None:
            self.identity.release()

    def close_inside(self) -> None:
        """Close what only the box needs."""
        for fd in self.ends_inside:
            os.close(fd)

    def command(self) -> list[str]:
        """The launcher with its plan, bubblewrap where it is used, and what runs in the box."""
        shown = [*python_folders(), *([str(self.environment)] if self.environment else [])]
        needed = [*shown, *([str(self.models)] if self.models else []), str(self.folder)]
        plan = {
            "parent": os.getpid(),
            "cores": self.cores,
            "joins": self.group.joins,
            "hidden": hidden(needed) if self.way.mounts else {},
            "rooms": self._rooms(),
            "landlock": self._landlock(needed),
            "supervised": not self.bubblewrap,
            "limits": self._limits(),
            "uid": self.identity.number if self.identity else 0,
            "folder": "/" if self.bubblewrap else str(self.folder / "tmp"),
            "seccomp": -1 if self.bubblewrap else self.filter,
        }
        launcher = str(Path(__file__).with_name("launch.py"))
        wrap = bubblewrap.wrapped(shown, self.folder, self.models, self.filter) if self.bubblewrap else []
        return [sys.executable, "-I", "-S", "-B", launcher, json.dumps(plan), *wrap, *self._inner()]

    def variables(self) -> dict[str, str]:
        """The whole environment of the box."""
        home = bubblewrap.TMP if self.bubblewrap else str(self.folder / "tmp")
        clean = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "MPLBACKEND": "Agg"}
        clean |= {MARK: self.mark} | {name: str(self.threads) for name in PINNED}
        if self.models is not None:
            clean[MODELS] = bubblewrap.MODELS if self.bubblewrap else str(self.models)
        return clean

    def _inner(self) -> list[str]:
        ends = [str(self.asks_read), str(self.answers_write)]
        if self.program:
            return [*self.program, *ends]
        inside = bubblewrap.CELL if self.bubblewrap else str(self.folder)
        processes = str(MOST_PROCESSES if self.bubblewrap and _counts_by_name_space() else 0)
        worker = [sys.executable, "-I", "-B", "-m", "bakeoff.arena.wall.worker", inside, *ends, processes]
        worker.append(self.warm)
        return [*worker, str(self.environment)] if self.environment else worker

    def _limits(self) -> dict[str, int]:
        limits = {"FSIZE": bubblewrap.TMP_BYTES, "CORE": 0, "NOFILE": MOST_OPEN, "MSGQUEUE": 0, "RTPRIO": 0}
        # The kernel counts by user: where the box keeps the house's user, the limit would bind the house.
        return limits | ({"NPROC": MOST_PROCESSES} if self.identity else {})

    def _rooms(self) -> dict[str, str]:
        """Private temporary folders of limited size, where bubblewrap makes none."""
        if self.bubblewrap or not self.way.mounts:
            return {}
        owner = self.identity.number if self.identity else 0
        sizes = {str(self.folder / "tmp"): bubblewrap.TMP_BYTES, landlock.SHARED_MEMORY: bubblewrap.SHARED_BYTES}
        return {
            path: f"mode=0700,uid={owner},gid={owner},size={size},nr_inodes={MOST_FILES}"
            for path, size in sizes.items()
        }

    def _landlock(self, needed: Sequence[str]) -> dict[str, Any]:
        if self.bubblewrap:
            return {}
        read = [*needed[:-1], str(self.folder / "code"), str(self.folder / "data")]
        return landlock.plan(read, str(self.folder / "tmp"), package_home(), self.way.landlock)


def _counts_by_name_space() -> bool:
    """Whether the kernel counts a user's processes within a user name space (since 5.14), not over the machine."""
    numbers = os.uname().release.split(".")[:2]
    return [int("".join(filter(str.isdigit, part)) or 0) for part in numbers] >= [5, 14]


def _hold(file: Path) -> int:
    """A locked file that says to whoever sweeps that its house lives; the lock goes when this process does."""
    import fcntl

    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _readable(data: bytes) -> int:
    """A descriptor from which these bytes, fewer than a pipe holds, can be read once."""
    read, write = os.pipe()
    try:
        os.write(write, data)
    finally:
        os.close(write)
    return read


def _start(command: list[str], variables: dict[str, str], ends: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start a process from a thread that lives as long as this process does.

    A process that asks to die with its parent dies with the thread that started it, and lanes come and go.
    """
    return _starter(os.getpid()).submit(functools.partial(_popen, command, variables, ends)).result()


@functools.cache
def _starter(house: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="bakeoff-starter")


def _popen(command: list[str], variables: dict[str, str], ends: tuple[int, ...]) -> subprocess.Popen[bytes]:
    log, *passed = ends
    return subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=passed,
        start_new_session=True,
        cwd="/",
    )
