"""From a raw table to its standard form, column by column: typed, checked, split, shuffled and named by its content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np

from bakeoff.errors import TableError
from bakeoff.nouns import Array, Column, ColumnType, Role, Split
from bakeoff.tables.annotations import composed
from bakeoff.tables.cells import convert, fingerprint, labels
from bakeoff.tables.checks import structure as checks
from bakeoff.tables.coded import Coded
from bakeoff.tables.columns import BLOCK, Columns
from bakeoff.tables.memory import roomy
from bakeoff.tables.ordered import Ordered, as_texts, repeating
from bakeoff.tables.reading import TESTS, Raw
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import Settings
from bakeoff.tables.splits import (
    PART_NAMES,
    PRECISION,
    asks_precision,
    assign,
    given_parts,
    precision_remarks,
    public_part,
)
from bakeoff.tables.standard import TableData, as_labels, assembled, with_public
from bakeoff.tables.types import SEVERAL, image_paths, infer_coded, infer_column

PARTS = np.array(["train", "test"], dtype=object)


@dataclass(frozen=True)
class _Division:
    """The rows that are kept, as raw places in standard order, with the part of each and which of all are public."""

    order: Array
    parts: Array
    public: Array | None
    split: Split
    note: str = ""


@dataclass
class _Findings:
    """What comes to light while the columns are worked through; problems stop the table, notes do not."""

    pictures: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All problems, in the order in which a reader should see them."""
        return [*self.pictures, *self.cells, *self.identifiers]

    def add(self, more: _Findings) -> None:
        """Take in what was found of another column."""
        for one in fields(self):
            getattr(self, one.name).extend(getattr(more, one.name))


def standardise(raw: Raw, *, target: str | None = None, split: Split | None = None) -> TableData:
    """Type, check and split a raw table; `target` and `split` go before the settings' own.

    Rows are shuffled by the split's seed, so that their order tells nothing. A few columns are in memory at a time, and
    pictures one by one. Raises TableError with every problem.
    """
    with roomy(raw.cells.large):
        return _standardised(raw, target, split)


def _standardised(raw: Raw, target: str | None, split: Split | None) -> TableData:
    settings = raw.settings.asking(target or raw.settings.target)
    settings = settings if split is None else replace(settings, split=split)
    raw, settings, of_target = composed(raw, _with_split_column(settings))
    problems = [*raw.problems, *checks.structure(raw, settings), *checks.split_columns(settings, list(raw.names))]
    problems += of_target
    if len(set(raw.names)) < len(raw.names) or not raw.rows or not raw.names:
        raise TableError([*problems, *checks.besides(raw.notes)])
    parts, part_column, part_problems = _parts(raw, settings)
    # A feature that train or test lacks tells an entry only which part a row is in.
    uneven = [name for name in raw.partial if name != settings.target and name not in settings.roles]
    gone = {*settings.leave_out, *uneven, *part_column}
    intake = _Intake(raw, settings, [name for name in raw.names if name not in gone])
    division: _Division | None = None
    try:
        intake.decide()
        if not (problems or part_problems or intake.findings.problems):
            division = _divided(intake.decided, intake.columns, parts, settings)
    except TableError as fault:
        part_problems += fault.problems
    intake.work_through(division)
    problems += intake.findings.pictures + part_problems + intake.findings.cells + intake.findings.identifiers
    if problems or division is None:
        remarks = checks.foreseen(raw, settings, intake.sound())
        told = [*raw.notes, *intake.findings.notes, *(remark.text for remark in remarks)]
        raise TableError([*problems, *checks.besides(told)])
    notes = [*raw.notes, *intake.findings.notes]
    if uneven := [name for name in uneven if name not in settings.leave_out]:
        notes.append(f"Not in every file of the table, and so left out: {listed(uneven)}.")
    notes += [division.note] if division.note else []
    columns = [intake.columns[name] for name in intake.names]
    data = assembled(intake.standard, division.parts, division.split, columns, settings, intake.prints)
    data = with_public(data, public_part(data) if division.public is None else division.public)
    examined = checks.Examined(data, division.order, intake.image_names, raw.parts, raw.numbers)
    found, looked = checks.examine(examined)
    read = tuple(Remark("reading", text) for text in notes)
    coarse = precision_remarks(data)
    looked = ("reading", *looked, *([PRECISION] if coarse or asks_precision(data) else []))
    sources = _numbered(raw)[division.order[data.tested]]
    return replace(data, remarks=(*read, *found, *coarse), checked=looked, sources=sources)


def _numbered(raw: Raw) -> Array:
    """The number of each raw row (n,) in its own file, from 1."""
    if raw.numbers is not None:
        return raw.numbers
    numbers = np.arange(1, raw.rows + 1)
    for part in () if raw.parts is None else dict.fromkeys(raw.parts):
        here = raw.parts == part
        numbers[here] = np.arange(1, np.count_nonzero(here) + 1)
    return numbers


