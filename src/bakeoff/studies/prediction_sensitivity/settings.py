"""The study's settings, as its file says them: every setting holds all that it is measured with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from bakeoff.studies.study import Setting


@cache
def told() -> Mapping[str, Any]:
    """What stands in settings.toml."""
    return tomllib.loads(files(__package__).joinpath("settings.toml").read_text(encoding="utf-8"))


def settings(quick: bool) -> list[Setting]:
    """Planted dependence and real posts by turns, one seed after another, and last the judgements of people."""
    part = told()["quick" if quick else "full"]
    found: list[Setting] = []
    for seed in dict.fromkeys([*part["seeds"], *part["real"]]):
        if seed in part["seeds"]:
            found += _planted(part, seed)
        if seed in part["real"]:
            found += _real(seed)
    return [*found, *_people()]


def verdicts() -> Mapping[str, float]:
    """What was agreed on before anything was measured."""
    found: Mapping[str, float] = told()["verdicts"]
    return found


def _planted(part: Mapping[str, Any], seed: int) -> Iterator[Setting]:
    given = {key: value for key, value in told()["planted"].items() if key != "models"}
    for name in part["sets"]:
        for model in told()["planted"]["models"]:
            values = {"kind": "planted", "set": name, **_model(model), "seed": seed, **given}
            yield Setting(f"planted {name} {model} seed {seed}", values)


def _real(seed: int) -> Iterator[Setting]:
    for variant in told()["real"]["variants"]:
        for model in told()["real"]["models"]:
            values = {"kind": "real", "variant": variant, **_model(model), "seed": seed, **_posts()}
            yield Setting(f"real {variant} {model} seed {seed}", values)


def _people() -> Iterator[Setting]:
    for model in told()["real"]["models"]:
        values = {"kind": "people", "variant": "plain", **_model(model), "seed": 0, **_posts()}
        yield Setting(f"people {model}", values)


def _posts() -> dict[str, Any]:
    return {key: value for key, value in told()["real"].items() if key not in ("models", "variants")}


def _model(name: str) -> dict[str, Any]:
    return {"version": told()["version"], "model": name, "shape": told()["models"][name]}
