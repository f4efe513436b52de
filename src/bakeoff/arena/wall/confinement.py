"""The wall: starting an interpreter that can reach nothing but what it is handed.

Two levels run code, and the better one is chosen by trying it. Bubblewrap gives the interpreter its own user, mount,
process, network and host-name spaces, a read-only root and a private temporary folder of limited size. Without it, a
process of its own session with limits is all there is; the level is shown with every result.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.arena.wall.groups import Group, find_group, make_group
from bakeoff.errors import ConfinementError
from bakeoff.nouns import Level

if TYPE_CHECKING:
    import psutil

TMP_BYTES = 1 << 30
PINNED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
SHARED_BYTES = 256 << 20
MARK = "BAKEOFF_BOX"
MODELS = "BAKEOFF_MODELS"
PREFIX = "bakeoff-box-"


@dataclass(frozen=True)
class Fittings:
    """What a box is fitted with before its cell is known: an entry's own packages, shared models, threads.

    `environment` is put before the house's packages; `models` is a folder that can only be read, and whose place is
    told to the entry by the environment variable BAKEOFF_MODELS.
    """

    environment: Path | None = None
    models: Path | None = None
    threads: int = 1


PLAIN = Fittings()


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
    _open: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Kill whatever is left in the box, and take its folder away; a second call does nothing more."""
        with self._lock:
            kill(self)
            while self._open:
                with contextlib.suppress(OSError):
                    os.close(self._open.pop())
            self.group.remove()
            shutil.rmtree(self.folder, ignore_errors=True)


