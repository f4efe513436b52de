"""CSV and its kin: dialects, encodings, packing, rows that do not fit, and memory."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers_made import digest, frame, gathered, opened, texts

from bakeoff.errors import TableError, UsageError
from bakeoff.tables.readers.delimited import ROW_LIMIT, read_delimited
from bakeoff.tables.readers.dialects import Dialect, detect, header_of
from bakeoff.tables.readers.formats import open_table

ROWS = "a,y\n1,u\n2,v\n3,u\n"
Put = Callable[[str, bytes], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def streamed(data: bytes, name: str = "t.csv"):
    return read_delimited(io.BytesIO(data), name)


def problems(data: bytes) -> list[str]:
    stream = streamed(data)
    list(stream.batches)
    return stream.problems()


def zipped(data: bytes, names: tuple[str, ...] = ("t.csv",)) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/t.csv", b"noise")
        for name in names:
            archive.writestr(name, data)
    return held.getvalue()


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    ".zip": zipped,
}


def test_every_delimiter_gives_the_digest_of_the_same_parquet(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "t.parquet")
    wanted = digest(tmp_path / "t.parquet")
    for ending, mark in {".csv": ",", ".tsv": "\t", ".psv": "|", ".txt": ";"}.items():
        path = tmp_path / f"t{ending}"
        texts().to_csv(path, sep=mark, index=False)
        assert digest(path) == wanted, ending
    texts().assign(price=texts()["price"] + 1).to_csv(tmp_path / "other.csv", index=False)
    assert digest(tmp_path / "other.csv") != wanted


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_are_unpacked_as_they_stream(put: Put, ending: str) -> None:
    data = texts().to_csv(index=False).encode()
    packed = PACKERS[ending](data)
    assert opened(put(f"t.csv{ending}", packed)).equals(opened(put("t.csv", data)))
    with pytest.raises(TableError, match=r"t\.csv\.\w+' is a damaged or cut \w+ file \(.*\); copy it again\."):
        opened(put(f"cut.csv{ending}", packed[: len(packed) // 2]))
    with pytest.raises(TableError, match="is a damaged or cut"):
        opened(put(f"bad.csv{ending}", b"not packed at all, but text"))


def test_a_zip_must_hold_one_table(put: Put) -> None:
    with pytest.raises(TableError, match=r"holds 2 files \('a\.csv' and 'b\.csv'\); unpack it and name the file"):
        open_table(put("two.zip", zipped(b"a\n1\n", ("a.csv", "b.csv"))))
    assert opened(put("one.zip", zipped(ROWS.encode())))["a"].tolist() == ["1", "2", "3"]
    with pytest.raises(UsageError, match=r"is not a format Bakeoff reads inside its \.gz packing; save it as CSV"):
        open_table(put("t.parquet.gz", gzip.compress(b"PAR1")))


@pytest.mark.parametrize(
    ("data", "dialect", "first"),
    [
        (b'a;b\n"x;y";3,14\nz;2,5\n', Dialect(";"), ["x;y", "3.14"]),
        (b"name, EUR;qty\n1,5;3\n2,5;4\n", Dialect(";"), ["1.5", "3"]),
        (b"a|b\n1|2\n", Dialect("|"), ["1", "2"]),
        (b"'a','b'\n'x,y','2'\n'z','3'\n", Dialect(",", "'"), ["x,y", "2"]),
        (b"a,b\nit's,the '90s\nno,more\n", Dialect(), ["it's", "the '90s"]),
        (b'a,b\n"say \\"hi, you\\"",2\n"z",3\n', Dialect(",", '"', "\\"), ['say "hi, you"', "2"]),
        (b'a,b\n"say ""hi, you""",2\n', Dialect(), ['say "hi, you"', "2"]),
        (b'a,b\n"C:\\",2\n"D:\\",3\n', Dialect(), ["C:\\", "2"]),
        (b"a\tb\n1,5\t2\n2,5\t3\n", Dialect("\t"), ["1.5", "2"]),
        (b"only\nx\n", Dialect(), ["x"]),
    ],
)
def test_the_dialect_is_detected(data: bytes, dialect: Dialect, first: list[str]) -> None:
    assert detect(data.decode()) == dialect
    assert gathered(streamed(data)).iloc[0].tolist() == first


def test_decimal_commas_become_points_and_are_told(put: Put) -> None:
    path = put("t.csv", b"price;size;word\n3,14;1.234,5;a,b\n-2,5;7;3,5\n;10.000.000,25;c\n")
    stream = open_table(path)
    table = gathered(stream)
    assert table["price"].tolist() == ["3.14", "-2.5", ""]
    assert table["size"].tolist() == ["1234.5", "7", "10000000.25"]
    assert table["word"].tolist() == ["a,b", "3,5", "c"]
    assert stream.notes() == ["Numbers with decimal commas in 'price' and 'size' were read with points (3,14 as 3.14)."]
    plain = open_table(put("u.csv", b"price;size\n3.14;5\n"))
    assert gathered(plain)["price"].tolist() == ["3.14"]
    assert plain.notes() == []


