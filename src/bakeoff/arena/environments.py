"""An entry's own packages: resolved and built outside the wall, once for each digest, and mounted read-only.

None of the packages' code may run while the environment is built: only wheels are taken (sdists are built into wheels
inside a box, where the organiser allows them), the installer is never handed a file or a path of the entry's own
choosing, and it works in a folder of ours, alone, for so long and in so much space.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bakeoff.arena.escaping import clean
from bakeoff.arena.requirements import FILE, Wanted, distribution, needs, wanted
from bakeoff.arena.sdists import build_wheels
from bakeoff.arena.supplies import Supplies
from bakeoff.arena.wall.folders import let_in
from bakeoff.arena.wheelhouse import candidates, files_of, is_sdist, lacking
from bakeoff.errors import EntryError
from bakeoff.nouns import digest

LOOK = 0.5  # seconds between two looks at what is being built
ABANDONED = 3600  # seconds after which a folder that nobody holds is taken for left behind
PIP = ("-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:")
USUAL = Supplies()


def build_environment(code: Path, folder: Path, supplied: Supplies = USUAL, called: str = "") -> Path | None:
    """The folder that holds the packages an entry's requirements.txt names, None when it names none.

    Messages name the entry by its folder, or as it is `called`. Raises EntryError with the resolver's last words when
    the packages cannot be had.
    """
    try:
        return _environment(code, folder, supplied)
    except EntryError as error:
        if not called:
            raise
        raise EntryError(str(error).replace(f"{code.name}/", f"{called}/")) from error


def _environment(code: Path, folder: Path, supplied: Supplies) -> Path | None:
    asked = wanted(code)
    if not asked.named and not asked.wheels:
        return None
    home = folder / _name(asked, supplied)[:32]
    if home.exists():
        return home
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(home) as beside:
        if not home.exists():
            _install(code.name, asked, beside.absolute(), supplied)
            let_in(beside / "packages")  # boxes of other users than this one read it
            (beside / "packages").chmod(0o755)
            (beside / "packages").rename(home)
    return home


def _name(asked: Wanted, supplied: Supplies) -> str:
    """The digest of all that could change what is installed."""
    wheels = [[wheel.name, digest(wheel.read_bytes())] for wheel in asked.wheels]
    made_of: list[object] = [asked.named, wheels, platform.python_version_tuple()[:2], platform.machine()]
    if supplied.wheelhouse is not None:
        found = candidates(supplied.wheelhouse, [*asked.projects, *_needed(asked)])
        if supplied.sdists and any(is_sdist(name) for name, _ in found):
            # What an sdist needs is known when it has been built, so all of the wheelhouse counts.
            found = [("sdists", ""), *candidates(supplied.wheelhouse, files_of(supplied.wheelhouse))]
        made_of.append(found)
    return digest(made_of)


def _needed(asked: Wanted) -> list[str]:
    """The normalised names of what the entry's own wheels need."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return [canonicalize_name(Requirement(need).name) for wheel in asked.wheels for need in needs(wheel, wheel.name)]


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """A folder beside `home` in which one process at a time builds; what dead ones have left is taken away."""
    import fcntl

    room = home.with_name(f"{home.name}.partial")
    held = _held(room, fcntl.LOCK_EX)
    while held is None:
        held = _held(room, fcntl.LOCK_EX)
    try:
        for other in home.parent.glob("*.partial*"):
            if other != room:
                sweep_room(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in room.iterdir():
            if left.name != "lock":
                shutil.rmtree(left, ignore_errors=True)
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(held)


def _held(room: Path, how: int) -> int | None:
    """The open, locked file of a room; None when somebody has just taken the room away, or holds it."""
    import fcntl

    room.mkdir(exist_ok=True)
    handle = -1
    try:
        handle = os.open(room / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, how)
        # Whoever held it before may have taken the room away, and then this is the lock of nothing.
        if os.path.samestat(os.stat(room / "lock"), os.fstat(handle)):
            return handle
    except (FileNotFoundError, BlockingIOError):
        pass
    if handle >= 0:
        os.close(handle)
    return None


def sweep_room(room: Path, how: int) -> None:
    """Take a room away that nobody builds in any more."""
    with contextlib.suppress(OSError):
        if time.time() - room.stat().st_mtime < ABANDONED and not (room / "lock").exists():
            return  # it may be about to be locked
        if (held := _held(room, how)) is not None:
            shutil.rmtree(room, ignore_errors=True)
            os.close(held)


def _install(entry: str, asked: Wanted, beside: Path, supplied: Supplies) -> None:
    """Let pip put what is asked for into `beside`/packages; it reads a list of ours and runs in a folder of ours."""
    packages, listed = beside / "packages", beside / FILE
    packages.mkdir()
    (beside / "tmp").mkdir()
    # Addresses, since a plain path could hold what pip reads as a variable, a comment or an extra.
    wheels = [f"{distribution(wheel)} @ {wheel.resolve().as_uri()}" for wheel in asked.wheels]
    if asked.hashed:
        wheels = [
            f"{line} --hash=sha256:{digest(wheel.read_bytes())}"
            for line, wheel in zip(wheels, asked.wheels, strict=True)
        ]
    listed.write_text("".join(f"{line}\n" for line in (*asked.named, *wheels)), encoding="utf-8")
    # Isolated, since `-m` alone would take a pip.py that lies in the working folder for pip.
    command = [sys.executable, *PIP, "--target", str(packages), "-r", str(listed)]
    variables = {**os.environ, "TMPDIR": str(beside / "tmp"), "PIP_ROOT_USER_ACTION": "ignore"}
    if supplied.wheelhouse is not None:
        # Nothing that a person or a machine has set may lead to another place.
        command += ["--isolated", "--no-cache-dir", "--no-index", "--find-links", str(supplied.wheelhouse.absolute())]
        variables = {name: value for name, value in variables.items() if not name.upper().startswith("PIP_")}
        variables["PIP_CONFIG_FILE"] = os.devnull
        if supplied.sdists:
            (beside / "wheels").mkdir()
            build_wheels(asked, _needed(asked), supplied, beside / "wheels")
            command += ["--find-links", str(beside / "wheels")]
    said = _watched(command, variables, beside, supplied, entry)
    if said is not None:
        raise EntryError(_words(entry, said, supplied))


def _words(entry: str, said: str, supplied: Supplies) -> str:
    lines = [line for line in clean(said, 16_384).splitlines() if line.strip()]
    if supplied.wheelhouse is not None and (lacks := lacking(supplied.wheelhouse, "\n".join(lines), entry)):
        return lacks
    last = lines[-1] if lines else "pip failed"
    if "hash" in said and (named := next((line for line in lines if "HASH" in line.upper()), "")):
        last = named
    return f"The packages in {entry}/{FILE} could not be installed: {last}"


def _watched(
    command: list[str], variables: Mapping[str, str], beside: Path, supplied: Supplies, entry: str
) -> str | None:
    """Run the installer and give what it said, None when all went well; EntryError when it takes too much."""
    errors = beside / "errors"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=beside,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    began = time.monotonic()
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK)
            if time.monotonic() - began > supplied.seconds:
                raise EntryError(_over(entry, f"{supplied.seconds:g} s"))
            if _weight(beside) > supplied.mib << 20:
                raise EntryError(_over(entry, f"{supplied.mib} MiB"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # The tail alone, since an index may say as much as it likes.
    said = errors.read_bytes()[-65_536:].decode(errors="replace")
    return None if process.returncode == 0 else said


def _over(entry: str, what: str) -> str:
    return (
        f"The packages in {entry}/{FILE} take more than {what} to install; name fewer or smaller ones, "
        "or let the organiser allow more in [environments] of challenge.toml."
    )


def _weight(folder: Path) -> int:
    """Bytes on disk in a folder, whatever comes and goes in it meanwhile."""
    total = 0
    with contextlib.suppress(OSError):
        for found in os.scandir(folder):
            with contextlib.suppress(OSError):
                if found.is_dir(follow_symlinks=False):
                    total += _weight(Path(found.path))
                else:
                    total += found.stat(follow_symlinks=False).st_size
    return total