def open_box(level: Level, fittings: Fittings = PLAIN, cores: tuple[int, ...] = ()) -> Box:
    """Start a single-use interpreter at `level`; it warms up by itself and then says that it is ready.

    It may run on `cores` until it is pinned elsewhere. Raises ConfinementError when it cannot start.
    """
    environment, models = (
        None if path is None else path.absolute() for path in (fittings.environment, fittings.models)
    )
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    for room in ("code", "data"):
        (folder / room).mkdir()
    asks_read, asks = os.pipe()
    answers, answers_write = os.pipe()
    log, log_write = os.pipe()
    inside = "/cell" if level is Level.BUBBLEWRAP else str(folder)
    worker = [sys.executable, "-I", "-B", "-m", "bakeoff.arena.wall.worker", inside, str(asks_read), str(answers_write)]
    if environment is not None:
        worker.append(str(environment))
    mark = folder.name
    variables = _variables(mark, fittings.threads, home="/tmp" if level is Level.BUBBLEWRAP else str(folder))
    if models is not None:
        variables[MODELS] = "/models" if level is Level.BUBBLEWRAP else str(models)
    group = make_group(mark)
    wrap = _bubblewrap(folder, environment, models) if level is Level.BUBBLEWRAP else []
    try:
        process = subprocess.Popen(
            [*_launched(folder, group, limited=level is not Level.BUBBLEWRAP), *wrap, *worker],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log_write,
            stderr=log_write,
            pass_fds=(asks_read, answers_write),
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        for fd in (asks, answers, log):
            os.close(fd)
        group.remove()
        shutil.rmtree(folder, ignore_errors=True)
        raise ConfinementError(f"A worker could not be started ({level}): {error}.") from error
    finally:
        for fd in (asks_read, answers_write, log_write):
            os.close(fd)
    if cores:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(process.pid, cores)
    os.set_blocking(asks, False)
    own_packages, ends = environment is not None, [asks, answers, log]
    return Box(process, folder, level, asks, answers, log, mark, group, own_packages, ends)


def sweep() -> None:
    """Take away the folders and groups that runs which were killed have left behind."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            find_group(path.name).remove()
            shutil.rmtree(path, ignore_errors=True)


def _variables(mark: str, threads: int, home: str) -> dict[str, str]:
    clean = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", MARK: mark, "MPLBACKEND": "Agg"}
    return {**clean, **{name: str(threads) for name in PINNED}}


def _launched(folder: Path, group: Group, limited: bool) -> list[str]:
    """Join the control group before anything else runs, so that no process is ever outside of it.

    Where there is no wall (`limited`), limits stand in: file size, no core dumps, and dying with the parent.
    """
    code = ["import os, sys", f"for path in {group.joins!r}: open(path, 'w').write('0')"]
    if limited:
        code += [
            "import resource as r, ctypes",
            f"r.setrlimit(r.RLIMIT_FSIZE, ({TMP_BYTES}, {TMP_BYTES}))",
            "r.setrlimit(r.RLIMIT_CORE, (0, 0))",
            "if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, 9)",
            f"os.chdir({str(folder)!r})",
        ]
    return [sys.executable, "-I", "-S", "-c", "\n".join([*code, "os.execv(sys.argv[1], sys.argv[1:])"])]


def _bubblewrap(folder: Path, environment: Path | None, models: Path | None) -> list[str]:
    command = [
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"),
        *("--hostname", "cell", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *(
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--size",
            str(SHARED_BYTES),
            "--tmpfs",
            "/dev/shm",
            "--remount-ro",
            "/dev",
        ),
        *("--size", str(TMP_BYTES), "--tmpfs", "/tmp"),
        *(("--disable-userns",) if _bubblewrap_version() >= (0, 8) else ()),
    ]
    for top in ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives"):
        if os.path.islink(top):
            command += ["--symlink", os.readlink(top), top]
        else:
            command += ["--ro-bind-try", top, top]
    for path in _python_folders(environment):
        command += ["--ro-bind", path, path]
    if models is not None:
        command += ["--ro-bind", str(models), "/models"]
    return [*command, "--ro-bind", str(folder), "/cell", "--chdir", "/tmp", "--remount-ro", "/", "--"]


@functools.cache
def _bubblewrap_version() -> tuple[int, ...]:
    tried = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in re.findall(r"\d+", tried.stdout)[:2])


def _python_folders(environment: Path | None) -> list[str]:
    """The folders an interpreter needs: its own, its virtual environment's, and the one that holds this package."""
    import bakeoff

    package = Path(bakeoff.__file__).resolve().parent
    wanted = [Path(sys.base_prefix), *([environment] if environment else [])]
    if sys.prefix != sys.base_prefix:
        # Not the whole of it: a virtual environment made in a project's own folder would bring the project along.
        inside = (Path(sys.prefix) / name for name in ("bin", "lib", "lib64", "pyvenv.cfg"))
        wanted += [path for path in inside if path.exists()]
    if not package.is_relative_to(Path(sys.prefix).resolve()):
        wanted.append(package)
    interpreter = Path(sys.executable).resolve()
    if not any(interpreter.is_relative_to(folder) for folder in wanted):
        wanted.append(interpreter.parent)
    folders = [str(path.absolute()) for path in wanted]
    return [folder for folder in dict.fromkeys(folders) if not folder.startswith("/usr/") and folder != "/usr"]


def kill(box: Box) -> None:
    """End every process of a box; with bubblewrap its process space goes at once."""
    import psutil

    victims = tree(box.process.pid)
    if box.process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(box.process.pid, signal.SIGKILL)
    if box.level is not Level.BUBBLEWRAP:
        victims += _marked(box.mark)
    for victim in victims:
        with contextlib.suppress(psutil.Error):
            victim.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        box.process.wait(10)


def _marked(mark: str) -> list[psutil.Process]:
    """Processes that left the box's tree but still carry its mark in their environment."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants that are alive."""
    import psutil

    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


@functools.cache
def best_level() -> Level:
    """The best level that works on this machine, found by starting something in it."""
    return Level.PROCESS if why_no_bubblewrap() else Level.BUBBLEWRAP


@functools.cache
def why_no_bubblewrap() -> str:
    """Why bubblewrap cannot be used here, with the mend; empty when it can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed; install it with: apt install bubblewrap"
    folder = Path(tempfile.mkdtemp(prefix="bakeoff-try-"))
    try:
        command = [*_bubblewrap(folder, None, None), sys.executable, "-I", "-S", "-c", "pass"]
        tried = subprocess.run(command, capture_output=True, timeout=30, check=False, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap did not start: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if tried.returncode == 0:
        return ""
    said = tried.stderr.decode(errors="replace").strip().splitlines()
    return (
        f"bubblewrap is installed but may not make user namespaces here ({said[-1] if said else tried.returncode}); "
        "ask for kernel.unprivileged_userns_clone=1, or an AppArmor profile for bwrap"
    )
