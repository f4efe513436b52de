"""What kind of values each column holds, found from its cells, with the reason in words.

The thresholds between text and categorical were set on the string columns of thirty public tables.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.nouns import Column, ColumnType, Frame, Role
from bakeoff.tables.coded import Coded
from bakeoff.tables.images import ENDINGS, Picture
from bakeoff.tables.iso_times import read_iso
from bakeoff.tables.settings import DATE_ORDERS, MISSING, Settings

FIRST = 1_000  # rows that are looked at before all are
SAMPLE = 5_000  # rows that are looked at for the shape of texts
PART = 200_000  # rows of a longer column whose values are counted, when they hardly repeat
VARIED = 0.9  # share of different values in that part from which they hardly do
FEW = 50  # distinct values up to which a column of repeated texts is a choice from a list
CLASSES = 20  # distinct whole numbers up to which a target is a class
DATE_LIKE = r".*\d{1,4}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ,]+\d{1,4}.*|[A-Za-z]{3,9} \d{1,2},? \d{4}.*"
DATE_FORMATS = (
    *("ISO8601", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%y", "%d-%b-%Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
DAY_FIRST, MONTH_FIRST = DATE_ORDERS
AMBIGUOUS = "day first would read them all too"
TRUTHS = (
    *({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"0", "1"}, {"on", "off"}, {"ja", "nein"}),
    *({"j", "n"}, {"oui", "non"}, {"si", "no"}, {"sí", "no"}, {"wahr", "falsch"}, {"vrai", "faux"}),
)
BY_DTYPE = {
    **dict.fromkeys("iuf", (ColumnType.NUMERIC, "numbers")),
    "b": (ColumnType.CATEGORICAL, "true or false"),
    "M": (ColumnType.DATETIME, "dates"),
    "m": (ColumnType.NUMERIC, "lengths of time, in seconds"),
}
SEVERAL = (ColumnType.TEXT, ColumnType.TOKENS, ColumnType.ANNOTATION)  # types of a target that is no class
ONE_VALUE = ("", "classification", "regression", "matching")  # kinds that ask for a class or a quantity
START = r"(?:^|[_\s.-])"  # of a word within a name, so that "paid" is no id
CODE_NAME = re.compile(rf"(?i:{START}(?:id|code|zip|(?:zip|post|postal)[_\s]?code|phone)$)|[a-z]I[Dd]$")
ID_NAME = re.compile(rf"(?i:{START}(?:row_?)?(?:id|uuid|guid|index)$|^unnamed: 0$)|[a-z]I[Dd]$")


def infer_types(frame: Frame, settings: Settings | None = None, folder: Path | None = None) -> tuple[Column, ...]:
    """A column record for each column of a raw frame: its type, its role, and why.

    What the settings declare holds; the rest is inferred. `folder` is where image paths start.
    """
    settings = settings or Settings()
    return tuple(
        infer_column(str(name), frame.iloc[:, place], settings, folder) for place, name in enumerate(frame.columns)
    )


def infer_coded(name: str, coded: Coded, settings: Settings, folder: Path | None = None) -> Column:
    """The record of one raw column of texts that repeat and is not the target, as `infer_column` gives it."""
    declared, missing, order = settings.types.get(name), settings.missing, settings.dates.get(name, "")
    if declared is not None:
        kind, why = declared, f"declared, {order}" if order else "declared"
    else:
        kind, why = _by_codes(coded, missing, folder)
    column = Column(name, kind, settings.roles.get(name) or Role.FEATURE, why)
    return _with_trait(column, coded.head(FIRST), missing, coded)


def infer_column(name: str, series: Any, settings: Settings, folder: Path | None = None) -> Column:
    """The record of one raw column, as `infer_types` makes it for each."""
    declared = settings.types.get(name)
    role = settings.roles.get(name)
    if name == settings.target:
        kind, why = target_type(series, settings.kind, settings.missing)
        if declared in (ColumnType.NUMERIC, ColumnType.CATEGORICAL) and not settings.kind:
            kind, why = declared, "declared"
        elif declared in SEVERAL and settings.kind not in ONE_VALUE:
            kind, why = declared, f"the task is {settings.kind}" if settings.kind else "declared"
        return _with_trait(Column(name, kind, Role.TARGET, why), series, settings.missing)
    if declared is not None:
        order = settings.dates.get(name, "")
        kind, why = declared, f"declared, {order}" if order else "declared"
    else:
        kind, why = infer(series, settings.missing, folder)
    if declared is None and kind is ColumnType.NUMERIC and CODE_NAME.search(name) and _whole(series):
        kind, why = ColumnType.CATEGORICAL, "whole numbers named like a code"
    if role is None and looks_like_id(name, series):
        role, why = Role.ID, f"{why}; all different and named like an identifier"
    return _with_trait(Column(name, kind, role or Role.FEATURE, why), series, settings.missing)


def _with_trait(column: Column, series: Any, missing: tuple[str, ...], coded: Coded | None = None) -> Column:
    trait, seen = _trait(column, series, missing, coded)
    why = column.why
    if trait == "boolean" and column.type is ColumnType.NUMERIC:
        why = f"{why}; only 0 and 1, so true or false"
    elif trait == "boolean" and column.role is not Role.TARGET and why not in ("declared", "true or false"):
        why = f"true or false, written as {' and '.join(map(repr, sorted(seen)))}"
    elif trait == "id-like" and column.type is ColumnType.NUMERIC and column.role is not Role.ID:
        why = f"{why}; counting up, each value once"
    elif trait == "constant" and column.type is ColumnType.NUMERIC:
        why = f"{why}; one value only"
    return replace(column, why=why, trait=trait)


def _trait(column: Column, series: Any, missing: tuple[str, ...], coded: Coded | None) -> tuple[str, list[str]]:
    """boolean, id-like, constant or nothing, and the values of a boolean column.

    Of a column that is `coded` too, `series` are the first cells.
    """
    if column.type not in (ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.DATETIME):
        return "", []
    try:
        # A look at the first cells spares most columns the full count.
        if series.iloc[:FIRST].nunique() <= 2 + len(missing):
            seen = _values(series if coded is None else coded.different(), missing)
            if len(seen) <= 1:
                return "constant", seen
            if len(seen) == 2 and {value.lower() for value in seen} in TRUTHS:
                return "boolean", seen
        once = coded is None and column.role is not Role.TARGET and column.type is not ColumnType.DATETIME
        if once and all_different(series, missing):
            return "id-like", []
    except TypeError:  # lists and mappings have no hash
        return "", []
    return "", []


def _values(series: Any, missing: tuple[str, ...]) -> list[str]:
    """The different values of a column as texts, whole numbers without a fraction; at most three are needed."""
    present = series.dropna()
    if present.dtype.kind in "iuf":
        return [str(int(value)) if float(value).is_integer() else str(value) for value in present.unique()[:3]]
    texts = [str(value).strip() for value in present.unique()]
    return list(dict.fromkeys(text for text in texts if text not in missing))


def all_different(series: Any, missing: tuple[str, ...] = MISSING) -> bool:
    """Whether a column of at least 20 rows holds texts that never repeat, or whole numbers that count up."""
    if len(series) < 20:
        return False
    if series.dtype.kind in "iu":
        # A measured whole number may well be different in each row, but only a counter leaves no gap.
        return bool(int(series.max()) - int(series.min()) == len(series) - 1 and series.is_unique)
    if series.dtype.kind in "fbmM" or not series.iloc[:1000].is_unique or series.isna().any():
        return False
    return bool(series.is_unique) and not bool(series.isin(list(missing)).any())


def infer(series: Any, missing: tuple[str, ...] = MISSING, folder: Path | None = None) -> tuple[ColumnType, str]:
    """The type of a raw series and the reason for it."""
    if str(series.dtype) == "category":
        return ColumnType.CATEGORICAL, "a pandas category"
    if series.dtype.kind in BY_DTYPE:
        return BY_DTYPE[series.dtype.kind]
    present = series.dropna() if series.isna().any() else series
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
    if all(issubclass(kind, (bytes, bytearray, memoryview, dict, Picture)) for kind in classes):
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
    # Whatever can be told from the different values is told from them, as most columns repeat theirs.
    part = present if len(present) < 2 * PART else present.iloc[:: len(present) // PART]
    counts = part.value_counts(sort=False)
    if len(part) < len(present) and len(counts) < VARIED * len(part):
        part, counts = present, present.value_counts(sort=False)
    whole = len(part) == len(present)
    counts = counts[~counts.index.str.strip().isin(missing)]
    if not len(counts):
        return ColumnType.CATEGORICAL, "no value at all"
    rows = int(counts.sum())
    if rows < len(part):
        part = part[~part.str.strip().isin(missing)]
    sample = part.iloc[:: -(-rows // SAMPLE)]

    def rest() -> Any:
        # Where Arrow reads them all as times, those that were looked at stand for all.
        read = read_iso(present, missing) is not None
        return counts.index.to_series() if read else present[~present.str.strip().isin(missing)]

    return _by_counts(counts, sample, folder, None if whole else rest)


def _by_codes(coded: Coded, missing: tuple[str, ...], folder: Path | None) -> tuple[ColumnType, str]:
    """What `_by_text` says of the cells of a column that is coded."""
    import pandas as pd

    values = coded.different()
    gone = values.str.strip().isin(missing).to_numpy(dtype=bool)
    counts = pd.Series(coded.counts(), index=pd.Index(values))[~gone]
    if not len(counts):
        return ColumnType.CATEGORICAL, "no value at all"
    return _by_counts(counts, coded.every(-(-int(counts.sum()) // SAMPLE), ~gone), folder)


def _by_counts(
    counts: Any, sample: Any, folder: Path | None, rest: Callable[[], Any] | None = None
) -> tuple[ColumnType, str]:
    """The type of texts by how often each different one occurs and by a sample of them.

    Where only a part of the rows was counted, `rest` gives all of them.
    """
    if folder is not None and _are_image_paths(sample, folder):
        return ColumnType.IMAGE, "paths of image files"
    rows, whole = int(counts.sum()), rest is None
    values = counts.index.to_series()
    if (format_ := date_format(values)) is not None and rest is not None:
        values = rest()
        format_ = date_format(values)
    if format_ is not None:
        other = _other_order(values, format_)
        return ColumnType.DATETIME, f"dates written as {format_}{'; ' + AMBIGUOUS if other else ''}"
    if bool(sample.str.startswith("[").all()) and all(listed_cell(cell) is not None for cell in sample):
        return ColumnType.TOKENS, "lists written as texts"
    distinct = len(counts)
    share = distinct / rows
    words = float(sample.str.count(r"\S+").mean())
    # A long cell repeated often would hide that the other values are single words, so both means count.
    words_each = float(sample.drop_duplicates().str.count(r"\S+").mean())
    shape = f"{distinct:,} different in {rows:,}{'' if whole else ' looked at'}, {_length(words)}"
    most_common = float(sample.value_counts(normalize=True).iloc[0])
    repeated = distinct > FEW and words >= 3 and most_common < 0.5
    varied = words >= 1.2 and words_each >= 1.3 and share >= (0.15 if distinct > FEW else 0.5)
    return (ColumnType.TEXT if repeated or varied else ColumnType.CATEGORICAL), shape


def listed_cell(cell: str) -> list[Any] | None:
    """The items of a list of words or numbers written as JSON or as Python does, None for any other text."""
    if not (cell.startswith("[") and cell.rstrip().endswith("]")):
        return None
    try:
        items = json.loads(cell)
    except ValueError:
        try:
            items = ast.literal_eval(cell)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return items if isinstance(items, list) and all(isinstance(item, (str, int, float)) for item in items) else None


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


def date_format(present: Any, order: str = "") -> str | None:
    """The format that reads every text of a series as a date, None when there is none.

    Where month first and day first both read everything, month first is taken unless `order` says "day first".
    """
    if not present.iloc[:200].str.strip().str.fullmatch(DATE_LIKE).all():
        return None
    if read_iso(present) is not None:
        return DATE_FORMATS[0]
    distinct = present.drop_duplicates().str.strip()
    head = distinct.head(200)
    if not head.str.fullmatch(DATE_LIKE).all():
        return None
    for written in _formats(order):
        if _reads(head, written).all() and _reads(distinct, written).all():
            return written
    return None


def likeliest_format(present: Any, order: str = "") -> str:
    """The format that reads every text of a series as a date or, failing that, most of the first thousand."""
    if (found := date_format(present, order)) is not None:
        return found
    head = present.drop_duplicates().head(1000).str.strip()
    return max(_formats(order), key=lambda written: int(_reads(head, written).sum()))


def _formats(order: str) -> list[str]:
    against = {DAY_FIRST: "%m", MONTH_FIRST: "%d"}.get(order, "none")
    written = [day + time for day in DATE_FORMATS[1:] for time in TIMES]
    return [DATE_FORMATS[0], *(one for one in written if not one.startswith(against))]


def _reads(texts: Any, written: str) -> Any:
    import pandas as pd

    return pd.to_datetime(texts, format=written, errors="coerce", utc=True).notna()


def _other_order(values: Any, written: str) -> bool:
    """Whether dates written month first could all be read day first as well, as other days."""
    if not written.startswith("%m/%d"):
        return False
    texts = values.drop_duplicates().str.strip()
    pieces = texts.str.extract(r"^(\d{1,2})/(\d{1,2})")
    if bool((pieces[0].astype(int) == pieces[1].astype(int)).all()):
        return False
    return bool(_reads(texts, written.replace("%m/%d", "%d/%m", 1)).all())


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
