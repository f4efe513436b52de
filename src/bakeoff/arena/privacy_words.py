"""What boards, scorecards and pages say of privacy: claims, bounds beside their ceilings, and verdicts.

The terminal and the page both speak through this file. An audit accuses and never acquits, and its words say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, GroupFigure, PrivacyBound, PrivacyStand, Row
from bakeoff.arena.privacy_claims import claim_words

CONTRADICTED, INSUFFICIENT = "contradicted", "insufficient"
KINDS = {
    "canaries": "canaries of ranked cells",
    "halves": "fits on halves of the rows",
    "inserted": "inserted canaries",
}
SPELT = {"auc": "AUC", "tpr": "TPR", "fpr": "FPR", "lira": "LiRA", "rmia": "RMIA"}
NOTE = (
    "Epsilon is at least so much, at 95 %, and so many canaries can show the other figure at most. Verdicts are "
    "corrected for all claims of the challenge (Holm). An audit accuses and never acquits: not contradicted is not "
    "verified."
)


@dataclass(frozen=True)
class ClaimLine:
    """One entry's claim on one task in words: claimed, at least, at most, canaries, verdict and why.

    `place` is the entry's place on the board, and `kind` says by which canaries.
    """

    place: int
    entry: str
    task: str
    claimed: str
    least: str
    most: str
    canaries: str
    kind: str
    verdict: str
    reason: str

    @property
    def accused(self) -> bool:
        """Whether the claim is contradicted."""
        return self.verdict == CONTRADICTED


def claim_lines(board: Board) -> list[ClaimLine]:
    """A line for each claim, entry by entry as on the board; the one bound that says most of each."""
    found = []
    for place, row in enumerate(board.rows):
        for task, stand in _stands(board, row):
            if stand.claim is not None and (bound := stand.told) is not None:
                told = (
                    bound_words(bound.bound),
                    bound_words(bound.ceiling),
                    f"{bound.canaries:,}" if bound.canaries else "",
                )
                kind = KINDS.get(bound.of, bound.of)
                claimed = claim_words(stand.claim)
                found.append(ClaimLine(place, row.entry, task, claimed, *told, kind, bound.verdict, bound.reason))
    return found


def entry_claim(board: Board, row: Row) -> str:
    """An entry's claims in one sentence: what contradicts it most, and how many tasks say what."""
    mine = [line for line in claim_lines(board) if line.entry == row.entry]
    if not mine:
        return ""
    first = max(mine, key=lambda line: (line.accused, line.verdict == "not contradicted", float(line.least or 0)))
    counts = Counter(line.verdict for line in mine)
    several = "; of its tasks " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    several = several if len(mine) > 1 else ""
    shown = f": at least {first.least} at 95 %, of at most {first.most} that can be shown" if first.least else ""
    unsaid = not first.least or first.verdict == INSUFFICIENT
    why = f" ({words.one_line(first.reason)})" if unsaid and first.reason else ""
    return f"claims {first.claimed}; {first.verdict} on {words.one_line(first.task)}{shown}{why}{several}"


def stand_said(stand: PrivacyStand) -> str:
    """An entry's claim on one task with the bound that says most; empty where there is neither."""
    claimed = "" if stand.claim is None else f"Claims {claim_words(stand.claim)}"
    if (bound := stand.told) is None:
        return claimed
    if bound.bound is None:
        return "; ".join(filter(None, [claimed, bound.verdict, words.one_line(bound.reason)]))
    least = f"epsilon is at least {bound_words(bound.bound)} at 95 %, and {bound_words(bound.ceiling)} can be shown"
    why = words.one_line(bound.reason) if bound.verdict == INSUFFICIENT else ""
    return "; ".join(filter(None, [claimed, bound.verdict, least if claimed else least[:1].upper() + least[1:], why]))


def bound_words(value: float | None) -> str:
    """A bound on epsilon with two decimals; empty where there is none."""
    return "" if value is None else words.decimal(value)


def contradicted_mark(stands: Iterable[PrivacyStand | None]) -> str:
    """What a row says where claims are contradicted; empty where none is."""
    claimed = [stand for stand in stands if stand is not None and stand.claim is not None]
    bad = sum(stand.verdict == CONTRADICTED for stand in claimed)
    if not bad:
        return ""
    return "privacy claim contradicted" + (f" on {bad} of {len(claimed)} tasks" if len(claimed) > 1 else "")


@dataclass(frozen=True)
class AttackLine:
    """One attack, or one kind of canary, with its figures: (value, interval, why there is none)."""

    name: str
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class PrivacyPart:
    """One kind of canaries on one task: its bound, and a line of figures for each attack."""

    kind: str
    bound: PrivacyBound | None
    metrics: tuple[str, ...]
    lines: tuple[AttackLine, ...]

    @property
    def said(self) -> str:
        """The bound in a sentence; empty where there is none."""
        bound = self.bound
        if bound is None or bound.bound is None:
            return words.one_line(bound.reason) if bound is not None else ""
        delta = f" at delta {bound.delta:.0e}" if bound.delta else ""
        least = f"epsilon is at least {bound_words(bound.bound)}{delta} at 95 %"
        most = f"{bound.canaries:,} canaries can show {bound_words(bound.ceiling)} at most"
        why = "" if bound.verdict == CONTRADICTED else f": {words.one_line(bound.reason)}"
        verdict = f"; {bound.verdict}{why}" if bound.verdict else ""
        return f"{least}; {most}{verdict}"


def privacy_parts(stand: PrivacyStand) -> tuple[PrivacyPart, ...]:
    """All that is known of an entry's privacy on a task, kind of canaries by kind."""
    kinds = dict.fromkeys([*(bound.of for bound in stand.bounds), *(which.group for which in stand.figures)])
    bounds = {bound.of: bound for bound in stand.bounds}
    return tuple(_part(kind, bounds.get(kind), stand.figures) for kind in kinds)


def _part(kind: str, bound: PrivacyBound | None, figures: Mapping[GroupFigure, Estimate]) -> PrivacyPart:
    mine = {which: estimate for which, estimate in figures.items() if which.group == kind}
    metrics = tuple(dict.fromkeys(which.metric for which in mine))
    names = dict.fromkeys(which.variant for which in mine)
    # The strongest attack pays for the choice, and is what a reader wants first.
    ordered = sorted(names, key=lambda name: name != "strongest")
    found = {(which.variant, which.metric): estimate for which, estimate in mine.items()}
    lines = tuple(
        AttackLine(titled(name), tuple(_cell(found.get((name, metric))) for metric in metrics)) for name in ordered
    )
    return PrivacyPart(KINDS.get(kind, kind), bound, tuple(map(titled, metrics)), lines)


def titled(name: str) -> str:
    """A figure's or an attack's name as people write it: `TPR at 1 % FPR`, `LiRA offline per row`."""
    return " ".join(SPELT.get(word, word) for word in words.one_line(name).replace("_", " ").split())


def _cell(estimate: Estimate | None) -> tuple[str, str, str]:
    if estimate is None:
        return "", "", ""
    if not words.known(estimate.value):
        return "–", "", words.one_line(estimate.reason)
    interval = words.range_of(estimate) if words.known(estimate.low) and words.known(estimate.high) else ""
    return words.figure(estimate.value), interval, words.one_line(estimate.reason)


def _stands(board: Board, row: Row) -> Iterator[tuple[str, PrivacyStand]]:
    for column in board.columns:
        square = board.squares.get((row.entry, column.task.name))
        if square is not None and square.privacy is not None:
            yield column.task.name, square.privacy
