"""The adapter of text tasks: tokens, tags, spans and texts as Python knows them, and answers as the wall takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.errors import Declined, EntryError, Refused
from bakeoff.nouns import TEXT_KINDS, Array, ColumnType, Frame, Schema
from bakeoff.tasks import Written, kind
from bakeoff.tasks.generation import LEAST_MOST, ROOM

TAGGING, JOINT, SPAN, GENERATION, LANGUAGE_MODEL = TEXT_KINDS


class TextAdapted:
    """An algorithm of a text task: fitted on tokens, tags and texts, asked for answers of its kind.

    Answers are what one JSON line holds for each row, or probabilities (rows, classes) of a language model.
    """

    def __init__(self, model: Any, schema: Schema) -> None:
        self.model = model
        self.schema = schema
        self.notes: list[str] = []
        self._cap = LEAST_MOST

    def decline_other_kind(self) -> None:
        """Declined for a scikit-learn classifier or regressor, which gives one label or number a row.

        EntryError for an algorithm without the method that the kind of task needs.
        """
        name = type(self.model).__name__
        if hasattr(self.model, "__sklearn_tags__"):
            from sklearn.base import is_classifier, is_regressor

            if is_classifier(self.model) or is_regressor(self.model):
                raise Declined(f"{name} gives a label or a number a row, and the task is one of {self.schema.kind}.")
        needed = "predict_proba" if self.schema.kind == LANGUAGE_MODEL else "predict"
        if not callable(getattr(self.model, needed, None)):
            raise EntryError(f"{name} lacks {needed}(X), which a task of {self.schema.kind} asks for.")

    def fit(self, X: Frame, y: Array) -> TextAdapted:
        """Fit on training rows; `y` are the targets as they stand in the table."""
        from bakeoff.algorithms.adapters import NOT_REPEATABLE, parameters_of

        asked = kind(self.schema.kind)
        targets = asked.learnt(y) if isinstance(asked, Written) else np.asarray(y, dtype=object)
        if self.schema.kind == GENERATION:
            self._cap = max(LEAST_MOST, ROOM * max(map(len, targets), default=0))
        if "schema" in parameters_of(self.model.fit):
            self.model.fit(self._readable(X), targets, schema=self.schema)
        else:
            absent = [name for name in self.schema.fit_only if name in X.columns]
            self.model.fit(self._readable(X.drop(columns=absent)), targets)
        if getattr(self.model, "repeatable_", True) is False:
            self.notes.append(NOT_REPEATABLE)
        return self

    def answers(self, X: Frame) -> Any:
        """Answers to rows; Refused when they are none of the task's kind."""
        rows = self._readable(X)
        if self.schema.kind == LANGUAGE_MODEL:
            return self._chances(self.model.predict_proba(rows), len(rows))
        given = self.model.predict(rows)
        if self.schema.kind == TAGGING:
            return _tags(given, self._tokens(rows))
        if self.schema.kind == JOINT:
            return _labelled(given, self._tokens(rows))
        if self.schema.kind == SPAN:
            return _spans(given, rows)
        return self._texts(given, len(rows))

    def _readable(self, X: Frame) -> Frame:
        """Rows whose tokens are lists of words, where the task is about tokens."""
        if self.schema.kind not in (TAGGING, JOINT):
            return X
        names = [name for name in self.schema.of_type(ColumnType.TOKENS) if name in X.columns]
        return X.assign(**{name: [_split(cell) for cell in X[name]] for name in names})

    def _tokens(self, rows: Frame) -> list[list[str]]:
        """The words of each row that tags belong to."""
        (name, *_) = [name for name in self.schema.of_type(ColumnType.TOKENS) if name in rows.columns]
        return list(rows[name])

    def _chances(self, given: Any, rows: int) -> Array:
        from bakeoff.algorithms.adapters import as_numbers

        chances = as_numbers(given, "predict_proba")
        classes = self.schema.classes
        if chances.shape != (rows, len(classes)):
            raise Refused(
                f"predict_proba gave an array of shape {chances.shape}; {(rows, len(classes))} was due, one probability"
                " for each of schema.classes."
            )
        own = getattr(self.model, "classes_", None)
        if own is None or list(own) == list(classes):
            return chances
        places = {label: place for place, label in enumerate(own)}
        if set(places) != set(classes):
            raise Refused("classes_ of the language model are not the characters of schema.classes.")
        return chances[:, [places[label] for label in classes]]

    def _texts(self, given: Any, rows: int) -> list[str]:
        texts = _listed(given, rows)
        strange = next((text for text in texts if not isinstance(text, str)), None)
        if strange is not None:
            raise Refused(f"predict gave {strange!r:.60} where a text belongs.")
        if any(len(text) > self._cap for text in texts):
            from bakeoff.algorithms.adapters import CUT

            if CUT not in self.notes:
                self.notes.append(CUT)
            texts = [text[: self._cap] for text in texts]
        return texts


def _split(cell: Any) -> list[str]:
    return cell.split(" ") if isinstance(cell, str) and cell else []


def _listed(given: Any, rows: int) -> list[Any]:
    """What `predict` gave as a list with one item a row."""
    try:
        items = list(given.tolist() if isinstance(given, np.ndarray) else given)
    except TypeError as problem:
        raise Refused(f"predict gave {given!r:.60}; it must give one answer for each row.") from problem
    if len(items) != rows:
        raise Refused(f"predict gave {len(items)} answers to {rows} rows; it must give one for each.")
    return items


def _tags(given: Any, tokens: Sequence[Sequence[str]]) -> list[list[str]]:
    """Tags for each token of each row."""
    found = []
    for row, (tags, words) in enumerate(zip(_listed(given, len(tokens)), tokens, strict=True)):
        told = [str(tag) for tag in tags] if isinstance(tags, (list, tuple, np.ndarray)) else None
        if told is None or len(told) != len(words):
            what = f"{len(told)} tags" if told is not None else f"{tags!r:.60}"
            raise Refused(f"predict gave {what} to the {len(words)} tokens of row {row}; it must give a tag for each.")
        found.append(told)
    return found


def _labelled(given: Any, tokens: Sequence[Sequence[str]]) -> list[list[Any]]:
    """A label and tags for each row, from a frame with these columns or a pair."""
    if hasattr(given, "columns"):
        if not {"label", "tags"} <= set(given.columns):
            raise Refused("predict gave a frame without the columns label and tags.")
        labels, tags = list(given["label"]), list(given["tags"])
    elif isinstance(given, (tuple, list)) and len(given) == 2:
        labels, tags = (list(part) for part in given)
    else:
        raise Refused("predict must give a frame with the columns label and tags, or a pair of labels and tags.")
    told = _tags(tags, tokens)
    return [[str(label), each] for label, each in zip(_listed(labels, len(tokens)), told, strict=True)]


def _spans(given: Any, rows: Frame) -> list[str]:
    """Texts, cut out of the contexts where starts and ends were given."""
    items = _listed(given, len(rows))
    if all(isinstance(item, str) for item in items):
        return items
    if "context" not in rows.columns:
        raise Refused("predict gave positions, and the rows have no column context; it must give texts.")
    found = []
    for row, (item, context) in enumerate(zip(items, rows["context"], strict=True)):
        try:
            start, end = (int(number) for number in item)
        except (TypeError, ValueError) as problem:
            raise Refused(f"predict gave {item!r:.60} to row {row}; give a text, or start and end.") from problem
        if not 0 <= start <= end <= len(context):
            raise Refused(f"predict gave the span {start} to {end} in the {len(context)} characters of row {row}.")
        found.append(str(context[start:end]))
    return found
