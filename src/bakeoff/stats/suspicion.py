"""Labels that good answers speak against: confident learning for classes, agreed outliers for numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array

SPREAD = 1.4826  # a normal's standard deviation by its median absolute deviation


@dataclass(frozen=True, eq=False)
class Doubts:
    """Doubts about labels, row by row.

    `suggested` int64 (rows,) is the class that the answers speak for, `doubted` bool (rows,) where that is another than
    the label, beyond the class's own threshold. `margin` (rows,) is the suggested class's probability minus the
    label's. `thresholds` (classes,) are nan for classes that no row has. `share` (rows,) is the estimated share of
    wrong labels among the rows of the row's own label: its mean over rows is the estimated share of errors.
    """

    suggested: Array
    doubted: Array
    margin: Array
    thresholds: Array
    share: Array


def doubts(probabilities: Array, codes: Array) -> Doubts:
    """Doubts about labels `codes` (rows,) from out-of-sample `probabilities` (rows, classes).

    Confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70, 1373-1411): a class is confident in a row when its
    probability is at least the mean that rows of that label give it (their equation 2). The likeliest confident class
    is the row's; counts of label against it make the confident joint, whose rows are scaled to the labels' own counts.
    """
    rows, width = probabilities.shape
    counts = np.bincount(codes, minlength=width).astype(np.float64)
    own = np.bincount(codes, weights=probabilities[np.arange(rows), codes], minlength=width)
    thresholds = np.divide(own, counts, out=np.full(width, np.nan), where=counts > 0)
    confident = probabilities >= np.where(np.isnan(thresholds), np.inf, thresholds)
    held = np.where(confident, probabilities, -1.0)
    suggested = held.argmax(axis=1)
    sure = confident.any(axis=1)
    joint = np.zeros((width, width))
    np.add.at(joint, (codes[sure], suggested[sure]), 1.0)
    totals = joint.sum(axis=1)
    wrong = np.divide(totals - np.diag(joint), totals, out=np.zeros(width), where=totals > 0)
    suggested = np.where(sure, suggested, probabilities.argmax(axis=1))
    margin = probabilities[np.arange(rows), suggested] - probabilities[np.arange(rows), codes]
    return Doubts(suggested, sure & (suggested != codes), margin, thresholds, wrong[codes])


def agreed_outliers(residuals: Array) -> Array:
    """How far each row lies out in the eyes of everybody, in robust standard deviations: (rows,).

    From `residuals` (contestants, rows), truth minus answer: each contestant's are centred at their median and divided
    by 1.4826 times their median absolute deviation; the least of a row counts, with its sign, and 0 where the signs
    differ. A contestant without spread calls every row that is off infinitely far out.
    """
    residuals = np.asarray(residuals, dtype=np.float64)
    centred = residuals - np.median(residuals, axis=1, keepdims=True)
    spread = SPREAD * np.median(np.abs(centred), axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(centred == 0, 0.0, centred / spread)
    least = np.abs(far).min(axis=0)
    agree = (far > 0).all(axis=0) | (far < 0).all(axis=0)
    return np.where(agree, np.sign(far[0]) * least, 0.0)
