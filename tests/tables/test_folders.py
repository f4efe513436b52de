"""A table on disk comes back as it was, in Parquet and CSV alike, with its truth kept elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tables_made import mixed

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import Settings, TableData, load, read, standardise, write
from bakeoff.tables.cells import convert
from bakeoff.tables.readers.formats import parse


def example() -> TableData:
    said = Settings(name="shop", target="kept", roles={"seller": Role.OWNER, "sex": Role.PROTECTED}, licence="CC0")
    return standardise(read(mixed(), said, name="shop"))


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "tables" / "shop", tmp_path / "truth"


def test_a_written_table_loads_equal(places: tuple[Path, Path]) -> None:
    data = example()
    assert write(data, *places) == places[0]
    again = load(*places)
    pd.testing.assert_frame_equal(again.frame, data.frame)
    assert again.table == data.table
    assert (again.split, again.settings, again.notes) == (data.split, data.settings, data.notes)
    assert again.parts.tolist() == data.parts.tolist()


@pytest.mark.parametrize("target", ["pieces", "price", "kept"])
def test_a_quantity_and_classes_load_as_they_were(places: tuple[Path, Path], target: str) -> None:
    data = standardise(read(mixed().dropna(), Settings(target=target)))
    write(data, *places)
    (truth,) = places[1].iterdir()
    again = load(places[0], truth.parent)
    assert again.labels("test").dtype == data.labels("test").dtype
    assert again.labels("test").tolist() == data.labels("test").tolist()
    assert again.table == data.table


def test_csv_and_parquet_hold_the_same_table(places: tuple[Path, Path]) -> None:
    data = example()
    write(data, *places)
    for part in ("train", "test"):
        whole = pq.read_table(places[0] / f"{part}.parquet").to_pandas()
        texts = parse((places[0] / f"{part}.csv").read_bytes(), f"{part}.csv")
        assert list(texts.columns) == list(whole.columns)
        assert texts["row_id"].astype(int).tolist() == whole["row_id"].tolist()
        for column in data.table.columns:
            if column.name in texts:
                read_back = convert(texts[column.name], column.type, places[0], ("",)).series
                standard = data.frame.loc[data.parts == part, column.name].reset_index(drop=True)
                pd.testing.assert_series_equal(read_back, standard, check_names=False, check_dtype=False)


def test_nothing_but_the_truth_holds_the_test_labels(places: tuple[Path, Path]) -> None:
    data = example()
    write(data, *places)
    truth_file = places[1] / "shop.parquet"
    truth = pq.read_table(truth_file).to_pandas()
    assert truth["kept"].tolist() == data.labels("test").tolist()
    assert truth["row_id"].tolist() == list(range(45, 60))
    assert truth_file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in places[0].iterdir()) == [
        *("card.json", "croissant.json", "images", "table.toml"),
        *("test.csv", "test.parquet", "train.csv", "train.parquet"),
    ]
    for name in ("test.parquet", "test.csv"):
        assert "kept" not in parse((places[0] / name).read_bytes(), name).columns
    assert "kept" in parse((places[0] / "train.csv").read_bytes(), "train.csv").columns


def test_types_and_roles_edited_in_table_toml_hold(places: tuple[Path, Path]) -> None:
    data = example()
    write(data, *places)
    toml = places[0] / "table.toml"
    toml.write_text(toml.read_text().replace('"brand" = "categorical"', '"brand" = "text, protected"'))
    again = load(*places)
    assert again.table.column("brand").type is ColumnType.TEXT
    assert again.table.column("brand").role is Role.PROTECTED
    assert again.table.digest != data.table.digest
    assert again.frame["brand"].dropna().tolist() == data.frame["brand"].dropna().tolist()
    toml.write_text(toml.read_text().replace('"story" = "text"', '"story" = "numeric"'))
    with pytest.raises(TableError, match="Column 'story' cannot be numeric: it holds 'line"):
        load(*places)


def test_writing_again_replaces_a_table_and_nothing_else(places: tuple[Path, Path]) -> None:
    data = example()
    write(data, *places)
    other = standardise(read(mixed(40, 1), Settings(target="kept"), name="shop"))
    write(other, *places)
    assert load(*places).table == other.table
    (places[0] / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'thesis\.txt', which is not part of a table; name another folder"):
        write(data, *places)
    assert (places[0] / "thesis.txt").read_text() == "mine"
    assert [path.name for path in places[0].parent.iterdir()] == ["shop"]


def test_a_write_that_fails_leaves_the_earlier_table(places: tuple[Path, Path]) -> None:
    data = example()
    write(data, *places)
    places[1].joinpath("shop.parquet").unlink()
    places[1].rmdir()
    places[1].write_text("a file where the folder should be")
    with pytest.raises(OSError, match="truth"):
        write(data, *places)
    assert [path.name for path in places[0].parent.iterdir()] == ["shop"]
    assert (places[0] / "train.parquet").is_file()


def test_missing_or_mismatched_parts_are_said_so(places: tuple[Path, Path]) -> None:
    with pytest.raises(NotFound, match=r"There is no table\.toml in"):
        load(*places)
    write(example(), *places)
    other = standardise(read(mixed(40, 1), Settings(target="kept"), name="shop"))
    write(other, places[0].parent / "other", places[1])
    with pytest.raises(TableError, match="The truth of table 'shop' does not belong to"):
        load(*places)
    (places[1] / "shop.parquet").unlink()
    with pytest.raises(NotFound, match=r"There is no shop\.parquet in"):
        load(*places)


CELLS = {
    ColumnType.NUMERIC: some.none()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.integers(-(2**53), 2**53),
    ColumnType.CATEGORICAL: some.none() | some.text(some.characters(exclude_categories=["Cs"]), max_size=5),
    ColumnType.TEXT: some.none() | some.text(some.characters(exclude_categories=["Cs"]), max_size=20),
    ColumnType.DATETIME: some.none() | some.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")),
}


@settings(max_examples=40, deadline=None)
@given(said=some.data())
def test_any_cells_survive_both_forms(tmp_path_factory: pytest.TempPathFactory, said: some.DataObject) -> None:
    rows = said.draw(some.integers(4, 12))
    frame = pd.DataFrame({"y": ["u", "v"] * rows})
    types = {}
    for kind, cells in CELLS.items():
        frame[str(kind)] = pd.Series(said.draw(some.lists(cells, min_size=2 * rows, max_size=2 * rows)), dtype=object)
        types[str(kind)] = kind
    data = standardise(read(frame, Settings(target="y", types=types, split=Split(seed=rows))))
    folder = tmp_path_factory.mktemp("any")
    write(data, folder / "t", folder / "truth")
    again = load(folder / "t", folder / "truth")
    pd.testing.assert_frame_equal(again.frame, data.frame)
    assert again.table.digest == data.table.digest
    if not any("\0" in str(cell) for cell in frame.to_numpy().ravel()):
        texts = parse((folder / "t" / "test.csv").read_bytes(), "test.csv")
        for name, kind in types.items():
            back = convert(texts[name], kind, None, ("",)).series
            held = data.frame.loc[data.parts == "test", name].reset_index(drop=True)
            pd.testing.assert_series_equal(back, held, check_names=False, check_dtype=False)


def test_a_card_lies_beside_the_table(places: tuple[Path, Path]) -> None:
    write(example(), *places)
    held = json.loads((places[0] / "card.json").read_text())
    assert held["name"] == "shop"
    assert held["rows"] == {"all": 60, "train": 45, "test": 15}


def test_public_tables_are_written_and_loaded_equal(bakeoff_data: Path, tmp_path: Path) -> None:
    for name in ("adult", "meld", "houses_price_band"):
        data = standardise(read(bakeoff_data / name))
        write(data, tmp_path / name, tmp_path / "truth")
        again = load(tmp_path / name, tmp_path / "truth")
        assert again.table == data.table
        assert np.array_equal(again.labels("test"), data.labels("test"))
