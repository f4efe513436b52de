"""Control groups around a box, where the system lets us make them: exact meters, and limits for the whole tree.

Version 1 of the interface has a folder for each controller, version 2 one for all. What cannot be made is done without:
the watchdog's readings stand in.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

CONTROLLERS = ("pids", "memory", "cpuacct")
MOST_PROCESSES = 256
REMOVAL_TRIES = 100
ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """The folders of one box, by controller; those that could not be made are missing."""

    folders: dict[str, Path]

    @property
    def joins(self) -> list[str]:
        """The files to which a process writes 0 to join."""
        return [str(folder / "cgroup.procs") for folder in self.folders.values()]

    def cap_memory(self, mib: int) -> None:
        """Let the tree hold `mib` MiB, temporary files included."""
        self._write("memory", str(mib << 20), "memory.limit_in_bytes", "memory.max")

    def cpu(self) -> float | None:
        """CPU seconds of every process that was ever in the group, waited for or not."""
        text = self._read("cpuacct", "cpuacct.usage")
        return int(text) / 1e9 if text else None

    def memory(self) -> float | None:
        """Bytes that the tree holds, its temporary and nameless files included, what is cached of other files not."""
        words = self._read("memory", "memory.stat").split()
        found = dict(zip(words[::2], words[1::2], strict=True))
        if not {"total_rss", "total_shmem"} <= found.keys():
            return None
        return float(int(found["total_rss"]) + int(found["total_shmem"]))

    def ran_out_of_memory(self) -> bool:
        """Whether the system killed a process of the group because it hit the memory limit."""
        text = self._read("memory", "memory.oom_control", "memory.events")
        return any(line.split() > ["oom_kill", "0"] for line in text.splitlines() if line.startswith("oom_kill "))

    def remove(self) -> None:
        """Take the folders away, as soon as the last killed process has left them."""
        for folder in self.folders.values():
            for _ in range(REMOVAL_TRIES):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)

    def _read(self, controller: str, *names: str) -> str:
        for name in names:
            with contextlib.suppress(OSError, KeyError):
                return (self.folders[controller] / name).read_text()
        return ""

    def _write(self, controller: str, value: str, *names: str) -> None:
        for name in names:
            with contextlib.suppress(OSError, KeyError):
                (self.folders[controller] / name).write_text(value)
                return


def make_group(name: str) -> Group:
    """An empty group of that name, as far as the system allows; a process joins by writing to the `joins` files."""
    folders: dict[str, Path] = {}
    for controller in CONTROLLERS:
        folder = _own_folder(controller)
        if folder is None:
            continue
        group = folder / name
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                if controller == "pids":
                    (group / "pids.max").write_text(str(MOST_PROCESSES))
                (group / "cgroup.procs").touch()
                folders[controller] = group
            except OSError:
                group.rmdir()
    return Group(folders)


def find_group(name: str) -> Group:
    """The group of that name, made by whichever run."""
    folders = {controller: _own_folder(controller) for controller in CONTROLLERS}
    return Group({controller: folder / name for controller, folder in folders.items() if folder is not None})


def _own_folder(controller: str) -> Path | None:
    """The folder of the group that this process is in, so that a box never leaves the limits of its house."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return _there(ROOT / controller / path.lstrip("/")) or _there(ROOT / names / path.lstrip("/"))
    return None


def _there(folder: Path) -> Path | None:
    return folder if (folder / "cgroup.procs").exists() else None
