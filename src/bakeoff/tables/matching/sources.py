"""From files, folders or frames to the records and pairs of a matching table, as they were given."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import Array, Frame, Role
from bakeoff.tables.readers.formats import SUFFIXES
from bakeoff.tables.reading import Raw, read, settings_for, without_truth
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import Settings
from bakeoff.tables.splits import PART_NAMES

LEFT = ("left", "table_a", "tablea", "a", "records")
RIGHT = ("right", "table_b", "tableb", "b")
PAIRS = ("pairs", "labels", "labelled_pairs", "labeled_pairs")


@dataclass(frozen=True)
class RawMatching:
    """Records and labelled pairs as given; `right` is None where the pairs are duplicates within `left`.

    `parts` (pairs,) holds "train", "valid", "test", "public" or "private" where the files give a split, else None;
    `problems` are a sentence for each kind of row that could not be read, `numbers` (pairs,) the pairs' numbers in
    their file, None where they count up from 1 without a gap, and `notes` what was decided about the files.
    """

    left: Raw
    right: Raw | None
    pairs: Frame
    parts: Array | None
    settings: Settings
    problems: tuple[str, ...] = ()
    numbers: Array | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sources:
    left: Any
    right: Any
    pairs: dict[str, Any]


def read_matching(
    source: Any, *, right: Any = None, pairs: Any = None, settings: Settings | None = None, name: str = ""
) -> RawMatching:
    """Read LEFT, perhaps RIGHT, and PAIRS, each anything that `read` understands; or a folder that holds all of them.

    A folder has the files `left` (or `table_a`, `records`), perhaps `right` (`table_b`), and `pairs`, or `train` and
    `test` with perhaps `valid`. Settings come from `table.toml` or `about.json` beside the data unless they are given.
    Raises NotFound for what is not there and TableError for what cannot be read.
    """
    settings = settings if settings is not None else settings_for(source)
    name = name or settings.name or _named(source)
    settings = replace(settings, name=name, kind="matching")
    if pairs is None and not _is_folder(source):
        raise UsageError(
            "A matching table needs labelled pairs; name them with --pairs PAIRS, or give a folder with left, right "
            "and pairs files."
        )
    sources = _in_folder(Path(source)) if pairs is None else _Sources(source, right, _parts_of(pairs))
    found = [read(sources.left, settings_of_side(settings, "left"), name=name)]
    if sources.right is not None:
        found.append(read(sources.right, settings_of_side(settings, "right"), name="right"))
    frame, parts, numbers, raws = _read_pairs(sources.pairs)
    problems = [fault for raw in (*found, *raws) for fault in raw.problems]
    notes = [note for raw in (*found, *raws) for note in raw.notes]
    # `read` has made the name fit for a folder.
    settings = replace(settings, name=found[0].settings.name)
    right_side = found[1] if len(found) > 1 else None
    return RawMatching(found[0], right_side, frame, parts, settings, tuple(problems), numbers, tuple(notes))


def declared_for(settings: Settings, side: str, name: str) -> str:
    """How the settings call a record column of a side: `left_price` goes before `price`, which is of both sides."""
    own = f"{side}_{name}"
    return own if own in settings.types or own in settings.roles or own in settings.leave_out else name


def settings_of_side(settings: Settings, side: str) -> Settings:
    """What the settings say of one side's columns, under their plain names."""
    prefix = f"{side}_"
    types = dict(settings.types)
    types |= {name.removeprefix(prefix): kind for name, kind in settings.types.items() if name.startswith(prefix)}
    dates = dict(settings.dates)
    dates |= {name.removeprefix(prefix): said for name, said in settings.dates.items() if name.startswith(prefix)}
    return Settings(types=types, dates=dates, missing=settings.missing, images=settings.images)


def _is_folder(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike)) and "://" not in str(source) and Path(source).is_dir()


