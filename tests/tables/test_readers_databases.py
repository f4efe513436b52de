"""Tables and queries of databases: SQLite, and a real PostgreSQL server."""

from __future__ import annotations

import datetime
import decimal
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from postgres_server import PASSWORD
from readers_made import ROWS, TABLE, arrow, digest, gathered, opened

from bakeoff.errors import MissingExtra, NotFound, TableError, UsageError
from bakeoff.tables import read
from bakeoff.tables.readers.formats import open_table
from bakeoff.tables.readers.locations import shown
from bakeoff.tables.readers.streams import Stream

KINDS: dict[str, Any] = {
    "price": sqlalchemy.Float,
    "pieces": sqlalchemy.Integer,
    "brand": sqlalchemy.Text,
    "story": sqlalchemy.Text,
    "sold": sqlalchemy.DateTime,
    "kept": sqlalchemy.Text,
}


def fill(url: str, table: str = "orders", times: int = 1) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sqlalchemy.NullPool)
    made = sqlalchemy.Table(table, sqlalchemy.MetaData(), *(sqlalchemy.Column(n, kind) for n, kind in KINDS.items()))
    rows = [dict(zip(TABLE, cells, strict=True)) for cells in zip(*TABLE.values(), strict=True)]
    with engine.begin() as connection:
        made.create(connection)
        for _ in range(times):
            connection.execute(made.insert(), rows)


@pytest.fixture
def shop(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    fill(url)
    return url


def test_a_table_of_sqlite_gives_the_digest_of_the_same_parquet(shop: str, tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "t.parquet")
    assert digest(f"{shop}#orders") == digest(shop) == digest(tmp_path / "t.parquet")


def test_tables_queries_and_what_is_missing(shop: str, tmp_path: Path) -> None:
    fill(shop, "returns: 2024")
    stream = open_table(shop, query="select kept, count(*) as n, ':x' as c from orders group by kept order by kept;")
    assert gathered(stream).to_numpy().tolist() == [["no", 20, ":x"], ["yes", 20, ":x"]]
    assert stream.settings is not None
    assert (stream.settings.name, stream.settings.source) == ("shop", shop)
    assert len(opened(f"{shop}#returns: 2024")) == ROWS
    assert opened(shop, query="select * from orders where 1 = 0").shape == (0, 6)
    assert open_table(shop, query="select 1 as a, 2 as a").names == ("a", "a")
    with pytest.raises(
        TableError, match=r"holds 2 tables \('orders' and 'returns: 2024'\); name one as .*shop\.db#orders"
    ):
        open_table(shop)
    with pytest.raises(NotFound, match=r"has no table 'order' \(did you mean 'orders'\?\)"):
        open_table(f"{shop}#order")
    with pytest.raises(UsageError, match="names the table 'orders' and a query is given too"):
        open_table(f"{shop}#orders", query="select 1")
    with pytest.raises(UsageError, match=r"The query to 'sqlite:.*' cannot be run: no such table: nowhere\."):
        open_table(shop, query="select * from nowhere")
    with pytest.raises(UsageError, match="The query is empty"):
        open_table(shop, query=" ; ")
    with pytest.raises(NotFound, match=r"There is no file '.*none\.db' for the database"):
        open_table(f"sqlite:///{tmp_path / 'none.db'}#t")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(UsageError, match=r"A query is asked of a database, but 't\.csv' is none"):
        open_table("t.csv", query="select 1")
    (tmp_path / "text.db").write_text("no database at all, but some words that are long enough for a header" * 20)
    with pytest.raises(UsageError, match="cannot be read: file is not a database"):
        open_table(f"sqlite:///{tmp_path / 'text.db'}#t")


def test_nothing_is_written(shop: str) -> None:
    for query in ("delete from orders", "insert into orders (kept) values ('x')", "create table x (a int)"):
        with pytest.raises(UsageError, match=r"The query begins with '\w+'; it must be a SELECT"):
            open_table(shop, query=query)
    assert len(opened(shop)) == ROWS


def test_cells_of_several_kinds_are_read_as_texts_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "loose.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (a, b, c)")
        connection.executemany("insert into t values (?, ?, ?)", [(1, 2, b"x"), ("two", 2.5, None), (None, None, None)])
    connection.close()
    stream = open_table(f"sqlite:///{path}")
    read = gathered(stream)
    assert read["a"].tolist()[:2] == ["1", "two"]
    assert read["b"].tolist()[:2] == [2.0, 2.5]
    assert read["c"][0] == b"x"
    assert stream.notes() == [f"'a' of 'sqlite:///{path}' came in values of several kinds and was read as texts."]


def drawn(stream: Stream) -> tuple[int, int]:
    """The rows of a stream, and by how many bytes at most the process grew while they came."""
    process, rows = psutil.Process(), 0
    most = before = process.memory_info().rss
    for batch in stream.batches:
        rows += batch.num_rows
        most = max(most, process.memory_info().rss)
    return rows, most - before


