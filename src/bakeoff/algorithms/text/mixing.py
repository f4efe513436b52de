"""Several models' probabilities made into one: a weighted geometric mean, with weights learnt from held-out text."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array

SPREAD = 30.0  # how firmly a bucket's weights are held to those of all: as many places


class Mixing:
    """P(symbol) in proportion to the product of every model's to the power of its weight (logarithmic opinion pool).

    Each bucket of places has weights of its own (after Mahoney's context mixing, 2005), held to those of all places.
    """

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def fit(self, logs: Array, buckets: Array, truth: Array) -> Mixing:
        """Learn weights from logs float32 (places, models, symbols), buckets and true symbols int64 (places,)."""
        models = logs.shape[1]
        start = np.full(models, 1.0 / models)
        whole = _descended(logs, truth, start, start, 0.01)
        self.weights_ = np.tile(whole, (self.buckets, 1))
        for bucket in range(self.buckets):
            of = buckets == bucket
            if of.any():
                self.weights_[bucket] = _descended(logs[of], truth[of], whole, whole, SPREAD)
        return self

    def only(self, models: int, model: int) -> Mixing:
        """One model alone, for want of anything to learn weights from."""
        self.weights_ = np.tile(np.eye(models)[model], (self.buckets, 1))
        return self

    def probabilities(self, logs: Array, buckets: Array) -> Array:
        """One distribution for each place, float64 (places, symbols)."""
        pooled = np.einsum("pms,pm->ps", logs, self.weights_[buckets], dtype=np.float64, optimize=False)
        return _normal(pooled)


def _normal(pooled: Array) -> Array:
    raised = np.exp(pooled - pooled.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _descended(logs: Array, truth: Array, start: Array, centre: Array, firmness: float) -> Array:
    """Weights with the least loss on these places, plus `firmness` times their squared distance from `centre`."""
    from scipy.optimize import minimize

    places = np.arange(len(truth))
    right = logs[places, :, truth].sum(axis=0)

    def loss(weights: Array) -> tuple[float, Array]:
        pooled = np.einsum("pms,m->ps", logs, weights.astype(np.float32))
        top = pooled.max(axis=1, keepdims=True)
        raised = np.exp(pooled - top)
        total = raised.sum(axis=1, keepdims=True)
        away = weights - centre
        value = float((top + np.log(total)).sum() - right @ weights) + firmness * float(away @ away)
        slope = np.einsum("pms,ps->m", logs, raised / total) - right + 2 * firmness * away
        return value, slope.astype(np.float64)

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 40})
    return np.asarray(found.x)
