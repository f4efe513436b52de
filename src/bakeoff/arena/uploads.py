"""A stranger's table, read inside a box: what comes out are plain columns, from which the parent makes its own table.

The parent opens no file that a stranger wrote. It copies the upload in, reads a description and raw buffers, checks
every length, and makes pictures anew from their pixels, so that a picture's bytes are those of a PNG written here.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.arena.archives import Room, is_archive, unpack
from bakeoff.arena.columns_out import PAYLOAD, PIXELS, fields_mapped, picture, put_together, unmixed
from bakeoff.arena.confined import Confined
from bakeoff.arena.escaping import clean
from bakeoff.arena.uploads_inside import PARTS
from bakeoff.arena.wall.conversation import Ended
from bakeoff.errors import BakeoffError, EntryError, MissingExtra, NotFound, Refused, TableError, UsageError
from bakeoff.nouns import ColumnType, Limits, Outcome, Role, Split, Swaps

if TYPE_CHECKING:
    from bakeoff.tables import Raw, Settings

LIMITS = Limits(seconds=1800.0, memory_mib=8192, log_mib=4)
ROOM = Room(files=200_000, total=8 << 30, holder="a table")
LARGEST_ABOUT = 16 << 20
MOST_COLUMNS = 100_000
LONGEST = 2000
KINDS = {"TableError": TableError, "NotFound": NotFound, "MissingExtra": MissingExtra}


@dataclass(frozen=True)
class _Upload:
    """What is read: the file or folder, how messages call it, and where the parent may look for its pictures."""

    path: Path
    called: str
    pictures: Path


@contextlib.contextmanager
def reading(source: str | Path, settings: Settings | None = None, *, name: str = "") -> Iterator[Raw]:
    """The table at a path (a file, a folder, or an archive of one), read inside a box, while it is needed.

    Raises TableError with the reader's own problems, or in one sentence when the reader did not end well.
    """
    from bakeoff.tables import settings_for

    path = Path(source)
    if not path.exists():
        raise UsageError(f"There is no file or folder {str(source)!r}; --confined reads what lies on this machine.")
    settings = settings_for(source) if settings is None else settings
    name = name or settings.name or (path.name if path.is_dir() else _named(path))
    with tempfile.TemporaryDirectory(prefix="bakeoff-upload-") as folder:
        place = _unpacked(path, Path(folder))
        upload = _Upload(place, str(source), Path(folder) / "pictures")
        upload.pictures.mkdir()
        with _Reader(str(source)) as box:
            raw = _read(box, upload, settings, name)
        yield raw


def _unpacked(path: Path, folder: Path) -> Path:
    """The path itself; for an archive of several files the folder of what it holds."""
    if not path.is_file() or not is_archive(path):
        return path
    try:
        place = unpack(path, folder / "unpacked", ROOM)
    except EntryError as error:
        raise TableError(str(error)) from error
    inside = [one for one in place.rglob("*") if one.is_file()]
    return inside[0] if len(inside) == 1 else place


def _named(path: Path) -> str:
    return path.name.partition(".")[0] if is_archive(path) else ""


class _Reader(Confined):
    """The box that reads an upload."""

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(LIMITS)

    def error(self, ended: Ended) -> BakeoffError:
        """Why the upload could not be read, in one sentence."""
        if ended.outcome is Outcome.REFUSED:
            return TableError(f"{self.source!r} cannot be taken: {ended.reason}")
        return TableError(f"{self.source!r} cannot be read; its reader {ended.outcome.value}: {ended.reason}")


def _read(box: _Reader, upload: _Upload, settings: Settings, name: str) -> Raw:
    with tempfile.TemporaryDirectory(prefix="bakeoff-settings-") as folder:
        (Path(folder) / "settings.pkl").write_bytes(pickle.dumps(settings))
        box.hand_in(Path(folder) / "settings.pkl")
    place = "code"
    if upload.path.is_dir():
        if link := next((one for one in upload.path.rglob("*") if one.is_symlink()), None):
            raise TableError(f"{str(link)!r} is a link; an upload holds its files itself.")
        box.box.bring_code(upload.path)
    else:
        place = f"data/{upload.path.name}"
        box.hand_in(upload.path)
    message = {"do": "chore", "chore": "table", "place": place, "called": upload.called, "name": name}
    said, data = box.hear({**message, "settings": "settings.pkl"}, "table", LARGEST_ABOUT)
    about = _about(data)
    problems = [clean(problem, LONGEST) for problem in about.texts("problems")]
    if kind := said.get("kind"):
        raise KINDS.get(kind, UsageError)(problems if kind == "TableError" else " ".join(problems))
    try:
        raw = _made(box, about, problems, upload)
    except Refused as refused:
        raise TableError(f"{upload.called!r} cannot be taken: {refused}") from refused
    if upload.path.is_dir():
        _pictures(box, upload)
    return raw


def _made(box: _Reader, about: _About, problems: list[str], upload: _Upload) -> Raw:
    import numpy as np

    from bakeoff.tables import Raw
    from bakeoff.tables.columns import Columns

    rows, columns = about.count("rows"), about.texts("columns")
    pour = _Pour(box, rows, len(columns), about.flag("parts") + about.flag("numbers"))
    cells = Columns.gathered(columns, pour.batches())
    pour.finish(cells, columns)
    parts = pour.beside.pop(0) if about.flag("parts") else None
    numbers = pour.beside.pop(0) if about.flag("numbers") else None
    if parts is not None and len(parts) and not 0 <= parts.min() <= parts.max() < len(PARTS):
        raise Refused("the parts of its rows came out of the box damaged.")
    return Raw(
        cells,
        None if parts is None else np.array(PARTS, dtype=object)[parts],
        settings_of(about.said.get("settings")),
        _folder(about.said.get("folder"), upload),
        tuple(about.texts("partial")),
        tuple(about.texts("names")),
        tuple(problems),
        tuple(clean(note, LONGEST) for note in about.texts("notes")),
        numbers,
    )


@dataclass
class _Pour:
    """The columns that come out of a box, piece by piece; `beside` holds the parts and numbers of all rows."""

    box: _Reader
    rows: int
    columns: int
    more: int
    beside: list[Any] = field(default_factory=list)
    _mixed: dict[int, list[Any]] = field(default_factory=dict)
    _beside: list[list[Any]] = field(default_factory=list)

    def batches(self) -> Iterator[Any]:
        """The rows as record batches, one at least where there are columns; Refused when a piece is not due."""
        import pyarrow as pa

        from bakeoff.tables.readers.streams import batch_of

        self._beside = [[] for _ in range(self.more)]
        at = 0
        while at < self.rows:
            stop = 0
            arrays = []
            for place in range(self.columns + self.more):
                said, data = self.box.hear(None, "column", PAYLOAD)
                stop = stop or self._stop(said, at)
                if said.get("start") != at or said.get("stop") != stop:
                    raise Refused("its rows came out of the box in another order than was due.")
                if said.get("form") == "mixed":
                    self._mixed.setdefault(place, []).extend(unmixed(data, stop - at))
                    arrays.append(pa.nulls(stop - at))
                    continue
                array = _pictured(put_together(said, data, stop - at))
                arrays.append(array.dictionary_encode() if said.get("form") == "category" else array)
            for held, array in zip(self._beside, arrays[self.columns :], strict=True):
                held.append(array)
            yield batch_of(arrays[: self.columns], [str(place) for place in range(self.columns)])
            at = stop
        said, _ = self.box.hear(None, "column")
        if said.get("done") is not True:
            raise Refused("more rows came out of the box than were told.")

    def _stop(self, said: Mapping[str, Any], at: int) -> int:
        stop = said.get("stop")
        if not isinstance(stop, int) or isinstance(stop, bool) or not at < stop <= self.rows:
            raise Refused("its rows came out of the box in another order than was due.")
        return stop

    def finish(self, cells: Any, columns: list[str]) -> None:
        """Put the mixed columns into their places, and check what came beside the columns."""
        import numpy as np
        import pandas as pd

        for place, values in self._mixed.items():
            if len(values) != self.rows or place >= self.columns:
                raise Refused("a column came out of the box with other rows than were told.")
            cells.put(columns[place], pd.Series(values, dtype=object))
        for held in self._beside:
            if any(str(array.type) != "int64" or array.null_count for array in held):
                raise Refused("the numbers of its rows came out of the box damaged.")
            self.beside.append(np.concatenate([array.to_numpy() for array in held] or [np.zeros(0, np.int64)]))


def _pictured(array: Any) -> Any:
    """The array with pixels made into pictures, wherever a column holds bytes."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_large_binary(array.type):
        return pa.array([None if cell is None else picture(cell) for cell in array.to_pylist()], pa.large_binary())
    return fields_mapped(array, _pictured) if types.is_struct(array.type) else array


