"""What kind of values each column holds, found from its cells, with the reason in words.

The thresholds between text and categorical were set on the string columns of thirty public tables.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bakeoff.nouns import Column, ColumnType, Frame, Role
from bakeoff.tables.images import ENDINGS
from bakeoff.tables.settings import MISSING, Settings

SAMPLE = 5_000  # rows that are looked at for the shape of texts
FEW = 50  # distinct values up to which a column of repeated texts is a choice from a list
CLASSES = 20  # distinct whole numbers up to which a target is a class
DATE_LIKE = r".*\d{1,4}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ,]+\d{1,4}.*|[A-Za-z]{3,9} \d{1,2},? \d{4}.*"
DATE_FORMATS = (
    *("ISO8601", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%y", "%d-%b-%Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
BY_DTYPE = {
    **dict.fromkeys("iuf", (ColumnType.NUMERIC, "numbers")),
    "b": (ColumnType.CATEGORICAL, "true or false"),
    "M": (ColumnType.DATETIME, "dates"),
    "m": (ColumnType.NUMERIC, "lengths of time, in seconds"),
}
START = r"(?:^|[_\s.-])"  # of a word within a name, so that "paid" is no id
CODE_NAME = re.compile(rf"(?i:{START}(?:id|code|zip|(?:zip|post|postal)[_\s]?code|phone)$)|[a-z]I[Dd]$")
ID_NAME = re.compile(rf"(?i:{START}(?:row_?)?(?:id|uuid|guid|index)$|^unnamed: 0$)|[a-z]I[Dd]$")


def infer_types(frame: Frame, settings: Settings | None = None, folder: Path | None = None) -> tuple[Column, ...]:
    """A column record for each column of a raw frame: its type, its role, and why.

    What the settings declare holds; the rest is inferred. `folder` is where image paths start.
    """
    settings = settings or Settings()
    return tuple(_column(str(name), frame.iloc[:, place], settings, folder) for place, name in enumerate(frame.columns))


def _column(name: str, series: Any, settings: Settings, folder: Path | None) -> Column:
    declared = settings.types.get(name)
    role = settings.roles.get(name)
    if name == settings.target:
        kind, why = target_type(series, settings.kind, settings.missing)
        if declared in (ColumnType.NUMERIC, ColumnType.CATEGORICAL) and not settings.kind:
            kind, why = declared, "declared"
        return Column(name, kind, Role.TARGET, why)
    kind, why = (declared, "declared") if declared is not None else infer(series, settings.missing, folder)
    if declared is None and kind is ColumnType.NUMERIC and CODE_NAME.search(name) and _whole(series):
        kind, why = ColumnType.CATEGORICAL, "whole numbers named like a code"
    if role is None and looks_like_id(name, series):
        return Column(name, kind, Role.ID, f"{why}; all different and named like an identifier")
    return Column(name, kind, role or Role.FEATURE, why)


def infer(series: Any, missing: tuple[str, ...] = MISSING, folder: Path | None = None) -> tuple[ColumnType, str]:
    """The type of a raw series and the reason for it."""
    if str(series.dtype) == "category":
        return ColumnType.CATEGORICAL, "a pandas category"
    if series.dtype.kind in BY_DTYPE:
        return BY_DTYPE[series.dtype.kind]
    present = series.dropna()
    if not len(present):
        return ColumnType.CATEGORICAL, "no value at all"
    found = _by_object(present) if series.dtype == object else None
    return found or _by_text(present.astype(str), missing, folder)


def _by_object(present: Any) -> tuple[ColumnType, str] | None:
    """The type that the cells' Python classes tell, None for texts and mixtures."""
    import datetime
    import decimal
    import numbers

    classes = set(map(type, present.array))
    if all(issubclass(kind, (bytes, bytearray, memoryview, dict)) for kind in classes):
        return ColumnType.IMAGE, "bytes"
    if all(issubclass(kind, (list, tuple)) or kind.__name__ == "ndarray" for kind in classes):
        return ColumnType.TOKENS, "lists"
    if all(issubclass(kind, bool) or kind.__name__ == "bool" for kind in classes):
        return ColumnType.CATEGORICAL, "true or false"
    if all(issubclass(kind, (numbers.Number, decimal.Decimal)) for kind in classes):
        return ColumnType.NUMERIC, "numbers"
    if all(issubclass(kind, datetime.date) for kind in classes):
        return ColumnType.DATETIME, "dates"
    return None


