"""The first thing that runs in a box: it takes rights away from itself, and then becomes what it was told to start.

Run by path with `python -I -S`, with a plan as JSON and then the command; it imports nothing but the standard library,
and none of an entry's code is near yet. What it is told to do it does or ends: a box never starts with less.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import stat
import sys

PDEATHSIG, SUBREAPER, NO_NEW_PRIVILEGES, SECCOMP = 1, 36, 38, 22
NEW_MOUNTS = 0x20000
BIND, RECURSIVE, PRIVATE, REMOUNT = 4096, 16384, 1 << 18, 32
RESTRICTED = 1 | 2 | 4  # read-only, no set-uid programs, no devices
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
FILE_RIGHTS = 1 | 2 | 4 | 1 << 14 | 1 << 15
EVERY_CHILD = 0x40000000
FAILED = 125


def main() -> None:
    """Do what the plan says, in an order in which each step still may what it needs."""
    plan, command = json.loads(sys.argv[1]), sys.argv[2:]
    linux = sys.platform == "linux"
    if plan["cores"] and linux:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, plan["cores"])
    for path in plan["joins"]:
        with open(path, "w") as file:
            file.write("0")
    if plan["hidden"] or plan["rooms"]:
        make_view(plan)
    ruleset = make_ruleset(plan["landlock"]) if plan["landlock"] else -1
    if plan["supervised"]:
        if linux:
            control(SUBREAPER, 1)
            die_with_parent(plan["parent"], signal.SIGTERM)
        # Held back until somebody is there who would end the worker first.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        supervisor = os.getpid()
        if worker := os.fork():
            supervise(worker)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        plan["parent"] = supervisor
    confine(plan, ruleset, linux)
    os.execv(command[0], command)


def confine(plan: dict, ruleset: int, linux: bool) -> None:  # type: ignore[type-arg]
    """Limits, another user, no new privileges, Landlock and seccomp, for this process and all that come of it."""
    for name, most in plan["limits"].items():
        limit = getattr(resource, f"RLIMIT_{name}", None)
        if limit is not None:
            hard = resource.getrlimit(limit)[1]
            allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (allowed, allowed))
    if plan["uid"]:
        os.setgroups([])
        os.setresgid(plan["uid"], plan["uid"], plan["uid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    if linux:
        die_with_parent(plan["parent"], signal.SIGKILL)
        control(NO_NEW_PRIVILEGES, 1)
        if plan["supervised"]:
            drop_capabilities()
    os.chdir(plan["folder"])
    if ruleset >= 0:
        call(RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
    if plan["seccomp"] >= 0:
        install(plan["seccomp"])


def supervise(worker: int) -> None:
    """Stay as the one to whom every process of the box falls when its own parent ends, and end them with the worker."""

    def stop(number: int, frame: object) -> None:
        os.kill(worker, signal.SIGKILL)

    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.closerange(3, 1024)  # among them the pipes, whose end must be seen when the worker ends
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    status = reap(worker)
    while children := children_of(os.getpid()):
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap(children[0])
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def reap(awaited: int) -> int:
    """Wait for children until the awaited one has ended, and give its status; 0 when there are none."""
    every = EVERY_CHILD if sys.platform == "linux" else 0
    while True:
        try:
            pid, status = os.waitpid(-1, every)
        except ChildProcessError:
            return 0
        if pid == awaited:
            return status


def children_of(parent: int) -> list[int]:
    """The processes whose parent this is, dead ones that nobody waited for included."""
    found = []
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                    found.append(pid)
        except OSError:
            pass
    return found


def make_view(plan: dict) -> None:  # type: ignore[type-arg]
    """Mounts of the box's own: folders that only root may enter show just what the box needs, and rooms are limited."""
    if library().unshare(NEW_MOUNTS):
        fail("no mounts of its own")
    mount("none", "/", "", RECURSIVE | PRIVATE)
    for top, paths in plan["hidden"].items():
        held = [(path, os.open(path, os.O_PATH)) for path in paths]
        mount("tmpfs", top, "tmpfs", 0, "mode=0755,size=1m")
        for path, fd in held:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                os.makedirs(path, exist_ok=True)
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            mount(f"/proc/self/fd/{fd}", path, "", BIND | RECURSIVE)
            os.close(fd)
    for path, options in plan["rooms"].items():
        mount("tmpfs", path, "tmpfs", RESTRICTED & ~1, options)
    for top in plan["hidden"]:
        mount("none", top, "", REMOUNT | BIND | RESTRICTED)


def make_ruleset(rules: dict) -> int:  # type: ignore[type-arg]
    """A Landlock ruleset that lets each path be used in its own way and nothing else; a path that is not there is left
    out."""
    attributes = (ctypes.c_uint64 * 3)(*rules["handled"])
    ruleset = call(CREATE_RULESET, ctypes.byref(attributes), rules["size"], 0)
    for path, rights in rules["paths"].items():
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        possible = rights if stat.S_ISDIR(os.fstat(fd).st_mode) else rights & FILE_RIGHTS
        beneath = possible.to_bytes(8, sys.byteorder) + fd.to_bytes(4, sys.byteorder)
        call(ADD_RULE, ruleset, 1, ctypes.c_char_p(beneath), 0)
        os.close(fd)
    return ruleset


def install(fd: int) -> None:
    """Install the seccomp program that a descriptor holds."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    said = os.read(fd, 1 << 16)
    os.close(fd)
    program = Program(len(said) // 8, said)
    if library().prctl(SECCOMP, 2, ctypes.byref(program), 0, 0):
        fail("no seccomp filter")


def drop_capabilities() -> None:
    """Be root in name only, where the house is root and no other user can be taken; no program gives them back."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if library().capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())):
        fail("capabilities are kept")


def die_with_parent(parent: int, number: int) -> None:
    """Be sent a signal when the parent ends; it may have ended before the kernel was asked."""
    control(PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(FAILED)


def control(option: int, value: int) -> None:
    """One prctl call."""
    if library().prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        fail(f"prctl {option}")


def call(number: int, *arguments: object) -> int:
    """One raw system call."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result: int = library().syscall(ctypes.c_long(number), *words)
    if result < 0:
        fail(f"system call {number}")
    return result


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """One mount."""
    words = [word.encode() or None for word in (source, target, kind)]
    if library().mount(*words, ctypes.c_ulong(flags), options.encode() or None):
        fail(f"mount on {target}")


def library() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL(None, use_errno=True)


def fail(what: str) -> None:
    """End the box before it has started."""
    print(f"{what}: {os.strerror(ctypes.get_errno())}", file=sys.stderr, flush=True)
    os._exit(FAILED)


if __name__ == "__main__":
    main()
