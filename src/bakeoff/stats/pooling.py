"""What several contestants would reach together: pools of their answers, learned and scored on different rows.

Three ways to pool: a linear pool of probabilities, a logarithmic one, and a convex combination of numbers. All have one
weight for each contestant, so that they can hardly learn the rows by heart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array
from bakeoff.stats.bootstrap import draws

SMALLEST = 1e-7  # a probability of the true class counts as at least this
SMALLEST_LOG = 1e-4  # in a logarithmic pool a single 0 would be a veto
STEPS = 500
EXACT = 1e-6
RIDGE = 1e-3
LEARN_FROM = 10_000  # rows are enough for one weight for each contestant

Utility = Callable[[Array, Array], float]


def linear_weights(true: Array) -> Array:
    """Weights (m,) of the mixture that makes the true classes likeliest, from their probabilities `true` (m, rows).

    Expectation maximisation for mixture weights (Dempster, Laird and Rubin 1977, JRSS B 39, 1-38, section 4.3); the
    likelihood is concave in the weights, so there is one maximum.
    """
    likely = np.clip(np.asarray(true, dtype=np.float64), SMALLEST, None)
    weights = np.full(len(likely), 1 / len(likely))
    for _ in range(STEPS):
        parts = weights[:, None] * likely
        renewed = (parts / parts.sum(axis=0)).mean(axis=1)
        moved = np.abs(renewed - weights).max()
        weights = renewed
        if moved < EXACT:
            break
    return np.asarray(weights / weights.sum())


def log_weights(answers: Array, codes: Array) -> Array:
    """Exponents (m,), none negative, of the logarithmic pool of `answers` (m, rows, classes) that fits `codes` best.

    Multinomial logistic regression with one coefficient for each contestant on its log-probabilities, drawn lightly
    towards equal parts; the exponents need not sum to 1, so the pool may be sharper than each of its parts.
    """
    from scipy.optimize import minimize

    logs = np.log(np.clip(answers, SMALLEST_LOG, 1.0))
    m, rows, _ = logs.shape
    true = logs[:, np.arange(rows), codes]
    middle = np.full(m, 1 / m)

    def loss(weights: Array) -> tuple[float, Array]:
        pooled = np.einsum("j,jrc->rc", weights, logs)
        pooled -= pooled.max(axis=1, keepdims=True)
        odds = np.exp(pooled)
        odds /= odds.sum(axis=1, keepdims=True)
        wrong = -np.log(np.maximum(odds[np.arange(rows), codes], SMALLEST)).mean()
        slope = np.einsum("jrc,rc->j", logs, odds) / rows - true.mean(axis=1)
        apart = weights - middle
        return float(wrong + RIDGE * apart @ apart), slope + 2 * RIDGE * apart

    found = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * m, options={"maxiter": 100})
    return np.asarray(found.x, dtype=np.float64)


def convex_weights(answers: Array, truth: Array) -> Array:
    """Weights (m,), none negative and 1 in sum, of `answers` (m, rows) with the least squared error against `truth`.

    The point nearest to 0 in the convex hull of the residuals. Adding the equation sum(x) = 1 to the residuals' own and
    asking for x >= 0 alone has the same direction: along each direction the minimum grows with the squared error.
    """
    from scipy.optimize import nnls

    residuals = np.asarray(answers, dtype=np.float64) - truth
    scale = np.sqrt((residuals * residuals).mean(axis=1)).min()
    if not np.isfinite(scale) or scale == 0:
        best = np.square(residuals).mean(axis=1).argmin()
        return np.eye(len(residuals))[best]
    factor = np.linalg.qr((residuals / (scale * np.sqrt(residuals.shape[1]))).T, mode="r")
    found, _ = nnls(np.vstack([factor, np.ones(len(residuals))]), np.append(np.zeros(len(factor)), 1.0))
    return np.asarray(found / found.sum())


def linear_pool(answers: Array, weights: Array) -> Array:
    """The weighted mean (rows, width) of answers (m, rows, width)."""
    return np.einsum("j,jrc->rc", weights, answers)


def log_pool(answers: Array, weights: Array) -> Array:
    """Probabilities (rows, classes) in proportion to the product of answers (m, rows, classes) to these powers."""
    pooled = np.einsum("j,jrc->rc", weights, np.log(np.clip(answers, SMALLEST_LOG, 1.0)))
    odds = np.exp(pooled - pooled.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Answers to every row that were learned without it.

    `together` (rows, width) is the pool's answer, `alone` (rows, width) that of the contestant which was best on the
    rows of the other folds. `weights` (m,) are each one's mean share in the pools, and `chosen` (folds,) the best one
    of each fold's other rows.
    """

    together: Array
    alone: Array
    weights: Array
    chosen: Array


def cross_fit(answers: Array, truth: Array, folds: Array, utility: Utility) -> CrossFit:
    """Pool `answers` (m, rows, width) fold by fold, each fold with what the other folds taught.

    `truth` (rows,) holds class codes (integers) or numbers, `folds` (rows,) each row's fold, and `utility(rows,
    answers)` says how good answers to those rows are, more is better. On the other folds' rows the best contestant is
    chosen, the pools' weights are learned, and of the pools and the best one that with the highest utility is taken: so
    neither side is ever scored on rows by which it was chosen.
    """
    together, alone = np.empty(answers.shape[1:]), np.empty(answers.shape[1:])
    numbers = np.unique(folds)
    weights, chosen = np.zeros(len(answers)), np.zeros(len(numbers), dtype=int)
    for place, fold in enumerate(numbers):
        here, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        best = int(np.argmax([_useful(utility, others, each[others]) for each in answers]))
        pool, share = _best_pool(answers, truth, others, best, utility)
        together[here], alone[here] = pool(answers[:, here]), answers[best, here]
        weights += share / len(numbers)
        chosen[place] = best
    return CrossFit(together, alone, weights, chosen)


def _best_pool(
    answers: Array, truth: Array, rows: Array, best: int, utility: Utility
) -> tuple[Callable[[Array], Array], Array]:
    some = rows[:: max(1, len(rows) // LEARN_FROM)]
    single = np.eye(len(answers))[best]
    options: list[tuple[Callable[[Array, Array], Array], Array]] = [(linear_pool, single)]
    if truth.dtype.kind in "iu":
        options.append((linear_pool, linear_weights(answers[:, some, truth[some]])))
        options.append((log_pool, log_weights(answers[:, some], truth[some])))
    else:
        options.append((linear_pool, convex_weights(answers[:, some, 0], truth[some])))
    values = [_useful(utility, rows, pool(answers[:, rows], weights)) for pool, weights in options]
    # A pool that is no better than the best one alone has taught nothing.
    pool, weights = options[int(np.argmax(values))]
    return lambda asked: pool(asked, weights), weights / max(weights.sum(), 1e-12)


def _useful(utility: Utility, rows: Array, answers: Array) -> float:
    value = utility(rows, answers)
    return value if np.isfinite(value) else -np.inf


def folds_of(strata: Array, key: str, purpose: str, folds: int = 5) -> Array:
    """A fold from 0 to `folds` - 1 for each row, at random by key and purpose, every stratum spread evenly."""
    luck = draws(key, purpose, len(strata), 2**31)
    order = np.lexsort((luck, np.asarray(strata)))
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.arange(len(order)) % folds
    return numbers
