"""The image baseline: colours and gradients of each picture, beside the other columns, in a linear model."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from bakeoff.algorithms.columns import columns_of
from bakeoff.algorithms.features import Wide
from bakeoff.algorithms.linear import logistic, ridge
from bakeoff.errors import Declined
from bakeoff.nouns import Array, Frame, Schema

SIDE = 32  # pictures are shrunk to SIDE x SIDE before anything is measured
ORIENTATIONS = 9
CELL = 4
COMPONENTS = 100
WEIGHT = 0.9  # of all pictures together, against one scaled number


class ImageFeatures:
    """Colour grids and gradient histograms of every image column, with the linear baseline's features of the others."""

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> ImageFeatures:
        """Learn from training rows; Declined when the table has no image column."""
        columns = columns_of(schema, X)
        if not columns.image:
            raise Declined("The baseline 'image' reads pictures, and this table has no image column.")
        self.images_ = columns.image
        self.wide_ = Wide(columns, schema.seed)
        self.reducers_: dict[str, Any] = {}
        joined = self._join(self.wide_.fit_transform(X), [self._reduce(name, X, schema.seed) for name in self.images_])
        if schema.classes:
            self.model_ = logistic(joined, np.asarray(y), schema.seed)
            self.classes_ = self.model_.classes_
        else:
            self.model_ = ridge(joined, np.asarray(y, dtype=np.float64), schema.seed)
        return self

    def _reduce(self, name: str, X: Frame, seed: int) -> Array:
        from sklearn.decomposition import PCA

        described = describe(_cells(X, name))
        components = min(COMPONENTS, *described.shape)
        reducer = PCA(n_components=components, random_state=seed, svd_solver="randomized")
        scores = reducer.fit_transform(described)
        # One factor for all components: dividing each by its own spread would blow up the noise in the last ones.
        spread = float(np.sqrt(scores.var(axis=0).sum() * len(self.images_))) or 1.0
        self.reducers_[name] = (reducer, WEIGHT / spread)
        return scores * self.reducers_[name][1]

    def _join(self, wide: Array, pictures: list[Array]) -> Array:
        from scipy import sparse

        return sparse.hstack([wide, *[sparse.csr_matrix(part) for part in pictures]], format="csr")

    def _features(self, X: Frame) -> Array:
        pictures = []
        for name, (reducer, scale) in self.reducers_.items():
            pictures.append(reducer.transform(describe(_cells(X, name))) * scale)
        return self._join(self.wide_.transform(X), pictures)

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        return self.model_.predict_proba(self._features(X))

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        return self.model_.predict(self._features(X))


def _cells(X: Frame, name: str) -> list[Any]:
    return X[name].tolist() if name in X.columns else [None] * len(X)


def describe(cells: list[Any]) -> Array:
    """Features of pictures given as bytes, float64 (pictures, features); a missing or broken one is all zeros."""
    pixels = np.zeros((len(cells), SIDE, SIDE, 3))
    known = np.zeros(len(cells), dtype=bool)
    for i, cell in enumerate(cells):
        picture = _pixels(cell)
        if picture is not None:
            pixels[i], known[i] = picture, True
    features = np.hstack([_colours(pixels), _gradients(pixels.mean(axis=3))])
    features[~known] = 0.0
    return features


def _pixels(cell: Any) -> Array | None:
    from PIL import Image, UnidentifiedImageError

    if not isinstance(cell, (bytes, bytearray, memoryview)):
        return None
    try:
        with Image.open(io.BytesIO(bytes(cell))) as picture:
            small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None
    return np.asarray(small, dtype=np.float64) / 255.0


def _colours(pixels: Array) -> Array:
    """Mean colours on 8 x 8 and spreads on 4 x 4 fields, and the picture's histogram of each channel."""
    n = len(pixels)
    fine = pixels.reshape(n, 8, SIDE // 8, 8, SIDE // 8, 3)
    coarse = pixels.reshape(n, 4, SIDE // 4, 4, SIDE // 4, 3)
    edges = np.clip((pixels * 8).astype(int), 0, 7).reshape(n, -1, 3)
    shares = np.stack([(edges == level).mean(axis=1) for level in range(8)], axis=1)
    return np.hstack(
        [fine.mean(axis=(2, 4)).reshape(n, -1), coarse.std(axis=(2, 4)).reshape(n, -1), shares.reshape(n, -1)]
    )


def _gradients(grey: Array) -> Array:
    """Histograms of oriented gradients on 4-pixel cells, each 2 x 2 block normalised (Dalal and Triggs, 2005)."""
    n = len(grey)
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    angle = np.mod(np.arctan2(down, across), np.pi) * (ORIENTATIONS / np.pi)
    low = np.floor(angle).astype(int) % ORIENTATIONS
    share = angle - np.floor(angle)
    fields = SIDE // CELL
    cells = np.zeros((n, fields, fields, ORIENTATIONS))
    for orientation in range(ORIENTATIONS):
        weight = strength * ((low == orientation) * (1 - share) + ((low + 1) % ORIENTATIONS == orientation) * share)
        cells[..., orientation] = weight.reshape(n, fields, CELL, fields, CELL).sum(axis=(2, 4))
    blocks = np.concatenate([cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:]], axis=-1)
    blocks /= np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 0.01)
    return blocks.reshape(n, -1)
