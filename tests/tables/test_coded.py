"""Columns of texts that repeat are kept as codes, and say the same as the texts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bakeoff.nouns import ColumnType
from bakeoff.tables import Settings, coded
from bakeoff.tables.cells import convert, fingerprint
from bakeoff.tables.coded import Coded, Coding
from bakeoff.tables.scratch import Spill
from bakeoff.tables.types import infer_coded, infer_column

WORDS = ["a", " a", "A", "", "NA", "no", "yes", "2024-03-01", "2024-03-02", "ä ö", "one two three", "[1]"]
COLUMNS = some.lists(some.one_of(some.none(), some.sampled_from(WORDS)), min_size=1, max_size=120)


def spilled(cells: list[Any], pieces: int) -> Any:
    spill = Spill(["c"])
    for piece in np.array_split(np.array(cells, dtype=object), pieces):
        spill.append([pa.record_batch([pa.array(piece.tolist(), pa.large_string())], names=["c"])])
    return spill.close()["c"], spill.scratch


@given(cells=COLUMNS, pieces=some.integers(1, 4))
def test_a_column_of_codes_reads_as_its_texts(cells: list[Any], pieces: int) -> None:
    column, _scratch = spilled(cells, pieces)
    assert column.read(0, len(cells)).to_pylist() == cells
    half = len(cells) // 2
    assert column.read(half, len(cells)).to_pylist() == cells[half:]
    held = column.coded()
    if held is not None:
        assert held.cells(0, len(cells)).to_pylist() == cells


@given(cells=COLUMNS, name=some.sampled_from(["c", "code", "row_id"]))
def test_codes_say_what_the_texts_say(cells: list[Any], name: str) -> None:
    cells = cells * 3  # so that they repeat
    column, _scratch = spilled(cells, 1)
    held = column.coded()
    assert held is not None
    series = pd.Series(cells, dtype="str")
    assert fingerprint(series) == held.fingerprint()
    settings = Settings(target="y")
    assert infer_coded(name, held, settings) == infer_column(name, series, settings)
    mapped = held.mapped(convert(held.different(), ColumnType.CATEGORICAL).series)
    whole = convert(series, ColumnType.CATEGORICAL).series
    assert mapped.fingerprint() == fingerprint(whole)
    places = np.random.default_rng(len(cells)).permutation(len(cells))
    assert mapped.take(places).fingerprint() == fingerprint(whole.iloc[places])


@pytest.mark.parametrize("cells", [20, coded.HASHED - 1, coded.HASHED, 2 * coded.HASHED + 3])
def test_the_fingerprint_is_that_of_the_texts_beyond_a_block(cells: int) -> None:
    codes = np.random.default_rng(cells).integers(-1, 4, cells).astype(np.int16)
    held = Coded(codes, pa.array(["", "one", "zwölf", "x" * 300], pa.large_string()))
    assert held.fingerprint() == fingerprint(held.head(cells))
    other = codes.copy()
    other[-1] = codes[-1] + 1 if codes[-1] < 3 else -1
    assert Coded(other, held.values).fingerprint() != held.fingerprint()


def test_texts_that_hardly_repeat_have_no_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Coding().codes(pa.array(["a", "b", "c", "a"], pa.large_string())) is None
    assert spilled([f"text {row}" for row in range(50)], 3)[0].coded() is None
    # What comes to hold too many different texts is spelt again.
    monkeypatch.setattr(coded, "MOST", 30)
    cells = [f"text {row}" for row in [0, 1] * 10 + list(range(50))] + [None]
    column, scratch = spilled(cells, 4)
    assert column.coded() is None and column.read(0, len(cells)).to_pylist() == cells
    assert len(list(Path(scratch.folder).iterdir())) == 1
