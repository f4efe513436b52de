"""The page: one HTML file that holds everything and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board
from bakeoff.arena.card_words import Card
from bakeoff.arena.privacy_words import NOTE
from bakeoff.arena.report.charts import cost_chart, points
from bakeoff.arena.report.fair_front import FairnessView, fairness_view
from bakeoff.arena.report.matching import MatchingView, matching_views
from bakeoff.arena.report.matrix import SPREAD_UP_TO, HeatRow, chance_matrix, task_matrix
from bakeoff.arena.report.privacy import ClaimRow, claim_rows
from bakeoff.arena.report.ranking import Ranking, ranking
from bakeoff.arena.report.scorecard import Scorecard, scorecards
from bakeoff.arena.report.tablecard import table_views

TEMPLATES = Path(__file__).parent / "templates"
LARGE = 20  # rows from which a heat map scrolls inside its own frame
OPEN_TABLES = 2


@dataclass(frozen=True)
class TrackView:
    """One board with all that the page draws of it; the charts are safe markup."""

    number: int
    board: Board
    headline: words.Headline
    compared: str
    ranking: Ranking
    roomy: bool
    tasks: tuple[HeatRow, ...]
    chances: tuple[HeatRow, ...]
    matching: tuple[MatchingView, ...]
    claims: tuple[ClaimRow, ...]
    fairness: FairnessView | None
    cost_wide: str
    cost_narrow: str
    front: tuple[str, ...]
    legend: str
    whole: tuple[str, ...]
    whole_line: str
    shaken: bool
    scorecards: tuple[Scorecard, ...]


def report_html(board: Board | Sequence[Board], cards: Mapping[str, Card], path: str | Path) -> Path:
    """Write the report of a board, or of the boards of all tracks, to `path`; returns that path."""
    path = Path(path)
    path.write_text(report_page(board, cards), encoding="utf-8", errors="replace")
    return path


def report_page(board: Board | Sequence[Board], cards: Mapping[str, Card]) -> str:
    """The report of a board, or of the boards of all tracks, as one HTML page; `cards` are data cards by table."""
    boards = (board,) if isinstance(board, Board) else tuple(board)
    tables = table_views(boards, cards)
    anchors = {view.name: view.anchor for view in tables}
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8").strip()
    return str(
        environment()
        .get_template("page.html.j2")
        .render(
            title=boards[0].title if boards else "Bake-off",
            question=boards[0].question if boards else "",
            shown=words.rows_shown(*boards),
            compared=words.compared(*boards),
            tracks=[_track(each, number, anchors) for number, each in enumerate(boards)],
            tables=tables,
            anchors=anchors,
            open_tables=len(tables) <= OPEN_TABLES,
            made_with=_made_with(boards),
            style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            large=LARGE,
            words=words,
            privacy_note=NOTE,
        )
    )


def _track(board: Board, number: int, anchors: Mapping[str, str]) -> TrackView:
    tables = {column.task.name: anchors[column.task.table] for column in board.columns}
    return TrackView(
        number=number,
        board=board,
        headline=words.headline(board),
        compared=words.compared(board),
        ranking=ranking(board, number),
        roomy=len(board.columns) <= SPREAD_UP_TO,
        tasks=task_matrix(board, number),
        chances=chance_matrix(board, number),
        matching=matching_views(board, number),
        claims=claim_rows(board, number),
        fairness=fairness_view(board, number),
        cost_wide=cost_chart(board, f"cost-wide-{number}"),
        cost_narrow=cost_chart(board, f"cost-narrow-{number}", narrow=True),
        front=tuple(point.row.entry for point in points(board) if point.on_front),
        legend=words.legend_line(board),
        whole=words.undivided(board),
        whole_line=words.undivided_line(board),
        shaken=words.shaken(board),
        scorecards=scorecards(board, tables, number),
    )


def _made_with(boards: Sequence[Board]) -> tuple[tuple[str, str], ...]:
    made: dict[str, Any] = {}
    for board in boards:
        made.update(board.made_with)
    return tuple((key.replace("_", " "), _said(value)) for key, value in made.items())


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(held)}" for key, held in value.items())
    return ", ".join(_said(held) for held in value) if isinstance(value, (list, tuple)) else str(value)


def environment() -> Any:
    """The template environment: everything is escaped, and strangers' text loses its control characters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )


def _finalize(value: Any) -> Any:
    # Markup is a str too, but has been escaped already.
    return words.printable(value) if type(value) is str else value
