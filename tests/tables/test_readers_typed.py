"""Parquet, Arrow, JSON and ARFF: the same table from each, and what each refuses."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers_made import arrow, digest, frame, gathered, opened, rows

from bakeoff.errors import TableError, UsageError
from bakeoff.tables.readers.arff import cells_of, read_arff
from bakeoff.tables.readers.formats import open_table, parse
from bakeoff.tables.readers.json_lines import read_json
from bakeoff.tables.readers.spool import Spool
from bakeoff.tables.readers.streams import BATCH_BYTES


def lines(*said: str) -> bytes:
    return "\n".join(said).encode()


def write_ipc(path: Path, opener: Any) -> None:
    with pa.OSFile(str(path), "wb") as sink, opener(sink, arrow().schema) as writer:
        for batch in arrow().to_batches(max_chunksize=7):
            writer.write_batch(batch)


def written(folder: Path) -> dict[str, Path]:
    """The table in every format that carries types."""
    paths = {name: folder / f"{name}" for name in ("file.arrow", "stream.arrow", "t.feather", "t.jsonl", "t.json")}
    write_ipc(paths["file.arrow"], pa.ipc.new_file)
    write_ipc(paths["stream.arrow"], pa.ipc.new_stream)
    pa.feather.write_feather(arrow(), str(paths["t.feather"]))
    paths["t.jsonl"].write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows()), encoding="utf-8")
    paths["t.json"].write_text(json.dumps(rows(), indent=1), encoding="utf-8")
    return paths


def test_every_typed_format_gives_the_digest_of_the_same_parquet(tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "t.parquet", row_group_size=9)
    wanted = digest(tmp_path / "t.parquet")
    assert digest(frame()) == wanted
    for name, path in written(tmp_path).items():
        assert digest(path) == wanted, name
    pq.write_table(arrow().slice(1), tmp_path / "other.parquet")
    assert digest(tmp_path / "other.parquet") != wanted


def test_parquet_streams_in_small_batches_whatever_its_row_groups(tmp_path: Path) -> None:
    wide = pa.table({"a": [bytes(1 << 20)] * 100, "n": range(100)})
    pq.write_table(wide, tmp_path / "one-group.parquet", compression="NONE", use_dictionary=False, write_batch_size=4)
    before = pa.total_allocated_bytes()
    counted = peak = 0
    for batch in open_table(tmp_path / "one-group.parquet").batches:
        counted += batch.num_rows
        assert batch.nbytes <= BATCH_BYTES + (2 << 20)
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert counted == 100
    assert peak < 80 << 20


def test_dictionaries_records_and_repeated_names_in_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "c": pa.array(["u", None, "v"]).dictionary_encode(),
            "r": [{"x": 1, "deep": {"z": "w"}}, None, {"x": 3, "deep": None}],
            "photo": [{"bytes": b"P", "path": "p.png"}] * 3,
            "t": [["a", "b"], [], None],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    read = opened(tmp_path / "t.parquet")
    assert list(read.columns) == ["c", "r.x", "r.deep.z", "photo", "t"]
    assert read["c"].tolist()[::2] == ["u", "v"]
    assert read["r.deep.z"][0] == "w"
    assert pd.isna(read["r.x"][1])
    assert read["photo"][0] == {"bytes": b"P", "path": "p.png"}
    assert [*read["t"][0]] == ["a", "b"]
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    assert open_table(tmp_path / "twice.parquet").names == ("a", "a")
    assert opened(tmp_path / "twice.parquet").to_numpy().tolist() == [[1, 2]]
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    assert opened(tmp_path / "none.parquet").shape == (0, 5)


def test_arrow_that_is_cut_foreign_or_lies_is_refused(tmp_path: Path) -> None:
    paths = written(tmp_path)
    whole = paths["file.arrow"].read_bytes()
    for name, data in {"cut": whole[: len(whole) // 2], "text": b"a,b\n1,2\n" * 9}.items():
        path = tmp_path / f"{name}.arrow"
        path.write_bytes(data)
        with pytest.raises(TableError, match="is not an Arrow file, or is cut or damaged"):
            opened(path)
    (tmp_path / "old.feather").write_bytes(b"FEA1" + bytes(60))
    with pytest.raises(TableError, match="is Feather of the first version; save it again as Feather 2 or Parquet"):
        open_table(tmp_path / "old.feather")
    # Offsets beyond the data: read without a check they lead out of the file.
    batch = pa.RecordBatch.from_pydict({"a": ["ab", "cdefghi"]})
    with pa.OSFile(str(tmp_path / "true.arrow"), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    assert opened(tmp_path / "true.arrow")["a"].tolist() == ["ab", "cdefghi"]
    true = (tmp_path / "true.arrow").read_bytes()
    (tmp_path / "lying.arrow").write_bytes(true.replace(struct.pack("<3i", 0, 2, 9), struct.pack("<3i", 0, 2, 10**8)))
    with pytest.raises(TableError, match="is not an Arrow file, or is cut or damaged"):
        opened(tmp_path / "lying.arrow")


def test_json_keeps_lists_takes_records_apart_and_widens_types() -> None:
    said = lines(
        '{"n": 1, "words": ["a", "b"], "who": {"name": "x", "age": 3}, "day": "2020-01-01", "odd": 1}',
        '{"n": 2.5, "words": [], "who": {"name": null}, "day": "2020-01-02", "odd": "two"}',
        '{"n": null, "late": true, "long": 12345678901234567890, "deep": [{"a": 1}, {"b": 2}]}',
    )
    stream = read_json(io.BytesIO(said), "t.jsonl")
    assert stream.names == ("n", "words", "who.name", "who.age", "day", "odd", "late", "long", "deep")
    read = gathered(stream)
    assert read["n"].tolist()[:2] == [1.0, 2.5]
    assert [*read["words"][0]] == ["a", "b"]
    assert read["words"][2] is None
    assert read["day"].tolist()[:2] == ["2020-01-01", "2020-01-02"]
    assert read["odd"].tolist()[:2] == ["1", "two"]
    assert read["long"].tolist()[2] == "12345678901234567890"
    assert read["deep"].tolist()[2] == '[{"a": 1}, {"b": 2}]'
    assert stream.notes() == ["In 't.jsonl', 'odd' holds values of several kinds, read as texts."]


def test_json_blocks_of_different_types_agree_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakeoff.tables.readers.json_lines.BLOCK", 40)
    monkeypatch.setattr("bakeoff.tables.readers.spool.IN_MEMORY", 0)
    said = [{"a": place, "day": f"2020-01-{place + 1:02d}"} for place in range(9)]
    said += [{"a": 0.5, "b": ["x"]}, {"a": "three", "day": None}, {"b": [1]}]
    stream = read_json(io.BytesIO(lines(*map(json.dumps, said))), "t.jsonl")
    read = gathered(stream)
    assert read["a"].tolist()[:11] == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "0.5", "three"]
    assert read["day"].tolist()[:9] == [row["day"] for row in said[:9]]
    assert [*read["b"][9]] == ["x"]
    assert [*read["b"][11]] == ["1"]


def test_json_lines_that_are_none_are_told_together() -> None:
    bad = ['{"a": 1}', "{broken", "", "[1]", '{"a": 2}', '"text"', "{,}", "7", "nope", '{"a": 3}']
    stream = read_json(io.BytesIO(lines(*bad)), "t.jsonl")
    assert [row for batch in stream.batches for row in batch.column(0).to_pylist()] == [1, 2, 3]
    assert stream.problems() == [
        "'t.jsonl' has 6 lines without a JSON object (line 2: Expecting property name enclosed in double quotes; "
        "4: list where an object should be; 6: str where an object should be; "
        "7: Expecting property name enclosed in double quotes; 8: int where an object should be and 1 more); "
        "correct or remove them."
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "'t.json' is empty"),
        (b" \n\n", "'t.json' is empty"),
        (b"7", "holds neither one JSON object per line nor an array of objects"),
        (b'{\n "a": 1\n}', "holds JSON, but not a table: one object per line, or one array of objects"),
        (b'[{"a": 1}, {"a": ', "cannot be read from element 2 of its array on"),
        (b'[{"a": 1}', "is cut off after element 1 of its array; copy it again"),
        (b"[]", "holds no JSON object with a field"),
        (b"{}\n{}", "holds no JSON object with a field"),
        (b'[{"a": ' + b"[" * 100_000, "cannot be read from element 1|is nested too deeply"),
    ],
)
def test_json_that_is_no_table_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(TableError, match=says):
        read_json(io.BytesIO(data), "t.json")


def test_nesting_without_end_is_one_bad_line() -> None:
    deep = b'{"a": ' * 100_000 + b"1" + b"}" * 100_000
    wide = b'{"a": [' + b"[1], " * 300 + b"[2]]}"
    stream = read_json(io.BytesIO(b'{"a": 1}\n' + deep + b"\n" + wide), "t.jsonl")
    assert sum(batch.num_rows for batch in stream.batches) == 2
    assert "has 1 line without a JSON object (line 2: too deep)" in stream.problems()[0]


def test_an_array_may_be_cut_into_blocks_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [{"a": 'é "]},{" 日', "n": place, "deep": {"b": [1, 2]}} for place in range(50)]

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(1)

    data = ("[ " + " ,\n ".join(json.dumps(row, ensure_ascii=False) for row in said) + " ] ").encode()
    monkeypatch.setattr("bakeoff.tables.readers.encodings.BLOCK", 3)
    read = gathered(read_json(Slow(data), "t.json"))
    assert read["n"].tolist() == list(range(50))
    assert set(read["a"]) == {said[0]["a"]}


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), CELLS | st.lists(st.text()) | st.none()), max_size=8))
def test_json_values_are_kept_or_written_as_texts(table: list[dict[str, Any]]) -> None:
    table = [{"id": place, **row} for place, row in enumerate(table)] or [{"id": 0}]
    stream = read_json(io.BytesIO(lines(*map(json.dumps, table))), "t.jsonl")
    read = [row for batch in stream.batches for row in batch.to_pylist()]
    assert len(read) == len(table)
    for said, came in zip(table, read, strict=True):
        for name, cell in said.items():
            got = came[name]
            if isinstance(cell, str) or cell is None or got is None:
                assert got == cell
            elif isinstance(got, str):
                assert got == cell or json.loads(got) == pytest.approx(cell)
            else:
                assert got == cell or got == [str(item) for item in cell]


ARFF = r"""% made
@RELATION 'some shop'

