"""A table on disk is the table in memory: same cells, same split, same digest, and pictures are never all held."""

from __future__ import annotations

import gc
import hashlib
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tables_made import mixed, picture

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Split
from bakeoff.tables import Picture, Settings, TableData, columns, load, read, standardise, write, write_rows
from bakeoff.tables.columns import Columns
from bakeoff.tables.folders import complete
from bakeoff.tables.images import Place

TEXTS = some.text(some.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
CELLS = {
    "whole": some.integers(-(2**53), 2**53) | some.just(None),
    "part": some.floats(allow_nan=False, width=32) | some.sampled_from([None, "NA", " 1.5 ", "inf"]),
    "word": some.sampled_from(["red", " red", "blue", "?", "01", None]),
    "story": TEXTS | some.just(None),
    "day": some.dates(date(1700, 1, 1), date(2200, 1, 1)) | some.just(None),
}


def same(one: TableData, other: TableData) -> None:
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.parts.tolist() == other.parts.tolist()
    assert one.table == other.table
    assert one.remarks == other.remarks
    for part in ("train", "test"):
        pd.testing.assert_frame_equal(one.rows(part), other.rows(part))
        assert one.labels(part).tolist() == other.labels(part).tolist()


@settings(max_examples=12, deadline=None)
@given(said=some.data())
def test_the_route_over_the_disk_gives_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, said: some.DataObject
) -> None:
    rows = said.draw(some.integers(4, 40))
    columns = said.draw(some.lists(some.sampled_from(sorted(CELLS)), min_size=1, unique=True))
    frame = pd.DataFrame({name: [said.draw(CELLS[name]) for _ in range(rows)] for name in columns}, dtype=object)
    frame["y"] = [said.draw(some.sampled_from("uv")) for _ in range(rows - 4)] + ["u", "v"] * 2
    folder = tmp_path_factory.mktemp("spilled")
    suffix = said.draw(some.sampled_from(["csv", "parquet"]))
    if suffix == "csv":
        frame.to_csv(folder / "t.csv", index=False)
    else:
        frame.map(lambda cell: None if cell is None else str(cell)).to_parquet(folder / "t.parquet")
    made = []
    for threshold in (0, 2**40):
        raw = read(folder / f"t.{suffix}", Settings(target="y", split=Split("random")), threshold=threshold)
        assert raw.cells.large is (threshold == 0)
        made.append(standardise(raw))
    same(*made)


def test_a_table_on_disk_is_written_and_loaded_as_one_in_memory(tmp_path: Path) -> None:
    mixed().drop(columns="photo").to_csv(tmp_path / "t.csv", index=False)
    kept = []
    for threshold in (0, 2**40):
        data = standardise(read(tmp_path / "t.csv", Settings(target="kept"), threshold=threshold))
        folder = write(data, tmp_path / str(threshold) / "t", tmp_path / "truth" / str(threshold))
        for again in (0, 2**40):
            same(load(folder, tmp_path / "truth" / str(threshold), threshold=again), data)
        kept.append({path.name: path.read_bytes() for path in folder.iterdir()})
        complete(folder)
        kept.append({path.name: path.read_bytes() for path in folder.iterdir()})
    large, completed, small, untouched = kept
    assert completed == small == untouched and {"train.csv", "test.csv"} < small.keys()
    assert large.keys() == small.keys() - {"train.csv", "test.csv"}
    assert b".csv" in small["croissant.json"] and b".csv" not in large["croissant.json"]


