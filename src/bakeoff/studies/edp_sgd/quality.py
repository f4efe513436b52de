"""One fit of the quality part: how well test rows are answered, what was spent, and how well members are told apart."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.studies.edp_sgd.learners import Learner, learner_for, losses_of
from bakeoff.studies.edp_sgd.regimes import Arm, arm_for
from bakeoff.studies.edp_sgd.sets import Parts, parts_of
from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.seeding import seeded, threads

FALSE_ALARMS = 0.01  # at which share of wrongly accused rows the attack's power is told


def quality(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Fit one network by one method on one thread; figures as JSON can hold them."""
    parts = parts_of(values, data)
    how = values["how"]
    private = values["method"] != "plain"
    recipe = Recipe(
        epochs=how["epochs"],
        batch=min(how["batch"], len(parts.train)),
        rate=how["rate"],
        decay=0.0 if private else 1e-2,
        clip=0.0 if private else 5.0,
        held_out=0.0,
        seed=values["seed"],
        threads=1,
    )
    with threads(1):
        with seeded(values["seed"]):
            learner = learner_for(values, parts)
        arm = arm_for(values, len(learner.records), recipe)
        if arm.ledger is not None:
            arm.ledger.took(learner.steps)
        began = time.process_time()
        fitted = fit(learner.network, learner.records, recipe, regime=arm.regime)
        cpu = time.process_time() - began
        scores = learner.scores(parts.test)
        attack = _attacked(values, parts, learner)
    told = {"training rows": len(learner.records), "test rows": len(parts.test), "scores": scores, "attack": attack}
    steps = sum(epoch.steps for epoch in fitted.history.epochs)
    return {**told, "steps": steps, "CPU seconds": round(cpu, 2), **_spent(values, arm)}


def _spent(values: Mapping[str, Any], arm: Arm) -> dict[str, Any]:
    if arm.ledger is None:
        return {"epsilon": None, "claimed epsilon": None}
    honest = arm.ledger.epsilon(values["delta"])
    return {
        "epsilon": honest if math.isfinite(honest) else None,
        "claimed epsilon": values["epsilon"],
        "sigma": arm.sigma,
        "ledger": arm.ledger.as_plain(),
    }


@dataclass(frozen=True)
class Told:
    """How well losses tell members (1) from others: area under the curve with its error, power at few false alarms."""

    area: float
    error: float
    power: float

    @classmethod
    def of(cls, members: Array, others: Array) -> Told:
        """From the losses of both; a member's is the smaller one. Error by Hanley and McNeil (1982), Radiology 143."""
        from scipy.stats import rankdata

        inside, outside = len(members), len(others)
        ranks = rankdata(np.concatenate([-members, -others]))
        area = float((ranks[:inside].sum() - inside * (inside + 1) / 2) / (inside * outside))
        one, two = area / (2 - area), 2 * area**2 / (1 + area)
        spread = area * (1 - area) + (inside - 1) * (one - area**2) + (outside - 1) * (two - area**2)
        limit = np.quantile(others, FALSE_ALARMS)
        return cls(area, math.sqrt(max(spread, 0.0) / (inside * outside)), float((members < limit).mean()))


def _attacked(values: Mapping[str, Any], parts: Parts, learner: Learner) -> dict[str, Any]:
    """A threshold on the loss (Yeom et al. 2018), on training rows and rows that were withheld by chance."""
    inside, outside = _alone(parts)
    random = np.random.default_rng([values["seed"], 13])
    some = [random.permutation(rows)[: values["members"]] for rows in (inside, outside)]
    members = losses_of(learner, learner.read(parts.train.iloc[some[0]]))
    others = losses_of(learner, learner.read(parts.withheld.iloc[some[1]]))
    told = Told.of(members, others)
    return {
        "area": told.area,
        "error": told.error,
        f"power at {FALSE_ALARMS:g}": told.power,
        "members": len(members),
        "others": len(others),
    }


def _alone(parts: Parts) -> tuple[Array, Array]:
    """The rows, in training and withheld, that no other row of either repeats: its twin would speak for it."""
    import pandas as pd

    joined: Any = pd.concat
    both = joined([_plain(parts.train), _plain(parts.withheld)], ignore_index=True)
    alone = ~both.duplicated(keep=False).to_numpy()
    cut = len(parts.train)
    return np.flatnonzero(alone[:cut]), np.flatnonzero(alone[cut:])


def _plain(frame: Frame) -> Frame:
    return frame[["text"]] if "text" in frame.columns else frame.astype(str)
