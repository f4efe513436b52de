"""A model of the protected status: whether inputs tell it at all, and which of them do.

Weights of a model that cannot tell the groups apart are noise, so its own area under the curve, of rows that it has not
learnt from, is measured first and stands beside whatever is weighed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.measures import INSUFFICIENT, OK, Measure
from bakeoff.fairness.patterns import by_attributes
from bakeoff.fairness.rankings import OVERALL, RankSettings, compare_rankings
from bakeoff.fairness.sensitivity import SensitivitySettings, linear_sensitivity, of_linear, soft_weights
from bakeoff.nouns import Array

STATUS = "AUC of the protected status"


@dataclass(frozen=True)
class StatusSettings:
    """`folds` of rows that are held out in turn, `least` rows of each group, `strength` of the penalty (C)."""

    folds: int = 5
    least: int = 10
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or self.least < self.folds or not self.strength > 0:
            raise UsageError("A model of the status needs 2 folds, as many rows of each group, and a C above 0.")


@dataclass(frozen=True)
class StatusModel:
    """A logistic regression of the status: `groups` in order, its parameters, and how well it tells each group.

    `told` holds for each group (for two groups, of the second) the AUC against all others on rows held out.
    """

    name: str
    groups: tuple[str, ...]
    coefficients: Array
    intercepts: Array
    told: tuple[Measure, ...]

    @property
    def tells(self) -> bool:
        """Whether it tells any group from the others better than chance would."""
        return any(one.low is not None and one.low > 0.5 for one in self.told)

    def weights(self, inputs: Array) -> Array:
        """Soft weights float64 (rows, inputs): the size of its gradients, summed over groups."""
        return soft_weights(of_linear(self.coefficients, self.intercepts, inputs)[0])


def status_model(
    inputs: Any, status: Sequence[Any], settings: StatusSettings | None = None, name: str = "status"
) -> StatusModel:
    """Learn the status of each row from inputs (rows, inputs), which may be sparse.

    UsageError for different lengths, a status that is missing, one group alone, or groups with too few rows.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    given = settings or StatusSettings()
    codes, groups = _coded(inputs, status, given, name)
    model = LogisticRegression(C=given.strength, max_iter=2000)
    parts = StratifiedKFold(given.folds, shuffle=True, random_state=given.seed % 2**32)
    shares = cross_val_predict(model, inputs, codes, cv=parts, method="predict_proba")
    model.fit(inputs, codes)
    asked = [1] if len(groups) == 2 else range(len(groups))
    told = tuple(_told(name, groups[place], codes == place, shares[:, place], given) for place in asked)
    return StatusModel(name, groups, model.coef_, model.intercept_, told)


def soft_sensitivity(
    model: tuple[Array, Array], inputs: Any, status: StatusModel, settings: SensitivitySettings | None = None
) -> tuple[Measure, ...]:
    """Sensitivity of a linear model along what tells of the status, and that status model's own AUC beside it.

    Where the inputs do not tell the status, both sensitivities are insufficient, with the reason. `model` holds
    coefficients and intercepts as in `of_linear`; of other models weigh their Jacobian by `status.weights(inputs)`.
    """
    if not status.tells:
        best = max(status.told, key=lambda one: one.value or 0.0)
        figures = "" if best.value is None else f" (AUC {best.value:.2f} [{best.low:.2f}, {best.high:.2f}])"
        why = f"the inputs do not tell {status.name!r}{figures}, so weights of a model of it would be noise"
        pair = linear_sensitivity(model, inputs[:0], np.zeros(inputs.shape[1]), settings)
        return (*(replace(one, family=status.name, status=INSUFFICIENT, reason=why) for one in pair), *status.told)
    pair = linear_sensitivity(model, inputs, status.weights, settings)
    return (*(replace(one, family=status.name) for one in pair), *status.told)


def _coded(inputs: Any, status: Sequence[Any], settings: StatusSettings, name: str) -> tuple[Array, tuple[str, ...]]:
    import pandas as pd

    codes, found = pd.factorize(np.asarray(status, dtype=object), sort=True)
    if inputs.shape[0] != len(codes):
        raise UsageError(f"There are {inputs.shape[0]:,} rows of inputs and {len(codes):,} of {name!r}; give one each.")
    if (codes < 0).any():
        raise UsageError(f"{int((codes < 0).sum()):,} rows have no {name!r}; leave them out.")
    counts = np.bincount(codes, minlength=len(found))
    if len(found) < 2:
        raise UsageError(f"All rows have one value of {name!r}, so there is nothing to tell apart.")
    if counts.min() < settings.least:
        few = found[int(counts.argmin())]
        raise UsageError(
            f"{int(counts.min())} rows have {name!r} {few!r} and {settings.least} are needed; leave it out or join it."
        )
    return np.asarray(codes, dtype=np.int64), tuple(map(str, found))


def _told(name: str, group: str, inside: Array, shares: Array, settings: StatusSettings) -> Measure:
    everybody = by_attributes({"rows": np.zeros(len(inside), dtype=np.int64)})
    ranked = compare_rankings(inside, shares, everybody, RankSettings(least=1, draws=500, seed=settings.seed))
    (one,) = [measure for measure in ranked if measure.metric == OVERALL]
    return replace(one, metric=STATUS, family=name, group=group, expected=0.5, status=OK)
