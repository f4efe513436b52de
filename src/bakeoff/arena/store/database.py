"""What a challenge remembers: results of cells, findings, plans, submissions and picks.

A cell's result and its findings are written in one transaction, so killing any process at any moment loses at most
the cells then running. SQLite by default; any database that SQLAlchemy reaches by a URL will do.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena.store.artefacts import Artefacts
from bakeoff.errors import StoreError
from bakeoff.extras import need
from bakeoff.nouns import (
    Cell,
    CellResult,
    Entry,
    Finding,
    Level,
    Limits,
    Measurements,
    Outcome,
    Source,
    plain,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

HEAD = "0001"
MIGRATIONS = Path(__file__).parent / "migrations"
# In the order of Finding's own fields, so that a row unpacks into a record.
FINDING_FIELDS = ("judge", "metric", "value", "low", "high", "variant", "grp", "split", "n", "status", "reason")
# Cells asked for in one query, well under the number of variables that any database takes.
CHUNK = 500
PATIENCE = 60.0
# Marks a connection whose transactions take SQLite's write lock as they begin.
WRITES = "bakeoff_writes"
# Alembic keeps its running migration in a global of its own.
_UPGRADING = threading.Lock()
CELL_FIELDS = ("entry", "entry_digest", "task", "task_digest", "seed", "plan_digest", "contract")


class Store:
    """One challenge's memory; safe to use from several threads and several processes."""

    def __init__(self, folder: Path, url: str = "") -> None:
        import sqlalchemy as sa

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.artefacts = Artefacts(folder / "artefacts")
        url = url or f"sqlite:///{folder / 'store.db'}"
        if url.startswith("postgresql"):
            need("psycopg", "postgres")
        try:
            self._engine = sa.create_engine(
                url, **({"connect_args": {"timeout": PATIENCE}} if url.startswith("sqlite") else {})
            )
            if url.startswith("sqlite"):
                sa.event.listen(self._engine, "connect", _tune_sqlite)
                sa.event.listen(self._engine, "begin", _begin_sqlite)
            self._writer = self._engine.execution_options(**{WRITES: True})
            with self._engine.connect() as connection:
                found = _version(connection)
            if found != HEAD:
                with _UPGRADING, self._writer.begin() as connection:
                    _upgrade(connection)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            where = url.split("@")[-1]
            raise StoreError(f"The store at {where} cannot be opened: {_first_line(error)}.") from error

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        import sqlalchemy as sa

        try:
            with self._writer.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise StoreError(f"The store did not take a change: {_first_line(error)}.") from error

    # Results and findings

    def save(self, result: CellResult, judged: Mapping[tuple[str, str], Sequence[Finding]]) -> None:
        """Keep a result with the findings of each (judge, version), all or nothing."""
        results = _tables()["results"]
        row = {name: getattr(result.cell, name) for name in CELL_FIELDS}
        row |= {name: plain(getattr(result, name)) for name in ("answers", "limits", "measurements")}
        row |= {"reason": _storable(result.reason), "log": _storable(result.log)}
        row |= {"outcome": result.outcome.value, "level": result.level.value, "id": result.cell.id}
        row |= {
            "made_with": plain(result.made_with),
            "notes": [_storable(note) for note in result.notes],
            "ended_at": _now(),
        }
        with self._begin() as connection:
            _forget(connection, result.cell.id)
            connection.execute(results.insert(), row)
            _add_findings(connection, result.cell.id, judged)

    def add_findings(self, cell: str, judged: Mapping[tuple[str, str], Sequence[Finding]]) -> None:
        """Keep what judges found in a cell that is already there."""
        with self._begin() as connection:
            _add_findings(connection, cell, judged)

    def results(self, cells: Iterable[str] | None = None) -> dict[str, CellResult]:
        """Kept results by cell id; all of them, or those asked for."""
        results = _tables()["results"]
        with self._engine.connect() as connection:
            if cells is None:
                rows = list(connection.execute(results.select()).mappings())
            else:
                queries = [results.select().where(results.c.id.in_(chunk)) for chunk in _chunks(cells)]
                rows = [row for query in queries for row in connection.execute(query).mappings()]
        return {row["id"]: _result(row) for row in rows}

    def findings(self, cells: Iterable[str]) -> dict[str, list[tuple[str, Finding]]]:
        """For each cell its findings with the version of the judge that made them."""
        import sqlalchemy as sa

        findings = _tables()["findings"]
        found: dict[str, list[tuple[str, Finding]]] = {cell: [] for cell in cells}
        columns = [findings.c[name] for name in ("cell", "version", *FINDING_FIELDS, "replicates")]
        query = sa.select(*columns).order_by(findings.c.cell, findings.c.judge, findings.c.place)
        with self._engine.connect() as connection:
            for chunk in _chunks(found):
                for cell, version, *fields, replicates in connection.execute(query.where(findings.c.cell.in_(chunk))):
                    numbers = None if replicates is None else np.frombuffer(replicates, dtype="<f8")
                    values = [*fields, numbers]
                    found[cell].append((version, Finding(*values)))
        return found

    def judged(self) -> set[tuple[str, str, str]]:
        """Which (cell, judge, version) have been judged."""
        table = _tables()["judged"]
        with self._engine.connect() as connection:
            return {(row.cell, row.judge, row.version) for row in connection.execute(table.select())}

    # Plans, submissions, picks

    def plan(self, key: str) -> Any | None:
        """The kept plan of that key, as JSON."""
        table = _tables()["plans"]
        with self._engine.connect() as connection:
            return connection.execute(table.select().where(table.c.key == key)).mappings().first()

    def keep_plan(self, key: str, body: Any) -> None:
        """Keep a plan; the same key always stands for the same plan."""
        table = _tables()["plans"]
        with self._begin() as connection:
            connection.execute(table.delete().where(table.c.key == key))
            connection.execute(table.insert(), {"key": key, "body": body})

    def submit(self, entry: Entry) -> int:
        """Write down a submission and give its number."""
        table = _tables()["submissions"]
        row = {"name": entry.name, "team": entry.team, "digest": entry.digest, "body": plain(entry), "at": _now()}
        with self._begin() as connection:
            return int(connection.execute(table.insert().returning(table.c.number), row).scalar_one())

    def entries(self) -> list[Entry]:
        """The latest submission of each entry, in order of first submission."""
        table = _tables()["submissions"]
        latest: dict[str, Entry] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(table.select().order_by(table.c.number)):
                latest[row.name] = _entry(row.body)
        return list(latest.values())

    def newest(self) -> dict[str, str]:
        """Each team's newest submission, by the entry's name."""
        table = _tables()["submissions"]
        with self._engine.connect() as connection:
            rows = connection.execute(table.select().order_by(table.c.number))
            return {row.team: row.name for row in rows}

    def pick(self, team: str, task: str, entry: str) -> None:
        """Make `entry` the team's final pick on a task."""
        table = _tables()["picks"]
        with self._begin() as connection:
            connection.execute(table.delete().where(table.c.team == team, table.c.task == task))
            connection.execute(table.insert(), {"team": team, "task": task, "entry": entry})

    def picks(self) -> dict[tuple[str, str], str]:
        """Final picks by (team, task)."""
        table = _tables()["picks"]
        with self._engine.connect() as connection:
            return {(row.team, row.task): row.entry for row in connection.execute(table.select())}


