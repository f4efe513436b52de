"""What is wrong with a matching table, a sentence for each thing, and what a reader should know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType
from bakeoff.tables.checks.structure import naming_settings
from bakeoff.tables.matching.clusters import against_closure, leakage, most_matches
from bakeoff.tables.matching.pairs import Pairs, pair_problems, repeated
from bakeoff.tables.matching.sources import RawMatching
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import listed, near, rows
from bakeoff.tables.settings import METHODS as ALL_METHODS
from bakeoff.tables.settings import Settings
from bakeoff.tables.standard import TableData

METHODS = ("given", "stratified", "random", "records")
SURE = 10  # pairs of either label from which a column that always agrees with the label is no chance
CHECKED = (
    *("record ids", "pairs' ids", "labels", "contradictions", "repeated pairs", "leakage of records", "given away"),
    *("matches for each record", "ignored columns"),
)


@dataclass(frozen=True, eq=False)
class Examined:
    """A matching table as the checks see it.

    `label` (pairs,) and `order` (pairs,), the row of each pair in its source, are in the table's order; `dropped` names
    identifiers that entries don't see, and `crossing` counts pairs that a split by records left out.
    """

    data: TableData
    label: Array
    order: Array
    pairs: Pairs
    dropped: tuple[str, ...] = ()
    crossing: int = 0
    notes: tuple[str, ...] = ()


def asked_split(settings: Settings, given: bool) -> list[str]:
    """Problems of the split as asked for."""
    method = settings.split.method if settings.split is not None else ""
    if method and method not in ALL_METHODS:
        told = f"There is no split {method!r}{near(method, METHODS)}"
        return [f"{told}; a matching table can be split {', '.join(METHODS[:-1])} or by records."]
    if method and method not in METHODS:
        return [f"A matching table cannot be split by {method}; split it {', '.join(METHODS[:-1])}, or by records."]
    if method == "given" and not given:
        return ["The split is 'given', but there are no train and test files of pairs; give them in a folder."]
    return []


def sides(raw: RawMatching) -> list[str]:
    """Problems of the records that can be seen before any cell is looked at."""
    problems = []
    for side, given in (("left", raw.left), ("right", raw.right)):
        if given is None:
            continue
        names = list(given.names or map(str, given.frame.columns))
        if not given.rows:
            problems.append(f"The {side} records have columns but no rows; add records.")
        if doubled := list(dict.fromkeys(name for name in names if names.count(name) > 1)):
            problems.append(f"The {side} records have the column name {listed(doubled)} more than once; rename one.")
        if blank := [place + 1 for place, name in enumerate(names) if not name.strip()]:
            problems.append(f"The {side} records have no name for column {listed(blank)}; name it in the header.")
    return problems


def named_columns(
    settings: Settings, held: Sequence[Sequence[str]], raw: RawMatching, pairs: Pairs | None
) -> list[str]:
    """Columns that the settings name and no side has, ignored ones among them, and a target that is a record column."""
    given = [[str(name) for name in each.frame.columns] for each in (raw.left, raw.right) if each is not None]
    each_side = {
        f"{side}_{name}" for side, names in zip(("left", "right"), [*given, given[0]], strict=False) for name in names
    }
    plain = {name for names in given for name in names}
    known = plain | each_side | {str(name) for name in raw.pairs.columns}
    problems = []
    if not settings.lenient:
        problems += [
            f"There is no record column {name!r}, which {how} names{near(name, sorted(plain))}."
            for name, how in naming_settings(settings).items()
            if name not in known and name != settings.target
        ]
    problems += [
        f"There is no record column {name!r} to be ignored{near(name, sorted(plain))}."
        for name in settings.ignore
        if name not in plain
    ]
    if (left := {name for names in held for name in names} - set(settings.ignore)) == set() and settings.ignore:
        problems.append("All record columns are to be ignored, so nothing tells a match; ignore fewer.")
    target = settings.target or (pairs.label_name if pairs is not None else "")
    if target in each_side and left:
        problems.append(f"The label {target!r} has the name of a record column beside the pairs; rename it.")
    return problems


def record_cells(side: str, column: Column, wrong: dict[str, Array], numbers: Array | None = None) -> list[str]:
    """A sentence for each reason why cells of a record column could not be taken as its type says."""
    return [
        f"Column {column.name!r} of the {side} records is {column.type}, but {rows(mask, None, numbers)} "
        f"{'hold' if mask.sum() > 1 else 'holds'} {reason}; mend these cells, list them under `missing`, or declare "
        "another type."
        for reason, mask in wrong.items()
    ]


def of_pairs(positions: Array, pairs: Pairs, *, within: bool, lenient: bool) -> list[str]:
    """Problems of the pairs: a record with itself, contradictions, repeats, one label alone.

    A published table (`lenient`) is taken as it is where it repeats a pair or contradicts itself by transitivity.
    """
    left, right = positions[:, 0], positions[:, 1]
    problems = pair_problems(left, right, pairs, within=within)
    known = (positions >= 0).all(axis=1) & (pairs.label >= 0)
    if lenient:
        return problems
    if (again := repeated(left, right, pairs.label) & known).any():
        repeat = "repeats a pair" if again.sum() == 1 else "repeat pairs"
        where = rows(again, pairs.parts, pairs.numbers).capitalize()
        problems.append(f"{where} {repeat} of earlier rows; remove the repeats.")
    if len(problems) > again.any() or not known.any():
        return problems  # a chain of matches says nothing while the matches themselves are in doubt
    first, second = left[known], right[known] if within else right[known] + int(left.max()) + 1
    against = np.zeros(len(known), bool)
    against[known] = against_closure(first, second, pairs.label[known], int(max(first.max(), second.max())) + 1)
    if against.any():
        where = rows(against, pairs.parts, pairs.numbers).capitalize()
        problems.append(
            f"{where} {'says' if against.sum() == 1 else 'say'} no match for records that other rows join by a "
            "chain of matches (a = b and b = c, but not a = c); mend one label of each chain."
        )
    return problems


def both_labels(label: Array, parts: Array) -> list[str]:
    """A part of the pairs in which one label is missing."""
    problems = []
    for part in ("train", "test"):
        here = label[parts == part]
        if not len(here) or here.min() == here.max():
            what = "no pairs" if not len(here) else f"no {'non-matches' if here.min() else 'matches'}"
            problems.append(f"The {part} part has {what}; use another split, another seed, or more labelled pairs.")
    return problems


def examine(made: Examined) -> tuple[tuple[Remark, ...], tuple[str, ...]]:
    """All remarks on a matching table, and the names of the checks that looked."""
    remarks = [*_about_columns(made), *_about_labels(made), *_about_leakage(made)]
    for name in given_away(made.data):
        text = (
            f"Column {name!r} is alike in all pairs that match and in no other, which may give the label away; leave "
            "it out if so."
        )
        remarks.append(Remark("given away", text, name))
    return tuple(remarks), CHECKED


def _about_columns(made: Examined) -> list[Remark]:
    remarks = [Remark("reading", text) for text in made.notes]
    if made.dropped:
        text = f"Identifiers that entries don't see, and that are no part of the table: {listed(made.dropped)}."
        remarks.append(Remark("record ids", text))
    if made.pairs.left_out:
        text = f"The pairs' further columns {listed(made.pairs.left_out)} are no part of the table and are left out."
        remarks.append(Remark("reading", text))
    held = made.data.sides
    assert held is not None
    if held.right is not None:
        left, right = ({column.name for column in columns} for columns in (held.left_columns, held.right_columns))
        if not left & right:
            remarks.append(Remark("reading", "The two sides have no column of one name; name alike what is alike."))
    return remarks


def _about_labels(made: Examined) -> list[Remark]:
    first, second, nodes = graph(made.data)
    most = most_matches(first, second, made.label, nodes)
    text = "One-to-one: no record matches more than one other."
    if most > 1:
        text = f"Not one-to-one: a record matches up to {most} others."
    remarks = [Remark("matches for each record", text)]
    again = repeated(*_placed(made.data), made.label)
    if again.any():
        repeat = "repeats" if again.sum() == 1 else "repeat"
        text = f"{int(again.sum()):,} of {len(again):,} pairs {repeat} another; the published table is kept as it is."
        remarks.append(Remark("repeated pairs", text, rows=_source_rows(made, again)))
    against = against_closure(first, second, made.label, nodes)
    if against.any():
        text = (
            f"{int(against.sum()):,} of {len(against):,} pairs {'is' if against.sum() == 1 else 'are'} labelled no "
            "match, although a chain of matches joins their records; some of these labels are wrong."
        )
        remarks.append(Remark("contradictions", text, rows=_source_rows(made, against)))
    if made.crossing:
        shares = [float((made.data.labels(part) == 1).mean()) for part in ("train", "test")]
        text = (
            f"{made.crossing:,} pairs of a training and a test record are left out, so that no record is on both "
            f"sides; matches are {shares[0]:.0%} of the training pairs and {shares[1]:.0%} of the test pairs."
        )
        remarks.append(Remark("leakage of records", text))
    return remarks


def _source_rows(made: Examined, mask: Array) -> tuple[int, ...]:
    places = np.sort(made.order[mask])[:100]
    numbers = made.pairs.numbers
    return tuple(map(int, places + 1 if numbers is None else numbers[places]))


def _about_leakage(made: Examined) -> list[Remark]:
    first, second, nodes = graph(made.data)
    found = leakage(first, second, made.label, made.data.parts == "test", nodes)
    check, remarks = "leakage of records", []
    if found.repeated:
        are = "is a training pair" if found.repeated == 1 else "are training pairs"
        text = f"{found.repeated:,} of {found.pairs:,} test pairs {are} too and can be looked up."
        remarks.append(Remark(check, text))
    if found.one:
        mend = "" if made.data.split.method == "given" else "; a split by records (--split records) keeps them apart"
        text = (
            f"{found.one:,} of {found.pairs:,} test pairs {_have(found.one)} a record that is in a training pair too, "
            f"{found.both:,} of them both{mend}."
        )
        remarks.append(Remark(check, text))
    if found.clusters > found.one:
        text = (
            f"{found.clusters:,} of {found.pairs:,} test pairs {_have(found.clusters)} a record that is in a training "
            "pair or matches one that is."
        )
        remarks.append(Remark(check, text))
    if follow := found.follow_match + found.follow_none:
        text = (
            f"{follow:,} of {found.pairs:,} test pairs {'follows' if follow == 1 else 'follow'} from training "
            f"pairs by transitivity and can be looked up: {found.follow_match:,} as matches, "
            f"{found.follow_none:,} as none."
        )
        remarks.append(Remark(check, text))
    if found.taken:
        text = (
            f"{found.taken:,} of {found.pairs:,} test pairs {_have(found.taken)} a record whose one match is in a "
            "training pair; who knows that matches are one-to-one can rule them out."
        )
        remarks.append(Remark(check, text))
    return remarks


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def graph(data: TableData) -> tuple[Array, Array, int]:
    """Both records of each pair in one numbering, training pairs first, and how many records there are."""
    sides = data.sides
    assert sides is not None
    left, right = _placed(data)
    if sides.right is None:
        return left, right, len(sides.left)
    return left, right + len(sides.left), len(sides.left) + len(sides.right)


def _placed(data: TableData) -> tuple[Array, Array]:
    sides = data.sides
    assert sides is not None
    positions = np.concatenate([sides.train, sides.test])
    return positions[:, 0], positions[:, 1]


def given_away(data: TableData) -> list[str]:
    """Record columns whose agreement is the label: alike in every match and unlike in every other pair."""
    label = data.frame[data.target].to_numpy()
    found = []
    sides = data.sides
    assert sides is not None
    right = sides.left_columns if sides.right is None else sides.right_columns
    of_right = {column.name: column.type for column in right}
    for column in sides.left_columns:
        if of_right.get(column.name) is not column.type or column.type is ColumnType.IMAGE:
            continue
        a, b = data.frame[f"left_{column.name}"], data.frame[f"right_{column.name}"]
        if _agrees(a, b, label):
            found.append(column.name)
    return found


def _agrees(a: Any, b: Any, label: Array) -> bool:
    known = (a.notna() & b.notna()).to_numpy(dtype=bool)
    if known.mean() < 0.5:
        return False
    same = (a == b).to_numpy(dtype=bool)[known]
    told = label[known] == 1
    return bool(min(told.sum(), (~told).sum()) >= SURE and np.array_equal(same, told))
