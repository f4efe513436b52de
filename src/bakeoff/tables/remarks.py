"""What a check has to say about a table that is no error: a sentence, and where it holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """One thing that a check found.

    `text` is a whole sentence with the mend; `rows` are the data rows it holds for, counted from 1 as in the source,
    at most the first hundred.
    """

    check: str
    text: str
    column: str = ""
    rows: tuple[int, ...] = ()
