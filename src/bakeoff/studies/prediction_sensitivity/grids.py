"""The figures as tables for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bakeoff.studies.prediction_sensitivity.claims import GAP, MEASURES, Spread, ordered, pooled
from bakeoff.studies.study import Grid, Result

POSTS = (
    *("accuracy", "AUC", "hard accumulated", "soft accumulated", "hard relative", "swapped words"),
    *("false positive equality difference", "spread of scores", "AUC of madlibs"),
    *("mean subgroup AUC", "mean BPSN AUC", "mean BNSP AUC"),
)


def grids(results: Sequence[Result]) -> list[Grid]:
    """Planted dependence, what follows it, and classifiers of posts; those without any result are left out."""
    made = [_strengths(results), _following(results), _posts(results)]
    return [grid for grid in made if grid.rows]


def _strengths(results: Sequence[Result]) -> Grid:
    found: dict[tuple[str, str, str], list[dict[str, float]]] = defaultdict(list)
    for one in results:
        if one.setting.values["kind"] == "planted":
            for strength, figures in one.figures["strengths"].items():
                found[one.setting.values["set"], one.setting.values["model"], strength].append(figures)
    names = ("accuracy", GAP, *MEASURES)
    rows = [
        [*key, *(f"{np.mean([one[name] for one in fits]):.3f}" for name in names), str(len(fits))]
        for key, fits in found.items()
    ]
    return Grid("Planted dependence, means over seeds", ("set", "model", "planted", *names, "seeds"), rows)


def _following(results: Sequence[Result]) -> Grid:
    within, across = ordered(results), pooled(results)
    rows = [[name, str(Spread.of(within[name])), str(Spread.of(across[name]))] for name in within if within[name]]
    heads = ("measure", "with the planted strength, model by model", "with the gap, models together")
    return Grid("Rank correlations, mean with interval over repetitions", heads, rows)


def _posts(results: Sequence[Result]) -> Grid:
    rows = []
    for one in results:
        if one.setting.values["kind"] == "real":
            figures = one.figures["figures"]
            name = one.setting.name.removeprefix("real ")
            told = [f"{figures[which]:.3f}" if which in figures else "" for which in POSTS]
            rows.append([name, *told, f"{one.figures['status']:.3f}"])
    return Grid("Classifiers of HateXplain", ("classifier", *POSTS, "AUC of the status"), rows)
