"""An entry's own packages: resolved and built outside the wall, once for each digest, and mounted read-only.

Only wheels are taken, so that none of the packages' code runs while the environment is built.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from bakeoff.errors import EntryError
from bakeoff.nouns import digest


def wanted(code: Path) -> list[str]:
    """The requirements that an entry's folder names, without comments and empty lines."""
    path = code / "requirements.txt"
    if not path.exists():
        return []
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        local = line.startswith((".", "/")) and not line.endswith(".whl")
        if line.startswith("-") or "://" in line or local or ".." in line:
            raise EntryError(
                f"{code.name}/requirements.txt says {line!r}; name packages, or wheels of the entry's own folder."
            )
    return [line for line in lines if line]


def build_environment(code: Path, folder: Path) -> Path | None:
    """The folder that holds the packages an entry's requirements.txt names, None when it names none.

    Raises EntryError with the resolver's last words when they cannot be had.
    """
    lines = wanted(code)
    if not lines:
        return None
    wheels = [(code / line).read_bytes() for line in lines if line.endswith(".whl") and (code / line).is_file()]
    name = digest([lines, [digest(wheel) for wheel in wheels], platform.python_version_tuple()[:2], platform.machine()])
    home = folder / name[:32]
    if home.exists():
        return home
    beside = folder / f"{name[:32]}.partial"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    built = subprocess.run(
        [*command, "--target", str(beside.absolute()), "-r", "requirements.txt"],
        cwd=code,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        shutil.rmtree(beside, ignore_errors=True)
        said = [line for line in built.stderr.strip().splitlines() if line.strip()]
        raise EntryError(
            f"The packages in {code.name}/requirements.txt could not be installed: {said[-1] if said else 'pip failed'}"
        )
    beside.rename(home)
    return home
