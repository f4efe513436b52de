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


def verdicts() -> Mapping[str, Any]:
    """What was agreed on before anything was measured."""
    found: Mapping[str, Any] = told()["verdicts"]
    return found


def settings(quick: bool) -> list[Setting]:
    """All settings: what is cheap, then words and codes, one seed after another."""
    part = told()["quick" if quick else "full"]
    return [*_published(part), *_ranks(part), *(one for seed in part["seeds"] for one in _of_seed(part, seed))]


def _published(part: Mapping[str, Any]) -> Iterator[Setting]:
    given = part["published"]
    for dimensions in given["dimensions"]:
        values = {"kind": "published", "version": told()["version"], "delta": told()["delta"]}
        values |= {"epsilon": given["epsilon"], "trials": given["trials"], "dimensions": dimensions}
        yield Setting(f"published auto-encoder {dimensions} dimensions", values)


def _ranks(part: Mapping[str, Any]) -> Iterator[Setting]:
    given = part["ranks"]
    for name in part["sets"]:
        for method in part["methods"]:
            values = {"kind": "ranks", "version": told()["version"], "vectors": told()["vectors"], "method": method}
            yield Setting(f"ranks {name} {method}", {**values, **given, **_public(name)})


def _of_seed(part: Mapping[str, Any], seed: int) -> Iterator[Setting]:
    for name in part["sets"]:
        yield Setting(f"plain {name} seed {seed}", {"kind": "plain", **_common(part, name, seed)})
    for name in part["sets"]:
        for method in part["methods"]:
            for epsilon in part["epsilons"]:
                values = {"kind": "words", "method": method, "epsilon": epsilon, "vectors": told()["vectors"]}
                yield Setting(
                    f"words {name} {method} epsilon {epsilon:g} seed {seed}", {**values, **_common(part, name, seed)}
                )
    coder = {**told()["coder"], **{key: part["codes"][key] for key in ("epochs", "texts") if key in part["codes"]}}
    for name in part["codes"]["sets"]:
        for epsilon in part["codes"]["epsilons"]:
            values = {"kind": "codes", "epsilon": epsilon, "delta": told()["delta"], "coder": coder}
            yield Setting(f"codes {name} epsilon {epsilon:g} seed {seed}", {**values, **_common(part, name, seed)})


def _public(name: str) -> dict[str, Any]:
    return {"set": name, "public": told()["sets"][name]["public"]}


def _common(part: Mapping[str, Any], name: str, seed: int) -> dict[str, Any]:
    about = dict(told()["sets"][name])
    if "rows" in part:
        about["train"] = part["rows"]
    return {"version": told()["version"], "set": name, "about": about, "attack": told()["attack"], "seed": seed}
