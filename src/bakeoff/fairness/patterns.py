"""Groups of people: by one or several protected attributes, by their intersections, or by identities that overlap.

Rows with the same values of all attributes are one *pattern*. Every group is a set of patterns, so that a row counts in
its race, in its sex and in its race and sex at once, and whatever is summed or resampled over patterns holds for all of
them together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame

MISSING = "(missing)"
JOIN = " & "
YES, NO = "yes", "no"
NUMBERED = re.compile(r"(up to |above )?(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w.])")
BITS = 32  # identities that are coded at a time
MOST = 100_000  # patterns beyond which no group would hold enough rows to say anything


@dataclass(frozen=True)
class Patterns:
    """The patterns that were met: `keys` hold for each the value of every attribute.

    Where `overlapping`, attributes are identities that a row has or has not ("yes", "no"), and each is one group.
    """

    attributes: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    overlapping: bool = False

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every group that patterns make, those of one attribute in the order of their names, intersections last."""
        if self.overlapping:
            family = JOIN.join(self.attributes) if len(self.attributes) == 1 else "identity"
            return tuple(Group(family, name, self._with({name: YES})) for name in self.attributes)
        found = [
            Group(attribute, value, self._with({attribute: value}))
            for place, attribute in enumerate(self.attributes)
            for value in sorted({key[place] for key in self.keys}, key=_in_order)
        ]
        if len(self.attributes) > 1:
            whole = JOIN.join(self.attributes)
            found += [
                Group(whole, JOIN.join(key), self._with(dict(zip(self.attributes, key, strict=True))))
                for key in sorted(self.keys, key=lambda one: [_in_order(value) for value in one])
            ]
        return tuple(found)

    @cached_property
    def members(self) -> Array:
        """Which pattern belongs to which group, float64 (groups, patterns) of 0 and 1."""
        out = np.zeros((len(self.groups), len(self.keys)))
        for place, group in enumerate(self.groups):
            out[place, list(group.patterns)] = 1.0
        return out

    def family(self, name: str) -> list[int]:
        """Places of the groups of one family."""
        return [place for place, group in enumerate(self.groups) if group.family == name]

    @property
    def families(self) -> tuple[str, ...]:
        """The attributes, their intersection, or `identity`."""
        return tuple(dict.fromkeys(group.family for group in self.groups))

    def _with(self, wanted: Mapping[str, str]) -> tuple[int, ...]:
        places = [(self.attributes.index(name), value) for name, value in wanted.items()]
        return tuple(at for at, key in enumerate(self.keys) if all(key[place] == value for place, value in places))


@dataclass(frozen=True)
class Group:
    """One group of one family, and the patterns that belong to it."""

    family: str
    name: str
    patterns: tuple[int, ...]


@dataclass(frozen=True)
class Grouped:
    """Rows and their patterns: `codes` int64 (rows,) are places in `patterns.keys`."""

    patterns: Patterns
    codes: Array

    def __len__(self) -> int:
        return len(self.codes)


def by_attributes(columns: Frame | Mapping[str, Sequence[Any]]) -> Grouped:
    """Rows by their values of protected attributes, a missing one being a value of its own; a series is one attribute.

    UsageError for no attribute, attributes of different lengths, one that is missing in every row, or too many groups.
    """
    import pandas as pd

    held: Any = columns.to_frame() if isinstance(columns, pd.Series) else columns
    named = {str(name): held[name] for name in held}
    if not named:
        raise UsageError("There is no protected attribute to compare groups by; give at least one column.")
    _same_lengths(named)
    codes = np.zeros(len(next(iter(named.values()))), dtype=np.int64)
    values: list[list[str]] = []
    for name, column in named.items():
        own, found = pd.factorize(column if isinstance(column, pd.Series) else np.asarray(column))
        if len(own) and not len(found):
            raise UsageError(f"The protected attribute {name!r} is missing in all {len(own)} rows; leave it out.")
        own = np.asarray(own, dtype=np.int64)
        labels = _labels(name, found)
        if (own < 0).any():
            labels.append(MISSING)
            own = np.where(own < 0, len(labels) - 1, own)
        if len(labels) > MOST:
            raise UsageError(f"The protected attribute {name!r} has {len(labels):,} values; take fewer groups.")
        codes = codes * len(labels) + own
        values.append(labels)
    return _grouped(tuple(named), values, codes, overlapping=False)


