"""A column's cells in the standard form of its type, which of them could not be, and the column's fingerprint.

numeric: float64, or int64 when whole and none is missing; categorical, text and tokens: pandas `str` (tokens apart by
single spaces); datetime: datetime64[us] without a zone, in UTC; image: `images.Picture` in an object column. Missing is
NaN, NaT or None.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.nouns import Array, ColumnType
from bakeoff.tables import images
from bakeoff.tables.iso_times import read_iso
from bakeoff.tables.numerals import EXACT, as_numbers
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import MISSING
from bakeoff.tables.types import date_format, likeliest_format, listed_cell

HASHED = 1 << 16  # cells
HARD_SPACE = "\u00a0"  # in the place of a blank within one token
LOOKED_AT = 10_000  # first cells, which tell whether a column repeats its values, and how it writes dates


@dataclass(frozen=True)
class Converted:
    """A converted series, and for each reason the rows (n,) that could not be converted because of it."""

    series: Any
    wrong: dict[str, Array]
    infinite: int = 0


def convert(
    series: Any,
    kind: ColumnType,
    folder: Path | None = None,
    missing: tuple[str, ...] = MISSING,
    order: str = "",
) -> Converted:
    """A raw series in the standard form of `kind`; `order` says whether dates are written day first or month first."""
    if kind is ColumnType.NUMERIC:
        return _numeric(series, missing)
    if kind is ColumnType.CATEGORICAL:
        return Converted(_strings(series, missing, strip=True), {})
    if kind is ColumnType.DATETIME:
        return _datetime(series, missing, order)
    if kind is ColumnType.IMAGE:
        return _image(series, folder)
    # A lone "?" or "NA" may be all that somebody wrote, so in a text only what was asked for is taken as missing.
    tokens = missing if missing != MISSING else ("",)
    if kind is ColumnType.TOKENS:
        return Converted(_strings(_spaced(series), tokens), {})
    return Converted(_strings(series, tokens), {})


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
    elif str(series.dtype) == "str" and (read := as_numbers(series, missing)).dtype.kind in "if":
        numbers = read
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
    if infinite.any():
        values = np.where(infinite, np.nan, values)
    # The first few decide most columns of measurements.
    for part in (values[:1000], values):
        if not len(part) or not (np.abs(part) <= EXACT).all() or (part % 1 != 0).any():
            return Converted(pd.Series(values, index=series.index), wrong, int(infinite.sum()))
    return Converted(pd.Series(values.astype(np.int64), index=series.index), wrong)


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
    if isinstance(cell, images.Picture):
        cell = cell.read()
    if isinstance(cell, (bytes, bytearray)):
        return bytes(cell).decode("utf-8", errors="replace")
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _spaced(series: Any) -> Any:
    """Lists, as such or written as texts, as tokens apart by single spaces, with a hard space within a token."""
    cells = series.astype(object)
    present = cells.dropna()
    written = bool(present.map(lambda cell: isinstance(cell, str) and cell.startswith("[")).all())
    return cells.map(lambda cell: _tokens(cell, written), "ignore")


def _tokens(cell: Any, written: bool) -> str:
    if isinstance(cell, str):
        # A bracket may be a token itself, so beside other texts only what quotes its items is a list.
        items = listed_cell(cell) if written or cell[:2] in ('["', "['", "[]") else None
        if items is None:
            return cell
        cell = items
    return " ".join(str(item).replace(" ", HARD_SPACE) for item in cell)


def _strings(series: Any, missing: tuple[str, ...], strip: bool = False) -> Any:
    """A series of texts as pandas `str` (object before pandas 3), with the cells that mean "no value" missing."""
    import pandas as pd

    if str(series.dtype) == "str":
        return _texts(series, missing, strip)
    series = _named(series)
    series = series.where(series.notna(), None) if series.dtype == object else series
    modern = int(pd.__version__.split(".")[0]) >= 3
    texts = series.astype("str") if modern else series.astype(object)
    if not texts.notna().any():
        return texts
    bare = texts.str.strip()
    return (bare if strip else texts).mask(bare.isin(missing) if strip else texts.isin(missing), None)


def _texts(series: Any, missing: tuple[str, ...], strip: bool) -> Any:
    """As `_strings` for pandas `str`; the series itself where nothing is to be changed."""
    import pandas as pd

    if strip and series.iloc[:LOOKED_AT].nunique() < LOOKED_AT / 2:
        # What repeats is looked at once for each different value.
        codes, values = pd.factorize(series)
        given = pd.Series(values)
        bare = given.str.strip()
        bare = bare.mask(bare.isin(missing), None)
        return series if bare.equals(given) else _taken(bare, codes, series.index)
    bare = series.str.strip() if strip else series
    gone = bare.isin(missing)
    return bare.mask(gone, None) if gone.any() else bare


def _taken(values: Any, codes: Array, index: Any) -> Any:
    """The values at these places, missing at -1."""
    import pandas as pd

    return pd.Series(values.array.take(codes, allow_fill=True), index=index, dtype=values.dtype)


def _datetime(series: Any, missing: tuple[str, ...], order: str) -> Converted:
    import pandas as pd

    wrong: dict[str, Array] = {}
    if series.dtype.kind == "M":
        times = series
    elif series.dtype.kind in "iuf":
        years = series.where((series % 1 == 0) & series.between(1000, 3000)).astype("Int64").astype(object)
        times = pd.to_datetime(years.map(str, na_action="ignore"), format="%Y", errors="coerce")
        wrong = _lost(series, times, series.notna())
    elif (told := read_iso(series, missing)) is not None:
        times = pd.Series(told, index=series.index)
    else:
        # A day is told once, however many rows hold it.
        codes, values = pd.factorize(series if str(series.dtype) == "str" else series.astype(object))
        texts = pd.Series(values, dtype=object).map(_name).astype("str").str.strip()
        absent = texts.isin(missing).to_numpy(dtype=bool)
        present = texts[~absent]
        read = _read_dates(present, order).reindex(texts.index)
        told = np.append(read.dt.tz_localize(None).to_numpy(), np.datetime64("NaT"))
        times = pd.Series(told[codes], index=series.index)
        wrong = _lost(series, times, pd.Series(~np.append(absent, True)[codes], index=series.index))
    if getattr(times.dtype, "tz", None) is not None:
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return Converted(times.astype("datetime64[us]"), wrong)


def _read_dates(texts: Any, order: str) -> Any:
    """Different texts as times in UTC, missing where the likeliest format does not read one."""
    import pandas as pd

    # A format that is the first to read some and reads all is the first to read all.
    written = date_format(texts.iloc[:LOOKED_AT], order) if len(texts) else None
    read = pd.to_datetime(texts, format=written or "ISO8601", errors="coerce", utc=True)
    if len(texts) and (written is None or read.isna().any()):
        read = pd.to_datetime(texts, format=likeliest_format(texts, order), errors="coerce", utc=True)
    return read


def _lost(raw: Any, times: Any, present: Any) -> dict[str, Array]:
    lost = (times.isna() & present).to_numpy(dtype=bool)
    return {f"{_examples(raw[lost])} where a date should be": lost} if lost.any() else {}


def _image(series: Any, folder: Path | None) -> Converted:
    import pandas as pd

    cells: list[images.Picture | None] = []
    wrong: dict[str, Array] = {}
    sound: set[str] = set()
    for place, cell in enumerate(series.array):
        picture = None
        if not (
            cell is None
            or cell is pd.NA
            or (isinstance(cell, str) and not cell)
            or (isinstance(cell, float) and np.isnan(cell))
        ):
            try:
                picture = images.picture_of(cell, folder)
                # Read and decoded one at a time and forgotten: what stays is the digest.
                data = picture.read()
                if picture.name not in sound:
                    images.check(data)
                    sound.add(picture.name)
            except images.NotAnImage as fault:
                wrong.setdefault(str(fault), np.zeros(len(series), bool))[place] = True
        cells.append(picture)
    held = np.empty(len(cells), dtype=object)
    held[:] = cells
    return Converted(pd.Series(held, index=series.index, dtype=object), wrong)


def fingerprint(series: Any) -> str:
    """The SHA-256 of a standard column's content, the same whatever library version holds it.

    Of a column of pictures it covers their digests and no bytes.
    """
    hashed = hashlib.sha256()
    if series.dtype.kind in "iufM":
        kind, numbers = kind_of_numbers(series)
        hashed.update(kind)
        # A few at a time stay in the processor's cache.
        for start in range(0, len(numbers), HASHED):
            hashed.update(number_bytes(numbers[start : start + HASHED]))
        return hashed.hexdigest()
    absent = series.isna().to_numpy(dtype=bool)
    if series.dtype == object and any(isinstance(cell, images.Picture) for cell in series):
        hashed.update(b"pictures" + np.packbits(absent).tobytes())
        for cell in series[~absent]:
            hashed.update(bytes.fromhex(cell.name))
        return hashed.hexdigest()
    hashed.update(b"cells" + np.packbits(absent).tobytes())
    chunks = _utf8(series)
    for places, _ in chunks:
        for start in range(0, len(places) - 1, HASHED):
            hashed.update(np.diff(places[start : start + HASHED + 1]).astype("<i8", copy=False))
    for _, data in chunks:
        hashed.update(data)
    return hashed.hexdigest()


def kind_of_numbers(series: Any) -> tuple[bytes, Array]:
    """How a standard column of numbers or dates is named where it is hashed, and its cells as numpy has them (n,)."""
    kind, held = {"f": (b"<f8", np.float64), "M": (b"us", None)}.get(series.dtype.kind, (b"<i8", np.int64))
    return kind, series.to_numpy(dtype=held)


def number_bytes(numbers: Array) -> Array:
    """Numbers or times as they are hashed: every NaN and both zeros are one value to a reader, whatever their bits."""
    if numbers.dtype.kind == "f":
        return (np.where(np.isnan(numbers), np.nan, numbers) + 0.0).astype("<f8")
    times = numbers.astype("datetime64[us]") if numbers.dtype.kind == "M" else numbers
    return np.ascontiguousarray(times.astype("<i8", copy=False))


def _utf8(series: Any) -> list[tuple[Array, Any]]:
    """The cells of a series of texts as UTF-8, end to end, with the places (n + 1,) at which each begins in them.

    A missing cell is empty.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        cells = pa.array(series, pa.large_string(), from_pandas=True)
    except (pa.ArrowException, TypeError, UnicodeError):
        # Half of a surrogate pair, which Arrow refuses.
        held = [cell.encode("utf-8", "surrogatepass") for cell in series.where(series.notna(), "")]
        return [(np.cumsum([0, *map(len, held)]), b"".join(held))]
    told = []
    for chunk in cells.chunks if isinstance(cells, pa.ChunkedArray) else [cells]:
        filled = pc.fill_null(chunk, "") if chunk.null_count else chunk
        _, offsets, data = filled.buffers()
        places = np.frombuffer(offsets, np.int64)[filled.offset : filled.offset + len(filled) + 1]
        told.append((places, data.slice(places[0], places[-1] - places[0]) if data is not None else b""))
    return told
