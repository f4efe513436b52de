"""Drift between training and test rows: can a classifier tell which part a row is from, and by which columns?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bakeoff.extras import load_lightgbm
from bakeoff.nouns import Array, Column, ColumnType, Frame, Role

MOST_ROWS = 4_000  # of each part; enough to see an AUC of 0.53
FEWEST_ROWS = 50
TREES = 60
WORDS = 128  # hashed words of a text column
SIGNIFICANT = 0.001
VALUES = 50  # most frequent values of a category that are compared


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column alone differs between training and test rows.

    `auc` is how well the column alone tells them apart (0.5 is not at all), `p` the chance of such a difference where
    there is none (Holm over the columns): by Kolmogorov and Smirnov's test for numbers and dates, chi-squared for
    categories, the classifier's own for texts and pictures.
    """

    name: str
    auc: float
    p: float


@dataclass(frozen=True)
class Drift:
    """What the classifier two-sample test found, of `rows` rows.

    `auc` is held out, `p` the chance of one as high where both parts are alike. `columns` are those that differ beyond
    chance, the strongest first; `left_out` are columns that were not looked at. `reason` says why there is no test.
    """

    auc: float | None
    p: float | None
    rows: int
    columns: tuple[ColumnDrift, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: str = ""

    @property
    def differs(self) -> bool:
        """Whether the parts differ beyond chance."""
        return self.p is not None and (self.p < SIGNIFICANT or bool(self.columns))

    def told(self) -> str:
        """The finding in one sentence."""
        if self.auc is None or self.p is None:
            return f"Drift between train and test was not tested: {self.reason}."
        figure = f"a classifier tells them apart with an AUC of {self.auc:.2f} ({_chance(self.p)})"
        if not self.differs:
            return f"Train and test look alike: {figure}."
        names = [f"{each.name!r} ({each.auc:.2f} alone)" for each in self.columns[:3]]
        by = f", most by {', '.join(names)}" if names else ", by several columns together"
        return f"Train and test differ: {figure}{by}."


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.01 else f"p = {p:.3f}"


def drift(train: Frame, test: Frame, columns: Sequence[Column], seed: int = 0) -> Drift:
    """The classifier two-sample test of Lopez-Paz and Oquab (2017, arXiv 1610.06545) between two parts of a table.

    Rows beyond 4,000 of each part are sampled; a small LightGBM learns from half of them, and the ranks it gives the
    other half give AUC and p by the Mann-Whitney statistic. Ids, owners and times are left out, since a split may be
    made by them, and so is the target.
    """
    looked_at = [column for column in columns if column.role in (Role.FEATURE, Role.PROTECTED)]
    left_out = tuple(column.name for column in columns if column not in looked_at and column.role is not Role.TARGET)
    rng = np.random.default_rng([seed, len(train), len(test)])
    parts = [_sample(part, rng) for part in (train, test)]
    rows = sum(map(len, parts))
    if min(map(len, parts)) < FEWEST_ROWS:
        return Drift(None, None, rows, (), left_out, f"a part has fewer than {FEWEST_ROWS} rows")
    if not looked_at:
        return Drift(None, None, rows, (), left_out, "there is no column to tell by")
    side = np.repeat([0, 1], [len(parts[0]), len(parts[1])])
    features = {column.name: _features(column, [part[column.name] for part in parts]) for column in looked_at}
    held = _held_out(side, rng)
    auc, p = _tested(np.hstack(list(features.values())), side, held, seed)

    @cache
    def alone(name: str) -> tuple[float, float]:
        return _tested(features[name], side, held, seed)

    # Most columns need no classifier of their own: their test says that they are alike.
    chances = {
        column.name: _chance_of(column, [part[column.name] for part in parts], lambda name: alone(name)[1])
        for column in looked_at
    }
    found = [ColumnDrift(name, alone(name)[0], chance) for name, chance in _beyond_chance(chances)]
    return Drift(auc, p, rows, tuple(sorted(found, key=lambda column: -column.auc)), left_out)


def _chance_of(column: Column, parts: Sequence[Any], otherwise: Callable[[str], float]) -> float:
    """The chance of a difference as large as the one between two series of a column, by the test for its type.

    `otherwise` gives it for the name of a column that has no test of its own.
    """
    from scipy.stats import chi2_contingency, ks_2samp

    if column.type in (ColumnType.NUMERIC, ColumnType.DATETIME):
        values = [part.dropna().to_numpy().astype(np.float64) for part in parts]
        return float(ks_2samp(*values, method="asymp").pvalue) if min(map(len, values)) else otherwise(column.name)
    if column.type is not ColumnType.CATEGORICAL:
        return otherwise(column.name)
    codes = _by_frequency(parts)[:, 0].astype(int)
    codes = np.minimum(codes, VALUES)
    first = codes[: len(parts[0])]
    counts = np.array([np.bincount(each, minlength=VALUES + 1) for each in (first, codes[len(first) :])])
    counts = counts[:, counts.sum(axis=0) > 0]
    return float(chi2_contingency(counts).pvalue) if counts.shape[1] > 1 else 1.0


def _beyond_chance(chances: Mapping[str, float]) -> list[tuple[str, float]]:
    """The columns whose p stays below the level by Holm's correction, with that p."""
    from bakeoff.stats.significance import holm

    adjusted = holm(np.array(list(chances.values())))
    return [(name, float(p)) for name, p in zip(chances, adjusted, strict=True) if p < SIGNIFICANT]


def _sample(part: Frame, rng: np.random.Generator) -> Frame:
    if len(part) <= MOST_ROWS:
        return part
    return part.iloc[np.sort(rng.choice(len(part), MOST_ROWS, replace=False))]


def _held_out(side: Array, rng: np.random.Generator) -> Array:
    """Half of the rows of each part, held out from learning: bool (rows,)."""
    held = np.zeros(len(side), dtype=bool)
    for part in (0, 1):
        mine = rng.permutation(np.flatnonzero(side == part))
        held[mine[: len(mine) // 2]] = True
    return held


def _tested(features: Array, side: Array, held: Array, seed: int) -> tuple[float, float]:
    """AUC on the rows held out, and its one-sided p: (auc, p).

    One half, not several folds: scores of folds that share training rows depend on each other, and p would be too low.
    """
    scores = _scores(features[~held], side[~held], features[held], seed)
    u, mean, variance = _mann_whitney(scores, side[held])
    p = 0.5 * math.erfc((u - mean) / math.sqrt(2 * variance)) if variance > 0 else 1.0
    return u / (2 * mean), p


def _scores(X: Array, side: Array, asked: Array, seed: int) -> Array:
    lightgbm = load_lightgbm()
    settings = {"objective": "binary", "num_leaves": 8, "learning_rate": 0.1, "min_data_in_leaf": 10, "seed": seed}
    settings |= {"verbose": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}
    data = lightgbm.Dataset(X, side, params={"verbose": -1, "min_data_in_bin": 1, "feature_pre_filter": False})
    return np.asarray(lightgbm.train(settings, data, TREES).predict(asked))


def _mann_whitney(scores: Array, side: Array) -> tuple[float, float, float]:
    """U of the rows of side 1 with ties half, and its mean and variance where sides mean nothing."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    first, second = int((side == 1).sum()), int((side == 0).sum())
    u = float(ranks[side == 1].sum()) - first * (first + 1) / 2
    n = first + second
    ties = np.unique(scores, return_counts=True)[1].astype(np.float64)
    variance = first * second / 12 * ((n + 1) - float((ties**3 - ties).sum()) / (n * (n - 1)))
    return u, first * second / 2, variance


def _features(column: Column, parts: Sequence[Any]) -> Array:
    """A column of both parts as float64 (rows, features); missing is NaN."""
    import pandas as pd

    cells = pd.concat(parts, ignore_index=True)
    if column.type is ColumnType.NUMERIC:
        return cells.to_numpy(dtype=np.float64, na_value=np.nan).reshape(-1, 1)
    if column.type is ColumnType.DATETIME:
        seconds = cells.to_numpy().astype("datetime64[s]").astype(np.float64)
        return np.where(cells.isna().to_numpy(), np.nan, seconds).reshape(-1, 1)
    if column.type is ColumnType.CATEGORICAL:
        return _by_frequency(parts)
    if column.type is ColumnType.IMAGE:
        return np.array([_picture(cell) for cell in cells.tolist()])
    return _text(cells)


def _by_frequency(parts: Sequence[Any]) -> Array:
    """Each value's rank by frequency, so that neighbours in rank are alike common; missing has its own."""
    import pandas as pd

    cells = pd.concat(parts, ignore_index=True)
    counts = cells.value_counts(dropna=False)
    rank = dict(zip(counts.index, range(len(counts)), strict=True))
    return cells.map(rank, na_action=None).to_numpy(dtype=np.float64, na_value=len(counts)).reshape(-1, 1)


def _text(cells: Any) -> Array:
    """Length, words, and a few dense directions of hashed words."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer

    texts = ["" if gone else str(cell)[:2_000] for cell, gone in zip(cells.tolist(), cells.isna(), strict=True)]
    shape = np.array([[len(text), text.count(" ")] for text in texts], dtype=np.float64)
    hashed = HashingVectorizer(n_features=WORDS, alternate_sign=False).transform(texts)
    if not hashed.nnz:
        return shape
    return np.hstack([shape, TruncatedSVD(8, random_state=0).fit_transform(hashed)])


def _picture(cell: Any) -> list[float]:
    """Bytes, width, height, and mean and spread of brightness of a picture; NaN for a missing one."""
    import io

    from PIL import Image

    data = cell.read() if hasattr(cell, "read") else cell
    if not isinstance(data, bytes):
        return [math.nan] * 5
    with Image.open(io.BytesIO(data)) as picture:
        grey = np.asarray(picture.convert("L").resize((8, 8)), dtype=np.float64)
        return [float(len(data)), float(picture.width), float(picture.height), float(grey.mean()), float(grey.std())]
