"""The way to a store's database: connections, transactions, and what is tried again when a database goes away.

A change is a function of a connection. It is done in one transaction and tried again as a whole when the connection was
lost or another change was in its way, so it must come to the same when it is done twice: a commit whose answer was lost
may have happened.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bakeoff.arena.store import schema
from bakeoff.arena.store.rows import as_json, from_json
from bakeoff.errors import StoreError
from bakeoff.extras import need

if TYPE_CHECKING:
    import sqlalchemy as sa

T = TypeVar("T")
# How long a store that does not answer, or that somebody else has locked, is waited for, in seconds.
PATIENCE = 60.0
LONGEST_PAUSE = 1.0
# Marks a connection whose transactions take SQLite's write lock as they begin.
WRITES = "bakeoff_writes"
KEPT = "what was finished before is kept"
# PostgreSQL's states: lost or refused connections, a server that stops or starts, too many clients.
LOST = ("08", "57P01", "57P02", "57P03", "53300")
# Somebody else's change was in the way: serialisation, deadlock, a lock, the same key at the same moment.
IN_THE_WAY = ("40001", "40P01", "55P03", "23505")
TRIES_IN_THE_WAY = 10
SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL = 5, 6, 10, 13
# With less than this on its disk SQLite cannot keep the files that lie beside the store, and calls it an I/O error.
ROOM = 1 << 20
# PostgreSQL ends the transaction of a client that was stopped in the middle, so that it holds up nobody for longer.
POSTGRES_SETTINGS = "set lock_timeout = '60s'; set idle_in_transaction_session_timeout = '60s'"
POSTGRES_CONNECTS = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "bakeoff",
}


class Access:
    """One database; each thread that reads or changes it has a connection of its own meanwhile."""

    def __init__(self, folder: Path, url: str = "", patience: float = PATIENCE, upgrade: bool = True) -> None:
        """Open the database at `url`, or the SQLite file in `folder`, and bring it up to date unless told otherwise."""
        import sqlalchemy as sa
        from alembic.util import CommandError

        self.patience = patience
        self.where = str(folder / "store.db")
        self.folder = folder
        try:
            address = sa.engine.make_url(url or f"sqlite:///{self.where}")
            self.where = _shown(address)
            self.engine = _engine(address)
            self.writer = self.engine.execution_options(**{WRITES: True})
            with self._closed_on_error():
                self._check_version(upgrade)
        except (sa.exc.SQLAlchemyError, CommandError, ImportError) as error:
            if isinstance(error, sa.exc.DBAPIError) and self._full(error):
                raise self._said(error) from error
            raise StoreError(f"The store at {self.where} cannot be opened: {_first_line(error)}.") from error

    def _check_version(self, upgrade: bool) -> None:
        with self.engine.connect() as connection:
            found = schema.version(connection)
        if upgrade and found != schema.HEAD:
            with self.writer.begin() as connection:
                schema.upgrade(connection)

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @property
    def sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return bool(self.engine.dialect.name == "sqlite")

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction that may change things, tried once."""
        import sqlalchemy as sa

        try:
            with self.writer.begin() as connection:
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise self._said(error) from error

    def change(self, work: Callable[[sa.Connection], T], patience: float | None = None) -> T:
        """Do `work` in one transaction, all of it or nothing, and again as a whole where that is safe.

        Raises StoreError when the database has not taken it within `patience` seconds.
        """
        return self._tried(lambda: self._changed(work), patience)

    def look(self, work: Callable[[sa.Connection], T], patience: float | None = None) -> T:
        """Let `work` read; again when the connection was lost."""
        return self._tried(lambda: self._seen(work), patience)

    def insert(self, table: sa.Table) -> Any:
        """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        if self.sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    def _changed(self, work: Callable[[sa.Connection], T]) -> T:
        with self.writer.begin() as connection:
            return work(connection)

    def _seen(self, work: Callable[[sa.Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    def _tried(self, work: Callable[[], T], patience: float | None) -> T:
        import sqlalchemy as sa

        until = time.monotonic() + (self.patience if patience is None else patience)
        pause, tries = 0.05, 0
        while True:
            tries += 1
            try:
                return work()
            except sa.exc.DBAPIError as error:
                again = _passing(error, tries) and time.monotonic() < until
                if not again and isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
                    raise self._said(error) from error
                if not again:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _full(self, error: sa.exc.DBAPIError) -> bool:
        """Whether the disk of the database is full."""
        code = _sqlite_code(error)
        no_room = code == SQLITE_IOERR and shutil.disk_usage(self.folder).free < ROOM
        return no_room or code == SQLITE_FULL or _state(error) == "53100"

    def _said(self, error: sa.exc.DBAPIError) -> StoreError:
        said = _first_line(error)
        state, code = _state(error), _sqlite_code(error)
        if self._full(error):
            return StoreError(
                f"The disk of the store at {self.where} is full ({said}); free some space and run again, {KEPT}."
            )
        if code in (SQLITE_BUSY, SQLITE_LOCKED) or state == "55P03":
            return StoreError(
                f"The store at {self.where} was locked by another process for too long ({said}); "
                f"see which one holds it, then run again, {KEPT}."
            )
        if _lost(error):
            return StoreError(
                f"The store at {self.where} does not answer ({said}); start its database and run again, {KEPT}."
            )
        return StoreError(f"The store at {self.where} did not take a change: {said}.")


def _engine(address: sa.URL) -> sa.Engine:
    """The engine for an address; with as many connections as there are threads that want one."""
    import sqlalchemy as sa

    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    given: dict[str, Any] = {}
    name = address.get_backend_name()
    if name == "sqlite":
        given["timeout"] = PATIENCE
    elif name == "postgresql":
        need("psycopg", "postgres")
        given = {key: value for key, value in POSTGRES_CONNECTS.items() if key not in address.query}
    else:
        raise StoreError(
            f"A store cannot be kept in {name}; write a SQLite or PostgreSQL address, "
            "such as postgresql+psycopg://USER@HOST/DATABASE."
        )
    engine = sa.create_engine(
        address, connect_args=given, max_overflow=-1, json_serializer=as_json, json_deserializer=from_json
    )
    sa.event.listen(engine, "connect", _tune_sqlite if name == "sqlite" else _tune_postgres)
    if name == "sqlite":
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _shown(address: sa.URL) -> str:
    """An address without user and password."""
    if address.get_backend_name() == "sqlite":
        return str(address.database)
    port = f":{address.port}" if address.port else ""
    return f"{address.host or 'localhost'}{port}/{address.database or ''}"


def _state(error: sa.exc.DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")


def _sqlite_code(error: sa.exc.DBAPIError) -> int:
    return int(getattr(error.orig, "sqlite_errorcode", 0) or 0) & 0xFF


def _lost(error: sa.exc.DBAPIError) -> bool:
    """Whether the server went away; a client's own error that has no state is one of connecting."""
    import sqlalchemy as sa

    if error.connection_invalidated or _state(error).startswith(LOST):
        return True
    return isinstance(error, sa.exc.OperationalError) and not _state(error) and not _sqlite_code(error)


def _passing(error: sa.exc.DBAPIError, tries: int) -> bool:
    """Whether another try may well go through."""
    in_the_way = _state(error) in IN_THE_WAY or _sqlite_code(error) in (SQLITE_BUSY, SQLITE_LOCKED)
    return _lost(error) or (in_the_way and tries < TRIES_IN_THE_WAY)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    import sqlite3

    # The driver would commit before every change of a table's shape; the store begins its transactions itself.
    connection.isolation_level = None
    cursor = connection.cursor()
    # SQLite does not wait for others when the journal is changed, so the waiting is done here.
    until = time.monotonic() + PATIENCE
    while cursor.execute("pragma journal_mode").fetchone() != ("wal",):
        try:
            cursor.execute("pragma journal_mode=wal")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
    cursor.execute("pragma synchronous=normal")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("begin immediate" if writes else "begin")


def _tune_postgres(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(POSTGRES_SETTINGS)
    connection.commit()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