def test_memory_is_bounded_and_types_agree_to_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (n, words)")
        connection.executemany("insert into t values (?, ?)", ((place, "words " * 2000) for place in range(30_000)))
        connection.execute("insert into t values (0.5, null)")
    connection.close()
    size = path.stat().st_size
    assert size > 330 << 20
    rows, more = drawn(open_table(f"sqlite:///{path}"))
    assert rows == 30_001
    assert more < size / 2


def test_postgresql_gives_the_same_digest_and_its_own_types(postgres: str, tmp_path: Path) -> None:
    fill(postgres)
    pq.write_table(arrow(), tmp_path / "t.parquet")
    assert digest(f"{postgres}#orders") == digest(tmp_path / "t.parquet")
    assert digest(f"{postgres}#public.orders") == digest(tmp_path / "t.parquet")
    query = (
        "select 1.50::numeric as money, '2024-05-01'::date as day, '00000000-0000-0000-0000-00000000000a'::uuid as u, "
        "array['a', 'b'] as words, '{\"k\": [1]}'::jsonb as deep, true as yes, '10:30'::time as clock, null as none, "
        "'2024-05-01 10:00+02'::timestamptz as moment, '\\x50'::bytea as data, 'a:b'::text as colon"
    )
    row = gathered(open_table(postgres, query=query)).iloc[0]
    assert row["money"] == float(decimal.Decimal("1.50"))
    assert row["day"] == datetime.datetime(2024, 5, 1)
    assert row["u"] == str(uuid.UUID(int=10))
    assert [*row["words"]] == ["a", "b"]
    assert row["deep"] == '{"k": [1]}'
    assert row["moment"].tz_convert("UTC").hour == 8
    assert (row["yes"], row["clock"], row["data"], row["colon"]) == (True, "10:30:00", b"P", "a:b")


def test_postgresql_streams_from_a_cursor_of_the_server(postgres: str) -> None:
    query = "select g as n, repeat('words ', 2000) as words from generate_series(1, 30000) as g"
    before = psutil.Process().memory_info().rss
    stream = open_table(postgres, query=query)
    opened_at = psutil.Process().memory_info().rss - before
    rows, more = drawn(stream)
    assert rows == 30_000
    assert opened_at < 20 << 20
    assert more < 170 << 20  # of 343 MiB


def test_no_message_shows_a_password(postgres: str) -> None:
    wrong = postgres.replace("s3cret", "guessed")
    for url, query in [
        (wrong, "select 1"),
        (wrong, ""),
        (postgres, "select nothing"),
        (f"{postgres}#none", ""),
        (postgres + "x", ""),
    ]:
        with pytest.raises((UsageError, NotFound, TableError)) as raised:
            open_table(url, query=query)
        said = str(raised.value)
        assert "postgresql://bakeoff:***@127.0.0.1" in said
        assert not any(word in said for word in (PASSWORD, "s3cret", "guessed", "%40"))
        assert "\n" not in said
    address = postgres.replace("postgresql:", "postgresql+psycopg:")
    with sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool).begin() as connection:
        connection.execute(sqlalchemy.text("create sequence if not exists counter"))
    raw = read(postgres, query="select 1 as a")
    assert raw.settings.name == "postgres"
    assert raw.frame["a"].tolist() == [1]
    assert "s3cret" not in repr(raw)
    stream = open_table(postgres, query="select 1 as a")
    assert stream.settings is not None
    assert stream.settings.source.startswith("postgresql://bakeoff:***@127.0.0.1")
    with pytest.raises(UsageError, match=r"cannot be run: cannot execute nextval.* in a read-only transaction"):
        opened(postgres, query="select nextval('counter')")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:pw@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p@w/x@h/d#t", "postgresql://u:***@h/d#t"),
        ("mysql://h/d?user=u&password=pw", "mysql://h/d?user=u&password=***"),
        ("https://h/t.csv?X-Amz-Signature=abc&a=1", "https://h/t.csv?X-Amz-Signature=***&a=1"),
        ("s3://key:sec/ret@bucket/t.csv", "s3://key:***@bucket/t.csv"),
        ("s3://bucket/t.csv", "s3://bucket/t.csv"),
        ("sqlite:///shop.db#orders", "sqlite:///shop.db#orders"),
        ("https://h:8080/t.csv", "https://h:8080/t.csv"),
        ("folder/t.csv", "folder/t.csv"),
    ],
)
def test_what_is_shown_of_a_url(url: str, says: str) -> None:
    assert shown(url) == says


def test_unknown_databases_and_missing_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is not a database URL; it is DIALECT://USER:PASSWORD@HOST/DATABASE"):
        open_table("postgresql://h:port:9/d#t")
    with pytest.raises((UsageError, MissingExtra), match=r"install its dialect|needs the driver"):
        open_table("oracle://u:pw@h/d#t")
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[postgres\]'"):
        open_table("postgresql://h/d#t")
