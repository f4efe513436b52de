"""A challenge's folder: who may read it, whether its tables, truth, secret and entries are there, what is half made."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator

from bakeoff.arena.challenge_files import SECRET_BYTES, Places, read_task
from bakeoff.arena.diagnosis.checks import OK, WARNING, WRONG, Check, Visit, counted, some
from bakeoff.arena.locks import is_locked
from bakeoff.errors import BakeoffError

ABOUT = "challenge"
RESTORE = "bring it back from a backup: bakeoff restore FILE"
TABLE_FILES = ("train.parquet", "test.parquet", "table.toml", "card.json")


def folder_checks(visit: Visit, places: Places) -> Iterator[Check]:
    """Everything about the folder that needs no store."""
    yield Check(ABOUT, "title", OK, f"{visit.rules.title!r} in {places.root}")
    yield _private(visit, places)
    yield from _readable(visit, places)
    yield from _tables(places)
    if (said := _secret(places)) is not None:
        yield said
    yield from _half_built(visit, places)


def _private(visit: Visit, places: Places) -> Check:
    """Whether only the organiser gets into .bakeoff."""
    try:
        mode = stat.S_IMODE(places.private.stat().st_mode)
    except FileNotFoundError:
        return Check(ABOUT, ".bakeoff", WRONG, f"{places.private} is not there, and with it truth and results", RESTORE)
    if mode & 0o077 and visit.mend:
        places.private.chmod(0o700)
        mode = stat.S_IMODE(places.private.stat().st_mode)
    if mode & 0o077:
        mend = f"{visit.command} sets it to 0700, or: chmod 700 {shlex.quote(str(places.private))}"
        return Check(
            ABOUT, ".bakeoff", WRONG, f"others may enter it (mode {mode:04o}), truth and secret lie there", mend
        )
    return Check(ABOUT, ".bakeoff", OK, f"for its owner alone (mode {mode:04o})")


def _readable(visit: Visit, places: Places) -> Iterator[Check]:
    """Files in .bakeoff that others could read if they got there."""
    secret = [places.private / "secret"] if (places.private / "secret").is_file() else []
    files = [*sorted(places.truth.glob("*.parquet")), *secret]
    loose = [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if visit.mend:
        for path in loose:
            path.chmod(0o600)
        loose = []
    if loose:
        found = f"others could read {some([str(path.relative_to(places.root)) for path in loose])}"
        yield Check(ABOUT, "truth", WARNING, found, f"{visit.command} sets them to 0600")


def _tables(places: Places) -> Iterator[Check]:
    count, lost = 0, []
    for path in sorted(places.tasks.glob("*.toml")):
        try:
            task = read_task(path)
        except BakeoffError as error:
            yield Check(ABOUT, path.name, WRONG, str(error), "mend that line, then look again")
            continue
        count += 1
        wanted = [places.tables / task.table / name for name in TABLE_FILES]
        wanted.append(places.truth / f"{task.table}.parquet")
        lost += [str(one.relative_to(places.root)) for one in wanted if not one.is_file()]
    if lost:
        yield Check(ABOUT, "tables", WRONG, f"{some(lost)} {'is' if len(lost) == 1 else 'are'} not there", RESTORE)
    else:
        yield Check(ABOUT, "tables", OK, f"{counted(count, 'task')}, each with its table and its truth")


def _secret(places: Places) -> Check | None:
    path = places.private / "secret"
    if not path.exists():
        if not (places.private / "store.db").exists():
            return None  # made when first used
        return Check(ABOUT, "secret", WRONG, "it is not there, so kept answers no longer meet their plans", RESTORE)
    try:
        good = len(bytes.fromhex(path.read_text(encoding="ascii").strip())) == SECRET_BYTES
    except (OSError, ValueError):
        good = False
    return (
        None
        if good
        else Check(ABOUT, "secret", WRONG, f"{path} does not hold a secret of {SECRET_BYTES} bytes", RESTORE)
    )


def _half_built(visit: Visit, places: Places) -> Iterator[Check]:
    """Environments whose builder has died; one that is being built holds a lock."""
    rooms = [room for room in sorted(places.environments.glob("*.partial*")) if not is_locked(room / "lock")]
    if visit.mend and rooms:
        import fcntl

        from bakeoff.arena.environments import sweep_room

        for room in rooms:
            sweep_room(room, fcntl.LOCK_EX | fcntl.LOCK_NB)
        rooms = [room for room in rooms if room.exists()]
    if rooms:
        found = f"{counted(len(rooms), 'environment')} half built: {some([room.name[:12] for room in rooms])}"
        yield Check(
            ABOUT, "environments", WARNING, found, f"{visit.command} takes them away; they are built anew when needed"
        )
