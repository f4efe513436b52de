"""An owner's report as one HTML file that holds everything and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from bakeoff.arena import board_words as words
from bakeoff.arena.owner.report import OwnerReport
from bakeoff.arena.owner.rows import Example
from bakeoff.arena.owner.words import amount, metric_word, signed
from bakeoff.arena.report.owner_charts import curve_chart, headroom_chart, slices_chart
from bakeoff.arena.report.page import TEMPLATES, environment
from bakeoff.arena.report.tablecard import PICTURE

COLUMNS = 10  # of a row's cells; the rest stand in the file of doubtful labels


@dataclass(frozen=True)
class RowView:
    """A row of the table as the page draws it: (column, text, picture) cells, and who answered what."""

    place: str
    label: str
    answers: tuple[tuple[str, str], ...]
    cells: tuple[tuple[str, str, str], ...]


def owner_html(report: OwnerReport, path: str | Path) -> Path:
    """Write an owner's report to `path`; returns that path."""
    path = Path(path)
    path.write_text(owner_page(report), encoding="utf-8", errors="replace")
    return path


def owner_page(report: OwnerReport) -> str:
    """An owner's report as one HTML page."""
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8").strip()
    style = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "owner.css"))
    slices = report.slices
    told = () if slices is None else slices.slices
    return str(
        environment()
        .get_template("owner.html.j2")
        .render(
            report=report,
            metric=metric_word(report.metric),
            words=words,
            amount=amount,
            signed=signed,
            **_charts(report),
            doubts=[(doubt, _row(doubt.example)) for doubt in report.errors.doubts if doubt.example],
            most=max([doubt.confidence for doubt in report.errors.doubts], default=1.0),
            slice_rows=[(each, [_row(row) for row in each.examples]) for each in told],
            style=style,
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _charts(report: OwnerReport) -> dict[str, str]:
    """Each chart twice: for a desk and for a phone."""
    drawn = {}
    for end, narrow in (("chart", False), ("narrow", True)):
        drawn[f"headroom_{end}"] = headroom_chart(report, f"headroom-{end}", narrow)
        drawn[f"curve_{end}"] = curve_chart(report, f"curve-{end}", narrow)
        drawn[f"slices_{end}"] = "" if report.slices is None else slices_chart(report.slices, f"slices-{end}", narrow)
    return drawn


def _row(row: Example) -> RowView:
    pictures = {name: uri for name, uri in row.pictures.items() if PICTURE.fullmatch(uri)}
    first = [*pictures, *(name for name in row.cells if name not in pictures)][:COLUMNS]
    cells = tuple((name, row.cells.get(name, ""), pictures.get(name, "")) for name in first)
    return RowView(row.place, row.label, tuple(row.answers.items()), cells)
