"""Linear models by L-BFGS, stopped whenever time is up: softmax, logistic and squared loss with a quadratic penalty."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array

HISTORY = 8
STEPS = 60
UNSEEN = 1e-4  # the least curvature of a class's output, so that a class without rows moves no further than others
CLOSE = 3e-4  # of the loss, in three steps together: a descent that moves less has arrived


@dataclass
class Weights:
    """A linear model: outputs are features @ slopes + bases, float32 (features, outputs) and (outputs,)."""

    slopes: Array
    bases: Array

    def outputs(self, features: Array) -> Array:
        """float32 (rows, outputs)."""
        return np.asarray(features @ self.slopes) + self.bases


class Descent:
    """The mean loss of some rows and its gradient, with a penalty of |slopes|^2 / (2 strength rows).

    Steps are longer where the loss bends less (the curvature's diagonal stands in for L-BFGS' first guess), so that
    rare terms are learnt from the first steps on: without it they hardly move until frequent ones are done. Where the
    descent is ended early it is the frequent terms that fit best.
    """

    def __init__(self, features: Array, targets: Array, outputs: int) -> None:
        self.features = features
        self.turned = features.T.tocsr() if hasattr(features, "tocsr") else np.ascontiguousarray(features.T)
        self.targets = targets
        self.numbers = targets.dtype.kind == "f"
        # Two classes need one output: the other's would be its mirror image.
        self.width = 1 if outputs <= 2 else outputs
        self.bends = self._bends()

    def _bends(self) -> tuple[Array, Array]:
        """How much the loss bends at the start, without what features have to do with each other.

        By a feature's mean square, float32 (features, 1), and by a class's share (outputs,).
        """
        rows = len(self.targets)
        squares = self.features.multiply(self.features) if hasattr(self.features, "multiply") else self.features**2
        means = np.asarray(squares.sum(axis=0), dtype=np.float32).reshape(-1, 1) / np.float32(rows)
        if self.numbers:
            return means, np.ones(1, dtype=np.float32)
        counts = np.bincount(self.targets, minlength=max(2, self.width))
        shares = (counts[1:] if self.width == 1 else counts) / rows
        return means, (shares * (1 - shares) + UNSEEN).astype(np.float32)

    def _lengths(self, penalty: float) -> Array:
        """How far a gradient of one moves each weight, at most 1; float32 (weights,)."""
        means, shares = self.bends
        found = np.concatenate([(1.0 / (means * shares + np.float32(penalty))).ravel(), 1.0 / shares])
        return np.asarray(found / found.max(), dtype=np.float32)

    def start(self) -> Weights:
        """No slopes, and bases of the class shares or the mean."""
        slopes = np.zeros((self.features.shape[1], self.width), dtype=np.float32)
        if self.numbers:
            return Weights(slopes, np.array([self.targets.mean()], dtype=np.float32))
        shares = np.bincount(self.targets, minlength=max(2, self.width)) + 0.5
        logs = np.log(shares / shares.sum())
        bases = np.array([logs[1] - logs[0]]) if self.width == 1 else logs - logs.mean()
        return Weights(slopes, bases.astype(np.float32))

    def fit(
        self,
        strength: float,
        begin: Weights,
        stop: Callable[[], bool],
        steps: int = STEPS,
        watch: Callable[[Weights], bool] | None = None,
    ) -> tuple[Weights, bool]:
        """Weights from `begin` on, and whether time cut the descent off.

        `watch` is shown the weights after each step and ends the descent by saying so.
        """
        at = np.concatenate([begin.slopes.ravel(), begin.bases])
        penalty = 1.0 / (strength * len(self.targets))
        lengths = self._lengths(penalty)
        loss, gradient = self._at(at, penalty)
        pairs: deque[tuple[Array, Array, float]] = deque(maxlen=HISTORY)
        losses = [loss]
        for _ in range(steps):
            if stop():
                return self._weights(at), True
            direction = _direction(gradient, pairs, lengths)
            slope = float(direction @ gradient)
            length = 1.0 if pairs else min(1.0, 1.0 / (float(np.abs(direction).max()) + 1e-12))
            for _ in range(12):
                there = at + np.float32(length) * direction
                new_loss, new_gradient = self._at(there, penalty)
                if new_loss <= loss + 1e-4 * length * slope:
                    break
                length *= 0.4
            else:
                break
            moved, bent = there - at, new_gradient - gradient
            curvature = float(moved @ bent)
            if curvature > 1e-10:
                pairs.append((moved, bent, 1.0 / curvature))
            at, loss, gradient = there, new_loss, new_gradient
            losses.append(loss)
            if watch is not None and watch(self._weights(at)):
                break
            if len(losses) > 3 and losses[-4] - loss < CLOSE * abs(loss):
                break
        return self._weights(at), False

    def _weights(self, at: Array) -> Weights:
        cut = len(at) - self.width
        return Weights(at[:cut].reshape(-1, self.width).copy(), at[cut:].copy())

    def _at(self, at: Array, penalty: float) -> tuple[float, Array]:
        cut = len(at) - self.width
        slopes = at[:cut].reshape(-1, self.width)
        outputs = np.asarray(self.features @ slopes) + at[cut:]
        loss, residuals = self._loss(outputs)
        residuals /= np.float32(len(self.targets))
        down = np.asarray(self.turned @ residuals) + np.float32(penalty) * slopes
        loss = loss / len(self.targets) + 0.5 * penalty * float(at[:cut] @ at[:cut])
        return loss, np.concatenate([down.ravel(), residuals.sum(axis=0)])

    def _loss(self, outputs: Array) -> tuple[float, Array]:
        """The summed loss, and its derivative by the outputs."""
        if self.numbers:
            away = outputs - self.targets[:, None].astype(np.float32)
            return 0.5 * float((away**2).sum(dtype=np.float64)), away
        if self.width == 1:
            signs = np.where(self.targets == 1, 1.0, -1.0).astype(np.float32)[:, None]
            wrong = np.exp(-np.logaddexp(0.0, outputs * signs))
            return float(np.logaddexp(0.0, -outputs * signs).sum(dtype=np.float64)), -signs * wrong
        rows = np.arange(len(outputs))
        outputs = outputs - outputs.max(axis=1, keepdims=True)
        right = outputs[rows, self.targets].copy()
        np.exp(outputs, out=outputs)
        sums = outputs.sum(axis=1)
        loss = float((np.log(sums) - right).sum(dtype=np.float64))
        outputs /= sums[:, None]
        outputs[rows, self.targets] -= 1.0
        return loss, outputs


def _direction(gradient: Array, pairs: deque[tuple[Array, Array, float]], lengths: Array) -> Array:
    """The two loops of L-BFGS (Nocedal and Wright, 2006, algorithm 7.4) from a diagonal first guess."""
    found = -gradient
    shares = []
    for moved, bent, scale in reversed(pairs):
        share = np.float32(scale * float(moved @ found))
        found -= share * bent
        shares.append(share)
    found *= lengths
    if pairs:
        moved, bent, scale = pairs[-1]
        found *= np.float32(1.0 / (scale * float(bent @ (lengths * bent))))
    for (moved, bent, scale), share in zip(pairs, reversed(shares), strict=True):
        found += (share - np.float32(scale * float(bent @ found))) * moved
    return found