def _by_text(present: Any, missing: tuple[str, ...], folder: Path | None) -> tuple[ColumnType, str]:
    present = present[~present.str.strip().isin(missing)]
    if not len(present):
        return ColumnType.CATEGORICAL, "no value at all"
    sample = present.iloc[:: -(-len(present) // SAMPLE)]
    if folder is not None and _are_image_paths(sample, folder):
        return ColumnType.IMAGE, "paths of image files"
    if (format_ := date_format(present)) is not None:
        return ColumnType.DATETIME, f"dates written as {format_}"
    distinct = int(present.nunique())
    share = distinct / len(present)
    words = float(sample.str.count(r"\S+").mean())
    # A long cell repeated often would hide that the other values are single words, so both means count.
    words_each = float(sample.drop_duplicates().str.count(r"\S+").mean())
    shape = f"{distinct:,} different in {len(present):,}, {_length(words)}"
    most_common = float(sample.value_counts(normalize=True).iloc[0])
    repeated = distinct > FEW and words >= 3 and most_common < 0.5
    varied = words >= 1.2 and words_each >= 1.3 and share >= (0.15 if distinct > FEW else 0.5)
    return (ColumnType.TEXT if repeated or varied else ColumnType.CATEGORICAL), shape


def _length(words: float) -> str:
    """How long cells are on average, as a person would say it."""
    if words < 1.15:
        return "single words"
    return "one or two words each" if words < 2.5 else f"about {words:.0f} words each"


def image_paths(series: Any, missing: tuple[str, ...] = MISSING) -> Any:
    """The present cells of a raw series when each of them is a relative path that ends as image files do, else None."""
    if series.dtype.kind not in "OU" and str(series.dtype) not in ("str", "string", "category"):
        return None
    present = series.dropna()
    if not len(present) or not isinstance(present.iloc[0], str):
        return None
    present = present.astype(str)
    present = present[~present.str.strip().isin(missing)]
    return present if len(present) and _end_as_images(present) else None


def _end_as_images(texts: Any) -> bool:
    # The first few decide most columns, and an address on the web is no file.
    for part in (texts.head(50), texts):
        if not part.str.lower().str.endswith(ENDINGS).all() or part.str.contains("://", regex=False).any():
            return False
    return True


def _are_image_paths(sample: Any, folder: Path) -> bool:
    return _end_as_images(sample) and any((folder / str(path)).is_file() for path in sample)


def date_format(present: Any) -> str | None:
    """The format that reads every text of a series as a date, None when there is none.

    Where month-first and day-first both read everything, month-first is taken.
    """
    import pandas as pd

    head = present.drop_duplicates().head(200).str.strip()
    if not head.str.fullmatch(DATE_LIKE).all():
        return None
    distinct = present.drop_duplicates().str.strip()
    for written in (DATE_FORMATS[0], *(day + time for day in DATE_FORMATS[1:] for time in TIMES)):
        if pd.to_datetime(head, format=written, errors="coerce", utc=True).isna().any():
            continue
        if pd.to_datetime(distinct, format=written, errors="coerce", utc=True).notna().all():
            return written
    return None


def looks_like_id(name: str, series: Any) -> bool:
    """Whether a column is named like an identifier and never repeats a value, in at least 20 rows."""
    if len(series) < 20 or not ID_NAME.search(name) or not series.notna().all():
        return False
    if series.dtype.kind == "f" and not _whole(series):
        return False
    try:
        return bool(series.is_unique)
    except TypeError:  # lists and mappings have no hash
        return False


def _whole(series: Any) -> bool:
    if series.dtype.kind == "f":
        return bool((series.dropna() % 1 == 0).all())
    return bool(series.dtype.kind in "iu")


def target_type(series: Any, kind: str = "", missing: tuple[str, ...] = MISSING) -> tuple[ColumnType, str]:
    """Whether a target is classes (categorical) or a quantity (numeric), and why; a named `kind` decides."""
    if kind == "regression":
        return ColumnType.NUMERIC, "the task is regression"
    if kind:
        return ColumnType.CATEGORICAL, f"the task is {kind}"
    present = series.dropna()
    if series.dtype.kind in "iuf":
        distinct = int(present.nunique())
        if _whole(series) and distinct <= CLASSES and len(present) >= 3 * distinct:
            return ColumnType.CATEGORICAL, f"{distinct} different whole numbers"
        return ColumnType.NUMERIC, f"{distinct:,} different numbers"
    if series.dtype == object and (found := _by_object(present)) is not None and found[0] is ColumnType.NUMERIC:
        return found
    return ColumnType.CATEGORICAL, f"labels, {int(present.astype(str).nunique()):,} different"
