"""The study's settings, as its file says them: one for each encoder, which says all that it is measured with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any

from bakeoff.studies.study import Setting

PARTS = ("pretraining", "tuning", "occupations", "sentiment", "toxicity")


@cache
def told() -> Mapping[str, Any]:
    """What stands in settings.toml."""
    return tomllib.loads(files(__package__).joinpath("settings.toml").read_text(encoding="utf-8"))


def verdicts() -> Mapping[str, float]:
    """What was agreed on before anything was measured."""
    found: Mapping[str, float] = told()["verdicts"]
    return found


def settings(quick: bool) -> list[Setting]:
    """All encoders: those of the recorded run, then those whose seed is another, then the further ones."""
    part = told()["quick" if quick else "full"]
    found = list(_encoders(part, part))
    found += _encoders(part, {**part, **part["again"]}) if "again" in part else []
    found += _encoders(part, part["further"]) if "further" in part else []
    return found


def _encoders(part: Mapping[str, Any], which: Mapping[str, Any]) -> Iterator[Setting]:
    given = {name: {**told()[name], **part.get(name, {})} for name in PARTS}
    for seed, strength, corpus, size in product(which["seeds"], which["strengths"], which["corpora"], which["sizes"]):
        values = {
            "version": told()["version"],
            "corpus": corpus,
            "sentences": part["sentences"],
            "strength": strength,
            "size": size,
            "shape": told()["sizes"][size],
            "seed": seed,
            "tasks": part["tasks"],
            **given,
        }
        yield Setting(f"encoder {corpus} {size} strength {strength:g} seed {seed}", values)
