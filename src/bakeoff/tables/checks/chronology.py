"""Dates that cannot be: an end before its start, days to come, years long gone, and the dates that programs invent.

Rows need not be sorted by time: a source in any order is sound, and Bakeoff shuffles it. What is looked for are rows
whose own dates contradict each other or the calendar while nearly all the others agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType
from bakeoff.tables.checks.evidence import LEAST, Evidence
from bakeoff.tables.remarks import Remark

IN_ORDER = 0.95  # share of rows from which one column is plainly the earlier one
FEW = 0.05  # share of rows up to which strange dates are strangers
EARLIEST = np.datetime64("1900-01-01")
INVENTED = ("1900-01-01", "1970-01-01")  # what programs write for no date
RECENT = np.datetime64("1970-01-01")  # after which no date is early or invented
TO_COME = re.compile(r"(?i)due|expir|until|valid|end|next|plan|deadline|renew|matur|forecast|to$")
COLUMNS = 40  # columns of dates that are compared with each other


def implausible(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """A few dates before 1900, in the future, or such as programs write for no date."""
    times = _times(series)
    known = ~np.isnat(times)
    count = int(known.sum())
    if count < LEAST:
        return
    today = np.datetime64("now").astype("datetime64[us]")
    latest = today + np.timedelta64(1, "D")
    dates = times if count == len(times) else times[known]
    if dates.min() > RECENT and (TO_COME.search(column.name) or dates.max() <= latest):
        return
    reasons = {"before 1900": known & (times < EARLIEST)}
    if not TO_COME.search(column.name):
        reasons["in the future"] = known & (times > latest)
    for day in INVENTED:
        moment = np.datetime64(day).astype("datetime64[us]")
        others = times[known & (times != moment)]
        # Among other dates of that time the day is a day like any other.
        if len(others) and not (np.abs(others - moment) < np.timedelta64(366, "D")).any():
            reasons[f"of {day}, which programs write for no date"] = known & (times == moment)
    for reason, wrong in reasons.items():
        if 0 < (many := int(wrong.sum())) <= FEW * count:
            places = wrong.nonzero()[0]
            yield evidence.remark(
                "implausible dates",
                f"Column {column.name!r} has {many:,} of {count:,} dates {reason}: {evidence.where(places)}; "
                "mend them or leave these cells empty.",
                column.name,
                places,
            )


def out_of_order(evidence: Evidence) -> Iterator[Remark]:
    """Two columns of dates of which one is the earlier in nearly every row, but not in a few."""
    dated = [c for c in evidence.features if c.type is ColumnType.DATETIME][:COLUMNS]
    times = {column.name: _times(evidence.data.column(column.name)) for column in dated}
    for one, other in combinations(times, 2):
        # Of two columns the name decides nothing: the rows show which is the earlier.
        # No time is before or after a missing one.
        before, after = times[one] < times[other], times[one] > times[other]
        for early, late, right, wrong in ((one, other, before, after), (other, one, after, before)):
            sound = int(np.count_nonzero(right))
            # Times that are equal only add to those that are known, of which most must be sound.
            if sound < IN_ORDER * (sound + np.count_nonzero(wrong)) or not wrong.any():
                continue
            both = ~np.isnat(times[early]) & ~np.isnat(times[late])
            if int(both.sum()) >= LEAST and sound >= IN_ORDER * both.sum():
                places = wrong.nonzero()[0]
                yield evidence.remark(
                    "date order",
                    f"Column {early!r} is before {late!r} in {sound:,} of {int(both.sum()):,} rows, but after it in "
                    f"{evidence.where(places)}; mend these dates or leave them empty.",
                    early,
                    places,
                )


def _times(series: Any) -> Array:
    times: Array = series.to_numpy().astype("datetime64[us]")
    return times
