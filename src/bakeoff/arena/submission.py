"""Handing an entry in: unpacked, read, tried, kept, and written down."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.arena.archives import is_archive, unpack
from bakeoff.arena.entries import baselines, keep_entry, read_entry
from bakeoff.arena.environments import build_environment
from bakeoff.arena.supplies import Supplies, refusal
from bakeoff.arena.wall.confinement import Fittings, best_level
from bakeoff.errors import ConfinementError, EntryError, UsageError
from bakeoff.nouns import Entry

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge


@dataclass(frozen=True)
class Called:
    """What the caller says of an entry: its name and team, the tasks it is the final pick on, whether to try it."""

    name: str = ""
    team: str = ""
    picks: Sequence[str] = ()
    tried: bool = False


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The entry at a path: the path itself, or for an archive the folder of what it holds, while it is needed.

    EntryError for an archive that is not accepted; what is wrong inside it is told by the archive's name.
    """
    if not path.is_file() or not is_archive(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="bakeoff-unpacked-") as folder:
        place = unpack(path, Path(folder))
        try:
            yield place
        except EntryError as error:
            raise type(error)(str(error).replace(f"{place.parent}/", f"{path.name}: ")) from error


def submit(challenge: Challenge, path: Path, called: Called) -> tuple[Entry, int, tuple[str, ...], tuple[str, ...]]:
    """Read, try and keep the entry at `path`; gives it with its number, its picks and what its team should know."""
    with opened(path) as place:
        return hand_in(challenge, read_entry(place, name=called.name, team=called.team), called)


def hand_in(challenge: Challenge, entry: Entry, called: Called) -> tuple[Entry, int, tuple[str, ...], tuple[str, ...]]:
    """Keep an entry that was already read, and write the submission down."""
    _check_name(challenge, entry)
    known = [task.name for task in challenge.tasks()]
    tasks = [challenge._named("task", task, known) for task in called.picks]
    supplied = challenge.supplies()
    new = not (challenge.places.entries / entry.digest).exists()
    kept = keep_entry(entry, challenge.places.entries)
    try:
        remarks = _prepared(challenge, kept, supplied, called.tried)
    except BaseException:
        if new:
            shutil.rmtree(kept.source.folder, ignore_errors=True)
        raise
    number = challenge.store.submit(kept)
    for task in tasks:
        challenge.store.pick(kept.team, task, kept.name)
    return kept, number, tuple(tasks), remarks


def _prepared(challenge: Challenge, kept: Entry, supplied: Supplies, tried: bool) -> tuple[str, ...]:
    """Build a kept entry's environment and try it; gives what its team should know."""
    environment = None
    if kept.environment:
        environment = build_environment(Path(kept.source.folder), challenge.places.environments, supplied, kept.name)
    if why := refusal(kept, supplied.least, best_level()):
        return (f"It is kept, but cannot be run on this machine, and nothing is charged: {why}",)
    if not tried:
        return ()
    try:
        return _tried(challenge, kept, Fittings(environment, supplied.models, challenge.rules.limits.threads))
    except ConfinementError as error:
        return (f"It was not tried: {error}",)


def _check_name(challenge: Challenge, entry: Entry) -> None:
    if any(entry.name == baseline.name for baseline in baselines()):
        raise UsageError(
            f"{entry.name!r} is the name of a baseline; give the entry another name, "
            "with --name or by what its file is called."
        )
    other = next((one for one in challenge.store.entries() if one.name == entry.name and one.team != entry.team), None)
    if other is not None:
        raise UsageError(
            f"{entry.name!r} already belongs to team {other.team!r}; give the entry another name, "
            "with --name or by what its file is called."
        )


def _tried(challenge: Challenge, entry: Entry, fittings: Fittings) -> tuple[str, ...]:
    """What its team should know of an entry that was tried; EntryError for one that could not be run."""
    from bakeoff.arena.trial import Asked, try_code, try_predictions

    tasks: list[Any] = [challenge.data(task) for task in challenge.tasks()]
    limits = challenge.rules.limits
    if entry.source.form == "predictions":
        return try_predictions(entry, [Asked(data.task, data.row_ids) for data in tasks], limits)
    if entry.source.form == "code":
        try_code(entry, tasks, limits, fittings)
    return ()
