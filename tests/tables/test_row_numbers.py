"""Row numbers in sentences are those of the source file, whatever rows of it could not be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import TableError
from bakeoff.tables import Settings, read, standardise
from bakeoff.tables.sentences import rows


def made(path: Path, lines: int = 40, ragged: tuple[int, ...] = (), empty: tuple[int, ...] = ()) -> Path:
    """A CSV file with rows of one cell too few, and without a target, by their number from 1."""
    cells = [f"{i % 7},{'uv'[i % 2]}" for i in range(lines)]
    for row in ragged:
        cells[row - 1] = "3"
    for row in empty:
        cells[row - 1] = "3,"
    path.write_text("\n".join(["a,y", *cells]))
    return path


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(TableError) as raised:
        standardise(read(path, Settings(target="y")))
    return raised.value.problems


@pytest.mark.parametrize("ragged", [(), (10,), (1, 2, 10), (31,), (10, 40)])
def test_rows_after_a_ragged_one_keep_their_numbers(tmp_path: Path, ragged: tuple[int, ...]) -> None:
    told = problems(made(tmp_path / "t.csv", ragged=ragged, empty=(30,)))
    assert any("rows: data row 30 has no value" in one for one in told), told
    assert any("data row 10 has 1" in one for one in told) == (10 in ragged)


def test_blank_lines_count_neither_in_one_sentence_nor_in_another(tmp_path: Path) -> None:
    path = made(tmp_path / "t.csv", ragged=(10,), empty=(30,))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], "", "   ", *lines[4:20], "  ", *lines[20:]]))
    told = problems(path)
    assert "data row 10 has 1" in told[0]
    assert "data row 30 has no value" in told[1]


def test_each_file_has_its_own_numbers(tmp_path: Path) -> None:
    made(tmp_path / "train.csv", empty=(5,))
    made(tmp_path / "test.csv", ragged=(2, 3), empty=(7,))
    assert any("data row 5 of train and data row 7 of test have no value" in one for one in problems(tmp_path))


def test_shards_are_numbered_through(tmp_path: Path) -> None:
    for place in range(2):
        made(tmp_path / f"train-0000{place}-of-00002.csv", lines=20, ragged=(4,), empty=(6,))
    assert any("data rows 6 and 26 have no value" in one for one in problems(tmp_path))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".arff"])
def test_other_texts_keep_their_numbers_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    objects = [f'{{"a": {i % 7}, "y": "{"uv"[i % 2]}"}}' for i in range(40)]
    objects[9], objects[29] = "7", '{"a": 1}'
    if suffix == ".arff":
        objects = [f"{i % 7},{'uv'[i % 2]}" for i in range(40)]
        objects[9], objects[29] = "7", "1,?"
        objects = ["@relation t", "@attribute a numeric", "@attribute y {u,v}", "@data", *objects]
    path.write_text(f"[{','.join(objects)}]" if suffix == ".json" else "\n".join(objects))
    assert any("data row 30 has no value" in one for one in problems(path))


def test_remarks_are_numbered_alike(tmp_path: Path) -> None:
    path = made(tmp_path / "t.csv", ragged=(10,))
    lines = path.read_text().splitlines()
    lines[33] = "3,w"
    path.write_text("\n".join(lines))
    assert "'w' (1), in data row 33;" in problems(path)[-1]


@given(st.lists(st.booleans(), min_size=1), st.data())
def test_numbers_are_those_of_looking_at_each_row(lost: list[bool], data: st.DataObject) -> None:
    numbers = np.flatnonzero(~np.array(lost)) + 1
    wrong = np.array([data.draw(st.booleans()) for _ in numbers], dtype=bool)
    shown = [str(number) for number, hit in zip(numbers, wrong, strict=True) if hit]
    if 1 < len(shown) <= 6:
        assert rows(wrong, None, numbers) == f"data rows {', '.join(shown[:-1])} and {shown[-1]}"
    if not any(lost) and shown:
        assert rows(wrong, None, numbers) == rows(wrong)
