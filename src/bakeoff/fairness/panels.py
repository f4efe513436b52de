"""A picture of an audit: for every metric each group's figure with its interval, the gap and what chance would do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.fairness.groups import GAP, GroupReport
from bakeoff.fairness.measures import OK, Measure

INK, QUIET, MARK = "#1f2937", "#9ca3af", "#2563eb"
MOST = 24  # groups of one family that fit a panel


def plot_groups(report: GroupReport, path: Path, family: str = "", metrics: Sequence[str] = ()) -> Path:
    """Draw one family's groups (the first without a name) as PNG, SVG or PDF by the path's ending; gives the path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    family = family or (report.groups[0].family if report.groups else "")
    shown = [name for name in dict.fromkeys(one.metric for one in report.groups) if not metrics or name in metrics]
    names = list(dict.fromkeys(one.group for one in report.groups if one.family == family))[:MOST]
    figure = Figure(figsize=(2.1 + 2.5 * len(shown), 1.5 + 0.34 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for place, metric in enumerate(shown):
        found = {one.group: one for one in report.groups if (one.metric, one.family) == (metric, family)}
        gap = next(
            (one for one in report.comparisons if (one.metric, one.family, one.group) == (metric, family, GAP)), None
        )
        _panel(axes[place], metric, [found[name] for name in names], gap)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.suptitle(f"by {family}", x=0.01, ha="left", fontsize=11, color=INK)
    figure.savefig(path, dpi=150)
    return path


def _panel(axes: Any, metric: str, measures: Sequence[Measure], gap: Measure | None) -> None:
    for place, one in enumerate(measures):
        if one.status != OK or one.value is None:
            told = f"{one.n:,.0f} rows: too few"
            left = axes.get_yaxis_transform()
            axes.text(0.02, place, told, va="center", fontsize=8, color=QUIET, transform=left)
            continue
        axes.plot([one.low, one.high], [place, place], color=MARK, lw=2, solid_capstyle="round")
        axes.plot([one.value], [place], "o", color=MARK, ms=5)
        figure = f"{one.value:.2f}"
        axes.annotate(figure, (one.value, place), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    axes.set_title(metric, fontsize=9, color=INK, loc="left")
    if gap is not None and gap.value is not None and gap.expected is not None:
        told = f"gap {gap.value:.2f} [{gap.low:.2f}, {gap.high:.2f}]\nby chance {gap.expected:.2f}, p {gap.p:.2g}"
    else:
        told = "no gap: too few rows"
    axes.set_xlabel(told, fontsize=8, color=INK)
    axes.margins(x=0.15, y=0.08)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(axis="x", color="#e5e7eb", lw=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
