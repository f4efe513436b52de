"""The seccomp filter: its program is run here number by number, and then for real in a child."""

import errno
import platform
import struct

import pytest
from boxed import told

from bakeoff.arena.wall import seccomp
from bakeoff.arena.wall.syscalls import NUMBERS
from bakeoff.nouns import Level

LEVELS = [Level.BUBBLEWRAP, Level.PROCESS]
HOUSE = 4711
# What ordinary programs do, by number on x86_64 and on aarch64 (linux: syscall_64.tbl, asm-generic/unistd.h).
ORDINARY = {
    "read": (0, 63),
    "write": (1, 64),
    "openat": (257, 56),
    "mmap": (9, 222),
    "futex": (202, 98),
    "execve": (59, 221),
    "exit_group": (231, 94),
    "memfd_create": (319, 279),
    "sched_setaffinity": (203, 122),
    "landlock_restrict_self": (446, 446),
}


def verdict(program, number, *arguments, architecture=0xC000003E):
    """What the kernel would say: the program run as classic BPF on one system call."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(a & (1 << 64) - 1 for a in (*arguments, *[0] * 6)[:6]))
    lines = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        code, then, otherwise, value = lines[at]
        at += 1
        if code == seccomp.LOAD:
            (held,) = struct.unpack_from("=I", data, value)
        elif code == seccomp.EQUAL:
            at += then if held == value else otherwise
        elif code == seccomp.AT_LEAST:
            at += then if held >= value else otherwise
        elif code == seccomp.JUMP:
            at += value
        elif code == seccomp.MASK:
            held &= value
        else:
            assert code == seccomp.RETURN
            return value


REFUSED = seccomp.REFUSE | errno.EPERM


@pytest.fixture(params=LEVELS, ids=["bubblewrap", "process"])
def level(request):
    return request.param


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_every_denied_number_is_refused_and_ordinary_ones_are_not(level, machine):
    at, architecture = list(seccomp.ARCHITECTURES).index(machine), seccomp.ARCHITECTURES[machine]
    program = seccomp.program(seccomp.rules(level, HOUSE, keeps_user=True), machine)
    denied = [NUMBERS[name][at] for name in seccomp.DENIED if NUMBERS[name][at] is not None]
    assert len(denied) > 50
    assert {verdict(program, number, architecture=architecture) for number in denied} == {REFUSED}
    assert {verdict(program, numbers[at], architecture=architecture) for numbers in ORDINARY.values()} == {
        seccomp.ALLOW
    }
    named = {numbers[at] for numbers in NUMBERS.values()}
    others = [number for number in range(470) if number not in named]
    assert {verdict(program, number, architecture=architecture) for number in others} == {seccomp.ALLOW}
    assert len(program) // 8 < 4096, "the kernel takes no longer ones"


def test_another_machines_calls_end_the_process_and_the_other_convention_is_refused(level):
    program = seccomp.program(seccomp.rules(level), "x86_64")
    assert verdict(program, 1, architecture=0x40000003) == seccomp.KILL
    assert verdict(program, 0x40000000 | 1) == REFUSED
    assert verdict(program, 1) == seccomp.ALLOW


@pytest.mark.parametrize(
    ("name", "arguments", "refused"),
    [
        ("clone", (0x10000000 | 17,), True),
        ("clone", (0x00020000 | 17,), True),
        ("clone", (17,), False),
        ("clone", (0x3D0F00,), False),  # what threads are made with
        ("ioctl", (0, 0x5412), True),
        ("ioctl", (0, 0x100005412), True),  # the kernel looks at the low half alone
        ("ioctl", (0, 0x541C), True),
        ("ioctl", (0, 0x5401), False),
        ("socket", (40,), True),
    ],
)
def test_what_depends_on_arguments(level, name, arguments, refused):
    program = seccomp.program(seccomp.rules(level, HOUSE), "x86_64")
    assert verdict(program, NUMBERS[name][0], *arguments) == (REFUSED if refused else seccomp.ALLOW)


def test_sockets_are_for_those_with_a_network_of_their_own():
    wrapped, process = (seccomp.program(seccomp.rules(level, HOUSE), "x86_64") for level in LEVELS)
    for domain in (1, 2, 10):
        assert verdict(wrapped, NUMBERS["socket"][0], domain) == seccomp.ALLOW
        assert verdict(process, NUMBERS["socket"][0], domain) == REFUSED
    assert verdict(process, NUMBERS["socketpair"][0], 1) == seccomp.ALLOW
    assert verdict(process, NUMBERS["socketpair"][0], 2) == REFUSED


def test_the_house_is_out_of_reach_where_processes_are_seen():
    program = seccomp.program(seccomp.rules(Level.PROCESS, HOUSE, keeps_user=True), "x86_64")
    for name in seccomp.SIGNALS:
        number = NUMBERS[name][0]
        assert [verdict(program, number, pid) for pid in (HOUSE, -HOUSE, -1)] == [REFUSED] * 3
        assert [verdict(program, number, pid) for pid in (HOUSE + 1, 0)] == [seccomp.ALLOW] * 2
    assert verdict(program, NUMBERS["prlimit64"][0], HOUSE) == REFUSED
    assert verdict(program, NUMBERS["prlimit64"][0], 0) == seccomp.ALLOW
    assert verdict(program, NUMBERS["chmod"][0]) == seccomp.REFUSE | 0, "done, it says, and does nothing"
    assert verdict(program, NUMBERS["clone3"][0]) == seccomp.REFUSE | errno.ENOSYS


def test_a_machine_whose_numbers_are_not_known_has_no_filter():
    with pytest.raises(ValueError, match="riscv64 are not known"):
        seccomp.program(seccomp.rules(Level.PROCESS), "riscv64")


TRIES = """
c = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if c.syscall(*map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "call")
say({
    "kcmp": attempt(call, 312, os.getpid(), os.getpid(), 0, 0, 0),
    "keyctl": attempt(call, 250, 0, -3, 0),
    "personality": attempt(call, 135, 0xFFFFFFFF),
    "clone3": attempt(call, 435, 0, 0),
    "socket": attempt(socket.socket, socket.AF_INET),
    "getpid": attempt(call, 39),
    "fork": attempt(lambda: subprocess.run(["/bin/true"], check=True)),
})
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers below are those of x86_64")
def test_the_kernel_refuses_what_the_program_refuses(level, require):
    if level is Level.BUBBLEWRAP:
        require("bubblewrap")
    free, held = told(level, TRIES, seccomp=False), told(level, TRIES)
    assert free["kcmp"] == free["personality"] == free["socket"] == "done", "the partner: without a filter it can"
    assert free["clone3"] == "EINVAL"
    assert held["kcmp"] == held["keyctl"] == held["personality"] == "EPERM"
    assert held["clone3"] == "ENOSYS"
    assert held["getpid"] == held["fork"] == "done"
    assert held["socket"] == ("EPERM" if level is Level.PROCESS else "done")
