"""A column's cells in the standard form of its type, which of them could not be, and the column's fingerprint.

numeric: float64, or int64 when whole and none is missing; categorical, text and tokens: pandas `str` (tokens apart by
single spaces); datetime: datetime64[us] without a zone, in UTC; image: bytes in an object column. Missing is NaN, NaT
or None.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.nouns import Array, ColumnType
from bakeoff.tables import images
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import MISSING
from bakeoff.tables.types import date_format

EXACT = 2**53  # up to here a float64 holds every whole number


@dataclass(frozen=True)
class Converted:
    """A converted series, and for each reason the rows (n,) that could not be converted because of it."""

    series: Any
    wrong: dict[str, Array]
    infinite: int = 0


def convert(series: Any, kind: ColumnType, folder: Path | None = None, missing: tuple[str, ...] = MISSING) -> Converted:
    """A raw series in the standard form of `kind`."""
    if kind is ColumnType.NUMERIC:
        return _numeric(series, missing)
    if kind is ColumnType.CATEGORICAL:
        return Converted(_strings(_named(series), missing, strip=True), {})
    if kind is ColumnType.DATETIME:
        return _datetime(series, missing)
    if kind is ColumnType.IMAGE:
        return _image(series, folder)
    # A lone "?" or "NA" may be all that somebody wrote, so in a text only what was asked for is taken as missing.
    tokens = missing if missing != MISSING else ("",)
    if kind is ColumnType.TOKENS:
        return Converted(_strings(_spaced(series), tokens), {})
    return Converted(_strings(_named(series), tokens), {})


def labels(series: Any, missing: tuple[str, ...] = MISSING) -> Any:
    """A target of classes as int64 when all are whole numbers, else as `str`."""
    if series.dtype.kind in "iu":
        return series.astype("int64")
    if series.dtype.kind == "f" and len(present := series.dropna()) and bool((present % 1 == 0).all()):
        return series.astype("int64") if len(present) == len(series) else series
    return convert(series, ColumnType.CATEGORICAL, None, missing).series


def _numeric(series: Any, missing: tuple[str, ...]) -> Converted:
    import pandas as pd

    wrong: dict[str, Array] = {}
    if series.dtype.kind == "m":
        numbers = series.dt.total_seconds()
    elif series.dtype.kind in "iufb":
        numbers = series
    else:
        raw = series.astype(object)
        numbers = pd.to_numeric(raw.map(lambda cell: cell.strip() if isinstance(cell, str) else cell), errors="coerce")
        lost = (numbers.isna() & _present(raw, missing)).to_numpy(dtype=bool)
        if lost.any():
            wrong[f"{_examples(raw[lost])} where a number should be"] = lost
    if numbers.dtype.kind == "i" and not numbers.isna().any():
        return Converted(numbers.astype("int64"), wrong)
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    values = np.where(infinite, np.nan, values)
    if len(values) and np.all(np.abs(values) <= EXACT) and np.all(values % 1 == 0):
        return Converted(pd.Series(values.astype(np.int64), index=series.index), wrong)
    return Converted(pd.Series(values, index=series.index), wrong, int(infinite.sum()))


def _present(raw: Any, missing: tuple[str, ...]) -> Any:
    return raw.notna() & ~raw.map(lambda cell: isinstance(cell, str) and cell.strip() in missing)


def _examples(cells: Any) -> str:
    # Sets of distinct cells keep the sentence short when thousands are wrong in one way.
    return listed(list(dict.fromkeys(str(cell)[:40] for cell in cells.head(1000))), shown=3)


def _named(series: Any) -> Any:
    """Cells that are no texts as texts: 3.0 as 3, a truth value as True or False, a time as ISO 8601."""
    if str(series.dtype) == "category":
        series = series.astype(series.cat.categories.dtype)
    kind = series.dtype.kind
    if kind == "f":
        whole = series.dropna()
        if not len(whole) or bool(((whole % 1 == 0) & (whole.abs() <= EXACT)).all()):
            return series.astype("Int64").astype(object).map(str, na_action="ignore")
    if kind in "iufbmM" or series.dtype == object:
        return series.astype(object).map(_name, na_action="ignore")
    return series


def _name(cell: object) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, (bytes, bytearray)):
        return bytes(cell).decode("utf-8", errors="replace")
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _spaced(series: Any) -> Any:
    return series.astype(object).map(lambda cell: cell if isinstance(cell, str) else " ".join(map(str, cell)), "ignore")


def _strings(series: Any, missing: tuple[str, ...], strip: bool = False) -> Any:
    """A series of texts as pandas `str` (object before pandas 3), with the cells that mean "no value" missing."""
    import pandas as pd

    series = series.where(series.notna(), None) if series.dtype == object else series
    modern = int(pd.__version__.split(".")[0]) >= 3
    texts = series.astype("str") if modern else series.astype(object)
    if not texts.notna().any():
        return texts
    bare = texts.str.strip()
    return (bare if strip else texts).mask(bare.isin(missing) if strip else texts.isin(missing), None)


def _datetime(series: Any, missing: tuple[str, ...]) -> Converted:
    import pandas as pd

    wrong: dict[str, Array] = {}
    if series.dtype.kind == "M":
        times = series
    elif series.dtype.kind in "iuf":
        years = series.where((series % 1 == 0) & series.between(1000, 3000)).astype("Int64").astype(object)
        times = pd.to_datetime(years.map(str, na_action="ignore"), format="%Y", errors="coerce")
        wrong = _lost(series, times, series.notna())
    else:
        raw = series.astype(object)
        present = _present(raw, missing)
        texts = raw[present].map(_name).astype(str).str.strip()
        written = date_format(texts) if len(texts) else None
        read = pd.to_datetime(texts, format=written or "ISO8601", errors="coerce", utc=True)
        times = read.reindex(series.index)
        wrong = _lost(raw, times, present)
    if getattr(times.dtype, "tz", None) is not None:
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return Converted(times.astype("datetime64[us]"), wrong)


def _lost(raw: Any, times: Any, present: Any) -> dict[str, Array]:
    lost = (times.isna() & present).to_numpy(dtype=bool)
    return {f"{_examples(raw[lost])} where a date should be": lost} if lost.any() else {}


def _image(series: Any, folder: Path | None) -> Converted:
    import pandas as pd

    cells: list[bytes | None] = []
    wrong: dict[str, Array] = {}
    for place, cell in enumerate(series.array):
        data = None
        if not (
            cell is None
            or cell is pd.NA
            or (isinstance(cell, str) and not cell)
            or (isinstance(cell, float) and np.isnan(cell))
        ):
            try:
                data = images.read_cell(cell, folder)
                images.check(data)
            except images.NotAnImage as fault:
                wrong.setdefault(str(fault), np.zeros(len(series), bool))[place] = True
        cells.append(data)
    held = np.empty(len(cells), dtype=object)
    held[:] = cells
    return Converted(pd.Series(held, index=series.index, dtype=object), wrong)


def fingerprint(series: Any) -> str:
    """The SHA-256 of a standard column's content, the same whatever library version holds it."""
    hashed = hashlib.sha256()
    if series.dtype.kind in "iuf":
        kind, values = ("<f8", np.float64) if series.dtype.kind == "f" else ("<i8", np.int64)
        numbers = series.to_numpy(dtype=values)
        if kind == "<f8":
            # Every NaN and both zeros are one value to a reader, whatever their bits.
            numbers = np.where(np.isnan(numbers), np.nan, numbers) + 0.0
        hashed.update(kind.encode() + numbers.astype(kind).tobytes())
        return hashed.hexdigest()
    if series.dtype.kind == "M":
        hashed.update(b"us" + series.to_numpy().astype("datetime64[us]").astype("<i8").tobytes())
        return hashed.hexdigest()
    absent = series.isna().to_numpy(dtype=bool)
    cells = ["" if gone else cell for cell, gone in zip(series.tolist(), absent, strict=True)]
    held = [cell if isinstance(cell, bytes) else cell.encode("utf-8", "surrogatepass") for cell in cells]
    hashed.update(b"cells" + np.packbits(absent).tobytes() + np.array(list(map(len, held)), dtype="<i8").tobytes())
    for data in held:
        hashed.update(data)
    return hashed.hexdigest()
