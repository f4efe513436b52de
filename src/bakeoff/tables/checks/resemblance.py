"""Test rows whose texts or pictures are nearly those of a training row."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Role
from bakeoff.tables.checks.duplicates import hashed
from bakeoff.tables.checks.evidence import Evidence
from bakeoff.tables.checks.picture_clues import picture_bytes
from bakeoff.tables.remarks import Remark

ALIKE = 0.9  # cosine of the TF-IDF vectors of words and pairs of words from which texts are nearly the same
WORDS = 6  # words below which a text says too little to be compared
LONG = 2_000  # characters of a text that are compared
ASKED, LEARNT = 1_000, 10_000  # test and training rows that are compared in texts
SHOWN, SEEN = 500, 2_000  # test and training rows that are compared in pictures
SIDE = 16  # pixels along each side of the small grey copies that are compared
CLOSE = 0.99  # correlation of small copies from which pictures are nearly the same
GREY = 8.0  # mean difference of small copies, in grey levels of 255, up to which they are
FLAT = 4.0  # standard deviation of grey levels below which a picture shows nothing to compare
PLAIN = (ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.DATETIME)
SHARE = 0.01  # of the compared test rows


def near_texts(evidence: Evidence) -> Iterator[Remark]:
    """Test rows that repeat the texts of a training row nearly word for word, and agree with it in nearly all else."""
    columns = [c for c in evidence.features if c.type is ColumnType.TEXT and c.role is not Role.ID]
    if not columns:
        return
    asked, learnt = _chosen(evidence, ASKED, LEARNT)
    texts = [_joined(evidence, columns, places) for places in (asked, learnt)]
    long = [texts_.str.count(r"\S+").to_numpy() >= WORDS for texts_ in texts]
    compared, asked, learnt = len(asked), asked[long[0]], learnt[long[1]]
    if not len(asked) or not len(learnt):
        return
    near, twins = _near_texts(texts[0][long[0]], texts[1][long[1]])
    asked, twins = asked[near], learnt[twins[near]]
    if not len(asked):
        return
    kept = _differing(evidence, asked, twins) <= 1
    names = " and ".join(repr(column.name) for column in columns[:3])
    yield from _told(evidence, asked[kept], compared, f"in the words of {names}", columns[0].name)


def _differing(evidence: Evidence, ones: Array, others: Array) -> Array:
    """In how many columns beside texts, pictures, identifiers and owners the rows at two lists of places differ."""
    differ = np.zeros(len(ones), int)
    for column in evidence.features:
        if column.role not in (Role.ID, Role.OWNER) and column.type in PLAIN:
            cells = evidence.data.cells
            differ += hashed(cells.at(column.name, ones)) != hashed(cells.at(column.name, others))
    return differ


def _chosen(evidence: Evidence, asked: int, learnt: int) -> tuple[Array, Array]:
    """Seeded places of test and of training rows, all of them where they are few."""
    test, generator = evidence.data.tested, np.random.default_rng([evidence.data.split.seed, 23])
    chosen = []
    for part, many in ((test, asked), (~test, learnt)):
        places = np.flatnonzero(part)
        chosen.append(np.sort(generator.permutation(places)[:many]))
    return chosen[0], chosen[1]


def _joined(evidence: Evidence, columns: list[Column], places: Array) -> Any:
    held = None
    for column in columns:
        texts = evidence.data.cells.at(column.name, places).astype(object)
        texts = texts.where(texts.notna(), "").astype(str).str[:LONG]
        held = texts if held is None else held + " " + texts
    return held


def _near_texts(asked: Any, learnt: Any) -> tuple[Array, Array]:
    """Which asked texts (m,) have a near twin among the learnt ones, and the place of the nearest for each."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
    near, nearest = np.zeros(len(asked), bool), np.zeros(len(asked), np.int64)
    try:
        known = vectoriser.fit_transform(learnt.tolist())
    except ValueError:  # no text holds a word
        return near, nearest
    rows = vectoriser.transform(asked.tolist())
    # Words that train lacks count in no cosine, so it is taken times the share of a text's words that train has.
    seen = rows.getnnz(axis=1) / np.maximum([len(_pieces(text)) for text in asked], 1)
    across = known.T.tocsr()
    for start in range(0, rows.shape[0], 100):
        cosines = (rows[start : start + 100] @ across).toarray()
        nearest[start : start + 100] = cosines.argmax(axis=1)
        most = cosines.max(axis=1)
        near[start : start + 100] = most * seen[start : start + 100] >= ALIKE
    return near, nearest


def _pieces(text: str) -> set[str]:
    words = re.findall(r"\b\w+\b", text.lower())
    return {*words, *(" ".join(pair) for pair in pairwise(words))}


def near_pictures(evidence: Evidence) -> Iterator[Remark]:
    """Test rows with a picture that is nearly one of train: saved anew, scaled, or slightly changed."""
    for column in evidence.features:
        if column.type is not ColumnType.IMAGE:
            continue
        asked, learnt = _chosen(evidence, SHOWN, SEEN)
        series = evidence.data.column(column.name)
        small = [_small(series.iloc[places]) for places in (asked, learnt)]
        held = [copies.std(axis=1) >= FLAT for copies in small]
        compared = len(asked)
        asked, (one, other) = asked[held[0]], (small[0][held[0]], small[1][held[1]])
        if not len(one) or not len(other):
            continue
        near = _near_pictures(one, other)
        yield from _told(evidence, asked[near], compared, f"in the picture of {column.name!r}", column.name)


def _small(cells: Any) -> Array:
    """Grey copies (m, SIDE * SIDE) of pictures; zeros where there is none."""
    from PIL import Image

    copies = np.zeros((len(cells), SIDE * SIDE), np.float32)
    for place, cell in enumerate(cells):
        if cell is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(picture_bytes(cell))) as picture:
                    picture.draft("L", (4 * SIDE, 4 * SIDE))
                    grey = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
            copies[place] = np.asarray(grey, np.float32).ravel()
        except (OSError, ValueError, SyntaxError):
            continue
    return copies


def _near_pictures(asked: Array, learnt: Array) -> Array:
    def centred(copies: Array) -> Array:
        copies = copies - copies.mean(axis=1, keepdims=True)
        return np.asarray(copies / np.linalg.norm(copies, axis=1, keepdims=True))

    alike = centred(asked) @ centred(learnt).T
    best = alike.argmax(axis=1)
    apart = np.abs(asked - learnt[best]).mean(axis=1)
    return np.asarray((alike[np.arange(len(asked)), best] >= CLOSE) & (apart <= GREY))


def _told(evidence: Evidence, places: Array, compared: int, how: str, column: str) -> Iterator[Remark]:
    places = np.array([place for place in places.tolist() if place not in evidence.doubled], dtype=np.int64)
    if len(places) and len(places) >= SHARE * compared:
        tests = int(evidence.data.tested.sum())
        among = f"{compared:,} test rows" if compared == tests else f"{compared:,} sampled test rows"
        yield evidence.remark(
            "near-duplicates",
            f"{len(places):,} of {among} {'is' if len(places) == 1 else 'are'} nearly the same as a training row "
            f"{how}: {evidence.where(places)}; remove them from one part, or split by what they share.",
            column,
            places,
        )
