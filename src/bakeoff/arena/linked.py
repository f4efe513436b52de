"""What a linkage entry said of a table's records: checked, turned into answers to pairs, and kept.

Positions count from 0 in the order of the records' files. `sizes` are the numbers of left and right records, the
second None where the pairs are duplicates within one table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.errors import Refused, StoreError
from bakeoff.nouns import Array

LINKS_PER_RECORD = 200  # of the larger side
MOST_LINKS = 20_000_000  # 480 MB
SCORED, GROUPED = "scored", "grouped"
FORMS = (SCORED, GROUPED)
# As a float64 this is no number, and kept answers are finite: it can begin nothing but links.
MARK = b"links1\xff\xff"

Sizes = tuple[int, int | None]


def most_links(sizes: Sizes) -> int:
    """How many links an entry may give."""
    return min(LINKS_PER_RECORD * max(sizes[0], sizes[1] or 0), MOST_LINKS)


def records_of(sizes: Sizes) -> int:
    """How many records there are on both sides."""
    return sizes[0] + (sizes[1] or 0)


@dataclass(frozen=True, eq=False)
class Linked:
    """Links float64 (links, 3) of left and right position and score, or group ids int64 (records,), left ones first.

    Links are distinct and in order of their positions, with left < right within one table; groups count from 0.
    """

    form: str
    values: Array


def accept(form: object, data: bytes, sizes: Sizes) -> Linked:
    """Raw numbers from behind the wall as links or groups; raises Refused with a sentence when they are none."""
    if form == GROUPED:
        due = 8 * records_of(sizes)
        if len(data) != due:
            raise Refused(f"{due} bytes of group ids were due for {records_of(sizes)} records, {len(data)} came.")
        return Linked(GROUPED, np.unique(np.frombuffer(data, dtype=np.int64), return_inverse=True)[1].astype(np.int64))
    if form != SCORED or len(data) % 24:
        raise Refused("what it said of links is neither links of three numbers nor a group id for each record.")
    links = np.frombuffer(data, dtype=np.float64).reshape(-1, 3)
    if len(links) > most_links(sizes):
        raise Refused(too_many(len(links), most_links(sizes)))
    for side, column, size in (("left", 0, sizes[0]), ("right", 1, sizes[0] if sizes[1] is None else sizes[1])):
        _check_positions(links[:, column], side, size)
    wrong = np.flatnonzero(~((links[:, 2] >= 0) & (links[:, 2] <= 1)))
    if len(wrong):
        raise Refused(f"{_which(wrong)} has the score {links[wrong[0], 2]:g}; give scores from 0 to 1.")
    return Linked(SCORED, _merged(links, sizes))


def too_many(links: int, most: int) -> str:
    """The sentence for an entry that links more pairs than it may."""
    return f"it linked {links:,} pairs where {most:,} are allowed; give the best {LINKS_PER_RECORD} for each record."


def _check_positions(given: Array, side: str, size: int) -> None:
    wrong = np.flatnonzero(~((given >= 0) & (given < size) & (given == np.floor(given))))
    if len(wrong):
        raise Refused(
            f"{_which(wrong)} names the {side} record {given[wrong[0]]:g}; "
            f"records have whole numbers from 0 to {size - 1}."
        )


def _merged(links: Array, sizes: Sizes) -> Array:
    """Each pair once with its highest score, in order of positions; a record is never linked to itself."""
    pairs = links[:, :2].astype(np.int64)
    scores = links[:, 2]
    if sizes[1] is None:
        pairs = np.sort(pairs, axis=1)
        apart = pairs[:, 0] != pairs[:, 1]
        pairs, scores = pairs[apart], scores[apart]
    keys = pair_keys(pairs, sizes)
    order = np.lexsort((-scores, keys))
    order = order[np.append(True, keys[order][1:] != keys[order][:-1])] if len(order) else order
    return np.column_stack([pairs[order].astype(np.float64), scores[order]])


def _which(wrong: Array) -> str:
    """The first of some links, and how many others there are."""
    return f"link {wrong[0]}" + (f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else "")


def pair_keys(pairs: Array, sizes: Sizes) -> Array:
    """One whole number for each pair of positions (pairs, 2), in the order of the pairs: int64 (pairs,)."""
    keys: Array = pairs[:, 0] * np.int64(sizes[0] if sizes[1] is None else sizes[1]) + pairs[:, 1]
    return keys


def answer_pairs(linked: Linked, pairs: Array, sizes: Sizes) -> Array:
    """The answers that links give to pairs int64 (pairs, 2): float64 (pairs, 2), no match and match.

    A linked pair's score counts as its probability, an unlinked one's is 0; within a group it is 1.
    """
    pairs = np.asarray(pairs, dtype=np.int64)
    if linked.form == GROUPED:
        right = pairs[:, 1] + (0 if sizes[1] is None else sizes[0])
        match = (linked.values[pairs[:, 0]] == linked.values[right]).astype(np.float64)
        return np.column_stack([1 - match, match])
    match = np.zeros(len(pairs))
    if len(linked.values):
        asked = pair_keys(np.sort(pairs, axis=1) if sizes[1] is None else pairs, sizes)
        keys = pair_keys(linked.values[:, :2].astype(np.int64), sizes)
        place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        match = np.where(keys[place] == asked, linked.values[place, 2], 0.0)
    return np.column_stack([1 - match, match])


def pack_links(linked: Linked) -> bytes:
    """Links as they are kept behind a cell's answers: a mark, the form, the count, and the numbers, little-endian."""
    head = np.array([FORMS.index(linked.form), len(linked.values)], dtype="<i8")
    kind = "<f8" if linked.form == SCORED else "<i8"
    return b"".join((MARK, head.tobytes(), linked.values.astype(kind).tobytes()))


def unpack_links(data: bytes) -> Linked | None:
    """The links that `pack_links` kept, None where `data` does not begin with any; StoreError when they are cut off."""
    if data[:8] != MARK:
        return None
    form, count = np.frombuffer(data[8:24], dtype="<i8") if len(data) >= 24 else (-1, 0)
    width = {0: 24, 1: 8}.get(int(form), 0)
    if not width or len(data) != 24 + width * count:
        raise StoreError("The kept links of a cell are not whole; run the cell again.")
    if form == 0:
        return Linked(SCORED, np.frombuffer(data, dtype="<f8", offset=24).reshape(-1, 3))
    return Linked(GROUPED, np.frombuffer(data, dtype="<i8", offset=24))
