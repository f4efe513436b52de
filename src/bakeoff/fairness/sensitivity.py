"""Accumulated prediction sensitivity: how far a prediction moves along what tells of a protected status.

After Maheshwari et al. 2022, "Measuring fairness of text classifiers via prediction sensitivity". The definition is
ours where the paper's text was not at hand: with J the Jacobian of class probabilities by inputs, non-negative weights
w over classes and v over inputs, each summing to one, P = mean over rows of w' |J| v. It is 0 where predictions do not
depend on anything that v looks at. *Relative* sensitivity divides by the same with v uniform, so that classifiers of
other scales compare; that is an addition of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.fairness.arrays import numbers
from bakeoff.fairness.measures import INSUFFICIENT, Measure
from bakeoff.nouns import Array
from bakeoff.stats import interval

ACCUMULATED, RELATIVE = "accumulated prediction sensitivity", "relative prediction sensitivity"
UNIFORM, PREDICTED = "uniform", "predicted"
CELLS = 4_000_000  # numbers of a Jacobian that are held at once


@dataclass(frozen=True)
class SensitivitySettings:
    """`classes` weighs all classes alike (uniform) or the predicted one alone; `draws` resample rows."""

    classes: str = UNIFORM
    draws: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.classes not in (UNIFORM, PREDICTED):
            raise UsageError(f"There are no class weights {self.classes!r}; there are {UNIFORM}, {PREDICTED}.")


def row_sensitivity(
    jacobian: Array, probabilities: Array, weights: Array, *, classes: str = UNIFORM, present: Array | None = None
) -> tuple[Array, Array]:
    """Each row's sensitivity along its weights, nan where it has none, and along all its inputs: (rows,) twice.

    As in `prediction_sensitivity`, which accumulates them over rows.
    """
    gradients, shares = np.abs(numbers(jacobian, "The Jacobian")), numbers(probabilities, "The array of probabilities")
    rows, kinds, inputs = _shape(gradients, shares)
    spread = numbers(weights, "The array of weights")
    if spread.shape not in ((inputs,), (rows, inputs)):
        raise UsageError(
            f"The weights have the shape {spread.shape}; they must be (inputs,), {(inputs,)}, or (rows, inputs), "
            f"{(rows, inputs)}."
        )
    spread = np.broadcast_to(spread, (rows, inputs))
    if not np.isfinite(spread).all() or (spread < 0).any() or not np.isfinite(gradients).all():
        raise UsageError("Weights of inputs must be numbers that are not negative, and gradients must be numbers.")
    held = np.ones((rows, inputs)) if present is None else np.asarray(present, dtype=np.float64)
    if held.shape != (rows, inputs):
        raise UsageError(f"What rows hold has the shape {held.shape}; it must be (rows, inputs), {(rows, inputs)}.")
    spread = spread * held
    over = np.full((rows, kinds), 1 / kinds)
    if classes == PREDICTED:
        over = np.eye(kinds)[shares.argmax(1)]
    each = np.einsum("rk,rki->ri", over, gradients)
    total, counted = spread.sum(1), held.sum(1)
    along = np.divide((each * spread).sum(1), total, out=np.full(rows, np.nan), where=total > 0)
    return along, np.divide((each * held).sum(1), counted, out=np.zeros(rows), where=counted > 0)


def prediction_sensitivity(
    jacobian: Array,
    probabilities: Array,
    weights: Array,
    settings: SensitivitySettings | None = None,
    present: Array | None = None,
) -> tuple[Measure, Measure]:
    """Accumulated and relative sensitivity, with intervals from resampled rows.

    `jacobian` (rows, classes, inputs), `probabilities` (rows, classes), `weights` (inputs,) or (rows, inputs), not
    negative, brought to a sum of one in each row. `present` (rows, inputs) says where rows are of different lengths
    which inputs each has. A row without any weight tells nothing and is left out. UsageError for other shapes, numbers
    that are none or negative weights.
    """
    given = settings or SensitivitySettings()
    along, plain = row_sensitivity(jacobian, probabilities, weights, classes=given.classes, present=present)
    return accumulated(along, plain, given)


def accumulated(along: Array, plain: Array, settings: SensitivitySettings | None = None) -> tuple[Measure, Measure]:
    """Accumulated and relative sensitivity from each row's, as `row_sensitivity` gives them."""
    given = settings or SensitivitySettings()
    weighted, plain = along[~np.isnan(along)], plain[~np.isnan(along)]
    if not len(weighted):
        why = "no row has an input that tells of the protected status"
        first, second = (
            Measure(name, "", "all rows", None, status=INSUFFICIENT, reason=why) for name in (ACCUMULATED, RELATIVE)
        )
        return first, second
    picked = np.random.default_rng([given.seed % 2**32, 13]).integers(0, len(weighted), (given.draws, len(weighted)))
    drawn, base = weighted[picked].mean(1), plain[picked].mean(1)
    absolute = Measure(
        ACCUMULATED, "", "all rows", float(weighted.mean()), *interval(drawn, given.level), float(len(weighted))
    )
    if not plain.mean() > 0:
        return absolute, Measure(
            RELATIVE, "", "all rows", None, status=INSUFFICIENT, reason="predictions depend on no input at all"
        )
    ratios = np.divide(drawn, base, out=np.full(len(drawn), np.nan), where=base > 0)
    relative = Measure(
        RELATIVE,
        "",
        "all rows",
        float(weighted.mean() / plain.mean()),
        *interval(ratios, given.level),
        float(len(weighted)),
        expected=1.0,
    )
    return absolute, relative


