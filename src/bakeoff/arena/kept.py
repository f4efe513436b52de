"""Reading a challenge's store for a board: which cells count, their newest findings, and what audits have found."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bakeoff.arena.audits import audit_of, audits_kept
from bakeoff.arena.judging import version_of
from bakeoff.arena.matrix import Matrix
from bakeoff.arena.privacy_stands import JUDGE, Pair, Seen, Stands, claims_anything
from bakeoff.arena.scores import Kept
from bakeoff.nouns import Cell, CellResult, Claim, Entry, Finding, Outcome, Task

if TYPE_CHECKING:
    from bakeoff.arena.board import PrivacyStand
    from bakeoff.arena.challenge import Challenge

Wanted = Mapping[Cell, tuple[Entry, Task]]
Deeper = tuple[tuple[Claim | None, ...], tuple[Sequence[Finding], ...]]


@dataclass(frozen=True)
class Asked:
    """What a board of one track, or of all, is about; `past` are the tasks that have expired, with their last day."""

    entries: Sequence[Entry]
    tasks: Sequence[Task]
    past: Mapping[str, str]
    seeds: int
    wanted: Wanted


class Reader:
    """One look into a challenge's store."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        self.every: dict[str, CellResult] = challenge.store.results()
        places = challenge.places
        self.matrix = Matrix(challenge.store, places.secret(), challenge.data, places.environments)

    def asked(self, track: str | None) -> Asked:
        """The cells of one track's board, or those of all tracks."""
        from bakeoff.arena.versions import expiry

        tasks = self.challenge.tasks(track)
        entries = [entry for entry in self.challenge.entries() if entry.is_for(tasks)]
        past = {task.name: day for task in tasks if (day := expiry(self.challenge.places, task.table))}
        seeds = self.seeds_ranked(entries, tasks, past)
        return Asked(entries, tasks, past, seeds, self.matrix.cells(entries, tasks, seeds))

    def ranked(self) -> list[CellResult]:
        """All kept results but those of audits."""
        return [result for result in self.every.values() if audit_of(result) is None]

    def seeds_kept(self) -> int:
        """How many seeds any kept result has, and at least what the rules ask for."""
        return max([self.challenge.rules.seeds, *(result.cell.seed + 1 for result in self.ranked())])

    def seeds_ranked(self, entries: Sequence[Entry], tasks: Sequence[Task], past: Container[str]) -> int:
        """How many seeds the board spans: what the rules ask for, and further ones that every complete entry has run.

        One cell with one more seed must not make all other rows incomplete; nor does a `past` task that nobody has run.
        """
        run = {(r.cell.entry_digest, r.cell.task_digest, r.cell.seed) for r in self.ranked()}
        begun = {task for _, task, _ in run}
        tasks = [task for task in tasks if task.name not in past or task.digest in begun]

        def have(some: Sequence[Entry], seed: int) -> list[Entry]:
            return [entry for entry in some if all((entry.digest, task.digest, seed) in run for task in tasks)]

        seeds = self.challenge.rules.seeds
        complete = list(entries)
        for seed in range(seeds):
            complete = have(complete, seed)
        while complete and len(have(complete, seeds)) == len(complete):
            seeds += 1
        return seeds

    def findings(self, wanted: Wanted) -> dict[str, list[Finding]]:
        """The findings of these cells by judges in their present versions."""
        newest = {
            (c.id, judge.name): version_of(judge, task)
            for c, (_, task) in wanted.items()
            for judge in self.matrix.judges
        }
        found = self.challenge.store.findings([cell.id for cell in wanted])
        return {
            cell: [finding for version, finding in held if newest.get((cell, finding.judge)) == version]
            for cell, held in found.items()
        }

    def kept(self, track: str | None, part: str) -> Kept:
        """What a board of a track reads; `part` says which test rows count."""
        from bakeoff.arena.corrections import correction_note
        from bakeoff.arena.parts import notice
        from bakeoff.arena.versions import expired
        from bakeoff.arena.withheld import is_kept, shown

        challenge, asked = self.challenge, self.asked(track)
        places, rules, tasks = challenge.places, challenge.rules, asked.tasks
        cells = {(c.entry, c.task, c.seed): c for c in asked.wanted}
        withheld = [] if challenge.for_organiser else [t for t in tasks if is_kept(places, rules, t)]
        held = {cell.id: self.every[cell.id] for cell in cells.values() if cell.id in self.every}
        results = shown(held, withheld)
        findings = self.findings(asked.wanted)
        notes = {name: card.get("about", {}).get("notes", "") for name, card in challenge.cards().items()}
        for task in tasks:
            if said := " ".join(filter(None, [correction_note(places, task), expired(places, task.table)])):
                notes[task.table] = " ".join(filter(None, [notes.get(task.table, ""), said]))
        picks, newest = challenge.store.picks(), challenge.store.newest()
        return Kept(
            *(rules.title, asked.entries, tasks, asked.seeds, cells, results, findings, picks, rules.reference),
            notes=notes,
            newest=newest,
            part=part,
            notice=notice(part, rules.shows, tasks),
            expired=asked.past,
            privacy=self.stands(asked, findings),
        )

    # Privacy

    def stands(self, asked: Asked, findings: Mapping[str, Sequence[Finding]]) -> dict[Pair, PrivacyStand]:
        """Where the entries of a board stand with their claims; those of all tracks are tested together."""
        if not any(judge.name == JUDGE for judge in self.matrix.judges):
            return {}
        seen = self._seen(asked, findings)
        names, challenge = {task.name for task in asked.tasks}, self.challenge
        others = [track for track in challenge.tracks() if not names & {task.name for task in challenge.tasks(track)}]
        if others and claims_anything(challenge.entries(), self.every):
            for track in others:
                more = self.asked(track)
                seen += self._seen(more, self.findings(more.wanted))
        return {pair: stand for pair, stand in Stands(seen).by_pair().items() if pair[1] in names}

    def _seen(self, asked: Asked, findings: Mapping[str, Sequence[Finding]]) -> list[Seen]:
        claims: dict[Pair, list[Claim | None]] = {}
        told: dict[Pair, list[Sequence[Finding]]] = {}
        for cell in asked.wanted:
            result = self.every.get(cell.id)
            if result is not None and result.outcome is Outcome.DONE:
                claims.setdefault((cell.entry, cell.task), []).append(result.claim)
                mine = [finding for finding in findings[cell.id] if finding.judge == JUDGE]
                told.setdefault((cell.entry, cell.task), []).append(mine)
        audits = self._audits
        found = []
        for entry in asked.entries:
            for task in asked.tasks:
                pair = (entry.name, task.name)
                deeper = audits.get((entry.digest, task.digest), ((), ()))
                if pair in told or deeper[1]:
                    found.append(
                        Seen(entry, task.name, tuple(claims.get(pair, ())), tuple(told.get(pair, ())), *deeper)
                    )
        return found

    @cached_property
    def _audits(self) -> dict[Pair, Deeper]:
        """What audits claimed and found, by digests of entry and task; of each seed the one with more fits."""
        (judge,) = (judge for judge in self.matrix.judges if judge.name == JUDGE)
        cells = [result for result in self.every.values() if audit_of(result) is not None]
        ids = {audit: audit.id for audit in audits_kept(cells) if audit.judge == JUDGE}
        kept = self.challenge.store.findings(ids.values())
        versions = {task.digest: version_of(judge, task) for task in self.challenge.tasks()}
        newest: dict[tuple[str, str, int], list[Finding]] = {}
        for audit, of in sorted(ids.items(), key=lambda item: not item[0].quick):
            found = [finding for version, finding in kept[of] if version == versions.get(audit.task_digest)]
            if found:
                newest[audit.entry_digest, audit.task_digest, audit.seed] = found
        claims: dict[tuple[str, str, int], list[Claim | None]] = {}
        for result in cells:
            if result.outcome is Outcome.DONE:
                cell = result.cell
                claims.setdefault((cell.entry_digest, cell.task_digest, cell.seed), []).append(result.claim)
        done: dict[Pair, Deeper] = {}
        for (entry, task, seed), found in newest.items():
            before = done.get((entry, task), ((), ()))
            done[entry, task] = ((*before[0], *claims.get((entry, task, seed), ())), (*before[1], found))
        return done
