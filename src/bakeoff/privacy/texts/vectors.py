"""Word vectors that are public: in a file, or trained elsewhere; distances between them are what a metric is of."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.texts.cutting import cut

PAIRS = 20_000  # pairs of words from which the unit of distance is taken
CELLS = 4_000_000  # of a table of distances at once, which bounds memory
LEAST = 10


class Vectors:
    """Words with a vector each, moved to their mean and scaled so that two of them are typically at distance 1.

    `matrix` float64 (words, width); the unit of distance is the median over pairs of words. `name` says where they
    come from, and enters the guarantee. UsageError for fewer than ten words, words twice, vectors that are no numbers
    or are all the same.
    """

    def __init__(self, words: Sequence[str], matrix: Array, name: str) -> None:
        held = np.array(matrix, dtype=np.float64)
        if held.ndim != 2 or len(held) != len(words) or not held.shape[1]:
            raise UsageError(f"There are {len(words)} words and vectors of shape {held.shape}; give each word one row.")
        if len(words) < LEAST or len(set(words)) < len(words):
            raise UsageError(
                f"There are {len(words)} words, {len(set(words))} of them different; word vectors need at least "
                f"{LEAST}, each once."
            )
        if not np.isfinite(held).all():
            raise UsageError(f"The vectors {name!r} hold values that are no numbers; leave such words out.")
        held -= held.mean(axis=0)
        unit = _typical(held)
        if not unit > 0:
            raise UsageError(f"Most of the vectors {name!r} are the same, so there is no distance between words.")
        self.words, self.matrix, self.name = tuple(words), held / unit, name

    def __len__(self) -> int:
        return len(self.words)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each word."""
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _squares(self) -> Array:
        return np.einsum("ij,ij->i", self.matrix, self.matrix)

    @property
    def points(self) -> int:
        """Points that a word of a text may be at: those of all words, and one more for every word that is unknown."""
        return len(self) + 1

    def of(self, points: Array) -> Array:
        """The vectors of points int64 (n,), float64 (n, width); an unknown word's is the mean of all words, 0."""
        found = np.zeros((len(points), self.width))
        known = points < len(self)
        found[known] = self.matrix[points[known]]
        return found

    def distances(self, vectors: Array) -> Array:
        """Euclidean distances from each vector (n, width) to each word, float64 (n, words)."""
        squares = np.einsum("ij,ij->i", vectors, vectors)[:, None] + self._squares - 2 * vectors @ self.matrix.T
        return np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)

    def parts(self, rows: int) -> list[slice]:
        """Rows in parts whose distances to all words fit into memory."""
        size = max(1, CELLS // len(self))
        return [slice(begin, begin + size) for begin in range(0, rows, size)]

    @cached_property
    def farthest(self) -> float:
        """A bound on the distance of any two points: the two longest vectors, were they opposite."""
        longest = np.sqrt(np.sort(self._squares)[-2:])
        return float(longest.sum())

    def save(self, path: Path) -> None:
        """Write them as .npz, which `read_vectors` reads."""
        np.savez_compressed(path, words=np.array(self.words), matrix=self.matrix, name=np.array(self.name))


def read_vectors(path: Path, *, most: int = 50_000) -> Vectors:
    """Vectors from a text file of word2vec or GloVe (also .gz), or as `Vectors.save` wrote them; the first `most`.

    Words are folded as texts are, and what is no single word then is left out. NotFound where there is no file,
    UsageError where it holds no vectors.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"There is no file {str(path)!r}; name one of word vectors, or leave it out.")
    if path.suffix == ".npz":
        return _saved(path, most)
    try:
        rows = _read(path, most)
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise UsageError(f"{str(path)!r} cannot be unpacked as .gz: {problem}.") from None
    if len(rows) < LEAST:
        raise UsageError(f"{str(path)!r} holds {len(rows)} word vectors; a line is a word and its numbers.")
    return Vectors(list(rows), np.array(list(rows.values())), path.name)


def _read(path: Path, most: int) -> dict[str, Array]:
    """The first vectors of a text file, by word."""
    rows: dict[str, Array] = {}
    width = 0
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            parts = line.rstrip("\n").rstrip(" ").split(" ")
            if number == 1 and len(parts) == 2:
                continue  # word2vec's head: how many words and numbers
            width = width or len(parts) - 1
            # A word may hold a space itself, as some of GloVe's do.
            _add(rows, " ".join(parts[: len(parts) - width]), parts[len(parts) - width :], f"{path}, line {number}")
            if len(rows) >= most:
                break
    return rows


def _saved(path: Path, most: int) -> Vectors:
    try:
        # Opened here, since numpy leaves a broken archive open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
            words, matrix, name = list(map(str, held["words"])), held["matrix"], str(held["name"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
        raise UsageError(f"{str(path)!r} holds no word vectors as Bakeoff saves them: {problem}.") from problem
    return Vectors(words[:most], matrix[:most], name)


def _add(rows: dict[str, Array], word: str, numbers: Sequence[str], where: str) -> None:
    try:
        vector = np.array(numbers, dtype=np.float64)
    except ValueError:
        raise UsageError(f"{where}, holds {word!r} and then something that is no number.") from None
    if rows and len(vector) != len(next(iter(rows.values()))):
        raise UsageError(f"{where}, holds {len(vector)} numbers where the lines before hold another count.")
    words, _ = cut(word)
    if len(words) == 1 and words[0] not in rows:
        rows[words[0]] = vector


def _typical(matrix: Array) -> float:
    """The median distance of two different words, over pairs drawn once and for all."""
    random = np.random.default_rng(0)
    first = random.integers(0, len(matrix), PAIRS)
    second = (first + random.integers(1, len(matrix), PAIRS)) % len(matrix)
    return float(np.median(np.linalg.norm(matrix[first] - matrix[second], axis=1)))
