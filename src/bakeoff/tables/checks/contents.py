"""What the cells of one column show: a constant, gaps, a few texts among numbers, garbled texts, spellings, repeats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, Role
from bakeoff.tables.checks.evidence import LEAST, Evidence
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import listed
from bakeoff.tables.types import AMBIGUOUS, CODE_NAME, DATE_LIKE, ID_NAME, likeliest_format

EMPTY = 0.95  # share of missing cells from which a column is nearly empty
MOSTLY = 0.8  # share of numbers or dates from which the other cells are strangers
NUMBERS = 10  # different numbers below which a column is a choice from a list, such as 1, 2 and "3+"
PLAIN = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$"
UNIT = r"(?:[A-Za-zµ°%€$£¥]{1,8}\.?|\+)"
WRITTEN = r"^\s*(?:[€$£¥₹]|EUR|USD|GBP|CHF)?\s*[+-]?(?:\d{1,3}(?:[,.' ]\d{3})+|\d+)(?:[.,]\d+)?\s*(" + UNIT + r")?\s*$"
VALUES = 5_000  # different values up to which a column's spellings are compared
SUSPECT = r"[\x{FFFD}\x{80}-\x{9F}ÃÂâÐÑï]"
CONTINUED = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
GARBLED = re.compile(f"[\ufffd\u0080-\u009f]|Ã[{CONTINUED}]|Â[\u00a0-\u00bf]|â€.|ï»¿|(?:[ÐÑ][{CONTINUED}]){{2,}}")


def constant(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A column with one value or none."""
    if series.iloc[:1000].nunique() <= 1 and series.nunique() <= 1:
        text = f"Column {column.name!r} has one value or none, and tells nothing; leave it out."
        yield evidence.remark("constant", text, column.name)