def _shape(gradients: Array, probabilities: Array) -> tuple[int, int, int]:
    if gradients.ndim != 3 or probabilities.shape != gradients.shape[:2]:
        raise UsageError(
            f"The Jacobian has the shape {gradients.shape} and probabilities {probabilities.shape}; they must be "
            "(rows, classes, inputs) and (rows, classes)."
        )
    rows, classes, inputs = gradients.shape
    return rows, classes, inputs


def soft_weights(jacobian: Array, status: Array | None = None) -> Array:
    """Weights (rows, inputs) from the Jacobian (rows, groups, inputs) of a model that predicts the protected status.

    Of the group in `status` (rows,), or summed over all groups. UsageError for other shapes or groups.
    """
    gradients = np.abs(numbers(jacobian, "The Jacobian of the protected status"))
    if gradients.ndim != 3:
        raise UsageError(
            f"The Jacobian of the status has the shape {gradients.shape}; it must be (rows, groups, inputs)."
        )
    if status is None:
        return np.asarray(gradients.sum(1))
    places = np.asarray(status)
    if places.shape != gradients.shape[:1] or not np.isin(places, np.arange(gradients.shape[1])).all():
        raise UsageError(
            f"The status must name for each row one of the {gradients.shape[1]} groups by its number from 0."
        )
    return np.asarray(gradients[np.arange(len(gradients)), places.astype(np.int64)])


def hard_weights(names: Sequence[str], protected: Sequence[str]) -> Array:
    """Weights (inputs,): one on protected columns, zero elsewhere; UsageError for a name that is no input."""
    unknown = [name for name in protected if name not in names]
    if unknown or not protected:
        raise UsageError(f"There is no input called {', '.join(unknown) or 'so'}; there are {', '.join(names)}.")
    return np.array([1.0 if name in set(protected) else 0.0 for name in names])


def of_linear(coefficients: Array, intercepts: Array, inputs: Array) -> tuple[Array, Array]:
    """Jacobian and probabilities of softmax(inputs W' + b), in closed form: J_kj = f_k (W_kj - sum_m f_m W_mj).

    `coefficients` (classes, inputs), `intercepts` (classes,); of a logistic regression with one row of coefficients
    (1, inputs) that of the second class. UsageError for shapes that do not fit.
    """
    weights, bias = _linear(coefficients, intercepts)
    held = numbers(inputs, "The array of inputs")
    _check_linear(weights, bias, held)
    shares = _softmax(held @ weights.T + bias)
    return shares[:, :, None] * (weights[None] - (shares @ weights)[:, None, :]), shares


