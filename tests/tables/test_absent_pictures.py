"""A column of picture files that are not there is told, and not taken for a column of names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tables_made import picture

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import Settings, TableData, read, standardise

ROWS = "\n".join(["photo,y", *(f"{i}.{('png', 'JPG')[i % 2]},{'uv'[i % 2]}" for i in range(30))])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "shop.csv").write_text(ROWS)
    return tmp_path / "shop.csv"


def taken(source: object, **said: object) -> TableData:
    return standardise(read(source, Settings(target="y", **said)))


def problem(source: object, **said: object) -> str:
    with pytest.raises(TableError) as raised:
        taken(source, **said)
    (sentence,) = raised.value.problems
    return sentence


def test_the_folder_that_was_looked_in_and_the_mend_are_told(table: Path) -> None:
    sentence = problem(table)
    assert sentence == (
        f"Column 'photo' names picture files ('0.png' and '1.JPG' ...), but none of them is in the folder "
        f"{str(table.parent)!r}; put the pictures there, name the folder they start from with images = ... in "
        "table.toml, or declare another type (--type photo=categorical)."
    )
    assert str(table.parent / "pictures") in problem(table, images="pictures")


def test_where_the_pictures_are_the_table_is_taken(table: Path) -> None:
    (table.parent / "pictures").mkdir()
    for i in range(30):
        (table.parent / "pictures" / f"{i}.{('png', 'JPG')[i % 2]}").write_bytes(picture(i))
    assert taken(table, images="pictures").table.column("photo").type is ColumnType.IMAGE


def test_what_was_declared_holds(table: Path) -> None:
    for kind in (ColumnType.CATEGORICAL, ColumnType.TEXT):
        assert taken(table, types={"photo": kind}).table.column("photo").type is kind
    assert problem(table, types={"photo": ColumnType.IMAGE}).startswith("Column 'photo' should hold images, but each")
    frame = pd.read_csv(table).assign(size=range(30))
    assert [column.name for column in taken(frame, leave_out=("photo",)).table.columns] == ["y", "size"]


def test_a_frame_has_no_folder(table: Path) -> None:
    assert "there is no folder to look for them in; give the pictures' bytes" in problem(pd.read_csv(table))


def test_other_columns_are_left_alone() -> None:
    cells = {
        "addresses": [f"https://example.org/{i}.png" for i in range(30)],
        "some": [f"{i}.png" if i else "none" for i in range(30)],
        "nothing": [None] * 30,
        "numbers": range(30),
    }
    for name, column in cells.items():
        frame = pd.DataFrame({name: column, "y": ["u", "v"] * 15})
        assert taken(frame).table.column(name).type is not ColumnType.IMAGE
    frame = pd.DataFrame({"size": range(30), "y": [f"{i % 2}.png" for i in range(30)]})
    assert taken(frame).table.column("y").role is Role.TARGET
