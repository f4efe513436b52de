"""A matching table in its standard form: records of one or two sides, and labelled pairs that join them.

Records are shuffled and numbered anew, so that neither their ids nor their order tell which match; the ids as given are
dropped. The rows of a matching table are its pairs, with the cells of both records beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.errors import TableError
from bakeoff.nouns import Array, Column, ColumnType, Frame, Role, Sides, Split
from bakeoff.tables.cells import convert
from bakeoff.tables.checks.structure import besides
from bakeoff.tables.matching import problems as checks
from bakeoff.tables.matching.clusters import split_by_records
from bakeoff.tables.matching.folders import load_matching, write_matching
from bakeoff.tables.matching.pairs import (
    Pairs,
    find_pairs,
    id_column,
    keys,
    misplaced,
    record_problems,
    unknown_problems,
)
from bakeoff.tables.matching.sides import SIDES, joined, nodes, pair_frame
from bakeoff.tables.matching.sources import RawMatching, declared_for, id_declared, read_matching
from bakeoff.tables.reading import Raw
from bakeoff.tables.settings import Settings
from bakeoff.tables.splits import PRECISION, asks_precision, assign, given_parts, precision_remarks, public_part
from bakeoff.tables.standard import TableData, with_public
from bakeoff.tables.types import infer_types

__all__ = [
    "RawMatching",
    "joined",
    "load_matching",
    "pair_frame",
    "read_matching",
    "standardise_matching",
    "write_matching",
]

LABEL = "label"


@dataclass(frozen=True)
class _Half:
    """One side on its way: standard columns in the order as given, and what was said and found on the way."""

    columns: tuple[Column, ...]
    frame: Frame
    ids: Array
    dropped: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def standardise_matching(raw: RawMatching, *, split: Split | None = None) -> TableData:
    """Type, check and split records and pairs; `split` goes before the settings' own.

    Records and pairs are shuffled by the split's seed. Raises TableError with every problem.
    """
    settings = raw.settings if split is None else replace(raw.settings, split=split)
    problems = checks.asked_split(settings, raw.parts is not None)
    if shape := checks.sides(raw):
        raise TableError([*raw.problems, *problems, *shape, *besides(raw.notes)])
    halves = _halves(raw, settings)
    problems = [*raw.problems, *problems, *(problem for half in halves for problem in half.problems)]
    pairs, found = find_pairs(raw.pairs, raw.parts, settings.target, [half.ids for half in halves], raw.numbers)
    problems += found
    problems += checks.named_columns(
        settings, [[column.name for column in half.columns] for half in halves], raw, pairs
    )
    if pairs is None or not all(len(half.ids) for half in halves):
        told = misplaced(_frames(raw), pairs) if pairs is not None else ""
        raise TableError([*problems, *([told] if told else []), *besides(raw.notes)])
    positions, found = _positions(pairs, halves)
    within = raw.right is None
    if within:
        positions = np.sort(positions, axis=1)
    if found and (told := misplaced(_frames(raw), pairs)):
        found = [told]
    problems += found
    problems += checks.of_pairs(positions, pairs, within=within, lenient=settings.lenient)
    if problems:
        raise TableError([*problems, *besides([*raw.notes, *(note for half in halves for note in half.notes)])])
    divided = _divided(positions, pairs, halves, settings)
    return _assembled_anew(_Found(halves, positions, pairs, divided, settings, within, raw.notes))


def _frames(raw: RawMatching) -> list[Frame]:
    return [raw.left.frame] if raw.right is None else [raw.left.frame, raw.right.frame]


def _halves(raw: RawMatching, settings: Settings) -> list[_Half]:
    frames = [raw.left] if raw.right is None else [raw.left, raw.right]
    asked = _asked_ids(raw, settings)
    named = []
    for side, given, ids in zip(SIDES, frames, asked, strict=False):
        columns = [str(name) for name in given.frame.columns]
        named.append(id_column(given.frame, id_declared(settings, side, columns), side, ids))
    types = _joint_types(frames, [name for name, _ in named], settings)
    halves = []
    for place, (given, (name, problems)) in enumerate(zip(frames, named, strict=True)):
        halves.append(_half(given, SIDES[place], name, list(problems), types[place], settings))
    return halves


def _asked_ids(raw: RawMatching, settings: Settings) -> list[Array | None]:
    """The ids that the pairs name, as far as their columns can be told before the records' ids are known."""
    names = [str(name) for name in raw.pairs.columns]
    if len(names) < 2:
        return [None, None]
    some = [np.empty(0, dtype=object)] * 2
    found, _ = find_pairs(raw.pairs, None, settings.target, some)
    if found is None:
        return [None, None]
    if raw.right is None:
        return [np.concatenate([found.left, found.right]), None]
    return [found.left, found.right]


