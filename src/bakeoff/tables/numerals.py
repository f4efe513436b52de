"""Texts that write numbers, as numbers, where nothing of them would be lost."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

NUMBER = r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+|inf)(?:[eE][+-]?\d+)?"
EXACT = 2**53  # up to here a float64 holds every whole number
WRITTEN = rf"^(?:{NUMBER})$"
WHOLE = r"^-?\d+$"
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


def parsed(cells: Any, missing: tuple[str, ...]) -> Any:
    """The numbers in Arrow texts as numpy int64 or float64 (n,), None when some cell is none or would lose digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    words = pa.array(missing, pa.large_string())
    if _quick(cells.slice(0, LOOKED_AT), missing):
        found = _cast(_unfilled(cells) if "" in missing else cells)
        if found is not None:
            return found
    absent = pc.is_in(cells, words)
    if pc.any(absent, min_count=0).as_py():
        cells = pc.if_else(absent, pa.scalar(None, cells.type), cells)
    cells = _stripped(cells, words)
    return None if cells is None else _settled(cells)


def _quick(head: Any, missing: tuple[str, ...]) -> bool:
    """Whether a cast is worth a try: no word for a missing cell is a number, and of the first cells at most "" is one.

    Arrow words a complaint for every cell that it cannot cast, so what would fail is not tried.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    others = [word for word in missing if word]
    if any(re.fullmatch(NUMBER, word.strip(), re.ASCII) for word in others):
        return False
    return not pc.any(pc.is_in(head, pa.array(others, pa.large_string())), min_count=0).as_py()


def _unfilled(cells: Any) -> Any:
    """Texts with the empty ones missing; their bytes are not copied."""
    import pyarrow as pa
    import pyarrow.compute as pc

    present = pc.fill_null(pc.not_equal(pc.binary_length(cells), 0), False)
    if pc.all(present, min_count=0).as_py():
        return cells
    _, offsets, data = cells.buffers()
    held = [present.buffers()[1], offsets.slice(8 * cells.offset), data]
    return pa.Array.from_buffers(cells.type, len(cells), held)


def _cast(cells: Any) -> Any:
    """The numbers as Arrow reads them, where that is sure to be as NUMBER says; None to look closer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pc.all(pc.match_substring_regex(cells.slice(0, LOOKED_AT), WHOLE), min_count=0).as_py()
    try:
        numbers = pc.cast(cells, pa.int64() if whole else pa.float64())
    except pa.ArrowInvalid:
        return None
    # Arrow also takes 01, 0x1, +1, nan and words for infinity.
    unsure = _led_by_zero_or_plus(cells)
    if not whole:
        unsure |= ~np.isfinite(numbers.to_numpy(zero_copy_only=False))
    if unsure.any() and not pc.all(pc.match_substring_regex(cells.filter(unsure), WRITTEN), min_count=0).as_py():
        return None
    return _exact(numbers) if whole else numbers.to_numpy(zero_copy_only=False)


def _led_by_zero_or_plus(cells: Any) -> Any:
    """Which texts (n,) begin with a plus or, after a minus or not, with a zero that something but a point follows.

    Some more may be among them.
    """
    _, offsets, data = cells.buffers()
    letters = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    if not letters.size:
        return np.zeros(len(cells), bool)
    bounds = np.frombuffer(offsets, np.int64)[cells.offset : cells.offset + len(cells) + 1]
    starts, last = bounds[:-1], bounds[1:] - 1
    first = letters.take(starts, mode="clip")
    starts = starts + (first == ord("-"))
    zero = letters.take(starts, mode="clip") == ord("0")
    return (first == ord("+")) | zero & (starts < last) & (letters.take(starts + 1, mode="clip") != ord("."))


def _exact(numbers: Any) -> Any:
    """Whole numbers as numpy int64, as float64 when some is missing, None when one is beyond 2^53."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = pc.min_max(numbers).as_py()
    if ends["min"] is not None and max(-ends["min"], ends["max"]) > EXACT:
        return None
    numbers = pc.cast(numbers, pa.float64()) if numbers.null_count else numbers
    return numbers.to_numpy(zero_copy_only=False)


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
    whole = all(pc.all(pc.match_substring_regex(some, WHOLE), min_count=0).as_py() for some in (head, cells))
    try:
        numbers = pc.cast(cells, pa.int64() if whole else pa.float64())
    except pa.ArrowInvalid:
        return None
    return _exact(numbers) if whole else numbers.to_numpy(zero_copy_only=False)
