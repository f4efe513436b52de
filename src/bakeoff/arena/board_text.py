"""A board, and one entry against another, drawn for a terminal.

Names, teams and reasons are strangers' text: they reach the console as plain text without markup or control characters.
Nothing depends on colour, and without Unicode the signs fall back to ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakeoff.arena import board_words as words
from bakeoff.arena import matching_words as matching
from bakeoff.arena.board import Board, Duel, Estimate, Row, Square, TaskColumn, Versus
from bakeoff.arena.fairness_words import USUAL, fair_lines, gap_note
from bakeoff.arena.privacy_words import NOTE as PRIVACY_NOTE
from bakeoff.arena.privacy_words import contradicted_mark, entry_claim

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

FIXED_WIDTH = 42  # of the ranking without names and scores
SHAKEN_WIDTH = 7
BESIDE = 80  # columns from which the public rank stands beside the rank
ROOMY = 118  # columns from which marks stand beside their row
FIGURE_WIDTH = 15
MOST_BLOCKS = 4
MOST_MATCHING = 3  # tasks whose pairs and links are shown
LEAST_NAME = 16  # columns for names from which intervals stand beside their figures
WITH_EACH_WIN = 14


@dataclass(frozen=True)
class Glyphs:
    """The signs of drawing, for a terminal with or without Unicode."""

    unicode: bool
    line: str
    dot: str
    zero: str
    group: tuple[str, str, str]
    house: str
    up: str
    down: str

    @classmethod
    def of(cls, console: Console) -> Glyphs:
        """The signs this console's encoding can show."""
        if console.encoding.lower().startswith("utf"):
            return cls(True, "━", "●", "┊", ("┐", "│", "┘"), "°", "↑", "↓")
        return cls(False, "-", "o", ":", (",", "|", "'"), "*", "^", "v")

    def sign(self, sign: words.Sign) -> str:
        """An outcome's symbol."""
        return sign.symbol if self.unicode else sign.plain

    def plain(self, text: str) -> str:
        """Text this console can encode."""
        if self.unicode:
            return text
        swaps = str.maketrans({"–": "-", "×": "x", "·": "|", "…": "~", "°": "*"})
        return text.replace("±", "+-").translate(swaps).encode("ascii", "replace").decode()


@dataclass(frozen=True)
class Scale:
    """Where scores fall on a bar of `width` characters."""

    low: float
    high: float
    width: int

    def at(self, value: float) -> int:
        """The character for a value, held within the bar."""
        share = (value - self.low) / (self.high - self.low)
        return min(self.width - 1, max(0, round(share * (self.width - 1))))

    def bar(self, estimate: Estimate | None, glyphs: Glyphs) -> str:
        """The interval as a line, the value as a dot, and zero (the constant) where it is free."""
        cells = [" "] * self.width
        if self.low <= 0 <= self.high:
            cells[self.at(0)] = glyphs.zero
        if estimate is not None and words.known(estimate.value):
            low = estimate.low if words.known(estimate.low) else estimate.value
            high = estimate.high if words.known(estimate.high) else estimate.value
            for place in range(self.at(low or 0.0), self.at(high or 0.0) + 1):
                cells[place] = glyphs.line
            cells[self.at(estimate.value)] = glyphs.dot
        return "".join(cells)


def board_text(board: Board, console: Console) -> None:
    """Print a board: what was compared, the ranking, each task's metric, and who beats whom beyond noise."""
    glyphs = Glyphs.of(console)
    headline = words.headline(board)
    rows = words.rows_shown(board)
    _print(console, glyphs, words.one_line(board.title) + (f", {rows}" if rows else ""), "bold")
    about = [f"track {words.spoken(board.track)}"] if board.track else []
    _print(console, glyphs, " · ".join([*about, board.question, words.compared(board)]), "dim")
    if board.notice:
        _print(console, glyphs, board.notice)
    console.print()
    _print(console, glyphs, headline.lead, "bold")
    _print(console, glyphs, headline.detail)
    console.print()
    inside = console.width >= ROOMY + (FIGURE_WIDTH + 1) * len(board.columns)
    _ranking(board, console, glyphs, board.columns if inside else ())
    if board.prizes:
        _prizes(board, console, glyphs)
    if board.columns and not inside:
        _tasks(board, console, glyphs)
    _matching(board, console, glyphs)
    _privacy(board, console, glyphs)
    _legend(board, console, glyphs)
    _wins(board, console, glyphs)


