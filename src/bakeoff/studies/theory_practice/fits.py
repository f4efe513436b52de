"""The fits of a setting: which rows they learn from, and what their answers or their noisy sums tell of that."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bakeoff.nouns import Array, Frame
from bakeoff.privacy import Budget, Ledger, calibrate
from bakeoff.privacy.attacks import AttackReport, AttackSettings, attack
from bakeoff.privacy.audits import pooled, tally
from bakeoff.privacy.clipping import Automatic
from bakeoff.privacy.poisson import Plan
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD
from bakeoff.studies.edp_sgd.learners import Talk
from bakeoff.studies.edp_sgd.sets import Parts, parts_of
from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.seeding import seeded, threads
from bakeoff.training.sequences.batches import by_length

FALSE_ALARMS = 0.01  # at which share of wrongly accused rows hits are told
SOME = 20  # canaries of one fit below which none is guessed


@dataclass(frozen=True)
class Rows:
    """Sentences with their labels, of which the last `strange` ones were labelled by chance, and test sentences."""

    frame: Frame
    test: Frame
    strange: Array
    classes: list[str]

    def parts(self, inside: Array) -> Parts:
        """What a fit on these rows is made of."""
        some = self.frame[inside].reset_index(drop=True)
        return Parts(some, self.frame.iloc[:0], self.test, self.classes, [])


def rows_of(values: Mapping[str, Any], data: Path | None) -> Rows:
    """The rows of a seed, the same for every model and epsilon; NotFound where the set is not there."""
    about = {"set": values["set"], "about": {}, "seed": values["seed"], "rows": values["rows"], "withheld": 0.0}
    parts = parts_of(about, data)
    frame = parts.train.drop_duplicates("text", ignore_index=True)  # a twin would speak for a row
    random = np.random.default_rng([values["seed"], 21])
    strange = np.zeros(len(frame), dtype=bool)
    strange[-min(values["strange"], len(frame) // 2) :] = True
    labels = frame["intent"].to_numpy(dtype=object, copy=True)
    labels[strange] = random.choice(np.array(parts.classes, dtype=object), int(strange.sum()))
    return Rows(frame.assign(intent=labels), parts.test, strange, list(parts.classes))


def outside(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Several fits on halves by coins, and what attacks on their answers find; figures as JSON can hold them."""
    rows = rows_of(values, data)
    coins = np.random.default_rng([values["seed"], 22]).random((values["fits"], len(rows.frame))) < 0.5
    began = time.process_time()
    odds, scores, ledgers = [], [], []
    for number, inside in enumerate(coins):
        learner, ledger = _fitted(values, rows, inside, number)
        odds.append(_odds(learner, rows))
        scores.append(learner.scores(rows.test)["accuracy"]["value"])
        ledgers.append(ledger)
    signals = np.array(odds)
    return {
        "epsilon": _spent(ledgers, values["delta"]),
        "accuracy": float(np.mean(scores)),
        "strange": _attacked(values, coins[:, rows.strange], signals[:, rows.strange]),
        "ordinary": _attacked(values, coins[:, ~rows.strange], signals[:, ~rows.strange]),
        "one run": _guessed(values, coins[:, rows.strange], signals[:, rows.strange]),
        "CPU seconds": round(time.process_time() - began, 2),
    }


