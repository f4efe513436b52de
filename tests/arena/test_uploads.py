"""Strangers' tables read behind the wall: the same table comes out, and a reader that fails is one sentence."""

import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tables"))
from readers_made import TYPED, arrow, frame, rows, texts

from bakeoff.arena import TableOptions
from bakeoff.arena.columns_out import mixed, picture, pixels, put_together, taken_apart, unmixed
from bakeoff.arena.uploads import reading, settings_of
from bakeoff.errors import Refused, TableError, UsageError
from bakeoff.nouns import plain
from bakeoff.tables import Settings, read, standardise


def same(path, settings=TYPED):
    """Whether a table read behind the wall is the table read here, to the last cell."""
    here = read(path, settings)
    with reading(path, settings) as there:
        assert there.cells.names == here.cells.names
        for name in here.cells.names:
            pd.testing.assert_series_equal(there.column(name), here.column(name), check_freq=False)
        assert (there.names, there.partial, there.problems) == (here.names, here.partial, here.problems)
        assert (there.settings, there.notes) == (here.settings, here.notes)
        for mine, own in ((there.parts, here.parts), (there.numbers, here.numbers)):
            assert (mine is None) == (own is None)
            assert mine is None or (mine == own).all()
        assert standardise(there).table == standardise(here).table
    return True


def made(folder, kind):
    """The table of every type in a file of a kind."""
    path = folder / f"shop.{kind}"
    if kind == "csv":
        texts().to_csv(path, index=False)
    elif kind == "parquet":
        pq.write_table(arrow(), path)
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, arrow().schema) as writer:
            writer.write_table(arrow())
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    elif kind == "xlsx":
        pytest.importorskip("openpyxl")
        frame().to_excel(path, index=False)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("shop.csv", texts().to_csv(index=False))
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "jsonl", "xlsx"])
def test_a_table_comes_out_as_it_would_be_read_here(tmp_path, kind):
    assert same(made(tmp_path, kind))


def test_parts_row_numbers_and_problems_come_out(tmp_path):
    home = tmp_path / "shop"
    home.mkdir()
    table = texts()
    table.iloc[:30].to_csv(home / "train.csv", index=False)
    table.iloc[30:].to_csv(home / "test.csv", index=False)
    assert same(home)
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n3,4,5\n6,7\n")
    here = read(broken)
    with reading(broken) as there:
        assert there.problems == here.problems != ()
        assert there.numbers.tolist() == here.numbers.tolist()


def test_lists_of_several_files_come_out_as_lists(tmp_path):
    home = tmp_path / "songs"
    home.mkdir()
    for part in ("train", "test"):
        tokens, starts = [["play", "some", "jazz"], ["stop", "it", part]], [[1, 2], [3]]
        frame = pd.DataFrame({"tokens": tokens, "starts": starts, "tags": [["O", "O", "B-a"]] * 2})
        frame.to_parquet(home / f"{part}.parquet")
    here = read(home)
    with reading(home) as there:
        for name in here.names:
            assert [list(cell) for cell in there.column(name)] == [list(cell) for cell in here.column(name)]
    (home / "train.parquet").unlink()
    (home / "test.parquet").unlink()
    for part in ("train", "test"):
        (home / f"{part}.conll").write_text(f"play O\n{part} B-a\n\nstop O\n")
    with reading(home) as there:
        assert (there.settings.kind, [list(cell) for cell in there.column("tokens")][2]) == (
            "tagging",
            ["play", "test"],
        )


def test_columns_of_several_kinds_keep_each_cell(tmp_path):
    home = tmp_path / "shop"
    home.mkdir()
    pd.DataFrame({"a": [1, 2, None], "y": ["p", "q", "p"]}).to_parquet(home / "train.parquet")
    pd.DataFrame({"a": ["one", None, "two"], "y": ["p", "q", "p"]}).to_parquet(home / "test.parquet")
    here = read(home)
    with reading(home) as there:
        assert repr(there.column("a").tolist()) == repr(here.column("a").tolist())  # NaN, which is not itself
        assert there.column("a").dtype == here.column("a").dtype


def drawn(seed, mode="RGB"):
    cells = np.random.default_rng(seed).integers(0, 255, (8, 8, len(mode)), dtype=np.uint8)
    return Image.fromarray(cells.squeeze(), mode)


def encoded(image, kind):
    held = io.BytesIO()
    image.save(held, kind)
    return held.getvalue()