def _pictures(box: _Reader, upload: _Upload) -> None:
    """Write the pictures of a folder anew where the parent will look for them."""
    from bakeoff.tables.images import ENDINGS

    for file in sorted(upload.path.rglob("*")):
        if file.suffix.lower() in ENDINGS and file.is_file():
            inner = file.relative_to(upload.path)
            message = {"do": "chore", "chore": "picture", "place": f"code/{inner}"}
            _, data = box.hear(message, "picture", 9 + 4 * PIXELS)
            target = upload.pictures / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture(data))


def _folder(said: object, upload: _Upload) -> Path | None:
    """Where the table's relative paths of pictures start, inside the parent's own copy."""
    if said is None:
        return None
    folder = (upload.pictures / str(said)).resolve()
    return folder if folder.is_relative_to(upload.pictures.resolve()) else upload.pictures


def _about(data: bytes) -> _About:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise TableError("What the reader says of the table is not a description.")
    return _About(said)


@dataclass(frozen=True)
class _About:
    """What the box says of a table; each word is checked when it is asked for."""

    said: Mapping[str, Any]

    def texts(self, key: str) -> list[str]:
        found = self.said.get(key, [])
        if not isinstance(found, list) or len(found) > MOST_COLUMNS or not all(isinstance(one, str) for one in found):
            raise TableError("What the reader says of the table is not a description.")
        return [one.encode("utf-8", "replace").decode() for one in found]

    def count(self, key: str) -> int:
        found = self.said.get(key)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << 40:
            raise TableError("What the reader says of the table is not a description.")
        return found

    def flag(self, key: str) -> bool:
        return self.said.get(key) is True


