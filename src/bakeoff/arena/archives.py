"""Archives of entries: unpacked by a confined reader, and written here as plain files whose names were checked.

The parent never opens an archive. The box says a name, then bytes; how many files, how deep and how large they may be
is counted here, so that no archive can be a bomb.
"""

from __future__ import annotations

import contextlib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from bakeoff.arena.confined import Confined
from bakeoff.arena.escaping import clean
from bakeoff.arena.unpacking import ENDINGS, PIECE
from bakeoff.arena.wall.conversation import Ended
from bakeoff.errors import BakeoffError, EntryError
from bakeoff.nouns import Limits, Outcome

LIMITS = Limits(seconds=120.0, memory_mib=1024, log_mib=1)


@dataclass(frozen=True)
class Room:
    """How much may come out of one archive: files, bytes in all, folders within folders, characters of a name."""

    files: int = 2000
    total: int = 256 << 20
    depth: int = 16
    name: int = 255
    holder: str = "an entry"


ROOM = Room()


def is_archive(path: Path) -> bool:
    """Whether a path is called like an archive that can be unpacked."""
    return path.name.lower().endswith(ENDINGS)


def unpack(path: Path, to: Path, room: Room = ROOM) -> Path:
    """Unpack an archive into a new folder in `to` and give it: that of the archive's name, or its one folder.

    Raises EntryError in one sentence for an archive that cannot be read or that holds more than plain, small files.
    """
    size = path.stat().st_size
    if size > room.total:
        raise EntryError(f"{path.name} has {size >> 20} MiB; an archive may have {room.total >> 20} MiB.")
    ending = next(ending for ending in ENDINGS if path.name.lower().endswith(ending))
    home = to / (path.name[: -len(ending)] or "entry")
    home.mkdir(parents=True)
    with _Reader(path.name) as box, contextlib.closing(_Kept(path.name, home, room)) as kept:
        given = f"archive{ending}"
        box.hand_in(path, given)
        message: dict[str, Any] | None = {"do": "chore", "chore": "unpack", "file": given}
        while True:
            said, data = box.hear(message, "piece", PIECE)
            message = None
            if said.get("done") is True:
                break
            kept.take(said, data)
    if not kept.seen:
        raise EntryError(f"{path.name} holds no files.")
    inside = list(home.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else home


class _Reader(Confined):
    """The box that reads an archive."""

    def __init__(self, name: str) -> None:
        self.name = clean(name, 200)
        super().__init__(LIMITS)

    def error(self, ended: Ended) -> BakeoffError:
        """What is wrong with the archive, in one sentence."""
        if ended.outcome is Outcome.REFUSED:
            return EntryError(f"{self.name} is not accepted: {ended.reason}")
        return EntryError(f"{self.name} could not be unpacked; its reader {ended.outcome.value}: {ended.reason}")


@dataclass
class _Kept:
    """The files that came out so far; `seen` holds their names as no two may be, whatever a disk tells apart."""

    called: str
    home: Path
    room: Room
    seen: dict[str, str] = field(default_factory=dict)
    total: int = 0
    folders: dict[str, str] = field(default_factory=dict)
    _file: IO[bytes] | None = None

    def take(self, said: dict[str, Any], data: bytes) -> None:
        """Begin the file that is named, where one is, and write what came of it."""
        name = said.get("name")
        if name is not None:
            self._begin(name)
        self.total += len(data)
        if self.total > self.room.total:
            raise EntryError(
                f"{self.called} unpacks to more than the {self.room.total >> 20} MiB that {self.room.holder} may hold."
            )
        if self._file is None:
            raise EntryError(f"{self.called} could not be unpacked: what came out of the box has no name.")
        self._file.write(data)

    def _begin(self, name: object) -> None:
        self.close()
        path = self._checked(name)
        if len(self.seen) > self.room.files:
            raise EntryError(
                f"{self.called} holds more than the {self.room.files:,} files that {self.room.holder} may have."
            )
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file = target.open("xb")

    def _checked(self, name: object) -> PurePosixPath:
        """A name as a path inside the entry; EntryError for any other."""
        if not isinstance(name, str):
            raise EntryError(f"{self.called} could not be unpacked: what came out of the box is not a name.")
        path = PurePosixPath(name)
        shown = clean(name, self.room.name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
            raise EntryError(f"{self.called} holds {shown!r}, which would lie outside of it.")
        if not name.isprintable() or any(len(part.encode()) > self.room.name for part in path.parts):
            raise EntryError(f"{self.called} holds {shown!r}, which is no plain name of a file.")
        if len(path.parts) > self.room.depth:
            raise EntryError(f"{self.called} holds {shown!r}, which lies deeper than {self.room.depth} folders.")
        self._keep(path, shown)
        return path

    def _keep(self, path: PurePosixPath, shown: str) -> None:
        """Write a name down; EntryError where there is another that some disk would not tell from it."""
        above = [str(parent) for parent in path.parents if parent.parts]
        key = _alike(str(path))
        clashes = [held[key] for held in (self.seen, self.folders) if key in held]
        for folder in above:
            clashes += [self.seen[_alike(folder)]] if _alike(folder) in self.seen else []
            clashes += [other] if (other := self.folders.get(_alike(folder), folder)) != folder else []
        if clashes:
            alike = f"beside {clean(clashes[0], 200)!r}, which a disk may not tell apart"
            raise EntryError(f"{self.called} holds {shown!r} {'twice' if clashes[0] == str(path) else alike}.")
        self.seen[key] = str(path)
        self.folders.update({_alike(folder): folder for folder in above})

    def close(self) -> None:
        """End the file that is being written."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
