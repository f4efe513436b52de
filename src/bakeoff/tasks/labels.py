"""Labels as they stand in a table: which are missing, which there are, and what to call them in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bakeoff.nouns import Array, Label


def missing(labels: Array) -> Array:
    """Where labels (rows,) are missing (None, nan, NaT or NA): bool (rows,)."""
    import pandas as pd

    return np.asarray(pd.isna(np.asarray(labels, dtype=object)), dtype=bool)


def native(label: object) -> Label:
    """A label as plain str or int; truth values and whole numbers become int, anything else its text."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, int) or (isinstance(label, float) and label.is_integer()):
        return int(label)
    return str(label)


def coded(labels: Array) -> tuple[Array, list[Label]]:
    """Labels (rows,) as positions in the list of distinct ones, -1 where missing: (int64 (rows,), distinct)."""
    import pandas as pd

    # A plain list goes in as objects: numpy would turn a nan beside text into the text 'nan'.
    codes, found = pd.factorize(np.asarray(labels) if hasattr(labels, "dtype") else np.array(labels, dtype=object))
    return codes, [native(label) for label in found]


def ordered(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Distinct labels in order: numbers by size, then text by alphabet."""
    return tuple(sorted(set(labels), key=lambda label: (isinstance(label, str), label)))


def numbers(labels: Array) -> Array | None:
    """Labels as float64 (rows,) with nan where missing; None when one of them is not a number."""
    values = np.asarray(labels, dtype=object)
    try:
        return np.where(missing(values), np.nan, values).astype(np.float64)
    except (TypeError, ValueError):
        return None


def some(things: Iterable[object], most: int = 5) -> str:
    """The first few of many things, and how many more: `1, 4, 7 and 12 more`."""
    listed = list(things)
    shown = ", ".join(repr(thing) if isinstance(thing, str) else f"{thing}" for thing in listed[:most])
    return shown if len(listed) <= most else f"{shown} and {len(listed) - most:,} more"


def missing_problems(target: str, parts: dict[str, Array]) -> list[str]:
    """A sentence for every part (train, test) that has no rows, or rows without a target."""
    problems = []
    for part, labels in parts.items():
        gaps = np.flatnonzero(missing(labels))
        if not len(labels):
            problems.append(f"The {part} part has no rows; give it some, or change the split.")
        elif len(gaps):
            problems.append(
                f"Target {target!r} has no value in {len(gaps):,} of {len(labels):,} {part} rows "
                f"(positions {some(gaps)}); fill these values in or drop the rows."
            )
    return problems


def objects(values: Iterable[object]) -> Array:
    """Each value as one cell of an object array (rows,), lists of equal length too."""
    listed = list(values)
    cells = np.empty(len(listed), dtype=object)
    for row, value in enumerate(listed):
        cells[row] = value
    return cells