def _joint_types(frames: Sequence[Raw], ids: Sequence[str], settings: Settings) -> list[dict[str, Column]]:
    """The column records of each side; a column of both sides has one type, found from the cells of both."""
    import pandas as pd

    held: list[dict[str, Column]] = []
    shared = set(map(str, frames[0].frame.columns)).intersection(*(map(str, raw.frame.columns) for raw in frames[1:]))
    for place, raw in enumerate(frames):
        side, found = SIDES[place], {}
        for name in map(str, raw.frame.columns):
            said = declared_for(settings, side, name)
            if name == ids[place] or said in settings.leave_out:
                continue
            if place and name in shared and said == name and name in held[0]:
                found[name] = held[0][name]
                continue
            series = raw.frame[name]
            if len(frames) > 1 and not place and name in shared and name != ids[1]:
                series = pd.concat([series, frames[1].frame[name]], ignore_index=True)
            types = {name: settings.types[said]} if said in settings.types else {}
            roles = {name: settings.roles[said]} if said in settings.roles else {}
            dates = {name: settings.dates[said]} if said in settings.dates else {}
            asked = Settings(types=types, roles=roles, dates=dates, missing=settings.missing)
            (found[name],) = infer_types(series.to_frame(name), asked, raw.folder)
        held.append(found)
    return held


def _half(
    raw: Raw, side: str, id_name: str, problems: list[str], types: dict[str, Column], settings: Settings
) -> _Half:
    import pandas as pd

    ids = keys(raw.frame[id_name]) if id_name else np.empty(0, dtype=object)
    if id_name:
        problems += record_problems(ids, id_name, side, raw.numbers)
    # Further identifiers would tell no more than the one that is hidden.
    dropped = [name for name, column in types.items() if column.role is Role.ID]
    columns = tuple(column for name, column in types.items() if name not in dropped)
    held, notes = {}, []
    for column in columns:
        order = settings.dates.get(declared_for(settings, side, column.name), "")
        converted = convert(raw.column(column.name), column.type, raw.folder, settings.missing, order)
        if converted.infinite:
            what = f"Column {column.name!r} of the {side} records has {converted.infinite:,} infinite numbers"
            notes.append(f"{what}, taken as missing.")
        problems += checks.record_cells(side, column, converted.wrong, raw.numbers)
        held[column.name] = converted.series
    if not columns:
        problems.append(f"The {side} records have no column beside their id; add what a match can be told by.")
    frame = pd.DataFrame(held, columns=[column.name for column in columns])
    return _Half(columns, frame, ids, tuple(dropped), tuple(problems), tuple(notes))


def _positions(pairs: Pairs, halves: Sequence[_Half]) -> tuple[Array, list[str]]:
    """Positions of the records in their sides as given, -1 where there is none: int64 (pairs, 2)."""
    import pandas as pd

    found, problems = [], []
    for place, asked in enumerate((pairs.left, pairs.right)):
        ids = pd.Series(halves[min(place, len(halves) - 1)].ids, dtype=object)
        # Of an id that comes twice, which is a problem told elsewhere, the first record is meant.
        first = np.flatnonzero((ids.notna() & ~ids.duplicated()).to_numpy())
        here = pd.Index(ids.iloc[first], dtype=object).get_indexer(pd.Index(asked, dtype=object))
        here = np.where(here < 0, -1, first[here])
        problems += unknown_problems(here, pairs, SIDES[place], SIDES[place] if len(halves) > 1 else "left")
        found.append(here)
    return np.stack(found, axis=1).astype(np.int64), problems


