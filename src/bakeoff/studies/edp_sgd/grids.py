"""The study's figures as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.studies.edp_sgd.claims import Measured, areas, mean, scores
from bakeoff.studies.study import Grid, Result


def grids(results: Sequence[Result]) -> list[Grid]:
    """The claimed epsilon, seconds per step, quality; those of which nothing was measured are left out."""
    made = [_claimed(results), _speed(results), _quality(results)]
    return [grid for grid in made if grid.rows]


def _claimed(results: Sequence[Result]) -> Grid:
    rows = []
    for one in results:
        figures = one.figures
        if one.setting.values["kind"] == "accounted":
            what = f"{figures['steps']:,} steps, rate {figures['rate']:g}, sigma {figures['sigma']:g}"
            rows.append([what, f"{figures['claimed']:.3f}", f"{figures['honest']:.2f}", "not attacked"])
        if one.setting.values["kind"] == "attacked":
            for name in ("micro-batch", "record"):
                found = figures[name]
                least = f"at least {found['epsilon at least']:.2f}"
                rows.append([f"one step, {name}", f"{figures['claimed']:g}", f"{found['stated']:.2f}", least])
    return Grid("The epsilon that is claimed", ("what", "claimed", "in the ledger", "attack, 95 %"), rows)


def _speed(results: Sequence[Result]) -> Grid:
    rows = []
    for one in results:
        if one.setting.values["kind"] != "speed":
            continue
        seconds = one.figures["CPU seconds per step"]
        model, batch = one.setting.values["model"], one.setting.values["batch"]
        for method, own in seconds.items():
            ratio = f"{own / seconds['plain']:.2f}"
            spread = one.figures["ratio"].get(method)
            between = f"{spread[0]:.2f} to {spread[1]:.2f}" if spread else ""
            rows.append([model, str(batch), method, f"{1000 * own:.1f}", ratio, between])
        rows += [[model, str(batch), method, "", "", why] for method, why in one.figures["left out"].items()]
    heads = ("model", "batch", "step", "CPU ms", "times the plain one", "middle half of the rounds")
    return Grid("CPU time of a step on one thread", heads, rows)


def _quality(results: Sequence[Result]) -> Grid:
    quality, attack = scores(results), areas(results)
    costs: dict[tuple[str, str, str, float], list[Mapping[str, Any]]] = {}
    for one in results:
        values = one.setting.values
        if values["kind"] == "quality":
            key = (values["set"], values["model"], values["method"], values["epsilon"])
            costs.setdefault(key, []).append(one.figures)
    rows = []
    for (name, model, method, epsilon), figures in costs.items():
        own = {
            case[2]: found
            for (case, way, at), found in quality.items()
            if (*case[:2], way, at) == (name, model, method, epsilon)
        }
        told = "; ".join(f"{metric} {_with_error(found)}" for metric, found in own.items())
        area = attack[(name, model, "attack"), method, epsilon]
        honest = [one["epsilon"] for one in figures if one["epsilon"] is not None]
        rows.append(
            [
                *(name, model, method, f"{epsilon:g}" if epsilon else "none"),
                f"{max(honest):.2f}" if honest else "none",
                told,
                _with_error(area),
                f"{mean([Measured(one['CPU seconds'], 0.0) for one in figures]).value:.0f}",
                str(len(figures)),
            ]
        )
    heads = (
        *("set", "model", "method", "asked epsilon", "honest epsilon"),
        *("quality (standard error)", "attack's area", "CPU s", "seeds"),
    )
    return Grid("Quality on test rows", heads, rows)


def _with_error(found: Measured) -> str:
    return f"{found.value:.3f} ({found.error:.3f})"
