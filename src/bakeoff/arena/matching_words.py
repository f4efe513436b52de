"""What a board says of matching tasks: how well pairs are told, and what linkage entries linked end to end.

The terminal and the page both speak through this file, so they never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, Square, TaskColumn
from bakeoff.arena.parts import PUBLIC
from bakeoff.nouns import Outcome

KIND = "matching"
PAIRS_TITLE = "Test pairs"
LINKS_TITLE = "Links between all records"
PAIRS_NOTE = (
    "F1, precision and recall at the entry's own threshold, a match being more likely than not; best F1 at the "
    "threshold that is best for these very pairs, which nobody knows beforehand."
)
LINKS_NOTE = (
    "F1, precision and recall of the pairs linked with a score above 0.5; candidates are links of any score. Clusters "
    "are what links join, compared record by record (B-cubed) and as wholes."
)
PUBLIC_PAIRS = "Clusters are judged with all labels, so they are not shown for the public pairs."


@dataclass(frozen=True)
class Measure:
    """A figure of matching: its name in a square, and how it is headed on the page and on two lines of a terminal."""

    name: str
    title: str
    short: tuple[str, str]
    counts: bool = False


PAIRS = (
    Measure("f1", "F1", ("", "F1")),
    Measure("precision", "Precision", ("preci-", "sion")),
    Measure("recall", "Recall", ("", "recall")),
    Measure("average_precision", "Average precision", ("avg.", "precis.")),
    Measure("best_f1", "Best F1", ("best", "F1")),
)
LINKS = (
    Measure("linkage: link_f1", "Link F1", ("link", "F1")),
    Measure("linkage: link_precision", "Link precision", ("preci-", "sion")),
    Measure("linkage: link_recall", "Link recall", ("", "recall")),
    Measure("linkage: candidate_recall", "Candidate recall", ("cand.", "recall")),
    Measure("linkage: candidates_per_record", "Candidates per record", ("per", "record"), counts=True),
    Measure("linkage: b_cubed_f1", "B-cubed F1", ("B-cubed", "F1")),
    Measure("linkage: cluster_f1", "Cluster F1", ("cluster", "F1")),
)


@dataclass(frozen=True)
class Matched:
    """One entry's figures on a matching task; `place` is its row on the board, `figures` are by name of a measure."""

    entry: str
    place: int
    baseline: bool
    figures: Mapping[str, Estimate]

    def told(self, measure: Measure) -> Estimate | None:
        """The figure, None where it is not known."""
        found = self.figures.get(measure.name)
        return found if found is not None and words.known(found.value) else None


@dataclass(frozen=True)
class Section:
    """One table of figures on a matching task, its entries best first."""

    title: str
    note: str
    measures: tuple[Measure, ...]
    lines: tuple[Matched, ...]


@dataclass(frozen=True)
class MatchingBlock:
    """What a board says of one matching task; `unsaid` tells which figures of links are not shown."""

    task: TaskColumn
    sections: tuple[Section, ...]
    unsaid: str = ""


def matching_blocks(board: Board) -> tuple[MatchingBlock, ...]:
    """A block for each matching task that an entry has finished, in board order; none on boards of other kinds.

    Links are there for entries that link records themselves.
    """
    found = []
    for column in board.columns:
        lines = _lines(board, column) if column.task.kind == KIND else ()
        sections = (
            _section(PAIRS_TITLE, PAIRS_NOTE, PAIRS, lines),
            _section(LINKS_TITLE, LINKS_NOTE, LINKS, lines),
        )
        if any(section.lines for section in sections):
            linked = bool(sections[1].lines)
            unsaid = PUBLIC_PAIRS if linked and column.part == PUBLIC else ""
            found.append(MatchingBlock(column, tuple(section for section in sections if section.lines), unsaid))
    return tuple(found)


def _lines(board: Board, column: TaskColumn) -> tuple[Matched, ...]:
    lines = []
    for place, row in enumerate(board.rows):
        square = board.squares.get((row.entry, column.task.name))
        if square is not None and square.outcome is Outcome.DONE:
            lines.append(Matched(row.entry, place, row.baseline, _figures(square, column.task.metric)))
    return tuple(lines)


def _figures(square: Square, metric: str) -> dict[str, Estimate]:
    return {**square.figures, **({metric: square.raw} if square.raw is not None else {})}


def _section(title: str, note: str, measures: tuple[Measure, ...], lines: tuple[Matched, ...]) -> Section:
    """The lines that know any of the measures, by the first one, the highest first; those without it come last."""
    told = [line for line in lines if any(line.told(measure) for measure in measures)]
    held = [(line.told(measures[0]), line) for line in told]
    held.sort(key=lambda pair: -pair[0].value if pair[0] is not None else 1.0)
    known = tuple(measure for measure in measures if any(line.told(measure) for line in told))
    return Section(title, note, known, tuple(line for _, line in held))
