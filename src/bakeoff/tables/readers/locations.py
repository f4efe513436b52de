"""Where a file lies: a local path, any fsspec location, or bytes; opened as a stream, unpacked where it is packed."""

from __future__ import annotations

import io
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from bakeoff.errors import BakeoffError, MissingExtra, NotFound, TableError, UsageError
from bakeoff.extras import need
from bakeoff.tables.readers.downloads import Download
from bakeoff.tables.readers.streams import first_line
from bakeoff.tables.sentences import listed, near

PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
COPY = 1 << 20
NEEDS = "Reading {}:// needs a package that is not installed: pip install 'bakeoff[cloud]'"
REACH = "check the address, the access rights and the network, and try again"
USER = re.compile(r"^([^/?#:@]*):(.*)@")
FIRST_USER = re.compile(r"^([^/?#:@]*):([^@]*)@")
FIELD = re.compile(r"(?i)([?&][^=&#]*(?:pass|secret|token|sig|credential|key|pwd)[^=&#]*)=([^&#]*)")
SHEETED = re.compile(r"(?i)\.xls[xm]#[^#/]+$")


class Readable(Protocol):
    """Anything that gives its next bytes; fewer than asked for only at the end, none at all after it."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


def shown(source: object) -> str:
    """A source as it may be shown: a password in a URL, and query fields that hold secrets, are replaced by `***`.

    A password may hold any sign unescaped, so all from the first colon to the last @ is taken for one.
    """
    scheme, mark, rest = str(source).partition("://")
    if not mark:
        return str(source)
    rest = USER.sub(lambda found: f"{found[1]}:***@", rest)
    return f"{scheme}://{FIELD.sub(lambda found: f'{found[1]}=***', rest)}"


def unsaid(message: str, url: str) -> str:
    """A message of a driver without the URL's secrets, whether they are written plainly or with percent signs."""
    rest = url.partition("://")[2]
    secrets = [found[2] for pattern in (USER, FIELD) for found in pattern.finditer(rest)]
    secrets += [found[2] for found in FIRST_USER.finditer(rest)]  # what a driver takes for it where an @ is not escaped
    message = message.replace(url, shown(url))
    for secret in secrets:
        for form in (secret, unquote(secret)):
            message = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", message) if form else message
    return message


@dataclass(frozen=True)
class Location:
    """A file: `source` is a Path, a URL, or its bytes; `name` is how messages call it, `part` a sheet within it."""

    source: Path | str | bytes
    name: str
    part: str = ""

    @classmethod
    def of(cls, source: str | Path, name: str = "") -> Location:
        """The location of a path or URL, `#SHEET` at its end taken off; `file://` is a path."""
        if "://" not in str(source):
            text, part = str(source), ""
            if SHEETED.search(text) and not Path(text).exists():
                text, _, part = text.rpartition("#")
            return cls(Path(text), name or text, part)
        if str(source).startswith("file://"):
            from urllib.request import url2pathname

            path = Path(url2pathname(urlsplit(str(source)).path))
            return cls(path, name or str(path))
        text, part = str(source), ""
        if SHEETED.search(text):
            text, _, part = text.rpartition("#")
        return cls(text, name or shown(text), part)

    @property
    def file(self) -> str:
        """The last part of the path, without a URL's query."""
        if isinstance(self.source, Path):
            return self.source.name
        text = self.name if isinstance(self.source, bytes) else self.source.split("?")[0].split("#")[0]
        return PurePosixPath(text.replace("\\", "/").rstrip("/")).name

    @property
    def folder(self) -> Path | None:
        """The folder of a local file."""
        return self.source.parent if isinstance(self.source, Path) else None

    @property
    def endings(self) -> tuple[str, str]:
        """The ending that tells the format and the one that tells the packing: `.csv` and `.gz`, or an empty one."""
        path = PurePosixPath(self.file.lower())
        if path.suffix in PACKED:
            return path.with_suffix("").suffix, path.suffix
        return path.suffix, ""

    def open(self) -> Any:
        """The file as it lies there, readable from the start; raises NotFound or another error in one sentence."""
        import pyarrow as pa

        if isinstance(self.source, bytes):
            return pa.BufferReader(self.source)
        if isinstance(self.source, str):
            return _remote(self.source)
        if not self.source.is_file():
            raise NotFound(f"There is no file {self.name!r}{_beside(self.source)}.")
        try:
            return pa.OSFile(str(self.source))
        except OSError as fault:
            raise TableError(f"{self.name!r} cannot be read: {fault.strerror or first_line(fault)}.") from fault

    def seekable(self) -> Any:
        """The file opened so that one may jump in it: what only streams is copied to a temporary file first."""
        import pyarrow as pa

        file = self.open()
        if not isinstance(self.source, str):
            return file
        if not _jumps(file):
            return self._copied(file)
        return pa.PythonFile(file, mode="r")

    def _copied(self, file: Any) -> Any:
        import pyarrow as pa

        handle, path = tempfile.mkstemp(prefix="bakeoff-")
        try:
            with os.fdopen(handle, "wb") as copy, self.faults():
                while data := file.read(COPY):
                    copy.write(data)
            return pa.OSFile(path)
        finally:
            os.unlink(path)  # the copy lives as long as it is open

    def unpacked(self) -> tuple[Readable, str]:
        """The content as a stream and the name that tells its format; raises TableError for a zip of several files."""
        ending = self.endings[1]
        if ending == ".zip":
            return _only_member(self)
        file = self.open()
        name = self.file[: -len(ending)] if ending else self.file
        return (_Guarded(_unpacking(file, PACKED[ending]), self) if ending else _Guarded(file, self)), name

    def faults(self) -> _Faults:
        """A context in which what goes wrong while reading becomes one sentence about this file."""
        return _Faults(self)


