"""What a challenge remembers: results of cells, findings, plans, submissions and picks.

A cell's result and its findings are written in one transaction, so killing any process at any moment loses at most
the cells then running. SQLite by default; PostgreSQL by an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from bakeoff.arena.store.access import PATIENCE, Access
from bakeoff.arena.store.artefacts import Artefacts
from bakeoff.arena.store.leases import Lease, Leases, release_for
from bakeoff.arena.store.rows import entry_from, finding_row, result_from, result_row
from bakeoff.arena.store.schema import FINDING_FIELDS, HEAD, tables
from bakeoff.nouns import CellResult, Entry, Finding, plain

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["CHUNK", "HEAD", "Store"]

# Cells asked for in one query, well under the number of variables that any database takes.
CHUNK = 500


class Store:
    """One challenge's memory; safe to use from several threads, several processes and several machines.

    `leases` says which cells are being run, and by whom. A database that goes away is waited for, `patience` seconds
    long; then what was asked raises StoreError, and nothing of it was written.
    """

    def __init__(self, folder: Path, url: str = "", patience: float = PATIENCE, artefacts: str | Path = "") -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.artefacts = Artefacts(artefacts or folder / "artefacts")
        self.access = Access(folder, url, patience)
        self.leases = Leases(self.access)

    @property
    def _engine(self) -> sa.Engine:
        return self.access.engine

    def close(self) -> None:
        """Let go of the connections."""
        self.access.close()

    def _begin(self) -> AbstractContextManager[sa.Connection]:
        return self.access.begin()

    # Results and findings

    def save(
        self,
        result: CellResult,
        judged: Mapping[tuple[str, str], Sequence[Finding]],
        lease: Lease | None = None,
    ) -> None:
        """Keep a result with the findings of each (judge, version), all or nothing.

        With a lease, it is given back in the same transaction; LeaseLost, and nothing written, when another runner has
        taken the cell over meanwhile.
        """
        results, cell = tables()["results"], result.cell.id
        token = uuid4().hex if lease is None else lease.token
        row = result_row(result) | {"ended_at": _now(), "token": token}

        def work(connection: sa.Connection) -> None:
            if lease is not None and not release_for(connection, lease):
                return
            _forget(connection, cell)
            connection.execute(results.insert(), row)
            _add_findings(connection, cell, judged)

        self.access.change(work)

    def add_findings(
        self, cell: str, judged: Mapping[tuple[str, str], Sequence[Finding]], answers: str | None = None
    ) -> bool:
        """Keep what judges found in a cell that is already there; gives whether that was done.

        With `answers`, the digest of what they read, only while the cell's result still holds the same answers.
        """
        results = tables()["results"]
        query = results.select().with_only_columns(results.c.answers).where(results.c.id == cell).with_for_update()

        def work(connection: sa.Connection) -> bool:
            if connection.execute(query).scalar() != answers and answers is not None:
                return False
            _add_findings(connection, cell, judged)
            return True

        return self.access.change(work)

    def results(self, cells: Iterable[str] | None = None) -> dict[str, CellResult]:
        """Kept results by cell id; all of them, or those asked for."""
        results = tables()["results"]

        def work(connection: sa.Connection) -> list[Any]:
            if cells is None:
                return list(connection.execute(results.select()).mappings())
            queries = [results.select().where(results.c.id.in_(chunk)) for chunk in chunks]
            return [row for query in queries for row in connection.execute(query).mappings()]

        chunks = [] if cells is None else list(_chunks(cells))
        return {row["id"]: result_from(row) for row in self.access.look(work)}

    def tokens(self) -> dict[str, str]:
        """For each cell that has a result the token under which it was saved: another one is another result."""
        results = tables()["results"]
        query = results.select().with_only_columns(results.c.id, results.c.token)
        return self.access.look(lambda connection: {row.id: row.token for row in connection.execute(query)})

    def findings(self, cells: Iterable[str]) -> dict[str, list[tuple[str, Finding]]]:
        """For each cell its findings with the version of the judge that made them."""
        import sqlalchemy as sa

        findings = tables()["findings"]
        columns = [findings.c[name] for name in ("cell", "version", *FINDING_FIELDS, "replicates")]
        query = sa.select(*columns).order_by(findings.c.cell, findings.c.judge, findings.c.place)
        asked = list(dict.fromkeys(cells))

        def work(connection: sa.Connection) -> dict[str, list[tuple[str, Finding]]]:
            found: dict[str, list[tuple[str, Finding]]] = {cell: [] for cell in asked}
            for chunk in _chunks(asked):
                for cell, version, *fields, replicates in connection.execute(query.where(findings.c.cell.in_(chunk))):
                    numbers = None if replicates is None else np.frombuffer(replicates, dtype="<f8")
                    values = [*fields, numbers]
                    found[cell].append((version, Finding(*values)))
            return found

        return self.access.look(work)

    def judged(self) -> set[tuple[str, str, str]]:
        """Which (cell, judge, version) have been judged."""
        return {(row.cell, row.judge, row.version) for row in self._all(tables()["judged"].select())}

    # Plans, submissions, picks

    def plan(self, key: str) -> Any | None:
        """The kept plan of that key, as JSON."""
        table = tables()["plans"]
        query = table.select().where(table.c.key == key)
        return self.access.look(lambda connection: connection.execute(query).mappings().first())

    def keep_plan(self, key: str, body: Any) -> None:
        """Keep a plan; the same key always stands for the same plan."""
        statement = self.access.insert(tables()["plans"])
        statement = statement.on_conflict_do_update(index_elements=["key"], set_={"body": statement.excluded.body})
        self.access.change(lambda connection: connection.execute(statement, {"key": key, "body": body}))

    def submit(self, entry: Entry) -> int:
        """Write down a submission and give its number."""
        table = tables()["submissions"]
        row = {"name": entry.name, "team": entry.team, "digest": entry.digest, "body": plain(entry), "at": _now()}
        row |= {"token": uuid4().hex}
        written = table.select().with_only_columns(table.c.number).where(table.c.token == row["token"])

        def work(connection: sa.Connection) -> int:
            # A commit whose answer was lost may have happened; one submission never counts twice.
            number = connection.execute(written).scalar()
            if number is None:
                number = connection.execute(table.insert().returning(table.c.number), row).scalar_one()
            return int(number)

        return self.access.change(work)

    def entries(self) -> list[Entry]:
        """The latest submission of each entry, in order of first submission."""
        table = tables()["submissions"]
        return list(
            {row.name: entry_from(row.body) for row in self._all(table.select().order_by(table.c.number))}.values()
        )

    def newest(self) -> dict[str, str]:
        """Each team's newest submission, by the entry's name."""
        table = tables()["submissions"]
        return {row.team: row.name for row in self._all(table.select().order_by(table.c.number))}

    def pick(self, team: str, task: str, entry: str) -> None:
        """Make `entry` the team's final pick on a task."""
        statement = self.access.insert(tables()["picks"])
        given = {"entry": statement.excluded.entry}
        statement = statement.on_conflict_do_update(index_elements=["team", "task"], set_=given)
        row = {"team": team, "task": task, "entry": entry}
        self.access.change(lambda connection: connection.execute(statement, row))

    def picks(self) -> dict[tuple[str, str], str]:
        """Final picks by (team, task)."""
        return {(row.team, row.task): row.entry for row in self._all(tables()["picks"].select())}

    def _all(self, query: Any) -> list[Any]:
        return self.access.look(lambda connection: list(connection.execute(query)))


def _chunks(cells: Iterable[str]) -> Iterator[list[str]]:
    """The cells without doubles, so many at a time as one query asks for."""
    wanted = list(dict.fromkeys(cells))
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


def _forget(connection: sa.Connection, cell: str) -> None:
    results = tables()["results"]
    connection.execute(results.delete().where(results.c.id == cell))
    for name in ("judged", "findings"):
        connection.execute(tables()[name].delete().where(tables()[name].c.cell == cell))


def _add_findings(connection: sa.Connection, cell: str, judged: Mapping[tuple[str, str], Sequence[Finding]]) -> None:
    for (judge, version), found in judged.items():
        key = {"cell": cell, "judge": judge, "version": version}
        for name in ("judged", "findings"):
            table = tables()[name]
            connection.execute(
                table.delete().where(table.c.cell == cell, table.c.judge == judge, table.c.version == version)
            )
        connection.execute(tables()["judged"].insert(), key)
        rows = [{**key, "place": place, **finding_row(finding)} for place, finding in enumerate(found)]
        if rows:
            connection.execute(tables()["findings"].insert(), rows)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
