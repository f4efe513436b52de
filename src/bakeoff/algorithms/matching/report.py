"""What a fitted matcher says of itself: a report for a terminal, the precision-recall curve, reasons for a pair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.errors import EntryError, UsageError
from bakeoff.nouns import Frame

if TYPE_CHECKING:
    from bakeoff.algorithms.matching.estimates import Estimates
    from bakeoff.algorithms.matching.matcher import Matcher

SHOWN = 8
BAR = 20
AT = (0.99, 0.95, 0.9, 0.8)
FORMATS = (".svg", ".png", ".pdf")


def report_text(matcher: Matcher) -> str:
    """Labels, threshold, held-out figures with intervals, confusion matrix and columns, in lines up to 100 signs."""
    labels = matcher.labels_
    right = "" if matcher.right_ is None else f" and {len(matcher.right_):,}"
    what = "duplicates in one table" if matcher.right_ is None else "links between two tables"
    lines = [f"Matcher: {what} of {len(matcher.left_):,}{right} records"]
    if matcher.learnt_:
        lines.append(
            f"Learnt from {len(labels.matches):,} labelled pairs, {int(labels.matches.sum()):,} of them matches."
        )
    else:
        lines.append(_unlearnt(matcher))
    lines.append(
        f"A match from the chance {matcher.threshold_:.3f} on (precision_recall {matcher.precision_recall:g}: "
        f"{_leaning(matcher.precision_recall)}); up to {matcher.k_} candidates for each record."
    )
    told = matcher.one_to_one_
    lines.append(f"One partner for each record: {'yes' if told.on else 'no'} ({told.reason}).")
    context = getattr(matcher.scorer_, "context_", None)
    if context is not None:
        lines.append(f"Rivals of a pair count: {'yes' if context.on else 'no'} ({context.reason}).")
        lines += [
            f"  held out, {name:<9} without rivals {without:.3f}, with them {with_:.3f}"
            for name, (without, with_) in (("F1", context.f1), ("log loss", context.log_loss))
            if np.isfinite([without, with_]).all()
        ]
    if matcher.schema_.ignored:
        lines.append(f"Records may differ in: {', '.join(matcher.schema_.ignored)}.")
    if matcher.enforce_labels:
        lines.append("The labels given hold in links and groups.")
    lines += _figures(matcher.estimates_) if matcher.estimates_ is not None else _expected(matcher)
    lines += ["", "What the decisions rest on:"]
    for name, share in list(matcher.importance().items())[:SHOWN]:
        lines.append(f"  {share:6.1%}  {'#' * round(share * BAR):<{BAR}}  {name}")
    return "\n".join(lines)


def _unlearnt(matcher: Matcher) -> str:
    labels = matcher.labels_
    if not len(labels.matches):
        return "Not learnt from labels: there are none, and the chances come from the records alone."
    yes, no = int(labels.matches.sum()), int((~labels.matches).sum())
    return (
        f"Not learnt from labels: {yes:,} labelled match{'es' * (yes != 1)} and {no:,} of no match are too few (two of "
        "each are needed), and the chances come from the records alone."
    )


def _leaning(alpha: float) -> str:
    if alpha == 0.5:
        return "best F1"
    return "leaning to precision" if alpha > 0.5 else "leaning to recall"


def _figures(found: Estimates) -> list[str]:
    of = "all candidates, from pairs drawn at random" if found.weighted else "the labelled pairs as they were chosen"
    (none, false), (missed, hits) = found.confusion
    counted = "pairs stood for" if found.weighted else "pairs"
    lines = [
        "",
        f"Held out, of {of} ({found.pairs:,} pairs, {found.matches:,} matches), with 95 % intervals:",
        f"  precision                          {found.precision}",
        f"  recall                             {found.recall}",
        f"  F1                                 {found.f1}",
        f"  area under precision-recall curve  {found.area}",
        "",
        f"  {counted:<18} {'called a match':>16} {'called none':>16}",
        f"  {'match':<18} {hits:>16,.0f} {missed:>16,.0f}",
        f"  {'no match':<18} {false:>16,.0f} {none:>16,.0f}",
    ]
    if found.weighted:
        lines.append("  Matches that no candidate holds are not counted; more effort looks at more candidates.")
    points = [(at, _recall_at(found, at)) for at in AT]
    said = "; ".join(f"{at:.2f}: {recall:.2f}" for at, recall in points if recall is not None)
    return [*lines, *([f"  Recall where the precision is still at least {said}."] if said else [])]


def _recall_at(found: Estimates, precision: float) -> float | None:
    enough = found.curve[found.curve[:, 1] >= precision] if len(found.curve) else found.curve
    return float(enough[:, 2].max()) if len(enough) else None


def _expected(matcher: Matcher) -> list[str]:
    chances = getattr(matcher, "expected_", np.zeros(0))
    called = chances >= matcher.threshold_
    if not called.any():
        return ["", "No candidate is called a match."]
    hits, true = float(chances[called].sum()), float(chances.sum())
    return [
        "",
        f"The model itself expects (nobody has checked): {int(called.sum()):,} of {len(chances):,} candidates called a "
        f"match, precision {hits / called.sum():.2f}, recall {hits / true:.2f}.",
        "Label some pairs to know better: bakeoff label TABLE.",
    ]


def draw_curve(matcher: Matcher, path: Any) -> str:
    """Draw the held-out precision-recall curve, with the threshold on it; the path as text."""
    path = Path(path)
    if matcher.estimates_ is None or not len(matcher.estimates_.curve):
        raise UsageError("There is no curve to draw without labelled pairs of both kinds; give pairs to fit.")
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"The plot {str(path)!r} must end with {', '.join(FORMATS)}; name another file.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = matcher.estimates_
    figure = Figure(figsize=(4.5, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.step(found.curve[:, 2], found.curve[:, 1], where="pre", color="#1f5fa8", linewidth=1.6)
    spread = [
        [[figure_.value - figure_.low], [figure_.high - figure_.value]] for figure_ in (found.recall, found.precision)
    ]
    if np.isfinite(spread).all():
        axes.errorbar(
            found.recall.value,
            found.precision.value,
            xerr=spread[0],
            yerr=spread[1],
            fmt="o",
            color="#b3411f",
            capsize=3,
        )
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"held out: area {found.area.value:.3f}, F1 {found.f1.value:.3f}", fontsize=10)
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    return str(path)


def explained(matcher: Matcher, left: int, right: int) -> Frame:
    """What speaks for and against a pair, as `Matcher.explain` says."""
    import pandas as pd

    second = matcher.left_ if matcher.right_ is None else matcher.right_
    for side, place, table in (("left", left, matcher.left_), ("right", right, second)):
        if not 0 <= place < len(table):
            raise EntryError(f"There is no {side} record {place}; the table has {len(table):,}, counted from 0.")
    positions = np.array([[left, right]], dtype=np.int64)
    if not hasattr(matcher.scorer_, "contributions"):
        raise EntryError("Records that are embeddings are compared as wholes: no column can be named as the reason.")
    parts = matcher.scorer_.contributions(matcher.left_, matcher.right_, positions)
    rows = []
    for name, odds in parts.items():
        cells = [
            table[name].iloc[place] if name in table.columns else None
            for place, table in ((left, matcher.left_), (right, second))
        ]
        rows.append({"what": name, "log_odds": float(odds[0]), "left": cells[0], "right": cells[1]})
    frame = pd.DataFrame(rows, columns=["what", "log_odds", "left", "right"])
    return frame.sort_values("log_odds", key=np.abs, ascending=False, kind="stable", ignore_index=True)
