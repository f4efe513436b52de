"""What a board says in words and signs: the headline, tie groups, outcomes and figures.

The terminal, the page and the notebook all speak through this file, so they never disagree.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bakeoff.arena.board import Board, Estimate, Row, Square
from bakeoff.nouns import Outcome

NAMES_LISTED = 5
ROWS_OF = {"test": "on all test rows", "public": "on the public test rows", "private": "on the private test rows"}


@dataclass(frozen=True)
class Sign:
    """A symbol for how a square ended, its form for terminals without Unicode, and what it means."""

    symbol: str
    plain: str
    title: str


NOT_RUN = Sign("·", ".", "not run yet")
CLOSED = Sign("∅", "-", "not run before its table expired")
PARTLY = Sign("◐", "/", "some seeds still due")
SIGNS: dict[Outcome, Sign] = {
    Outcome.DECLINED: Sign("○", "o", "declined"),
    Outcome.FAILED: Sign("✗", "x", "failed"),
    Outcome.TIMED_OUT: Sign("◔", "t", "timed out"),
    Outcome.OUT_OF_MEMORY: Sign("▣", "m", "out of memory"),
    Outcome.REFUSED: Sign("⊘", "r", "answers refused"),
}


@dataclass(frozen=True)
class Headline:
    """The board in two sentences: who leads, and whom that entry beats beyond noise."""

    lead: str
    detail: str


def printable(text: object) -> str:
    """A stranger's text without control characters and direction overrides, which could forge a line."""
    words = str(text)
    if words.isprintable():
        return words
    return "".join("�" if _forging(letter) else letter for letter in words)


def encodable(text: str) -> str:
    """A stranger's text without what some encodings and readers cannot hold: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "�")


def _forging(letter: str) -> bool:
    if letter in "\n\t":
        return False
    return (
        unicodedata.category(letter) in {"Cc", "Cs"}
        or letter in "\ufffe\uffff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def one_line(text: object) -> str:
    """A stranger's text as one printable line."""
    return " ".join(printable(text).split())


def known(value: float | None) -> bool:
    """Whether there is a number at all: neither None nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def figure(value: float | None) -> str:
    """A number as people read it: three digits that count, thousands apart, a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 0.001 or size == 0:
        return f"{value:.{0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3}f}"
    return f"{value:.1e}"


def decimal(value: float | None, decimals: int = 2) -> str:
    """A number with that many decimals and no negative zero; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    words = f"{value:.{decimals}f}"
    return words.lstrip("-") if float(words) == 0 else words


def interval(estimate: Estimate | None, decimals: int = 2) -> str:
    """The interval alone, `[0.58, 0.64]`, or the reason why there is none."""
    if estimate is None:
        return ""
    if not (known(estimate.low) and known(estimate.high)):
        return f"[{one_line(estimate.reason) or 'no interval'}]"
    return f"[{decimal(estimate.low, decimals)}, {decimal(estimate.high, decimals)}]"


def score(estimate: Estimate | None, decimals: int = 2) -> str:
    """A score with its interval, `0.61 [0.58, 0.64]`."""
    return "–" if estimate is None else f"{decimal(estimate.value, decimals)} {interval(estimate, decimals)}"


def range_of(estimate: Estimate) -> str:
    """The interval with the decimals of the value: `[0.861, 0.889]`."""
    places = len(figure(estimate.value).partition(".")[2]) if known(estimate.value) else 3
    return "[" + ", ".join("–" if end is None else f"{end:,.{places}f}" for end in (estimate.low, estimate.high)) + "]"


def ranged(estimate: Estimate) -> str:
    """A figure of any metric with its interval, or the reason why there is none."""
    if known(estimate.low) and known(estimate.high):
        return f"{figure(estimate.value)} {range_of(estimate)}"
    return f"{figure(estimate.value)} [{one_line(estimate.reason) or 'no interval'}]"


def half_width(estimate: Estimate) -> str:
    """Half the width of a score's interval, `±.03`; empty when there is none."""
    if estimate.low is None or estimate.high is None or not (known(estimate.low) and known(estimate.high)):
        return ""
    return "±" + f"{(estimate.high - estimate.low) / 2:.2f}".removeprefix("0")


def spread(estimate: Estimate | None) -> str:
    """A figure with half the width of its interval, `0.873 ±0.021`."""
    if estimate is None or not known(estimate.value):
        return "–"
    if not (known(estimate.low) and known(estimate.high)):
        return figure(estimate.value)
    half = (float(estimate.high or 0) - float(estimate.low or 0)) / 2
    words = figure(estimate.value)
    places = len(words.partition(".")[2]) if "." in words else 0
    return f"{words} ±{half:,.{places}f}"