def fairness_text(board: Board, console: Console, metric: str = USUAL) -> None:
    """Print a board by the widest gaps between groups, the fairest entry first, with who is on the front."""
    lines = fair_lines(board, metric)
    glyphs = Glyphs.of(console)
    rows = words.rows_shown(board)
    _print(console, glyphs, words.one_line(board.title) + (f", {rows}" if rows else ""), "bold")
    track = f"track {words.spoken(board.track)}: " if board.track else ""
    if not lines:
        said = "no ranked entry has a gap; a task of classes needs a protected column (--protected) of two large groups"
        _print(console, glyphs, f"{track}{said}.")
        return
    _print(console, glyphs, track + gap_note(lines, metric), "dim")
    console.print()
    table = _table(glyphs)
    most = 28 if console.width >= BESIDE + 20 else 16
    for name in ("", "entry", "gap", "beyond\nchance", "mean score"):
        table.add_column(name, no_wrap=True, width=None if name else 2)
    table.add_column("widest on", overflow="fold")
    for line in lines:
        front = glyphs.dot if line.on_front else ""
        gap = f"{words.decimal(line.gap.value, 3)} {words.interval(line.gap, 3)}"
        column = f"{words.one_line(line.worst.task)}, by {words.one_line(line.worst.column)}"
        cells = [_name(line.row, most, glyphs), gap, line.beyond, words.score(line.row.mean)]
        cells = [front, *(cell + "  " for cell in cells), column]
        table.add_row(*[_text(cell, glyphs, "dim" if line.row.baseline else "") for cell in cells])
    _show(table, console, glyphs)
    console.print()
    _print(console, glyphs, f"{glyphs.dot} on the front: nobody here is both fairer and better", "dim")


def versus_text(versus: Versus, console: Console) -> None:
    """Print one entry against another: per task who wins, by how much, and whether that is beyond noise."""
    glyphs = Glyphs.of(console)
    a, b = words.one_line(versus.a), words.one_line(versus.b)
    _print(console, glyphs, f"{a} against {b}", "bold")
    shown = f" {words.ROWS_OF[versus.part]}" if versus.part != "test" else ""
    about = f"Difference of normalised scores{shown} with its 95 % interval; above zero, the first leads."
    _print(console, glyphs, about, "dim")
    console.print()
    rows = [_duel(duel, glyphs) for duel in versus.duels]
    table = _table(glyphs)
    table.add_column("task")
    for name in (a, b):
        table.add_column(_text(_short(name, 11), glyphs), no_wrap=True, justify="right")
    table.add_column("difference", width=19)
    table.add_column("winner")
    for row, duel in zip(rows, versus.duels, strict=True):
        table.add_row(*[_text(cell, glyphs) for cell in row], style="bold" if duel.beyond_noise else "")
    _show(table, console, glyphs)
    console.print()
    _print(console, glyphs, verdict(versus), "bold")


def verdict(versus: Versus) -> str:
    """The outcome of one entry against another in one sentence."""
    a, b = words.one_line(versus.a), words.one_line(versus.b)
    if versus.overall is None or not words.known(versus.overall.value):
        return f"{a} and {b} have no task in common that is averaged, so there is no overall difference."
    ahead, behind = (a, b) if versus.overall.value >= 0 else (b, a)
    probability = f"; P({a} better than {b}) = {words.percent(versus.p_better)}" if versus.p_better is not None else ""
    noise = "beyond noise" if versus.beyond_noise else "within noise"
    return f"Overall {ahead} leads {behind}, {noise}: difference {words.score(versus.overall, 3)}{probability}."


def _duel(duel: Duel, glyphs: Glyphs) -> list[str]:
    a, b = (words.decimal(each.value if each else None) for each in (duel.a, duel.b))
    if duel.difference is None:
        return [_short(duel.task, 24), a, b, "–", duel.reason or "not compared"]
    sign = "+" if duel.difference.value > 0 else ""
    noise = "beyond noise" if duel.beyond_noise else "within noise"
    winner = f"{words.one_line(duel.winner)}, {noise}" if duel.winner else "nobody"
    difference = sign + words.score(duel.difference)
    return [_short(duel.task, 24), a, b, difference, f"{winner} ({duel.reason})" if duel.reason else winner]


