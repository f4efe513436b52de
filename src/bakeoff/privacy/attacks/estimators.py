"""An audit of any estimator in one call: it is fitted on many halves of the rows, and each fit is attacked."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.attacks.attacking import attack
from bakeoff.privacy.attacks.halves import plan_halves
from bakeoff.privacy.attacks.report import AttackReport
from bakeoff.privacy.attacks.settings import AttackSettings, SignalScale
from bakeoff.privacy.attacks.signals import log_odds, number_signals, right_and_wrong

PROBABILITIES, LABELS, NUMBERS = "probabilities", "labels", "numbers"


def audit_membership(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    fits: int = 16,
    seed: int = 0,
    n_jobs: int | None = None,
    settings: AttackSettings | None = None,
) -> AttackReport:
    """Fit an estimator on random halves of the rows and say how well its answers tell who was in.

    `estimator` is anything with `fit` and `predict_proba` or `predict`, of which copies are fitted, or a function that
    makes one, without arguments or with a seed. `X` is an array, a frame, a sparse matrix or a list of rows, `y` their
    labels or numbers. 16 fits cost about as much as 8 on all rows; `fits=2` is the quick form. Each copy has a seed of
    its own for whatever parameter is called random_state. On a terminal or in a notebook a bar shows how far it is;
    `n_jobs` fits run at once (joblib). UsageError for rows and labels that disagree, missing labels, labels of a single
    class, and answers that are no probabilities or numbers.
    """
    y = np.asarray(y)
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    _check(y, rows)
    codes, known = _coded(y)
    numbers = _is_for_numbers(_made(estimator, seed), y)
    if not numbers and len(known) < 2:
        raise UsageError(f"The labels are all {y.tolist()[0]!r}; an audit of a classifier needs at least two classes.")
    rng = np.random.default_rng(seed)
    inside = plan_halves(rows, None if numbers else codes, fits, rng)
    seeds = rng.integers(0, 2**31 - 1, fits).tolist()
    found = list(_shown(_all(_Fit(estimator, X, y, codes, known, numbers), inside, seeds, n_jobs), fits))
    settings = replace(settings or AttackSettings(), seed=seed)
    first, second = (np.stack([pair[place] for _, pair in found]) for place in (0, 1))
    if numbers:
        settings = replace(settings, scale=SignalScale.LOG_LIKELIHOOD)
        return attack(inside, number_signals(first, second[0]), settings=settings)
    # The row of a class that has no other is inside every fit.
    alike = np.flatnonzero(np.bincount(codes)[codes] > 1)
    report = attack(inside, log_odds(first, second), rows=alike, settings=settings)
    if found[0][0] == LABELS:
        told = "The estimator gives labels and no probabilities: a stronger attack may see more."
        report = replace(report, notes=(*report.notes, told))
    return report


@dataclass(frozen=True, eq=False)
class _Fit:
    """One fit on some rows, asked about all of them."""

    estimator: Any
    X: Any
    y: Array
    codes: Array
    known: Mapping[Any, int]
    numbers: bool

    def __call__(self, inside: Array, seed: int) -> tuple[str, tuple[Array, Array]]:
        """What it answers, and how right and wrong that is; or the numbers, and the true ones."""
        model = _made(self.estimator, seed)
        places = np.flatnonzero(inside)
        fitted = model.fit(_rows(self.X, places), self.y[places])
        model = model if fitted is None else fitted
        if not self.numbers and hasattr(model, "predict_proba"):
            return PROBABILITIES, right_and_wrong(self._in_order(model, model.predict_proba(self.X)), self.codes)
        answers = np.asarray(model.predict(self.X))
        if answers.shape != self.y.shape:
            raise UsageError(f"predict gave an array of shape {answers.shape} for {len(self.y):,} rows; give one each.")
        if self.numbers:
            return NUMBERS, (answers.astype(np.float64), self.y.astype(np.float64))
        right = (answers == self.y).astype(np.float64)
        return LABELS, (right, 1 - right)

    def _in_order(self, model: Any, given: Any) -> Array:
        given = np.asarray(given, dtype=np.float64)
        classes = np.asarray(getattr(model, "classes_", sorted(self.known))).tolist()
        strange = [label for label in classes if label not in self.known]
        if given.shape != (len(self.y), len(classes)) or strange:
            raise UsageError(
                f"predict_proba gave an array of shape {given.shape} for {len(self.y):,} rows and {len(classes)} "
                "classes; it must have one row for each and one column for each, in the order of classes_."
            )
        if not np.isfinite(given).all() or given.min(initial=0.0) < 0:
            raise UsageError("predict_proba gave nan, infinity or a negative number; give probabilities.")
        ordered = np.zeros((len(given), len(self.known)))
        ordered[:, [self.known[label] for label in classes]] = given
        return ordered


def _check(y: Array, rows: int) -> None:
    if y.ndim != 1 or len(y) != rows:
        raise UsageError(f"X has {rows:,} rows and y the shape {y.shape}; give one label or number for each row.")
    missing = np.flatnonzero([label is None or label != label for label in y.tolist()])  # noqa: PLR0124
    if missing.size:
        raise UsageError(f"y has no label in row {missing[0]}; leave rows without one out.")


def _coded(y: Array) -> tuple[Array, Mapping[Any, int]]:
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y.tolist()})
        raise UsageError(f"y holds labels of several types ({', '.join(kinds)}); make all of them text.") from None
    return codes, {label: code for code, label in enumerate(classes.tolist())}


def _is_for_numbers(model: Any, y: Array) -> bool:
    if hasattr(model, "predict_proba"):
        return False
    if hasattr(model, "__sklearn_tags__"):
        from sklearn.base import is_regressor

        return bool(is_regressor(model))
    return y.dtype.kind == "f" and not np.equal(y, np.round(y)).all()


def _made(estimator: Any, seed: int) -> Any:
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        model = _called(estimator, seed)
    else:
        model = _copied(estimator)
    if not hasattr(model, "fit"):
        raise UsageError(f"{type(model).__name__} has no fit(X, y); give an estimator, or a function that makes one.")
    if hasattr(model, "get_params") and hasattr(model, "set_params"):
        names = [name for name in model.get_params(deep=True) if name.rpartition("__")[2] == "random_state"]
        if names:
            model.set_params(**dict.fromkeys(names, seed))
    return model


def _called(make: Any, seed: int) -> Any:
    if not callable(make):
        raise UsageError(f"{make!r} is no estimator; give one with fit(X, y), or a function that makes one.")
    if isinstance(make, type):
        return make()
    needed = [one for one in inspect.signature(make).parameters.values() if one.default is inspect.Parameter.empty]
    return make(seed) if any(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in needed) else make()


def _copied(estimator: Any) -> Any:
    if not hasattr(estimator, "get_params"):
        return copy.deepcopy(estimator)
    from sklearn.base import clone

    try:
        return clone(estimator)
    except (TypeError, RuntimeError):  # no strict scikit-learn estimator
        return copy.deepcopy(estimator)


def _rows(X: Any, places: Array) -> Any:
    if hasattr(X, "iloc"):
        return X.iloc[places]
    return X[places] if hasattr(X, "shape") else [X[place] for place in places.tolist()]


def _all(one: Callable[[Array, int], Any], inside: Array, seeds: list[int], n_jobs: int | None) -> Iterator[Any]:
    if n_jobs in (None, 1):
        yield from map(one, inside, seeds)
        return
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=n_jobs, return_as="generator")(map(delayed(one), inside, seeds))


def _shown(found: Iterable[Any], total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    shown = console.is_terminal or console.is_jupyter
    yield from track(found, "fitting", total=total, console=console, disable=not shown, transient=True)
