"""Labelled pairs as teams give them: which columns hold the two ids and the label, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.tables.sentences import listed, near, rows

ID_NAMES = (
    *(("left_id", "right_id"), ("a_id", "b_id"), ("ltable_id", "rtable_id"), ("id_left", "id_right"), ("id_a", "id_b")),
    *(("left", "right"), ("id1", "id2"), ("id_1", "id_2"), ("l_id", "r_id"), ("a", "b")),
)
LABEL_NAMES = ("label", "match", "is_match", "matched", "matches", "duplicate", "is_duplicate", "gold", "y", "class")
GROUP_NAMES = ("group_id", "group", "cluster_id", "cluster", "entity_id", "entity", "match_group", "match_group_id")
SET_NAME = re.compile(r"label+ing_?set_?(?:id)?", re.IGNORECASE)
YES = frozenset(
    {"1", "true", "t", "yes", "y", "match", "matched", "matches", "duplicate", "same", "on"}
    | {"ja", "j", "wahr", "oui", "vrai", "si", "sí"}
)
NO = frozenset(
    {"0", "false", "f", "no", "n", "off", "no match", "no-match", "no_match", "nomatch", "non-match", "non_match"}
    | {"nonmatch", "non match", "not a match", "unmatched", "distinct", "different"}
    | {"nein", "falsch", "non", "faux"}
)
MOST_FROM_GROUPS = 200_000


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs as given: the keys of either record (pairs,), the label 1, 0 or -1 (missing or not understood), the parts.

    `left_out` names columns of the pairs' file that are neither an id nor the label; `numbers` (pairs,) are the pairs'
    numbers in their file, None where they count up from 1 without a gap. `written` says whether each pair is a row of
    a file, and not made from groups of records.
    """

    left: Array
    right: Array
    label: Array
    parts: Array | None
    left_name: str
    right_name: str
    label_name: str
    left_out: tuple[str, ...] = ()
    numbers: Array | None = None
    written: bool = True

    def __len__(self) -> int:
        return len(self.label)

    def sources(self) -> Array | None:
        """The number of each pair (pairs,) among the data rows of its own file, None for pairs made from groups."""
        if not self.written or self.numbers is not None:
            return self.numbers
        counted = np.arange(1, len(self) + 1)
        for part in () if self.parts is None else dict.fromkeys(self.parts):
            here = self.parts == part
            counted[here] = np.arange(1, np.count_nonzero(here) + 1)
        return counted


def keys(series: Any) -> Array:
    """Record ids as texts, so that 7, 7.0 and "7" are one id: object (n,), None where missing."""
    values = series.astype(object).to_numpy(dtype=object)
    absent = series.isna().to_numpy(dtype=bool)
    held = np.empty(len(values), dtype=object)
    held[:] = [None if gone else _key(value) for value, gone in zip(values, absent, strict=True)]
    return held


def _key(value: object) -> str | None:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() or None


def parse_labels(series: Any) -> Array:
    """Labels as 1 for a match, 0 for none and -1 where a cell says neither: int64 (n,)."""
    said = [None if key is None else key.lower() for key in keys(series)]
    return np.array([1 if word in YES else 0 if word in NO else -1 for word in said], dtype=np.int64)


def find_pairs(
    frame: Frame, parts: Array | None, target: str, ids: Sequence[Array], numbers: Array | None = None
) -> tuple[Pairs | None, list[str]]:
    """The pairs in a frame and the problems of its columns; `ids` are the keys of the left and the right records.

    `target` names the label column where somebody said so. Within one table `ids` has one array. `parts` and `numbers`
    are those of the pairs.
    """
    frame = frame.reset_index(drop=True)
    names = [str(name) for name in frame.columns]
    if not len(frame):
        return None, ["The pairs have no rows; give labelled pairs, matches and non-matches."]
    group = _group_columns(names) if len(ids) == 1 and _id_columns(names) is None else None
    if group is not None:
        return _from_groups(frame, group, ids[0], numbers)
    if len(names) < 2:
        return None, [f"The pairs have one column, {names[0]!r}; they need the id of either record and a label."]
    label, problems = _label_column(names, target)
    left, right = _id_columns(names) or [name for name in names if name != label][:2] or ("", "")
    if problems or not label:
        return None, problems or [_no_labels(names)]
    rest = tuple(name for name in names if name not in (left, right, label))
    said = (keys(frame[left]), keys(frame[right]), parse_labels(frame[label]))
    found = Pairs(*said, parts, left, right, label, rest, numbers)
    return found, _label_problems(found, frame[label])


