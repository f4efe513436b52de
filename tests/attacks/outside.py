"""Listeners, a clock that feels being set, and what the system keeps: memory segments and keys."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable

CALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl
JOIN, SESSION = 1, -3


class Ear:
    """Listens on a socket and keeps what it hears."""

    def __init__(self, family: int, kind: int, address: str | tuple[str, int]) -> None:
        self._heard: list[bytes] = []
        self._closed = threading.Event()
        self._socket = socket.socket(family, kind)
        self._socket.bind(address)
        self._socket.settimeout(0.1)
        if kind == socket.SOCK_STREAM:
            self._socket.listen()
        self._start(self._accept if kind == socket.SOCK_STREAM else self._receive)

    @classmethod
    def calling(cls, port: int) -> Ear:
        """One that calls a port again and again instead, and keeps what it is told there."""
        made = cls.__new__(cls)
        made._heard, made._closed, made._socket, made._port = [], threading.Event(), None, port
        made._start(made._call)
        return made

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def words(self) -> str:
        """All that it has heard so far."""
        return b"\n".join(self._heard).decode(errors="replace")

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        self._thread.join(5)
        if self._socket is not None:
            self._socket.close()

    def _start(self, doing: Callable[[], None]) -> None:
        def until_closed() -> None:
            while not self._closed.is_set():
                with contextlib.suppress(OSError):
                    doing()

        self._thread = threading.Thread(target=until_closed, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with self._socket.accept()[0] as caller:
            caller.settimeout(1)
            self._heard.append(caller.recv(4096))

    def _receive(self) -> None:
        self._heard.append(self._socket.recv(4096))

    def _call(self) -> None:
        time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", self._port), 0.5) as to:
            to.settimeout(1)
            self._heard.append(to.recv(4096))


class Clock:
    """A timer that the kernel cancels whenever somebody sets the system's clock."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
        self._arm()

    def _arm(self) -> None:
        far = struct.pack("qqqq", 0, 0, int(time.time()) + 10**7, 0)
        absolute_and_cancelled_when_set = 1 | 2
        assert self._libc.timerfd_settime(self._fd, absolute_and_cancelled_when_set, far, None) == 0

    def was_set(self) -> bool:
        """Whether somebody has set the clock since this was last asked."""
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return False
        except OSError:
            self._arm()
            return True
        return True

    def close(self) -> None:
        """Let go of the timer."""
        os.close(self._fd)


def segment() -> tuple[int, bytes, Callable[[], object]]:
    """A System V shared memory segment that only its owner may read: its key, its content, and its removal."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    key, content = secrets.randbelow(2**30) + 1, secrets.token_bytes(64)
    create_exclusive = 0o3000
    made = libc.shmget(key, 4096, create_exclusive | 0o600)
    assert made >= 0, os.strerror(ctypes.get_errno())
    ctypes.memmove(libc.shmat(made, None, 0), content, len(content))
    return key, content, lambda: libc.shmctl(made, 0, None)


def join_keyring() -> bool:
    """Give this process a session keyring that it hands down to the processes it starts; False where there is none."""
    _, keyctl = CALLS.get(platform.machine(), (-1, -1))
    return int(ctypes.CDLL(None).syscall(keyctl, JOIN, None)) > 0


def keep_in_keyring(name: str, content: bytes) -> bool:
    """Put a key into the session's keyring; False where the system has none."""
    add_key, _ = CALLS.get(platform.machine(), (-1, -1))
    return int(ctypes.CDLL(None).syscall(add_key, b"user", name.encode(), content, len(content), SESSION)) > 0
