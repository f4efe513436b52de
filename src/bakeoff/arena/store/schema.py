"""The tables of a store as the newest migration leaves them, and how an older store is brought up to them."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import StoreError

if TYPE_CHECKING:
    import sqlalchemy as sa

HEAD = "0003"
MIGRATIONS = Path(__file__).parent / "migrations"
CELL_FIELDS = ("entry", "entry_digest", "task", "task_digest", "seed", "plan_digest", "contract")
# In the order of Finding's own fields, so that a row unpacks into a record.
FINDING_FIELDS = ("judge", "metric", "value", "low", "high", "variant", "grp", "split", "n", "status", "reason")
# Alembic keeps its running migration in a global of its own.
_UPGRADING = threading.Lock()


@functools.cache
def tables() -> Any:
    """The tables by name, as SQLAlchemy describes them."""
    import sqlalchemy as sa

    meta = sa.MetaData()
    text, number = sa.String, sa.Integer
    sa.Table(
        "results",
        meta,
        sa.Column("id", text, primary_key=True),
        *(sa.Column(name, number if name == "seed" else text) for name in CELL_FIELDS),
        *(sa.Column(name, text) for name in ("outcome", "reason", "log", "answers", "level", "ended_at", "token")),
        *(sa.Column(name, sa.JSON) for name in ("limits", "measurements", "made_with", "notes", "claim")),
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
        *(sa.Column(name, text) for name in ("name", "team", "digest", "at", "token")),
        sa.Column("body", sa.JSON),
    )
    sa.Table("picks", meta, *(sa.Column(name, text, primary_key=name != "entry") for name in ("team", "task", "entry")))
    sa.Table(
        "leases", meta, *(sa.Column(name, text, primary_key=name == "cell") for name in ("cell", "runner", "token"))
    )
    sa.Table(
        "runners",
        meta,
        sa.Column("id", text, primary_key=True),
        sa.Column("beat", number),
        sa.Column("seconds", sa.Float),
        *(sa.Column(name, text) for name in ("machine", "process")),
    )
    return meta.tables


def version(connection: sa.Connection) -> str:
    """The version that the store was left at, empty for a new one."""
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(sa.text("select version_num from alembic_version")).scalar() or "")


def upgrade(connection: sa.Connection, to: str = HEAD) -> None:
    """Bring an older store up to date, or to the version `to`; a newer one is refused, since nobody knows its meaning.

    All of it happens in the transaction that `connection` is in, which keeps every other process out.
    """
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('bakeoff store'))"))
    # Another process may have brought it up to date while this one waited for the lock.
    found = version(connection)
    if found == to:
        return
    if found > to:
        raise StoreError(
            f"The store was written by a newer Bakeoff (store {found}, this one knows {to}); upgrade Bakeoff."
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _UPGRADING:
        command.upgrade(config, to)
