"""Versions of a challenge's tables: what each was, citing it, taking it elsewhere, and until when it may be run.

A table changes only by a new version. The former one is kept with its truth, and its digest, which every cell's task
carries, goes on naming it.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bakeoff.arena.challenge_files import Places, read_task
from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Table

TRUTH = "truth"  # the folder of an exported table that holds the test rows' targets


@dataclass(frozen=True)
class Version:
    """One version of a table: its number from 1, digest, day (ISO 8601), rows, and what was said of the change."""

    number: int
    digest: str
    day: str
    rows: int
    note: str = ""


def today() -> str:
    """The present day in UTC as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def versions(places: Places, name: str) -> list[Version]:
    """The versions of a table, oldest first; empty when nothing was written down yet."""
    log = _home(places, name) / "log.json"
    return [Version(**said) for said in json.loads(log.read_text(encoding="utf-8"))] if log.is_file() else []


def present(places: Places, name: str, note: str = "") -> Version:
    """The version of a table that lies in the challenge now, written down as its newest unless it is already."""
    card = json.loads((places.tables / name / "card.json").read_text(encoding="utf-8"))
    task = places.tasks / f"{name}.toml"
    # An edited table.toml makes another table of the same files; the task knows its digest.
    digest = read_task(task).table_digest if task.is_file() else card["digest"]
    known = versions(places, name)
    if known and known[-1].digest == digest:
        return known[-1]
    made = Version(len(known) + 1, digest, today(), card["rows"]["all"], note)
    home = _home(places, name)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(home / "log.json", json.dumps([asdict(each) for each in [*known, made]], ensure_ascii=False, indent=1))
    return made


def next_number(places: Places, name: str, digest: str) -> int:
    """The number that a table of this digest has or gets: the newest version's where that is the same."""
    known = versions(places, name)
    return known[-1].number if known and known[-1].digest == digest else len(known) + 1


def archive(places: Places, name: str) -> Path:
    """Keep the present files of a table and its truth before another version takes their place; gives their folder."""
    number = present(places, name).number
    kept = _home(places, name) / str(number)
    with tempfile.TemporaryDirectory(prefix=f".{number}-", dir=kept.parent) as making:
        whole = Path(making) / "whole"
        _gather(places.tables / name, places.truth / f"{name}.parquet", whole)
        if kept.exists():
            kept.rename(Path(making) / "former")  # the same content, with what was said of it then
        whole.rename(kept)
    return kept


def remove(places: Places, name: str) -> Path:
    """Put a table and its truth aside as its last version and remove its tasks; gives where its files are kept."""
    kept = archive(places, name)
    for path in sorted(places.tasks.glob("*.toml")):
        if read_task(path).table == name:
            path.unlink()
    shutil.rmtree(places.tables / name)
    (places.truth / f"{name}.parquet").unlink(missing_ok=True)
    return kept


def export(places: Places, name: str, to: Path, *, number: int = 0, with_truth: bool = False) -> Path:
    """Copy a version of a table (the newest when `number` is 0) to the new folder `to`, in standard form.

    With its truth it can be added to another challenge, and is there the same table with the same digest. Raises
    NotFound for an unknown version, UsageError when `to` is there already.
    """
    from bakeoff.tables.folders import complete

    if to.exists():
        raise UsageError(f"{str(to)!r} is there already; export to a new folder.")
    source, truth = _files(places, name, number)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as making:
        whole = Path(making) / "whole"
        _gather(source, truth if with_truth else None, whole)
        complete(whole)
        whole.rename(to)
    return to


def cite(places: Places, name: str, number: int = 0) -> str:
    """How to cite a version of a table, the newest when `number` is 0; NotFound for an unknown version.

    The owner's terms follow, the last day on which it may be run, and how many rows of the truth were corrected.
    """
    from bakeoff.arena.corrections import correction_note
    from bakeoff.tables import read_settings
    from bakeoff.tables.croissant import citation

    source, _ = _files(places, name, number)
    known = versions(places, name)
    version = known[(number or len(known)) - 1]
    table = Table(name, (), version.rows, version.digest)
    settings = read_settings(source)
    newest, task = version.number == len(known), places.tasks / f"{name}.toml"
    said = [
        citation(table, settings, version.number),
        correction_note(places, read_task(task)) if newest and task.is_file() else "",
        f"terms: {settings.terms}" if settings.terms else "",
        f"may be run until {settings.expires}" if settings.expires else "",
    ]
    return "; ".join(filter(None, said))


def _files(places: Places, name: str, number: int) -> tuple[Path, Path]:
    """The folder and the truth of a version of a table."""
    newest = present(places, name).number
    if not 0 <= number <= newest:
        raise NotFound(f"The table {name!r} has no version {number}; it has 1 to {newest}.")
    if number in (0, newest):
        return places.tables / name, places.truth / f"{name}.parquet"
    kept = _home(places, name) / str(number)
    if not kept.exists():
        raise NotFound(f"The files of version {number} of {name!r} were not kept; take a newer version.")
    return kept, kept / TRUTH / f"{name}.parquet"


def is_exported(folder: Path) -> bool:
    """Whether a folder holds a table in standard form with its truth, as `export` writes it."""
    return (folder / "table.toml").is_file() and (folder / "train.parquet").is_file() and (folder / TRUTH).is_dir()


def last_day(places: Places, name: str) -> str:
    """The last day (ISO 8601) on which a table may be run; empty where nobody set one."""
    from bakeoff.tables import read_settings

    return str(read_settings(places.tables / name).expires)


def expiry(places: Places, name: str) -> str:
    """The last day of a table that may not be run any more; empty while it may."""
    last = last_day(places, name)
    return last if last and last < today() else ""


def expired(places: Places, name: str) -> str:
    """The sentence that says since when a table may not be run any more; empty while it may."""
    last = expiry(places, name)
    return last and f"The table {name!r} expired on {last}, so nothing is run on it; ask its owner for a later day."


def _home(places: Places, name: str) -> Path:
    return places.private / "versions" / name


def _gather(source: Path, truth: Path | None, to: Path) -> None:
    leave: Callable[[Any, list[str]], set[str]] = shutil.ignore_patterns(TRUTH)
    shutil.copytree(source, to, ignore=leave)
    if truth is not None:
        (to / TRUTH).mkdir(mode=0o700)
        shutil.copy2(truth, to / TRUTH / truth.name)


def _write(path: Path, text: str) -> None:
    handle, making = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(making, path)
