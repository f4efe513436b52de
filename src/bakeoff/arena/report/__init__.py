"""The report: a board and its tables' cards as one self-contained HTML file, and as a fragment for a notebook.

Here records become markup and charts; nothing is computed that the board does not already say. Every name, reason, log
line and table cell is a stranger's text and is escaped; the page asks for nothing from outside and works without
scripts.
"""

from bakeoff.arena.report.cardpage import card_html
from bakeoff.arena.report.fragment import board_fragment
from bakeoff.arena.report.page import report_html, report_page

__all__ = ["board_fragment", "card_html", "report_html", "report_page"]
