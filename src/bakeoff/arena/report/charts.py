"""The report's charts, drawn by matplotlib: the ranking with its intervals, and quality against cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Row
from bakeoff.arena.fairness_words import FairLine
from bakeoff.arena.report.svg import COLOURS, inline_svg

DOTS_PER_INCH = 72  # so that one pixel of the layout is one point of the SVG
LETTER = 5.6
LINE = 11.0
# Where a name may stand beside its point, best first: alignment, then a shift in points.
SIDES = (
    ("start", 8, 0), ("end", -8, 0), ("end", -7, 9), ("start", 7, -9), ("start", 7, 9), ("end", -7, -9),
    ("middle", 0, 14), ("middle", 0, -14),
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One entry by cost and quality."""

    row: Row
    cost: float
    score: float
    low: float
    high: float
    on_front: bool


def ranking_chart(board: Board, name: str = "ranking") -> str:
    """Every entry's mean score with its interval, tie groups as bands, best on top; an SVG element."""
    groups = [*words.tie_groups(board), *((row,) for row in words.unranked(board))]
    rows = [row for group in groups for row in group]
    axis_room = 0.5
    figure, axes = new_figure(7.6, axis_room + 0.05 + 0.26 * max(1, len(rows)))
    height, titles = len(rows), {}
    for number, group in enumerate(groups):
        if number % 2 == 0:
            axes.axhspan(height - len(group) - 0.5, height - 0.5, color=COLOURS["faint"], alpha=0.35, linewidth=0)
        height -= len(group)
    for place, row in enumerate(rows):
        gid = f"row-{place}"
        titles[gid] = f"{words.one_line(row.entry)}: {words.score(row.mean, 3)}"
        _interval_line(axes, row, len(rows) - 1 - place, gid)
    axes.axvline(0, color=COLOURS["muted"], linewidth=0.8, dashes=(3, 2))
    axes.set_yticks(range(len(rows)), [""] * len(rows))
    ranks = {row.entry: words.rank_word(row, group) for group in groups for row in group if row.rank is not None}
    for place, row in enumerate(rows):
        text = f"{ranks.get(row.entry, '–')}  {shortened(row.entry, 30)}"
        colour = COLOURS["muted"] if row.baseline or row.rank is None else COLOURS["ink"]
        write_word(axes, text, (0, len(rows) - 1 - place), (-6, 0), colour, anchor="end", of_axes=True)
    axes.set_ylim(-0.5, max(0.5, len(rows) - 0.5))
    axes.set_xlabel(
        f"mean normalised score, 95 % interval {words.one_line(board.question)}",
        color=COLOURS["muted"],
        fontsize=8.5,
        parse_math=False,
    )
    figure.subplots_adjust(left=0.36, right=0.985, top=0.995, bottom=axis_room / figure.get_figheight())
    label = f"Ranking of {words.counted(len(rows), 'entry', 'entries')} by mean normalised score with intervals"
    return inline_svg(figure, name, label, titles)


def _interval_line(axes: Any, row: Row, y: int, gid: str) -> None:
    if row.mean is None or not words.known(row.mean.value):
        return
    colour = COLOURS["lead"] if row.rank == 1 else COLOURS["muted"] if row.rank is None else COLOURS["accent"]
    if words.known(row.mean.low) and words.known(row.mean.high):
        axes.plot([row.mean.low, row.mean.high], [y, y], color=colour, linewidth=2.2, solid_capstyle="round")
    face = COLOURS["paper"] if row.baseline else colour
    axes.plot([row.mean.value], [y], "o", color=colour, markerfacecolor=face, markersize=5.5, gid=gid)


def points(board: Board) -> list[Point]:
    """Ranked entries that have a cost and a score, cheapest first, with whether none is both cheaper and better."""
    rows = [r for r in words.ranked(board) if r.cost and words.known(r.cost) and r.mean and words.known(r.mean.value)]
    found: list[Point] = []
    top = float("-inf")
    for row in sorted(rows, key=lambda r: (r.cost or 0.0, -r.mean.value if r.mean else 0.0)):
        if row.mean is None or row.cost is None:
            continue
        value = row.mean.value
        ends = [float(end) if end is not None and words.known(end) else value for end in (row.mean.low, row.mean.high)]
        found.append(Point(row, row.cost, value, ends[0], ends[1], value > top))
        top = max(top, value)
    return found


def cost_chart(board: Board, name: str = "cost", narrow: bool = False) -> str:
    """Mean score against the cost ratio on a log axis, with the Pareto front; an SVG element, empty without costs."""
    against = f" against {shortened(board.reference, 24)}" if board.reference else ""
    found = points(board)
    titles = [f"at {words.times(point.cost)} the cost" for point in found]
    across = Across(f"CPU time{against}, log scale", "Mean score against cost, with the Pareto front", titles, log=True)
    return _front_chart(found, across, name, narrow)


def fairness_chart(lines: Sequence[FairLine], name: str = "fairness", narrow: bool = False) -> str:
    """Mean score against the widest gap between groups, with the Pareto front; an SVG element, empty without gaps."""
    found, titles = [], []
    for line in lines:
        if line.row.mean is None or not words.known(line.row.mean.value):
            continue
        value = line.row.mean.value
        ends = [
            float(end) if end is not None and words.known(end) else value
            for end in (line.row.mean.low, line.row.mean.high)
        ]
        found.append(Point(line.row, line.gap.value, value, ends[0], ends[1], line.on_front))
        titles.append(f"with a gap of {words.score(line.gap, 3)}")
    across = Across("widest gap between groups", "Mean score against the widest gap, with the Pareto front", titles)
    return _front_chart(found, across, name, narrow)


