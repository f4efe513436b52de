"""What is wrong with a table, a sentence for each thing, and what a reader should know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.errors import BESIDES
from bakeoff.nouns import Array, Column, ColumnType, Frame, Role, Split, Table
from bakeoff.tables.annotations import LANGUAGE_MODEL
from bakeoff.tables.cells import Converted
from bakeoff.tables.checks import (
    annotated,
    chronology,
    contents,
    division,
    duplicates,
    leaks,
    lookups,
    picture_clues,
    resemblance,
)
from bakeoff.tables.checks.evidence import SAMPLE, Evidence, Examined, gather
from bakeoff.tables.reading import Raw
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import all_or_ends, listed, near, rows
from bakeoff.tables.settings import METHODS, Settings
from bakeoff.tables.types import CLASSES, image_paths

__all__ = [
    "Examined",
    "besides",
    "cells",
    "examine",
    "foreseen",
    "given_away",
    "identifiers",
    "names_for_numbers",
    "pictures",
    "split_columns",
    "structure",
    "target",
    "unseen_labels",
    "without_value",
]

if TYPE_CHECKING:
    from bakeoff.tables.standard import TableData

OPTIONS = {Role.ID: "--id", Role.OWNER: "--owner", Role.TIME: "--time-column", Role.PROTECTED: "--protected"}
NAMES = 0.5  # share of present cells that are no numbers from which a target holds names


def structure(raw: Raw, settings: Settings) -> list[str]:
    """Problems that can be seen before any cell is looked at: shape, names, and columns that are not there."""
    names = list(raw.names)
    whose = f"Table {settings.name!r}"
    problems = []
    if not raw.rows:
        problems.append(f"{whose} has columns but no rows; add rows.")
    if len(names) == 1 and settings.kind != LANGUAGE_MODEL:
        problems.append(f"{whose} has one column, {names[0]!r}; it needs a target and at least one other column.")
    doubled = (
        list(dict.fromkeys(name for name in names if names.count(name) > 1)) if len(set(names)) < len(names) else []
    )
    if doubled:
        problems.append(f"{whose} has the column name {listed(doubled)} more than once; rename one.")
    if blank := [place + 1 for place, name in enumerate(names) if not name.strip()]:
        problems.append(f"{whose} has no name for column {listed(blank)}; name it in the header.")
    if "row_id" in names and settings.roles.get("row_id") is not Role.ID:
        problems.append(f"{whose} has a column 'row_id', a name that Bakeoff keeps for itself; rename it.")
    known = [name for name in names if name not in settings.leave_out]
    if not settings.target:
        problems.append(
            f"{whose} has no target; name the column to be predicted with --target (target = ... in table.toml): "
            f"{all_or_ends(known)}."
        )
    elif settings.target not in names:
        close = near(settings.target, known)
        close = close if "did you mean" in close else ""
        problems.append(
            f"{whose} has no column {settings.target!r} to be the target{close}; "
            f"give --target one of its columns: {all_or_ends(known)}."
        )
    elif known == [settings.target] and len(names) > 1 and settings.kind != LANGUAGE_MODEL:
        problems.append(f"{whose} has no column left beside the target {settings.target!r}; leave fewer out.")
    if not settings.lenient:
        said = naming_settings(settings)
        problems += [
            f"{whose} has no column {name!r}, which {how} names{near(name, names)}."
            for name, how in said.items()
            if name not in names
        ]
    return problems


def naming_settings(settings: Settings) -> dict[str, str]:
    """The columns that settings name, each with the option by which, or the place in table.toml where, they do."""
    said = {name: OPTIONS.get(role, "[columns] in table.toml") for name, role in settings.roles.items()}
    named = {name: f"--type {name}={kind}" for name, kind in settings.types.items()} | said
    told = {name: how if how.endswith(".toml") else f"{how} (or table.toml)" for name, how in named.items()}
    return dict.fromkeys(settings.leave_out, "leave_out in table.toml") | told


def split_columns(settings: Settings, names: Sequence[str]) -> list[str]:
    """Problems of the split as asked for: no owner or time column, or one that is not there."""
    split = settings.split
    if split is None or split.method in ("stratified", "random"):
        return []
    if split.method not in METHODS:
        ways = [method for method in METHODS if method != "records"]
        return [f"There is no split {split.method!r}{near(split.method, ways)}; a table can be split {_ways(ways)}."]
    if split.method == "records":
        return [
            "A split by records is for matching tables; split this one by owner to keep what belongs together apart."
        ]
    if not split.column and split.method != "given":
        option = {"owner": "--owner", "time": "--time-column"}[split.method]
        return [
            f"A split by {split.method} needs a column with the role {split.method!r}; "
            f"name it with {option} COL, or with {split.method} = ... in table.toml."
        ]
    absent = split.column and split.column not in names
    return [f"There is no column {split.column!r} to split by{near(split.column, names)}."] if absent else []


def _ways(methods: Sequence[str]) -> str:
    by = [f"by {method}" if method in ("owner", "time", "records") else method for method in methods]
    return f"{', '.join(by[:-1])} or {by[-1]}"


def pictures(raw: Raw, columns: Sequence[Column], settings: Settings) -> list[str]:
    """A sentence for each undeclared column whose cells name picture files of which none is there.

    Taken as names they would be a column that tells nothing, and nobody would learn that the pictures were not read.
    """
    problems = []
    for column in columns:
        if column.type is ColumnType.IMAGE or column.name in settings.types or column.role is Role.TARGET:
            continue
        named = image_paths(raw.column(column.name), settings.missing)
        if named is None:
            continue
        told = f"Column {column.name!r} names picture files ({listed(named.head(2).tolist())} ...), but "
        other = f"or declare another type (--type {column.name}=categorical)."
        if raw.folder is None:
            problems.append(f"{told}there is no folder to look for them in; give the pictures' bytes, {other}")
        else:
            mend = "put the pictures there, name the folder they start from with images = ... in table.toml, "
            problems.append(f"{told}none of them is in the folder {str(raw.folder)!r}; {mend}{other}")
    return problems


def names_for_numbers(column: Column, converted: Converted, series: Any) -> str:
    """What is wrong with a target that was asked for as a quantity and holds names; empty for any other column."""
    if column.role is not Role.TARGET or column.type is not ColumnType.NUMERIC or not converted.wrong:
        return ""
    wrong = np.logical_or.reduce(list(converted.wrong.values()))
    if wrong.sum() < NAMES * (wrong.sum() + converted.series.notna().sum()):
        return ""
    held = listed(list(dict.fromkeys(str(cell)[:40] for cell in series[wrong].head(1000))), shown=3)
    asked = "leave --kind (kind in table.toml) out, or ask for classification"
    mend = asked if column.why.startswith("the task") else "declare it categorical, or leave its type out"
    return f"The target {column.name!r} holds names ({held}), no numbers, so it cannot be a quantity; {mend}."


def cells(column: Column, wrong: Mapping[str, Array], parts: Array | None, numbers: Array | None = None) -> list[str]:
    """A sentence for each reason why cells of a column could not be taken as its type says.

    `parts` and `numbers` (n,) are as in `sentences.rows`.
    """
    sentences = []
    for reason, mask in wrong.items():
        many = int(mask.sum()) > 1
        where = rows(mask, parts, numbers)
        if column.type is ColumnType.IMAGE:
            told = f"Column {column.name!r} should hold images, but {'each of ' if many else ''}{where} {reason}; "
            mend = "mend these cells, leave them empty, or declare another type."
        else:
            told = f"Column {column.name!r} is {column.type}, but {where} {'hold' if many else 'holds'} {reason}; "
            mend = "mend these cells, list them under `missing`, or declare another type."
        sentences.append(told + mend)
    return sentences


def target(series: Any, name: str, parts: Array | None, numbers: Array | None = None) -> list[str]:
    """Problems of the target: no value at all, some missing, or a quantity with a few texts among its numbers."""
    absent = without_value(series, name, parts, numbers)
    return absent or _texts_in_quantity(series, name, parts, numbers)


def without_value(series: Any, name: str, parts: Array | None, numbers: Array | None = None) -> list[str]:
    """Problems of a target that has no value in some rows."""
    absent = series.isna().to_numpy(dtype=bool)
    if not absent.any():
        return []
    if absent.all():
        return [f"The target {name!r} has no value in any row; choose another target."]
    if parts is not None:
        bare = [part for part in dict.fromkeys(parts) if absent[parts == part].all()]
        if bare:
            return [
                f"The target {name!r} has no value in any row of {' or '.join(bare)}, so these rows cannot be scored; "
                "add the values, or remove that file to have rows set apart from the rest."
            ]
    verb = "has" if absent.sum() == 1 else "have"
    where = rows(absent, parts, numbers)
    return [
        f"The target {name!r} is missing in {int(absent.sum()):,} of {len(absent):,} rows: {where} "
        f"{verb} no value; fill them in or remove these rows."
    ]


def _texts_in_quantity(series: Any, name: str, parts: Array | None, numbers: Array | None) -> list[str]:
    """A sentence when nearly all labels are different numbers, so that the others make classes of a quantity."""
    found = None if series.dtype.kind in "iuf" else contents.strangers_among_numbers(series, series)
    if found is None or series.nunique() <= max(CLASSES, len(series) / 2):
        return []
    wrong = found[1]
    holds = "holds" if wrong.sum() == 1 else "hold"
    cells_ = listed(list(dict.fromkeys(series[wrong].head(1000).str[:40])), shown=3)
    return [
        f"The target {name!r} holds numbers in {int((~wrong).sum()):,} of {len(wrong):,} rows, but "
        f"{rows(wrong, parts, numbers)} {holds} {cells_}; put numbers there, or remove these rows."
    ]


def identifiers(
    frame: Frame, columns: Sequence[Column], parts: Array | None, numbers: Array | None = None
) -> list[str]:
    """Problems of columns whose role is id: values that come twice."""
    problems = []
    for column in columns:
        if column.role is Role.ID and column.type is not ColumnType.IMAGE:
            doubled = (frame[column.name].duplicated(keep="first") & frame[column.name].notna()).to_numpy(dtype=bool)
            if doubled.any():
                problems.append(
                    f"The identifier {column.name!r} repeats values: {rows(doubled, parts, numbers)} "
                    f"{'repeats' if doubled.sum() == 1 else 'repeat'} an earlier one; "
                    "remove the repeats or give it the role 'owner'."
                )
    return problems


def unseen_labels(labels: Array, parts: Array, split: Split) -> list[str]:
    """Labels that are in test but never in train, which no algorithm could learn."""
    test = parts == "test"
    unseen = sorted(set(labels[test].tolist()) - set(labels[~test].tolist()), key=str)
    if not unseen:
        return []
    count = int(np.isin(labels[test], unseen).sum())
    mend = {
        "given": "move rows of these classes to train, or remove them from test",
        "time": "use a smaller test share, or remove these late classes",
    }.get(split.method, "use another split")
    classes = "classes" if len(unseen) > 1 else "class"
    return [
        f"The test part has {count:,} {'row' if count == 1 else 'rows'} of the {classes} {listed(unseen)}, "
        f"which train does not have; {mend}."
    ]


def given_away(data: TableData) -> list[str]:
    """Names of the features that were found to give the target away by themselves."""
    return [remark.column for remark in data.remarks if remark.check == "given away"]


@dataclass(frozen=True)
class ColumnCheck:
    """A check of one column at a time: its name, the types it looks at, and what looks."""

    name: str
    kinds: frozenset[ColumnType]
    look: Callable[[Evidence, Column, Any], Iterator[Remark]]
    of_target: bool = False


@dataclass(frozen=True)
class TableCheck:
    """A check of a whole table: its name, what looks, and whether there is anything to look at."""

    name: str
    look: Callable[[Evidence], Iterator[Remark]]
    applies: Callable[[Evidence], bool] = lambda evidence: True


def _told(evidence: Evidence) -> bool:
    return evidence.told


def _has(*kinds: ColumnType) -> Callable[[Evidence], bool]:
    return lambda evidence: any(column.type in kinds for column in evidence.features)


NUMERIC, CATEGORICAL, DATETIME = ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.DATETIME
TEXT, TOKENS, IMAGE, ANNOTATION = ColumnType.TEXT, ColumnType.TOKENS, ColumnType.IMAGE, ColumnType.ANNOTATION
COLUMN_CHECKS = (
    ColumnCheck("constant", frozenset(ColumnType) - {IMAGE}, contents.constant),
    ColumnCheck("nearly empty", frozenset(ColumnType), contents.nearly_empty),
    ColumnCheck("id-like", frozenset({CATEGORICAL, NUMERIC}), contents.id_like),
    ColumnCheck("duplicate ids", frozenset({CATEGORICAL, NUMERIC}), contents.duplicate_ids),
    ColumnCheck("mixed types", frozenset({CATEGORICAL, TEXT}), contents.mixed_types, of_target=True),
    ColumnCheck("numbers as text", frozenset({CATEGORICAL, TEXT}), contents.numbers_as_text, of_target=True),
    ColumnCheck("garbled text", frozenset({CATEGORICAL, TEXT, TOKENS, ANNOTATION}), contents.garbled, of_target=True),
    ColumnCheck("spelling", frozenset({CATEGORICAL}), contents.spelling, of_target=True),
    ColumnCheck("ambiguous dates", frozenset({DATETIME}), contents.ambiguous_dates),
    ColumnCheck("implausible dates", frozenset({DATETIME}), chronology.implausible),
    ColumnCheck("telling ids", frozenset({CATEGORICAL, NUMERIC, TEXT}), lookups.telling_ids),
)
TABLE_CHECKS = (
    TableCheck("date order", chronology.out_of_order, lambda e: sum(c.type is DATETIME for c in e.features) > 1),
    TableCheck("rare classes", contents.rare_classes, lambda e: bool(e.classes)),
    TableCheck("given away", leaks.given_away, _told),
    TableCheck("given away by two", leaks.given_away_by_two, lambda e: len(e.features) > 1 and e.told),
    TableCheck("telling gaps", leaks.telling_gaps, _told),
    TableCheck("duplicates", duplicates.repeated_rows),
    TableCheck("near-duplicates", resemblance.near_texts, _has(TEXT)),
    TableCheck("near-duplicates", resemblance.near_pictures, _has(IMAGE)),
    TableCheck("test share", division.test_share, lambda e: e.data.split.method in ("owner", "time")),
    TableCheck("untimed rows", division.untimed_rows, lambda e: e.data.split.method == "time"),
    TableCheck("owners", division.shared_owners, lambda e: any(c.role is Role.OWNER for c in e.features)),
    TableCheck("file order", lookups.file_order, _told),
    TableCheck("picture names", lookups.picture_names, lambda e: bool(e.examined.image_names) and e.told),
    TableCheck("picture metadata", picture_clues.picture_metadata, lambda e: _has(IMAGE)(e) and e.told),
    TableCheck("tag scheme", annotated.tag_scheme, annotated.is_tagged),
    TableCheck("unseen tags", annotated.unseen_tags, annotated.is_tagged),
    TableCheck("unanswered", annotated.unanswered, annotated.is_answered),
    TableCheck("repeated texts", annotated.repeated_texts, annotated.is_modelled),
)
TWINS = ("duplicates", "near-duplicates")
WITH_DUPLICATES = ("conflicting labels", "near-duplicates")  # found in the same look as duplicates


def examine(examined: Examined) -> tuple[tuple[Remark, ...], tuple[str, ...]]:
    """All that the checks remark on a table, and the names of the checks that had something to look at.

    Each column is read once for the checks of single columns; the others go by a sample of the rows, or read the few
    columns that they need again.
    """
    evidence = gather(examined)
    remarks: list[Remark] = []
    looked: dict[str, None] = {}
    columns = {column.name: column for column in examined.data.table.columns}
    for found in examined.data.cells.each(list(columns), lambda name: _of_column(evidence, columns[name])):
        looked |= dict.fromkeys(found)
        remarks.extend(chain.from_iterable(found.values()))
    applied = [whole for whole in TABLE_CHECKS if whole.applies(evidence)]
    told = _of_table(evidence, applied)
    for whole in applied:
        looked[whole.name] = None
        remarks.extend(told[whole])
    if "duplicates" in looked:
        looked |= dict.fromkeys(WITH_DUPLICATES)
    if evidence.classes:
        looked[leaks.NEARLY] = None
    return tuple(remarks), tuple(looked)


def _of_table(evidence: Evidence, applied: Sequence[TableCheck]) -> dict[TableCheck, list[Remark]]:
    """What each check of the whole table remarks; for a large one, twins are looked for beside all else.

    Checks of one kind follow one another, as the later ones use what the earlier ones found.
    """
    twins = [whole for whole in applied if whole.name in TWINS]
    others = [whole for whole in applied if whole.name not in TWINS]
    with ThreadPoolExecutor(2 if evidence.data.cells.large else 1) as pool:
        looking = [pool.submit(_one_by_one, evidence, some) for some in (others, twins)]
        return {whole: found for one in looking for whole, found in one.result().items()}


def _one_by_one(evidence: Evidence, some: Sequence[TableCheck]) -> dict[TableCheck, list[Remark]]:
    return {whole: list(whole.look(evidence)) for whole in some}


def _of_column(evidence: Evidence, column: Column) -> dict[str, list[Remark]]:
    """What each check that looks at a column remarks on it."""
    series = evidence.data.column(column.name)
    return {check.name: list(check.look(evidence, column, series)) for check in _looking(evidence, column, series)}


def _looking(evidence: Evidence, column: Column, series: Any) -> Iterator[ColumnCheck]:
    """The checks that look at a column; its sampled cells are kept for these and others."""
    evidence.cells[column.name] = series.iloc[evidence.sample].reset_index(drop=True)
    for check in COLUMN_CHECKS:
        # Classes may be whole numbers, which hold no texts to look at.
        texts = column.role is not Role.TARGET or (check.of_target and series.dtype.kind not in "iuf")
        # What tells classes says nothing of whole texts, in which numbers may stand as well as words.
        whole = column.role is Role.TARGET and column.type is not CATEGORICAL and check.look is not contents.garbled
        idle = check.look is lookups.telling_ids and not evidence.told
        if column.type in check.kinds and texts and not whole and not idle:
            yield check


def foreseen(raw: Raw, settings: Settings, columns: Iterable[tuple[Column, Any]]) -> list[Remark]:
    """What can be remarked on a table whose problems keep it from being split, so that all is mended at once.

    `columns` are those without a problem, with their standard cells (n,) in the order of the source.
    """
    import pandas as pd

    from bakeoff.tables.columns import Columns
    from bakeoff.tables.standard import TableData

    whole = TableData(
        Table(settings.name, (), raw.rows, ""), Columns(raw.rows), np.full(raw.rows, "train"), Split(), settings
    )
    examined = Examined(whole, np.arange(raw.rows), {}, raw.parts, raw.numbers)
    sample = np.sort(np.random.default_rng(raw.rows).permutation(raw.rows)[:SAMPLE])
    unknown = Column(settings.target, CATEGORICAL, Role.TARGET)
    evidence = Evidence(examined, unknown, (), np.zeros(raw.rows, np.int64), (), sample)
    remarks: list[Remark] = []
    for column, series in columns:
        for check in _looking(evidence, column, series):
            if check.look is not lookups.telling_ids:
                remarks.extend(check.look(evidence, column, series))
        if column.role is Role.TARGET and column.type is CATEGORICAL:
            codes, classes = pd.factorize(series, sort=True)
            if len(classes) <= max(CLASSES, raw.rows / 2):
                named = tuple(map(str, classes))
                remarks.extend(contents.rare_classes(replace(evidence, target=column, truth=codes, classes=named)))
    return remarks


def besides(told: Sequence[str]) -> list[str]:
    """The last of a table's problems: what does not stop it, and may be mended with them; empty without any."""
    return [f"{BESIDES}{' '.join(told)}"] if told else []
