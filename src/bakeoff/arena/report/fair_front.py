"""Quality against fairness on the page: entries by their widest gaps, and the front."""

from __future__ import annotations

from dataclasses import dataclass

from bakeoff.arena.board import Board
from bakeoff.arena.fairness_words import FairLine, fair_lines, gap_metrics, gap_note
from bakeoff.arena.report.charts import fairness_chart
from bakeoff.arena.report.matrix import entry_anchor


@dataclass(frozen=True)
class FairRow:
    """A line with the id of its entry's scorecard."""

    line: FairLine
    anchor: str


@dataclass(frozen=True)
class FairnessView:
    """Entries by their gaps, the fairest first; the charts are safe markup."""

    note: str
    rows: tuple[FairRow, ...]
    front: tuple[str, ...]
    wide: str
    narrow: str


def fairness_view(board: Board, track: int = 0) -> FairnessView | None:
    """A track's entries by their widest gaps; None where no gap is known."""
    metrics = gap_metrics(board)
    lines = fair_lines(board, metrics[0]) if metrics else ()
    if not lines:
        return None
    rows = tuple(FairRow(line, entry_anchor(track, line.place)) for line in lines)
    front = tuple(line.row.entry for line in lines if line.on_front)
    charts = (fairness_chart(lines, f"fair-wide-{track}"), fairness_chart(lines, f"fair-narrow-{track}", narrow=True))
    return FairnessView(gap_note(lines, metrics[0]), rows, front, *charts)