def percent(share: float | None) -> str:
    """A probability or share in whole per cent; `<1%` and `>99%` where rounding would claim certainty."""
    if share is None or not math.isfinite(share):
        return "–"
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def times(ratio: float | None) -> str:
    """A ratio of costs, `×3.4`."""
    if ratio is None or not math.isfinite(ratio):
        return "–"
    if ratio < 0.0095:
        return "<×.01"
    return f"×{ratio:,.0f}" if ratio >= 9.95 else f"×{ratio:.1f}" if ratio >= 0.95 else f"×{ratio:.2f}"


def listed(names: Sequence[str], most: int = NAMES_LISTED) -> str:
    """Names as a sentence lists them: `a, b and c`, or `a, b and 7 others`."""
    shown = [one_line(name) for name in names]
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(names) - most + 1} others"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 task`, `3 tasks`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ranked(board: Board) -> tuple[Row, ...]:
    """The complete rows, in board order."""
    return tuple(row for row in board.rows if row.rank is not None)


def unranked(board: Board) -> tuple[Row, ...]:
    """The rows that are not complete, in board order."""
    return tuple(row for row in board.rows if row.rank is None)


def rows_shown(*boards: Board) -> str:
    """On which test rows the boards are, `on the public test rows`; empty where no task's test rows are divided."""
    columns = [(board.part, column) for board in boards for column in board.columns]
    parts = [part for part, column in columns if column.task.split.public_share]
    return ROWS_OF[parts[0]] if parts else ""


def undivided(board: Board) -> tuple[str, ...]:
    """The tasks that stand with all their test rows on a board of a part."""
    return tuple(column.task.name for column in board.columns if column.part != board.part) if rows_shown(board) else ()


def undivided_line(board: Board) -> str:
    """Which tasks stand with all their test rows, and why; empty when there is none."""
    names = undivided(board)
    if not names:
        return ""
    verb = "is not divided: all its" if len(names) == 1 else "are not divided: all their"
    return f"{listed(names, 8)} {verb} test rows count"


def public_rank(row: Row, up: str = "↑", down: str = "↓") -> str:
    """The rank on the public test rows and how far the private ones moved it, `4 ↑2`."""
    if row.public_rank is None:
        return "–"
    moved = row.public_rank - row.rank if row.rank is not None else 0
    return str(row.public_rank) + (f" {up if moved > 0 else down}{abs(moved)}" if moved else "")


def shaken(board: Board) -> bool:
    """Whether rows also say their rank on the public test rows."""
    return any(row.public_rank is not None for row in board.rows)


def tie_groups(board: Board) -> tuple[tuple[Row, ...], ...]:
    """Ranked rows in groups of equal rank, best first."""
    groups: dict[int | None, list[Row]] = {}
    for row in ranked(board):
        groups.setdefault(row.rank, []).append(row)
    return tuple(tuple(group) for group in groups.values())


def rank_word(row: Row, group: Sequence[Row]) -> str:
    """The rank as shown: `2`, or `=2` when it is shared."""
    return f"{'=' if len(group) > 1 else ''}{row.rank}"


