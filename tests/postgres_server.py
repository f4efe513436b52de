"""A real PostgreSQL server for tests, started from the system's binaries and gone when the tests end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "bakeoff"
PASSWORD = "s3cret-p@ss/w#rd"  # signs that must be escaped in a URL
SECONDS = 60


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL that is installed, also where it is not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def why_no_postgresql() -> str:
    """Why no server can be started; empty when one can."""
    if binaries() is None or importlib.util.find_spec("psycopg") is None:
        return "PostgreSQL and psycopg are needed: apt install postgresql; pip install 'psycopg[binary]'"
    if os.geteuid() == 0 and not _other_user():
        return "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as"
    return ""


class Server:
    """One server with its data in a folder of its own; it can be killed and started again.

    It does not wait for the disk (`fsync` off), which survives the end of a process and not that of a machine.
    """

    def __init__(self, fsync: str = "off") -> None:
        from urllib.parse import quote

        self._fsync = fsync
        self.folder = Path(tempfile.mkdtemp(prefix="bakeoff-postgres-"))
        self.port = _free_port()
        self.url = f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/postgres"
        self._user = _other_user() if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        found = binaries()
        assert found is not None
        self._binaries = found
        (self.folder / "password").write_text(PASSWORD)
        (self.folder / "password").chmod(0o644)
        made = ["-D", self.folder / "data", "-U", USER, "-A", "scram-sha-256", f"--pwfile={self.folder / 'password'}"]
        self._call([found / "initdb", *made, "-E", "UTF8", "--no-sync"])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers; a server that was killed leaves memory that must first be let go."""
        said = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", f"fsync={self._fsync}"]
        options = [word for setting in said for word in ("-c", setting)]
        command = [self._binaries / "postgres", "-D", self.folder / "data", *options]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd=self.folder)
            if _answers(self.port, self._process, end):
                return
            self._process.kill()
            self._process.wait()
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """A fast shutdown: open transactions are broken off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(SECONDS)
            self._process = None

    def kill(self) -> None:
        """`kill -9`, of the server and all the processes it has started."""
        import psutil

        assert self._process is not None
        family = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.Error):
                one.kill()
        self._process.wait(SECONDS)
        self._process = None

    def remove(self) -> None:
        """Stop it, and take its data away."""
        self.stop()
        shutil.rmtree(self.folder)

    def _call(self, command: list[object]) -> None:
        words = [str(word) for word in command]
        subprocess.run(words, check=True, capture_output=True, user=self._user, cwd=self.folder)


@contextmanager
def serving() -> Iterator[str]:
    """The URL `postgresql://USER:PASSWORD@127.0.0.1:PORT/postgres` of a fresh server, its password escaped."""
    server = Server()
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


@contextmanager
def database(url: str) -> Iterator[str]:
    """A new, empty database on the server at `url`, as an address for SQLAlchemy; gone at the end."""
    import psycopg

    name = f"d{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield url.replace("postgresql:", "postgresql+psycopg:").rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def _other_user() -> str | None:
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, server: subprocess.Popen[bytes], end: float) -> bool:
    import psycopg

    while time.monotonic() < end and server.poll() is None:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres").close()
            return True
        except psycopg.OperationalError:
            time.sleep(0.05)
    return False
