"""Writing a challenge as one file: its files, the rows of its store, and the answers that they name.

All rows are of one moment, and whatever they name was written before them, so a runner may go on meanwhile. The file
appears under its name only when it was read back and found whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.arena.challenge_files import Places
from bakeoff.arena.store.artefacts import SHOWN, ArtefactLost
from bakeoff.arena.store.bundle import ARTEFACTS, FILES, PIECE, ROWS, Bundle, Watch, Writer, unwatched
from bakeoff.arena.store.dump import RUNNING, artefact_names, dumps, snapshot
from bakeoff.arena.store.holdings import TOPS, Held, held
from bakeoff.arena.store.schema import version
from bakeoff.errors import BakeoffError, StoreError, UsageError

if TYPE_CHECKING:
    from bakeoff.arena.challenge import Challenge


@dataclass(frozen=True)
class BackedUp:
    """A backup that was made: where it is, its size in bytes, and how much of what is in it.

    `lost` are artefacts that rows name and that were missing or damaged; `left_out` are sentences about what the
    challenge uses and a backup does not hold.
    """

    path: Path
    size: int
    files: int
    rows: int
    artefacts: int
    lost: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class _Progress:
    """Counts bytes towards a total for one watch."""

    def __init__(self, watch: Watch, doing: str, total: int) -> None:
        self.watch, self.doing, self.total, self.done = watch, doing, total, 0

    def advance(self, count: int) -> None:
        self.done += count
        self.watch(self.doing, self.done, self.total)


def back_up(challenge: Challenge, to: Path, *, replace: bool = False, watch: Watch = unwatched) -> BackedUp:
    """Write the challenge to the file `to`, for its owner's eyes only, and read it back.

    Raises UsageError when `to` is there already and not to be replaced, StoreError when it cannot be written or when
    files were changed meanwhile; then nothing is left under that name.
    """
    _check(challenge.places, to, replace)
    to = to.absolute()
    challenge.places.secret()
    store = challenge.store
    try:
        writer = Writer(to)
    except OSError as error:
        raise StoreError(f"A backup cannot be written to {to}: {error.strerror or error}.") from error
    try:
        rows = 0
        with snapshot(store.access) as connection:
            schema = version(connection)
            names = artefact_names(connection)
            for dump in dumps(connection):
                counted = _Counted(dump.lines)
                writer.add(f"{ROWS}/{dump.table}.jsonl", counted, _Progress(watch, "rows", 0).advance)
                # The first line says which columns there are; who was running what is not restored.
                rows += 0 if dump.table in RUNNING else counted.count - 1
        before = list(held(challenge.places, _kept_elsewhere(challenge)))
        progress = _Progress(watch, "files", sum(one.size for one in before))
        for one in before:
            pieces = _pieces(challenge.places.root / one.name)
            writer.add(f"{FILES}/{one.name}", pieces, progress.advance, one.changed)
        lost = _add_artefacts(writer, challenge, names, watch)
        _compare(challenge, before)
        writer.finish(_about(challenge, schema))
        _read_back(writer.beside, watch)
        writer.keep()
    except BakeoffError:
        writer.discard()
        raise
    except OSError as error:
        writer.discard()
        said = f"The backup {to} could not be written: {error.strerror or error}"
        raise StoreError(f"{said}; make room, or name another place. Nothing was left there.") from error
    except BaseException:
        writer.discard()
        raise
    made = (len(before), rows, len(names) - len(lost))
    return BackedUp(to, to.stat().st_size, *made, tuple(lost), tuple(_left_out(challenge)))


class _Counted:
    def __init__(self, lines: object) -> None:
        self.lines, self.count = lines, 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self.lines:  # type: ignore[attr-defined]
            self.count += 1
            yield line


def _check(places: Places, to: Path, replace: bool) -> None:
    whole = to.absolute()
    inside = whole.relative_to(places.root).parts[:1] if whole.is_relative_to(places.root) else ()
    if to.is_dir():
        raise UsageError(f"{str(to)!r} is a folder; name a file in it, such as {str(to / 'backup.zip')!r}.")
    if inside and inside[0] in TOPS:
        raise UsageError(f"{str(to)!r} lies in what is backed up itself; name a place outside of {inside[0]}.")
    if not whole.parent.is_dir():
        raise UsageError(f"{str(to)!r} lies in a folder that is not there; make it first.")
    if to.exists() and not to.is_file():
        raise UsageError(f"{str(to)!r} is not a file; name one.")
    if to.exists() and not replace:
        raise UsageError(f"{str(to)!r} is there already; name a new file, or write over it with --replace.")


def _kept_elsewhere(challenge: Challenge) -> frozenset[Path]:
    """A database file or an artefacts folder that the rules put in the midst of the challenge's own files."""
    from bakeoff.arena.store.holdings import BESIDE

    found = []
    if challenge.store.access.sqlite:
        database = Path(challenge.store.access.where).absolute()
        found += [database, *(database.with_name(database.name + ending) for ending in BESIDE)]
    place = challenge.store.artefacts.place
    if isinstance(place, Path):
        found.append(place.absolute())
    return frozenset(path.resolve() for path in found)


def _add_artefacts(writer: Writer, challenge: Challenge, names: list[str], watch: Watch) -> list[str]:
    """Write the artefacts, and give those that are lost."""
    artefacts, lost = challenge.store.artefacts, []
    sizes = artefacts.sizes()
    progress = _Progress(watch, "kept answers", sum(sizes.get(name, 0) for name in names))
    for name in names:
        try:
            data = artefacts.get(name)
        except ArtefactLost:
            lost.append(name)
            continue
        writer.add(f"{ARTEFACTS}/{name}", [data])
        progress.advance(len(data))
    return lost


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _compare(challenge: Challenge, before: list[Held]) -> None:
    """A file that was changed while it was read may be half the old and half the new one."""
    after = {one.name: one for one in held(challenge.places, _kept_elsewhere(challenge))}
    for one in before:
        if after.get(one.name) != one:
            raise StoreError(
                f"{challenge.places.root / one.name} was changed while it was backed up; "
                "back up again when no table or entry is being brought in."
            )


def _about(challenge: Challenge, schema: str) -> dict[str, str]:
    import bakeoff

    return {
        "title": challenge.rules.title,
        "name": challenge.places.root.name,
        "schema": schema,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_with": f"Bakeoff {bakeoff.__version__}",
    }


def _read_back(path: Path, watch: Watch) -> None:
    made = Bundle(path)
    try:
        made.check(watch)
    finally:
        made.close()


def _left_out(challenge: Challenge) -> Iterator[str]:
    """What the rules name and a backup does not hold."""
    for key in ("wheelhouse", "models"):
        if folder := getattr(challenge.rules.environments, key):
            yield f"{key} = {folder!r} of challenge.toml is not in it; keep a copy of that folder."


def told_lost(lost: tuple[str, ...]) -> str:
    """One sentence about artefacts that could not be backed up; empty when there are none."""
    if not lost:
        return ""
    first = ", ".join(name[:SHOWN] for name in lost[:3]) + (" ..." if len(lost) > 3 else "")
    them = "answers of one cell are" if len(lost) == 1 else f"answers of {len(lost)} cells are"
    return f"The {them} missing or damaged ({first}), so they are not in it; run again to make them anew."
