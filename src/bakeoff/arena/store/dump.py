"""A store's rows in a form that no database owns: for each table one file of JSON lines, its columns in the first.

What is written at one version of the store is read back into that version, and brought up to date afterwards.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.arena.store.schema import MIGRATIONS, tables, upgrade, version
from bakeoff.errors import StoreError, UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from bakeoff.arena.store.access import Access

# Rows read or written at a time.
BATCH = 500
# Who is running what, which holds for the store that was backed up and for no other.
RUNNING = ("leases", "runners")
# The columns that name artefacts.
NAMING = {"results": "answers"}
# Submissions remember where their files lie; in a dump that is said from the challenge's folder.
ENTRIES = ".bakeoff/entries"


@dataclass(frozen=True)
class Dump:
    """The rows of one table: its name, and its lines."""

    table: str
    lines: Iterable[bytes]


@contextmanager
def snapshot(access: Access) -> Iterator[sa.Connection]:
    """A connection whose reads all see the store as it was at one moment, whoever writes meanwhile."""
    settings = {} if access.sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with access.engine.connect() as connection:
        yield connection.execution_options(**settings)


def dumps(connection: sa.Connection) -> Iterator[Dump]:
    """All tables of the store."""
    for table in tables().values():
        yield Dump(table.name, _lines(connection, table))


def artefact_names(connection: sa.Connection) -> list[str]:
    """The artefacts that rows name, in order."""
    import sqlalchemy as sa

    found: set[str] = set()
    for name, column in NAMING.items():
        named = tables()[name].c[column]
        found |= {row[0] for row in connection.execute(sa.select(named).where(named != "").distinct())}
    return sorted(found)


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """How many rows each table holds; tables that are not there are left out."""
    import sqlalchemy as sa

    there = set(sa.inspect(connection).get_table_names())
    count = sa.select(sa.func.count())
    return {
        name: int(connection.execute(count.select_from(table)).scalar_one())
        for name, table in tables().items()
        if name in there
    }


def fill(connection: sa.Connection, kept: str, given: Iterable[Dump], root: Path) -> dict[str, int]:
    """Make the tables as they were at version `kept`, insert the rows, and bring all of it up to date.

    `root` is the challenge's folder, where the submissions' files lie. Gives the number of rows of each table.
    """
    import sqlalchemy as sa

    _empty(connection)
    upgrade(connection, kept)
    meta = sa.MetaData()
    meta.reflect(connection)
    counted = {}
    for dump in given:
        if dump.table not in meta.tables:
            raise StoreError(f"The backup holds rows of {dump.table!r}, a table that no store has; it is not a backup.")
        counted[dump.table] = _insert(connection, meta.tables[dump.table], dump, root)
    if connection.dialect.name == "postgresql":
        _go_on_counting(connection, [meta.tables[name] for name in counted])
    upgrade(connection)
    return counted


def is_filled(connection: sa.Connection) -> bool:
    """Whether a database holds rows of a store."""
    return any(count_rows(connection).values())


def is_version(said: str) -> bool:
    """Whether there ever was such a version of the store."""
    return re.fullmatch(r"\d{4}", said) is not None and bool(list((MIGRATIONS / "versions").glob(f"{said}_*.py")))


def refuse_foreign(connection: sa.Connection, where: str) -> None:
    """UsageError when a database has tables of our names that are somebody else's."""
    import sqlalchemy as sa

    there = set(sa.inspect(connection).get_table_names())
    ours = "alembic_version" in there and is_version(version(connection))
    taken = sorted(there & {*tables(), "alembic_version"})
    if taken and not ours:
        raise UsageError(f"The database at {where} has a table {taken[0]!r} of something else; name another database.")


def _empty(connection: sa.Connection) -> None:
    """Drop a store's own tables; others that share the database stay."""
    import sqlalchemy as sa

    there = sa.MetaData()
    own = {*tables(), "alembic_version"}
    there.reflect(connection, only=lambda name, _: name in own)
    there.drop_all(connection)


def _lines(connection: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    kinds = {column.name: _kind(column) for column in table.columns}
    yield _line({"table": table.name, "columns": kinds})
    query = table.select().order_by(*table.primary_key.columns)
    rows = connection.execution_options(stream_results=True).execute(query)
    for row in rows.yield_per(BATCH).mappings():
        said = {name: _written(row[name], kind) for name, kind in kinds.items()}
        if table.name == "submissions":
            said["body"] = _moved(said["body"], lambda digest: f"{ENTRIES}/{digest}")
        yield _line(list(said.values()))


def _insert(connection: sa.Connection, table: sa.Table, dump: Dump, root: Path) -> int:
    lines = iter(dump.lines)
    kinds: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    count = 0
    try:
        kinds = json.loads(next(lines))["columns"]
        strange = [name for name in kinds if name not in table.columns]
        if strange:
            raise StoreError(f"The backup holds a column {strange[0]!r} of {table.name!r} that its version has not.")
        for line in lines:
            row = {
                name: _read(value, kind) for (name, kind), value in zip(kinds.items(), json.loads(line), strict=True)
            }
            if table.name == "submissions":
                row["body"] = _moved(row["body"], lambda digest: str(root / ENTRIES / digest))
            if table.name not in RUNNING:
                rows.append(row)
            if len(rows) == BATCH:
                connection.execute(table.insert(), rows)
                count, rows = count + len(rows), []
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise StoreError(f"The rows of {table.name!r} in the backup cannot be read: {error}.") from error
    if rows:
        connection.execute(table.insert(), rows)
    return count + len(rows)


def _moved(body: Any, place: Callable[[str], str]) -> Any:
    """A submission whose files lie elsewhere."""
    if not isinstance(body, dict) or not body.get("source", {}).get("folder"):
        return body
    return {**body, "source": {**body["source"], "folder": place(body["digest"])}}


def _go_on_counting(connection: sa.Connection, filled: Iterable[sa.Table]) -> None:
    """Let numbers that the database gives out go on behind those that were inserted."""
    import sqlalchemy as sa

    for table in filled:
        for column in table.primary_key.columns:
            asked = sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
            sequence = connection.execute(asked).scalar()
            highest = connection.execute(sa.select(sa.func.max(column))).scalar()
            if sequence and highest:
                connection.execute(sa.select(sa.func.setval(sequence, highest)))


def _kind(column: sa.Column[Any]) -> str:
    import sqlalchemy as sa

    for kind, name in ((sa.JSON, "json"), (sa.LargeBinary, "bytes"), (sa.Integer, "whole"), (sa.Float, "number")):
        if isinstance(column.type, kind):
            return name
    return "text"


def _written(value: Any, kind: str) -> Any:
    if value is None or kind not in ("bytes", "number"):
        return value
    if kind == "bytes":
        return base64.b64encode(value).decode("ascii")
    return value if math.isfinite(value) else str(value)


def _read(value: Any, kind: str) -> Any:
    if value is None or kind not in ("bytes", "number"):
        return value
    return base64.b64decode(value) if kind == "bytes" else float(value)


def _line(said: Any) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode("ascii") + b"\n"
