"""How many rows can be learnt from in the time and memory that there is."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal.views import Views
from bakeoff.nouns import Array, Frame
from bakeoff.training.clock import Clock

SMALL, LARGE = 500, 2_000  # rows of the two trials
SHARE = 0.2  # of the time, at most, for making views
CELLS = 50_000_000  # numbers that a view may hold
LEAST = 2_000


def rows_that_fit(X: Frame, columns: Columns, clock: Clock, seed: int) -> Array:
    """Positions of the rows to learn from, in order: all of them, unless reading them would take too much.

    Views of 500 and of 2,000 rows are made as a trial; what each further row takes is the difference.
    """
    rows = len(X)
    if rows <= 2 * LARGE:
        return np.arange(rows)
    order = np.random.default_rng([seed % 2**32, 23]).permutation(rows)
    took = []
    for size in (SMALL, LARGE):
        began = clock.elapsed()
        views = Views(X.iloc[order[:size]], columns, seed)
        held = views.train("wide").nnz + views.train("dense").size
        took.append(clock.elapsed() - began)
    most = float(CELLS * LARGE / held)
    if clock.seconds:
        each = max(took[1] - took[0], 1e-9) / (LARGE - SMALL)
        most = min(most, max(LEAST, SHARE * clock.seconds / each))
    return np.sort(order[: int(min(most, rows))])
