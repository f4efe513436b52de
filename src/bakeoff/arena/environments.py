"""An entry's own packages: resolved and built outside the wall, once for each digest, and mounted read-only.

None of the packages' code may run while the environment is built: only wheels are taken, the installer is never handed
a file or a path of the entry's own choosing, and it works in a folder of ours.
"""

from __future__ import annotations

import email
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import EntryError
from bakeoff.nouns import digest

ARCHIVES = (".whl", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".egg")
# What a written-out requirement may hold: no path, no URL, no variable, no comment and no continued line.
WRITTEN = re.compile(r"[A-Za-z0-9._,\[\]<>=!~*+-]+")
LARGEST_METADATA = 4 << 20


@dataclass(frozen=True)
class Wanted:
    """What an entry's requirements.txt names: requirements written out by us, and wheels of the entry's own folder."""

    named: tuple[str, ...] = ()
    wheels: tuple[Path, ...] = ()


def wanted(code: Path) -> Wanted:
    """What an entry's folder asks for; EntryError for a line that is neither a package nor a wheel of the folder."""
    path = code / "requirements.txt"
    if not path.exists():
        return Wanted()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise EntryError(f"{code.name}/requirements.txt is not UTF-8 text; save it as UTF-8.") from error
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    named: list[str] = []
    wheels: list[Path] = []
    for line in filter(None, lines):
        if line.endswith(".whl"):
            wheels.append(_wheel(code, line))
        else:
            named += _requirement(code, line)
    return Wanted(tuple(named), tuple(wheels))


def _requirement(code: Path, line: str) -> list[str]:
    """A requirement by name as we write it, or nothing when its marker does not hold on this machine."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        read = Requirement(line)
        holds = read.marker is None or read.marker.evaluate({"extra": ""})
    except (InvalidRequirement, ValueError, RecursionError) as error:
        raise _refused(code, line) from error
    read.marker = None
    written = str(read)
    if read.url or read.name.lower().endswith(ARCHIVES) or not WRITTEN.fullmatch(written):
        raise _refused(code, line)
    return [written] if holds else []


def _wheel(code: Path, line: str) -> Path:
    """A wheel that lies in the entry's own folder and names its own dependencies by name alone."""
    from packaging.requirements import InvalidRequirement, Requirement

    name = line.removeprefix("./")
    if "/" in name or "\\" in name or ":" in name:
        raise _refused(code, line)
    path = code / name
    if path.is_symlink() or not path.is_file():
        raise EntryError(f"{code.name}/requirements.txt names {line!r}, but the entry holds no such wheel.")
    _distribution(path)
    try:
        with zipfile.ZipFile(path) as archive:
            told = [one for one in archive.infolist() if one.filename.lower().endswith(".dist-info/metadata")]
            if any(one.file_size > LARGEST_METADATA for one in told):
                raise EntryError(f"{code.name}/{name} has metadata of more than {LARGEST_METADATA >> 20} MiB.")
            texts = [archive.read(one).decode("utf-8") for one in told]
        needs = [str(need) for text in texts for need in email.message_from_string(text).get_all("Requires-Dist", [])]
        # A dependency at an address would be fetched and built whatever it is, wheels only or not.
        reaching = [need for need in needs if Requirement(" ".join(need.split())).url or "@" in need]
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, InvalidRequirement) as error:
        raise EntryError(
            f"{code.name}/{name} is not a wheel that can be read: {str(error).partition(chr(10))[0]}."
        ) from error
    if reaching:
        raise EntryError(
            f"{code.name}/{name} needs {' '.join(reaching[0].split())!r}; a wheel may only need packages by name."
        )
    return path


def _distribution(path: Path) -> str:
    """The name of a wheel's distribution, from its file name."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return str(parse_wheel_filename(path.name)[0])
    except InvalidWheelFilename as error:
        raise EntryError(f"{path.name!r} is not the name of a wheel, such as mine-1.0-py3-none-any.whl.") from error


def _refused(code: Path, line: str) -> EntryError:
    return EntryError(
        f"{code.name}/requirements.txt says {line[:200]!r}; name packages, or wheels of the entry's own folder."
    )


def build_environment(code: Path, folder: Path) -> Path | None:
    """The folder that holds the packages an entry's requirements.txt names, None when it names none.

    Raises EntryError with the resolver's last words when they cannot be had.
    """
    asked = wanted(code)
    if not asked.named and not asked.wheels:
        return None
    wheels = [[wheel.name, digest(wheel.read_bytes())] for wheel in asked.wheels]
    name = digest([asked.named, wheels, platform.python_version_tuple()[:2], platform.machine()])
    home = folder / name[:32]
    if home.exists():
        return home
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name[:32]}.partial-", dir=folder) as beside:
        _install(code.name, asked, Path(beside).absolute())
        try:
            (Path(beside) / "packages").rename(home)
        except OSError:
            # Another process built the same environment first.
            if not home.exists():
                raise
    return home


def _install(entry: str, asked: Wanted, beside: Path) -> None:
    """Let pip put what is asked for into `beside`/packages; it reads a list of ours and runs in a folder of ours."""
    packages, listed = beside / "packages", beside / "requirements.txt"
    packages.mkdir()
    # Addresses, since a plain path could hold what pip reads as a variable, a comment or an extra.
    wheels = [f"{_distribution(wheel)} @ {wheel.resolve().as_uri()}" for wheel in asked.wheels]
    listed.write_text("".join(f"{line}\n" for line in (*asked.named, *wheels)), encoding="utf-8")
    # Isolated, since `-m` alone would take a pip.py that lies in the working folder for pip.
    command = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    built = subprocess.run(
        [*command, "--only-binary=:all:", "--target", str(packages), "-r", str(listed)],
        cwd=beside,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if built.returncode != 0:
        said = [line for line in built.stderr.strip().splitlines() if line.strip()]
        raise EntryError(
            f"The packages in {entry}/requirements.txt could not be installed: {said[-1] if said else 'pip failed'}"
        )
