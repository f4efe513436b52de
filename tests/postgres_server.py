"""A real PostgreSQL server for tests, started from the system's binaries and gone when the tests end."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
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


@contextmanager
def serving() -> Iterator[str]:
    """The URL `postgresql://USER:PASSWORD@127.0.0.1:PORT/postgres` of a fresh server, its password escaped."""
    from urllib.parse import quote

    folder = Path(tempfile.mkdtemp(prefix="bakeoff-postgres-"))
    user = _other_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    binary = binaries()
    assert binary is not None
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    data, port = folder / "data", _free_port()
    made = [binary / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={folder / 'password'}"]
    subprocess.run([*made, "-E", "UTF8", "--no-sync"], check=True, capture_output=True, user=user, cwd=folder)
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
    options = [word for setting in settings for word in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binary / "postgres", "-D", data, *options], stdout=log, stderr=log, user=user, cwd=folder
        )
    try:
        _wait(port, server, folder / "log")
        yield f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown
        server.wait(SECONDS)
        shutil.rmtree(folder)


def _other_user() -> str | None:
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
