"""A raw table in its standard form: typed, checked, split, and named by the digest of its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bakeoff.errors import TableError
from bakeoff.nouns import Array, Column, ColumnType, Frame, Role, Sides, Split, Table, digest
from bakeoff.tables import checks
from bakeoff.tables.cells import convert, fingerprint, labels
from bakeoff.tables.reading import Raw
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import Settings
from bakeoff.tables.splits import assign
from bakeoff.tables.types import infer_types


@dataclass(frozen=True)
class TableData:
    """A table with its cells.

    `frame` is a pandas DataFrame of standard columns, the target among them, training rows first; a row's place in it
    is its `row_id`. `parts` (n,) holds "train" or "test". `remarks` are what the checks found, `checked` the names of
    the checks that looked. `public` (test rows,) tells the public test rows, None where the test part is whole. `sides`
    are the records behind a matching table's pairs.
    """

    table: Table
    frame: Frame
    parts: Array
    split: Split
    settings: Settings
    remarks: tuple[Remark, ...] = field(default=())
    checked: tuple[str, ...] = field(default=())
    public: Array | None = None
    sides: Sides | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should see, in sentences."""
        return tuple(remark.text for remark in self.remarks)

    def column(self, name: str) -> Any:
        """One standard column as a pandas series."""
        return self.frame[name]

    @property
    def target(self) -> str:
        """The name of the target column."""
        return self.table.of_role(Role.TARGET)[0].name

    def rows(self, part: str) -> Frame:
        """The rows of "train" or "test" without the target, numbered from 0."""
        return self.frame.loc[self.parts == part].drop(columns=self.target).reset_index(drop=True)

    def labels(self, part: str) -> Array:
        """The target of "train" or "test": int64 or str objects for classes, float64 for a quantity."""
        return as_labels(self.frame.loc[self.parts == part, self.target])


def as_labels(series: Any) -> Array:
    """A standard target column as a numpy array: int64, float64, or an object array of str."""
    return series.to_numpy() if series.dtype.kind in "if" else series.to_numpy(dtype=object)


def standardise(raw: Raw, *, target: str | None = None, split: Split | None = None) -> TableData:
    """Type, check and split a raw table; `target` and `split` go before the settings' own.

    Rows are shuffled by the split's seed, so that their order tells nothing. Raises TableError with every problem.
    """
    settings = raw.settings.asking(target or raw.settings.target)
    settings = settings if split is None else replace(settings, split=split)
    settings = _with_split_column(settings)
    problems = checks.structure(raw, settings)
    problems += checks.split_columns(settings, list(raw.frame.columns))
    if not raw.frame.columns.is_unique or not len(raw.frame) or not len(raw.frame.columns):
        raise TableError(problems)
    frame, parts, part_problems = _parts(raw, settings)
    # A feature that train or test lacks tells an entry only which part a row is in.
    partial = [name for name in raw.partial if name != settings.target and name not in settings.roles]
    frame = frame.drop(columns=[name for name in (*settings.leave_out, *partial) if name in frame.columns])
    columns = infer_types(frame, settings, raw.folder)
    problems += checks.pictures(replace(raw, frame=frame), columns, settings)
    standard, notes, cell_problems = _cells(frame, columns, raw, settings)
    problems += part_problems + cell_problems
    problems += checks.identifiers(standard, columns, raw.parts)
    if problems:
        raise TableError(problems)
    parts, split = _divided(standard, columns, parts, settings)
    if partial := [name for name in partial if name not in settings.leave_out]:
        notes.append(f"Not in every file of the table, and so left out: {listed(partial)}.")
    order = _order(parts, split.seed)
    if columns[list(standard.columns).index(settings.target)].type is ColumnType.CATEGORICAL:
        answers = as_labels(standard[settings.target])
        unseen = checks.unseen_labels(answers, parts, split)
        if unseen and not settings.lenient:
            raise TableError(unseen)
        if unseen:
            # A published split is taken as it is, less the rows that nobody could answer.
            learnt = np.isin(answers, answers[parts == "train"])
            order = order[learnt[order]]
            notes.append(unseen[0].split("; ")[0] + "; these rows are left out.")
    data = assembled(standard.iloc[order].reset_index(drop=True), parts[order], split, columns, settings)
    said = (*notes, *checks.notes(data.frame, columns, data.parts, split))
    return replace(data, remarks=tuple(Remark("reading", text) for text in said))