class _Intake:
    """The columns of a table on their way: each is typed, converted, checked, put in order and kept."""

    def __init__(self, raw: Raw, settings: Settings, names: Sequence[str]) -> None:
        self.raw, self.settings, self.names = raw, settings, names
        self.findings = _Findings()
        self.columns: dict[str, Column] = {}
        self.decided: dict[str, Any] = {}
        self.image_names: dict[str, Array] = {}
        self.prints: dict[str, str] = {}
        self.standard = Columns(0)

    def decide(self) -> None:
        """Convert the columns that decide about the split: the target, and an owner or a time."""
        split = self.settings.split
        deciding = {self.settings.target, split.column if split and split.method in ("owner", "time") else ""}
        for name in self.names:
            if name in deciding:
                self.decided[name] = self._converted(name, self.findings)[0]

    def work_through(self, division: _Division | None) -> None:
        """Convert every column and keep it in the order of the division, unless there are problems by then."""
        large = self.raw.cells.large
        if division is not None:
            self.standard = Columns(len(division.order), large)
        for findings in self.raw.cells.each(self.names, partial(self._keep, division)):
            self.findings.add(findings)
        if division is not None and not self.findings.problems:
            self.standard.arrange(self.names)

    def sound(self) -> Iterator[tuple[Column, Any]]:
        """The columns without a problem, converted anew in the order of the source; the target also where it has gaps.

        Pictures are left out, as they take long to read.
        """
        for name in self.names:
            if self.columns[name].type is ColumnType.IMAGE:
                continue
            findings = _Findings()
            series = self._converted(name, findings)[0]
            if not findings.problems or (name == self.settings.target and series.isna().any()):
                yield self.columns[name], series

    def _keep(self, division: _Division | None, name: str) -> _Findings:
        """Convert a column, keep it and its fingerprint, and give what was found."""
        findings = _Findings()
        named: Array | None = None
        if name in self.decided:
            series = self.decided.pop(name)
        elif (series := self._by_value(name)) is None:
            series, named = self._converted(name, findings)
        if division is None or self.findings.problems or findings.problems:
            return findings
        self._put(name, series, division.order)
        if named is not None:
            self.image_names[name] = named[division.order]
        return findings

    def _put(self, name: str, series: Any, order: Array) -> None:
        """Keep a standard column in this order, and its fingerprint."""
        texts = str(series.dtype) == "str" if not isinstance(series, Coded) else False
        if self.standard.large and texts:
            series = repeating(series) or series
        if isinstance(series, Coded):
            kept: Any = series.take(order)
        elif self.standard.large and (texts or (_is_plain(series) and series.dtype.kind in "ifM")):
            laid = Ordered(series, order, BLOCK)
            self.standard.put(name, laid.arrays())
            self.prints[name] = laid.fingerprint()
            return
        else:
            kept = _in_order(series, order)
        self.standard.put(name, kept)
        self.prints[name] = kept.fingerprint() if isinstance(kept, Coded) else fingerprint(kept)

    def _by_value(self, name: str) -> Any:
        """A column of names or dates that repeat in its standard form, each different one looked at once.

        None for any other, and for one with something to be said of some of its cells.
        """
        import pandas as pd

        raw, settings = self.raw, self.settings
        coded = None if name == settings.target else raw.cells.coded(name)
        if coded is None:
            return None
        column = infer_coded(name, coded, settings, raw.folder)
        pictures = image_paths(coded.head(50), settings.missing) is not None
        if column.type not in (ColumnType.CATEGORICAL, ColumnType.DATETIME) or column.role is Role.ID or pictures:
            return None
        values = coded.different()
        converted = convert(values, column.type, raw.folder, settings.missing, settings.dates.get(name, ""))
        if converted.wrong:
            return None
        self.columns[name] = column
        if column.type is ColumnType.CATEGORICAL:
            return coded.mapped(converted.series)
        times = np.append(converted.series.to_numpy(), np.datetime64("NaT"))
        return pd.Series(times[coded.codes])

    def _converted(self, name: str, findings: _Findings) -> tuple[Any, Array | None]:
        """A column in its standard form, and the paths of its pictures (n,) as given."""
        raw, missing = self.raw, self.settings.missing
        series = raw.column(name)
        column = infer_column(name, series, self.settings, raw.folder)
        self.columns[name] = column
        if image_paths(series.head(50), missing) is not None:
            findings.pictures += checks.pictures(raw, [column], self.settings)
        if column.role is Role.TARGET and column.type is ColumnType.CATEGORICAL:
            classes = labels(series, missing)
            findings.cells += checks.target(classes, name, raw.parts, raw.numbers)
            return classes, None
        converted = convert(series, column.type, raw.folder, missing, self.settings.dates.get(name, ""))
        if converted.infinite:
            findings.notes.append(f"Column {name!r} has {converted.infinite:,} infinite numbers, taken as missing.")
        named = checks.names_for_numbers(column, converted, series)
        findings.cells += [named] if named else checks.cells(column, converted.wrong, raw.parts, raw.numbers)
        if column.role is Role.TARGET and column.type in SEVERAL:
            findings.cells += checks.without_value(converted.series, name, raw.parts, raw.numbers)
            return converted.series, None
        if column.role is Role.TARGET and not converted.wrong:
            quantity = converted.series.astype("float64")
            findings.cells += checks.target(quantity, name, raw.parts, raw.numbers)
            return quantity, None
        if column.role is Role.ID:
            ids = converted.series.to_frame(name)
            findings.identifiers += checks.identifiers(ids, [column], raw.parts, raw.numbers)
        paths = column.type is ColumnType.IMAGE and any(isinstance(cell, str) for cell in series.head(1000))
        return converted.series, series.to_numpy(dtype=object) if paths else None


