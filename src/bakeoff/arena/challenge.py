"""The challenge: the one door that the library, the commands and the tests go through.

It holds no logic of its own: tables come in through `intake`, cells run in `matrix`, boards come from `ranking`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bakeoff.arena.board import Board, Versus
from bakeoff.arena.challenge_files import Places, Rules, find_challenge, read_rules, read_task, write_rules
from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Cell, Entry, Limits, Table, Task

ON_THESE = "on these tables"
ON_NEW = "on a new table"


@dataclass(frozen=True)
class RunRequest:
    """Which part of the matrix to run; what is left empty means all of it, or what challenge.toml says."""

    entries: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    seeds: int = 0
    limits: Limits | None = None
    workers: int = 0
    again: bool = False


@dataclass(frozen=True)
class AuditRequest:
    """Which entries to audit on which task; `quick` asks for few fits, `again` judges what was judged already."""

    entries: tuple[str, ...]
    task: str
    quick: bool = False
    seed: int = 0
    limits: Limits | None = None
    workers: int = 0
    again: bool = False


@dataclass(frozen=True)
class Submission:
    """A version of an entry that was handed in; `number` counts all submissions of the challenge.

    `remarks` are what its team should know at once: why it would not run here, and what is wrong with its files.
    """

    entry: Entry
    number: int
    picks: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Challenge:
    """Tables, tasks, entries and a store in one folder.

    Boards and pages show what entries print and why they failed where the rules let them; with `for_organiser` always.
    """

    for_organiser = False

    def __init__(self, places: Places) -> None:
        self.places = places
        self.rules: Rules = read_rules(places)

    @classmethod
    def create(cls, folder: str | Path, *, title: str = "") -> Challenge:
        """A new challenge in `folder`; UsageError when one is there already."""
        places = Places(Path(folder).absolute())
        if places.rules.exists():
            raise UsageError(f"{folder} already holds a challenge; open it, or choose another folder.")
        places.private.mkdir(parents=True, exist_ok=True, mode=0o700)
        places.root.joinpath(".gitignore").write_text(".bakeoff/\n", encoding="utf-8")
        write_rules(places, title or places.root.name)
        places.secret()
        return cls(places)

    @classmethod
    def open(cls, folder: str | Path = ".") -> Challenge:
        """The challenge that `folder` lies in; NotFound when there is none."""
        return cls(find_challenge(Path(folder)))

    @classmethod
    def restore(cls, backup: str | Path, folder: str | Path = "", wanted: Any = None, watch: Any = None) -> Any:
        """Bring a challenge back from a backup into a new folder; see `store.restore.restore`."""
        from bakeoff.arena.store.bundle import unwatched
        from bakeoff.arena.store.restore import restore

        return restore(Path(backup), Path(folder) if folder else None, wanted, watch or unwatched)

    def backup(self, to: str | Path, *, replace: bool = False, watch: Any = None) -> Any:
        """Write all of the challenge to one file and read it back; see `store.backup.back_up`."""
        from bakeoff.arena.store.backup import back_up
        from bakeoff.arena.store.bundle import unwatched

        return back_up(self, Path(to), replace=replace, watch=watch or unwatched)

    def fetch_artefacts(self, backup: str | Path, watch: Any = None) -> Any:
        """Bring missing and damaged artefacts back from a backup; see `store.restore.fetch_artefacts`."""
        from bakeoff.arena.store.bundle import unwatched
        from bakeoff.arena.store.restore import fetch_artefacts

        return fetch_artefacts(self, Path(backup), watch or unwatched)

    @cached_property
    def store(self) -> Any:
        """The challenge's store, opened on first use."""
        from bakeoff.arena.store.artefacts import artefacts_place
        from bakeoff.arena.store.database import Store

        place = artefacts_place(self.rules.artefacts, self.places.root)
        return Store(self.places.private, self.rules.store, artefacts=place)

    def close(self) -> None:
        """Let go of the store."""
        if "store" in self.__dict__:
            self.store.close()
            del self.__dict__["store"]

    # Tables and tasks

    def add_table(self, source: Any, options: Any = None) -> Any:
        """Bring a table in (a path or a pandas frame) and make the task of its name; see `intake.add_table`."""
        from bakeoff.arena.intake import TableOptions, add_table

        return add_table(self.places, source, options or TableOptions())

    def tasks(self, track: str | None = None) -> list[Task]:
        """All tasks in order of name, or those of one track."""
        tasks = [read_task(path) for path in sorted(self.places.tasks.glob("*.toml"))]
        return [task for task in tasks if track in (None, task.track)]

    def tables(self) -> list[Table]:
        """The tables that the tasks ask about."""
        return [self.data(task).table for task in self.tasks()]

    def tracks(self) -> list[str]:
        """The tracks in order of name."""
        return sorted({task.track for task in self.tasks()})

    def data(self, task: Task) -> Any:
        """A task's rows, read once while this challenge is open."""
        from bakeoff.arena.corrections import corrected
        from bakeoff.arena.staging import task_data
        from bakeoff.tables import load

        kept: dict[tuple[str, str, int], Any] = self.__dict__.setdefault("_data", {})
        key = (task.table, task.digest, task.truth)  # two tables may hold the same
        if key not in kept:
            rows = task_data(task, load(self.places.tables / task.table, self.places.truth))
            kept[key] = corrected(rows, self.places)
        return kept[key]

    def cards(self) -> dict[str, Any]:
        """Each table's data card."""
        import json

        found = {}
        for task in self.tasks():
            path = self.places.tables / task.table / "card.json"
            if path.exists():
                found[task.table] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def versions(self, table: str) -> list[Any]:
        """The versions of a table, oldest first; see `versions.Version`."""
        from bakeoff.arena.versions import present, versions

        name = self._named("table", table, [task.table for task in self.tasks()])
        present(self.places, name)
        return list(versions(self.places, name))

    def export_table(self, table: str, to: str | Path, *, number: int = 0, with_truth: bool = False) -> Path:
        """Copy a version of a table (the newest when `number` is 0) to a new folder, in standard form."""
        from bakeoff.arena.versions import export

        name = self._named("table", table, [task.table for task in self.tasks()])
        return export(self.places, name, Path(to), number=number, with_truth=with_truth)

    def remove_table(self, table: str) -> Path:
        """Take a table and its tasks out of the challenge; gives the folder where it is kept, as its last version.

        Results stay in the store, and `add_table` of that folder brings the same table back.
        """
        from bakeoff.arena.versions import remove

        return remove(self.places, self._named("table", table, [task.table for task in self.tasks()]))

    def expires(self) -> dict[str, str]:
        """The last day (ISO 8601) on which each table may be run; only tables of which somebody has said it."""
        from bakeoff.arena.versions import last_day

        days = {task.table: last_day(self.places, task.table) for task in self.tasks()}
        return {table: day for table, day in days.items() if day}

    def citation(self, table: str, *, number: int = 0) -> str:
        """How to cite a version of a table, the newest when `number` is 0."""
        from bakeoff.arena.versions import cite

        return cite(self.places, self._named("table", table, [task.table for task in self.tasks()]), number)

    # Entries

    def entries(self) -> list[Entry]:
        """The house's entries that take part, then the submitted ones in their latest version."""
        from bakeoff.arena.entries import baselines

        return [*baselines(self.rules.baselines), *map(self._at_home, self.store.entries())]

    def _at_home(self, entry: Entry) -> Entry:
        """A submitted entry where its files are now, since a challenge's folder may have been moved."""
        home = self.places.entries / entry.digest
        return replace(entry, source=replace(entry.source, folder=str(home))) if home.is_dir() else entry

    def submit(
        self,
        path: str | Path,
        *,
        name: str = "",
        team: str = "",
        picks: Sequence[str] = (),
        tried: bool = False,
    ) -> Submission:
        """Hand in the entry at `path`; its files are copied, so that later changes need a new submission.

        `picks` names tasks on which this entry becomes the team's final pick. With `tried` its code is imported, or its
        prediction files are read, behind the wall first, and EntryError says what is wrong before anything is charged.
        """
        from bakeoff.arena.submission import Called, submit

        return Submission(*submit(self, Path(path), Called(name, team, picks, tried)))

    def hand_in(self, entry: Entry, picks: Sequence[str] = ()) -> Submission:
        """Keep an entry that was already read, and write the submission down."""
        from bakeoff.arena.submission import Called, hand_in

        return Submission(*hand_in(self, entry, Called(picks=picks)))

    def supplies(self) -> Any:
        """What the rules provide for entries' code and ask of the wall; UsageError for a folder that is not there."""
        from bakeoff.arena.supplies import supplies

        return supplies(self.places, self.rules)

    # Running, judging, the board

    def run(self, request: RunRequest | None = None, watcher: Any = None) -> Any:
        """Run the cells that are due and judge them; finished ones are kept from before."""
        from bakeoff.arena.runner import LocalRunner

        request = request or RunRequest()
        matrix, cells, limits = self._matrix(request, watcher)
        cells = self._unexpired(cells, watcher)
        return matrix.run(cells, limits, LocalRunner(request.workers, limits.threads), request.again)

    def judge(self, watcher: Any = None, again: bool = False) -> int:
        """Judge kept answers again without running anything; gives how many judgements were made."""
        from bakeoff.arena.audits import judge_kept
        from bakeoff.arena.kept import Reader

        matrix, cells, _ = self._matrix(RunRequest(seeds=Reader(self).seeds_kept()), watcher)
        return int(matrix.judge(cells, again)) + judge_kept(self, watcher, again)

    def audit(self, request: AuditRequest, watcher: Any = None) -> Any:
        """Judge entries deeper, by further fits in audit cells that no board ranks; those that are finished stay.

        Gives an `audits.AuditSummary`.
        """
        from bakeoff.arena.audits import Audits
        from bakeoff.arena.matrix import Silent

        return Audits(self, request, watcher or Silent()).run()

    def due(self, request: RunRequest | None = None) -> list[Cell]:
        """The cells that `run` would run."""
        request = request or RunRequest()
        matrix, cells, limits = self._matrix(request, None)
        return list(matrix.due(self._unexpired(cells, None), limits, request.again))

    def _unexpired(self, cells: Mapping[Cell, Any], watcher: Any) -> dict[Cell, Any]:
        """The cells on tables that may still be run; UsageError when there were cells and none may."""
        from bakeoff.arena.versions import expired

        said = {name: expired(self.places, name) for name in {task.table for _, task in cells.values()}}
        sentences = sorted(filter(None, said.values()))
        if cells and len(sentences) == len(said):
            raise UsageError(" ".join(sentences))
        for sentence in sentences if watcher is not None else ():
            watcher.message(sentence)
        return {cell: pair for cell, pair in cells.items() if not said[pair[1].table]}

    def _matrix(self, request: RunRequest, watcher: Any) -> tuple[Any, dict[Any, Any], Limits]:
        from bakeoff.arena.matrix import Matrix, Silent

        entries = self._chosen("entry", request.entries, self.entries())
        tasks = self._chosen("task", request.tasks, self.tasks())
        if not tasks:
            raise self._empty()
        given = (self.store, self.places.secret(), self.data, self.places.environments)
        matrix = Matrix(*given, watcher or Silent(), supplies=self.supplies())
        tasks = [self._newest(task, watcher or Silent()) for task in tasks]
        limits = request.limits or self.rules.limits
        return matrix, matrix.cells(entries, tasks, request.seeds or self.rules.seeds), limits

    def _empty(self) -> UsageError:
        command = f"bakeoff table add PATH --target COLUMN{self.places.option}"
        return UsageError(f"The challenge has no tables yet; bring one in with: {command}")

    def _newest(self, task: Task, watcher: Any) -> Task:
        """The task in the version of its table as it is now."""
        from bakeoff.arena.intake import newest_version

        newest = newest_version(self.places, task)
        if newest is not task:
            watcher.message(f"The table {task.table} was changed; its task is of a new version, and its cells are due.")
        return newest

    def _kept(self, track: str | None, part: str = "") -> Any:
        from bakeoff.arena.kept import Reader
        from bakeoff.arena.parts import PARTS

        return Reader(self).kept(track, self._named("part", part or self.rules.shows, PARTS))

    def board(self, track: str | None = None, *, new_tables: bool = False, part: str = "") -> Board:
        """The board of a track; of the only one, or the first, when none is named.

        `part` is test, public or private: which test rows count where they are divided; what the rules show when empty.
        """
        from bakeoff.arena.ranking import rank

        tracks = self.tracks()
        if not tracks:
            raise self._empty()
        track = self._named("track", track, tracks) if track else tracks[0]
        return rank(self._kept(track, part), track, ON_NEW if new_tables else ON_THESE)

    def boards(self, *, new_tables: bool = False, part: str = "") -> list[Board]:
        """The boards of all tracks."""
        return [self.board(track, new_tables=new_tables, part=part) for track in self.tracks()]

    def versus(self, a: str, b: str, *, track: str | None = None, new_tables: bool = False, part: str = "") -> Versus:
        """Entry `a` against entry `b`, table by table."""
        from bakeoff.arena.ranking import compare_two

        names = [entry.name for entry in self.entries()]
        first, second = self._named("entry", a, names), self._named("entry", b, names)
        if first == second:
            raise UsageError(f"{a!r} cannot be compared with itself; name two entries.")
        return compare_two(self._kept(track, part), first, second, ON_NEW if new_tables else ON_THESE)

    def report(self, path: str | Path, *, new_tables: bool = False, part: str = "") -> Path:
        """Write the boards of all tracks and each table's card as one HTML file."""
        from bakeoff.arena.report import report_html

        return Path(report_html(self.boards(new_tables=new_tables, part=part), self.cards(), Path(path)))

    def owner_report(self, table: str, *, curve: bool = False, entries: Sequence[str] = (), watcher: Any = None) -> Any:
        """What a table's owner wants to know after a run; see `owner_report.owner_report`.

        `curve` runs the cells of the learning curve that are missing, of `entries` or of a few chosen ones.
        """
        from bakeoff.arena.owner.report import owner_report

        return owner_report(self, table, curve=curve, entries=entries, watcher=watcher)

    def take(self, entry: str, table: str, to: str | Path = "", limits: Limits | None = None) -> Path:
        """Fit an entry on all labels of a table and save the predictor; `bakeoff.load` brings it back."""
        from bakeoff.arena.predictor import take
        from bakeoff.arena.versions import expired

        chosen = self._chosen("entry", (entry,), self.entries())[0]
        task = self._chosen("task", (table,), self.tasks())[0]
        if said := expired(self.places, task.table):
            raise UsageError(said)
        to = Path(to) if to else Path(f"{chosen.name}-on-{task.name}.predictor")
        given = (limits or self.rules.limits, self.places.environments, self.supplies())
        return take(chosen, self.data(task), to, *given)

    def _chosen(self, noun: str, names: Iterable[str], known: Sequence[Any]) -> list[Any]:
        by_name = {thing.name: thing for thing in known}
        wanted = [self._named(noun, name, list(by_name)) for name in names]
        return [by_name[name] for name in wanted] if wanted else list(known)

    @staticmethod
    def _named(noun: str, name: str, known: Sequence[str]) -> str:
        if name in known:
            return name
        near = difflib.get_close_matches(name, known, 1)
        plural = {"entry": "entries"}.get(noun, f"{noun}s")
        mend = f"did you mean {near[0]!r}?" if near else f"{plural} here are {', '.join(known) or 'none yet'}."
        raise NotFound(f"There is no {noun} {name!r}; {mend}")
