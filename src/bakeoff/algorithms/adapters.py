"""The adapter: turns whatever a contestant hands in into an object that is fitted once and then asked for answers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bakeoff.errors import Declined, EntryError, Refused
from bakeoff.nouns import TEXT_KINDS, Array, ColumnType, Frame, Label, Schema

# The arena shows these texts as the house's own words and any other note as the entry's: bakeoff.arena.scores.
WRAPPED = "wrapped by skrub's tabular_pipeline"
WITHOUT_IMAGES = "image columns left out"
WITHOUT_FIT_ONLY = "columns shown in fit alone left out"
NUMBERED = "given class numbers for labels"
LABELS_ONLY = "gives labels, no probabilities"
GAPS_FILLED = "gaps in asked rows filled with training medians"
NOT_REPEATABLE = "not repeatable"
CUT = "answers cut at the longest that is allowed"
NOTES = (WRAPPED, WITHOUT_IMAGES, WITHOUT_FIT_ONLY, NUMBERED, LABELS_ONLY, GAPS_FILLED, NOT_REPEATABLE, CUT)


def adapt(algorithm: Any, schema: Schema, parameters: Mapping[str, Any] | None = None) -> Any:
    """Make an algorithm ready for one table: an object, a class or a function without arguments that returns one.

    An Adapted, a TextAdapted for a text task, or a Linking for a linkage entry that meets a matching task. EntryError
    when it is no algorithm, Declined when a classifier meets numbers, a regressor classes, either of them a text task,
    or a linkage entry a table of another kind.
    """
    name = getattr(algorithm, "__name__", type(algorithm).__name__)
    made = _made(algorithm, name, dict(parameters or {}))
    if callable(getattr(made, "fit", None)) and links(made):
        if schema.kind == "matching":
            from bakeoff.algorithms.linkage_adapter import Linking

            return Linking(made, schema)
        if not _answers(made):
            raise Declined(f"{name} links records, and the task is one of {schema.kind}.")
    _check(made, name)
    adapted: Any = Adapted(made, schema)
    if schema.kind in TEXT_KINDS:
        from bakeoff.algorithms.text_adapter import TextAdapted

        adapted = TextAdapted(adapted.model, schema)
    adapted.decline_other_kind()
    return adapted


def _made(algorithm: Any, name: str, parameters: dict[str, Any]) -> Any:
    ready = not inspect.isclass(algorithm) and hasattr(algorithm, "fit")
    if ready:
        if parameters:
            return _with_parameters(copy.deepcopy(algorithm), name, parameters)
        return algorithm
    if not callable(algorithm):
        return algorithm
    try:
        return algorithm(**parameters)
    except TypeError as problem:
        given = f" with {', '.join(sorted(parameters))}" if parameters else " without arguments"
        raise EntryError(f"{name} cannot be made{given}: {problem}.") from problem


def _with_parameters(algorithm: Any, name: str, parameters: dict[str, Any]) -> Any:
    if not hasattr(algorithm, "set_params"):
        raise EntryError(
            f"{name} is an object without set_params, so it cannot be given {', '.join(sorted(parameters))}; "
            "hand in its class instead."
        )
    try:
        return algorithm.set_params(**parameters)
    except ValueError as problem:
        raise EntryError(f"{name} cannot be given its parameters: {problem}") from problem


def _check(algorithm: Any, name: str) -> None:
    missing = []
    if not callable(getattr(algorithm, "fit", None)):
        missing.append("fit(X, y)")
    if not _answers(algorithm):
        missing.append("predict(X) or predict_proba(X)")
    if missing:
        raise EntryError(
            f"{name} is not an algorithm: it lacks {' and '.join(missing)}; give it fit(X, y) and predict(X) or "
            "predict_proba(X)."
        )


def links(algorithm: Any) -> bool:
    """Whether an algorithm is a linkage entry, with a method `link`."""
    return callable(getattr(algorithm, "link", None))


def _answers(algorithm: Any) -> bool:
    return any(callable(getattr(algorithm, method, None)) for method in ("predict", "predict_proba"))


class Adapted:
    """An algorithm that can be fitted on a frame and asked for answers; `notes` says what was done to make it fit.

    `model` is the contestant's object, or the pipeline that was put around it.
    """

    def __init__(self, model: Any, schema: Schema) -> None:
        self.model = model
        self.schema = schema
        self.notes: list[str] = []
        self._left_out: list[str] = []
        self._fit_only: list[str] = []
        self._codes: tuple[Label, ...] = ()
        self._trained: tuple[Label, ...] = ()
        self._medians: Any = None
        self._is_estimator = hasattr(model, "get_params") and hasattr(model, "set_params")
        if self._is_estimator:
            self.model = self._settled(model)

    def decline_other_kind(self) -> None:
        """Declined when a scikit-learn estimator is for the other kind of question."""
        if not hasattr(self.model, "__sklearn_tags__"):
            return
        from sklearn.base import is_classifier, is_regressor

        name = type(self.model).__name__
        if self.schema.classes and is_regressor(self.model):
            raise Declined(f"{name} is a regressor, and the task asks for one of {len(self.schema.classes)} classes.")
        if not self.schema.classes and is_classifier(self.model):
            raise Declined(f"{name} is a classifier, and the task asks for a number.")

    def _settled(self, model: Any) -> Any:
        """A copy with the cell's seed where none was set, and no more jobs than the cell has threads."""
        model = _fresh(model)
        changes: dict[str, Any] = {}
        for name, value in model.get_params(deep=True).items():
            last = name.rpartition("__")[2]
            if last == "random_state" and value is None:
                changes[name] = self.schema.seed % 2**32
            if last == "n_jobs" and value not in (None, self.schema.threads):
                changes[name] = self.schema.threads
        return model.set_params(**changes) if changes else model

    def fit(self, X: Frame, y: Array) -> Adapted:
        """Fit on training rows; an estimator that cannot take the frame is wrapped and fitted again.

        Who does not ask for the schema cannot know which columns will be absent from asked rows, and never sees them.
        """
        absent = [name for name in self.schema.fit_only if name in X.columns]
        if absent and "schema" not in parameters_of(self.model.fit):
            X, self._fit_only = X.drop(columns=absent), absent
            self._note(WITHOUT_FIT_ONLY)
        y = np.asarray(y) if self.schema.classes else np.asarray(y, dtype=np.float64)
        if self.schema.classes:
            self.learn_labels(y)
        if self._is_estimator:
            unfitted = _fresh(self.model)
            try:
                self._fit_one(self.model, X, y)
            except (ValueError, TypeError) as problem:
                self._fit_otherwise(unfitted, X, y, problem)
            else:
                self._medians = _medians(X)
        else:
            self._fit_one(self.model, X, y)
        if self.schema.classes and not hasattr(self.model, "predict_proba"):
            self._note(LABELS_ONLY)
        self.note_whether_repeatable()
        return self

    def note_whether_repeatable(self) -> None:
        """Note an algorithm that says by `repeatable_ = False` that the same seed need not give the same answers."""
        if getattr(self.model, "repeatable_", True) is False:
            self._note(NOT_REPEATABLE)

    def learn_labels(self, y: Array) -> None:
        """Know which of the task's classes are among the training labels, and so in the answers of some algorithms."""
        present = set(np.unique(y).tolist())
        self._trained = tuple(label for label in self.schema.classes if label in present)

    def _fit_one(self, model: Any, X: Frame, y: Array) -> None:
        if "schema" in parameters_of(model.fit):
            model.fit(X, y, schema=self.schema)
        else:
            model.fit(X, y)

    def _fit_otherwise(self, unfitted: Any, X: Frame, y: Array, problem: Exception) -> None:
        """Fit again on skrub's features, then with class numbers for labels; when neither helps, `problem` stands."""
        plain = _plain(X)
        images = [name for name in self.schema.of_type(ColumnType.IMAGE) if name in X.columns]
        if images and len(images) == X.shape[1]:
            raise Declined(f"{type(unfitted).__name__} takes numbers, and this table holds images alone.") from problem
        labels, codes = np.unique(y, return_inverse=True) if self.schema.classes else (np.arange(0), y)
        targets: list[tuple[Array, tuple[Label, ...]]] = [] if plain else [(y, ())]
        if labels.tolist() != list(range(len(labels))):
            targets.append((codes, tuple(labels.tolist())))
        for target, names in targets:
            model = _fresh(unfitted) if plain else self._wrapped(unfitted)
            try:
                self._fit_one(model, X if plain else X.drop(columns=images), target)
            except (ValueError, TypeError):
                continue
            self.model, self._codes, self._left_out = model, names, [] if plain else images
            if not plain:
                self._note(WRAPPED)
                if images:
                    self._note(WITHOUT_IMAGES)
            if names:
                self._note(NUMBERED)
            return
        raise problem

    def _wrapped(self, unfitted: Any) -> Any:
        from skrub import tabular_pipeline

        # Settled again: skrub's own encoders draw at random as well.
        return self._settled(tabular_pipeline(_fresh(unfitted)))

    def answers(self, X: Frame) -> Array:
        """Answers as float64 (rows, classes) in the schema's order, or (rows, 1) for a number.

        Refused when labels are not among the classes, or when numbers are not numbers.
        """
        X = X.drop(columns=[name for name in (*self._left_out, *self._fit_only) if name in X.columns])
        if not self.schema.classes:
            return as_numbers(self._ask(self.model.predict, X), "predict").reshape(-1, 1)
        if hasattr(self.model, "predict_proba"):
            try:
                return self._in_order(as_numbers(self._ask(self.model.predict_proba, X), "predict_proba"))
            except NotImplementedError:
                if not hasattr(self.model, "predict"):
                    raise
        self._note(LABELS_ONLY)
        return self._one_hot(self._ask(self.model.predict, X))

    def _ask(self, method: Callable[[Frame], Any], X: Frame) -> Any:
        try:
            return method(X)
        except ValueError:
            # Training rows had no gap, so nothing taught the estimator about gaps; a full row is answered as before.
            if self._medians is None or not _has_gaps(X):
                raise
            self._note(GAPS_FILLED)
            return method(X.fillna(self._medians))

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _in_order(self, given: Array) -> Array:
        if given.ndim != 2:
            raise Refused(f"predict_proba gave an array of shape {given.shape}; it must have one column per class.")
        labels = self._codes or _labels(getattr(self.model, "classes_", None))
        if labels is None:
            if given.shape[1] == len(self.schema.classes):
                labels = self.schema.classes
            elif given.shape[1] == len(self._trained):
                labels = self._trained
        if labels is None or len(labels) != given.shape[1]:
            raise Refused(
                f"predict_proba gave {given.shape[1]} columns for {len(self.schema.classes)} classes; "
                "it must have one column per class, in the order of its classes_."
            )
        out = np.zeros((len(given), len(self.schema.classes)))
        out[:, self._places(labels)] = given
        return out

    def _one_hot(self, given: Any) -> Array:
        given = np.asarray(given)
        given = given.reshape(-1) if given.ndim == 2 and given.shape[1] == 1 else given
        if given.ndim != 1:
            raise Refused(f"predict gave an array of shape {given.shape}; it must have one label per row.")
        labels = given.tolist()
        if self._codes:
            labels = [self._codes[int(code)] for code in labels]
        out = np.zeros((len(labels), len(self.schema.classes)))
        out[np.arange(len(labels)), self._places(labels)] = 1.0
        return out

    def _places(self, labels: Any) -> Array:
        places = {label: place for place, label in enumerate(self.schema.classes)}
        strange = [label for label in labels if not _hashable(label) or label not in places]
        if strange:
            known = ", ".join(repr(label) for label in self.schema.classes[:5])
            more = ", ..." if len(self.schema.classes) > 5 else ""
            raise Refused(f"The answer {strange[0]!r} is not one of the task's classes ({known}{more}).")
        return np.array([places[label] for label in labels], dtype=int)


