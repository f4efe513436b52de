"""A board as a piece of HTML for a notebook: the ranking as a table and as a plot."""

from __future__ import annotations

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board
from bakeoff.arena.report.charts import ranking_chart
from bakeoff.arena.report.page import TEMPLATES, environment
from bakeoff.arena.report.ranking import ranking
from bakeoff.nouns import digest


def board_fragment(board: Board) -> str:
    """The board as an HTML fragment with its own scoped style; it takes the colours of the page around it."""
    told = [board.title, board.track, board.question, board.rows]
    # Two boards in one notebook must not share ids, and the same board must give the same text.
    name = f"bakeoff-{digest(repr(told).encode('utf-8', 'replace'))[:12]}"
    template = environment().get_template("fragment.html.j2")
    return str(
        template.render(
            board=board,
            headline=words.headline(board),
            compared=words.compared(board),
            ranking=ranking(board),
            chart=ranking_chart(board, name),
            legend=words.legend_line(board),
            shown=words.rows_shown(board),
            words=words,
            style=(TEMPLATES / "fragment.css").read_text(encoding="utf-8"),
        )
    )
