"""A challenge's store: whether it is whole, whether the answers that its rows name are there, and who runs what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.arena.challenge_files import Places, read_task
from bakeoff.arena.diagnosis.checks import OK, WARNING, WRONG, Check, Visit, counted, mebibytes, some
from bakeoff.arena.store.artefacts import FETCH, SHOWN, Artefacts, artefacts_place
from bakeoff.arena.store.shelves import ASIDE
from bakeoff.errors import BakeoffError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from bakeoff.arena.store.access import Access

ABOUT = "store"
DAY = 24 * 3600.0
# A whole check of a larger SQLite file takes minutes; the quick one leaves the indexes out.
LARGE = 1 << 30
OLDEST_POSTGRESQL = 120000
APART = timedelta(minutes=5)
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre"}
RESTORE = "restore it from a backup: bakeoff restore FILE --replace"


def store_checks(visit: Visit, places: Places) -> Iterator[Check]:
    """Everything about the store."""
    import sqlalchemy as sa

    from bakeoff.arena.store.access import Access

    if not visit.rules.store and not (places.private / "store.db").exists():
        yield Check(ABOUT, "database", OK, "none yet; the first command that needs it makes it")
        return
    try:
        access = Access(places.private, visit.rules.store, patience=10.0, upgrade=False)
    except BakeoffError as error:
        mend = f"see that its address in challenge.toml is right and it runs, or {RESTORE}"
        yield Check(ABOUT, "database", WRONG, str(error), mend)
        return
    with closing(access):
        try:
            yield from _database(visit, access)
        except (sa.exc.SQLAlchemyError, BakeoffError) as error:
            said = str(error).strip().partition("\n")[0]
            yield Check(ABOUT, "database", WRONG, f"{access.where} cannot be read: {said}", RESTORE)
            return
        try:
            yield from _rows(visit, places, access)
        except (sa.exc.SQLAlchemyError, BakeoffError) as error:
            yield Check(ABOUT, "rows", WRONG, str(error).strip().partition("\n")[0], RESTORE)


def _database(visit: Visit, access: Access) -> Iterator[Check]:
    from bakeoff.arena.store.schema import HEAD, version

    began = time.monotonic()
    kept = access.look(version)
    if access.sqlite:
        path = Path(access.where)
        whole, what = access.look(lambda connection: _whole(connection, path, visit.quick))
        if whole != "ok":
            yield Check(ABOUT, "database", WRONG, f"{path} is damaged: {whole}", RESTORE)
            return
        yield Check(ABOUT, "database", OK, f"SQLite, {mebibytes(path.stat().st_size)}, {what}")
        if (kind := _file_system(path)) in NETWORK:
            mend = (
                "two machines may not write it at once there; keep it on a local disk, or use PostgreSQL (store = URL)"
            )
            yield Check(ABOUT, "disk", WARNING, f"{path} is on a network disk ({kind})", mend)
    else:
        yield access.look(lambda connection: _server(connection, access.where, began))
    if kept == HEAD:
        yield Check(ABOUT, "version", OK, kept)
    elif kept > HEAD:
        found = f"{kept}, written by a newer Bakeoff; this one knows {HEAD}"
        yield Check(ABOUT, "version", WRONG, found, "upgrade Bakeoff")
    else:
        found = f"{kept or 'none'}; this Bakeoff knows {HEAD}, and the next command brings it up to that"
        yield Check(
            ABOUT, "version", WARNING, found, "back it up with the Bakeoff that wrote it, if that is still here"
        )


def _whole(connection: sa.Connection, path: Path, quick: bool) -> tuple[str, str]:
    """What SQLite says of its own file: "ok", or its first complaint; and how it was looked at."""
    import sqlalchemy as sa

    if quick:
        return "ok", "opened"
    check = "quick_check" if path.stat().st_size > LARGE else "integrity_check"
    said = connection.execute(sa.text(f"pragma {check}(1)")).scalar()
    return str(said), f"whole ({check})"


def _server(connection: sa.Connection, where: str, began: float) -> Check:
    import sqlalchemy as sa

    number = int(connection.execute(sa.text("show server_version_num")).scalar_one())
    theirs = connection.execute(sa.text("select now()")).scalar_one()
    found = f"PostgreSQL {number // 10000}.{number % 10000} at {where}, answers in {time.monotonic() - began:.2f} s"
    if number < OLDEST_POSTGRESQL:
        return Check(ABOUT, "database", WARNING, found, "Bakeoff is tried with PostgreSQL 12 and later; upgrade it")
    apart = abs(theirs - datetime.now(UTC))
    if apart > APART:
        mend = "set both clocks; dates of results and submissions come from them"
        return Check(ABOUT, "database", WARNING, f"{found}; its clock is {apart.total_seconds():.0f} s apart", mend)
    return Check(ABOUT, "database", OK, found)


def _file_system(path: Path) -> str:
    """The kind of file system that a file lies on; empty where the system does not tell."""
    import psutil

    best, kind = -1, ""
    for mounted in psutil.disk_partitions(all=True):
        if path.resolve().is_relative_to(mounted.mountpoint) and len(mounted.mountpoint) >= best:
            best, kind = len(mounted.mountpoint), mounted.fstype
    return str(kind)


def _rows(visit: Visit, places: Places, access: Access) -> Iterator[Check]:
    import sqlalchemy as sa

    from bakeoff.arena.store.dump import artefact_names, snapshot
    from bakeoff.arena.store.schema import tables

    with snapshot(access) as connection:
        there = set(sa.inspect(connection).get_table_names())
        if not {"results", "submissions"} <= there:
            yield Check(ABOUT, "rows", WARNING, "the store has no tables yet", "the next command makes them")
            return
        results, submissions = tables()["results"].c, tables()["submissions"].c
        ran = list(connection.execute(sa.select(results.entry, results.task, results.ended_at)))
        handed = list(connection.execute(sa.select(submissions.name, submissions.digest, submissions.at)))
        names = artefact_names(connection)
    found = f"{counted(len(ran), 'result')}, {counted(len(handed), 'submission')}"
    yield _dates(found, [row.ended_at for row in ran] + [row.at for row in handed])
    yield from _unknown(places, {row.task for row in ran})
    yield from _entries(places, {row.name: row.digest for row in handed})
    yield from _artefacts(visit, places, names)
    if "leases" in there:
        yield from _leases(access)


def _dates(found: str, days: list[str]) -> Check:
    newest = max(days, default="")
    if newest > (datetime.now(UTC) + APART).isoformat(timespec="milliseconds"):
        mend = "a clock was wrong then or is now; see the machine's"
        return Check(ABOUT, "rows", WARNING, f"{found}; the newest is of {newest}, which is still to come", mend)
    return Check(ABOUT, "rows", OK, found)


def _unknown(places: Places, ran: set[str]) -> Iterator[Check]:
    """Results of tasks that are not in the challenge; those of a table that was removed are kept on purpose."""
    known = set()
    for path in places.tasks.glob("*.toml"):
        try:
            known.add(read_task(path).name)
        except BakeoffError:
            known.add(path.stem)
    removed = {path.name for path in (places.private / "versions").glob("*")}
    if aside := sorted(ran & removed - known):
        yield Check(ABOUT, "tasks", OK, f"results of removed tables are kept: {some(aside)}")
    if lost := sorted(ran - known - removed):
        found = f"there are results of tasks that the challenge does not have: {some(lost)}"
        yield Check(ABOUT, "tasks", WARNING, found, "bring back tasks/NAME.toml, from a backup or your own copy")


def _entries(places: Places, newest: dict[str, str]) -> Iterator[Check]:
    lost = sorted(name for name, digest in newest.items() if not (places.entries / digest).is_dir())
    if lost:
        mend = "hand them in again (bakeoff submit), or bring the files back from a backup: bakeoff restore FILE"
        yield Check(ABOUT, "entries", WRONG, f"the files of {some(lost)} are not there", mend)


def _artefacts(visit: Visit, places: Places, names: list[str]) -> Iterator[Check]:
    try:
        artefacts = Artefacts(artefacts_place(visit.rules.artefacts, places.root))
        sizes = artefacts.sizes()
        lost = {name: "missing" for name in names if name not in sizes}
        if not visit.quick:
            looked = iter(range(1, len(names) + 1))
            lost = artefacts.damaged(names, lambda _: visit.watch("reading kept answers", next(looked), len(names)))
        if visit.mend:
            for name in (name for name, how in lost.items() if how == "damaged"):
                artefacts.put_aside(name)
            artefacts.sweep()
        partial, aside = artefacts.partial(), artefacts.aside()
    except BakeoffError as error:
        yield Check(ABOUT, "kept answers", WRONG, str(error), "see that its place is there and can be reached")
        return
    held = f"{len(names):,} in {artefacts.where}"
    for how in ("missing", "damaged"):
        which = [name[:SHOWN] for name, said in lost.items() if said == how]
        if which:
            found = f"{len(which):,} of {held} {'is' if len(which) == 1 else 'are'} {how}: {some(which)}"
            first = "" if how == "missing" or visit.mend else f"{visit.command} puts them aside; then "
            mend = f"{first}bakeoff run makes them anew, or bring them back from a backup: {FETCH}"
            yield Check(ABOUT, "kept answers", WRONG, found, mend)
    if not lost:
        yield Check(ABOUT, "kept answers", OK, f"{held}, {'all there' if visit.quick else 'all whole'}")
    if partial:
        yield Check(
            ABOUT,
            "half-written files",
            WARNING,
            f"{len(partial)} in {artefacts.where}",
            f"{visit.command} takes them away",
        )
    if aside:
        found = f"{counted(len(aside), 'damaged file')} in {artefacts.where}/{ASIDE}, for a person to look at"
        yield Check(ABOUT, "put aside", OK, found, "remove them when you have")
    yield from _orphans(visit, artefacts, {name: size for name, size in sizes.items() if name not in set(names)})


def _orphans(visit: Visit, artefacts: Artefacts, orphans: dict[str, int]) -> Iterator[Check]:
    """Artefacts that no row names: of runs that were killed before they wrote their row, or of another challenge.

    Only those in the challenge's own folder may be taken away, and not while the row may still be on its way.
    """
    if visit.rules.artefacts:
        if orphans:
            found = (
                f"{len(orphans):,} in {artefacts.where} are not named by this store; another challenge may name them"
            )
            yield Check(ABOUT, "other answers", OK, found)
        return
    old = {name: size for name, size in orphans.items() if (artefacts.age(name) or 0) > DAY}
    if visit.mend:
        for name in old:
            artefacts.remove(name)
    elif old:
        found = f"{counted(len(old), 'file')} that no row names, {mebibytes(sum(old.values()))}"
        yield Check(ABOUT, "other answers", WARNING, found, f"{visit.command} takes them away")


def _leases(access: Access) -> Iterator[Check]:
    from bakeoff.arena.store.leases import Holder, Leases, gone

    leases = Leases(access)
    held, holders = leases.held(), leases.holders()

    def cells(runners: list[Holder]) -> str:
        ids = {holder.runner for holder in runners}
        return counted(sum(runner in ids for runner in held.values()), "cell")

    dead = [holder for holder in holders if holder.beat is None or gone(holder.process)]
    alive = [holder for holder in holders if holder not in dead]
    if alive:
        where = some([f"{holder.machine or 'a machine'}" for holder in alive])
        yield Check(ABOUT, "runners", OK, f"{counted(len(alive), 'runner')} on {where}, with {cells(alive)}")
    if dead:
        found = f"{cells(dead)} held by {counted(len(dead), 'runner')} that ended without giving them back"
        yield Check(ABOUT, "runners", WARNING, found, "nothing to do: the next bakeoff run takes them over")
