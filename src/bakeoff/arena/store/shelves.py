"""Where kept bytes lie: a folder on a local disk, or any location that fsspec reaches.

A shelf knows names and bytes, not what they mean. Whatever it writes appears whole or not at all; a name that is not
there is a FileNotFoundError, and everything else that goes wrong is the error of whoever failed.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from bakeoff.errors import MissingExtra, StoreError
from bakeoff.extras import need

NAME = re.compile(r"[0-9a-f]{64}")
PARTIAL, ASIDE = "partial", "aside"
DAY = 24 * 3600.0
# Here a put is whole or not at all by itself; elsewhere bytes are written beside and renamed.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "r2", "memory"}


class Shelf(Protocol):
    """A place that holds bytes by name."""

    where: str

    def read(self, name: str) -> bytes:
        """The bytes of that name; FileNotFoundError when there are none."""

    def write(self, name: str, data: bytes) -> None:
        """Put bytes there, whole or not at all; they replace what has that name."""

    def size(self, name: str) -> int | None:
        """How many bytes lie there; None when there are none of that name."""

    def sizes(self) -> dict[str, int]:
        """All names with their sizes in bytes."""

    def remove(self, name: str) -> None:
        """Take that name away; it may be gone already."""

    def put_aside(self, name: str) -> None:
        """Take what lies there out of the way, where a person can still look at it."""

    def aside(self) -> list[str]:
        """The names that were put aside."""

    def partial(self) -> list[str]:
        """What writers that are gone have left half written."""

    def sweep(self) -> int:
        """Take those away, and say how many they were."""


def shelf(place: str | Path) -> Shelf:
    """The shelf at a folder or at an fsspec URL; StoreError for an address that nothing here can read."""
    said = str(place)
    if isinstance(place, Path) or "://" not in said:
        return LocalShelf(Path(said))
    if said.startswith(("file://", "local://")):
        return LocalShelf(Path(unquote(urlsplit(said).path)))
    return RemoteShelf(said)


class LocalShelf:
    """A folder; each file is written beside, synced and renamed, and its folder is synced too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)
        self._partial = folder / PARTIAL
        # Several machines may share the folder, and a process number means something on its own machine alone.
        self._host = re.sub(r"\W", "", socket.gethostname())

    def path(self, name: str) -> Path:
        """Where that name lies, whether or not it is there."""
        return self.folder / name[:2] / name

    def read(self, name: str) -> bytes:
        """The bytes of that name; FileNotFoundError when there are none."""
        return self.path(name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Put bytes there, whole or not at all; they replace what has that name."""
        path = self.path(name)
        _make_folder(self._partial)
        _make_folder(path.parent)
        handle, beside = tempfile.mkstemp(dir=self._partial, prefix=f"{self._host}-{os.getpid()}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        _sync_folder(path.parent)

    def size(self, name: str) -> int | None:
        """How many bytes lie there; None when there are none of that name."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return None

    def sizes(self) -> dict[str, int]:
        """All names with their sizes in bytes."""
        paths = (path for path in self.folder.glob("??/*") if NAME.fullmatch(path.name))
        return {path.name: path.stat().st_size for path in sorted(paths)}

    def age(self, name: str) -> float:
        """Seconds since that name was written, by this machine's clock; 0 when it is not there."""
        try:
            return max(0.0, time.time() - self.path(name).stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def remove(self, name: str) -> None:
        """Take that name away; it may be gone already."""
        self.path(name).unlink(missing_ok=True)

    def put_aside(self, name: str) -> None:
        """Take what lies there out of the way, where a person can still look at it."""
        _make_folder(self.folder / ASIDE)
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path(name), self.folder / ASIDE / name)

    def aside(self) -> list[str]:
        """The names that were put aside."""
        return sorted(path.name for path in (self.folder / ASIDE).glob("*"))

    def partial(self) -> list[str]:
        """What writers that are gone have left half written."""
        return [str(path) for path in self._left()]

    def sweep(self) -> int:
        """Take those away, and say how many they were."""
        left = list(self._left())
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _left(self) -> Iterator[Path]:
        for path in sorted(self._partial.glob("*")):
            with contextlib.suppress(FileNotFoundError):
                host, _, rest = path.name.partition("-")
                pid = rest.partition("-")[0]
                gone = host == self._host and pid.isdigit() and not os.path.exists(f"/proc/{pid}")
                if gone or time.time() - path.stat().st_mtime > DAY:
                    yield path


class RemoteShelf:
    """A location that fsspec reaches, such as s3://bucket/folder; its keys come from the environment.

    What was seen once is taken to stay, since names are digests of what they hold: a run asks for a listing once, and
    not for every cell.
    """

    def __init__(self, url: str) -> None:
        need("fsspec", "cloud")
        import fsspec

        self.where = url.rsplit("@", 1)[-1] if "@" in urlsplit(url).netloc else url
        try:
            self._system, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise MissingExtra(
                f"Artefacts at {self.where} need a package that is not installed; "
                "install it with: pip install 'bakeoff[cloud]'"
            ) from error
        except ValueError as error:
            raise StoreError(f"Artefacts cannot be kept at {self.where}: {error}.") from error
        self._root = root.rstrip("/")
        protocols = self._system.protocol
        self._puts_whole = not OBJECT_STORES.isdisjoint([protocols] if isinstance(protocols, str) else protocols)
        self._seen: dict[str, int] = {}
        self._listed = False

    def path(self, name: str) -> str:
        """Where that name lies, whether or not it is there."""
        return f"{self._root}/{name[:2]}/{name}"

    def read(self, name: str) -> bytes:
        """The bytes of that name; FileNotFoundError when there are none."""
        try:
            return bytes(self._system.cat_file(self.path(name)))
        except FileNotFoundError:
            self._seen.pop(name, None)
            raise

    def write(self, name: str, data: bytes) -> None:
        """Put bytes there, whole or not at all; they replace what has that name."""
        path = self.path(name)
        if self._puts_whole:
            self._system.pipe_file(path, data)
        else:
            beside = f"{self._root}/{PARTIAL}/{name}-{os.urandom(6).hex()}"
            self._system.makedirs(f"{self._root}/{PARTIAL}", exist_ok=True)
            self._system.makedirs(self._system._parent(path), exist_ok=True)
            self._system.pipe_file(beside, data)
            self._system.mv(beside, path)
        self._seen[name] = len(data)

    def size(self, name: str) -> int | None:
        """How many bytes lie there; None when there are none of that name."""
        if not self._listed:
            self._seen = self.sizes() | self._seen
            self._listed = True
        if name not in self._seen:
            # Another runner may have put it there since.
            self._system.invalidate_cache()
            try:
                self._seen[name] = int(self._system.info(self.path(name))["size"])
            except FileNotFoundError:
                return None
        return self._seen[name]

    def sizes(self) -> dict[str, int]:
        """All names with their sizes in bytes."""
        return {
            path.rsplit("/", 1)[-1]: int(said["size"])
            for path, said in self._found(self._root).items()
            if NAME.fullmatch(path.rsplit("/", 1)[-1]) and f"/{ASIDE}/" not in path
        }

    def remove(self, name: str) -> None:
        """Take that name away; it may be gone already."""
        self._seen.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self.path(name))

    def put_aside(self, name: str) -> None:
        """Take what lies there out of the way, where a person can still look at it."""
        self._seen.pop(name, None)
        self._system.makedirs(f"{self._root}/{ASIDE}", exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._system.mv(self.path(name), f"{self._root}/{ASIDE}/{name}")

    def aside(self) -> list[str]:
        """The names that were put aside."""
        return sorted(path.rsplit("/", 1)[-1] for path in self._found(f"{self._root}/{ASIDE}"))

    def partial(self) -> list[str]:
        """What writers that are gone have left half written."""
        return [] if self._puts_whole else sorted(self._left())

    def sweep(self) -> int:
        """Take those away, and say how many they were."""
        left = self.partial()
        for path in left:
            with contextlib.suppress(FileNotFoundError):
                self._system.rm_file(path)
        return len(left)

    def _left(self) -> Iterator[str]:
        for path in self._found(f"{self._root}/{PARTIAL}"):
            with contextlib.suppress(FileNotFoundError, NotImplementedError):
                if time.time() - self._system.modified(path).timestamp() > DAY:
                    yield path

    def _found(self, folder: str) -> dict[str, Any]:
        self._system.invalidate_cache()
        try:
            return dict(self._system.find(folder, detail=True))
        except FileNotFoundError:
            return {}


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk for good only when its folder is; not every file system takes the call."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
