"""Which rows are set apart for the test, which of these are public, and whether they are enough to tell by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.errors import TableError
from bakeoff.nouns import Array, Column, ColumnType, Frame, Split, digest
from bakeoff.tables.remarks import Remark
from bakeoff.tables.settings import Settings

if TYPE_CHECKING:
    from bakeoff.tables.standard import TableData

PARTS = ("train", "test")
NAMED = np.array(PARTS, dtype=object)  # an array of one and the same two texts, however many rows there are
PART_NAMES: Mapping[str, str] = {
    "train": "train",
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    "test": "test",
    "public": "public",
    "private": "private",
}
FEW_OWNERS = 10  # up to which rows of one owner count as alike
Z = 1.959964  # two-sided 95 % of the normal
PRECISION = "precision"  # the name of the check
VERY_SMALL = 0.2  # the half-width from which a test part that is whole is remarked on
CLASS_MEANS = {"balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1"}
ONE_SIDED = {"auc": "AUC", "f1": "F1", "best_f1": "F1", "average_precision": "average precision", "recall": "recall"}
UNEVEN = 0.75  # with one class above this share, a question is asked by AUC unless somebody says otherwise


def assign(frame: Frame, columns: Sequence[Column], target: str, split: Split) -> Array:
    """ "train" or "test" for each row (n,), decided by the split's method and seed.

    `frame` holds standard columns. Raises TableError for a split that the table does not allow. A split "given" is the
    reader's matter and not decided here.
    """
    n = len(frame)
    if n < 2:
        raise TableError(
            "The table has one row; a train and a test part need at least 2." if n else "The table has no rows."
        )
    generator = np.random.default_rng(split.seed)
    wanted = min(max(round(split.test_share * n), 1), n - 1)
    classes = None
    if target and {column.name: column.type for column in columns}[target] is ColumnType.CATEGORICAL:
        classes = _codes(frame[target])
    if split.method == "owner":
        owners = _codes(frame[split.column], own=True)
        if owners.max() == 0:
            raise TableError(f"The owner column {split.column!r} names one owner; a split by owner needs at least 2.")
        test = _by_owner(owners, classes, wanted, generator)
        if not test.any():
            raise TableError(
                f"The owners in {split.column!r} cannot be split into train and test with every class in train; "
                "use another split, or a column with more owners."
            )
    elif split.method == "time":
        test = _by_time(frame[split.column], wanted, split.column)
    elif split.method == "stratified" and classes is not None:
        test = _stratified(classes, wanted, generator)
    else:
        test = np.zeros(n, bool)
        test[generator.permutation(n)[:wanted]] = True
    if not test.any():
        raise TableError(f"No class of {target!r} has a second row to set apart for the test; add rows.")
    return NAMED[test.astype(int)]


def _codes(series: Any, own: bool = False) -> Array:
    """Whole numbers for the values, -1 for a missing one, or with `own` a number of its own for each missing one."""
    import pandas as pd

    codes = pd.factorize(series)[0].astype(np.int64)
    if own:
        alone = codes < 0
        codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes


def _stratified(classes: Array, wanted: int, generator: np.random.Generator) -> Array:
    """Each class gives its share of the test rows, rounded by largest remainder; one row at least stays in train."""
    counts = np.bincount(classes + 1)
    share = counts * (wanted / len(classes))
    take = np.floor(share).astype(int)
    spare = np.where(counts - take > 1, share - take, -1.0)
    take[np.argsort(-spare, kind="stable")[: wanted - take.sum()]] += 1
    take = np.minimum(take, np.maximum(counts - 1, 0))
    return _drawn(classes, take, generator)


def _drawn(classes: Array, take: Array, generator: np.random.Generator) -> Array:
    """`take` (classes + 1,) rows of each class at random, the missing class first: bool (n,)."""
    counts = np.bincount(classes + 1)
    order = generator.permutation(len(classes))
    # Whole numbers of two bytes are sorted many times faster.
    small = classes.astype(np.int16) if len(counts) < 2**15 else classes
    grouped = order[np.argsort(small[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.arange(len(classes)) - np.repeat(starts, counts)
    drawn = np.zeros(len(classes), bool)
    drawn[grouped[place < np.repeat(take, counts)]] = True
    return drawn


def _by_owner(owners: Array, classes: Array | None, wanted: int, generator: np.random.Generator) -> Array:
    """Whole owners, in random order, while they fit into the wanted number of rows and leave every class in train."""
    rows = np.split(np.argsort(owners, kind="stable"), np.cumsum(np.bincount(owners))[:-1])
    labels = np.zeros(len(owners), np.int64) if classes is None else classes + 1
    left = np.bincount(labels)
    test = np.zeros(len(owners), bool)
    taken = 0
    refused: list[Array] = []
    for owner in generator.permutation(len(rows)):
        theirs = rows[owner]
        taking = np.bincount(labels[theirs], minlength=len(left))
        if ((left == taking) & (taking > 0)).any():
            continue
        if taken + len(theirs) > wanted:
            refused.append(theirs)
            continue
        test[theirs] = True
        left -= taking
        taken += len(theirs)
    # One owner over the mark is better than a test part that falls further short of it.
    best = min(refused, key=len, default=None)
    if best is not None and taken + len(best) - wanted < wanted - taken:
        taking = np.bincount(labels[best], minlength=len(left))
        if not ((left == taking) & (taking > 0)).any():
            test[best] = True
    return test


def _by_time(times: Any, wanted: int, column: str) -> Array:
    """The latest rows; rows of one moment stay together, and a row without a time stays in train."""
    known = times.notna().to_numpy()
    values = times[known].to_numpy()
    moments, counts = np.unique(values, return_counts=True)
    if len(moments) < 2:
        raise TableError(
            f"The time column {column!r} holds fewer than 2 different times, so no rows are the latest."
            " Use another split."
        )
    later = np.cumsum(counts[::-1])[::-1]
    first = int(np.argmin(np.abs(later[1:] - wanted))) + 1
    test = np.zeros(len(times), bool)
    test[known] = values >= moments[first]
    return test


def given_parts(parts: Array) -> tuple[Array, Array | None]:
    """Parts as files or a column name them, as "train" or "test" (n,), and the public ones of all rows: bool (n,).

    "valid" joins train; "public" and "private" rows are test rows. The public rows are None where the test part is
    whole: there must be two parts of it. Rows called "test" beside public ones are private, and public beside private
    ones alone.
    """
    parts = np.asarray(parts, dtype=object)
    test = np.isin(parts, ("test", "public", "private"))
    public = parts == "public" if (parts == "public").any() else parts == "test"
    divided = public.any() and (test & ~public).any()
    return NAMED[test.astype(int)], public if divided else None


def public_part(data: TableData) -> Array | None:
    """Which test rows of a table are public, by its split; None where the split keeps the test part whole."""
    split = data.split
    if not split.public_share:
        return None
    test = data.tested
    by = data.column(split.column)[test] if split.method in ("owner", "time") else None
    owners, times = (by if split.method == method else None for method in ("owner", "time"))
    kind = data.table.column(data.target).type
    return public_rows(data.labels("test"), owners, times, split, kind is ColumnType.CATEGORICAL)


def public_rows(labels: Array, owners: Any, times: Any, split: Split, classes: bool = True) -> Array:
    """Which of the test rows are public, `split.public_share` of them or as near as can be: bool (test rows,).

    `labels` are the test targets: classes, each of which gives its share of the public rows (one row at least where
    they fit, so that no class is met in the private part alone), or float64 for a quantity, divided at random, as is
    whatever is said to be no `classes`. `owners` (a series, or None) are kept whole, and of `times` the earlier are
    public. The choice depends on the split's seed and on the labels, so that nobody can tell the public rows who does
    not have the truth. Raises TableError for test rows that cannot be divided.
    """
    import pandas as pd

    labels = np.asarray(labels)
    n = len(labels)
    mend = "leave the public share out, or have a larger test part."
    if n < 2:
        raise TableError(f"The test part has one row, which cannot be divided into public and private ones; {mend}")
    wanted = min(max(round(split.public_share * n), 1), n - 1)
    held = None if labels.dtype.kind == "f" or not classes else _codes(pd.Series(labels))
    generator = np.random.default_rng(int(digest(["public", split.seed, labels]), 16))
    if times is not None:
        if pd.Series(times).nunique() < 2:
            raise TableError(f"All test rows are of one time in {split.column!r}, so none are the later ones; {mend}")
        return ~_by_time(times, n - wanted, split.column)
    if owners is not None:
        codes = _codes(owners, own=True)
        if codes.max() == 0:
            raise TableError(f"All test rows are of one owner in {split.column!r}, who cannot be divided; {mend}")
        private = _by_owner(codes, held, n - wanted, generator)
        if not private.any():
            private = codes == np.bincount(codes).argmin()
        return ~private
    if held is None:
        public = np.zeros(n, bool)
        public[generator.permutation(n)[:wanted]] = True
        return public
    return _drawn(held, _spread(np.bincount(held + 1), wanted), generator)


def _spread(counts: Array, wanted: int) -> Array:
    """`wanted` rows over the classes: one of each where they fit, the rest in proportion, by largest remainder.

    A class of several rows keeps one back, so that the private part has it too; fewer are taken where that is more.
    """
    take = np.zeros(len(counts), int)
    take[np.argsort(-counts, kind="stable")[:wanted]] = 1
    take = np.minimum(take, counts)
    most = np.maximum(counts - 1, np.minimum(counts, 1))
    owed = np.maximum(counts * (wanted / counts.sum()) - take, 0.0)
    share = owed * ((wanted - take.sum()) / owed.sum()) if owed.sum() else owed
    more = np.floor(share + 1e-9).astype(int)
    take = np.minimum(take + more, most)
    spare = np.where(take < most, share - more, -1.0)
    last = np.argsort(-spare, kind="stable")[: max(wanted - take.sum(), 0)]
    take[last[take[last] < most[last]]] += 1
    return take


def _labels(data: TableData, part: str) -> Array:
    """The target of a part: whole numbers for its classes, or float64 for a quantity."""
    import pandas as pd

    start, stop = data.span(part)
    held = data.cells.coded(data.target)
    if held is not None:
        # Of a target that is never missing, the codes are numbered as its texts would be.
        return _codes(pd.Series(held.codes[start:stop]))
    series = data.cells.cut(data.target, start, stop)
    return series.to_numpy() if series.dtype.kind == "f" else _codes(series)


def _counts(labels: Array) -> Array:
    """How many rows each class has."""
    import pandas as pd

    return pd.Series(labels).value_counts(sort=False).to_numpy()


def precision(labels: Array, metric: str = "", owners: Any = None) -> float:
    """The half-width of a 95 % interval that test rows with these labels allow at worst.

    For a share of right answers 1.96 sqrt(1/4n), the normal interval at one half. Metrics that weigh classes alike
    add up that variance over the classes; those of one class against the rest (AUC, F1, average precision) have the
    rarer side's rows for n, an upper bound for AUC by Birnbaum and Klose (1957), Annals of Mathematical Statistics 28,
    1011-1023. For a quantity (float64 labels) it is the error's half-width as a share of itself, 1.96 sqrt(1/2n) for
    normal errors. With `owners` (n,) rows of one owner count as wholly alike: n becomes (sum of their rows)^2 / sum of
    their rows squared (Kish 1965, Survey Sampling, 8.2). Infinite where there is nothing to tell by.
    """
    labels = np.asarray(labels)
    n = len(labels)
    if not n:
        return math.inf
    widen = 1.0
    if owners is not None:
        theirs = np.bincount(_codes(owners, own=True)).astype(np.float64)
        widen = math.sqrt((theirs**2).sum() / n)
    if labels.dtype.kind == "f":
        return widen * Z * math.sqrt(0.5 / n)
    counts = _counts(labels).astype(np.float64)
    if metric in CLASS_MEANS:
        return widen * float(Z * np.sqrt((0.25 / counts).sum()) / len(counts))
    if metric in ONE_SIDED:
        if len(counts) < 2:
            return math.inf
        return widen * float(Z * np.sqrt(0.25 / np.minimum(counts, n - counts)).mean())
    return widen * Z * math.sqrt(0.25 / n)


def asks_precision(data: TableData) -> bool:
    """Whether the test part is held to a precision: somebody asked for one, or the part is divided."""
    return data.public is not None or data.settings.precision != Settings.precision


def precision_remarks(data: TableData) -> list[Remark]:
    """A remark for each part of the test that is too small for the wanted precision (`settings.precision`).

    A test part that is whole is remarked on when it is very small, or when somebody asked for a precision.
    """
    labels, public, wanted = _labels(data, "test"), data.public, data.settings.precision
    if public is None:
        limit = wanted if asks_precision(data) else VERY_SMALL
        remark = _coarse(data, "test", np.ones(len(labels), bool), limit)
        return [remark] if remark else []
    parts = {"public": public, "private": ~public}
    return [remark for name, rows in parts.items() if (remark := _coarse(data, name, rows, wanted))]


def _coarse(data: TableData, part: str, rows: Array, limit: float) -> Remark | None:
    """The remark on a part of the test whose half-width is above the limit."""
    split, labels = data.split, _labels(data, "test")
    owners = data.column(split.column)[data.tested][rows] if split.method == "owner" else None
    # Rows of one owner are never wholly alike; with a good many owners the rows' own number is nearer the truth.
    owners = None if owners is None or owners.nunique() > FEW_OWNERS else owners
    metric = data.settings.metric or _usual(data)
    half = precision(labels[rows], metric, owners)
    if half <= limit:
        return None
    wanted = data.settings.precision
    n, many = int(rows.sum()), len(labels)
    quantity = labels.dtype.kind == "f"
    name = "the error" if quantity else {**CLASS_MEANS, **ONE_SIDED}.get(metric, "accuracy")
    whole = "test part" if part == "test" else f"{part} test part"
    told = f"The {whole} has {n:,} {'row' if n == 1 else 'rows'}"
    if owners is not None:
        told += f" of {_codes(owners, own=True).max() + 1:,} owners"
    elif metric in ONE_SIDED and not quantity:
        told += f", {_rarest(labels[rows]):,} of the rarest class"
    if math.isinf(half):
        return Remark(PRECISION, f"{told}, so that {name} cannot be told; {_mend(data, part, many + 1)}.")
    needed = math.ceil(n * (half / wanted) ** 2 - 1e-6)
    within, aim = _figures(half, wanted, quantity)
    said = f"{told}, so that {name} can be told to within {within}; {needed:,} rows are needed for {aim}"
    return Remark(PRECISION, f"{said}: {_mend(data, part, needed)}.")


def _usual(data: TableData) -> str:
    labels = _counts(_labels(data, "train"))
    return "auc" if labels.max(initial=0) > UNEVEN * labels.sum() else "accuracy"


def _rarest(labels: Array) -> int:
    counts = _counts(labels)
    return int(counts.min()) if len(counts) > 1 else 0


def _figures(half: float, wanted: float, quantity: bool) -> tuple[str, str]:
    """Two half-widths with as many decimals as tell them apart; in per cent for a quantity's error."""
    for places in range(2, 6):
        pair = [f"{value * 100:.{places - 2}f} %" if quantity else f"{value:.{places}f}" for value in (half, wanted)]
        if pair[0] != pair[1]:
            break
    return (f"{pair[0]} of itself", pair[1]) if quantity else (pair[0], pair[1])


def _mend(data: TableData, part: str, needed: int) -> str:
    if data.split.method == "given":
        return f"give more {part} rows"
    if part == "test" or needed > data.tested.sum():
        return "ask for a larger --test-share, or bring more rows"
    share = "a larger" if part == "public" else "a smaller"
    return f"ask for {share} --public-share or a larger test share"
