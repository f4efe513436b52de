"""Reading files, folders and frames, and the sentence that each unreadable one gets."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.errors import BakeoffError, MissingExtra, NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType
from bakeoff.tables import Settings, read
from bakeoff.tables.reading import settings_for

ROWS = "a,y\n1,u\n2,v\n3,u\n"


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def parquet(frame: pd.DataFrame, path: Path) -> bytes:
    frame.to_parquet(path)
    return path.read_bytes()


UNREADABLE = {
    "empty": ("t.csv", b"", "is empty (0 bytes); write or copy it again, or name another file."),
    "ragged but for one": ("t.csv", b"x,y\n1,2\n3\n", "data row 2 has 1 (1 row is sound); put quotes"),
    "empty parquet": ("t.parquet", b"", "is empty (0 bytes)"),
    "blank": ("t.csv", b"\n \n", "holds only blank lines"),
    "too few and too many cells": (
        "t.csv",
        b"a,b\n1,2\n3\n4,5,6\n7,8\n",
        "is ragged: the header has 2 columns, but data row 2 has 1, data row 3 has 3 (2 rows are sound)",
    ),
    "open quote": ("t.csv", b'a,b\n1,2\n"3,4\n5,6\n', "a quote opened in data row 2 may not be closed"),
    "binary": ("t.csv", b"a,b\n1,\x002\n", "is not a CSV file: line 2 holds a zero byte"),
    "csv called parquet": ("t.parquet", ROWS.encode(), "is not a Parquet file; if it is CSV, name it .csv"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_files_get_one_sentence(put: Callable[..., Path], case: str) -> None:
    name, content, says = UNREADABLE[case]
    path = put(name, content)
    with pytest.raises(TableError) as raised:
        read(path).sound()
    message = str(raised.value)
    assert says in message
    assert repr(str(path)) in message
    assert "\n" not in message


def test_parquet_cut_anywhere_is_said_to_be_cut_or_damaged(put: Callable[..., Path], tmp_path: Path) -> None:
    whole = parquet(pd.DataFrame({"a": range(2000), "y": ["u", "v"] * 1000}), tmp_path / "whole.parquet")
    assert len(read(tmp_path / "whole.parquet").frame) == 2000
    for share in (0.2, 0.5, 0.99):
        with pytest.raises(TableError, match=r"is cut off: its [\d,]+ bytes lack the end of a Parquet file; copy it"):
            read(put("cut.parquet", whole[: int(len(whole) * share)]))
    with pytest.raises(TableError, match="is a damaged Parquet file"):
        read(put("hole.parquet", whole[:50] + whole[-8:]))


def test_a_missing_path_names_what_is_near(put: Callable[..., Path], tmp_path: Path) -> None:
    put("prices.csv", ROWS)
    with pytest.raises(NotFound, match=r"There is no file '.*price\.csv' \(did you mean 'prices\.csv'\?\)\."):
        read(tmp_path / "price.csv")
    with pytest.raises(NotFound, match="nor a folder"):
        read(tmp_path / "nowhere" / "price.csv")
    (tmp_path / "bare").mkdir()
    with pytest.raises(NotFound, match=r"holds no \.parquet, \.csv, \.tsv, .* file"):
        read(tmp_path / "bare")


def test_other_formats_and_other_things_are_refused(put: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r"is not a format Bakeoff reads; save it as CSV \(\.csv, \.tsv\), Parquet"):
        read(put("t.ods", b"PK"))
    with pytest.raises(UsageError, match="A table is a path, a URL or a DataFrame, not int"):
        read(3)


def test_a_remote_table_needs_the_extra_or_is_read(put: Callable[..., Path]) -> None:
    if importlib.util.find_spec("fsspec") is None:
        with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[cloud\]'"):
            read("s3://bucket/t.csv")
        return
    import fsspec

    with fsspec.open("memory://t.csv", "wb") as file:
        file.write(ROWS.encode())
    assert read("memory://t.csv").frame["a"].tolist() == [1, 2, 3]
    with pytest.raises(BakeoffError, match=r"memory://none\.csv"):
        read("memory://none.csv")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_byte_order_marks_and_line_ends(put: Callable[..., Path], mark: str) -> None:
    text = 'a,y\r\n"one\ntwo",u\r\n"three, four",\r\n'.replace(",", mark).replace(f"three{mark}", "three,")
    frame = read(put("t.csv", b"\xef\xbb\xbf" + text.encode())).frame
    assert list(frame.columns) == ["a", "y"]
    assert frame["a"].tolist() == ["one\ntwo", "three, four"]


def test_csv_cells_become_numbers_only_where_nothing_is_lost(put: Callable[..., Path]) -> None:
    path = put(
        "t.csv", "whole,part,postcode,long,code,gone,y\n1,0.5,01234,12345678901234567890,7,,u\n-2,?,90210,1,8,,v\n"
    )
    frame = read(path).frame
    kinds = {name: frame[name].dtype.kind for name in ("whole", "part", "gone")}
    assert kinds == {"whole": "i", "part": "f", "gone": "f"}
    assert frame["part"].isna().tolist() == [False, True]
    assert frame["postcode"].tolist() == ["01234", "90210"]
    assert frame["long"].tolist() == ["12345678901234567890", "1"]
    declared = read(path, Settings(types={"code": ColumnType.CATEGORICAL})).frame
    assert declared["code"].tolist() == ["7", "8"]


def test_a_folder_gives_its_parts_and_the_settings_beside_them(put: Callable[..., Path], tmp_path: Path) -> None:
    put("wine/train.csv", ROWS)
    put("wine/val.csv", "a,y\n4,v\n")
    put("wine/test.csv", "y,a\nu,5\n")
    put("wine/table.toml", 'target = "y"\n')
    raw = read(tmp_path / "wine")
    assert raw.settings.name == "wine"
    assert raw.settings.target == "y"
    assert raw.parts.tolist() == ["train", "train", "train", "valid", "test"]
    assert raw.frame["a"].tolist() == [1, 2, 3, 4, 5]
    assert raw.partial == ()


def test_one_part_alone_is_a_table_and_validation_stands_in_for_test(put: Callable[..., Path], tmp_path: Path) -> None:
    put("one/train.csv", ROWS)
    assert read(tmp_path / "one").parts is None
    put("one/valid.csv", "a,y\n4,v\n")
    assert read(tmp_path / "one").parts.tolist() == ["train", "train", "train", "test"]


def test_a_folder_of_several_tables_must_be_narrowed_down(put: Callable[..., Path], tmp_path: Path) -> None:
    put("many/x.csv", ROWS)
    put("many/z.csv", ROWS)
    with pytest.raises(TableError, match=r"holds several tables \('x' and 'z'\); name the file"):
        read(tmp_path / "many")
    assert len(read(tmp_path / "many" / "x.csv").frame) == 3


def test_about_json_speaks_only_for_the_files_it_lists(put: Callable[..., Path]) -> None:
    put("about.json", '{"target": "y", "files": {"mine.csv": {}}}')
    assert read(put("mine.csv", ROWS)).settings.target == "y"
    assert settings_for(put("mine.csv", ROWS)).target == "y"
    put("stranger.toml", 'target = "a"')
    assert settings_for(put("stranger.csv", ROWS)).target == "a"
    put("stranger.toml", "")
    assert settings_for(pd.DataFrame({"a": [1]})) == Settings()
    assert read(put("stranger.csv", ROWS)).settings.target == ""


def test_names_are_made_from_the_source(put: Callable[..., Path]) -> None:
    assert read(put("my prices (2).csv", ROWS)).settings.name == "my_prices_2"
    assert read(put("shop/data.csv", ROWS)).settings.name == "shop"
    assert read(pd.DataFrame({"a": [1]})).settings.name == "table"
    assert read(pd.DataFrame({"a": [1]}), name="../up").settings.name == "up"


def test_a_frame_is_copied_and_its_index_and_names_made_plain() -> None:
    frame = pd.DataFrame({5: [1, 2], "y": ["u", "v"]}, index=[7, 9])
    raw = read(frame)
    assert list(raw.frame.columns) == ["5", "y"]
    assert raw.frame.index.tolist() == [0, 1]
    raw.frame.loc[0, "y"] = "changed"
    assert frame["y"].tolist() == ["u", "v"]
    with pytest.raises(TableError, match="columns of several levels"):
        read(pd.DataFrame({("a", "b"): [1]}))