def _in_order(series: Any, order: Array) -> Any:
    """The rows of a series at these places, with an index from 0."""
    import pandas as pd
    import pyarrow as pa

    if str(series.dtype) != "str" or len(series) < 2:
        return pd.Series(series.to_numpy()[order] if _is_plain(series) else series.array.take(order))
    return as_texts(series).take(pa.array(order)).to_pandas()


def _is_plain(series: Any) -> bool:
    return isinstance(series.dtype, np.dtype)


def _with_split_column(settings: Settings) -> Settings:
    split = settings.split
    roles = {"owner": Role.OWNER, "time": Role.TIME}
    if split is None or split.column or split.method not in roles:
        return settings
    return replace(settings, split=replace(split, column=settings.column_of(roles[split.method])))


def _parts(raw: Raw, settings: Settings) -> tuple[Array | None, list[str], list[str]]:
    """The parts (n,) that files or a column give, where they are to be kept; that column; and what is wrong."""
    split = settings.split
    if split is None or (split.method == "given" and not split.column):
        if split is not None and raw.parts is None:
            told = "The split is 'given', but there are no train and test files; name the column that holds it."
            return None, [], [told]
        return raw.parts, [], []
    if split.method != "given" or split.column not in raw.names:
        return None, [], []
    said = raw.column(split.column).astype(str).str.strip().str.lower()
    parts = said.map(PART_NAMES)
    if parts.isna().any() or "train" not in set(parts) or not set(TESTS) & set(parts):
        told = (
            f"The column {split.column!r} should say 'train' or 'test' in each row (both must occur); it holds "
            f"{listed(sorted(set(said)))}."
        )
        return None, [], [told]
    return parts.to_numpy(dtype=object), [split.column], []


def _divided(
    decided: Mapping[str, Any], columns: Mapping[str, Column], parts: Array | None, settings: Settings
) -> _Division:
    """Which rows are kept, where, and in which part; TableError for a split that the table does not allow."""
    import pandas as pd

    answers = decided[settings.target]
    divided, public, split = _split(decided, columns, parts, settings)
    test = divided == "test"
    order = _order(test, split.seed)
    note = ""
    codes = pd.factorize(answers)[0]
    if columns[settings.target].type is ColumnType.CATEGORICAL and np.setdiff1d(codes[test], codes[~test]).size:
        given = as_labels(answers)
        unseen = checks.unseen_labels(given, divided, split)
        if unseen and not settings.lenient:
            raise TableError(unseen)
        if unseen:
            # A published split is taken as it is, less the rows that nobody could answer.
            order = order[np.isin(given, given[~test])[order]]
            note = unseen[0].split("; ")[0] + "; these rows are left out."
    kept = PARTS[test[order].astype(int)]
    return _Division(order, kept, None if public is None else public[order][kept == "test"], split, note)


def _split(
    decided: Mapping[str, Any], columns: Mapping[str, Column], parts: Array | None, settings: Settings
) -> tuple[Array, Array | None, Split]:
    """ "train" or "test" for each row (n,), which rows are public where parts say so, and the split as it was made."""
    import pandas as pd

    if parts is not None:
        divided, public = given_parts(parts)
        for part in ("train", "test"):
            if not (divided == part).any():
                raise TableError(_without_part(part))
        asked = settings.split or Split()
        share = asked.public_share if public is None else round(float(public.sum() / (divided == "test").sum()), 6)
        return divided, public, Split("given", asked.column, 0.0, asked.seed, share)
    classes = columns[settings.target].type is ColumnType.CATEGORICAL
    split = settings.split or Split("stratified" if classes else "random")
    if split.method == "stratified" and not classes:
        split = replace(split, method="random")
    if split.method == "time" and columns[split.column].type not in (ColumnType.NUMERIC, ColumnType.DATETIME):
        raise TableError(
            f"The time column {split.column!r} is {columns[split.column].type}; a split by time needs dates or numbers."
        )
    deciding = [columns[name] for name in decided]
    return assign(pd.DataFrame(dict(decided)), deciding, settings.target, split), None, split


def _without_part(part: str) -> str:
    if part == "test":
        return "The test part has no rows; add some."
    return (
        "The table has a test part and no training part; put a train file beside it, or have rows of the test file set "
        "apart: name the file itself, or a --split."
    )


def _order(test: Array, seed: int) -> Array:
    """Training rows, then test rows, each shuffled without a look at any cell."""
    order = np.random.default_rng([seed, len(test)]).permutation(len(test))
    last = test[order]
    return np.concatenate([order[~last], order[last]])