class _Faults:
    def __init__(self, location: Location) -> None:
        self.location = location

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        if fault is None or isinstance(fault, BakeoffError) or not isinstance(fault, Exception):
            return
        packing = PACKED.get(self.location.endings[1])
        if packing:
            raise TableError(
                f"{self.location.name!r} is a damaged or cut {packing} file ({first_line(fault)}); copy it again."
            ) from fault
        raise TableError(f"{self.location.name!r} cannot be read: {first_line(fault)}.") from fault


class _Guarded:
    """A stream whose faults become sentences, and which gives all the bytes asked for until its end."""

    def __init__(self, file: Readable, location: Location) -> None:
        self.file = file
        self.location = location

    def read(self, size: int = -1, /) -> bytes:
        with self.location.faults():
            held = self.file.read(size)
            while 0 < len(held) < size and (more := self.file.read(size - len(held))):
                held += more
            return held


def _unpacking(file: Any, packing: str) -> Readable:
    import pyarrow as pa

    if packing == "xz":
        import lzma

        return lzma.open(_Plain(file))  # type: ignore[call-overload,no-any-return]
    stream: Readable = pa.CompressedInputStream(
        file if isinstance(file, pa.NativeFile) else pa.PythonFile(file, "r"), packing
    )
    return stream


class _Plain(io.RawIOBase):
    """A pyarrow or fsspec file as the raw file that the standard library's unpackers want."""

    def __init__(self, file: Any) -> None:
        self.held = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.held.seek(offset, whence)
        return int(self.held.tell())

    def tell(self) -> int:
        return int(self.held.tell())

    def readinto(self, space: Any, /) -> int:
        data = self.held.read(len(space))
        space[: len(data)] = data
        return len(data)


def plain_file(file: Any) -> io.RawIOBase:
    """A pyarrow file as a raw file of the standard library."""
    return _Plain(file)


def _only_member(location: Location) -> tuple[Readable, str]:
    import zipfile

    try:
        archive = zipfile.ZipFile(_Plain(location.seekable()))
    except zipfile.BadZipFile as fault:
        raise TableError(
            f"{location.name!r} is a damaged or cut zip file ({first_line(fault)}); copy it again."
        ) from fault
    files = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/") and not info.filename.endswith(".DS_Store")
    ]
    if len(files) != 1:
        held = f"{len(files)} files ({listed([info.filename for info in files])})" if files else "no file"
        raise TableError(f"{location.name!r} holds {held}; unpack it and name the file, or zip one file alone.")
    if files[0].flag_bits & 1:
        raise TableError(f"{location.name!r} is locked with a password; unpack it and name the file.")
    with location.faults():
        return _Guarded(archive.open(files[0]), location), PurePosixPath(files[0].filename).name


def _jumps(file: Any) -> bool:
    return bool(getattr(file, "seekable", lambda: False)())


def _remote(url: str) -> Any:
    if url.startswith(("http://", "https://")):
        return Download(url, shown(url))
    fsspec = need("fsspec", "cloud")
    try:
        return fsspec.open(url, "rb").open()
    except FileNotFoundError as missing:
        raise NotFound(f"There is nothing at {shown(url)!r}.") from missing
    except ImportError as missing:
        raise MissingExtra(NEEDS.format(url.split("://", maxsplit=1)[0])) from missing
    except Exception as fault:  # each file system has its own exceptions
        raise UsageError(f"{shown(url)!r} cannot be read: {unsaid(first_line(fault), url)}; {REACH}.") from fault


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor a folder {str(path.parent)!r}"
    from bakeoff.tables.readers.formats import SUFFIXES

    return near(path.name, sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in SUFFIXES or p.is_dir()))