def _in_folder(folder: Path) -> _Sources:
    by_stem: dict[str, Path] = {}
    for suffix in SUFFIXES:
        for path in sorted(folder.glob(f"*{suffix}")):
            by_stem.setdefault(path.name[: -len(suffix)].lower(), path)
    left, right, pairs = (next((by_stem[s] for s in stems if s in by_stem), None) for stems in (LEFT, RIGHT, PAIRS))
    parts = {PART_NAMES[stem]: path for stem, path in by_stem.items() if stem in PART_NAMES}
    lacking = []
    if left is None:
        lacking.append(f"records (a file called {' or '.join(LEFT[:2])}, or records for one table)")
    if pairs is None and ("train" not in parts or len(parts) < 2):
        lacking.append("labelled pairs (a file called pairs, or files train and test)")
    if lacking:
        held = listed(sorted(path.name for path in by_stem.values())) or "no data file"
        raise NotFound(f"The folder {str(folder)!r} holds no {' and no '.join(lacking)}; it holds {held}.")
    return _Sources(left, right, {"": pairs} if pairs is not None else _in_order(parts))


def _parts_of(pairs: Any) -> dict[str, Any]:
    """The files of pairs by part; a folder of them gives train and test."""
    if not _is_folder(pairs):
        return {"": pairs}
    found: dict[str, Any] = {}
    for suffix in SUFFIXES:
        for path in sorted(Path(pairs).glob(f"*{suffix}")):
            stem = path.name[: -len(suffix)].lower()
            if stem in PART_NAMES:
                found.setdefault(PART_NAMES[stem], path)
    if "train" not in found or len(found) < 2:
        raise NotFound(f"The folder {str(pairs)!r} holds no pairs in files called train and test.")
    return _in_order(found)


def _in_order(parts: dict[str, Any]) -> dict[str, Any]:
    return {part: parts[part] for part in dict.fromkeys(PART_NAMES.values()) if part in parts}


def _read_pairs(files: dict[str, Any]) -> tuple[Frame, Array | None, Array | None, list[Raw]]:
    """All pairs, the part and the number of each, and the files as they were read."""
    import pandas as pd

    raws = {part: read(path, Settings(), name="pairs") for part, path in files.items()}
    frames = {part: raw.frame for part, raw in raws.items()}
    if list(frames) == [""]:
        return frames[""], None, raws[""].numbers, [raws[""]]
    if "row_id" in frames["train"] and [*frames["train"].columns[:-1]] == [*frames["test"].columns]:
        raise TableError(without_truth(str(frames["train"].columns[-1])))
    headers = {tuple(frame.columns) for frame in frames.values()}
    if len(headers) > 1:
        raise TableError(
            f"The pairs' files have different columns ({'; '.join(', '.join(header) for header in sorted(headers))}); "
            "give them the same ones."
        )
    parts = np.repeat(np.array(list(frames), dtype=object), [len(frame) for frame in frames.values()])
    if set(frames) == {"train", "valid"}:
        # A validation file alone is the only part that was set apart.
        parts[parts == "valid"] = "test"
    numbers = None
    if any(raw.numbers is not None for raw in raws.values()):
        counted = [np.arange(1, raw.rows + 1) if raw.numbers is None else raw.numbers for raw in raws.values()]
        numbers = np.concatenate(counted)
    return pd.concat(frames.values(), ignore_index=True), parts, numbers, list(raws.values())


def _named(source: Any) -> str:
    if not isinstance(source, (str, os.PathLike)):
        return "matching"
    path = Path(str(source).split("?", maxsplit=1)[0].rstrip("/"))
    stem = path.name if _is_folder(source) else path.stem
    return path.absolute().parent.name if stem.lower() in (*LEFT, "data") else stem


def id_declared(settings: Settings, side: str, names: list[str]) -> str:
    """The id column that the settings name for a side, or an empty string."""
    ids = [name for name, role in settings.roles.items() if role is Role.ID]
    own = [name for name in ids if name.startswith(f"{side}_") and name.removeprefix(f"{side}_") in names]
    plain = [name for name in ids if name in names]
    if own:
        return own[0].removeprefix(f"{side}_")
    return plain[0] if plain else ""