def by_identities(columns: Frame | Mapping[str, Sequence[Any]]) -> Grouped:
    """Rows by identities that may overlap, each a column of 0 and 1 or of booleans.

    UsageError for no identity, columns of different lengths, other values, or an identity that no row has.
    """
    named = {str(name): np.asarray(columns[name]) for name in columns}
    if not named:
        raise UsageError("There is no identity to compare; give at least one column of 0 and 1.")
    _same_lengths(named)
    stacked = np.column_stack(list(named.values()))
    if not np.isin(stacked, (0, 1)).all():
        wrong = next(name for name, column in named.items() if not np.isin(column, (0, 1)).all())
        raise UsageError(f"The identity {wrong!r} holds other values than 0 and 1; say of each row whether it has it.")
    nobody = [name for name, column in named.items() if not column.any()]
    if nobody and len(stacked):
        raise UsageError(f"No row has the identity {nobody[0]!r}; leave it out.")
    codes, first = np.zeros(len(stacked), dtype=np.int64), np.zeros(0, dtype=np.int64)
    for start in range(0, stacked.shape[1], BITS):
        part = stacked[:, start : start + BITS].astype(np.int64)
        packed = (codes << part.shape[1]) | (part << np.arange(part.shape[1])).sum(1)
        _, first, codes = np.unique(packed, return_index=True, return_inverse=True)
    keys = tuple(tuple(YES if one else NO for one in row) for row in stacked[first].tolist())
    return Grouped(Patterns(tuple(named), keys, overlapping=True), codes.reshape(-1).astype(np.int64))


def _in_order(value: str) -> tuple[bool, float, int, str]:
    """What begins with a number by its size and before words, with what lies up to it first and above it last."""
    found = NUMBERED.match(value)
    if found is None:
        return True, 0.0, 0, value
    return False, float(found[2]), {"up to ": -1, "above ": 1}.get(found[1] or "", 0), value


def _labels(name: str, found: Any) -> list[str]:
    labels = [str(value) for value in found]
    if len(set(labels)) < len(labels):
        raise UsageError(f"The protected attribute {name!r} has different values that are written alike; mend them.")
    if MISSING in labels:
        raise UsageError(f"The protected attribute {name!r} has a value {MISSING!r}, as missing ones are called.")
    return labels


def _same_lengths(named: Mapping[str, Any]) -> None:
    for name, column in named.items():
        if np.ndim(np.asarray(column)) != 1:
            raise UsageError(f"The protected attribute {name!r} is no single column; give one value for each row.")
    lengths = {name: len(column) for name, column in named.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} {length:,}" for name, length in lengths.items())
        raise UsageError(f"Protected attributes are of different lengths: {told} rows; give each row a value of each.")


def _grouped(names: tuple[str, ...], values: list[list[str]], codes: Array, *, overlapping: bool) -> Grouped:
    """Patterns that are there, of codes over the product of all values."""
    size = int(np.prod([len(one) for one in values], dtype=np.int64))
    if size <= 4 * MOST:
        present = np.flatnonzero(np.bincount(codes, minlength=size))
        place = np.zeros(size, dtype=np.int64)
        place[present] = np.arange(len(present))
        codes = place[codes] if len(present) < size else codes
    else:
        present, codes = np.unique(codes, return_inverse=True)
    if len(present) > MOST:
        raise UsageError(f"The attributes {', '.join(names)} make {len(present):,} groups; take fewer or coarser ones.")
    parts = np.unravel_index(present, [len(one) for one in values])
    keys = zip(*([own[at] for at in part] for own, part in zip(values, parts, strict=True)), strict=True)
    return Grouped(Patterns(names, tuple(keys), overlapping), codes)
