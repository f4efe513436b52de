"""Rows that come twice: across train and test, with different labels, or alike but for one column.

Rows are compared by 64-bit hashes of a few columns that tell rows apart, and the rows that agree in those by all
columns, so that a large table is not hashed whole. Rows that agree because their values are common are not counted
(`coincidence`): those that count are so rare that a tenth of a pair is to be expected in the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Role
from bakeoff.tables.annotations import TAGGING
from bakeoff.tables.checks.coincidence import Coincidence, words_alone
from bakeoff.tables.checks.evidence import Evidence, named_by_content
from bakeoff.tables.remarks import Remark

CHANCE = 0.1  # pairs of rows that may agree by chance in a whole table
SHARE = 0.01  # of the test rows, from which twins in train are told
APART = 1e-3  # rows that agree by chance in the columns that rows are first compared by
HELD = 200_000  # rows that are compared by all columns at most
CHEAP = {
    ColumnType.NUMERIC: 0,
    ColumnType.DATETIME: 0,
    ColumnType.CATEGORICAL: 1,
    ColumnType.TOKENS: 2,
    ColumnType.TEXT: 2,
    ColumnType.IMAGE: 3,
}


@dataclass(frozen=True)
class Twins:
    """Rows of which some agree in the first columns compared.

    `places` (k,) are their places, `groups` (k,) whole numbers, ascending: rows of one number agree in those columns.
    `hashes` (k, columns) are the hashes of all compared columns, `chances` (k, columns) how likely each value is.
    """

    places: Array
    groups: Array
    hashes: Array
    chances: Array


def repeated_rows(evidence: Evidence) -> Iterator[Remark]:
    """Test rows that are in train as well, rows with the same features and different labels, and near-twins."""
    columns = [c for c in evidence.features if c.role is not Role.ID]
    if not columns or len(evidence.truth) < 2:
        return
    keys = _keys(evidence, columns)
    likely = Coincidence.of(np.column_stack([hashed(evidence.cells[column.name]) for column in columns]))
    exact = _twins(evidence, columns, keys[0], likely)
    yield from _exact(evidence, exact)
    near = [exact, *(_twins(evidence, columns, key, likely) for key in keys[1:])]
    yield from _but_one(evidence, columns, near)


def _keys(evidence: Evidence, columns: Sequence[Column]) -> list[list[int]]:
    """One or two sets of columns that tell rows apart, no column in both; all columns when they don't.

    Rows that differ in one column agree in one of two such sets.
    """
    agree = [_agreement(evidence.cells[column.name]) for column in columns]
    order = sorted(range(len(columns)), key=lambda place: (CHEAP[columns[place].type], agree[place]))
    keys: list[list[int]] = []
    for _ in range(2):
        key, chance = [], float(len(evidence.truth))
        for place in order:
            if chance <= APART:
                break
            if agree[place] < 1:
                key.append(place)
                chance *= max(agree[place], 1 / len(evidence.sample) ** 2)
        if chance > APART:
            break
        keys.append(key)
        order = [place for place in order if place not in key]
    return keys or [list(range(len(columns)))]


def _agreement(cells: Any) -> float:
    """The share of pairs of rows that agree in a column."""
    counts = np.bincount(_factorised(cells))
    rows = counts.sum()
    return float((counts * (counts - 1.0)).sum() / max(rows * (rows - 1.0), 1))


def _factorised(cells: Any) -> Array:
    import pandas as pd

    return pd.factorize(hashed(cells))[0]


def hashed(series: Any) -> Array:
    """A hash (n,) uint64 of each cell, the same for cells with the same content."""
    import pandas as pd

    if series.dtype.kind in "iufM":
        values = series.to_numpy()
        values = values.astype("datetime64[us]").astype(np.int64) if values.dtype.kind == "M" else values
        return _mixed((values.astype(np.float64) + 0.0).view(np.uint64))
    if series.dtype == object:
        series = series.map(named_by_content, na_action="ignore")
        return pd.util.hash_array(series.to_numpy(dtype=object, na_value=""), categorize=True)
    import pyarrow as pa
    import pyarrow.compute as pc

    held = pc.dictionary_encode(pa.array(series, type=pa.large_string(), from_pandas=True), null_encoding="encode")
    held = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
    names = held.dictionary.to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(np.array([f"={name}" if name is not None else "" for name in names], dtype=object))
    return np.asarray(hashes)[np.asarray(held.indices)] if len(names) else np.zeros(len(series), np.uint64)


def _mixed(bits: Array) -> Array:
    # The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): neighbours get unlike hashes.
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def _twins(evidence: Evidence, columns: Sequence[Column], key: Sequence[int], likely: Coincidence) -> Twins:
    joined = np.zeros(len(evidence.truth), np.uint64)
    for place in key:
        joined = _mixed(joined + hashed(evidence.data.column(columns[place].name)))
    ordered = np.sort(joined)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    # Sorting values is many times faster than sorting places, and few rows of most tables have a twin.
    at = np.minimum(np.searchsorted(repeated, joined), max(len(repeated) - 1, 0)) if len(repeated) else joined
    places = (repeated[at] == joined).nonzero()[0] if len(repeated) else np.zeros(0, np.int64)
    places = places[np.argsort(at[places], kind="stable")][:HELD]
    groups = at[places].astype(np.int64)
    hashes = np.empty((len(places), len(columns)), np.uint64)
    rarity = np.ones((len(places), len(columns)))
    for place, column in enumerate(columns if len(places) else ()):
        cells = evidence.data.cells.at(column.name, places)
        hashes[:, place] = hashed(cells)
        rarity[:, place] = _rarity(column, cells)
    return Twins(places, groups, hashes, np.minimum(rarity, likely.chances(hashes)))


def _rarity(column: Column, cells: Any) -> Any:
    """How likely anybody else would have made the same cell, however often this table repeats it; 1 where unknown."""
    if column.type is ColumnType.IMAGE:
        return np.where(cells.isna(), 1.0, 1e-9)
    if column.type in (ColumnType.TEXT, ColumnType.TOKENS):
        return words_alone(cells.str.count(r"\S+").fillna(0).to_numpy(np.float64))
    return 1.0


def _exact(evidence: Evidence, twins: Twins) -> Iterator[Remark]:
    expected = len(evidence.truth) ** 2 * twins.chances.prod(axis=1)
    joined = np.zeros(len(twins.places), np.uint64)
    for place in range(twins.hashes.shape[1]):
        joined = _mixed(joined + twins.hashes[:, place])
    kept = expected <= CHANCE
    places, _, groups = twins.places[kept], joined[kept], np.unique(joined[kept], return_inverse=True)[1]
    if not len(places):
        return
    test = evidence.data.tested[places]
    trained = np.bincount(groups, weights=~test) > 0
    twice = np.sort(places[test & trained[groups]])
    evidence.doubled.update(twice.tolist())
    tests = int(evidence.data.tested.sum())
    if len(twice) and len(twice) >= SHARE * tests:
        yield evidence.remark(
            "duplicates",
            f"{len(twice):,} of {tests:,} test rows {'has a twin' if len(twice) == 1 else 'have twins'} in train, "
            f"alike in every column but the target: {evidence.where(twice)}; remove them from one part.",
            "",
            twice,
        )
    if evidence.classes or evidence.data.settings.kind == TAGGING:
        yield from _conflicts(evidence, places, groups)


def _conflicts(evidence: Evidence, places: Array, groups: Array) -> Iterator[Remark]:
    truth = evidence.truth[places]
    first = np.full(int(groups.max()) + 1, -1)
    first[groups[::-1]] = truth[::-1]
    torn = np.zeros(len(first), bool)
    torn[groups[truth != first[groups]]] = True
    rows = np.sort(places[torn[groups]])
    if len(rows):
        yield evidence.remark(
            "conflicting labels",
            f"{len(rows):,} rows have a twin with another value of the target {evidence.target.name!r}, alike in every "
            f"other column: {evidence.where(rows)}; correct their labels or remove them.",
            evidence.target.name,
            rows,
        )


def _but_one(evidence: Evidence, columns: Sequence[Column], found: Sequence[Twins]) -> Iterator[Remark]:
    """Test rows that differ from a training row in one column only, which is neither a text nor a picture."""
    near: dict[int, int] = {}
    if len(columns) < 3:
        return
    # Another text or picture is another thing; those that resemble each other are looked for elsewhere.
    whole = [place for place, column in enumerate(columns) if CHEAP[column.type] > 1]
    for twins in found:
        if not len(twins.places):
            continue
        test = evidence.data.tested[twins.places]
        held = np.full(int(twins.groups.max()) + 1, -1)
        held[twins.groups[~test]] = (~test).nonzero()[0]
        asked = (test & (held[twins.groups] >= 0)).nonzero()[0]
        differ = twins.hashes[asked] != twins.hashes[held[twins.groups[asked]]]
        single = (differ.sum(axis=1) == 1) & ~differ[:, whole].any(axis=1)
        expected = len(evidence.truth) ** 2 * np.where(differ, 1.0, twins.chances[asked]).prod(axis=1)
        for row in (single & (expected <= CHANCE)).nonzero()[0]:
            near[int(twins.places[asked[row]])] = int(differ[row].argmax())
    tests = int(evidence.data.tested.sum())
    if near and len(near) >= SHARE * tests:
        places = np.array(sorted(near))
        names = [columns[place].name for place in near.values()]
        most = max(set(names), key=names.count)
        yield evidence.remark(
            "near-duplicates",
            f"{len(places):,} of {tests:,} test rows differ from a training row in one column only, mostly {most!r}: "
            f"{evidence.where(places)}; remove them from one part, or split by what they share.",
            most,
            places,
        )
