"""A small table of every type in every format that is read, for the tests of the readers."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from bakeoff.nouns import ColumnType
from bakeoff.tables import Settings, read, standardise
from bakeoff.tables.readers.formats import open_table
from bakeoff.tables.readers.streams import Stream, frame_of

ROWS = 40
TEXTS = [
    f'the "{word}" of {place}, said é 日本 {"and a second line" if place % 3 else "twice,"}\nover lines; {place}'
    for place, word in enumerate(["lamp", "chair", "table", "pot"] * (ROWS // 4))
]
TABLE: dict[str, list[Any]] = {
    "price": [None if place == 3 else place * 1.25 - 7 for place in range(ROWS)],
    "pieces": list(range(100, 100 + ROWS)),
    "brand": [None if place == 5 else ("North Star", "Ox", "Łódź")[place % 3] for place in range(ROWS)],
    "story": [None if place == 7 else text for place, text in enumerate(TEXTS)],
    "sold": [
        datetime.datetime(2024, 1, 1, 8, 30) + datetime.timedelta(days=(place * 7) % ROWS) for place in range(ROWS)
    ],
    "kept": [("yes", "no")[place % 2] for place in range(ROWS)],
}
TYPED = Settings(
    target="kept",
    types={"brand": ColumnType.CATEGORICAL, "story": ColumnType.TEXT, "sold": ColumnType.DATETIME},
)


def frame() -> pd.DataFrame:
    return pd.DataFrame(TABLE)


def arrow() -> pa.Table:
    return pa.table(TABLE)


def texts() -> pd.DataFrame:
    """The table as CSV would hold it."""
    return frame().assign(sold=[cell.isoformat(" ") for cell in TABLE["sold"]])


def rows() -> list[dict[str, Any]]:
    """The table as JSON would hold it; a missing cell is null or left out."""
    made = [dict(zip(TABLE, cells, strict=True)) for cells in zip(*TABLE.values(), strict=True)]
    for place, row in enumerate(made):
        row["sold"] = row["sold"].isoformat()
        if place % 2:
            made[place] = {name: cell for name, cell in row.items() if cell is not None}
    return made


def gathered(stream: Stream) -> pd.DataFrame:
    """All rows; a stream with problems fails."""
    batches = list(stream.batches)
    assert stream.problems() == []
    assert len({batch.schema for batch in batches}) == 1
    return frame_of(batches, stream.names)


def opened(source: str | Path, **more: Any) -> pd.DataFrame:
    return gathered(open_table(source, **more))


def digest(source: Any) -> str:
    """The digest of the standard table that a source gives."""
    return standardise(read(source, TYPED, name="shop")).table.digest