def test_files_of_two_parts_join_alike_on_disk_and_in_memory(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y,late\n1,u,\n2,v,\n3,u,x\n")
    (tmp_path / "test.csv").write_text("y,a\nu,4.5\nv,\n")
    tables = [standardise(read(tmp_path, Settings(target="y"), threshold=threshold)) for threshold in (0, 2**40)]
    same(*tables)
    assert sorted(tables[0].rows("train")["a"]) == [1.0, 2.0, 3.0]


def test_what_looks_like_numbers_at_first_is_read_again_as_texts(tmp_path: Path) -> None:
    rows = 400_000  # several batches of the reader
    late = np.arange(rows).astype(str).astype(object)
    late[-1] = "last"
    codes = np.where(np.arange(rows) < rows - 5, "7", "07").astype(object)
    long = np.where(np.arange(rows) < rows - 5, "7", "12345678901234567890").astype(object)
    part = np.where(np.arange(rows) < rows - 5, "7", " 1.5").astype(object)
    gaps = np.where(np.arange(rows) < rows - 5, "7", "?").astype(object)
    columns = {"late": late, "codes": codes, "long": long, "part": part, "gaps": gaps, "filler": ["x" * 60] * rows}
    pd.DataFrame({**columns, "whole": range(rows)}).to_csv(tmp_path / "t.csv", index=False)
    found, expected = (read(tmp_path / "t.csv", Settings(), threshold=threshold).cells for threshold in (0, 2**40))
    assert found.names == expected.names
    pd.testing.assert_frame_equal(found.frame(), expected.frame())
    kinds = {name: expected.cut(name, 0, 5).dtype.kind for name in ("part", "gaps", "whole")}
    assert kinds == {"part": "f", "gaps": "f", "whole": "i"}
    assert found.column("late").iloc[[0, -1]].tolist() == ["0", "last"]


def test_categories_stay_categories_on_disk() -> None:
    cells = [["b", "a", None], ["c", "b"], [None]]
    batches = [pa.record_batch([pa.array(part, pa.string()).dictionary_encode()], ["kind"]) for part in cells]
    series = Columns.gathered(["kind"], batches, threshold=0).column("kind")
    assert str(series.dtype) == "category"
    assert [None if pd.isna(cell) else cell for cell in series] == ["b", "a", None, "c", "b", None]


def test_columns_on_disk_give_any_cut_of_what_was_put_in() -> None:
    rng = np.random.default_rng(0)
    rows = 300_000  # more than two blocks
    series = {
        "i": pd.Series(rng.integers(0, 9, rows)),
        "f": pd.Series(np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))),
        "s": pd.Series(rng.choice(["a", "", "ö"], rows)).mask(rng.random(rows) < 0.1, None),
        "d": pd.Series(np.datetime64("2020-01-01", "us") + rng.integers(0, 10**15, rows)),
    }
    columns = Columns(rows, large=True)
    for name, held in series.items():
        columns.put(name, held)
    for start, stop in ((0, rows), (0, 0), (5, 6), (131_071, 131_073), (131_072, 262_144), (299_999, 300_000)):
        for name, held in series.items():
            expected = held.iloc[start:stop].reset_index(drop=True)
            pd.testing.assert_series_equal(columns.cut(name, start, stop), expected, check_names=False)
    columns.put("i", series["f"])
    pd.testing.assert_series_equal(columns.column("i"), series["f"], check_names=False)


def test_the_scratch_folder_goes_with_its_columns() -> None:
    columns = Columns(3, large=True)
    columns.put("a", pd.Series([1, 2, 3]))
    (folder,) = {Path(columns._held["a"].path).parent}
    assert folder.is_dir()
    del columns
    gc.collect()
    assert not folder.exists()


def photo(i: int) -> bytes:
    # Noise does not compress, so each picture is about 30 kB.
    return picture(i, size=100)


def held_photos() -> int:
    """How many bytes objects of a photo's size something refers to."""
    held = {
        id(one): one
        for holder in gc.get_objects()
        for one in gc.get_referents(holder)
        if type(one) is bytes and 25_000 < len(one) < 35_000
    }
    return len(held)


