"""Excel files: which sheet, where its header is, and what its cells are."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from readers_made import TABLE, arrow, digest, gathered, opened

from bakeoff.errors import MissingExtra, TableError
from bakeoff.tables import read
from bakeoff.tables.readers.formats import open_table

openpyxl = pytest.importorskip("openpyxl")


def book(path: Path, *, merge: Sequence[str] = (), **sheets: Sequence[Sequence[Any]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cells in merge:
            sheet.merge_cells(cells)
    made.save(path)
    return path


def test_a_sheet_gives_the_digest_of_the_same_parquet(tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "t.parquet")
    rows = [list(TABLE), *zip(*TABLE.values(), strict=True)]
    path = book(tmp_path / "t.xlsx", Data=rows)
    assert digest(path) == digest(tmp_path / "t.parquet")
    assert digest(f"{path}#Data") == digest(path)
    assert read(f"{path}#Data").settings.name == "t"
    assert open_table(path).notes() == []


def test_the_sheet_is_chosen_by_name_or_the_first_with_a_note(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", First=[["a"], [1]], Second=[["b"], [2]])
    stream = open_table(path)
    assert stream.names == ("a",)
    (note,) = stream.notes()
    assert "has 2 sheets ('First' and 'Second'); the first was read, name another as t.xlsx#Second." in note
    assert opened(f"{path}#Second")["b"].tolist() == [2]
    assert open_table(f"{path}#Second").notes() == []
    with pytest.raises(TableError, match=r"has no sheet 'Secund' \(did you mean 'Second'\?\)"):
        open_table(f"{path}#Secund")


def test_titles_blank_rows_and_headers_of_two_rows(tmp_path: Path) -> None:
    titled = book(
        tmp_path / "a.xlsx", S=[["Sales of 2024"], [], [None], ["a", "b"], [1, "x"], [], [None, " "], [2, "y"], []]
    )
    stream = open_table(titled)
    assert gathered(stream).to_numpy().tolist() == [[1, "x"], [2, "y"]]
    assert "1 row above the header" in stream.notes()[0]
    rows = [["id", "size", None, "made"], [None, "wide", "high", None], [1, 2.5, 3, "x"], [2, 3.5, 4, "y"]]
    rows[1] = ["no", "wide", "high", "by"]
    merged = book(tmp_path / "b.xlsx", merge=["B1:C1"], S=rows)
    assert open_table(merged).names == ("id.no", "size.wide", "size.high", "made.by")
    assert "has two rows; they were joined" in open_table(merged).notes()[0]
    assert opened(merged)["size.high"].tolist() == [3, 4]
    plain = book(tmp_path / "c.xlsx", S=[["id", None, "x"], [1, 2, "u"], [3, 4, "v"]])
    assert open_table(plain).names == ("id", "column 2", "x")
    assert "has no name in its header for 'column 2'" in open_table(plain).notes()[0]
    one = book(tmp_path / "d.xlsx", S=[["only"], ["x"], ["y"]])
    assert opened(one)["only"].tolist() == ["x", "y"]


def test_cells_keep_their_types_and_mixed_columns_become_texts(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 5, 1)
    rows = [["n", "d", "mixed", "t"], [1, day, 7, True], [2.5, None, "x", None], [None, day, day, False]]
    stream = open_table(book(tmp_path / "t.xlsx", S=rows))
    read = gathered(stream)
    assert read["n"].tolist()[:2] == [1.0, 2.5]
    assert read["d"][0] == day
    assert read["mixed"].tolist() == ["7", "x", "2024-05-01T00:00:00"]
    assert read["t"].tolist() == [True, None, False]
    assert stream.notes()[-1].endswith("'mixed' holds numbers, texts or days mixed; all were read as texts.")
    twice = open_table(book(tmp_path / "u.xlsx", S=[["a", "a"], [1, "x"]]))
    assert twice.names == ("a", "a")
    assert gathered(twice).to_numpy().tolist() == [[1, "x"]]


def test_cells_beyond_the_header_are_a_problem(tmp_path: Path) -> None:
    stream = open_table(book(tmp_path / "t.xlsx", S=[["a", "b"], [1, 2], [3, 4, 5], [6, 7]]))
    assert sum(batch.num_rows for batch in stream.batches) == 3
    assert "has cells beyond its 2 named columns in data row 2; name the column" in stream.problems()[0]


def test_what_is_no_workbook_or_empty_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(TableError, match=r"is not an Excel file that can be read .*; save it again as .xlsx"):
        open_table(tmp_path / "t.xlsx")
    with pytest.raises(TableError, match="holds an empty sheet"):
        open_table(book(tmp_path / "none.xlsx", S=[]))
    with pytest.raises(TableError, match=r"must name the columns, or name another sheet \('Sales'\)\."):
        open_table(book(tmp_path / "two.xlsx", S=[], Sales=[["a"], [1]]))
    assert opened(book(tmp_path / "head.xlsx", S=[["a", "b"]])).shape == (0, 2)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[excel\]'"):
        open_table(tmp_path / "t.xlsx")


def test_many_rows_come_in_batches_of_one_schema(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["a", "b"], *([place, None] for place in range(12_000)), ["late", 1.5]]
    batches = list(open_table(book(tmp_path / "t.xlsx", S=rows)).batches)
    assert len(batches) > 1
    assert {str(batch.schema) for batch in batches} == {str(pa.schema({"a": pa.large_string(), "b": pa.float64()}))}
    assert sum(batch.num_rows for batch in batches) == 12_001
