"""From a file, a folder, a database or a frame to a raw table: cells as given, the part of each row, the settings."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import Array, ColumnType, Frame
from bakeoff.tables.columns import SPILL, Columns
from bakeoff.tables.memory import roomy
from bakeoff.tables.numerals import LOOKED_AT, as_numbers, may_be_numbers
from bakeoff.tables.readers.formats import SUFFIXES, is_part, open_folder, open_table
from bakeoff.tables.readers.locations import Location
from bakeoff.tables.readers.streams import Stream
from bakeoff.tables.scratch import Trial
from bakeoff.tables.sentences import listed, near
from bakeoff.tables.settings import Settings, read_settings
from bakeoff.tables.splits import PART_NAMES

ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:openml|hf):")  # how a source begins that is no path
TESTS = ("test", "public", "private")
WRITTEN = ("generation", "language_model")  # kinds whose targets are texts, though they may be made of digits


@dataclass(frozen=True)
class Raw:
    """A table as it was given.

    `cells` are its columns; `parts` (n,) holds "train", "valid", "test", "public" or "private" for each row where the
    files give a split, else None; `folder` is where relative image paths start, None for a frame; `partial` names the
    columns that not every file has; `names` are the columns as given, which may repeat; `problems` are a sentence for
    each kind of row that could not be read, and `notes` what was decided about the files. `numbers` (n,) are the rows'
    numbers in their file, blank rows not counted, None where they count up from 1 without a gap.
    """

    cells: Columns
    parts: Array | None
    settings: Settings
    folder: Path | None = None
    partial: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: Array | None = None

    @property
    def frame(self) -> Frame:
        """All columns as a pandas DataFrame with a range index; for tables that fit in memory."""
        return self.cells.frame()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.cells.rows

    def column(self, name: str) -> Any:
        """One column as a pandas series with a range index."""
        return self.cells.column(name)

    def sound(self) -> Raw:
        """The table itself; TableError with a sentence for each kind of row that could not be read."""
        if self.problems:
            raise TableError(list(self.problems))
        return self


@dataclass(frozen=True)
class _Found:
    cells: Columns
    names: tuple[str, ...]
    settings: Settings = field(default_factory=Settings)
    parts: Array | None = None
    folder: Path | None = None
    partial: tuple[str, ...] = ()
    texts: bool = False  # every cell came as a text, so types are still to be found
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: Array | None = None


def read(
    source: Any,
    settings: Settings | None = None,
    *,
    name: str | None = None,
    query: str = "",
    threshold: int = SPILL,
) -> Raw:
    """Read a table from a path, a folder, a URL, a database (with a `query`), OpenML, Hugging Face, or a DataFrame.

    Settings come from `table.toml` or `about.json` beside the data unless they are given; what they leave open is
    filled from what the source says of itself. A source of more than `threshold` bytes of cells is kept in a scratch
    folder on disk, column by column. Raises NotFound for a missing path, UsageError for another format, TableError for
    a file that cannot be read; rows that cannot be read are the table's `problems`.
    """
    is_path = isinstance(source, (str, os.PathLike))
    if is_path and (query or ELSEWHERE.match(str(source))):
        parts = None if query else open_folder(str(source))
        stream = open_table(str(source), query=query) if parts is None else None
        found = _of_parts(parts or {}, threshold) if stream is None else _gathered(stream, threshold)
    elif is_path:
        found = _from_path(Path(source), settings, threshold)
    elif hasattr(source, "columns"):
        frame = _given(source)
        found = _Found(Columns.of(frame, threshold), tuple(frame.columns))
    else:
        raise UsageError(f"A table is a path, a URL or a DataFrame, not {type(source).__name__}.")
    settings = found.settings if settings is None else _filled(settings, found.settings)
    name = name or settings.name or (_named(source) if is_path else "table")
    settings = replace(settings, name=_slug(name))
    if found.texts:
        _number(found.cells, settings)
    folder = found.folder / settings.images if found.folder else None
    told = (found.partial, found.names, found.problems, found.notes, found.numbers)
    return Raw(found.cells, found.parts, settings, folder, *told)


def _filled(settings: Settings, said: Settings) -> Settings:
    """Settings with what they leave open taken from what the source says of itself."""
    if settings.target and said.target and settings.target != said.target:
        said = replace(said, types={n: k for n, k in said.types.items() if n != settings.target}, kind="", metric="")
    plain = Settings()
    open_ = {
        one.name: getattr(said, one.name)
        for one in fields(Settings)
        if getattr(settings, one.name) == getattr(plain, one.name)
    }
    types, roles = {**said.types, **settings.types}, {**said.roles, **settings.roles}
    return replace(settings, **open_ | {"types": types, "roles": roles})


def _gathered(
    stream: Stream,
    threshold: int,
    settings: Settings | None = None,
    again: Callable[[], Stream] | None = None,
) -> _Found:
    """All rows of a stream; `settings` go before what the stream itself says, and `again` reads it once more."""
    said = stream.settings or Settings()
    said = said if settings is None else _filled(settings, said)
    trial = None
    if stream.texts and again is not None:
        free = frozenset(name for name in stream.names if _may_be_numeric(name, said))
        trial = Trial(free, said.missing, lambda: again().batches)
    # What one thread reads and another gives back, Arrow's usual pool is slow to use again.
    with roomy(True):
        cells = Columns.gathered(stream.names, stream.batches, threshold, trial)
    return _Found(
        cells,
        stream.names,
        said,
        folder=stream.folder,
        texts=stream.texts,
        problems=tuple(stream.problems()),
        notes=tuple(stream.notes()),
        numbers=_numbers(cells.rows, stream.dropped()),
    )


def _numbers(rows: int, dropped: Sequence[int]) -> Array | None:
    """The number of each row that was read (rows,) among all rows of its source, None where none was dropped."""
    import numpy as np

    if not len(dropped):
        return None
    return np.delete(np.arange(1, rows + len(dropped) + 1), np.asarray(dropped, dtype=np.int64))


def settings_for(source: Any) -> Settings:
    """The settings that lie beside a path, as `read` finds them; empty ones for a URL, a frame or a missing path."""
    if not isinstance(source, (str, os.PathLike)) or ELSEWHERE.match(str(source)):
        return Settings()
    path = Path(source)
    return read_settings(path) if path.is_dir() else _settings_beside(path)


def _given(source: Any) -> Frame:
    import pandas as pd

    frame = source.copy() if isinstance(source, pd.DataFrame) else pd.DataFrame(source.to_pandas())
    if isinstance(frame.columns, pd.MultiIndex):
        raise TableError("The frame has columns of several levels; join their names into one level.")
    frame.columns = [str(column) for column in frame.columns]
    return frame


def _of_parts(parts: dict[str, Stream], threshold: int, settings: Settings | None = None) -> _Found:
    """All rows of the streams of a table's parts, or of the one stream of a table without parts."""
    if len(parts) == 1:
        return _gathered(next(iter(parts.values())), threshold, settings)
    said = next(iter(parts.values())).settings or Settings()
    return _joined(parts, threshold, said if settings is None else _filled(settings, said))


