"""Rows put in order block by block, and rows and codes taken from columns on disk, against the plain way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.tables.cells import fingerprint
from bakeoff.tables.columns import Columns
from bakeoff.tables.ordered import Ordered, repeating

KINDS = ("whole", "measured", "dates", "texts", "names")


def column(kind: str, rows: int, rng: np.random.Generator) -> pd.Series:
    gone = rng.random(rows) < 0.2
    if kind == "whole":
        return pd.Series(rng.integers(-5, 5, rows))
    if kind == "measured":
        return pd.Series(np.where(gone, np.nan, rng.choice([0.0, -0.0, 1.5, 2e300], rows)))
    if kind == "dates":
        days = np.datetime64("2020-01-01", "us") + rng.integers(0, 9, rows).astype("timedelta64[D]")
        return pd.Series(np.where(gone, np.datetime64("NaT"), days))
    words = np.array(["", "a", "längere", "two words", "end"], dtype=object)
    texts = words[rng.integers(0, 5, rows)] + (np.arange(rows).astype(str) if kind == "texts" else "")
    return pd.Series(np.where(gone, None, texts), dtype="str")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 200), st.integers(1, 40), st.integers(0, 2**31))
def test_rows_put_in_order_by_blocks_are_those_of_pandas_with_their_fingerprint(
    kind: str, rows: int, block: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    series = column(kind, rows, rng)
    places = rng.permutation(rows)[: rng.integers(0, rows + 1)]
    ordered = Ordered(series, places, block)
    arrays = list(ordered.arrays())
    assert all(len(array) <= block for array in arrays)
    plain = series.iloc[places].reset_index(drop=True)
    pd.testing.assert_series_equal(pa.chunked_array(arrays).to_pandas(), plain, check_names=False)
    assert ordered.fingerprint() == fingerprint(plain)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 2**31))
def test_rows_at_places_of_a_column_on_disk_are_those_in_memory(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 300))
    series = column(kind, rows, rng)
    held = Columns(rows, large=True)
    if kind == "names" and (codes := repeating(series)) is not None:
        held.put("a", codes)
    else:
        held.put("a", Ordered(series, np.arange(rows), 64).arrays())
    places = rng.integers(0, rows, int(rng.integers(0, 50)))
    plain = series.iloc[places].reset_index(drop=True)
    pd.testing.assert_series_equal(held.at("a", places), plain, check_names=False)
    pd.testing.assert_series_equal(Columns.of(pd.DataFrame({"a": series})).at("a", places), plain, check_names=False)


@pytest.mark.parametrize("seed", range(10))
def test_codes_are_handed_over_with_the_texts_of_their_rows_in_the_order_in_which_they_come(seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = column("names", 500, rng)
    codes = repeating(series)
    assert codes is not None
    held = Columns(500, large=True)
    held.put("a", codes)
    start, stop = sorted(rng.integers(0, 501, 2).tolist())
    packed = held.arrow("a", start, stop, as_codes=True).chunk(0)
    expected = pa.array(series.iloc[start:stop], pa.large_string(), from_pandas=True)
    expected = expected.combine_chunks() if isinstance(expected, pa.ChunkedArray) else expected
    assert packed.dictionary.equals(pc.drop_null(expected.unique()))
    assert packed.cast(pa.large_string()).equals(expected)


def test_texts_that_hardly_repeat_have_no_codes() -> None:
    assert repeating(pd.Series([f"text {i}" for i in range(20_000)], dtype="str")) is None
    assert repeating(pd.Series(["yes", "no", None] * 10_000, dtype="str")) is not None


def test_only_the_columns_of_a_large_table_are_laid_on_disk() -> None:
    with pytest.raises(ValueError, match="large table"):
        Columns(2).put("a", iter([pa.array([1, 2])]))