def assembled(frame: Frame, parts: Array, split: Split, columns: Sequence[Column], settings: Settings) -> TableData:
    """The table record over standard columns, with the digest of content, types, roles and split."""
    content = [[column.name, column.type, column.role, fingerprint(frame[column.name])] for column in columns]
    held = digest([content, split.identity(), fingerprint_of_parts(parts)])
    about = {
        key: value for key in ("licence", "source", "commit", "notes", "label") if (value := getattr(settings, key))
    }
    settings = replace(
        settings,
        types={column.name: column.type for column in columns},
        roles={column.name: column.role for column in columns if column.role not in (Role.FEATURE, Role.TARGET)},
        leave_out=(),
        split=split,
        images="",
        lenient=False,
    )
    return TableData(Table(settings.name, tuple(columns), len(frame), held, about), frame, parts, split, settings)


def fingerprint_of_parts(parts: Array) -> str:
    """The digest of which rows are in test."""
    return digest(np.packbits(parts == "test").tobytes())


def _with_split_column(settings: Settings) -> Settings:
    split = settings.split
    roles = {"owner": Role.OWNER, "time": Role.TIME}
    if split is None or split.column or split.method not in roles:
        return settings
    return replace(settings, split=replace(split, column=settings.column_of(roles[split.method])))


def _parts(raw: Raw, settings: Settings) -> tuple[Frame, Array | None, list[str]]:
    """The parts that files or a column give, where they are to be kept."""
    split, frame = settings.split, raw.frame
    if split is None or (split.method == "given" and not split.column):
        if split is not None and raw.parts is None:
            return (
                frame,
                None,
                ["The split is 'given', but there are no train and test files; name the column that holds it."],
            )
        return frame, raw.parts, []
    if split.method != "given" or split.column not in frame.columns:
        return frame, None, []
    said = frame[split.column].astype(str).str.strip().str.lower()
    parts = said.map({"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"})
    if parts.isna().any() or not {"train", "test"} <= set(parts):
        return (
            frame,
            None,
            [
                f"The column {split.column!r} should say 'train' or 'test' in each row (both must occur); it holds "
                f"{listed(sorted(set(said)))}."
            ],
        )
    return frame.drop(columns=split.column), parts.to_numpy(dtype=object), []


def _cells(frame: Frame, columns: Sequence[Column], raw: Raw, settings: Settings) -> tuple[Frame, list[str], list[str]]:
    import pandas as pd

    held, notes, problems = {}, [], []
    for column in columns:
        series = frame[column.name]
        if column.role is Role.TARGET and column.type is ColumnType.CATEGORICAL:
            held[column.name] = labels(series, settings.missing)
            problems += checks.target(held[column.name], column.name, raw.parts)
            continue
        converted = convert(series, column.type, raw.folder, settings.missing)
        if converted.infinite:
            notes.append(f"Column {column.name!r} has {converted.infinite:,} infinite numbers, taken as missing.")
        problems += checks.cells(column, converted.wrong, raw.parts)
        held[column.name] = converted.series
        if column.role is Role.TARGET and not converted.wrong:
            held[column.name] = converted.series.astype("float64")
            problems += checks.target(held[column.name], column.name, raw.parts)
    return pd.DataFrame(held, columns=[column.name for column in columns]), notes, problems


def _divided(frame: Frame, columns: Sequence[Column], parts: Array | None, settings: Settings) -> tuple[Array, Split]:
    if parts is not None:
        if set(parts) == {"test"} or "test" not in parts:
            raise TableError(f"The {'train' if 'test' in parts else 'test'} part has no rows; add some.")
        asked = settings.split or Split()
        return np.where(parts == "test", "test", "train").astype(object), Split("given", asked.column, 0.0, asked.seed)
    kinds = {column.name: column.type for column in columns}
    quantity = kinds[settings.target] is ColumnType.NUMERIC
    split = settings.split or Split("random" if quantity else "stratified")
    if split.method == "stratified" and quantity:
        split = replace(split, method="random")
    if split.method == "time" and kinds[split.column] not in (ColumnType.NUMERIC, ColumnType.DATETIME):
        raise TableError(
            f"The time column {split.column!r} is {kinds[split.column]}; a split by time needs dates or numbers."
        )
    return assign(frame, columns, settings.target, split), split


def _order(parts: Array, seed: int) -> Array:
    """Training rows, then test rows, each shuffled without a look at any cell."""
    order = np.random.default_rng([seed, len(parts)]).permutation(len(parts))
    return order[np.argsort(parts[order] == "test", kind="stable")]
