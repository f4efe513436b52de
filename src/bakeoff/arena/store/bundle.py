"""The archive of a backup: a zip file (zip64) with a list of what is in it, each with its size and SHA-256.

Zip, because one file can be taken out without reading the others, and because every system opens it. Whatever is read
here was handed in by somebody: names that lead out of a folder, links, devices and doubles are refused before anything
is read, and everything is checked against the list.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from bakeoff.errors import NotFound, StoreError, UsageError

# What a file that is damaged, or no backup at all, may make of its reading.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)

FORMAT, PROTOCOL = "bakeoff backup", 1
MANIFEST = "manifest.json"
# What lies in a backup: the challenge's files, the rows of its store, and artefacts by digest.
FILES, ROWS, ARTEFACTS = "files", "rows", "artefacts"
ROOMS = (FILES, ROWS, ARTEFACTS)
PIECE = 1 << 20
LARGEST_MANIFEST = 256 << 20
# These are packed already.
PACKED = {".parquet", ".png", ".jpg", ".jpeg", ".webp", ".gz", ".zip", ".whl", ".npz"}
ANOTHER = "take another backup"

# What is being done, how many bytes of it are done, and how many there are; 0 when that is not known.
Watch = Callable[[str, int, int], object]


def unwatched(_doing: str, _done: int, _total: int) -> None:
    """Shows nothing."""


class Writer:
    """A backup while it is made: a file beside its place that only its owner reads, until `keep` renames it."""

    def __init__(self, path: Path) -> None:
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        self.path, self.beside = path, Path(beside)
        self._file = os.fdopen(handle, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        self.files: dict[str, dict[str, Any]] = {}
        self._at = time.localtime()[:6]

    def add(
        self, name: str, pieces: Iterable[bytes], advance: Callable[[int], object] = id, changed: int | None = None
    ) -> None:
        """Write one file, piece by piece; it was `changed` so many nanoseconds after 1970."""
        said = self._info(name)
        if Path(name).suffix.lower() in PACKED:
            said.compress_type = zipfile.ZIP_STORED
        size, sha = 0, hashlib.sha256()
        with self._zip.open(said, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                sha.update(piece)
                size += len(piece)
                advance(len(piece))
        self.files[name] = {"size": size, "sha256": sha.hexdigest()} | ({} if changed is None else {"changed": changed})

    def finish(self, about: dict[str, Any]) -> None:
        """Write the list, and everything to the disk."""
        manifest = {"format": FORMAT, "protocol": PROTOCOL, **about, "files": self.files}
        self._zip.writestr(self._info(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _info(self, name: str) -> zipfile.ZipInfo:
        said = zipfile.ZipInfo(name, self._at)
        said.external_attr = (stat.S_IFREG | 0o600) << 16
        said.compress_type = zipfile.ZIP_DEFLATED
        return said

    def keep(self) -> None:
        """Put the finished file in its place."""
        os.replace(self.beside, self.path)
        with contextlib.suppress(OSError):
            handle = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def discard(self) -> None:
        """Take away what was written."""
        for opened in (self._zip, self._file):
            with contextlib.suppress(OSError, ValueError):
                opened.close()
        self.beside.unlink(missing_ok=True)


class Bundle:
    """A backup that is read: `about` is what it says of itself, `files` each name's size and SHA-256."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise NotFound(f"There is no backup {str(path)!r}.")
        if not os.access(path, os.R_OK):
            raise UsageError(f"The backup {str(path)!r} may not be read by you; it is its owner's alone.")
        try:
            self._zip = zipfile.ZipFile(path)
            self.about = self._manifest()
        except BROKEN as error:
            raise self.damaged(f"it is cut off, or is no backup at all ({_first_line(error)})") from error
        self.files: dict[str, dict[str, Any]] = self.about["files"]
        infos = self._zip.infolist()
        for info in infos:
            self._refuse_unsafe(info)
        names = [info.filename for info in infos if info.filename != MANIFEST]
        if len(names) != len(set(names)):
            raise self.damaged("it holds two files of one name")
        if missing := sorted(set(self.files) - set(names)):
            raise self.damaged(f"{missing[0]} is not in it")
        if strange := sorted(set(names) - set(self.files)):
            raise self.damaged(f"{strange[0]} is not in its list")

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    def names(self, room: str) -> list[str]:
        """The files of one of the ROOMS, by their paths in it."""
        return [name.removeprefix(f"{room}/") for name in self.files if name.startswith(f"{room}/")]

    def size(self, room: str = "") -> int:
        """Bytes of all files, or of those of a room."""
        return sum(
            int(said["size"]) for name, said in self.files.items() if name.startswith(f"{room}/" if room else "")
        )

    def changed(self, name: str) -> int | None:
        """When a file was changed, in nanoseconds since 1970; None where the list does not say."""
        said = self.files[name].get("changed")
        return said if isinstance(said, int) and 0 <= said < 1 << 62 else None

    def check(self, watch: Watch = unwatched) -> None:
        """Read everything; StoreError names the first file that is not what the list says."""
        done, total = 0, self.size()
        for name in self.files:
            for piece in self.pieces(name):
                done += len(piece)
                watch("checking the backup", done, total)

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file piece by piece; StoreError at its end, or before, when it is not what the list says."""
        said, size, sha = self.files[name], 0, hashlib.sha256()
        with self._reading(name) as file:
            while piece := file.read(PIECE):
                size += len(piece)
                if size > said["size"]:
                    break
                sha.update(piece)
                yield piece
        if size != said["size"] or sha.hexdigest() != said["sha256"]:
            raise self.damaged(f"{name} was changed")

    def lines(self, name: str) -> Iterator[bytes]:
        """A file line by line, checked like `pieces`."""
        rest = b""
        for piece in self.pieces(name):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest

    @contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(name) as file:
                yield file
        except BROKEN as error:
            raise self.damaged(f"{name} cannot be read ({_first_line(error)})") from error

    def _manifest(self) -> dict[str, Any]:
        try:
            info = self._zip.getinfo(MANIFEST)
        except KeyError as error:
            raise ValueError(f"it has no {MANIFEST}") from error
        if info.file_size > LARGEST_MANIFEST:
            raise ValueError(f"its {MANIFEST} is too large")
        said = json.loads(self._zip.read(info))
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError(f"its {MANIFEST} is of something else")
        if said.get("protocol") != PROTOCOL:
            raise StoreError(
                f"The backup {self.path} is of protocol {said.get('protocol')!r}, and this Bakeoff reads {PROTOCOL}; "
                "upgrade Bakeoff."
            )
        sizes = [
            isinstance(one, dict) and isinstance(one.get("size"), int) and isinstance(one.get("sha256"), str)
            for one in (said.get("files") or {"": None}).values()
        ]
        words = all(isinstance(said.get(key), str) for key in ("title", "name", "schema", "at", "made_with"))
        if not all(sizes) or not words:
            raise ValueError(f"its {MANIFEST} is not complete")
        return said

    def _refuse_unsafe(self, info: zipfile.ZipInfo) -> None:
        name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
        parts = PurePosixPath(name).parts
        leads_out = name != "/".join(parts) or ".." in parts or "\0" in name or (os.sep == "\\" and os.sep in name)
        if leads_out or not (name == MANIFEST or (parts[0] in ROOMS and len(parts) > 1)):
            raise self.unsafe(f"{name!r} leads out of where it belongs")
        if kind not in (0, stat.S_IFREG):
            raise self.unsafe(f"{name!r} is a link, a device or a folder")
        if info.flag_bits & 1:
            raise self.unsafe(f"{name!r} is encrypted")

    def damaged(self, what: str) -> StoreError:
        """The error for a backup that is not what it was when it was made."""
        return StoreError(f"The backup {self.path} is damaged: {what}; {ANOTHER}. Nothing was restored from it.")

    def unsafe(self, what: str) -> StoreError:
        """The error for a file that no backup has ever been."""
        return StoreError(f"The backup {self.path} was not made by Bakeoff: {what}; {ANOTHER}. Nothing was restored.")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
