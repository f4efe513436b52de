"""What an entry's requirements.txt asks for, read so that nothing of it can run code or reach out."""

from __future__ import annotations

import email
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import EntryError

FILE = "requirements.txt"
ARCHIVES = (".whl", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".egg")
# What a written-out requirement may hold: no path, no URL, no variable, no comment and no continued line.
WRITTEN = re.compile(r"[A-Za-z0-9._,\[\]<>=!~*+-]+")
HASH = re.compile(r"\s--hash[ =](\S+)")
HASHES = {"sha256": 64, "sha384": 96, "sha512": 128}
LARGEST_METADATA = 4 << 20
LARGEST_LIST = 1 << 20
# What reading a damaged or made-up wheel can raise; a requirement that is none is a ValueError.
READING = (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError)


@dataclass(frozen=True)
class Wanted:
    """What is asked for: requirements as we write them, hashes included, and wheels of the entry's own folder."""

    named: tuple[str, ...] = ()
    wheels: tuple[Path, ...] = ()

    @property
    def hashed(self) -> bool:
        """Whether the files that are taken must have the hashes that are given."""
        return any(" --hash=" in line for line in self.named)

    @property
    def projects(self) -> tuple[str, ...]:
        """The names of the packages that are asked for by name, normalised."""
        from packaging.utils import canonicalize_name

        names = (re.match(r"[A-Za-z0-9._-]+", line) for line in self.named)
        return tuple(canonicalize_name(name[0]) for name in names if name)


def wanted(code: Path) -> Wanted:
    """What an entry's folder asks for; EntryError for a line that is neither a package nor a wheel of the folder."""
    path = code / FILE
    if not path.exists():
        return Wanted()
    if path.stat().st_size > LARGEST_LIST:
        raise EntryError(f"{code.name}/{FILE} holds more than {LARGEST_LIST >> 20} MiB; name the packages alone.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise EntryError(f"{code.name}/{FILE} is not UTF-8 text; save it as UTF-8.") from error
    named: list[str] = []
    wheels: list[Path] = []
    for line in _lines(text):
        if line.endswith(".whl"):
            wheels.append(_wheel(code, line))
        else:
            named += _requirement(code, line)
    asked = Wanted(tuple(named), tuple(wheels))
    bare = next((line for line in named if "--hash=" not in line), "")
    if asked.hashed and bare:
        raise EntryError(
            f"{code.name}/{FILE} gives hashes, but none for {bare!r}; give each package one, its dependencies too, "
            "as pip-compile --generate-hashes writes them, or none."
        )
    return asked


def _lines(text: str) -> Iterator[str]:
    """The lines without comments and blank ones; one that ends in a backslash goes on in the next."""
    held = ""
    for line in text.splitlines():
        held += re.sub(r"(^|\s)#.*", "", line).strip()
        if held.endswith(" \\") or held == "\\":
            held = held[:-1]
            continue
        if held:
            yield held
        held = ""
    if held.strip():
        yield held.strip()


def _requirement(code: Path, line: str) -> list[str]:
    """A requirement by name as we write it, or nothing when its marker does not hold on this machine."""
    from packaging.requirements import InvalidRequirement, Requirement

    hashes = HASH.findall(line)
    try:
        read = Requirement(HASH.sub("", line).strip())
        holds = read.marker is None or read.marker.evaluate({"extra": ""})
    except (InvalidRequirement, ValueError, RecursionError) as error:
        raise _refused(code, line) from error
    read.marker = None
    written = str(read)
    if read.url or read.name.lower().endswith(ARCHIVES) or not WRITTEN.fullmatch(written):
        raise _refused(code, line)
    for given in hashes:
        kind, _, digits = given.partition(":")
        if len(digits) != HASHES.get(kind) or not re.fullmatch(r"[0-9a-f]+", digits):
            raise EntryError(f"{code.name}/{FILE} gives {given[:200]!r} as a hash; write sha256: and 64 digits.")
    return [" ".join([written, *(f"--hash={given}" for given in hashes)])] if holds else []


def _wheel(code: Path, line: str) -> Path:
    """A wheel that lies in the entry's own folder and names its own dependencies by name alone."""
    name = line.removeprefix("./")
    if "/" in name or "\\" in name or ":" in name:
        raise _refused(code, line)
    path = code / name
    if path.is_symlink() or not path.is_file():
        raise EntryError(f"{code.name}/{FILE} names {line!r}, but the entry holds no such wheel.")
    check_wheel(path, f"{code.name}/{name}")
    return path


def check_wheel(path: Path, called: str) -> None:
    """EntryError for a wheel that cannot be read, or that needs anything but packages by name."""
    distribution(path)
    # A dependency at an address would be fetched and built whatever it is, wheels only or not.
    reaching = [need for need in needs(path, called) if "@" in need]
    if reaching:
        raise EntryError(f"{called} needs {' '.join(reaching[0].split())!r}; a wheel may only need packages by name.")


def needs(path: Path, called: str) -> list[str]:
    """What a wheel's metadata says that it needs; EntryError when that cannot be read."""
    from packaging.requirements import Requirement

    try:
        with zipfile.ZipFile(path) as archive:
            told = [one for one in archive.infolist() if one.filename.lower().endswith(".dist-info/metadata")]
            if any(one.file_size > LARGEST_METADATA for one in told):
                raise EntryError(f"{called} has metadata of more than {LARGEST_METADATA >> 20} MiB.")
            texts = [archive.read(one).decode("utf-8") for one in told]
        found = [str(need) for text in texts for need in email.message_from_string(text).get_all("Requires-Dist", [])]
        for need in found:
            Requirement(" ".join(need.split()))
    except READING as error:
        raise EntryError(f"{called} is not a wheel that can be read: {str(error).partition(chr(10))[0]}.") from error
    return found


def distribution(path: Path) -> str:
    """The name of a wheel's distribution, from its file name."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return str(parse_wheel_filename(path.name)[0])
    except InvalidWheelFilename as error:
        raise EntryError(f"{path.name!r} is not the name of a wheel, such as mine-1.0-py3-none-any.whl.") from error


def _refused(code: Path, line: str) -> EntryError:
    return EntryError(f"{code.name}/{FILE} says {line[:200]!r}; name packages, or wheels of the entry's own folder.")
