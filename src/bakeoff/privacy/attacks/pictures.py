"""Pictures of attacks: ROC curves on logarithmic axes, where the few rows that are surely found can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.errors import UsageError

if TYPE_CHECKING:
    from bakeoff.privacy.attacks.report import AttackReport

COLOURS = {"loss": "#8a8a8a", "lira": "#2b5c8a", "rmia": "#b5532a", "lira_shrunk": "#3f8f6b"}
MARKS = 300


def draw_roc(report: AttackReport, path: Path | str, *, title: str = "") -> Path:
    """Draw hits over false alarms of every attack (.png, .svg or .pdf), both axes logarithmic, with chance dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from bakeoff.privacy.attacks.measuring import hits

    where = Path(path)
    if not where.absolute().parent.is_dir():
        raise UsageError(f"The plot {str(where)!r} lies in a folder that is not there; make it first.")
    least = min(1 / max(report.others, 1), 0.1)
    fprs = np.geomspace(least, 1.0, MARKS)
    figure = Figure(figsize=(6.0, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots()
    axes.plot(fprs, fprs, "--", color="#bbbbbb", linewidth=1, label="by chance")
    for name, one in report.attacks.items():
        found = hits(one.scores.ravel(), report.inside.ravel(), list(fprs))
        style = ":" if "offline" in name else "-"
        axes.plot(
            fprs,
            np.where(found > 0, found, np.nan),
            style,
            color=COLOURS.get(name) or COLOURS[name.split("_")[0]],
            alpha=0.5 if "per_row" in name else 1.0,
            linewidth=1.6,
            drawstyle="steps-post",
            label=name.replace("_", " "),
        )
    for fpr in report.strongest.tpr:
        axes.axvline(fpr, color="#dddddd", linewidth=0.8, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1.15), title=title)
    axes.set(xlabel="false alarms: share of rows outside", ylabel="hits: share of rows inside")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    figure.savefig(where, dpi=150, format=where.suffix.lstrip(".").lower() or "png")
    return where