@attribute 'unit price' NUMERIC
@attribute kind {red,'light blue',"o'k"}
@attribute note string
@ATTRIBUTE n integer

@DATA
1.5,red,'it\'s "here", now',3
?,'light blue',?,4
% in between
-2e3 , "o'k" , plain words,5
"""


def test_arff_gives_numbers_texts_and_gaps() -> None:
    read = gathered(read_arff(io.BytesIO(ARFF.encode()), "t.arff"))
    assert list(read.columns) == ["unit price", "kind", "note", "n"]
    assert read["unit price"].tolist()[::2] == [1.5, -2000.0]
    assert read["unit price"].isna().tolist() == [False, True, False]
    assert read["kind"].tolist() == ["red", "light blue", "o'k"]
    assert read["note"].tolist()[::2] == ['it\'s "here", now', "plain words"]
    assert cells_of("'a,b',,\"c\"") == ["a,b", "", "c"]
    assert cells_of("a'b,'c'") == ["a'b", "c"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("1.5,red", "{0 1.5}\n1.5,red", r"holds sparse rows \(line 10\); save it dense"),
        ("note string", "note relational", "has the relational attribute 'note'"),
        ("@attribute note string", "@attribute note", "has an attribute without a name or a type: '@attribute note'"),
        ("1.5,red", "x,red", "has a cell that is no number in 'unit price'"),
        ("@ATTRIBUTE", "@note", "has 3 attributes, but line 10 has 4 cells, line 11 has 4 cells, line 13 has 4 cells"),
    ],
)
def test_arff_that_is_not_read_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises((TableError, AssertionError), match=says):
        stream = read_arff(io.BytesIO(ARFF.replace(old, new, 1).encode()), "t.arff")
        list(stream.batches)
        raise TableError(stream.problems())
    with pytest.raises(TableError, match="is not an ARFF file: it has no @attribute line"):
        read_arff(io.BytesIO(b"a,b\n1,2\n"), "t.arff")


def test_a_spool_gives_back_what_it_took_from_memory_and_from_disk() -> None:
    for limit in (1 << 30, 100, 0):
        spool = Spool(limit)
        for place in range(20):
            cells = [place, None] if place % 2 else [place + 0.5, 7.0]
            spool.add(pa.RecordBatch.from_pydict({"a": cells, f"only {place % 2}": ["x", "y"]}))
        assert spool.names == ("a", "only 0", "only 1")
        table = pa.Table.from_batches(spool.batches())
        assert table.column("a").to_pylist()[:4] == [0.5, 7.0, 1.0, None]
        assert table.column("only 1").to_pylist()[:4] == [None, None, "x", "y"]
        assert table.num_rows == 40


def test_an_unknown_ending_lists_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.ods").write_bytes(b"PK")
    says = (
        r"t\.ods' is not a format Bakeoff reads; save it as CSV \(\.csv, \.tsv\), Parquet, Arrow \(\.arrow, "
        r"\.feather\), JSON \(\.jsonl, \.json\), Excel \(\.xlsx\), CoNLL or ARFF\."
    )
    with pytest.raises(UsageError, match=says):
        open_table(tmp_path / "t.ods")
    with pytest.raises(UsageError, match="is not a format Bakeoff reads"):
        parse(b"x", "t.pickle")
    assert parse(b'{"a": 1}', "t.jsonl")["a"].tolist() == [1]
