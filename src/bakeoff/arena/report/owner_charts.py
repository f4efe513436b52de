"""The charts of an owner's report: entries and their ensemble, the learning curve, and slices on which two differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Estimate
from bakeoff.arena.owner.curve import Curve, Point
from bakeoff.arena.owner.report import EntryScore, OwnerReport
from bakeoff.arena.owner.slices import TaskSlices
from bakeoff.arena.owner.words import amount, metric_word, signed
from bakeoff.arena.report.charts import new_figure, shortened, write_word
from bakeoff.arena.report.svg import COLOURS, inline_svg

MOST_ROWS = 10
LINE = 0.3  # inches of a row
AXIS = 0.55
NAMES = 0.3  # share of the width
LINES = ("lead", "accent", "muted", "ink")


def headroom_chart(report: OwnerReport, name: str = "headroom", narrow: bool = False) -> str:
    """The ensemble above the best entries, each with its interval; empty without an ensemble."""
    together = report.headroom.together
    if together is None:
        return ""
    near = [each for each in report.entries if words.known(each.score.value)][:MOST_ROWS]
    near = near[: max(2, _worth_showing(near))]
    rows = [("all together", together, "lead", False)]
    rows += [(each.entry, each.score, "accent", each.baseline) for each in near]
    figure, axes = new_figure(_width(narrow), AXIS + LINE * len(rows))
    titles = {}
    for place, (label, score, colour, hollow) in enumerate(rows):
        gid = f"entry-{place}"
        titles[gid] = f"{words.one_line(label)}: {amount(score)}"
        _interval(axes, score, len(rows) - 1 - place, COLOURS[colour], gid, hollow=hollow)
        ink = COLOURS["muted"] if hollow else COLOURS["ink"]
        write_word(
            axes,
            shortened(label, 18 if narrow else 30),
            (0, len(rows) - 1 - place),
            (-8, 0),
            ink,
            anchor="end",
            of_axes=True,
        )
    arrow = "higher" if report.greater_is_better else "lower"
    _finish(figure, axes, len(rows), f"{metric_word(report.metric)} with its 95 % interval, {arrow} is better")
    label = f"The entries' {metric_word(report.metric)} and that of their ensemble"
    return inline_svg(figure, name, label, titles)


def _worth_showing(entries: Sequence[EntryScore]) -> int:
    """How many of the entries, best first, lie close enough to the best to share an axis with it."""
    if len(entries) < 3:
        return len(entries)
    values = [each.score.value for each in entries]
    whole = abs(values[-1] - values[0])
    return sum(abs(value - values[0]) <= 0.5 * whole for value in values) if whole else len(entries)


def curve_chart(report: OwnerReport, name: str = "curve", narrow: bool = False) -> str:
    """The score of a few entries by the rows they learned from, with the next doubling dashed; empty without points."""
    curve = report.curve
    drawn = [(each, [p for p in each.points if p.score and words.known(p.score.value)]) for each in curve.curves]
    drawn = [(each, points) for each, points in drawn if len(points) > 1]
    if not drawn:
        return ""
    figure, axes = new_figure(_width(narrow), 3.9)
    axes.set_xscale("log", base=2)
    axes.grid(axis="both", color=COLOURS["faint"], linewidth=0.6)
    titles = {}
    for number, (each, points) in enumerate(drawn):
        colour = COLOURS[LINES[min(number, len(LINES) - 1)]]
        xs, ys = [p.rows for p in points], [p.score.value for p in points if p.score]
        axes.plot(xs, ys, color=colour, linewidth=1.6)
        for place, point in enumerate(points):
            gid = f"point-{number}-{place}"
            titles[gid] = f"{words.one_line(each.entry)} with {point.rows:,} rows: {amount(point.score)}"
            _whisker(axes, point, colour, gid)
        if each.entry == curve.entry and curve.next is not None:
            _ahead(axes, points[-1], curve, report.greater_is_better, colour)
    _name_ends(axes, [(each.entry, points[-1], n) for n, (each, points) in enumerate(drawn)], curve.next is not None)
    _rows_axis(axes, sorted({p.rows for _, points in drawn for p in points}), curve.next is not None)
    axes.set_xlabel("training rows learned from, log scale", color=COLOURS["muted"], fontsize=9)
    axes.set_ylabel(metric_word(report.metric), color=COLOURS["muted"], fontsize=9, parse_math=False)
    figure.subplots_adjust(left=0.16 if narrow else 0.1, right=0.74 if narrow else 0.8, top=0.98, bottom=0.13)
    return inline_svg(figure, name, "Learning curves by the number of training rows", titles)


def slices_chart(found: TaskSlices, name: str = "slices", narrow: bool = False) -> str:
    """The difference of two entries on each slice, with its interval, and overall; empty without slices."""
    if not found.slices or found.overall is None:
        return ""
    rows = [("all test rows", found.overall, "muted")]
    rows += [(each.slice, each.difference, "lead" if each.difference.value < 0 else "accent") for each in found.slices]
    figure, axes = new_figure(_width(narrow), AXIS + LINE * len(rows))
    titles = {}
    for place, (label, difference, colour) in enumerate(rows):
        gid = f"slice-{place}"
        titles[gid] = f"{words.one_line(label)}: {signed(difference)}"
        _interval(axes, difference, len(rows) - 1 - place, COLOURS[colour], gid)
        write_word(
            axes,
            shortened(label, 18 if narrow else 34),
            (0, len(rows) - 1 - place),
            (-8, 0),
            COLOURS["ink"],
            anchor="end",
            of_axes=True,
        )
    axes.axvline(0, color=COLOURS["muted"], linewidth=0.8, dashes=(3, 2))
    a, b = (shortened(each, 10 if narrow else 18) for each in (found.a, found.b))
    _finish(figure, axes, len(rows), f"{b} better  ←  difference  →  {a} better")
    return inline_svg(figure, name, f"Differences between {a} and {b} by slice", titles)


def _width(narrow: bool) -> float:
    return 4.4 if narrow else 7.6


def _interval(axes: Any, score: Estimate, y: int, colour: str, gid: str, *, hollow: bool = False) -> None:
    if words.known(score.low) and words.known(score.high):
        axes.plot([score.low, score.high], [y, y], color=colour, linewidth=2.2, solid_capstyle="round")
    face = COLOURS["paper"] if hollow else colour
    axes.plot([score.value], [y], "o", color=colour, markerfacecolor=face, markersize=5.5, gid=gid)


def _finish(figure: Any, axes: Any, rows: int, label: str) -> None:
    axes.set_yticks([])
    axes.set_ylim(-0.6, rows - 0.4)
    axes.set_xlabel(label, color=COLOURS["muted"], fontsize=8.5, parse_math=False)
    figure.subplots_adjust(left=NAMES, right=0.97, top=0.995, bottom=AXIS / figure.get_figheight())


def _whisker(axes: Any, point: Point, colour: str, gid: str) -> None:
    score = point.score
    if score is not None and words.known(score.low) and words.known(score.high):
        axes.plot([point.rows] * 2, [score.low, score.high], color=colour, linewidth=1.4, alpha=0.5)
    axes.plot([point.rows], [score.value if score else 0.0], "o", color=colour, markersize=5.5, gid=gid)


def _ahead(axes: Any, last: Point, curve: Curve, greater: bool, colour: str) -> None:
    """The next doubling, dashed, with the ends of its interval."""
    if last.score is None or curve.next is None:
        return
    sign = 1 if greater else -1
    ends = [last.score.value + sign * (gain or 0.0) for gain in (curve.next.low, curve.next.high)]
    middle = last.score.value + sign * curve.next.value
    axes.plot([last.rows, 2 * last.rows], [last.score.value, middle], color=colour, linewidth=1.4, dashes=(4, 3))
    axes.plot([2 * last.rows] * 2, ends, color=colour, linewidth=1.4, alpha=0.5)
    axes.plot([2 * last.rows], [middle], "o", color=colour, markerfacecolor=COLOURS["paper"], markersize=5.5)


def _name_ends(axes: Any, ends: Sequence[tuple[str, Point, int]], ahead: bool) -> None:
    """Each curve's name at its end, moved apart where two would meet."""
    axes.figure.draw_without_rendering()
    placed: list[float] = []
    for entry, point, number in sorted(ends, key=lambda end: end[1].score.value if end[1].score else 0.0):
        height = axes.transData.transform((point.rows, point.score.value if point.score else 0.0))[1]
        wanted = max([height, *(other + 12 for other in placed)])
        placed.append(wanted)
        colour = COLOURS[LINES[min(number, len(LINES) - 1)]]
        x = point.rows * (2.12 if ahead else 1.04)
        value = point.score.value if point.score else 0.0
        write_word(axes, shortened(entry, 22), (x, value), (0, float(wanted - height)), colour)


def _rows_axis(axes: Any, rows: Sequence[int], ahead: bool) -> None:
    from matplotlib.ticker import NullLocator

    ticks = [*rows, 2 * rows[-1]] if ahead else list(rows)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(ticks[0] / 1.15, ticks[-1] * 1.08)
