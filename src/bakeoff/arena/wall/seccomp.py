"""Seccomp filters: which system calls a box is refused, and the small BPF program that refuses them.

A denylist: what can reach other processes, change the machine or widen a process's own rights is refused, and numbers
stay out of the way of everything that computes. Structure of the program: linux/seccomp.h and linux/filter.h.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

from bakeoff.arena.wall.syscalls import NUMBERS
from bakeoff.nouns import Level

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, JUMP, MASK, RETURN = 0x20, 0x15, 0x35, 0x05, 0x54, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
ANY = 0xFFFFFFFF
NAMESPACES = 0x7E020000
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
USER_OF = 2

DENIED = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise"),
    *("process_mrelease", "mount", "umount2", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsmount"),
    *("fsconfig", "fspick", "mount_setattr", "pivot_root", "chroot", "swapon", "swapoff", "bpf"),
    *("perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "add_key"),
    *("request_key", "keyctl", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
    *("create_module", "query_module", "get_kernel_syms", "reboot", "settimeofday", "clock_settime"),
    *("clock_adjtime", "adjtimex", "acct", "quotactl", "quotactl_fd", "unshare", "setns", "open_by_handle_at"),
    *("name_to_handle_at", "personality", "iopl", "ioperm", "syslog", "nfsservctl", "vhangup", "sethostname"),
    *("setdomainname", "lookup_dcookie", "fanotify_init", "fanotify_mark", "move_pages", "migrate_pages"),
    *("memfd_secret", "modify_ldt", "uselib", "_sysctl", "sysfs", "ustat"),
)
# What outlives a process or is shared by all of a machine; a box without name spaces of its own does without.
SHARED = (
    *("shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv"),
    *("msgctl", "mq_open", "mq_unlink"),
)
SIGNALS = ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open"]
MODES = ["chmod", "fchmodat", "fchmodat2"]


@dataclass(frozen=True)
class Where:
    """A condition on the low 32 bits of one argument: refused when the masked value is among `values`, or is not."""

    argument: int
    values: tuple[int, ...]
    mask: int = ANY
    among: bool = True


@dataclass(frozen=True)
class Rule:
    """One system call that is refused with `error`; with conditions, only when one of them holds.

    An `error` of 0 pretends that the call was done.
    """

    name: str
    error: int = errno.EPERM
    where: tuple[Where, ...] = ()


def rules(level: Level, house: int = 0, keeps_user: bool = False) -> tuple[Rule, ...]:
    """The rules of a level. Without name spaces the process `house` is out of reach of signals, and there are no
    sockets but pairs; a box that `keeps_user` cannot change modes of its user's files."""
    found = [Rule(name) for name in DENIED]
    found += [
        Rule("clone", where=(Where(0, (0,), NAMESPACES, among=False),)),
        Rule("clone3", errno.ENOSYS),  # its flags lie in memory; the C library then uses clone
        Rule("ioctl", where=(Where(1, (TIOCSTI, TIOCLINUX)),)),
    ]
    if level is Level.BUBBLEWRAP:
        # A virtual machine's sockets to its host know of no network name spaces.
        return (*found, Rule("socket", where=(Where(0, (UNIX, INET, INET6, NETLINK), among=False),)))
    found += [Rule("socket"), Rule("socketpair", where=(Where(0, (UNIX,), among=False),))]
    found += [Rule(name) for name in SHARED]
    found += [Rule("prlimit64", where=(Where(0, (0,), among=False),))]
    guarded = (house, -house & ANY) if house else ()
    found += [Rule(name, where=(Where(0, (*guarded, ANY)),)) for name in SIGNALS]
    found += [Rule("setpriority", where=(Where(0, (USER_OF,)), Where(1, guarded)) if guarded else ())]
    if keeps_user:
        found += [Rule(name, 0) for name in MODES]
    return tuple(found)


def program(refused: tuple[Rule, ...], machine: str = "") -> bytes:
    """The filter as the kernel takes it; ValueError on a machine whose numbers are not known."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise ValueError(f"the system calls of {machine} are not known")
    at = list(ARCHITECTURES).index(machine)
    lines = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        # Numbers of the other calling convention; there are none on other machines.
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
    ]
    for rule in refused:
        number = NUMBERS[rule.name][at]
        if number is not None:
            block = _block(rule)
            lines += [(EQUAL, 0, len(block), number), *block]
    lines.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _block(rule: Rule) -> list[tuple[int, int, int, int]]:
    """What is done with one call, whose number has been seen; it always ends with an answer."""
    refusal = (RETURN, 0, 0, REFUSE | rule.error)
    if not rule.where:
        return [refusal]
    lines: list[tuple[int, int, int, int]] = []
    for where in rule.where:
        lines += [(LOAD, 0, 0, ARGUMENTS_AT + 8 * where.argument), (MASK, 0, 0, where.mask)]
        # Over the values that are left, and then over the jump to the next condition, or over the refusal.
        for left, value in zip(range(len(where.values) - 1, -1, -1), where.values, strict=True):
            lines.append((EQUAL, left + 1, 0, value))
        if where.among:
            lines.append((JUMP, 0, 0, 1))
        lines.append(refusal)
    return [*lines, (RETURN, 0, 0, ALLOW)]