@functools.cache
def _tables() -> Any:
    """The tables as the newest migration leaves them."""
    import sqlalchemy as sa

    meta = sa.MetaData()
    text, number = sa.String, sa.Integer
    sa.Table(
        "results",
        meta,
        sa.Column("id", text, primary_key=True),
        *(sa.Column(name, number if name == "seed" else text) for name in CELL_FIELDS),
        *(sa.Column(name, text) for name in ("outcome", "reason", "log", "answers", "level", "ended_at")),
        *(sa.Column(name, sa.JSON) for name in ("limits", "measurements", "made_with", "notes")),
    )
    sa.Table("judged", meta, *(sa.Column(name, text, primary_key=True) for name in ("cell", "judge", "version")))
    sa.Table(
        "findings",
        meta,
        *(sa.Column(name, text, primary_key=True) for name in ("cell", "judge", "version")),
        sa.Column("place", number, primary_key=True),
        *(sa.Column(name, text) for name in ("metric", "variant", "grp", "split", "status", "reason")),
        *(sa.Column(name, sa.Float) for name in ("value", "low", "high")),
        sa.Column("n", number),
        sa.Column("replicates", sa.LargeBinary),
    )
    sa.Table("plans", meta, sa.Column("key", text, primary_key=True), sa.Column("body", sa.JSON))
    sa.Table(
        "submissions",
        meta,
        sa.Column("number", number, primary_key=True),
        *(sa.Column(name, text) for name in ("name", "team", "digest", "at")),
        sa.Column("body", sa.JSON),
    )
    sa.Table("picks", meta, *(sa.Column(name, text, primary_key=name != "entry") for name in ("team", "task", "entry")))
    return meta.tables


