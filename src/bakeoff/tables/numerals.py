"""Texts that write numbers, as numbers, where nothing of them would be lost."""

from __future__ import annotations

import re
from typing import Any

NUMBER = r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+|inf)(?:[eE][+-]?\d+)?"
EXACT = 2**53  # up to here a float64 holds every whole number
WRITTEN = rf"^(?:{NUMBER})$"
LOOKED_AT = 50  # first cells, which decide about most columns of words


def as_numbers(texts: Any, missing: tuple[str, ...]) -> Any:
    """A series of texts as int64 or float64 when every cell that is not missing is a number, else as it was.

    Numbers with a zero in front (postcodes) or beyond 2^53 (identifiers) would not survive, so they stay texts.
    """
    import pandas as pd
    import pyarrow as pa

    if texts.dtype.kind in "iufb":
        return texts
    if not may_be_numbers(texts.head(LOOKED_AT), missing):
        return texts
    try:
        cells = pa.array(texts, pa.large_string(), from_pandas=True)
    except (pa.ArrowException, TypeError, UnicodeError):
        return texts
    numbers = parsed(cells, missing)
    return texts if numbers is None else pd.Series(numbers, index=texts.index, name=texts.name)


def may_be_numbers(head: Any, missing: tuple[str, ...]) -> bool:
    """Whether the first cells of a column of texts are all numbers or missing."""
    if head.dtype.kind in "iufb":
        return False
    bare = head.dropna().astype(object).map(lambda cell: cell.strip() if isinstance(cell, str) else "no number")
    return bool(bare[~bare.isin(missing)].map(lambda cell: re.fullmatch(NUMBER, cell, re.ASCII) is not None).all())


def _cast(cells: Any) -> Any:
    """Numbers with decimals as Arrow reads them, where that is sure to be as NUMBER says; None to look closer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    head = cells.slice(0, LOOKED_AT)
    if pc.all(pc.match_substring_regex(head, r"^-?\d+$"), min_count=0).as_py():
        return None
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    # Arrow also takes 01, +1, nan and words for infinity.
    unsure = pc.invert(pc.is_finite(numbers))
    for start in ("0", "-0", "+"):
        unsure = pc.or_(unsure, pc.starts_with(cells, start))
    if not pc.all(pc.match_substring_regex(cells.filter(unsure), WRITTEN), min_count=0).as_py():
        return None
    return numbers.to_numpy(zero_copy_only=False)


def parsed(cells: Any, missing: tuple[str, ...]) -> Any:
    """The numbers in Arrow texts as numpy int64 or float64 (n,), None when some cell is none or would lose digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.array(missing, pa.large_string())
    absent = pc.is_in(cells, words)
    if pc.any(absent, min_count=0).as_py():
        cells = pc.if_else(absent, pa.scalar(None, cells.type), cells)
    quick = _cast(cells)
    if quick is not None:
        return quick
    cells = _stripped(cells, words)
    return None if cells is None else _settled(cells)


def _stripped(cells: Any, words: Any) -> Any:
    """The cells without spaces round them and missing where they are one of `words`; None when some is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    odd = pc.fill_null(pc.invert(pc.match_substring_regex(cells, WRITTEN)), False)
    if not pc.any(odd, min_count=0).as_py():
        return cells
    # Only cells that are no plain numbers are worth the cost of being stripped.
    cells, odd = (one.combine_chunks() if isinstance(one, pa.ChunkedArray) else one for one in (cells, odd))
    bare = pc.utf8_trim_whitespace(cells.filter(odd))
    absent = pc.is_in(bare, words)
    if not pc.all(pc.or_(pc.match_substring_regex(bare, WRITTEN), absent)).as_py():
        return None
    return pc.replace_with_mask(cells, odd, pc.if_else(absent, pa.scalar(None, cells.type), bare))


def _settled(cells: Any) -> Any:
    """Cells that are all numbers as numpy int64 when whole and none is missing, else float64; None beyond 2^53."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Arrow words a complaint for every cell that it cannot cast, so what would fail is not tried.
    head = cells.slice(0, LOOKED_AT)
    whole = all(pc.all(pc.match_substring_regex(some, r"^-?\d+$"), min_count=0).as_py() for some in (head, cells))
    try:
        numbers = pc.cast(cells, pa.int64() if whole else pa.float64())
    except pa.ArrowInvalid:
        return None
    if whole:
        ends = pc.min_max(numbers).as_py()
        if ends["min"] is not None and max(-ends["min"], ends["max"]) > EXACT:
            return None
        numbers = pc.cast(numbers, pa.float64()) if numbers.null_count else numbers
    return numbers.to_numpy(zero_copy_only=False)
