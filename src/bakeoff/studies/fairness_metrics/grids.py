"""The study's figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.fairness import agreement
from bakeoff.fairness.correlations import PARTIAL, PEARSON, SPEARMAN
from bakeoff.studies.fairness_metrics.claims import SETTINGS, Matrix, matrix
from bakeoff.studies.study import Grid, Result


def grids(results: Sequence[Result]) -> list[Grid]:
    """Correlations, then the metrics of every encoder; those of which nothing was measured are left out."""
    held = matrix(results)
    made = [_pairs(held), _each(results, held), _quality(results, held)]
    return [grid for grid in made if grid.rows]


def _pairs(held: Matrix) -> Grid:
    rows = []
    for name, values in held.extrinsic.items():
        if not held.intrinsic:
            break
        found = agreement(held.intrinsic, {name: values}, held.accuracy[name], SETTINGS)
        for one in held.intrinsic:
            told = {measure.metric: measure for measure in found if measure.family == f"{one} and {name}"}
            if any(measure.value is None for measure in told.values()):
                rows.append([one, name, told[SPEARMAN].reason, "", "", ""])
                continue
            rank = told[SPEARMAN]
            rows.append(
                [
                    *(one, name, f"{rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}]", f"{rank.p:.3f}"),
                    *(f"{told[metric].value:.2f}" for metric in (PEARSON, PARTIAL)),
                ]
            )
    heads = ("intrinsic", "extrinsic", "Spearman [95 %]", "p", "Pearson", "given accuracy")
    return Grid(f"Intrinsic against extrinsic, over {held.encoders} encoders", heads, rows)


def _each(results: Sequence[Result], held: Matrix) -> Grid:
    rows = []
    for place, one in enumerate(results):
        values = one.setting.values
        metrics = [f"{own[place]:.2f}" for own in held.intrinsic.values()]
        metrics += [f"{own[place]:.3f}" for own in held.extrinsic.values()]
        rows.append([values["corpus"], values["size"], f"{values['strength']:g}", str(values["seed"]), *metrics])
    heads = ("corpus", "size", "planted", "seed", *held.intrinsic, *held.extrinsic)
    return Grid("Every encoder, larger is more biased", heads, rows)


def _quality(results: Sequence[Result], held: Matrix) -> Grid:
    rows = []
    for place, one in enumerate(results):
        accuracy = [f"{own[place]:.3f}" for own in held.accuracy.values()]
        loss = one.figures["loss"]
        rows.append(
            [one.setting.name, "" if loss is None else f"{loss:.2f}", *accuracy, f"{one.figures['CPU seconds']:.0f}"]
        )
    return Grid("How good the classifiers are", ("encoder", "loss at last", *held.accuracy, "CPU s"), rows)