@pytest.mark.parametrize("form", ["paths", "bytes in Parquet", "structs in Parquet"])
def test_a_table_of_pictures_is_added_without_holding_them(tmp_path: Path, form: str) -> None:
    rows = 200
    frame = pd.DataFrame({"photo": [f"in/{i}.png" for i in range(rows)], "y": ["u", "v"] * (rows // 2)})
    total = 0
    source = tmp_path / "t.parquet"
    if form == "paths":
        (tmp_path / "in").mkdir()
        for i in range(rows):
            total += (tmp_path / "in" / f"{i}.png").write_bytes(photo(i))
        source = tmp_path / "t.csv"
        frame.to_csv(source, index=False)
    else:
        kind = pa.binary() if form.startswith("bytes") else pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        with pq.ParquetWriter(source, pa.schema([("photo", kind), ("y", pa.string())])) as writer:
            for i in range(0, rows, 20):
                data = [photo(j) for j in range(i, i + 20)]
                total += sum(map(len, data))
                cells = data if form.startswith("bytes") else [{"bytes": one, "path": "x.png"} for one in data]
                writer.write_table(pa.table([pa.array(cells, kind), pa.array(list("uv") * 10)], ["photo", "y"]))
        del data, cells
    small = standardise(read(source, Settings(target="y"))).table.digest
    gc.collect()
    arrow, peak = pa.total_allocated_bytes(), 0
    raw = read(source, Settings(target="y"), threshold=100_000)
    kept = [photo(0)]
    assert held_photos()  # it would be seen
    del kept
    data = standardise(raw)
    del raw
    peak = max(peak, pa.total_allocated_bytes() - arrow)
    write(data, tmp_path / "kept", tmp_path / "truth")
    again = load(tmp_path / "kept", tmp_path / "truth")
    gc.collect()
    assert total > 5e6
    assert held_photos() < 5  # what stays are references
    assert peak < 0.1 * total
    assert data.table.digest == again.table.digest == small
    assert again.frame["photo"].tolist() == data.frame["photo"].tolist()
    kept = pq.read_table(tmp_path / "kept" / "train.parquet").to_pandas()
    assert kept["photo"].tolist() == [cell.read() for cell in data.rows("train")["photo"]]
    assert len(list((tmp_path / "kept" / "images").iterdir())) == rows


def test_a_picture_is_its_content(tmp_path: Path) -> None:
    data = picture(1)
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "two").write_bytes(b"x" + data + b"y")
    ways = [
        Picture(data),
        Picture(at=Place(str(tmp_path / "a.png"))),
        Picture(at=Place(str(tmp_path / "two"), 1, len(data))),
    ]
    assert len(set(ways)) == 1
    assert {way.name for way in ways} == {str(way) for way in ways} == {hashlib.sha256(data).hexdigest()}
    assert [bytes(way) for way in ways] == [data] * 3
    assert Picture(picture(2)) != ways[0]
    twins = pd.DataFrame({"p": [*ways, Picture(picture(2)), None]}, dtype=object)
    assert twins.duplicated(keep=False).tolist() == [True, True, True, False, False]
    with pytest.raises(ValueError, match="either bytes or a place"):
        Picture()


def test_a_picture_that_changed_or_went_is_told(tmp_path: Path) -> None:
    frame = pd.DataFrame({"photo": [f"{i}.png" for i in range(20)], "y": ["u", "v"] * 10})
    for i in range(20):
        (tmp_path / f"{i}.png").write_bytes(picture(i))
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = standardise(read(tmp_path / "t.csv", Settings(target="y")))
    (tmp_path / "7.png").write_bytes(picture(99))
    with pytest.raises(TableError, match=r"The picture '.*7\.png' has changed since its table was read; add it again"):
        write(data, tmp_path / "kept", tmp_path / "truth")
    (tmp_path / "7.png").unlink()
    with pytest.raises(TableError, match=r"The picture '.*7\.png' cannot be read: No such file or directory"):
        write(data, tmp_path / "kept", tmp_path / "truth")
    assert not (tmp_path / "kept").exists()


def test_staged_rows_hold_bytes_and_their_index(tmp_path: Path) -> None:
    cells: list[Any] = [Picture(picture(1)), None, picture(2), Picture(picture(1))]
    frame = pd.DataFrame({"n": [1, 2, 3, 4], "p": pd.Series(cells, dtype=object), "s": ["a", None, "c", "d"]})
    frame.index = pd.Index([9, 7, 2**52, 5])
    write_rows(frame, tmp_path / "rows.parquet")
    again = pq.read_table(tmp_path / "rows.parquet").to_pandas()
    assert again.index.tolist() == frame.index.tolist()
    assert again["p"].tolist() == [picture(1), None, picture(2), picture(1)]
    pd.testing.assert_frame_equal(again.drop(columns="p"), frame.drop(columns="p"))
    write_rows(frame.iloc[:0], tmp_path / "none.parquet")
    assert len(pq.read_table(tmp_path / "none.parquet").to_pandas()) == 0


def test_unreadable_rows_come_with_the_other_problems(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,n,y\n1,2,u\n3,4\n5,x,v\n6,7,\n")
    with pytest.raises(TableError) as raised:
        standardise(read(tmp_path / "t.csv", Settings(target="y", types={"n": ColumnType.NUMERIC})))
    for says in ("is ragged: the header has 3 columns", "Column 'n' is numeric", "The target 'y' is missing"):
        assert sum(says in problem for problem in raised.value.problems) == 1, says


def test_public_test_rows_are_kept_with_the_truth(tmp_path: Path) -> None:
    for target in ("kept", "public"):
        frame = mixed(80).rename(columns={"kept": target})
        data = standardise(read(frame, Settings(name="shop", target=target, split=Split(public_share=0.4))))
        assert data.public is not None
        assert data.public.tolist().count(True) == 8
        write(data, tmp_path / "kept", tmp_path / "truth")
        again = load(tmp_path / "kept", tmp_path / "truth")
        assert again.public is not None
        assert again.public.tolist() == data.public.tolist()
        assert again.table == data.table
        assert "public" not in pq.read_schema(tmp_path / "kept" / "test.parquet").names
    whole = standardise(read(mixed(80), Settings(target="kept")))
    assert whole.public is None
    assert (
        whole.table.digest
        != standardise(read(mixed(80), Settings(target="kept", split=Split(public_share=0.4)))).table.digest
    )


def test_columns_on_disk_are_worked_on_within_an_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Columns(1_000, large=True)
    for place, width in enumerate([1, 30, 2, 60, 3, 15, 4, 30]):
        held.put(f"c{place}", pd.Series(["x" * width] * 1_000))
    weights = columns._weights(held._held, held.names)
    allowed = max(weights.values()) + min(weights.values())
    monkeypatch.setattr(columns, "ALLOWED", allowed)
    monkeypatch.setattr(columns, "cores", lambda: 4)
    lock = threading.Lock()
    busy: list[str] = []
    seen: list[tuple[str, ...]] = []

    def work(name: str) -> str:
        with lock:
            busy.append(name)
            seen.append(tuple(busy))
        time.sleep(0.01)
        with lock:
            busy.remove(name)
        return name.upper()

    assert list(held.each(held.names, work)) == [name.upper() for name in held.names]
    assert sorted(names[-1] for names in seen) == sorted(held.names)
    assert all(sum(weights[name] for name in names) <= allowed for names in seen)
    assert max(map(len, seen)) > 1  # or nothing was worked on beside anything else


def test_what_goes_wrong_with_one_column_on_disk_is_told_and_ends_the_work() -> None:
    held = Columns(2, large=True)
    for place in range(50):
        held.put(f"c{place}", pd.Series([1.5, 2.5]))
    done: list[str] = []

    def work(name: str) -> None:
        done.append(name)
        if len(done) == 3:
            raise ValueError(name)

    with pytest.raises(ValueError, match="c"):
        list(held.each(held.names, work))
    assert len(done) < 50