def test_pictures_are_made_anew_from_their_pixels(tmp_path):
    home = tmp_path / "shop"
    (home / "images").mkdir(parents=True)
    names = [f"images/{i}.png" for i in range(8)] + [f"images/{i}.jpg" for i in range(8, 12)]
    for i, name in enumerate(names):
        (home / name).write_bytes(encoded(drawn(i), "PNG" if name.endswith("png") else "JPEG"))
    tail = b"<script>carried along</script>"
    (home / names[0]).write_bytes((home / names[0]).read_bytes() + tail)
    pd.DataFrame({"shot": names, "kind": ["p", "q"] * 6}).to_csv(home / "data.csv", index=False)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "shop")
    here = standardise(read(home), target="kind").rows("train")["shot"]
    wanted = {Image.open(io.BytesIO(bytes(cell))).tobytes() for cell in here}
    for source in (home, archive):
        with reading(source, Settings(target="kind")) as raw:
            there = [bytes(cell) for cell in standardise(raw).rows("train")["shot"]]
            assert {Image.open(io.BytesIO(data)).tobytes() for data in there} <= wanted
            assert {data[:4] for data in there} == {b"\x89PNG"}
            kept = b"".join(path.read_bytes() for path in raw.folder.rglob("*") if path.is_file())
            assert tail not in kept
            assert len(list(raw.folder.rglob("*.*"))) == 12


def test_pictures_inside_a_parquet_file_too(tmp_path):
    cells = [encoded(drawn(i), "PNG") + b"carried along" for i in range(11)] + [b"no picture"]
    table = pa.table({"shot": cells, "kind": ["p", "q"] * 6, "deep": [{"bytes": c, "path": None} for c in cells]})
    pq.write_table(table, tmp_path / "shop.parquet")
    with reading(tmp_path / "shop.parquet") as raw:
        for column in (raw.column("shot").tolist(), [cell["bytes"] for cell in raw.column("deep")]):
            assert column[11] == b""
            assert b"carried along" not in b"".join(column)
            for place, cell in enumerate(column[:11]):
                assert (np.asarray(Image.open(io.BytesIO(cell))) == np.asarray(drawn(place))).all()


