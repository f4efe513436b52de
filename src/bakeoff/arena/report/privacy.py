"""Privacy on the page: the claims of a track, and the panels of a scorecard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeoff.arena.board import Board
from bakeoff.arena.privacy_claims import claim_words
from bakeoff.arena.privacy_words import ClaimLine, PrivacyPart, claim_lines, privacy_parts
from bakeoff.arena.report.matrix import entry_anchor


@dataclass(frozen=True)
class ClaimRow:
    """A claim with the id of its entry's scorecard."""

    line: ClaimLine
    anchor: str


@dataclass(frozen=True)
class PrivacyPanel:
    """One task: what is claimed, the verdict, and what each kind of canaries shows."""

    task: str
    anchor: str
    claimed: str
    verdict: str
    parts: tuple[PrivacyPart, ...]


def claim_rows(board: Board, track: int = 0) -> tuple[ClaimRow, ...]:
    """All claims on a board."""
    return tuple(ClaimRow(line, entry_anchor(track, line.place)) for line in claim_lines(board))


def privacy_panels(board: Board, entry: str, tables: Mapping[str, str]) -> tuple[PrivacyPanel, ...]:
    """The panels of an entry, one for each task of which anything is known; `tables` are the ids of tables' cards."""
    found = []
    for column in board.columns:
        task = column.task.name
        square = board.squares.get((entry, task))
        stand = None if square is None else square.privacy
        if stand is not None:
            claimed = "" if stand.claim is None else claim_words(stand.claim)
            found.append(PrivacyPanel(task, tables.get(task, ""), claimed, stand.verdict, privacy_parts(stand)))
    return tuple(found)