def _no_labels(names: Sequence[str]) -> str:
    return (
        f"The pairs have no column of labels beside {listed(names[:2])}, and matches alone don't tell what is no "
        "match; add a column `label` with 1 for a match and 0 for none, and pairs that are alike and don't match."
    )


def _id_columns(names: Sequence[str]) -> tuple[str, str] | None:
    lower = {name.strip().lower(): name for name in reversed(names)}
    for left, right in ID_NAMES:
        if left in lower and right in lower:
            return lower[left], lower[right]
    return None


def _label_column(names: Sequence[str], target: str) -> tuple[str, list[str]]:
    if target in names:
        return target, []
    if target and target not in LABEL_NAMES:
        return "", [f"The pairs have no column {target!r} to be the label{near(target, names)}."]
    lower = {name.strip().lower(): name for name in reversed(names)}
    named = next((lower[name] for name in LABEL_NAMES if name in lower), "")
    if not named and len(names) == 3:
        ids = _id_columns(names) or tuple(names[:2])
        named = next(name for name in names if name not in ids)
    return named, []


def _label_problems(pairs: Pairs, given: Any) -> list[str]:
    absent = np.array([key is None for key in keys(given)])
    problems = []
    if absent.any():
        problems.append(
            f"The label {pairs.label_name!r} is missing in {int(absent.sum()):,} of {len(pairs):,} pairs: "
            f"{rows(absent, pairs.parts, pairs.numbers)}; fill it in or remove these pairs."
        )
    strange = (pairs.label < 0) & ~absent
    if strange.any():
        held = list(dict.fromkeys(str(cell)[:40] for cell in given[strange].head(1000)))
        where = rows(strange, pairs.parts, pairs.numbers)
        problems.append(
            f"The label {pairs.label_name!r} holds {listed(held, 3)} ({where}), which says neither match nor no match; "
            "write 1 or 0, true or false, yes or no."
        )
    return problems


def _group_columns(names: Sequence[str]) -> tuple[str, str] | None:
    """The labelling set's column (empty when all records are one set) and the group's column."""
    lower = {name.strip().lower(): name for name in reversed(names)}
    labelling_set = next((name for name in names if SET_NAME.fullmatch(name.strip())), "")
    if labelling_set and "label" in lower:
        return labelling_set, lower["label"]
    group = next((lower[name] for name in GROUP_NAMES if name in lower), "")
    return ("", group) if group and len(names) >= 2 else None


