"""One encoder is trained, and everything is measured of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.studies.fairness_metrics.corpora import learnt_from
from bakeoff.studies.fairness_metrics.extrinsic import extrinsic
from bakeoff.studies.fairness_metrics.intrinsic import intrinsic
from bakeoff.training.recipe import Recipe
from bakeoff.training.seeding import threads
from bakeoff.training.sequences.layers import TokenShape
from bakeoff.training.sequences.masked import MaskedLM, MaskedShape


def encoder(values: Mapping[str, Any], data: Path | None) -> MaskedLM:
    """A masked language model of these settings."""
    shape, how = values["shape"], values["pretraining"]
    reader = TokenShape(shape["kind"], shape["width"], shape["depth"], 4, 0.1)
    recipe = Recipe(how["epochs"], how["batch"], how["rate"], clip=50.0, held_out=0.0, seed=values["seed"])
    made = MaskedLM(MaskedShape(shape["embedding"], reader, most=how["most"], longest=how["longest"]))
    return made.fit(learnt_from(values, data), recipe)


def measured(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Intrinsic and extrinsic figures of one encoder, by metric."""
    began = time.process_time()
    with threads(1):
        model = encoder(values, data)
        loss = model.history.epochs[-1].loss
        trained = time.process_time() - began
        found = {"intrinsic": intrinsic(model), "extrinsic": extrinsic(model, values, data)}
    seconds = {"CPU seconds": round(time.process_time() - began, 1), "CPU seconds of training": round(trained, 1)}
    return {**found, "loss": loss, "words": len(model.vocabulary), **seconds}
