"""The threshold metrics, each a quotient of two sums of a (truth, prediction) table, of many tables at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array


@dataclass(frozen=True)
class Rate:
    """One metric: `parts` gives its numerator and denominator from true and false positives and negatives.

    `binomial` says that the numerator counts rows among those of the denominator, so that chance alone makes it a
    binomial variable.
    """

    name: str
    parts: Callable[[Outcomes], tuple[Array, Array]]
    binomial: bool = True


@dataclass(frozen=True)
class Outcomes:
    """True and false positives and negatives of one class against the others, arrays of one shape."""

    tp: Array
    fp: Array
    fn: Array
    tn: Array

    @classmethod
    def of(cls, tables: Array, positive: int) -> Outcomes:
        """From counts (..., truths, predictions)."""
        tp = tables[..., positive, positive]
        fn = tables[..., positive, :].sum(-1) - tp
        fp = tables[..., :, positive].sum(-1) - tp
        return cls(tp, fp, fn, tables.sum((-1, -2)) - tp - fn - fp)

    @property
    def n(self) -> Array:
        """All rows."""
        return self.tp + self.fp + self.fn + self.tn


RATES = {
    rate.name: rate
    for rate in (
        Rate("accuracy", lambda o: (o.tp + o.tn, o.n)),
        Rate("base rate", lambda o: (o.tp + o.fn, o.n)),
        Rate("selection rate", lambda o: (o.tp + o.fp, o.n)),
        Rate("true positive rate", lambda o: (o.tp, o.tp + o.fn)),
        Rate("false positive rate", lambda o: (o.fp, o.fp + o.tn)),
        Rate("true negative rate", lambda o: (o.tn, o.fp + o.tn)),
        Rate("false negative rate", lambda o: (o.fn, o.tp + o.fn)),
        Rate("precision", lambda o: (o.tp, o.tp + o.fp)),
        Rate("negative predictive value", lambda o: (o.tn, o.tn + o.fn)),
        Rate("F1", lambda o: (2 * o.tp, 2 * o.tp + o.fp + o.fn), binomial=False),
    )
}
USUAL = ("accuracy", "selection rate", "true positive rate", "false positive rate", "precision")


def quotient(parts: tuple[Array, Array]) -> Array:
    """Numerator by denominator, nan where the denominator is 0."""
    above, below = parts
    out = np.full(np.broadcast(above, below).shape, np.nan)
    return np.divide(above, below, out=out, where=below > 0)


def exact_accuracy(tables: Array) -> tuple[Array, Array]:
    """Rows whose prediction is their truth, whatever the class, and all rows, of counts (..., truths, predictions)."""
    return np.trace(tables, axis1=-2, axis2=-1), tables.sum((-1, -2))
