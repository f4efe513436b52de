"""A table or a query of a database as a stream, through SQLAlchemy and with a cursor on the server."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError, MissingExtra, NotFound, TableError, UsageError
from bakeoff.extras import need
from bakeoff.tables.readers.arrays import array_of
from bakeoff.tables.readers.locations import shown, unsaid
from bakeoff.tables.readers.spool import Spool, replayed
from bakeoff.tables.readers.streams import Stream, batch_of, first_line
from bakeoff.tables.sentences import listed, near
from bakeoff.tables.settings import Settings

DATABASES = ("postgresql", "postgres", "sqlite", "mysql", "mariadb", "mssql", "oracle", "duckdb")
FIRST = 64  # rows fetched first, from which their width is known
ROWS = 10_000
AT_ONCE = 8 << 20  # bytes of rows fetched at once
WRITES = re.compile(r"(?i)\s*(insert|update|delete|merge|replace|create|drop|alter|truncate|grant|revoke)\b")


def is_database(source: str) -> bool:
    """Whether a URL names a database that SQLAlchemy knows, with or without a driver (`mysql+pymysql://`)."""
    return source.partition("://")[0].split("+")[0].lower() in DATABASES and "://" in source


def read_database(source: str, query: str = "", name: str = "") -> Stream:
    """The rows of `query`, of the table that the URL names at its end (`sqlite:///shop.db#orders`), or of the only one.

    Nothing is written: SQLite is opened read-only, PostgreSQL asked for a read-only transaction. Raises NotFound for a
    missing file or table, UsageError for a URL or a query that cannot be used, MissingExtra for a missing driver; no
    message shows a password.
    """
    url, _, table = source.partition("#") if "@" not in source.rpartition("#")[2] else (source, "", "")
    name = name or shown(source)
    if query and table:
        raise UsageError(f"{name!r} names the table {table!r} and a query is given too; give one of them.")
    database = _Database(url, name)
    if not query and not table:
        table = database.only_table()
    said = Settings(name=table.rpartition(".")[2] or database.name(), source=shown(url))
    header, rows = database.rows(query, table)
    spool = Spool()
    places = [str(place) for place in range(len(header))]
    mixed: dict[str, None] = {}
    batches = replayed(spool, _batches(rows, places, mixed), header)

    def notes() -> list[str]:
        names = [header[int(place)] for place in dict.fromkeys([*spool.mixed, *mixed])]
        return [f"{listed(names)} of {name!r} came in values of several kinds and was read as texts."] if names else []

    return Stream(tuple(header), database.told(batches), texts=False, settings=said, notes=notes)


class _Database:
    """A connection to a database, whose faults become sentences without secrets."""

    def __init__(self, url: str, name: str) -> None:
        import sqlalchemy

        self.given = url
        self.shown = name
        try:
            self.url = sqlalchemy.make_url(re.sub(r"^postgres://", "postgresql://", url))
        except (sqlalchemy.exc.ArgumentError, ValueError) as fault:
            raise UsageError(f"{name!r} is not a database URL; it is DIALECT://USER:PASSWORD@HOST/DATABASE.") from fault
        self.engine = self._engine(sqlalchemy)

    def _engine(self, sqlalchemy: Any) -> Any:
        url, options = self.url, {}
        if url.drivername in ("postgresql", "postgresql+psycopg"):
            need("psycopg", "postgres")
            url = url.set(drivername="postgresql+psycopg")
            options = {"postgresql_readonly": True}
        if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
            path = Path(str(url.database).removeprefix("file:"))
            if not path.is_file():
                raise NotFound(f"There is no file {str(path)!r} for the database {self.shown!r}.")
            url = url.set(database=f"file:{path.resolve()}", query={**url.query, "mode": "ro", "uri": "true"})
        try:
            return sqlalchemy.create_engine(
                url, poolclass=sqlalchemy.pool.NullPool, execution_options=options, hide_parameters=True
            )
        except sqlalchemy.exc.NoSuchModuleError as missing:
            raise UsageError(f"SQLAlchemy knows no database {url.drivername!r}; install its dialect.") from missing
        except ModuleNotFoundError as missing:
            raise MissingExtra(
                f"{self.shown!r} needs the driver {missing.name!r}; install it with: pip install {missing.name}"
            ) from missing

    def name(self) -> str:
        """The database's own name, the file's for SQLite."""
        return Path(str(self.url.database or "")).stem or "query"

    def tables(self, schema: str | None = None) -> list[str]:
        """Tables and views."""
        import sqlalchemy

        with self.faults():
            look = sqlalchemy.inspect(self.engine)
            return sorted({*look.get_table_names(schema), *look.get_view_names(schema)})

    def only_table(self) -> str:
        """The one table of the database; TableError when there are several."""
        names = self.tables()
        if len(names) == 1:
            return names[0]
        held = f"holds {len(names)} tables ({listed(names)})" if names else "holds no table"
        first = names[0] if names else "TABLE"
        raise TableError(f"{self.shown!r} {held}; name one as {self.shown}#{first}, or give a query.")

    def rows(self, query: str, table: str) -> tuple[list[str], _Rows]:
        """The names and the rows."""
        import sqlalchemy

        if table:
            schema, _, plain = table.rpartition(".")
            names = self.tables(schema or None)
            if plain not in names and table in names:
                schema, plain = "", table
            if plain not in names:
                raise NotFound(f"{self.shown!r} has no table {plain!r}{near(plain, names)}.")
            chosen = sqlalchemy.table(plain, schema=schema or None)
            asked = sqlalchemy.select(sqlalchemy.text("*")).select_from(chosen)
        else:
            asked = _asked(sqlalchemy, query)
        with self.faults(query):
            connection = self.engine.connect().execution_options(stream_results=True, max_row_buffer=FIRST)
            try:
                result = connection.execute(asked)
                if not result.returns_rows:
                    raise UsageError("The query gives no rows; it must be a SELECT.")
                header = list(map(str, result.keys()))
            except BaseException:
                connection.close()
                raise
        return header, _Rows(connection, result)

    def told(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches; a fault while they come is told in a sentence too."""
        with self.faults():
            yield from batches

    def faults(self, query: str = "") -> _Faults:
        return _Faults(self, query)