def _from_path(path: Path, given: Settings | None, threshold: int) -> _Found:
    parts = open_folder(path)
    if parts is not None:
        place = Path(str(path).partition("#")[0])
        folder = place.parent if place.is_file() else place
        return replace(_of_parts(parts, threshold, read_settings(folder) if given is None else None), folder=folder)
    if path.is_dir():
        files = _files(path)
        settings = read_settings(path) if given is None else given
        if len(files) == 1:
            file = next(iter(files.values()))
            return replace(_alone(_of_file(file, threshold, settings), file), folder=path)
        joined = _joined(files, threshold, settings)
        if settings.target in joined.partial and "row_id" in joined.names and (path / "card.json").is_file():
            raise TableError(without_truth(settings.target))
        return replace(joined, folder=path)
    file = path.parent / Location.of(path).file  # without the sheet of an Excel file
    if not file.is_file():
        raise NotFound(f"There is no file {str(path)!r}{_beside(path)}.")
    return _of_file(path, threshold, _settings_beside(file) if given is None else given)


def _alone(found: _Found, file: Path) -> _Found:
    """A folder's only file: where it is called the test part, its rows are no others."""
    import numpy as np

    part = PART_NAMES.get(_stem(file).lower(), "")
    return replace(found, parts=np.full(found.cells.rows, part, dtype=object)) if part in TESTS else found


def _of_file(path: Path, threshold: int, settings: Settings) -> _Found:
    return _gathered(open_table(path), threshold, settings, lambda: open_table(path))


def without_truth(target: str) -> str:
    """What is wrong with a folder that Bakeoff itself wrote, of which the test rows' targets stayed elsewhere."""
    told = f"The table was exported without its truth: its test rows have no {target!r}"
    return f"{told}; export it again with --with-truth."


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor a folder {str(path.parent)!r}"
    return near(path.name, sorted(p.name for p in path.parent.iterdir() if _ending(p) in SUFFIXES or p.is_dir()))


def _ending(path: Path) -> str:
    """The ending that tells the format, whether the file is packed or not."""
    return Location.of(path).endings[0]


def _stem(path: Path) -> str:
    """The file's name without the endings of format and packing."""
    name, (format_, packing) = Location.of(path).file, Location.of(path).endings
    return name[: len(name) - len(format_) - len(packing)]


