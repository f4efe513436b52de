"""The study's settings, as its file says them: every setting holds all that it is measured with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from bakeoff.studies.study import Setting

PRIVATE = ("record", "micro-claimed", "micro-honest")
VARIANTS = ("record-layerwise", "record-decay")


@cache
def told() -> Mapping[str, Any]:
    """What stands in settings.toml."""
    return tomllib.loads(files(__package__).joinpath("settings.toml").read_text(encoding="utf-8"))


def settings(quick: bool) -> list[Setting]:
    """All settings: the claimed epsilon, speed, then quality, one seed after another."""
    part = told()["quick" if quick else "full"]
    return [*_claimed(part), *_speed(part), *_quality(part)]


def verdicts() -> Mapping[str, float]:
    """What was agreed on before anything was measured."""
    found: Mapping[str, float] = told()["verdicts"]
    return found


def _claimed(part: Mapping[str, Any]) -> Iterator[Setting]:
    given = {**part["claimed"], "version": told()["version"], "delta": told()["delta"]}
    accounted = {name: given[name] for name in ("version", "delta", "rate", "sigma", "steps")}
    yield Setting("account of the published epsilon", {"kind": "accounted", **accounted})
    attacked = {name: given[name] for name in ("version", "delta", "epsilon", "trials")}
    yield Setting("attack on one step", {"kind": "attacked", **attacked})


def _speed(part: Mapping[str, Any]) -> Iterator[Setting]:
    given = part["speed"]
    for model, batches in given["batches"].items():
        for batch in batches:
            values = {"version": told()["version"], "model": model, "batch": batch, "seconds": given["seconds"]}
            yield Setting(f"speed {model} batch {batch}", {"kind": "speed", **values})


def _quality(part: Mapping[str, Any]) -> Iterator[Setting]:
    for seed in part["seeds"]:
        for name in part["sets"]:
            for model in told()["sets"][name]["models"]:
                yield _fit(part, (name, model, "plain", 0.0, seed))
        for epsilon in part["epsilons"]:
            for name in part["sets"]:
                for model in told()["sets"][name]["models"]:
                    yield from (_fit(part, (name, model, method, epsilon, seed)) for method in PRIVATE)
        for name in part["variants"]["sets"]:
            model = told()["sets"][name]["models"][0]
            for method in VARIANTS:
                yield _fit(part, (name, model, method, part["variants"]["epsilon"], seed))


def _fit(part: Mapping[str, Any], which: tuple[str, str, str, float, int]) -> Setting:
    name, model, method, epsilon, seed = which
    all_of_it = told()
    how = dict(all_of_it["methods"][method])
    how["epochs"] = part["epochs"] or how["epochs"]
    values = {
        "kind": "quality",
        "set": name,
        "about": all_of_it["sets"][name],
        "rows": part["rows"],
        "model": model,
        "shape": all_of_it["models"][model],
        "method": method,
        "how": how,
        "epsilon": epsilon,
        "seed": seed,
        **{key: all_of_it[key] for key in ("version", "delta", "withheld", "members")},
    }
    asked = f" epsilon {epsilon:g}" if epsilon else ""
    return Setting(f"quality {name} {model} {method}{asked} seed {seed}", values)
