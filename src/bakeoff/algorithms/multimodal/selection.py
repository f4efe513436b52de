"""Which members answer with which weight: greedy selection with replacement on held-out rows (Caruana et al., 2004)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.algorithms.multimodal.target import LEAST
from bakeoff.nouns import Array

STEPS = 25
DRAWS = 15  # samples of rows that weights are averaged over, so that few rows are not learnt by heart
FEW = 4_000  # rows from which fewer draws do
SLIGHT = 5e-4  # of the loss: members that together bring no more are not worth the time that their answers take


@dataclass(frozen=True)
class Selection:
    """`weights` float64 (members,), summing to 1, and the mean loss on rows that each draw's weights had not seen."""

    weights: Array
    loss: float


def select(told: Array, truth: Array | None, seed: int) -> Selection:
    """Weights of members by what they told of held-out rows.

    `told` (rows, members) holds the probability of each row's own class (truth None), or numbers with their truth
    (rows,). Each draw of rows has its own greedy selection; their weights are averaged. Where that does worse on rows
    that were not drawn than the best single member, the single member stands.
    """
    rows, members = told.shape
    if members == 1:
        return Selection(np.ones(1), float(_losses(told, truth).mean()))
    rng = np.random.default_rng([seed % 2**32, 29])
    draws = int(np.clip(DRAWS * FEW / rows, 3, DRAWS))
    weights = np.zeros(members)
    ours, singles = np.zeros(draws), np.zeros((draws, members))
    for draw in range(draws):
        order = rng.permutation(rows)
        some, rest = order[: max(1, rows * 2 // 3)], order[rows * 2 // 3 :]
        found = _greedy(told[some], None if truth is None else truth[some])
        weights += found
        beyond = rest if len(rest) else some
        unseen = None if truth is None else truth[beyond]
        ours[draw] = _losses((told[beyond] @ found)[:, None], unseen).mean()
        singles[draw] = _losses(told[beyond], unseen).mean(axis=0)
    best = int(np.argmin(singles.mean(axis=0)))
    if ours.mean() > singles[:, best].mean():
        return Selection(np.eye(members)[best], float(singles[:, best].mean()))
    weights[weights < 0.02 * weights.sum()] = 0.0
    return Selection(_lighter(weights / weights.sum(), told, truth), float(ours.mean()))


def _lighter(weights: Array, told: Array, truth: Array | None) -> Array:
    """The weights without those members, the lightest first, that hardly change the loss when they are left out."""
    most = float(_losses((told @ weights)[:, None], truth).mean()) * (1 + SLIGHT)
    for member in np.argsort(weights, kind="stable"):
        left = weights.copy()
        left[member] = 0.0
        if weights[member] and left.any():
            left /= left.sum()
            if float(_losses((told @ left)[:, None], truth).mean()) <= most:
                weights = left
    return weights


def _greedy(told: Array, truth: Array | None) -> Array:
    """How often each member was taken, as shares; the best of all prefixes."""
    counts = np.zeros(told.shape[1])
    total = np.zeros(len(told))
    best, kept = np.inf, counts
    for step in range(1, STEPS + 1):
        losses = _losses((total[:, None] + told) / step, truth).mean(axis=0)
        taken = int(np.argmin(losses))
        counts[taken] += 1
        total += told[:, taken]
        if losses[taken] < best - 1e-9:
            best, kept = float(losses[taken]), counts.copy()
    return kept / kept.sum()


def _losses(told: Array, truth: Array | None) -> Array:
    """Log loss or squared error, of each row and column."""
    if truth is None:
        return -np.log(np.maximum(told, LEAST))
    return (told - truth[:, None]) ** 2