@pytest.mark.parametrize("kind", ["parquet", "zip"])
def test_a_damaged_file_is_one_sentence_by_its_own_name(tmp_path, kind):
    path = made(tmp_path, kind)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = os.urandom(len(data) // 2 - len(data) // 3)
    path.write_bytes(bytes(data))
    with pytest.raises(TableError) as error, reading(path):
        pass
    (said,) = error.value.problems
    assert "\n" not in said
    assert path.name in said
    assert "/cell/" not in said


def test_a_reader_that_crashes_is_one_sentence(tmp_path):
    """The reader is taken over by the file: here by a settings object that ends the process as it is read."""
    path = made(tmp_path, "csv")
    with pytest.raises(TableError) as error, reading(path, Crashing(target="kept")):
        pass
    assert "cannot be read; its reader failed: it ended without answering" in str(error.value)
    assert len(error.value.problems) == 1


class Crashing(Settings):
    """Settings that end the process that brings them back."""

    def __reduce__(self):
        return os.abort, ()


def test_a_table_is_added_confined(challenge, tmp_path):
    path = made(tmp_path, "csv")
    confined = challenge.add_table(path, TableOptions(name="far", target="kept", confined=True))
    here = challenge.add_table(path, TableOptions(name="near", target="kept"))
    assert confined.table.digest == here.table.digest
    with pytest.raises(UsageError, match="--confined reads files and folders; leave it out for a database or a frame"):
        challenge.add_table(frame(), TableOptions(target="kept", confined=True))
    with pytest.raises(UsageError, match=r"no file or folder .*gone.csv.*; --confined reads what lies on this machine"):
        challenge.add_table(tmp_path / "gone.csv", TableOptions(target="kept", confined=True))


# The codec by itself, against a box that was taken over

KINDS = [
    pa.array([1, None, 3], pa.int64()),
    pa.array([1.5, None, float("nan")], pa.float64()),
    pa.array([True, None, False]),
    pa.array(["a", None, "é日"], pa.large_string()),
    pa.array(["a", None, "b"]).dictionary_encode(),
    pa.array([None, None, None], pa.null()),
    pa.array([0, 1, None], pa.date32()),
    pa.array([0, 1, None], pa.timestamp("us", "Europe/Berlin")),
    pa.array([0, 1, None], pa.time64("us")),
    pa.array([0, 1, None], pa.duration("ms")),
    pa.array([[1, 2], None, []], pa.list_(pa.int32())),
    pa.array([{"bytes": b"x", "path": "y"}, None, {"bytes": None, "path": None}]),
    pa.array([1, 2, None], pa.decimal128(9, 2)),
    pa.array([b"a", None, b""]),
]


@pytest.mark.parametrize("array", KINDS, ids=lambda array: str(array.type)[:20])
def test_every_type_goes_through_whole_and_cut(array):
    for given in (array, array[1:], array[:0]):
        said, data = taken_apart(given)
        back = put_together(json.loads(json.dumps(said)), data, len(given))
        assert repr(back.to_pylist()) == repr(given.to_pylist())  # NaN, which is not itself


def tampered(array, change):
    said, data = taken_apart(array)
    held = bytearray(data)
    change(said, held)
    return said, bytes(held)


def put(at, number):
    def change(said, held):
        held[at : at + 8] = int(number).to_bytes(8, "little", signed=True)

    return change


TEXT = pa.array(["abc", "def", "ghi"], pa.large_string())
LIES = {
    "offsets beyond the text": (TEXT, put(16, 1 << 40)),
    "offsets that go back": (TEXT, put(8, 7)),
    "offsets below zero": (TEXT, put(0, -8)),
    "text that is no UTF-8": (TEXT, lambda said, held: held.__setitem__(slice(-1, None), b"\xff")),
    "fewer bytes": (TEXT, lambda said, held: held.pop()),
    "more bytes": (TEXT, lambda said, held: held.append(0)),
    "other rows": (TEXT, lambda said, held: said.update(rows=4)),
    "another type": (TEXT, lambda said, held: said.update(type={"kind": "int64"})),
    "a larger type": (pa.array([1, 2, 3], pa.int8()), lambda said, held: said.update(type={"kind": "int64"})),
    "a type that is none": (TEXT, lambda said, held: said.update(type={"kind": "extension"})),
    "no type": (TEXT, lambda said, held: said.update(type=None)),
    "types without end": (TEXT, lambda said, held: said.update(type=nested(50))),
    "buffers that are no list": (TEXT, lambda said, held: said.update(buffers=5)),
    "buffers that overlap": (TEXT, lambda said, held: said.update(buffers=[-1, 32, 32])),
    "buffers too many": (TEXT, lambda said, held: said.update(buffers=[-1, 32, 9, 0, 0])),
    "lists beyond their items": (pa.array([[1], [2], [3]]), put(24, 1 << 20)),
    "lists below zero": (pa.array([[1], [2], [3]]), put(24, -1)),
    "a day that is none": (pa.array([1, 2, 3], pa.time64("us")), put(0, 1 << 60)),
    "a zone that is none": (
        pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
        lambda said, held: said["type"].update(zone="No/Where"),
    ),
}


def nested(depth):
    return {"kind": "list", "item": nested(depth - 1)} if depth else {"kind": "int64"}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_column_that_lies_is_refused(lie):
    array, change = LIES[lie]
    assert put_together(*taken_apart(array), 3).to_pylist() == array.to_pylist()
    with pytest.raises(Refused):
        put_together(*tampered(array, change), 3)


def test_pixels_are_counted():
    for mode in ("L", "RGB", "RGBA"):
        image = Image.fromarray(np.arange(64 * len(mode), dtype=np.uint8).reshape(8, 8, -1).squeeze(), mode)
        assert Image.open(io.BytesIO(picture(pixels(encoded(image, "PNG"))))).tobytes() == image.tobytes()
    good = pixels(encoded(drawn(1), "PNG"))
    assert pixels(b"none") == picture(b"") == b""
    for bad in (good[:-1], good + b"x", b"\x09" + good[1:], good[:1] + b"\xff" * 8 + good[9:], good[:5]):
        with pytest.raises(Refused, match="other pixels than its size tells"):
            picture(bad)


def test_mixed_cells_go_through_and_lies_are_refused():
    cells = [1, 2.5, None, "x", True, float("inf"), pd.Timestamp("2020-01-02 03:04:05").to_pydatetime(), 10**30]
    assert unmixed(mixed(cells), len(cells)) == cells
    for data, count in ((b"", 1), (b"[1]", 1), (b'["int", 5]', 1), (b'["os.system", "x"]', 1), (b'["plain", {}]', 1)):
        with pytest.raises(Refused):
            unmixed(data, count)
    with pytest.raises(Refused, match="holds a object, which cannot cross"):
        mixed([object()])


def test_settings_are_told_in_plain_words_and_checked():
    assert settings_of(json.loads(json.dumps(plain(TYPED)))) == TYPED
    said = plain(TYPED)
    for bad in (None, [], {}, {**said, "types": {"a": "nonsense"}}, {**said, "name": 5}, {**said, "split": {}}):
        with pytest.raises(TableError, match="settings is not understood"):
            settings_of(bad)
