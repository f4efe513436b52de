"""From a file, a folder or a frame to a raw table: cells as given, the part each row came in, and the settings."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bakeoff.errors import MissingExtra, NotFound, TableError, UsageError
from bakeoff.extras import need
from bakeoff.nouns import Array, ColumnType, Frame
from bakeoff.tables.formats import SUFFIXES, parse
from bakeoff.tables.sentences import listed, near
from bakeoff.tables.settings import Settings, read_settings

NUMBER = r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+|inf)(?:[eE][+-]?\d+)?"
PART_NAMES = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "dev": "valid", "test": "test"}


@dataclass(frozen=True)
class Raw:
    """A table as it was given.

    `frame` is a pandas DataFrame with a range index; `parts` (n,) holds "train", "valid" or "test" for each row where
    the files give a split, else None; `folder` is where relative image paths start, None for a frame; `partial` names
    the columns that not every file has.
    """

    frame: Frame
    parts: Array | None
    settings: Settings
    folder: Path | None = None
    partial: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    frame: Frame
    settings: Settings = field(default_factory=Settings)
    parts: Array | None = None
    folder: Path | None = None
    partial: tuple[str, ...] = ()
    texts: bool = False  # every cell came as a text, so types are still to be found


def read(source: Any, settings: Settings | None = None, *, name: str | None = None) -> Raw:
    """Read a table from a path (.csv, .tsv, .parquet, or a folder of them), a URL, or a DataFrame.

    Settings come from `table.toml` or `about.json` beside the data unless they are given. Raises NotFound for a missing
    path, UsageError for another format, TableError for a file that cannot be read.
    """
    is_path = isinstance(source, (str, os.PathLike))
    if is_path and "://" in str(source):
        file = _last(source)
        found = _Found(parse(_fetched(str(source)), file), texts=not file.lower().endswith(".parquet"))
    elif is_path:
        found = _from_path(Path(source), settings is None)
    elif hasattr(source, "columns"):
        found = _Found(_given(source))
    else:
        raise UsageError(f"A table is a path, a URL or a DataFrame, not {type(source).__name__}.")
    settings = found.settings if settings is None else settings
    name = name or settings.name or (_named(source) if is_path else "table")
    settings = replace(settings, name=_slug(name))
    frame = found.frame.reset_index(drop=True)
    if found.texts:
        frame = _numbers(frame, settings)
    return Raw(frame, found.parts, settings, found.folder / settings.images if found.folder else None, found.partial)


def settings_for(source: Any) -> Settings:
    """The settings that lie beside a path, as `read` finds them; empty ones for a URL, a frame or a missing path."""
    if not isinstance(source, (str, os.PathLike)) or "://" in str(source):
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


def _fetched(url: str) -> bytes:
    fsspec = need("fsspec", "cloud")
    try:
        with fsspec.open(url, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError as missing:
        raise NotFound(f"There is nothing at {url!r}.") from missing
    except ImportError as missing:
        scheme = url.split("://", maxsplit=1)[0]
        raise MissingExtra(
            f"Reading {scheme}:// needs a package that is not installed: pip install 'bakeoff[cloud]'"
        ) from missing
    except (OSError, ValueError) as fault:
        raise UsageError(f"{url!r} cannot be read: {fault}") from fault


def _from_path(path: Path, look: bool) -> _Found:
    if path.is_dir():
        files = _files(path)
        settings = read_settings(path) if look else Settings()
        texts = all(file.suffix.lower() != ".parquet" for file in files.values())
        if len(files) == 1:
            return _Found(_frame(*files.values()), settings, None, path, texts=texts)
        frame, parts, partial = _joined(files)
        return _Found(frame, settings, parts, path, partial, texts)
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}{_beside(path)}.")
    settings = _settings_beside(path) if look else Settings()
    return _Found(_frame(path), settings, None, path.parent, texts=path.suffix.lower() != ".parquet")


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor a folder {str(path.parent)!r}"
    return near(path.name, sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in SUFFIXES or p.is_dir()))


def _frame(path: Path) -> Frame:
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise TableError(f"{str(path)!r} cannot be read: {fault.strerror or fault}.") from fault
    return parse(data, str(path))


def _files(folder: Path) -> dict[str, Path]:
    """The data files of a folder by part; a folder with one file gives it under an empty name."""
    found = [p for suffix in SUFFIXES for p in sorted(folder.glob(f"*{suffix}"))]
    if not found:
        raise NotFound(f"The folder {str(folder)!r} holds no {', '.join(SUFFIXES)} file.")
    parts: dict[str, Path] = {}
    for path in found:
        if path.stem.lower() in PART_NAMES:
            parts.setdefault(PART_NAMES[path.stem.lower()], path)
    if "train" in parts and len(parts) > 1:
        return {part: parts[part] for part in ("train", "valid", "test") if part in parts}
    stems = {path.stem for path in found}
    if len(stems) == 1:
        return {"": found[0]}
    raise TableError(
        f"The folder {str(folder)!r} holds several tables ({listed(sorted(stems))}); "
        "name the file, or call them train and test."
    )


def _joined(files: dict[str, Path]) -> tuple[Frame, Array, tuple[str, ...]]:
    import numpy as np
    import pandas as pd

    frames = {part: _frame(path) for part, path in files.items()}
    doubled = [
        f"{str(files[part])!r}: {_doubled(frame)}" for part, frame in frames.items() if not frame.columns.is_unique
    ]
    if doubled:
        raise TableError(doubled)
    parts = np.repeat(np.array(list(frames), dtype=object), [len(frame) for frame in frames.values()])
    if "test" not in frames:
        # A validation file alone is the only part that was set apart.
        parts[parts == "valid"] = "test"
    joined = pd.concat(frames.values(), ignore_index=True)
    partial = tuple(name for name in joined.columns if any(name not in frame for frame in frames.values()))
    return joined, parts, partial


def _doubled(frame: Frame) -> str:
    names = list(dict.fromkeys(frame.columns[frame.columns.duplicated()]))
    return f"the column name {listed(names)} is there more than once; rename one."


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


def _numbers(frame: Frame, settings: Settings) -> Frame:
    for place, column in enumerate(frame.columns):
        if settings.types.get(column, ColumnType.NUMERIC) is ColumnType.NUMERIC:
            frame.isetitem(place, as_numbers(frame.iloc[:, place], settings.missing))
    return frame


def as_numbers(texts: Any, missing: tuple[str, ...]) -> Any:
    """A series of texts as int64 or float64 when every cell that is not missing is a number, else as it was.

    Numbers with a zero in front (postcodes) or beyond 2^53 (identifiers) would not survive, so they stay texts.
    """
    import pandas as pd

    if texts.dtype.kind in "iufb":
        return texts
    stripped = texts.str.strip()
    present = stripped[~stripped.isin(missing) & stripped.notna()]
    if not len(present):
        return pd.Series(float("nan"), index=texts.index)
    if not (present.head(50).str.fullmatch(NUMBER).all() and present.str.fullmatch(NUMBER).all()):
        return texts
    numbers = pd.to_numeric(present)
    if numbers.dtype.kind in "iu" and numbers.abs().max() <= 2**53:
        return numbers.astype("int64") if len(present) == len(texts) else numbers.astype("float64").reindex(texts.index)
    return numbers.reindex(texts.index) if numbers.dtype.kind == "f" else texts


def _named(source: Any) -> str:
    path = Path(_last(source)) if "://" in str(source) else Path(source).resolve()
    plain = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return path.parent.name if plain.lower() in ("data", *PART_NAMES) and path.parent.name else plain


def _last(source: Any) -> str:
    return str(source).split("?")[0].rstrip("/").rsplit("/", 1)[-1]


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:80] or "table"