def _from_groups(
    frame: Frame, group: tuple[str, str], ids: Array, numbers: Array | None
) -> tuple[Pairs | None, list[str]]:
    """All pairs of records within a labelling set: a match where both are of one group.

    Within a set every record was looked at, so records of different groups are told to be different.
    """
    sets, name = group
    left_over = [column for column in frame.columns if column not in group]
    known = set(ids)
    of_records = [column for column in left_over if set(keys(frame[column])) <= known]
    record = next(iter(of_records or left_over))
    own, told = keys(frame[record]), keys(frame[name])
    which = keys(frame[sets]) if sets else np.zeros(len(frame), dtype=object)
    absent = np.array([key is None for key in told])
    if absent.any():
        return None, [
            f"The group {name!r} is missing in {rows(absent, None, numbers)}; fill it in or remove these records."
        ]
    order = np.argsort(np.array([str(key) for key in which]), kind="stable")
    _, sizes = np.unique(np.array([str(key) for key in which])[order], return_counts=True)
    made = int((sizes * (sizes - 1) // 2).sum())
    if made > MOST_FROM_GROUPS:
        return None, [
            f"The groups in {name!r} make {made:,} pairs, more than {MOST_FROM_GROUPS:,}; "
            "give labelled pairs, or labelling sets (a column `labeling_set_id`) of records that were compared."
        ]
    starts = np.cumsum(sizes) - sizes
    pieces = [start + np.stack(np.triu_indices(size, 1)) for start, size in zip(starts, sizes, strict=True)]
    first, second = order[np.concatenate(pieces, axis=1)]
    label = np.array([told[a] == told[b] for a, b in zip(first, second, strict=True)], dtype=np.int64)
    return Pairs(own[first], own[second], label, None, str(record), str(record), "label", written=False), []


def id_column(frame: Frame, declared: str, side: str, asked: Array | None) -> tuple[str, list[str]]:
    """The column that identifies the records of one side, and why there is none; `asked` are the ids in the pairs.

    Declared, else named like an id, else the one column, best without repeats, in which most of `asked` occur.
    """
    names = [str(name) for name in frame.columns]
    if declared:
        if declared in names:
            return declared, []
        return "", [f"The {side} records have no column {declared!r} to be their id{near(declared, names)}."]
    lower = {name.strip().lower(): name for name in reversed(names)}
    table = {"left": ("ltable_id", "a_id", "id_left"), "right": ("rtable_id", "b_id", "id_right")}[side]
    for name in ("id", "_id", f"{side}_id", "record_id", *table):
        if name in lower:
            return lower[name], []
    wanted = {key for key in asked if key is not None} if asked is not None else set()
    if not wanted:
        return "", []  # the pairs cannot be read, which is told elsewhere
    held = {name: keys(frame[name]) for name in names}
    known = {name: len(wanted & set(cells)) for name, cells in held.items()}
    # An id that is wrong, or a record that comes twice, should be told as such.
    likely = [name for name in names if known[name] >= len(wanted) / 2 and known[name] == max(known.values())]
    fitting = [name for name in likely if len(set(held[name])) == len(held[name])] or likely
    if len(fitting) == 1:
        return fitting[0], []
    found = f"{listed(fitting)} could each be it" if fitting else "none holds the ids of the pairs"
    return "", [f"Which column identifies the {side} records cannot be told ({found}); name it with --id COL."]


def record_problems(held: Array, name: str, side: str, numbers: Array | None = None) -> list[str]:
    """Ids of one side's records that are missing or come twice."""
    import pandas as pd

    problems = []
    absent = np.array([key is None for key in held], dtype=bool)
    if absent.any():
        problems.append(f"The {side} records have no id in {name!r} in {rows(absent, None, numbers)}; fill it in.")
    doubled = pd.Series(held, dtype=object).duplicated(keep="first").to_numpy() & ~absent
    if doubled.any():
        verb = "repeats an earlier one" if doubled.sum() == 1 else "repeat earlier ones"
        problems.append(
            f"The {side} records' id {name!r} comes more than once: {rows(doubled, None, numbers)} {verb}; "
            "give each record its own id."
        )
    return problems


def unknown_problems(positions: Array, pairs: Pairs, which: str, side: str) -> list[str]:
    """Pairs whose `which` id (left or right) no record of the side has; `positions` (pairs,) are -1 there."""
    unknown = positions < 0
    if not unknown.any():
        return []
    name = pairs.left_name if which == "left" else pairs.right_name
    ids, verb = ("id", "names") if unknown.sum() == 1 else ("ids", "name")
    return [
        f"The pairs' column {name!r} holds {int(unknown.sum()):,} {ids} that no {side} record has: "
        f"{rows(unknown, pairs.parts, pairs.numbers)} {verb} one; mend the id or add the record."
    ]


def misplaced(frames: Sequence[Frame], pairs: Pairs) -> str:
    """Why most ids of the pairs are not where they were looked for, where that can be told; else an empty sentence.

    `frames` are the records of one side or two. Sides are taken to be swapped where the ids of each are mostly the
    other's, and the second table to be missing where the records have most ids of one of the pairs' columns only.
    """
    asked = [{key for key in ids if key is not None} for ids in (pairs.left, pairs.right)]
    held = [[set(keys(frame[name])) for name in frame.columns] for frame in frames]
    found = [[max(len(wanted & cells) for cells in each) for each in held] for wanted in asked]
    most = [[many >= len(wanted) / 2 for many in each] for wanted, each in zip(asked, found, strict=True)]
    if not all(asked) or pairs.left_name == pairs.right_name:
        return ""
    if len(frames) == 2 and most == [[False, True], [True, False]]:
        return (
            f"The pairs' column {pairs.left_name!r} holds ids of the right records, and {pairs.right_name!r} those of "
            "the left ones; give the two tables the other way round, or name the pairs' columns so."
        )
    if len(frames) == 1 and most[0] != most[1]:
        here = most.index([False])
        name = (pairs.left_name, pairs.right_name)[here]
        return (
            f"The records have {found[here][0]:,} of the {len(asked[here]):,} ids in the pairs' column {name!r}; if "
            "these are of another table, name that with --right, else add the records."
        )
    return ""


def pair_problems(left: Array, right: Array, pairs: Pairs, *, within: bool) -> list[str]:
    """Records paired with themselves, and pairs that come twice with different labels.

    `left`, `right` (pairs,) are positions of records, in order of size where the pairs are `within` one table.
    """
    label, parts = pairs.label, pairs.parts
    problems = []
    same = (left == right) & (left >= 0) & within
    if same.any():
        where = rows(same, parts, pairs.numbers)
        problems.append(f"A record is paired with itself in {where}; remove these pairs.")
    known = (left >= 0) & (right >= 0) & (label >= 0) & ~same
    if (against := contradicting(left, right, label, known)).any():
        where = rows(against, parts, pairs.numbers)
        problems.append(f"The same pair is labelled a match and no match: {where}; keep the label that is right.")
    if not (label >= 0).all():
        return problems  # the labels that are missing or strange may be those of which there seems to be none
    for part in ("train", "test"):
        here = known if parts is None else known & ((parts == "test") == (part == "test"))
        where = "" if parts is None else f" in {part}"
        if here.any() and not (label[here] == 1).any():
            problems.append(f"No pair{where} is labelled a match; add pairs that match.")
        if here.any() and not (label[here] == 0).any():
            problems.append(
                f"All pairs{where} are labelled a match, which doesn't tell what is none; add labelled non-matches, "
                "best pairs that are alike."
            )
        if parts is None:
            break
    return problems


def contradicting(left: Array, right: Array, label: Array, known: Array) -> Array:
    """Pairs that occur with both labels: bool (pairs,)."""
    place = _pair_codes(left, right)
    width = int(place.max(initial=0)) + 1
    yes = np.bincount(place[known & (label == 1)], minlength=width) > 0
    no = np.bincount(place[known & (label == 0)], minlength=width) > 0
    return (yes & no)[place] & known


def repeated(left: Array, right: Array, label: Array) -> Array:
    """Pairs that an earlier row gave already, with the same label: bool (pairs,)."""
    import pandas as pd

    frame = pd.DataFrame({"left": left, "right": right, "label": label})
    known = (left >= 0) & (right >= 0)
    return np.asarray(frame.duplicated(keep="first").to_numpy() & known, dtype=bool)


def _pair_codes(left: Array, right: Array) -> Array:
    width = int(max(right.max(initial=-1), -1)) + 2
    _, codes = np.unique((left.astype(np.int64) + 1) * width + right + 1, return_inverse=True)
    return np.asarray(codes, dtype=np.int64).ravel()
