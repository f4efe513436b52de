"""What a text has said so far: symbols that followed the same last characters earlier in the same text."""

from __future__ import annotations

import numpy as np

from bakeoff.nouns import Array

ORDERS = (2, 4, 7, 12)  # last characters that must be the same
TRUST = (6.0, 2.0, 0.8, 0.3)  # how many occurrences the coarser answer counts for


def recent(codes: Array, lengths: Array, coarse: Array) -> list[Array]:
    """P(symbol) by what followed earlier in the same text, a list over ORDERS, each float64 (rows, symbols).

    `codes` are the last characters of each text, int (rows, width), aligned at the right, of which the last `lengths`
    are there; `coarse` float64 (rows, symbols) is what is mixed in, as much as so many occurrences would count.
    """
    width = codes.shape[1]
    there = np.arange(width) >= width - lengths[:, None]
    # same[row, place]: the characters before `place` are the last ones of the text, as many as the order says
    same = there.copy()
    out, found = [], coarse
    matched = 0
    for order, trust in zip(ORDERS, TRUST, strict=True):
        for back in range(matched + 1, order + 1):
            if back >= width:
                same[:] = False
                break
            wanted = codes[:, width - back][:, None]
            same[:, back:] &= (codes[:, : width - back] == wanted) & there[:, : width - back]
            same[:, :back] = False
        matched = order
        row, place = np.nonzero(same)
        counts = np.bincount(row * coarse.shape[1] + codes[row, place], minlength=coarse.size).reshape(coarse.shape)
        total = counts.sum(axis=1, keepdims=True)
        found = (counts + trust * found) / (total + trust)
        out.append(found)
    return out
