"""Cells in bulk against the slow obvious way: numbers written as texts, dates, and fingerprints."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as some
from tables_made import picture

from bakeoff.nouns import ColumnType
from bakeoff.tables import Picture
from bakeoff.tables.cells import convert, fingerprint
from bakeoff.tables.iso_times import read_iso
from bakeoff.tables.numerals import NUMBER, as_numbers
from bakeoff.tables.settings import MISSING


def slow_fingerprint(series: Any) -> str:
    hashed = hashlib.sha256()
    if series.dtype.kind in "iu":
        hashed.update(b"<i8" + b"".join(int(n).to_bytes(8, "little", signed=True) for n in series))
    elif series.dtype.kind == "f":
        hashed.update(b"<f8" + b"".join(np.float64(np.nan if np.isnan(n) else n + 0.0).tobytes() for n in series))
    elif series.dtype.kind == "M":
        hashed.update(b"us" + series.to_numpy().astype("datetime64[us]").astype("<i8").tobytes())
    else:
        absent = [bool(pd.isna(cell)) for cell in series]
        cells = ["" if gone else cell for cell, gone in zip(series, absent, strict=True)]
        if any(isinstance(cell, Picture) for cell in cells):
            hashed.update(b"pictures" + np.packbits(np.array(absent, dtype=bool)).tobytes())
            hashed.update(b"".join(hashlib.sha256(cell.read()).digest() for cell in cells if cell != ""))
            return hashed.hexdigest()
        held = [cell.encode("utf-8", "surrogatepass") for cell in cells]
        hashed.update(b"cells" + np.packbits(np.array(absent, dtype=bool)).tobytes())
        hashed.update(b"".join(len(data).to_bytes(8, "little") for data in held) + b"".join(held))
    return hashed.hexdigest()


COLUMNS = (
    some.lists(some.integers(-(2**63), 2**63 - 1)).map(lambda cells: pd.Series(cells, dtype="int64"))
    | some.lists(some.floats()).map(lambda cells: pd.Series(cells, dtype="float64"))
    | some.lists(some.text(some.characters(exclude_categories=["Cs"])) | some.none()).map(
        lambda cells: pd.Series(cells, dtype="str")
    )
    | some.lists(some.text() | some.none()).map(lambda cells: pd.Series(cells, dtype=object))
    | some.lists(some.integers(-(10**15), 10**15)).map(lambda cells: pd.Series(np.array(cells, dtype="datetime64[us]")))
    | some.lists(some.sampled_from([None, *(Picture(picture(i)) for i in range(3))])).map(
        lambda cells: pd.Series(cells, dtype=object)
    )
)


@settings(max_examples=200, deadline=None)
@given(series=COLUMNS, cut=some.integers(0, 3))
@example(pd.Series(["ab", None, "\ud800"], dtype=object), 0)
def test_a_fingerprint_is_that_of_cell_by_cell(series: pd.Series, cut: int) -> None:
    # A slice shares its buffers with the whole, and must not share its fingerprint.
    part = series.iloc[cut:].reset_index(drop=True)
    assert fingerprint(part) == slow_fingerprint(part)


def test_the_fingerprints_are_those_of_always() -> None:
    known = {
        "b1564767": pd.Series([1, -2]),
        "cdb0a5aa": pd.Series([0.5, np.nan]),
        "d23a7002": pd.Series(["ab", None, "ö"]),
        "de826163": pd.Series(np.array(["2024-01-02"], dtype="datetime64[us]")),
    }
    assert {fingerprint(series)[:8]: None for series in known.values()} == dict.fromkeys(known)


def slow_numbers(cells: list[str | None]) -> list[float] | None:
    """The numbers, NaN for a missing one, or None when they are to stay texts."""
    bare = [None if cell is None or cell.strip() in MISSING else cell.strip() for cell in cells]
    present = [cell for cell in bare if cell is not None]
    if not all(re.fullmatch(NUMBER, cell, re.ASCII) for cell in present):
        return None
    try:
        whole = all(re.fullmatch(r"-?\d+", cell) for cell in present)
        if whole and any(abs(int(cell)) > 2**53 for cell in present):
            return None
        return [np.nan if cell is None else float(cell) for cell in bare]
    except ValueError:  # inf with an exponent
        return None


WRITTEN = (
    some.integers(-(2**55), 2**55).map(str)
    | some.floats(allow_nan=False).map(repr)
    | some.sampled_from(["", " 7", "7 ", "\u20037", "?", " NA ", "01", "-0", "1.", ".5", "+1", "1e5", "1E-400", "0x1F"])
    | some.sampled_from(["inf", "-inf", "infe3", "nan", "Infinity", "1_0", "٣", "1,5", "--1", "-", "1e400"])
    | some.none()
)


@settings(max_examples=300, deadline=None)
@given(cells=some.lists(WRITTEN, min_size=1, max_size=8))
@example(["1"] * 60 + [" 2 ", "?", "3.5"])
@example(["1"] * 60 + ["12345678901234567890"])
@example(["1"] * 60 + ["x"])
def test_texts_become_numbers_as_one_by_one(cells: list[str | None]) -> None:
    texts = pd.Series(cells, dtype="str")
    found, expected = as_numbers(texts, MISSING), slow_numbers(cells)
    if expected is None:
        assert found is texts
        return
    np.testing.assert_array_equal(found.to_numpy(np.float64), np.array(expected))
    whole = all(cell is not None and re.fullmatch(r"-?\d+", cell.strip()) for cell in cells)
    assert found.dtype.kind == ("i" if whole else "f")


def test_a_missing_word_may_be_a_number() -> None:
    found = as_numbers(pd.Series(["1", " -999 ", "-999", "2.5"], dtype="str"), ("", "-999"))
    assert found.isna().tolist() == [False, True, True, False]


@settings(max_examples=60, deadline=None)
@given(
    days=some.lists(some.dates(date(1700, 1, 1), date(2200, 1, 1)) | some.none(), min_size=1),
    written=some.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d %b %Y"]),
)
def test_dates_are_read_as_one_by_one(days: list[Any], written: str) -> None:
    texts = pd.Series([None if day is None else f" {day.strftime(written)}" for day in days] * 3, dtype="str")
    converted = convert(texts, ColumnType.DATETIME)
    assert converted.wrong == {}
    assert converted.series.dtype == "datetime64[us]"
    assert [None if pd.isna(day) else day.date() for day in converted.series] == days * 3


def test_a_wrong_date_or_number_among_good_ones_is_the_only_one_told() -> None:
    dates = convert(pd.Series(["03.04.2024", "soon", None, "05.04.2024", "soon"], dtype="str"), ColumnType.DATETIME)
    ((why, rows),) = dates.wrong.items()
    assert why == "'soon' where a date should be"
    assert rows.tolist() == [False, True, False, False, True]
    numbers = convert(pd.Series(["1", "x", " 2 ", "?", "01"], dtype="str"), ColumnType.NUMERIC)
    ((why, rows),) = numbers.wrong.items()
    assert why == "'x' where a number should be"
    assert numbers.series.dropna().tolist() == [1.0, 2.0, 1.0]


@settings(max_examples=150, deadline=None)
@given(
    times=some.lists(some.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)) | some.none(), min_size=1),
    written=some.sampled_from(["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", " %Y-%m-%d", "%Y-%m-%dT%HZ"]),
    odd=some.sampled_from([None, "?", "2024-02-30", "soon", "2024-01-01 24:00:00", "20240101", "2024-01-01+02:00"]),
)
def test_times_in_bulk_are_those_that_pandas_reads(times: list[Any], written: str, odd: str | None) -> None:
    texts = pd.Series([None if time is None else time.strftime(written) for time in times] + [odd], dtype="str")
    found = read_iso(texts, MISSING)
    slow = pd.to_datetime(texts.mask(texts.isin(MISSING)).str.strip(), format="ISO8601", errors="coerce", utc=True)
    if found is None:
        assert written in (" %Y-%m-%d", "%Y-%m-%dT%HZ") or odd not in (None, "?")
        return
    assert found.tolist() == slow.dt.tz_localize(None).to_numpy().astype("datetime64[us]").tolist()