def _ranking(board: Board, console: Console, glyphs: Glyphs, inside: Sequence[TaskColumn]) -> None:
    roomy = console.width >= ROOMY
    shaken = words.shaken(board) and console.width >= BESIDE
    scale = _scale(board, 24 if roomy else 12)
    table = _table(glyphs)
    table.add_column("#", justify="right", no_wrap=True, width=3)
    table.add_column("", no_wrap=True, width=1)
    table.add_column("entry", no_wrap=True)
    decimals = 3 if roomy else 2
    scores = min(21, max([len(words.score(row.mean, decimals)) for row in board.rows], default=10))
    table.add_column("mean score", width=max(10, scores))
    table.add_column(_text(_axis(scale), glyphs), no_wrap=True, width=scale.width)
    if shaken:
        table.add_column("public\nrank", justify="right", no_wrap=True, width=SHAKEN_WIDTH - 1)
    for name in ("mean\nrank", "win\nrate", "P\n1st", "cost\nratio"):
        table.add_column(name, justify="right", no_wrap=True, width=max(4, len(name.partition("\n")[2])))
    whole = words.undivided(board)
    for column in inside:
        table.add_column(
            _task_head(column, glyphs, column.task.name in whole), justify="right", no_wrap=True, width=FIGURE_WIDTH
        )
    if roomy:
        table.add_column("marks", overflow="fold")
    lines: list[tuple[Row, str, str]] = []
    for group in words.tie_groups(board):
        for place, row in enumerate(group):
            lines.append((row, words.rank_word(row, group), _bracket(place, len(group), glyphs)))
    lines += [(row, "–", "") for row in words.unranked(board)]
    fixed = FIXED_WIDTH + shaken * SHAKEN_WIDTH
    wide = 36 if roomy else max(8, console.width - fixed - max(10, scores))
    for row, rank, bracket in lines:
        cells = [rank, bracket, _name(row, wide, glyphs), *_figures(row, scale, glyphs)]
        if shaken:
            cells.insert(5, words.public_rank(row, glyphs.up, glyphs.down))
        cells += [_metric(board, row, column, glyphs) for column in inside]
        table.add_row(*_styled([*cells, "; ".join(row.marks)] if roomy else cells, row, glyphs))
    _show(table, console, glyphs)
    if not roomy:
        _marks(board, console, glyphs)


def _name(row: Row, most: int, glyphs: Glyphs) -> str:
    house = f" {glyphs.house}" if row.baseline else ""
    name = _short(row.entry, most - len(house)) + house
    team = f" ({words.one_line(row.team)})" if row.team else ""
    return name + team if len(name + team) <= most and most > 24 else name


def _figures(row: Row, scale: Scale, glyphs: Glyphs) -> list[str]:
    return [
        words.score(row.mean, 3 if scale.width > 12 else 2) if row.mean else "not run yet",
        scale.bar(row.mean, glyphs),
        words.decimal(row.mean_rank, 1),
        words.percent(row.win_rate),
        words.percent(row.p_first),
        words.times(row.cost),
    ]


def _styled(cells: Sequence[str], row: Row, glyphs: Glyphs) -> list[Text]:
    style = "dim" if row.baseline else ""
    return [_text(cell, glyphs, style if row.rank is not None else "dim italic") for cell in cells]


def _bracket(place: int, size: int, glyphs: Glyphs) -> str:
    if size == 1:
        return ""
    return glyphs.group[0] if place == 0 else glyphs.group[2] if place == size - 1 else glyphs.group[1]


def _marks(board: Board, console: Console, glyphs: Glyphs) -> None:
    told = words.shaken(board) and console.width < BESIDE
    for row in board.rows:
        marks = [*([f"public rank {words.public_rank(row, glyphs.up, glyphs.down)}"] if told else []), *row.marks]
        if marks:
            _print(console, glyphs, f"  {words.one_line(row.entry)}: {words.one_line('; '.join(marks))}", "dim")


def _prizes(board: Board, console: Console, glyphs: Glyphs) -> None:
    console.print()
    rows = words.rows_shown(board)
    _print(console, glyphs, "Teams by their final picks" + (f", {rows}" if rows else ""), "bold")
    for row in board.prizes:
        marks = f"  {words.one_line('; '.join(row.marks))}" if row.marks else ""
        name = words.one_line(row.team or row.entry)
        before = f"  public rank {words.public_rank(row, glyphs.up, glyphs.down)}" if row.public_rank else ""
        rank = "–" if row.rank is None else row.rank
        _print(console, glyphs, f"{rank:>3} {name}: {words.score(row.mean)}{before}{marks}")


