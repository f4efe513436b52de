"""What a reader should know of the division into train and test: its size, rows without a time, shared owners."""

from __future__ import annotations

from collections.abc import Iterator

from bakeoff.nouns import Role
from bakeoff.tables.checks.evidence import Evidence
from bakeoff.tables.remarks import Remark

OFF = 0.05  # difference from the wanted share of test rows that is told


def test_share(evidence: Evidence) -> Iterator[Remark]:
    """A split by owner or time whose test part is far from the size asked for."""
    split = evidence.data.split
    share = float(evidence.data.tested.mean())
    if split.method in ("owner", "time") and abs(share - split.test_share) > OFF:
        yield evidence.remark(
            "test share",
            f"The test part holds {share:.0%} of the rows, not {split.test_share:.0%}, as {split.column!r} allows no "
            "nearer; use another split if that is too far off.",
            split.column,
        )


def untimed_rows(evidence: Evidence) -> Iterator[Remark]:
    """Rows without a time in a split by time."""
    split = evidence.data.split
    if split.method != "time":
        return
    places = evidence.data.column(split.column).isna().to_numpy(dtype=bool).nonzero()[0]
    if len(places):
        yield evidence.remark(
            "untimed rows",
            f"{len(places):,} {'row' if len(places) == 1 else 'rows'} without a time in {split.column!r} went to "
            f"train: {evidence.where(places)}; fill in the time.",
            split.column,
            places,
        )


def shared_owners(evidence: Evidence) -> Iterator[Remark]:
    """Test rows of an owner who is in train too."""
    test = evidence.data.tested
    for column in evidence.features:
        if column.role is not Role.OWNER or evidence.data.split.method == "owner":
            continue
        theirs = evidence.data.column(column.name)
        places = (theirs.isin(theirs[~test].dropna().unique()).to_numpy(dtype=bool) & test).nonzero()[0]
        if len(places):
            yield evidence.remark(
                "owners",
                f"{len(places):,} of {int(test.sum()):,} test rows belong to an owner in {column.name!r} who is in "
                f"train too: {evidence.where(places)}; a split by owner keeps owners apart.",
                column.name,
                places,
            )