def nearly_empty(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A column of which nearly every cell is missing, but not all."""
    present = series.notna().to_numpy(dtype=bool)
    count = int(present.sum())
    if len(present) >= LEAST and 0 < count <= (1 - EMPTY) * len(present):
        places = present.nonzero()[0]
        yield evidence.remark(
            "nearly empty",
            f"Column {column.name!r} has a value in {count:,} of {len(present):,} rows only: "
            f"{evidence.where(places)}; fill it in or leave it out.",
            column.name,
            places,
        )


def id_like(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A feature that is different in every row."""
    if column.role is Role.FEATURE and column.trait == "id-like":
        yield evidence.remark(
            "id-like",
            f"Column {column.name!r} is different in every row, like an identifier; hide it with --id "
            f"{column.name} (the role 'id'), or leave it out.",
            column.name,
        )


def duplicate_ids(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A column named like an identifier that repeats a few values, so that it could not be taken for one."""
    if column.role is not Role.FEATURE or len(series) < LEAST or not ID_NAME.search(column.name):
        return
    repeated = (series.duplicated(keep="first") & series.notna()).to_numpy(dtype=bool)
    if 0 < repeated.sum() <= 0.05 * len(series) and series.notna().all():
        places = repeated.nonzero()[0]
        yield evidence.remark(
            "duplicate ids",
            f"Column {column.name!r} is named like an identifier, but {len(places):,} of {len(series):,} rows repeat "
            f"another's: {evidence.where(places)}; remove the repeats, or give it the role 'id' or 'owner'.",
            column.name,
            places,
        )


def ambiguous_dates(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """Dates that could be read month first and day first."""
    if AMBIGUOUS in column.why:
        days = series.dt.day.ne(series.dt.month).to_numpy(dtype=bool) & series.notna().to_numpy(dtype=bool)
        places = days.nonzero()[0]
        yield evidence.remark(
            "ambiguous dates",
            f"The dates in {column.name!r} were read month first, but could all be read day first as well, such as "
            f'{evidence.where(places)}; say {column.name} = "datetime, day first" (or "month first") under [columns].',
            column.name,
            places,
        )


def mixed_types(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A column taken as names or text although most of its cells are numbers, or dates, and a few are not."""
    if column.why.startswith("declared") or CODE_NAME.search(column.name):
        return
    sample = evidence.cells[column.name].dropna()
    if not len(sample):
        return
    told = strangers_among_numbers(series, sample) or _strangers_among_dates(series, sample)
    if told is None:
        return
    what, wrong, present = told
    places = wrong.nonzero()[0]
    cells = list(dict.fromkeys(str(cell)[:40] for cell in series.iloc[places[:1000]]))
    holds = "holds" if len(places) == 1 else "hold"
    yield evidence.remark(
        "mixed types",
        f"Column {column.name!r} holds {what} in {present - len(places):,} of {present:,} rows, but "
        f"{evidence.where(places)} {holds} {listed(cells, 3)}, so it is taken as {column.type}; mend these cells, "
        "list them under `missing`, or declare its type.",
        column.name,
        places,
    )


def strangers_among_numbers(series: Any, sample: Any) -> tuple[str, Array, int] | None:
    """Which texts (n,) are no numbers where most are, and how many cells are present; None elsewhere."""
    plain = _matches(sample, PLAIN)
    if plain.mean() < MOSTLY or sample[plain].nunique() < NUMBERS or _are_codes(sample):
        return None
    present = series.notna().to_numpy(dtype=bool)
    wrong = present & ~_matches(series, PLAIN)
    return ("numbers", wrong, int(present.sum())) if 0 < wrong.sum() <= (1 - MOSTLY) * present.sum() else None


def _are_codes(sample: Any) -> bool:
    # A leading zero or more digits than a number keeps mean that the digits are a name.
    return bool(_matches(sample, r"^\s*0\d|^\s*\d{16,}").any())


def _strangers_among_dates(series: Any, sample: Any) -> tuple[str, Array, int] | None:
    import pandas as pd

    head = sample.iloc[:1000].str.strip()
    likely = head[head.str.fullmatch(DATE_LIKE)]
    if len(likely) < max(MOSTLY * len(head), NUMBERS):
        return None
    written = likeliest_format(likely)
    read = pd.to_datetime(series.str.strip(), format=written, errors="coerce", utc=True).notna().to_numpy(dtype=bool)
    present = series.notna().to_numpy(dtype=bool)
    wrong = present & ~read
    what = "dates" if written == "ISO8601" else f"dates written as {written}"
    return (what, wrong, int(present.sum())) if 0 < wrong.sum() <= (1 - MOSTLY) * present.sum() else None


def numbers_as_text(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A column taken as names although its cells are numbers with a unit, a currency or thousands apart."""
    if column.why.startswith("declared") or CODE_NAME.search(column.name):
        return
    sample = evidence.cells[column.name].dropna()
    if len(sample) < NUMBERS or sample.nunique() < NUMBERS or _are_codes(sample):
        return
    plain, written = _matches(sample, PLAIN), _matches(sample, WRITTEN)
    if plain.mean() >= MOSTLY or (plain | written).mean() < 0.9:
        return
    # Seats and house numbers look like numbers with a unit too, but theirs are many.
    found = sample[written & ~plain].str.extract(WRITTEN, expand=False).fillna("").str.lower()
    units = found.value_counts(normalize=True)
    if units.iloc[0] < 0.5 or units.iloc[:3].sum() < 0.95:
        return
    odd = _matches(series, WRITTEN) & ~_matches(series, PLAIN)
    places = odd.nonzero()[0]
    cells = list(dict.fromkeys(str(cell)[:40] for cell in series.iloc[places[:100]]))[:3]
    yield evidence.remark(
        "numbers as text",
        f"Column {column.name!r} holds numbers that are not written plainly ({listed(cells)}) in {len(places):,} of "
        f"{int(series.notna().sum()):,} rows, {evidence.where(places)}, so it is taken as {column.type}; write plain "
        "numbers in one unit, or declare its type.",
        column.name,
        places,
    )


def garbled(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """Texts that were read in a wrong encoding: replacement and control characters, or UTF-8 taken for Latin-1."""
    different = evidence.data.cells.different(column.name)
    if different is not None and not len(_suspects(different)):
        return
    suspects = _suspects(series)
    cells = {place: _garbling(str(series.iloc[place])) for place in suspects.tolist()}
    places = np.array([place for place, found in cells.items() if found], dtype=np.int64)
    if len(places):
        shown = list(dict.fromkeys(cells[int(place)] for place in places[:100]))
        yield evidence.remark(
            "garbled text",
            f"Column {column.name!r} holds text in a wrong encoding ({listed(shown, 3)}) in {len(places):,} "
            f"{'row' if len(places) == 1 else 'rows'}, {evidence.where(places)}; export the source again as UTF-8, "
            "or mend these cells.",
            column.name,
            places,
        )


def _suspects(series: Any) -> Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _arrow(series)
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return np.zeros(0, np.int64)
    found = pc.fill_null(pc.match_substring_regex(texts, SUSPECT), False)
    return np.asarray(found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found).nonzero()[0]


def _garbling(text: str) -> str:
    """The word around the first garbled character, empty when there is none."""
    found = GARBLED.search(text)
    if found is None:
        return ""
    before, after = text[: found.start()][-12:].split()[-1:], text[found.end() :][:12].split()[:1]
    joined = "".join(before) if not text[: found.start()][-1:].isspace() else ""
    return joined + found.group() + ("".join(after) if not text[found.end() :][:1].isspace() else "")


def spelling(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """Names that differ only in case or in spaces, such as "NY" and "ny"."""
    present = evidence.cells[column.name].dropna()
    if not len(present) or present.nunique() > min(VALUES, len(present) / 2):
        return
    different = evidence.data.cells.different(column.name)
    if different is not None and len(set(map(_spelt, different))) == len(different):
        return
    counts = series.value_counts()
    if len(counts) > VALUES:
        return
    alike: dict[str, list[str]] = {}
    for value in counts.index:
        alike.setdefault(_spelt(value), []).append(value)
    variants = [names for names in alike.values() if len(names) > 1]
    if not variants:
        return
    rarer = [name for names in variants for name in names[1:]]
    places = series.isin(rarer).to_numpy(dtype=bool).nonzero()[0]
    shown = "; ".join(" and ".join(repr(str(name)) for name in names[:3]) for names in variants[:3])
    more = f" and {len(variants) - 3} more names" if len(variants) > 3 else ""
    whose = "The target" if column.role is Role.TARGET else "Column"
    yield evidence.remark(
        "spelling",
        f"{whose} {column.name!r} holds names that differ only in case or spaces ({shown}{more}), the rarer ones in "
        f"{evidence.where(places)}; write each name in one way.",
        column.name,
        places,
    )


def _spelt(name: object) -> str:
    """A name whatever its case and spaces."""
    return " ".join(str(name).casefold().split())


def rare_classes(evidence: Evidence) -> Iterator[Remark]:
    """Classes with fewer than five rows, and classes that the test part lacks."""
    known = evidence.truth >= 0  # of a table with problems some may have no class
    test = evidence.data.tested
    counts = np.bincount(evidence.truth[known], minlength=len(evidence.classes))
    tested = np.bincount(evidence.truth[test & known], minlength=len(evidence.classes))
    rare, name = counts < 5, evidence.target.name
    if rare.any():
        places = (rare[evidence.truth] & known).nonzero()[0]
        told = [f"{evidence.classes[one]!r} ({counts[one]})" for one in rare.nonzero()[0][:5]]
        more = f" and {int(rare.sum()) - 5} more" if rare.sum() > 5 else ""
        yield evidence.remark(
            "rare classes",
            f"The target {name!r} has {'a class' if rare.sum() == 1 else 'classes'} with fewer than 5 rows: "
            f"{', '.join(told)}{more}, in {evidence.where(places)}; add rows, join classes or leave them out.",
            name,
            places,
        )
    absent = (tested == 0) & ~rare & test.any()
    if absent.any():
        names = listed([evidence.classes[one] for one in absent.nonzero()[0]])
        places = absent[evidence.truth].nonzero()[0]
        yield evidence.remark(
            "rare classes",
            f"No test row has the {'class' if absent.sum() == 1 else 'classes'} {names} of the target {name!r}, which "
            f"train has in {evidence.where(places)}; use another split, or add rows.",
            name,
            places,
        )


def _arrow(series: Any) -> Any:
    import pyarrow as pa

    return pa.array(series, type=pa.large_string(), from_pandas=True)


def _matches(series: Any, pattern: str) -> Array:
    import pyarrow.compute as pc

    found = pc.fill_null(pc.match_substring_regex(_arrow(series), pattern), False)
    return np.asarray(found, dtype=bool)
