"""Control groups around a box, where the system lets us make them: exact meters, and limits for the whole tree.

Version 1 of the interface has a folder for each controller, version 2 one for all; both may be there. What cannot be
made is done without: the watchdog's readings stand in.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

CONTROLLERS = ("pids", "memory", "cpuacct")
UNIFIED = "unified"
WANTED = ("memory", "pids", "cpu")
HOUSE = "bakeoff-house"
MOST_PROCESSES = 256
REMOVAL_SECONDS = 20.0
ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """The folders of one box by controller, version 2's as `unified`; those that could not be made are missing."""

    folders: dict[str, Path]

    @property
    def joins(self) -> list[str]:
        """The files to which a process writes 0 to join."""
        return [str(folder / "cgroup.procs") for folder in self.folders.values()]

    @property
    def holds(self) -> tuple[str, ...]:
        """What is limited or metered, by name, as it is shown with a result."""
        named = {"pids": "processes", "memory": "memory", "cpuacct": "CPU"}
        found = [f"cgroup v1 {named[controller]}" for controller in CONTROLLERS if controller in self.folders]
        if unified := self.folders.get(UNIFIED):
            files = {"memory.max": "memory", "pids.max": "processes", "cpu.stat": "CPU"}
            v2 = [name for file, name in files.items() if (unified / file).exists()]
            found += [f"cgroup v2 {name}" for name in v2 if f"cgroup v1 {name}" not in found]
        return tuple(found)

    def cap_memory(self, mib: int) -> None:
        """Let the tree hold `mib` MiB, temporary files included, and swap nothing out."""
        size = str(mib << 20)
        self._write("memory", "memory.limit_in_bytes", size)
        self._write("memory", "memory.memsw.limit_in_bytes", size)
        self._write(UNIFIED, "memory.max", size)
        self._write(UNIFIED, "memory.swap.max", "0")

    def cpu(self) -> float | None:
        """CPU seconds of every process that was ever in the group, waited for or not."""
        if text := self._read("cpuacct", "cpuacct.usage"):
            return int(text) / 1e9
        used = _table(self._read(UNIFIED, "cpu.stat")).get("usage_usec")
        return None if used is None else used / 1e6

    def memory(self) -> float | None:
        """Bytes that the tree holds, its temporary and nameless files included, what is cached of other files not."""
        for controller, held in (("memory", ("total_rss", "total_shmem")), (UNIFIED, ("anon", "shmem"))):
            found = _table(self._read(controller, "memory.stat"))
            if set(held) <= found.keys():
                return float(sum(found[name] for name in held))
        return None

    def ran_out_of_memory(self) -> bool:
        """Whether the system killed a process of the group because it hit the memory limit."""
        texts = (self._read("memory", "memory.oom_control"), self._read(UNIFIED, "memory.events"))
        return any(_table(text).get("oom_kill", 0) > 0 for text in texts)

    def members(self) -> set[int]:
        """The processes that are in it now."""
        return {int(pid) for controller in self.folders for pid in self._read(controller, "cgroup.procs").split()}

    def kill(self) -> None:
        """End all members at once, where the system can."""
        self._write(UNIFIED, "cgroup.kill", "1")

    def remove(self) -> None:
        """Take the folders away, as soon as the last killed process has left them."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        for folder in self.folders.values():
            while not _removed(folder) and time.monotonic() < deadline:
                for pid in self.members() - {0, os.getpid()}:  # 0 is one that cannot be seen from here
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)

    def _read(self, controller: str, name: str) -> str:
        with contextlib.suppress(OSError, KeyError):
            return (self.folders[controller] / name).read_text()
        return ""

    def _write(self, controller: str, name: str, value: str) -> None:
        # Not created where it is missing: a folder of a plain file system must not look like a limit.
        with contextlib.suppress(OSError, KeyError), open(self.folders[controller] / name, "r+") as file:
            file.write(value)


def make_group(name: str, root: Path = ROOT) -> Group:
    """An empty group of that name, as far as the system allows; a process joins by writing to the `joins` files."""
    folders: dict[str, Path] = {}
    for controller in (*CONTROLLERS, UNIFIED):
        folder = _own_folder(controller, root)
        if folder is None:
            continue
        if controller == UNIFIED:
            delegate(folder)
        group = folder / name
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                _limit_processes(group, needed=controller == "pids")
                with open(group / "cgroup.procs", "r+"):
                    folders[controller] = group
            except OSError:
                group.rmdir()
    return Group(folders)


def find_group(name: str) -> Group:
    """The group of that name, made by whichever run."""
    folders = {controller: _own_folder(controller, ROOT) for controller in (*CONTROLLERS, UNIFIED)}
    return Group({controller: folder / name for controller, folder in folders.items() if folder is not None})


def group_names(prefix: str) -> set[str]:
    """The names of all groups beside this process that begin with `prefix`, whoever made them."""
    found = (_own_folder(controller, ROOT) for controller in (*CONTROLLERS, UNIFIED))
    return {group.name for folder in found if folder is not None for group in folder.glob(f"{prefix}*")}


def delegate(folder: Path) -> None:
    """Let groups below `folder` have controllers, where it is ours alone: the house goes into a group beside them.

    Version 2 wants a group's processes in its leaves. A folder that holds other programs' processes stays as it is.
    """
    with contextlib.suppress(OSError):
        given = set((folder / "cgroup.subtree_control").read_text().split())
        lacking = [name for name in WANTED if name not in given]
        lacking = [name for name in lacking if name in (folder / "cgroup.controllers").read_text().split()]
        if not lacking:
            return
        members = (folder / "cgroup.procs").read_text().split()
        if set(members) - {str(os.getpid())}:
            return
        if members:
            (folder / HOUSE).mkdir(exist_ok=True)
            (folder / HOUSE / "cgroup.procs").write_text(members[0])
        for name in lacking:
            with contextlib.suppress(OSError):
                (folder / "cgroup.subtree_control").write_text(f"+{name}")


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _limit_processes(group: Path, needed: bool) -> None:
    limit = group / "pids.max"
    if needed or limit.exists():
        limit.write_text(str(MOST_PROCESSES))


def _own_folder(controller: str, root: Path) -> Path | None:
    """The folder of the group that this process is in, so that a box never leaves the limits of its house."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        number, names, path = line.split(":", 2)
        below = path.lstrip("/")
        if controller == UNIFIED and number == "0" and not names:
            found = _there(root / below, "cgroup.controllers") or _there(root / UNIFIED / below, "cgroup.controllers")
            return found.parent if found is not None and found.name == HOUSE else found
        if controller in names.split(","):
            return _there(root / controller / below) or _there(root / names / below)
    return None


def _there(folder: Path, file: str = "cgroup.procs") -> Path | None:
    return folder if (folder / file).exists() else None


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=False) if value.isdigit()}