class _Faults:
    def __init__(self, database: _Database, query: str) -> None:
        self.database = database
        self.query = query

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        import sqlalchemy

        if not isinstance(fault, sqlalchemy.exc.SQLAlchemyError) or isinstance(fault, BakeoffError):
            return
        told = unsaid(first_line(getattr(fault, "orig", None) or fault), self.database.given)
        if self.query:
            raise UsageError(f"The query to {self.database.shown!r} cannot be run: {told}.") from None
        raise UsageError(f"The database {self.database.shown!r} cannot be read: {told}.") from None


def _asked(sqlalchemy: Any, query: str) -> Any:
    query = query.strip().rstrip(";")
    if not query:
        raise UsageError("The query is empty; it must be a SELECT.")
    if found := WRITES.match(query):
        raise UsageError(f"The query begins with {found[1]!r}; it must be a SELECT.")
    # A colon in a text of the query is no parameter.
    return sqlalchemy.text(query.replace(":", r"\:"))


class _Rows:
    """The rows of a result; its connection is closed after the last of them, or when nobody wants them any more."""

    def __init__(self, connection: Any, result: Any) -> None:
        self.result = result
        self.closing = weakref.finalize(self, _close, connection, result)

    def take(self, count: int) -> list[Any]:
        """The next rows; none after the last."""
        self.result.yield_per(count)
        rows = list(self.result.fetchmany(count))
        if not rows:
            self.closing()
        return rows


def _close(connection: Any, result: Any) -> None:
    with suppress(Exception):
        result.close()
    connection.close()


def _batches(rows: _Rows, places: list[str], mixed: dict[str, None]) -> Iterator[Any]:
    import pyarrow as pa

    count = FIRST
    while taken := rows.take(count):
        arrays = []
        for place, values in zip(places, zip(*taken, strict=True), strict=True):
            array, several = array_of(values)
            arrays.append(array)
            if several:
                mixed[place] = None
        batch = batch_of(arrays, places)
        # Pictures make wide rows, of which fewer are fetched at once.
        count = max(1, min(ROWS, 8 * count, AT_ONCE * len(taken) // max(batch.nbytes, 1)))
        yield batch
    yield batch_of([pa.nulls(0)] * len(places), places)
