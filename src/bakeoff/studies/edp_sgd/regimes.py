"""How each method of the study makes its gradients, with the noise that its asked epsilon stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.privacy import Budget, Ledger, calibrate
from bakeoff.privacy.clipping import Automatic, Clipping, Flat, Layerwise
from bakeoff.privacy.microbatch import MicroBatch, MicroBatchSettings, MicroBatchStep
from bakeoff.privacy.poisson import Plan
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD, PrivateStep
from bakeoff.privacy.schedule import decaying
from bakeoff.training.recipe import Recipe

PART = 32  # records of a micro-batch where steps are timed


@dataclass(frozen=True)
class Arm:
    """A regime with its ledger (None where nothing is private) and the sigma that was asked for, in clips."""

    regime: Any = None
    ledger: Ledger | None = None
    sigma: float = 0.0


def arm_for(values: Mapping[str, Any], records: int, recipe: Recipe) -> Arm:
    """The regime of a setting; the number of training records is taken as public."""
    method = values["method"]
    if method == "plain":
        return Arm()
    if method.startswith("record"):
        return _record(values, records, recipe)
    if method in ("micro-claimed", "micro-honest"):
        return _micro(values, records, recipe)
    raise UsageError(f"The study edp-sgd knows no method {method!r}.")


def _record(values: Mapping[str, Any], records: int, recipe: Recipe) -> Arm:
    how = values["how"]
    ledger = Ledger()
    shape = decaying(recipe.epochs, how["decay"]) if "decay" in how else None
    clipping: Clipping = Layerwise(how["clip"]) if how["clipping"] == "layerwise" else Automatic(how["clip"])
    budget = Budget(values["epsilon"], values["delta"])
    regime = PrivateSGD.within(budget, ledger, records, recipe, PrivateSettings(clipping=clipping, shape=shape))
    return Arm(regime, ledger, regime.settings.sigma)


def _micro(values: Mapping[str, Any], records: int, recipe: Recipe) -> Arm:
    """As published, or with the noise that a record's sensitivity of twice the clip asks for."""
    how = values["how"]
    ledger = Ledger()
    budget = Budget(values["epsilon"], values["delta"])
    plan = Plan.of(records, recipe)
    shape = decaying(recipe.epochs, how["decay"])
    sigma = calibrate(budget, plan.rate, plan.steps, shape=shape)
    if values["method"] == "micro-honest":
        sigma *= 2
    parts = max(1, round(plan.divisor / how["micro"]))
    settings = MicroBatchSettings(sigma=sigma, decay=how["decay"], parts=parts, clipping=Layerwise(how["clip"]))
    return Arm(MicroBatch(ledger, settings, records), ledger, sigma)


def record_step(sigma: float, divisor: float, ledger: Ledger | None = None) -> Any:
    """One step that bounds every record to 1, sums divided by `divisor`; all records are drawn."""
    step = PrivateStep(ledger or Ledger(), PrivateSettings(sigma=sigma, clipping=Flat(1.0)))
    step.sampled(1.0, divisor, 1)
    return step


def micro_step(sigma: float, parts: int, ledger: Ledger | None = None) -> Any:
    """One step that clips the mean of each of so many micro-batches to 1; all records are drawn."""
    step = MicroBatchStep(ledger or Ledger(), MicroBatchSettings(sigma=sigma, parts=parts, clipping=Flat(1.0)))
    step.sampled(1.0)
    return step
