"""What is wrong with a table, a sentence for each thing, and what a reader should know about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Frame, Role, Split
from bakeoff.tables.reading import Raw
from bakeoff.tables.sentences import all_or_ends, listed, near, rows
from bakeoff.tables.settings import Settings
from bakeoff.tables.types import image_paths


def structure(raw: Raw, settings: Settings) -> list[str]:
    """Problems that can be seen before any cell is looked at: shape, names, and columns that are not there."""
    names = list(raw.frame.columns)
    whose = f"Table {settings.name!r}"
    problems = []
    if not len(raw.frame):
        problems.append(f"{whose} has columns but no rows; add rows.")
    if len(names) == 1:
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
    elif known == [settings.target] and len(names) > 1:
        problems.append(f"{whose} has no column left beside the target {settings.target!r}; leave fewer out.")
    if not settings.lenient:
        said = [*settings.types, *settings.roles, *settings.leave_out]
        unknown = [name for name in dict.fromkeys(said) if name not in names]
        problems += [f"{whose} has no column {name!r}, which its settings name{near(name, names)}." for name in unknown]
    return problems


def split_columns(settings: Settings, names: Sequence[str]) -> list[str]:
    """Problems of the split as asked for: no owner or time column, or one that is not there."""
    split = settings.split
    if split is None or split.method in ("stratified", "random"):
        return []
    if not split.column:
        if split.method == "given":
            return []
        option = {"owner": "--owner", "time": "--time-column"}[split.method]
        return [
            f"A split by {split.method} needs a column with the role {split.method!r}; "
            f"name it with {option} COL, or with {split.method} = ... in table.toml."
        ]
    if split.column not in names:
        return [f"There is no column {split.column!r} to split by{near(split.column, names)}."]
    return []


def pictures(raw: Raw, columns: Sequence[Column], settings: Settings) -> list[str]:
    """A sentence for each undeclared column whose cells name picture files of which none is there.

    Taken as names they would be a column that tells nothing, and nobody would learn that the pictures were not read.
    """
    problems = []
    for column in columns:
        if column.type is ColumnType.IMAGE or column.name in settings.types or column.role is Role.TARGET:
            continue
        named = image_paths(raw.frame[column.name], settings.missing)
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


def cells(column: Column, wrong: dict[str, Array], parts: Array | None) -> list[str]:
    """A sentence for each reason why cells of a column could not be taken as its type says."""
    sentences = []
    for reason, mask in wrong.items():
        many = int(mask.sum()) > 1
        where = rows(mask, parts)
        if column.type is ColumnType.IMAGE:
            told = f"Column {column.name!r} should hold images, but {'each of ' if many else ''}{where} {reason}; "
            mend = "mend these cells, leave them empty, or declare another type."
        else:
            told = f"Column {column.name!r} is {column.type}, but {where} {'hold' if many else 'holds'} {reason}; "
            mend = "mend these cells, list them under `missing`, or declare another type."
        sentences.append(told + mend)
    return sentences


def target(series: Any, name: str, parts: Array | None) -> list[str]:
    """Problems of the target: no value at all, or some missing."""
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
    return [
        f"The target {name!r} is missing in {int(absent.sum()):,} of {len(absent):,} rows: {rows(absent, parts)} "
        f"{verb} no value; fill them in or remove these rows."
    ]


def identifiers(frame: Frame, columns: Sequence[Column], parts: Array | None) -> list[str]:
    """Problems of columns whose role is id: values that come twice."""
    problems = []
    for column in columns:
        if column.role is Role.ID and column.type is not ColumnType.IMAGE:
            doubled = (frame[column.name].duplicated(keep="first") & frame[column.name].notna()).to_numpy(dtype=bool)
            if doubled.any():
                problems.append(
                    f"The identifier {column.name!r} repeats values: {rows(doubled, parts)} "
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


def determined(frame: Frame, columns: Sequence[Column], target_name: str) -> list[str]:
    """Names of the features that the target alone fixes: each class has one value, and the values differ."""
    classes = frame[target_name]
    count = classes.nunique()
    # With few rows for each class, one value for a class is chance.
    if count < 2 or len(frame) < 10 * count:
        return []
    found = []
    for column in columns:
        if column.role is Role.TARGET or column.type in (ColumnType.TEXT, ColumnType.IMAGE, ColumnType.TOKENS):
            continue
        values = frame[column.name]
        if values.nunique() < 2 or values.isna().mean() > 0.5:
            continue
        pairs = frame[[target_name, column.name]].drop_duplicates()
        if len(pairs) == count:
            found.append(column.name)
    return found


def notes(frame: Frame, columns: Sequence[Column], parts: Array, split: Split) -> Iterator[str]:
    """What a reader should know, none of it an error: constant, identifier-like and leaking columns, twins, owners."""
    features = [column for column in columns if column.role is not Role.TARGET]
    target_name = next(column.name for column in columns if column.role is Role.TARGET)
    yield from _notes_on_parts(frame, features, parts, split)
    if constant := [c.name for c in features if c.type is not ColumnType.IMAGE and frame[c.name].nunique() <= 1]:
        yield f"{_columns(constant)} one value or none, and tells nothing."
    alike = (ColumnType.CATEGORICAL, ColumnType.NUMERIC)
    for column in features:
        if column.role is Role.FEATURE and column.type in alike and len(frame) >= 20:
            values = frame[column.name]
            if _counts_up(values) or (values.dtype.kind not in "iuf" and values.notna().all() and values.is_unique):
                yield (
                    f"Column {column.name!r} is different in every row, like an identifier; "
                    "give it the role 'id' to hide it."
                )
    if {c.name: c.type for c in columns}[target_name] is ColumnType.CATEGORICAL:
        for name in determined(frame, columns, target_name):
            yield f"Column {name!r} follows from the target {target_name!r} and may give it away; leave it out if so."
    else:
        for column in features:
            if column.type is ColumnType.NUMERIC and np.array_equal(
                frame[column.name].to_numpy(np.float64), frame[target_name].to_numpy(np.float64)
            ):
                yield f"Column {column.name!r} equals the target {target_name!r} and gives it away; leave it out."


def _counts_up(values: Any) -> bool:
    # A measured whole number may well be different in each row, but only a counter leaves no gap.
    return bool(values.dtype.kind == "i" and values.is_unique and values.max() - values.min() == len(values) - 1)


def _columns(names: Sequence[str]) -> str:
    return f"Column {names[0]!r} has" if len(names) == 1 else f"Each of the columns {listed(names)} has"


def _notes_on_parts(frame: Frame, features: Sequence[Column], parts: Array, split: Split) -> Iterator[str]:
    import pandas as pd

    test = parts == "test"
    share = float(test.mean())
    if split.method in ("owner", "time") and abs(share - split.test_share) > 0.05:
        yield (
            f"The test part holds {share:.0%} of the rows, not {split.test_share:.0%}, "
            f"as {split.column!r} allows no nearer."
        )
    if split.method == "time" and (untimed := int(frame[split.column].isna().sum())):
        yield f"{untimed:,} {'row' if untimed == 1 else 'rows'} without a time in {split.column!r} went to train."
    owners = [column.name for column in features if column.role is Role.OWNER]
    if owners and split.method != "owner":
        theirs = frame[owners[0]]
        both = int(theirs[test].isin(theirs[~test].dropna()).sum())
        if both > 0:
            yield (
                f"{both:,} of {int(test.sum()):,} test rows belong to an owner in {owners[0]!r} who is in train too; "
                "a split by owner keeps owners apart."
            )
    compared = [column.name for column in features if column.role is not Role.ID]
    if compared:
        hashes = pd.util.hash_pandas_object(frame[compared], index=False).to_numpy()
        twins = int(np.isin(hashes[test], hashes[~test]).sum())
        if twins and twins >= 0.01 * test.sum():
            yield (
                f"{twins:,} of {int(test.sum()):,} test rows have a twin in train, "
                "alike in every column but the target."
            )
