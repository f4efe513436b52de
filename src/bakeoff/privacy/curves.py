"""Epsilon over the steps of a fit, and a picture of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import UsageError
from bakeoff.privacy.accounting import SEARCHED, alike, check_delta, distribution_of, epsilon_of, interval_for
from bakeoff.privacy.entries import Entry, Kind, Neighbours

if TYPE_CHECKING:
    from bakeoff.privacy.ledger import Ledger

POINTS = 60
PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Curve:
    """Epsilon at `delta` after so many noisy steps: `steps` from 0 to all of them, `epsilons` as many."""

    steps: tuple[int, ...]
    epsilons: tuple[float, ...]
    delta: float

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"delta": self.delta, "steps": list(self.steps), "epsilons": list(self.epsilons)}


def epsilons_of(
    entries: Iterable[Entry],
    delta: float,
    *,
    neighbours: Neighbours = Neighbours.ADD_OR_REMOVE,
    points: int = POINTS,
) -> Curve:
    """Epsilon after each of about so many steps; a step is one use of a Poisson-sampled or fixed-size sum.

    What was spent before a step counts from then on, so the curve may begin above 0. The last figure is the one that
    `epsilon_of` states; those before it are computed faster and lie a little above. UsageError where there is none.
    """
    check_delta(delta)
    held = [entry for entry in entries if entry.private and entry.rate]
    if any(entry.noisy and not entry.sigma for entry in held):
        raise UsageError("There is no epsilon to draw: a step added no noise.")
    total = sum(entry.count for entry in held if _is_step(entry))
    marks = sorted({round(total * place / points) for place in range(points + 1)})
    if any(entry.kind is Kind.SELECTED for entry in held):
        found = [epsilon_of(_until(held, mark), delta, neighbours=neighbours, grid=SEARCHED) for mark in marks]
    else:
        found = _at_once(alike(held, SEARCHED), marks, delta, neighbours)
    found[-1] = epsilon_of(held, delta, neighbours=neighbours)
    if not all(math.isfinite(one) for one in found):
        raise UsageError(f"There is no epsilon at delta {delta:g} to draw: what was done spends all of delta itself.")
    return Curve(tuple(marks), tuple(found), delta)


def _is_step(entry: Entry) -> bool:
    return entry.kind in (Kind.SAMPLED, Kind.FIXED)


def _until(entries: Sequence[Entry], mark: int) -> list[Entry]:
    """What had been done when so many steps had been, and not yet the one after them."""
    done: list[Entry] = []
    for entry in entries:
        if not _is_step(entry):
            done.append(entry)
        elif mark:
            done.append(replace(entry, count=min(mark, entry.count)))
            mark -= done[-1].count
        else:
            break
    return done


def _at_once(entries: Sequence[Entry], marks: Sequence[int], delta: float, neighbours: Neighbours) -> list[float]:
    """Epsilon at every mark by one composition."""
    from bakeoff.privacy.composition import epsilon_at, together

    done = list(_uses(entries, marks))
    kinds = list(done[-1])
    if not kinds:
        return [0.0] * len(marks)
    interval = interval_for([replace(kind, count=count) for kind, count in done[-1].items()], neighbours, SEARCHED)
    parts = [(distribution_of(kind, neighbours, interval), [uses[kind] for uses in done]) for kind in kinds]
    return [epsilon_at(one, delta) for one in together(parts, interval)]


def _uses(entries: Sequence[Entry], marks: Sequence[int]) -> Iterator[Counter[Entry]]:
    """How often each mechanism had been used at each mark; at the last one, all that was done after it as well."""
    uses: Counter[Entry] = Counter()
    waiting, steps = list(marks[:-1]), 0
    for entry in entries:
        kind, left = replace(entry, count=1), entry.count
        while waiting and _is_step(entry) and steps + left > waiting[0]:
            before = waiting.pop(0) - steps
            uses[kind] += before
            steps, left = steps + before, left - before
            yield uses.copy()
        uses[kind] += left
        steps += left if _is_step(entry) else 0
    yield from (uses.copy() for _ in waiting)
    yield uses


def plot_epsilon(ledger: Ledger, delta: float, path: Path | str, *, title: str = "") -> Path:
    """Draw epsilon over the steps of a fit; NoGuarantee where the ledger's guarantee was broken.

    The ending of `path` says how: .png, .svg or .pdf. UsageError for another one, or a folder that is not there.
    """
    return draw(ledger.epsilons(delta), path, title=title or f"Epsilon for one {ledger.unit}")


def draw(curve: Curve, path: Path | str, *, title: str = "") -> Path:
    """Draw a curve of epsilon as a PNG, SVG or PDF, as the ending of `path` says."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    where = Path(path)
    if not where.absolute().parent.is_dir():
        raise UsageError(f"The plot {str(where)!r} lies in a folder that is not there; make it first.")
    if where.suffix.lower() not in PICTURES:
        raise UsageError(f"The plot {str(where)!r} does not say what to draw; let it end in {' or '.join(PICTURES)}.")
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(curve.steps, curve.epsilons, color="#2b5c8a", linewidth=2)
    axes.annotate(
        f"{curve.epsilons[-1]:.3g}",
        (curve.steps[-1], curve.epsilons[-1]),
        xytext=(-6, 8),
        textcoords="offset points",
        ha="right",
    )
    axes.plot(curve.steps[-1:], curve.epsilons[-1:], "o", color="#2b5c8a", clip_on=False)
    axes.set(xlabel="steps", ylabel=f"epsilon at delta = {curve.delta:g}", title=title)
    axes.set_ylim(0, 1.12 * max(curve.epsilons) or 1)
    axes.set_xlim(0, max(curve.steps[-1], 1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(where, dpi=150)
    return where
