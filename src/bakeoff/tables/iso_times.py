"""Times written as ISO 8601, read in bulk."""

from __future__ import annotations

from typing import Any

LOOKED_AT = 100


def read_iso(texts: Any, missing: tuple[str, ...] = ()) -> Any:
    """The times in a series of pandas `str` as datetime64[us] (n,), NaT for a missing cell; None to look closer.

    None is given as soon as some cell is no plain `2024-03-01` or `2024-03-01 10:30:00`, with spaces or a zone for
    example, though it may be a time all the same.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if str(texts.dtype) != "str":
        return None
    words = pa.array(missing, pa.large_string())
    # Arrow words a complaint for every cell that it cannot read, so the first ones are tried alone.
    for some in (texts.iloc[:LOOKED_AT], texts):
        cells = pa.array(some, pa.large_string(), from_pandas=True)
        absent = pc.is_in(cells, words)
        if pc.any(absent, min_count=0).as_py():
            cells = pc.if_else(absent, pa.scalar(None, cells.type), cells)
        try:
            times = pc.cast(cells, pa.timestamp("us"))
        except pa.ArrowInvalid:
            return None
    return times.to_numpy(zero_copy_only=False).astype("datetime64[us]")
