"""One table's data card as a page of its own."""

from __future__ import annotations

from pathlib import Path

from bakeoff.arena.card_words import Card
from bakeoff.arena.report.page import TEMPLATES, environment
from bakeoff.arena.report.tablecard import card_view


def card_html(card: Card, path: str | Path) -> Path:
    """Write a table's data card as one HTML file to `path`; returns that path."""
    path = Path(path)
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    page = environment().get_template("card.html.j2")
    shown = page.render(table=card_view(card), style=style, sampled=bool(card.get("sampled")))
    path.write_text(shown, encoding="utf-8", errors="replace")
    return path
