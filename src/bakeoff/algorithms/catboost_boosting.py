"""The catboost baseline: CatBoost with its own reading of categories, missing values and texts."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.algorithms.columns import dates, numbers, strings
from bakeoff.algorithms.constant import Constant
from bakeoff.algorithms.peers import Target, columns_for, held_out, library
from bakeoff.errors import MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.training.clock import Clock

with suppress(MissingExtra):  # imported with the entry, outside the clock; its absence is declined in fit
    need("catboost", "catboost")

SHARE = 0.8  # of the time budget is for fitting
ROUNDS = 500
ROUNDS_OF_CLASSES = 5_000  # rounds x classes: what a round costs grows with the classes
MANY = 5  # classes: from more on trees are smaller, and see half of the features
UNWATCHED = 100  # rounds where no row can be held out
PATIENCE = 40
CHARACTERS = 5_000  # of a text are read
WORD = re.compile(r"\w+")


class CatBoost:
    """Oblivious trees that stop when held-out rows, or the time budget, say so; CatBoost reads categories and texts.

    Declined where CatBoost is not installed, and for a table of images alone. `parameters` are CatBoost's own.
    """

    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> CatBoost:
        """Learn from training rows; Declined when CatBoost is missing or the table holds images alone."""
        clock = Clock(SHARE * schema.time_budget)
        self.columns_ = columns_for("catboost", X, schema)
        library("catboost", "catboost")
        target = Target.of(y, schema)
        if target.classes is not None:
            self.classes_ = target.classes
        kept, held = held_out(target, schema.seed)
        self.texts_ = self._worded(X.iloc[kept])
        frame = self._read(X)
        self.constant_ = None
        if target.single or not any(frame.iloc[kept][name].nunique(dropna=False) > 1 for name in frame.columns):
            self.constant_ = Constant().fit(X, y, schema=schema)  # CatBoost stops with an error
        else:
            pools = [self._pool(frame.iloc[rows], target.values[rows]) for rows in (kept, held) if len(rows)]
            self._learn(pools, schema, clock)
        return self

    def _worded(self, X: Frame) -> tuple[str, ...]:
        """The text columns that have words; CatBoost stops with an error at one without."""
        least = rarest(len(X))
        found = []
        for name in self.columns_.text:
            counts = Counter(word for text in strings(X, name, CHARACTERS) for word in set(_words(text)))
            if any(count >= least for count in counts.values()):
                found.append(name)
        return tuple(found)

    def _read(self, X: Frame) -> Frame:
        told: dict[str, Any] = dict(zip(self.columns_.numeric, numbers(X, self.columns_.numeric).T, strict=True))
        for name in self.columns_.datetime:
            for place, part in enumerate(dates(X, (name,)).T):
                told[f"{name} {place}"] = part
        told |= {name: strings(X, name) for name in self.columns_.categorical}
        told |= {name: [" ".join(_words(text)) for text in strings(X, name, CHARACTERS)] for name in self.texts_}
        return pd.DataFrame(told, index=pd.RangeIndex(len(X)))

    def _pool(self, frame: Frame, target: Array | None = None) -> Any:
        from catboost import Pool

        return Pool(
            frame, target, cat_features=list(self.columns_.categorical), text_features=list(self.texts_), thread_count=1
        )

    def _learn(self, pools: list[Any], schema: Schema, clock: Clock) -> None:
        import catboost

        kept, *held = pools
        told = {**settings(schema, kept.num_row(), bool(held)), **self._task(schema), **self.parameters}
        made = catboost.CatBoost(told)
        until = _until(clock)
        made.fit(kept, eval_set=held or None, callbacks=[until])
        self.model_ = made
        self.repeatable_ = not until.cut

    def _task(self, schema: Schema) -> dict[str, Any]:
        if not schema.classes:
            return {"loss_function": "MAE" if schema.metric == "mae" else "RMSE"}
        return {"loss_function": "Logloss" if len(self.classes_) == 2 else "MultiClass"}

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        if self.constant_ is not None:
            return self.constant_.predict_proba(X)
        told = self.model_.predict(self._pool(self._read(X)), prediction_type="Probability", thread_count=1)
        return np.asarray(told, dtype=np.float64)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if hasattr(self, "classes_"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        if self.constant_ is not None:
            return self.constant_.predict(X)
        return np.asarray(self.model_.predict(self._pool(self._read(X)), thread_count=1), dtype=np.float64)


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def rarest(rows: int) -> int:
    """In how many of so many rows a word must be to be read."""
    return 1 if rows < 100 else 2 if rows < 1_000 else 3


def settings(schema: Schema, rows: int, watched: bool) -> dict[str, Any]:
    """CatBoost's parameters for a table of so many rows."""
    classes = len(schema.classes)
    watching = {"od_type": "Iter", "od_wait": PATIENCE, "use_best_model": True} if watched else {}
    return {
        "iterations": int(np.clip(ROUNDS_OF_CLASSES // max(classes, 1), UNWATCHED, ROUNDS)) if watched else UNWATCHED,
        **({"depth": 4, "rsm": 0.5} if classes > MANY else {"depth": 6}),
        "border_count": 64,
        "max_ctr_complexity": 2,
        "random_seed": schema.seed % 2**31,
        "thread_count": schema.threads,
        "logging_level": "Silent",
        "allow_writing_files": False,
        "text_processing": _texts(rows, classes),
        **watching,
    }


def _texts(rows: int, classes: int) -> dict[str, Any]:
    """What CatBoost makes of texts: which words they hold, and for classes how their words speak for each."""
    words = {"dictionary_id": "words", "max_dictionary_size": "50000", "occurrence_lower_bound": str(rarest(rows))}
    made = ["BoW:top_tokens_count=1000", *(["NaiveBayes"] if classes else [])]
    read = {"tokenizers_names": ["words"], "dictionaries_names": ["words"], "feature_calcers": made}
    return {
        "tokenizers": [{"tokenizer_id": "words", "separator_type": "ByDelimiter", "delimiter": " "}],
        "dictionaries": [{**words, "gram_order": "1"}],
        "feature_processing": {"default": [read]},
    }


def _until(clock: Clock) -> Any:
    """Ends training when another round might not fit into what is left."""

    class Until:
        longest = 0.0
        cut = False
        last = time.monotonic()

        def after_iteration(self, info: Any) -> bool:
            now = time.monotonic()
            # The first is longer by all that comes before it.
            self.longest = max(self.longest, now - self.last) if info.iteration > 1 else 0.0
            self.last = now
            self.cut = clock.left() < 2 * self.longest
            return not self.cut

    return Until()