def inside(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """One fit with gradient canaries whose every noisy sum is seen; figures as JSON can hold them."""
    from bakeoff.privacy.audits import area
    from bakeoff.privacy.whitebox.auditing import audit_fit
    from bakeoff.privacy.whitebox.canaries import Canaries

    rows = rows_of(values, data)
    coins = np.random.default_rng([values["seed"], 22]).random(len(rows.frame)) < 0.5
    began = time.process_time()
    with threads(1):
        learner, recipe = _learner(values, rows, coins, 0)
        regime = _regime(values, len(rows.frame) // 2, recipe)
        how = Canaries(values["canaries"], confidence=values["confidence"])
        found = audit_fit(learner.network, learner.records, recipe, regime, delta=values["delta"], canaries=how)
    told = found.as_plain()
    value, low, high = area(found.scores, found.inside)
    return {
        **told,
        "area": {"value": value, "low": low, "high": high},
        "CPU seconds": round(time.process_time() - began, 2),
    }


def _learner(values: Mapping[str, Any], rows: Rows, inside: Array, number: int) -> tuple[Talk, Recipe]:
    how, private = values["how"], bool(values["epsilon"])
    parts = rows.parts(inside)
    recipe = Recipe(
        epochs=how["epochs"],
        batch=min(how["batch"], len(parts.train)),
        rate=how["rate"],
        decay=0.0 if private else 1e-2,
        clip=0.0 if private else 5.0,
        held_out=0.0,
        seed=1000 * values["seed"] + number,
        threads=1,
    )
    with seeded(recipe.seed):
        return Talk({**values, "how": {**how, "dropout": 0.0}}, parts), recipe


def _regime(values: Mapping[str, Any], records: int, recipe: Recipe) -> PrivateSGD:
    """Half of the rows is the public number of records: how many coins fell so is not told."""
    budget = Budget(values["epsilon"], values["delta"])
    plan = Plan.of(records, recipe)
    sigma = _sigma(budget, plan.rate, plan.steps)
    settings = PrivateSettings(sigma=sigma, records=records, clipping=Automatic(values["how"]["clip"]))
    return PrivateSGD(Ledger(), settings)


@cache
def _sigma(budget: Budget, rate: float, steps: int) -> float:
    """The noise of every fit of a setting: it follows from public numbers alone."""
    return float(calibrate(budget, rate, steps))


def _fitted(values: Mapping[str, Any], rows: Rows, inside: Array, number: int) -> tuple[Talk, Ledger | None]:
    with threads(1):
        learner, recipe = _learner(values, rows, inside, number)
        if not values["epsilon"]:
            fit(learner.network, learner.records, recipe)
            return learner, None
        regime = _regime(values, len(rows.frame) // 2, recipe)
        regime.ledger.took(learner.steps)
        fit(learner.network, learner.records, recipe, regime=regime)
    return learner, regime.ledger


def _spent(ledgers: Sequence[Ledger | None], delta: float) -> float | None:
    """The epsilon of all fits alike; None without privacy. Equal ledgers are accounted for once."""
    different: dict[str, Ledger] = {json.dumps(one.as_plain()): one for one in ledgers if one is not None}
    return max(one.epsilon(delta) for one in different.values()) if different else None


def _odds(learner: Talk, rows: Rows) -> Array:
    """The log odds of each row's label, float64 (rows,)."""
    records = learner.read(rows.frame)
    learner.network.eval()
    found = np.zeros(len(records))
    with torch.inference_mode():
        for batch in by_length(records):
            likely = -functional.cross_entropy(learner.network.logits(batch), batch.targets, reduction="none").double()
            found[batch.positions] = (likely - torch.log(-torch.expm1(likely.clamp(max=-1e-12)))).numpy()
    return found


def _attacked(values: Mapping[str, Any], inside: Array, signals: Array) -> dict[str, Any]:
    asked = AttackSettings(tuple(values["attacks"]), fprs=(FALSE_ALARMS,), level=values["confidence"])
    report: AttackReport = attack(inside, signals, settings=asked)
    told = {name: _plain(one.auc) for name, one in report.attacks.items()}
    hits = report.strongest.tpr[FALSE_ALARMS]
    return {"areas": told, "strongest": _plain(report.strongest.auc), "hits": _plain(hits)}


def _plain(measured: Any) -> dict[str, Any]:
    return {"value": measured.value, "low": measured.low, "high": measured.high}


def _guessed(values: Mapping[str, Any], inside: Array, signals: Array) -> dict[str, Any]:
    """The one-run bound from rows with a label by chance, each fit's by its own answers, all fits together."""
    together = pooled(tally(one, coins) for one, coins in zip(signals, inside, strict=True) if len(one) >= SOME)
    delta, confidence = values["delta"], values["confidence"]
    return {
        "bound": together.bound(delta, confidence),
        "ceiling": together.ceiling(delta, confidence),
        "canaries": together.canaries,
    }
