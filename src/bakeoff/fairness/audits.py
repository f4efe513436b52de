"""A whole audit of one table's answers: groups, rankings and calibration, whatever gave the answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.arrays import numbers
from bakeoff.fairness.columns import groups_of
from bakeoff.fairness.counts import count
from bakeoff.fairness.figures import Wanted
from bakeoff.fairness.groups import GroupReport, Settings, compare_groups
from bakeoff.fairness.measures import Measure
from bakeoff.fairness.patterns import Grouped, by_attributes, by_identities
from bakeoff.fairness.quantities import compare_errors
from bakeoff.fairness.rankings import RankSettings, compare_rankings
from bakeoff.fairness.rates import USUAL
from bakeoff.fairness.reliability import CalibrationSettings, calibration
from bakeoff.nouns import Array, Frame

ROW, PREDICTION = "row_id", "prediction"
FEW_NUMBERS = 20  # different whole numbers that may be classes; more are a quantity


@dataclass(frozen=True)
class Asked:
    """What is compared: the column of true labels, the protected columns, and how.

    `identities` says that the protected columns are identities of 0 and 1 which may overlap. `positive` is the class
    that rates are of (the last one where two are known), `reference` names for an attribute the group to compare with,
    and `weights` a column of weights of rows.
    """

    target: str
    by: Sequence[str]
    identities: bool = False
    positive: str = ""
    metrics: Sequence[str] = USUAL
    reference: Mapping[str, str] = field(default_factory=dict)
    least: float = 10
    draws: int = 2000
    seed: int = 0
    weights: str = ""


@dataclass(frozen=True)
class Audit:
    """What was found: figures and comparisons of groups, and of scores where there are any."""

    rows: int
    groups: GroupReport
    rankings: tuple[Measure, ...] = ()
    calibration: tuple[Measure, ...] = ()

    def __iter__(self) -> Iterator[Measure]:
        return iter((*self.groups, *self.rankings, *self.calibration))

    def frame(self) -> Frame:
        """All measures as a pandas frame, one to a row."""
        import pandas as pd

        return pd.DataFrame([vars(one) for one in self])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return str(self.frame().to_html(index=False, float_format=lambda one: f"{one:.3f}", na_rep=""))

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold."""
        plain = [{key: _plain(value) for key, value in vars(one).items()} for one in self]
        measures = [{key: value for key, value in one.items() if value not in (None, "", [])} for one in plain]
        return {"rows": self.rows, "measures": measures}


def audit(table: Frame, answers: Frame | Array | None, asked: Asked) -> Audit:
    """Compare how the answers treat the groups of a table.

    `answers` holds a column `prediction`, or a probability for each class under its name; its rows are the table's in
    the same order, or those of a column `row_id` that counts the table's rows from 0. What `predict` gives, (rows,), is
    such a column; without any answers the table itself holds them. A protected number with many values is put into
    quarters. UsageError for a column that is not there, rows that do not fit, or answers that are none.
    """
    held = _aligned(table, _framed(answers))
    _check_columns(held.table, asked)
    people = held.table[list(asked.by)]
    grouped = by_identities(people) if asked.identities else by_attributes(_in_quarters(people))
    truth = held.table[asked.target]
    if bool(truth.isna().any()):
        raise UsageError(f"{int(truth.isna().sum()):,} rows have no {asked.target!r}; leave them out.")
    settings = Settings(
        Wanted(tuple(asked.metrics), asked.positive or None),
        least=asked.least,
        draws=asked.draws,
        seed=asked.seed,
        reference=tuple(asked.reference.items()),
    )
    weights = _weights(held.table, asked.weights)
    given = held.answers
    if PREDICTION in given and _are_numbers(truth, given[PREDICTION]):
        predicted = given[PREDICTION].to_numpy()
        return Audit(len(truth), compare_errors(truth.to_numpy(), predicted, grouped, settings, weights))
    return _classified(_as_classes(truth), given, grouped, settings, weights)


@dataclass(frozen=True)
class _Aligned:
    table: Frame
    answers: Frame


def _framed(answers: Any) -> Any:
    """Predictions without a name as the column that they are."""
    import pandas as pd

    if hasattr(answers, "columns") or getattr(answers, "ndim", 0) != 1:
        return answers
    return pd.DataFrame({PREDICTION: np.asarray(answers)})


def _aligned(table: Frame, answers: Frame | None) -> _Aligned:
    for what, frame in (("table", table), ("answers", answers)):
        if frame is not None and not hasattr(frame, "columns"):
            raise UsageError(f"The {what} must be a pandas frame, and not a {type(frame).__name__}.")
    table = table.reset_index(drop=True)
    if answers is None:
        return _Aligned(table, table)
    if ROW in answers:
        rows = numbers(answers[ROW].to_numpy(), "The column row_id of the answers")
        wrong = [row for row in rows.tolist() if not 0 <= row < len(table) or row != int(row)]
        if wrong or len(set(rows.tolist())) < len(rows):
            told = f"row_id {wrong[0]:g} is none of 0 to {len(table) - 1}" if wrong else "some row_id comes twice"
            raise UsageError(f"The answers do not fit the table: {told}.")
        places = rows.astype(np.int64)
        return _Aligned(table.iloc[places].reset_index(drop=True), answers.reset_index(drop=True))
    if len(answers) != len(table):
        raise UsageError(
            f"There are {len(answers):,} answers and {len(table):,} rows; give one for each row, or a column row_id "
            "that counts the table's rows from 0."
        )
    return _Aligned(table, answers.reset_index(drop=True))


