"""Landlock: which files a process and all its children may use, asked of the kernel by themselves, without privilege.

Source: Documentation/userspace-api/landlock.rst. What is not named is refused; each version of the interface knows of
more, and what a kernel does not know cannot be refused by it.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterable
from typing import Any

CREATE_RULESET, ASK_VERSION = 444, 1
EXECUTE, WRITE, READ, LIST, REMOVE_FOLDER, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_FILE, DEVICES, TRUNCATE = 1 << 8, 1 << 6 | 1 << 11, 1 << 14
EVERYTHING = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
NEWEST = max(EVERYTHING)
TCP_SINCE, SCOPES_SINCE = 4, 6
BIND_AND_CONNECT = 3
ABSTRACT_SOCKETS_AND_SIGNALS = 3
USE = READ | LIST | EXECUTE
OWN = EVERYTHING[3] & ~DEVICES & ~EXECUTE
SHARED = READ | WRITE | TRUNCATE | MAKE_FILE | REMOVE_FILE  # no list: who knows no name finds nothing
# What an interpreter and its libraries read wherever they run. A file that can be seen to be there and not be read
# stops some of them, where one that is missing would not.
SYSTEM = (
    *("/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"),
    *("/etc/timezone", "/etc/os-release", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/magic", "/etc/fonts"),
    *(f"/etc/python{sys.version_info.major}", f"/etc/python{sys.version_info.major}.{sys.version_info.minor}"),
    *("/etc/ssl/openssl.cnf", "/etc/ssl/certs", "/proc", "/sys/devices/system", "/sys/fs/cgroup"),
)
DEVICES_USED = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SHARED_MEMORY = "/dev/shm"


@functools.cache
def version() -> int:
    """The version of the interface that this kernel has; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    library = ctypes.CDLL(None, use_errno=True)
    found = library.syscall(ctypes.c_long(CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))
    return max(0, int(found))


def plan(read: Iterable[str], own: str, listed: str, known: int) -> dict[str, Any]:
    """The rules as the launcher makes them, empty where `known` is 0.

    What is in `read` can be read and run, `own` can be filled, and of `listed` just the names can be seen.
    """
    if not known:
        return {}
    handled = EVERYTHING[min(known, NEWEST)]
    paths = {listed: LIST} | dict.fromkeys((*SYSTEM, *read), USE) | {own: OWN}
    paths |= dict.fromkeys(DEVICES_USED, READ | WRITE) | {SHARED_MEMORY: SHARED}
    network = BIND_AND_CONNECT if known >= TCP_SINCE else 0
    scopes = ABSTRACT_SOCKETS_AND_SIGNALS if known >= SCOPES_SINCE else 0
    return {
        "handled": (handled, network, scopes),
        "size": 24 if known >= SCOPES_SINCE else 16 if known >= TCP_SINCE else 8,
        "paths": {path: rights & handled for path, rights in paths.items()},
    }