def _files(folder: Path) -> dict[str, Path]:
    """The data files of a folder by part; a folder with one file gives it under an empty name."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and _ending(path) in SUFFIXES]
    found.sort(key=lambda path: SUFFIXES.index(_ending(path)))
    found = found or [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and _stem(path).lower() in PART_NAMES and is_part(path)
    ]
    if not found:
        raise NotFound(f"The folder {str(folder)!r} holds no {', '.join(SUFFIXES)} file.")
    parts: dict[str, Path] = {}
    for path in found:
        if (stem := _stem(path).lower()) in PART_NAMES:
            parts.setdefault(PART_NAMES[stem], path)
    if "train" in parts and len(parts) > 1:
        return {part: parts[part] for part in ("train", "valid", *TESTS) if part in parts}
    stems = {_stem(path) for path in found}
    if len(stems) == 1:
        return {"": found[0]}
    raise TableError(
        f"The folder {str(folder)!r} holds several tables ({listed(sorted(stems))}); "
        "name the file, or call them train and test."
    )


def _joined(files: Mapping[str, Path | Stream], threshold: int, settings: Settings) -> _Found:
    """The rows of several files or streams one after the other, columns matched by name."""
    import numpy as np

    each = {
        part: _gathered(given if isinstance(given, Stream) else open_table(given), threshold)
        for part, given in files.items()
    }
    doubled = [
        f"{part if isinstance(files[part], Stream) else str(files[part])!r}: {_doubled(found.names)}"
        for part, found in each.items()
        if len(set(found.names)) < len(found.names)
    ]
    if doubled:
        raise TableError(doubled)
    held = [found.cells for found in each.values()]
    parts = np.repeat(np.array(list(each), dtype=object), [cells.rows for cells in held])
    if not set(TESTS) & set(each):
        # A validation file alone is the only part that was set apart.
        parts[parts == "valid"] = "test"
    names = tuple(dict.fromkeys(name for cells in held for name in cells.names))
    joined = Columns(len(parts), any(cells.large for cells in held))
    for name in names:
        joined.put(name, _end_to_end(held, name))
    numbers = [found.numbers for found in each.values()]
    counted = [np.arange(1, cells.rows + 1) if own is None else own for cells, own in zip(held, numbers, strict=True)]
    return _Found(
        joined,
        names,
        _filled(settings, next(iter(each.values())).settings),
        parts,
        partial=tuple(name for name in names if any(name not in cells for cells in held)),
        texts=all(found.texts for found in each.values()),
        problems=tuple(problem for found in each.values() for problem in found.problems),
        notes=tuple(note for found in each.values() for note in found.notes),
        numbers=None if all(own is None for own in numbers) else np.concatenate(counted),
    )


def _end_to_end(held: Sequence[Columns], name: str) -> Any:
    import pandas as pd

    # A file without the column gives rows without a value.
    pieces = [cells.piece(0, cells.rows, [name] if name in cells else []) for cells in held]
    return pd.concat(pieces, ignore_index=True)[name]


def _doubled(names: Sequence[str]) -> str:
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    return f"the column name {listed(twice)} is there more than once; rename one."


def _settings_beside(path: Path) -> Settings:
    own = path.with_suffix(".toml")
    if own.is_file():
        return read_settings(own)
    if (path.parent / "table.toml").is_file():
        return read_settings(path.parent / "table.toml")
    about = path.parent / "about.json"
    if about.is_file():
        # An about.json describes the files it lists and no stranger that lies beside them.
        listed_files = json.loads(about.read_text(encoding="utf-8")).get("files") or {path.name: {}}
        return read_settings(about) if path.name in listed_files else Settings()
    return Settings()


def _may_be_numeric(name: str, settings: Settings) -> bool:
    if name == settings.target and settings.kind in WRITTEN:
        return False
    return settings.types.get(name, ColumnType.NUMERIC) is ColumnType.NUMERIC


def _number(cells: Columns, settings: Settings) -> None:
    """Put numbers in the place of each column of texts that write numbers and may be taken so."""

    def settle(name: str) -> None:
        if may_be_numbers(cells.cut(name, 0, min(LOOKED_AT, cells.rows)), settings.missing):
            series = as_numbers(cells.column(name), settings.missing)
            if series.dtype.kind in "if":
                cells.put(name, series)

    free = [name for name in cells.names if _may_be_numeric(name, settings)]
    deque(cells.each(free, settle), maxlen=0)


def _named(source: Any) -> str:
    path = Path(_last(source)) if ELSEWHERE.match(str(source)) else Path(source).resolve()
    plain = _stem(path) if _ending(path) in SUFFIXES else path.name
    return path.parent.name if plain.lower() in ("data", *PART_NAMES) and path.parent.name else plain


def _last(source: Any) -> str:
    return str(source).split("?")[0].rstrip("/").rsplit("/", 1)[-1]


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:80] or "table"
