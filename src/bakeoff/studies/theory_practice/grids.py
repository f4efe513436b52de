"""The study's figures as tables for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.studies.study import Grid, Result
from bakeoff.studies.theory_practice.claims import Leak, answers, gradients
from bakeoff.studies.theory_practice.settings import told


def grids(results: Sequence[Result]) -> list[Grid]:
    """Attacks on answers, then audits from inside; those of which nothing was measured are left out."""
    return [grid for grid in (_answers(results), _gradients(results)) if grid.rows]


def _answers(results: Sequence[Result]) -> Grid:
    names = list(told()["attacks"])
    tables = {(rows, name): answers(results, rows, name) for rows in ("strange", "ordinary") for name in names}
    held = _by_setting(results, "outside")
    rows = []
    for (model, epsilon), figures in held.items():
        areas = [_words(table[model][epsilon]) for table in tables.values()]
        accuracy = sum(one["accuracy"] for one in figures) / len(figures)
        bounds = ", ".join(f"{one['one run']['bound']:.2f}" for one in figures)
        rows.append([model, _asked(epsilon), *areas, bounds, f"{accuracy:.3f}", str(len(figures))])
    heads = [
        *("model", "epsilon"),
        *(f"{name}, {'label by chance' if which == 'strange' else 'ordinary'}" for which, name in tables),
        *("epsilon at least (each seed)", "accuracy", "seeds"),
    ]
    return Grid("What answers tell: the area of each attack (standard error)", heads, rows)


def _gradients(results: Sequence[Result]) -> Grid:
    table = gradients(results)
    rows = []
    for (model, epsilon), figures in _by_setting(results, "inside").items():
        bounds = ", ".join(f"{one['bound']:.2f}" for one in figures)
        ceiling = min(one["ceiling"] for one in figures)
        words = sorted({one["verdict"] for one in figures})
        problems = sum(len(one["problems"]) for one in figures)
        leak = _words(table[model][epsilon])
        rows.append([model, _asked(epsilon), leak, bounds, f"{ceiling:.2f}", ", ".join(words), str(problems)])
    heads = ("model", "epsilon", "area", "epsilon at least (each seed)", "ceiling", "verdict", "checks that failed")
    return Grid("What every noisy sum tells of gradient canaries", heads, rows)


def _by_setting(results: Sequence[Result], kind: str) -> dict[tuple[str, float], list[Mapping[str, Any]]]:
    found: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for one in results:
        values = one.setting.values
        if values["kind"] == kind:
            found.setdefault((values["model"], values["epsilon"] or math.inf), []).append(one.figures)
    return dict(sorted(found.items()))


def _asked(epsilon: float) -> str:
    return f"{epsilon:g}" if math.isfinite(epsilon) else "none"


def _words(leak: Leak) -> str:
    return f"{leak.value:.3f} ({leak.error:.3f})"