def linear_sensitivity(
    model: tuple[Array, Array],
    inputs: Any,
    weights: Array | Callable[[Array], Array],
    settings: SensitivitySettings | None = None,
) -> tuple[Measure, Measure]:
    """Accumulated and relative sensitivity of a linear model, never holding the Jacobian of more than some rows.

    `model` holds coefficients and intercepts as in `of_linear`; `inputs` (rows, inputs) may be a sparse matrix, such as
    TF-IDF of texts. `weights` are (inputs,), or a function that gives those of some rows (rows, inputs), such as the
    `weights` of a `StatusModel`. UsageError for shapes that do not fit.
    """
    given = settings or SensitivitySettings()
    coefficients, bias = _linear(*model)
    held = inputs.tocsr() if hasattr(inputs, "tocsr") else numbers(inputs, "The array of inputs")
    _check_linear(coefficients, bias, held)
    size = max(1, CELLS // max(1, coefficients.size))
    along, plain = [np.zeros(0)], [np.zeros(0)]
    for start in range(0, held.shape[0], size):
        part = held[start : start + size]
        part = part.toarray() if hasattr(part, "toarray") else part
        jacobian, shares = of_linear(coefficients, bias, part)
        own = weights(part) if callable(weights) else weights
        both = row_sensitivity(jacobian, shares, own, classes=given.classes)
        along.append(both[0])
        plain.append(both[1])
    return accumulated(np.concatenate(along), np.concatenate(plain), given)


def _linear(coefficients: Array, intercepts: Array) -> tuple[Array, Array]:
    """Coefficients (classes, inputs) and intercepts (classes,); a single one is the second class, the first zeros."""
    weights = np.atleast_2d(numbers(coefficients, "The array of coefficients"))
    bias = np.atleast_1d(numbers(intercepts, "The array of intercepts"))
    if len(weights) == 1 and len(bias) == 1:
        weights, bias = np.vstack([np.zeros_like(weights), weights]), np.concatenate([[0.0], bias])
    return weights, bias


def _check_linear(weights: Array, bias: Array, held: Any) -> None:
    if held.ndim != 2 or weights.shape != (len(bias), held.shape[1]):
        raise UsageError(
            f"There are coefficients {weights.shape}, intercepts {bias.shape} and inputs {held.shape}; they must be "
            "(classes, inputs), (classes,) and (rows, inputs)."
        )


def _softmax(logits: Array) -> Array:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


def of_black_box(predict_proba: Callable[[Array], Any], inputs: Array, steps: Array) -> tuple[Array, Array]:
    """Jacobian and probabilities by central differences of numeric inputs (rows, inputs), each by its step (inputs,).

    For trees and others without gradients a step should be as large as a change that matters, such as a deviation.
    """
    held, sizes = np.asarray(inputs, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    if held.ndim != 2 or sizes.shape != held.shape[1:] or not (sizes > 0).all():
        raise UsageError("Finite differences need inputs (rows, inputs) and a step above 0 for each of them.")
    probabilities = numbers(predict_proba(held), "What the classifier gave")
    if probabilities.ndim != 2 or len(probabilities) != len(held):
        raise UsageError(
            f"The classifier gave an array of shape {probabilities.shape} for {len(held)} rows; it must give a "
            "probability of each class for each row."
        )
    columns = []
    for place, size in enumerate(sizes):
        sides = []
        for sign in (1, -1):
            moved = held.copy()
            moved[:, place] += sign * size
            sides.append(numbers(predict_proba(moved), "What the classifier gave"))
        columns.append((sides[0] - sides[1]) / (2 * size))
    return np.stack(columns, axis=2), probabilities


def of_embeddings(outputs: Callable[[Any], Any], embedded: Any, norm: int = 2) -> tuple[Array, Array]:
    """Jacobian and probabilities of a torch classifier by autograd, one number a token: a norm over its dimensions.

    `norm` is its order, 1 or 2. `outputs(embedded)` gives logits (rows, classes) of embeddings (rows, tokens, width),
    and no row may depend on another.
    """
    torch: Any = need("torch", "neural")
    held = embedded.detach().clone().requires_grad_()
    shares = outputs(held).softmax(-1)
    found = []
    for place in range(shares.shape[1]):
        (gradient,) = torch.autograd.grad(shares[:, place].sum(), held, retain_graph=True)
        found.append(gradient.norm(p=norm, dim=-1))
    return torch.stack(found, dim=1).double().cpu().numpy(), shares.detach().double().cpu().numpy()
