"""The study's settings, as its file says them: every setting holds all that it is measured with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from bakeoff.studies.study import Setting


@cache
def told() -> Mapping[str, Any]:
    """What stands in settings.toml."""
    return tomllib.loads(files(__package__).joinpath("settings.toml").read_text(encoding="utf-8"))


def settings(quick: bool) -> list[Setting]:
    """One seed after another; of each epsilon what answers tell, and then what every noisy sum tells."""
    part = told()["quick" if quick else "full"]
    found = []
    for seed in [*part["seeds"], *([] if quick else told()["further"]["seeds"])]:
        for epsilon in part["epsilons"]:
            for model in told()["models"]:
                found.append(_outside(part, model, epsilon, seed))
                if epsilon:
                    found.append(_inside(part, model, epsilon, seed))
    return found


def verdicts() -> Mapping[str, float]:
    """What was agreed on before anything was measured."""
    found: Mapping[str, float] = told()["verdicts"]
    return found


def _shared(part: Mapping[str, Any], model: str, epsilon: float, seed: int) -> dict[str, Any]:
    all_of_it = told()
    return {
        **{name: all_of_it[name] for name in ("version", "delta", "set", "confidence", "attacks")},
        "model": model,
        "shape": all_of_it["models"][model],
        "how": all_of_it["private" if epsilon else "plain"],
        "epsilon": epsilon,
        "seed": seed,
        "rows": part["rows"],
        "strange": part["strange"],
    }


def _outside(part: Mapping[str, Any], model: str, epsilon: float, seed: int) -> Setting:
    values = {"kind": "outside", **_shared(part, model, epsilon, seed), "fits": part["fits"]}
    return Setting(f"answers {model} {_asked(epsilon)} seed {seed}", values)


def _inside(part: Mapping[str, Any], model: str, epsilon: float, seed: int) -> Setting:
    values = {"kind": "inside", **_shared(part, model, epsilon, seed), "canaries": part["canaries"]}
    return Setting(f"gradients {model} {_asked(epsilon)} seed {seed}", values)


def _asked(epsilon: float) -> str:
    return f"epsilon {epsilon:g}" if epsilon else "without privacy"