@dataclass(frozen=True)
class Across:
    """The axis across a chart of a front: its label, the chart's own name, and for each point what is said of it."""

    label: str
    chart: str
    said: Sequence[str]
    log: bool = False

    def ends(self, found: Sequence[Point], narrow: bool) -> tuple[float, float]:
        """Where the axis begins and ends, with room for names."""
        least, most = min(point.cost for point in found), max(point.cost for point in found)
        if self.log:
            return least / (2.2 if narrow else 1.6), most * 1.6
        room = max(most - least, 0.02)
        return max(0.0, least - 0.25 * room) - 0.02 * room, most + 0.35 * room


def _front_chart(found: Sequence[Point], across: Across, name: str, narrow: bool) -> str:
    if not found:
        return ""
    figure, axes = new_figure(4.7, 4.6) if narrow else new_figure(9.4, 4.5)
    if across.log:
        axes.set_xscale("log")
    front = [point for point in found if point.on_front]
    left, right = across.ends(found, narrow)
    axes.step(
        [*[p.cost for p in front], right], [*[p.score for p in front], front[-1].score],
        where="post", color=COLOURS["lead"], linewidth=1.3, dashes=(4, 2.5), zorder=1,
    )  # fmt: skip
    titles = {}
    for place, point in enumerate(found):
        colour = COLOURS["lead"] if point.on_front else COLOURS["accent"]
        axes.plot([point.cost] * 2, [point.low, point.high], color=colour, linewidth=1.6, alpha=0.55, zorder=2)
        face = COLOURS["paper"] if point.row.baseline else colour
        gid = f"point-{place}"
        axes.plot([point.cost], [point.score], "o", color=colour, markerfacecolor=face, markersize=7, zorder=3, gid=gid)
        titles[gid] = f"{words.one_line(point.row.entry)}: {words.score(point.row.mean, 3)} {across.said[place]}"
    axes.set_xlim(left, right)
    low, high = min(0.0, *(p.low for p in found)), max(p.high for p in found)
    axes.set_ylim(low - 0.03, high + (high - low) * 0.08 + 0.02)
    axes.axhline(0, color=COLOURS["muted"], linewidth=0.8, dashes=(3, 2))
    if across.log:
        _ratio_axis(axes)
    axes.set_xlabel(across.label, color=COLOURS["muted"], fontsize=9, parse_math=False)
    axes.set_ylabel("mean normalised score", color=COLOURS["muted"], fontsize=9)
    figure.subplots_adjust(left=0.14 if narrow else 0.07, right=0.985, top=0.985, bottom=0.115)
    _name_points(axes, found, _steps(axes, front, right), 18 if narrow else 28)
    return inline_svg(figure, name, across.chart, titles)


def _ratio_axis(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axes.get_xlim()
    subs = (1.0,) if high / low > 300 else (1.0, 3.0) if high / low > 30 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"×{value:g}"))


def _steps(axes: Any, front: Sequence[Point], right: float) -> list[tuple[float, ...]]:
    """The front's line as thin boxes that no name should cross."""
    corners = [(point.cost, point.score) for point in front] + [(right, front[-1].score)]
    spots = [tuple(axes.transData.transform(corner)) for corner in corners]
    boxes: list[tuple[float, ...]] = []
    for (x, y), (next_x, next_y) in pairwise(spots):
        boxes += [(x, y - 1, next_x, y + 1), (next_x - 1, y, next_x + 1, next_y)]
    return boxes


def _name_points(axes: Any, found: Sequence[Point], lines: Sequence[tuple[float, ...]], most: int) -> None:
    """Names beside their points: first the front, then the best, each where it covers nothing or not at all."""
    axes.figure.draw_without_rendering()
    spots = [tuple(axes.transData.transform((point.cost, point.score))) for point in found]
    frame = axes.get_window_extent()
    dots = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    names: list[tuple[float, ...]] = []
    order = sorted(range(len(found)), key=lambda i: (not found[i].on_front, -found[i].score))
    for place in order:
        text = shortened(found[place].row.entry, most)
        wide, (x, y) = len(text) * LETTER, spots[place]
        taken = [*dots[:place], *dots[place + 1 :], *lines, *names]
        for anchor, dx, dy in SIDES:
            left = x + dx - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            box = (left, y + dy - LINE / 2, left + wide, y + dy + LINE / 2)
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not any(_overlap(box, other) for other in taken):
                colour = COLOURS["muted"] if found[place].row.baseline else COLOURS["ink"]
                write_word(axes, text, (found[place].cost, found[place].score), (dx, dy), colour, anchor=anchor)
                names.append(box)
                break


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def write_word(
    axes: Any, text: str, at: tuple[float, float], shift: tuple[float, float], colour: str, *,
    anchor: str = "start", of_axes: bool = False,
) -> None:  # fmt: skip
    """Write plain text beside a point, shifted by so many points."""
    side = {"start": "left", "middle": "center", "end": "right"}[anchor]
    axes.annotate(
        text, at, xytext=shift, xycoords=("axes fraction", "data") if of_axes else "data",
        textcoords="offset points", ha=side, va="center", color=colour, fontsize=9,
        parse_math=False, annotation_clip=False,
    )  # fmt: skip


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure of so many inches and its axes in the page's style."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    axes = figure.add_subplot()
    axes.grid(axis="x", color=COLOURS["faint"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=COLOURS["muted"], labelsize=8.5, length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure, axes


def shortened(text: str, most: int) -> str:
    """A stranger's text as one line of at most so many characters."""
    line = words.one_line(text)
    return line if len(line) <= most else line[: most - 1] + "…"