@dataclass(frozen=True, eq=False)
class _Divided:
    """The part of each pair, whether it is public (None: as the split says), and whether it is kept."""

    parts: tuple[Array, Array | None]
    split: Split
    kept: Array


def _divided(positions: Array, pairs: Pairs, halves: Sequence[_Half], settings: Settings) -> _Divided:
    import pandas as pd

    every = np.ones(len(pairs), bool)
    if pairs.parts is not None and (settings.split is None or settings.split.method == "given"):
        asked = settings.split or Split()
        given, public = given_parts(pairs.parts)
        share = asked.public_share if public is None else round(float(public.sum() / (given == "test").sum()), 6)
        return _Divided((given, public), Split("given", "", 0.0, asked.seed, share), every)
    split = settings.split or Split("stratified")
    split = replace(split, column="")
    if split.method == "records":
        first, second = nodes(positions, len(halves[0].frame), within=len(halves) == 1)
        test, crossing = split_by_records(first, second, pairs.label, split.test_share, split.seed)
        parts, every = np.where(test, "test", "train").astype(object), ~crossing
        if problems := checks.both_labels(pairs.label[every], parts[every]):
            raise TableError(problems)
        return _Divided((parts, None), split, every)
    frame = pd.DataFrame({LABEL: pairs.label})
    column = Column(LABEL, ColumnType.CATEGORICAL, Role.TARGET)
    return _Divided((assign(frame, [column], LABEL, split), None), split, every)


@dataclass(frozen=True, eq=False)
class _Found:
    halves: Sequence[_Half]
    positions: Array
    pairs: Pairs
    divided: _Divided
    settings: Settings
    within: bool
    notes: tuple[str, ...] = ()


def _assembled_anew(found: _Found) -> TableData:
    """The table with records and pairs shuffled by the split's seed, and what the checks remark."""
    seed = found.divided.split.seed
    frames, moved = [], []
    for place, half in enumerate(found.halves):
        order = np.random.default_rng([seed, place, len(half.frame)]).permutation(len(half.frame))
        frames.append(half.frame.iloc[order].reset_index(drop=True))
        moved.append(np.argsort(order))
    positions = np.stack([moved[0][found.positions[:, 0]], moved[-1][found.positions[:, 1]]], axis=1)
    if found.within:
        positions = np.sort(positions, axis=1)
    order = np.random.default_rng([seed, 2, len(positions)]).permutation(len(positions))
    given, public = found.divided.parts
    order = order[np.argsort(given[order] == "test", kind="stable")]
    order = order[found.divided.kept[order]]
    parts, positions, label = given[order], positions[order], found.pairs.label[order]
    right = None if found.within else found.halves[1]
    sides = Sides(
        frames[0],
        None if right is None else frames[1],
        positions[parts == "train"],
        positions[parts == "test"],
        found.halves[0].columns,
        () if right is None else right.columns,
        found.settings.complete,
    )
    settings = replace(
        found.settings, split=found.divided.split, target=found.settings.target or found.pairs.label_name
    )
    data = joined(sides, label, parts, settings)
    dropped = [f"{SIDES[place]}_{name}" for place, half in enumerate(found.halves) for name in half.dropped]
    notes = (*found.notes, *(note for half in found.halves for note in half.notes))
    crossing = int((~found.divided.kept).sum())
    made = checks.Examined(data, label, order, found.pairs, tuple(dropped), crossing, notes)
    remarks, looked = checks.examine(made)
    data = with_public(data, public_part(data) if public is None else public[order][parts == "test"])
    by_f1 = replace(data, settings=replace(settings, metric=settings.metric or "f1"))
    coarse = precision_remarks(by_f1)
    looked = (*looked, *([PRECISION] if coarse or asks_precision(by_f1) else []))
    sources = found.pairs.sources()
    sources = None if sources is None else sources[order][parts == "test"]
    return replace(data, remarks=(*remarks, *coarse), checked=looked, sources=sources)