def _tasks(board: Board, console: Console, glyphs: Glyphs) -> None:
    """Every task's own metric in blocks that fit; as one digit per square when that would take too many blocks."""
    room = max(1, (console.width - 21) // (FIGURE_WIDTH + 1))
    whole = words.undivided(board)
    blocks = [board.columns[at : at + room] for at in range(0, len(board.columns), room)]
    console.print()
    if len(blocks) > MOST_BLOCKS:
        _digits(board, console, glyphs)
        return
    _print(console, glyphs, "Each task's own metric, ± half its 95 % interval", "bold")
    for block in blocks:
        table = _table(glyphs)
        table.add_column("entry", no_wrap=True, width=20)
        for column in block:
            table.add_column(
                _task_head(column, glyphs, column.task.name in whole), justify="right", no_wrap=True, width=FIGURE_WIDTH
            )
        for row in board.rows:
            table.add_row(
                *_styled(
                    [_name(row, 20, glyphs), *[_metric(board, row, column, glyphs) for column in block]], row, glyphs
                )
            )
        _show(table, console, glyphs)


def _task_head(column: TaskColumn, glyphs: Glyphs, whole: bool) -> Text:
    arrow = glyphs.up if column.greater_is_better else glyphs.down
    name = _short(column.task.name, FIGURE_WIDTH)
    aside = "\nall test rows" if whole else ""
    aside += "" if column.averaged else "\nnot averaged"
    metric = _short(column.metric_title, FIGURE_WIDTH - 2)
    return _text(f"{words.one_line(name)}\n{words.one_line(metric)} {arrow}{aside}", glyphs)


def _metric(board: Board, row: Row, column: TaskColumn, glyphs: Glyphs) -> str:
    square = board.squares.get((row.entry, column.task.name))
    sign = words.sign(square)
    if square is None or square.raw is None:
        return glyphs.sign(sign) if sign else "–"
    return words.spread(square.raw) + (f" {glyphs.sign(sign)}" if sign else "")


def _digits(board: Board, console: Console, glyphs: Glyphs) -> None:
    _print(console, glyphs, "Each task in tenths of the normalised score, n below the constant", "bold")
    _print(console, glyphs, "Intervals and each task's own metric: ask for the page, JSON or CSV.", "dim")
    room = max(1, console.width - 22)
    for start in range(0, len(board.columns), room):
        block = board.columns[start : start + room]
        for row in board.rows:
            digits = "".join(_digit(board.squares.get((row.entry, column.task.name)), glyphs) for column in block)
            _print(console, glyphs, f"{_name(row, 20, glyphs):<20} {digits}", "dim" if row.baseline else "")
        names = [f"{start + place} {words.one_line(column.task.name)}" for place, column in enumerate(block, 1)]
        _print(console, glyphs, "Tasks from left to right: " + ", ".join(names), "dim")


def _matching(board: Board, console: Console, glyphs: Glyphs) -> None:
    """How well pairs are told and what is linked, task by task; nothing where no task is a matching one."""
    blocks = matching.matching_blocks(board)
    for block in blocks[:MOST_MATCHING]:
        name = words.one_line(block.task.task.name)
        for section in block.sections:
            console.print()
            _print(console, glyphs, f"{section.title} of {name}, ± half the 95 % interval", "bold")
            _show(_measured(section, console.width, glyphs), console, glyphs)
        if block.unsaid:
            _print(console, glyphs, block.unsaid, "dim")
    for note in dict.fromkeys(
        f"{each.title}: {each.note}" for block in blocks[:MOST_MATCHING] for each in block.sections
    ):
        _print(console, glyphs, note, "dim")
    if rest := blocks[MOST_MATCHING:]:
        names = words.listed([block.task.task.name for block in rest], 8)
        _print(console, glyphs, f"Pairs and links of {names}: ask for the page or JSON.", "dim")


def _privacy(board: Board, console: Console, glyphs: Glyphs) -> None:
    """Claims of privacy with what audits show of them; nothing where nobody claims anything."""
    told = [(row, said) for row in board.rows if (said := entry_claim(board, row))]
    if not told:
        return
    console.print()
    _print(console, glyphs, "Privacy claims", "bold")
    for row, said in told:
        accused = contradicted_mark(stand.privacy for (name, _), stand in board.squares.items() if name == row.entry)
        _print(console, glyphs, f"{words.one_line(row.entry)} {said}.", "bold" if accused else "")
    _print(console, glyphs, PRIVACY_NOTE, "dim")


def _measured(section: matching.Section, width: int, glyphs: Glyphs) -> Table:
    """Entries by measures; where there is little room the half interval stands below its figure."""
    measures, sign = section.measures, len(glyphs.plain("±"))
    widths = [len("0.000 .000") + sign] * len(measures)
    beside = width - sum(widths) - len(widths) >= LEAST_NAME
    if not beside:
        widths = [max(len("0.000"), len(".000") + sign, *map(len, measure.short)) for measure in measures]
    most = width - sum(widths) - len(widths)
    most = min(most, 36, max(len(words.one_line(line.entry)) + 2 for line in section.lines))
    table = _table(glyphs)
    table.add_column("entry", no_wrap=True, width=max(most, 5))
    for measure, column in zip(measures, widths, strict=True):
        table.add_column("\n".join(measure.short), justify="right", no_wrap=True, width=column)
    for line in section.lines:
        house = f" {glyphs.house}" if line.baseline else ""
        cells = [words.spread(line.told(measure)).replace("±0.", "±.") for measure in measures]
        cells = cells if beside else [cell.replace(" ", "\n") for cell in cells]
        cells = [_short(line.entry, max(most, 5) - len(house)) + house, *cells]
        table.add_row(*[_text(cell, glyphs, "dim" if line.baseline else "") for cell in cells])
    return table


def _digit(square: Square | None, glyphs: Glyphs) -> str:
    sign = words.sign(square)
    if sign is not None or square is None or square.score is None or not words.known(square.score.value):
        return glyphs.sign(sign) if sign else " "
    return "n" if square.score.value < 0 else str(min(9, int(square.score.value * 10)))


def _legend(board: Board, console: Console, glyphs: Glyphs) -> None:
    console.print()
    lines = [f"score: 0 is the best constant answer ({glyphs.zero}), 1 is perfect; [95 % interval], {board.question}"]
    if any(len(group) > 1 for group in words.tie_groups(board)):
        lines.append("=: equal rank, beaten beyond noise by equally many (rank 1 + how many)")
    if any(row.baseline for row in board.rows):
        lines.append(f"{glyphs.house} a baseline of the house")
    if board.reference:
        lines.append(f"cost ratio: CPU time against {words.one_line(board.reference)} (one timed run, no interval)")
    lines += [words.legend_line(board, glyphs.sign)] if words.legend(board) else []
    lines += [words.undivided_line(board)] if words.undivided(board) else []
    apart = [column for column in board.columns if not column.averaged]
    lines += [
        f"{words.one_line(column.task.name)} is not averaged: {words.one_line(column.reason)}" for column in apart
    ]
    past = [column for column in board.columns if column.expired and column.expired not in column.reason]
    lines += [
        f"{words.one_line(column.task.name)} expired on {column.expired}; nothing is run on it any more"
        for column in past
    ]
    corrected = [column for column in board.columns if column.task.truth and column.note]
    lines += [f"{words.one_line(column.task.name)}: {words.one_line(column.note)}" for column in corrected]
    if words.levels(board):
        lines.append("confined: " + ", ".join(words.levels(board)))
    for line in lines:
        _print(console, glyphs, line, "dim")


def _wins(board: Board, console: Console, glyphs: Glyphs) -> None:
    rows = words.ranked(board)
    if len(rows) < 2:
        return
    console.print()
    _print(console, glyphs, "Who beats whom beyond noise (Holm over all pairs)", "bold")
    for row in rows if len(rows) <= WITH_EACH_WIN else rows[:5]:
        _print(console, glyphs, f"{words.one_line(row.entry)} beats {words.wins_line(board, row.entry)}")
    if len(rows) > WITH_EACH_WIN:
        _print(console, glyphs, "The rest: ask for one entry against another, or for the page.", "dim")


def _scale(board: Board, width: int) -> Scale:
    values = [0.0]
    for row in board.rows:
        if row.mean is not None:
            ends = (row.mean.low, row.mean.value, row.mean.high)
            values += [float(end) for end in ends if end is not None and words.known(end)]
    low, high = max(-1.0, min(values)), min(1.0, max(values))
    return Scale(low, high if high > low else low + 1.0, width)


def _axis(scale: Scale) -> str:
    left, right = words.decimal(scale.low), words.decimal(scale.high)
    return left + " " * max(1, scale.width - len(left) - len(right)) + right


def _table(glyphs: Glyphs) -> Table:
    from rich import box
    from rich.table import Table

    plain = box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
    style = box.SIMPLE_HEAD if glyphs.unicode else plain
    return Table(box=style, show_edge=False, pad_edge=False, padding=0, header_style="bold")


def _show(table: Table, console: Console, glyphs: Glyphs) -> None:
    for column in table.columns:
        # What marks a shortened cell is a sign that not every terminal can show.
        column.overflow = column.overflow if glyphs.unicode else "crop"
    console.print(table)


def _text(text: str, glyphs: Glyphs, style: str = "") -> Text:
    from rich.text import Text

    return Text(glyphs.plain(words.printable(text)), style=style)


def _short(text: str, most: int) -> str:
    line = words.one_line(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def _print(console: Console, glyphs: Glyphs, text: str, style: str = "") -> None:
    console.print(_text(text, glyphs, style))