def beaten(board: Board, entry: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ranked others that `entry` beats beyond noise, and those it does not, in board order."""
    others = [row.entry for row in ranked(board) if row.entry != entry]
    wins = set(board.beyond.get(entry, ()))
    return tuple(name for name in others if name in wins), tuple(name for name in others if name not in wins)


def headline(board: Board) -> Headline:
    """Who leads with what, or who shares the lead, and whom they beat beyond noise."""
    rows = ranked(board)
    if not rows:
        return Headline("No entry is ranked yet.", "A row is ranked when its entry has met every task with every seed.")
    first = rows[0]
    decimals = 2 if _wide(first.mean) else 3
    if len(rows) > 1 and first.mean is not None and known(first.mean.value) and first.mean.value <= 0:
        return Headline("No entry is better than a constant answer.", "The best constant answer has the score 0.")
    shared = [row.entry for row in rows if _same(row.mean, first.mean)] or [first.entry]
    if len(shared) == 1:
        name = f"The baseline {one_line(first.entry)}" if first.baseline else one_line(first.entry)
        lead = f"{name} leads with {score(first.mean, decimals)}."
    else:
        lead = f"{listed(shared)} share the lead with {score(first.mean, decimals)}."
    others = [row.entry for row in rows if row.entry not in shared]
    wins = [name for name in others if all(name in board.beyond.get(entry, ()) for entry in shared)]
    return Headline(lead, _beats(len(shared) > 1, wins, [name for name in others if name not in wins]))


def _beats(several: bool, wins: Sequence[str], draws: Sequence[str]) -> str:
    if not wins and not draws:
        return "There is no other complete entry to compare with."
    if not wins:
        nobody = "they beat" if several else "it beats"
        return f"Beyond noise {nobody} nobody: {listed(draws)} may be as good."
    whom = f"all {len(wins)} others" if not draws and len(wins) > 1 else listed(wins)
    return f"Beyond noise {'they beat' if several else 'it beats'} {whom}" + (
        f"; not {listed(draws)}." if draws else "."
    )


def _same(one: Estimate | None, other: Estimate | None) -> bool:
    return one is not None and other is not None and known(one.value) and math.isclose(one.value, other.value)


def _wide(estimate: Estimate | None) -> bool:
    return estimate is None or estimate.low == estimate.high or decimal(estimate.low) != decimal(estimate.high)


def compared(*boards: Board) -> str:
    """What was compared, over all tracks: entries, tasks by kind and label, and seeds."""
    entries = {row.entry: row.baseline for board in boards for row in board.rows}
    tasks = [column.task for board in boards for column in board.columns]
    house = sum(entries.values())
    words = counted(len(entries), "entry", "entries") + (f" ({counted(house, 'baseline')})" if house else "")
    words += f" on {counted(len(tasks), 'task')}"
    if tasks:
        kinds, labels = Counter(task.kind for task in tasks), Counter(task.label for task in tasks)
        words += ": " + ", ".join(f"{number} {spoken(kind)}" for kind, number in kinds.items())
        said = ", ".join(f"{number} {one_line(label)}" for label, number in labels.items() if label)
        words += f"; {said}" if said else ""
    seeds = max((s.seeds_done + s.seeds_due for board in boards for s in board.squares.values()), default=0)
    return words + (f"; {counted(seeds, 'seed')}" if seeds else "")


def spoken(name: str) -> str:
    """A kind of task, or a track, in words: language_model is spoken language model."""
    return one_line(name).replace("_", " ")


def sign(square: Square | None) -> Sign | None:
    """The symbol of a square that is not simply done; None for one that is."""
    if square is None or square.outcome is None:
        return CLOSED if square is not None and square.closed else NOT_RUN
    if square.outcome is not Outcome.DONE:
        return SIGNS[square.outcome]
    return PARTLY if square.seeds_due else None


def legend(board: Board) -> tuple[Sign, ...]:
    """The symbols that occur on this board, in a fixed order."""
    present = {sign(board.squares.get((row.entry, column.task.name))) for row in board.rows for column in board.columns}
    return tuple(each for each in [*SIGNS.values(), PARTLY, NOT_RUN, CLOSED] if each in present)


def legend_line(board: Board, symbol: Callable[[Sign], str] = lambda sign: sign.symbol) -> str:
    """The legend in one line; empty when every square is done."""
    present = legend(board)
    lost = [f"{symbol(sign)} {sign.title}" for sign in present if sign in SIGNS.values()]
    rest = [f"{symbol(sign)} {sign.title}" for sign in present if sign not in SIGNS.values()]
    return "; ".join([*([", ".join(lost) + " (counts as the constant)"] if lost else []), *rest])


def wins_line(board: Board, entry: str) -> str:
    """Whom an entry beats beyond noise, as short as it can be said."""
    wins, _ = beaten(board, entry)
    names = [row.entry for row in ranked(board)]
    below = names[names.index(entry) + 1 :]
    spared = [name for name in below if name not in wins]
    if not wins:
        return "nobody"
    if set(wins) <= set(below) and len(wins) > 2 and len(spared) <= 2:
        return f"all {len(below)} below" if not spared else f"all below but {listed(spared)}"
    return listed(wins, 8)


def levels(board: Board) -> tuple[str, ...]:
    """How entries were confined, weakest first."""
    return tuple(sorted({str(square.level) for square in board.squares.values() if square.level is not None}))


def best(board: Board, task: str) -> frozenset[str]:
    """The entries that share the highest normalised score on a task, among those that finished it."""
    return _highest((e, s.score) for (e, t), s in board.squares.items() if t == task and s.outcome is Outcome.DONE)


def _highest(scores: Iterable[tuple[str, Estimate | None]]) -> frozenset[str]:
    values = {entry: estimate.value for entry, estimate in scores if estimate is not None and known(estimate.value)}
    top = max(values.values(), default=0.0)
    return frozenset(entry for entry, value in values.items() if value == top)