def _fresh(model: Any) -> Any:
    """An unfitted copy, so that the caller's own object stays as it was."""
    from sklearn.base import clone

    try:
        return clone(model)
    except (TypeError, RuntimeError):  # not a strict scikit-learn estimator
        return copy.deepcopy(model)


def parameters_of(method: Callable[..., Any]) -> set[str]:
    """The names of a method's parameters; none when they cannot be known."""
    try:
        return set(inspect.signature(method).parameters)
    except (TypeError, ValueError):
        return set()


def _has_gaps(X: Frame) -> bool:
    return bool(X.isna().to_numpy().any())


def _plain(X: Frame) -> bool:
    """Whether every cell is a number that is there."""
    return all(dtype.kind in "biuf" for dtype in X.dtypes) and not _has_gaps(X)


def _medians(X: Frame) -> Any:
    return X.median() if _plain(X) else None


def _hashable(label: Any) -> bool:
    return isinstance(label, (str, int, float)) or label is None


def _labels(classes: Any) -> tuple[Label, ...] | None:
    return None if classes is None else tuple(np.asarray(classes).tolist())


def as_numbers(given: Any, method: str) -> Array:
    """What `method` gave as float64; Refused when there is something else than numbers in it."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        strange = [item for item in array.reshape(-1).tolist() if not isinstance(item, (int, float))]
        if strange:
            raise Refused(f"{method} gave {strange[0]!r} where a number belongs.")
    return array.astype(np.float64)