def settings_of(said: object) -> Settings:
    """The settings that a box told in JSON; TableError for what they cannot be."""
    from bakeoff.tables import Settings

    usual = Settings()
    try:
        given = dict(said)  # type: ignore[call-overload]
        made: dict[str, Any] = {}
        for one in fields(Settings):
            value, kept = given.pop(one.name), getattr(usual, one.name)
            if one.name == "split":
                made[one.name] = None if value is None else _checked_split(value)
            elif one.name in ("types", "roles"):
                kinds: Any = ColumnType if one.name == "types" else Role
                made[one.name] = {str(name): kinds(kind) for name, kind in value.items()}
            elif one.name == "swaps":
                made[one.name] = _checked_swaps(value)
            elif isinstance(kept, Mapping):
                made[one.name] = {str(name): str(word) for name, word in value.items()}
            elif isinstance(kept, tuple):
                made[one.name] = tuple(str(word) for word in value)
            else:
                made[one.name] = _of_kind(value, type(kept))
        return Settings(**made)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise TableError("What the reader says of the table's settings is not understood.") from error


def _checked_split(value: Mapping[str, Any]) -> Split:
    usual = Split()
    return Split(**{one.name: _of_kind(value[one.name], type(getattr(usual, one.name))) for one in fields(Split)})


def _checked_swaps(value: Mapping[str, Any]) -> Swaps:
    from bakeoff.tables.word_lists import read_swaps

    faults: list[str] = []
    said = {**value["lists"], **{key: value[key] for key in ("neutral", "english", "plurals") if value[key] != []}}
    found = read_swaps(said, faults)
    if faults:
        raise ValueError(faults[0])
    return found


def _of_kind(value: object, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