def _check_columns(table: Frame, asked: Asked) -> None:
    if not asked.target:
        raise UsageError("Which column holds the true labels? Name it as the target.")
    if isinstance(asked.by, str):
        raise UsageError(f"The protected columns are one string, {asked.by!r}; give a list of names.")
    if not asked.by:
        raise UsageError("By which columns are people to be compared? Name at least one protected column.")
    named = (asked.target, *asked.by, *([asked.weights] if asked.weights else []))
    missing = [name for name in named if name not in table.columns]
    if missing:
        raise UsageError(f"There is no column {missing[0]!r}; there are {', '.join(map(str, table.columns[:12]))}.")


def _in_quarters(people: Frame) -> dict[str, Array]:
    return {str(name): groups_of(people[name], people[name].dtype.kind in "iuf") for name in people.columns}


def _are_numbers(truth: Any, predicted: Any) -> bool:
    """Whether quantities are predicted; UsageError for scores where the truth is two classes."""
    if not {truth.dtype.kind, predicted.dtype.kind} <= set("iuf"):
        return False
    if _is_few(truth) and truth.nunique() <= 2 and not _is_few(predicted):
        raise UsageError(
            f"The predictions are numbers, and {truth.name!r} holds {truth.nunique()} classes; give classes, or a "
            f"column of probabilities for each class ({', '.join(sorted(set(_as_classes(truth))))})."
        )
    return not (_is_few(truth) and _is_few(predicted))


def _is_few(column: Any) -> bool:
    """Whole numbers of few values, which may be classes."""
    present = column.dropna()
    return bool(len(present) and present.nunique() <= FEW_NUMBERS and np.all(present == np.floor(present)))


def _as_classes(column: Any) -> Any:
    """Classes as text; 1.0 is the class 1."""
    if column.dtype.kind == "f" and _is_few(column):
        return column.astype("int64").astype(str)
    return column.astype(str)


def _weights(table: Frame, name: str) -> Array | None:
    if not name:
        return None
    column = table[name]
    if column.dtype.kind not in "iufb" or not (np.isfinite(column.to_numpy(dtype=np.float64)) & (column >= 0)).all():
        raise UsageError(f"The weights {name!r} must be numbers that are not negative, one for each row.")
    return np.asarray(column.to_numpy(dtype=np.float64))


def _classified(
    truth: Any, answers: Frame, grouped: Grouped, settings: Settings, weights: Array | None = None
) -> Audit:
    labels = sorted(set(truth.tolist()))
    named = {str(name): name for name in answers.columns}
    scores = {label: answers[named[label]].to_numpy() for label in labels if label in named}
    if PREDICTION in answers:
        predicted = answers[PREDICTION]
        if bool(predicted.isna().any()):
            raise UsageError(f"{int(predicted.isna().sum()):,} rows have no prediction; answer each of them.")
        predicted = _as_classes(predicted).to_numpy()
        if not set(predicted) & set(labels):
            given, known = (", ".join(sorted(names)[:5]) for names in (set(predicted), labels))
            raise UsageError(f"The predictions ({given}) are none of the true labels ({known}); give the same names.")
    elif len(scores) == len(labels):
        stacked = _probabilities(np.column_stack(list(scores.values())))
        predicted = np.array(labels, dtype=object)[stacked.argmax(1)]
    else:
        raise UsageError(
            f"The answers have neither a column {PREDICTION!r} nor one for each class ({', '.join(labels)}); they have "
            f"{', '.join(map(str, answers.columns[:12]))}."
        )
    classes = sorted({*labels, *map(str, predicted)})
    table = count(truth.to_numpy(dtype=object), predicted, grouped, classes=classes, weights=weights)
    report = compare_groups(table, settings)
    positive = settings.wanted.positive or (labels[-1] if len(labels) == 2 else "")
    if not positive or positive not in scores:
        return Audit(len(truth), report)
    true, share = (truth == positive).to_numpy(), _probabilities(scores[positive].astype(np.float64))
    least = max(1, math.ceil(settings.least))
    ranked = compare_rankings(true, share, grouped, RankSettings(least=least, draws=500, seed=settings.seed), weights)
    reliable = calibration(true, share, grouped, CalibrationSettings(seed=settings.seed), weights)
    return Audit(len(truth), report, ranked, reliable)


def _probabilities(given: Array) -> Array:
    held = np.asarray(given, dtype=np.float64)
    if not ((held >= 0) & (held <= 1)).all():
        raise UsageError("Some probabilities of the answers are missing or outside of 0 to 1; mend them.")
    return held


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return float(value) if isinstance(value, np.floating) else value
