"""The files of a folder, here or at any fsspec location, by their paths within it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import MissingExtra, TableError, UsageError
from bakeoff.extras import need
from bakeoff.tables.readers.locations import NEEDS, REACH, Location, shown, unsaid
from bakeoff.tables.readers.streams import first_line

DEPTH = 3
FILES = 10_000
TEXT_LIMIT = 4 << 20


@dataclass(frozen=True)
class Listing:
    """A folder as `name` calls it, and its files: path within the folder, parts apart by `/`, to local path or URL."""

    name: str
    files: Mapping[str, Path | str]

    def location(self, path: str) -> Location:
        """Where one of the files lies."""
        return Location.of(self.files[path], f"{self.name.rstrip('/')}/{path}")

    def text(self, path: str) -> str:
        """The text of a small file, empty where it is not there."""
        if path not in self.files:
            return ""
        file, _ = self.location(path).unpacked()
        return file.read(TEXT_LIMIT).decode("utf-8", "replace")

    def below(self, folder: str) -> Listing:
        """The files of a folder within."""
        cut = f"{folder}/"
        return Listing(
            f"{self.name.rstrip('/')}/{folder}",
            {path.removeprefix(cut): file for path, file in self.files.items() if path.startswith(cut)},
        )


def local(folder: Path, name: str = "") -> Listing:
    """The files of a folder on this machine, hidden ones left out."""
    found: dict[str, Path | str] = {}
    for root, folders, files in os.walk(folder):
        inside = Path(root).relative_to(folder)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if len(inside.parts) < DEPTH else []
        for file in sorted(files):
            if not file.startswith("."):
                found[(inside / file).as_posix()] = Path(root) / file
        if len(found) >= FILES:
            break
    return Listing(name or str(folder), found)


def remote(url: str, name: str = "") -> Listing | None:
    """The files of a folder at a URL; None where the URL is a file, or of a kind that has no folders (http)."""
    if url.startswith(("http://", "https://")):
        return None
    fsspec = need("fsspec", "cloud")
    name = name or shown(url)
    try:
        system, path = fsspec.core.url_to_fs(url)
        if not system.isdir(path):
            return None
        found: dict[str, Path | str] = {}
        root = str(path).rstrip("/")
        for file in sorted(system.find(path, maxdepth=DEPTH))[:FILES]:
            found[str(file).removeprefix(root).lstrip("/")] = _joined(url, str(file).removeprefix(root))
    except ImportError as missing:
        raise MissingExtra(NEEDS.format(url.split("://", maxsplit=1)[0])) from missing
    except Exception as fault:  # each file system has its own exceptions
        raise UsageError(f"{name!r} cannot be read: {unsaid(first_line(fault), url)}; {REACH}.") from fault
    return Listing(name, found)


def _joined(url: str, rest: str) -> str:
    return f"{url.rstrip('/')}/{rest.lstrip('/')}"


def checked(path: str, listing: Listing) -> str:
    """A path that a file in the folder names; TableError when it leads out of the folder or is not there."""
    plain = os.path.normpath(path).replace("\\", "/")
    if plain not in listing.files:
        raise TableError(f"{listing.name!r} names the file {path!r}, which is not in it; copy the folder again.")
    return plain