def _chunks(cells: Iterable[str]) -> Iterator[list[str]]:
    """The cells without doubles, so many at a time as one query asks for."""
    wanted = list(dict.fromkeys(cells))
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


def _version(connection: sa.Connection) -> str:
    """The version that the store was left at, empty for a new one."""
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(sa.text("select version_num from alembic_version")).scalar() or "")


def _upgrade(connection: sa.Connection) -> None:
    """Bring an older store up to date; a newer one is refused, since this version cannot know what it means.

    All of it happens in the transaction that `connection` is in, which keeps every other process out.
    """
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('bakeoff store'))"))
    # Another process may have brought it up to date while this one waited for the lock.
    found = _version(connection)
    if found == HEAD:
        return
    if found > HEAD:
        raise StoreError(
            f"The store was written by a newer Bakeoff (store {found}, this one knows {HEAD}); upgrade Bakeoff."
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


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


def _forget(connection: sa.Connection, cell: str) -> None:
    tables = _tables()
    connection.execute(tables["results"].delete().where(tables["results"].c.id == cell))
    for name in ("judged", "findings"):
        connection.execute(tables[name].delete().where(tables[name].c.cell == cell))


def _add_findings(connection: sa.Connection, cell: str, judged: Mapping[tuple[str, str], Sequence[Finding]]) -> None:
    tables = _tables()
    for (judge, version), found in judged.items():
        key = {"cell": cell, "judge": judge, "version": version}
        for name in ("judged", "findings"):
            table = tables[name]
            connection.execute(
                table.delete().where(table.c.cell == cell, table.c.judge == judge, table.c.version == version)
            )
        connection.execute(tables["judged"].insert(), key)
        rows = [{**key, "place": place, **_finding_row(finding)} for place, finding in enumerate(found)]
        if rows:
            connection.execute(tables["findings"].insert(), rows)


def _finding_row(finding: Finding) -> dict[str, Any]:
    row = {name: getattr(finding, name) for name in ("metric", "variant", "split", "n", "status", "reason")}
    for name in ("value", "low", "high"):
        number = getattr(finding, name)
        row[name] = None if number is None else float(number)
    replicates = finding.replicates
    row["replicates"] = None if replicates is None else np.asarray(replicates, dtype="<f8").tobytes()
    return row | {"grp": finding.group}


def _result(row: Any) -> CellResult:
    return CellResult(
        cell=Cell(**{name: row[name] for name in CELL_FIELDS}),
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        log=row["log"],
        answers=row["answers"],
        level=Level(row["level"]),
        limits=Limits(**row["limits"]),
        measurements=Measurements(**row["measurements"]),
        made_with=row["made_with"],
        notes=tuple(row["notes"]),
    )


def _entry(body: Mapping[str, Any]) -> Entry:
    return Entry(**{**body, "source": Source(**body["source"])})


def _storable(text: str) -> str:
    """A stranger's text without what databases refuse: half characters and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