WORDS = {
    "cp1252": "Größe, naïve, café, déjà vu, señor, Ærø, „Zitat“, price in €",
    "cp1251": "Это обычный русский текст о товарах и ценах в магазине, который легко узнать",
    "shift_jis": "これは日本語の文章です。商品の説明と値段が書いてあります。",
    "gb18030": "这是一个普通的中文句子,描述商品和价格,很容易识别。",
}


@pytest.mark.parametrize("encoding", WORDS)
def test_other_encodings_are_detected_and_told(encoding: str) -> None:
    data = ("a;y\n" + "plain;1\n" * 50 + f"{WORDS[encoding]};2\n" * 20).encode(encoding)
    stream = streamed(data)
    assert gathered(stream)["a"].iloc[-1] == WORDS[encoding]
    (note,) = stream.notes()
    assert note.startswith("'t.csv' is not UTF-8; it was read as ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_in_its_other_forms_is_read(encoding: str) -> None:
    stream = streamed(texts().to_csv(index=False).encode(encoding))
    table = gathered(stream)
    assert table.equals(gathered(streamed(texts().to_csv(index=False).encode())))
    assert table.columns[0] == "price"
    assert bool(stream.notes()) == (encoding != "utf-8-sig")


def test_a_few_letters_are_taken_for_windows_1252_wherever_they_first_stand() -> None:
    start = b"a,y\n" + b"plain,1\n" * 700_000  # beyond the first blocks
    stream = streamed(start + "Müller,2\n".encode("cp1252") + b"x,3\n")
    assert gathered(stream)["a"].iloc[-2:].tolist() == ["Müller", "x"]
    assert stream.notes() == [
        "'t.csv' is not UTF-8; it was read as Windows-1252. Save it as UTF-8 if letters look wrong."
    ]


def test_utf8_with_some_bad_bytes_stays_utf8_and_names_the_lines() -> None:
    good = "é,1\n".encode() * 10
    assert problems(b"a,y\n" + good + b"caf\xe9,2\n" + good) == [
        "'t.csv' is UTF-8 but for 1 place: line 12 holds the byte 0xe9; save it as UTF-8."
    ]
    (said,) = problems(b"a,y\n" + good + b"caf\xe9,2\n" * 9 + good)
    assert "is UTF-8 but for 9 places: line 12 holds the byte 0xe9, line 13" in said
    assert "and 4 more; save it" in said
    assert problems(b"a,y\n" + good) == []


@pytest.mark.parametrize("rest", ["plain,1\n", "é,1\n"])
def test_a_broken_cell_says_nothing_about_the_other_lines(rest: str) -> None:
    good = rest.encode() * 40
    assert problems(b"a,y\n" + good + b"b\xff\xfe,2\n" + good)[0].startswith(
        "'t.csv' is UTF-8 but for 2 places: line 42 holds the byte 0xff, line 42 holds the byte 0xfe; save it"
    )
    # A name of a Western text is one, and of a few lines nobody can tell.
    assert problems(b"a,y\n" + b"plain,1\n" * 40 + "Müller,2\n".encode("cp1252")) == []
    assert problems(b"a,y\nplain,1\nb\xff\xfe,2\n") == []


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_character_across_two_blocks_is_whole(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakeoff.tables.readers.encodings.BLOCK", cut)
    stream = streamed("a,y\né日😀,1\n".encode())
    assert gathered(stream)["a"].tolist() == ["é日😀"]
    assert stream.notes() == []
    assert "but for 1 place" in problems("a,y\né日".encode()[:-1] + b"\n")[-1]


def test_ragged_rows_are_told_together_and_the_rest_is_read() -> None:
    stream = streamed(b"a,b\n" + b"1,2\n3\n4,5,6\n" * 4)
    assert sum(batch.num_rows for batch in stream.batches) == 4
    assert stream.problems() == [
        "'t.csv' is ragged: the header has 2 columns, but data row 2 has 1, data row 3 has 3, data row 5 has 1, "
        "data row 6 has 3, data row 8 has 1 and 3 more differ (4 rows are sound); "
        "put quotes round cells that hold a ',', or add the missing cells."
    ]


def test_blank_lines_header_only_and_repeated_names() -> None:
    assert gathered(streamed(b"\n\na,b\n\n1,2\n\n\n3,4\n\n"))["a"].tolist() == ["1", "3"]
    assert gathered(streamed(b"a,b\n1,2\n  \n \t\n3,4\n  \n"))["a"].tolist() == ["1", "3"]
    assert gathered(streamed(b"a,b\n")).shape == (0, 2)
    assert gathered(streamed(b"a,b")).shape == (0, 2)
    assert streamed(b"a,a\n1,2\n").names == ("a", "a")
    assert gathered(streamed(b"a,a\n1,2\n")).iloc[0].tolist() == ["1", "2"]
    assert gathered(streamed(b'"a\nb",c\r\n1,2')).columns.tolist() == ["a\nb", "c"]
    assert gathered(streamed(b"a,b\r1,2\r3,4\r"))["b"].tolist() == ["2", "4"]


@pytest.mark.parametrize("rows", [1, 100_000])
def test_a_quote_left_open_in_the_header_is_told(rows: int) -> None:
    with pytest.raises(TableError, match=r"'t.csv' opens a quote in its header that may not be closed"):
        streamed(b'"a,b\n' + b"1,2\n" * rows)
    assert streamed(b'"a\n",b\n1,2\n').names == ("a\n", "b")
    assert streamed(b'a,"b\nc"\n').names == ("a", "b\nc")


def test_zero_bytes_are_a_problem() -> None:
    with pytest.raises(TableError, match=r"'t.csv' is not a CSV file: line 2 holds a zero byte"):
        streamed(b"a,y\n1,\x002\n")
    assert problems(b"a,y\n" + b"1,2\n" * 1_000_000 + b"\x00,2\n") == [
        "'t.csv' is not a text file: line 1000002 holds a zero byte; remove it."
    ]


def test_a_row_beyond_the_limit_is_refused() -> None:
    good = b"a,b\n" + b"1,2\n" * 1000
    stream = streamed(good + b'"' + b"3,4\n" * (ROW_LIMIT // 2))
    says = r"has a row of more than 8 MiB after data row 1,000; a quote that is opened there may not be closed"
    with pytest.raises(TableError, match=says):
        list(stream.batches)
    assert sum(batch.num_rows for batch in streamed(good + b'"' + b"3,4\n" * 1000 + b'",5\n').batches) == 1001


@pytest.mark.parametrize(("length", "openings"), [(1_000, 0), (3 << 20, 1)])
def test_a_row_longer_than_a_block_makes_the_file_be_read_once_more(length: int, openings: int) -> None:
    data = b"a,b\n" + b"1,2\n" * 300_000 + b"1,2,3\n" + b'"' + b"3,4\n" * (length // 4) + b'",5\n' + b"6,7\n" * 300_000
    opened: list[int] = []

    def again() -> io.BytesIO:
        opened.append(1)
        return io.BytesIO(data)

    stream, plain = read_delimited(io.BytesIO(data), "t.csv", "", again), streamed(data)
    held, wanted = (pa.Table.from_batches(each.batches) for each in (stream, plain))
    assert held.combine_chunks() == wanted.combine_chunks()
    assert held.num_rows == 600_001
    assert len(opened) == openings
    assert stream.problems() == plain.problems() != []
    assert list(stream.dropped()) == list(plain.dropped()) == [300_000]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=2),
        max_size=6,
    ),
    mark=st.sampled_from([",", ";", "\t", "|"]),
)
def test_whatever_the_csv_module_writes_is_read_back(rows: list[list[str]], mark: str) -> None:
    held = io.StringIO(newline="")
    writer = csv.writer(held, delimiter=mark, quoting=csv.QUOTE_ALL)
    writer.writerows([["first", "second"], *rows])
    data = held.getvalue().encode()
    table = gathered(read_delimited(io.BytesIO(data), "t.csv", mark))
    assert table.to_numpy().tolist() == rows
    names, length = header_of(held.getvalue(), Dialect(mark))
    assert names == ["first", "second"]
    assert held.getvalue()[:length].endswith("\n")


class _Endless:
    """A large CSV file that is nowhere."""

    def __init__(self, size: int) -> None:
        line = "12.5,North Star,some words that are a little longer,é,77\n".encode()
        self.piece = line * (1 << 14)
        self.left = size // len(self.piece)
        self.head = b"a,b,c,d,e\n"

    def read(self, size: int = -1, /) -> bytes:
        if self.head:
            head, self.head = self.head, b""
            return head
        self.left -= 1
        return self.piece if self.left >= 0 else b""


def test_memory_is_bounded_whatever_the_size() -> None:
    size = 256 << 20
    file = _Endless(size)
    rows = file.left * (1 << 14)
    before = pa.total_allocated_bytes()
    peak = counted = 0
    # Not by tracemalloc: stopping it beside a thread that still runs crashes Python 3.11.
    held = psutil.Process().memory_info().rss
    most = held
    for batch in read_delimited(file, "large.csv").batches:
        counted += batch.num_rows
        peak = max(peak, pa.total_allocated_bytes() - before)
        most = max(most, psutil.Process().memory_info().rss)
    assert counted == rows
    assert peak < 64 << 20
    assert most - held < 144 << 20


LEFT_OPEN = """
from bakeoff.tables.readers.delimited import read_delimited

class Long:
    left = 400

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        return b"a,b\\n" if self.left == 399 else b"1,some words\\n" * (1 << 16) if self.left > 0 else b""

stream = read_delimited(Long(), "long.csv")
print(next(stream.batches).num_rows)
"""


def test_python_ends_while_a_file_is_still_read() -> None:
    # What goes wrong at the end goes wrong now and then: several must end well.
    begun = [
        subprocess.Popen([sys.executable, "-c", LEFT_OPEN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for process in begun:
        said, complaints = process.communicate(timeout=300)
        assert (process.returncode, complaints) == (0, "")
        assert int(said) > 1000
