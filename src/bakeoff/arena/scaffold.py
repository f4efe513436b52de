"""Entries to start from: each runs as it is, and is made to be changed."""

from __future__ import annotations

import json
from pathlib import Path

from bakeoff.arena.entries import baseline_point, needed
from bakeoff.arena.scaffold_texts import SCAFFOLD_TEXTS
from bakeoff.errors import EntryError
from bakeoff.tasks import kind as kind_named

SCAFFOLD_MODEL = '''"""A Bakeoff entry: any class with fit and predict_proba (or predict) on a pandas DataFrame."""

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from skrub import tabular_pipeline


class Model:
    """skrub's features and scikit-learn's gradient boosting; make it yours."""

    def __init__(self, learning_rate=0.1):
        self.learning_rate = learning_rate

    def fit(self, X, y, schema):
        # schema tells the columns' types, the classes, the seed and the time budget; leave it out if you need none.
        boosting = HistGradientBoostingRegressor if schema.kind == "regression" else HistGradientBoostingClassifier
        images = schema.of_type("image")
        self.seen = [name for name in X.columns if name not in images]
        learner = boosting(learning_rate=self.learning_rate, random_state=schema.seed)
        self.pipeline = tabular_pipeline(learner).fit(X[self.seen], y)
        self.classes_ = getattr(self.pipeline, "classes_", None)
        return self

    def predict(self, X):
        return self.pipeline.predict(X[self.seen])

    def predict_proba(self, X):
        return self.pipeline.predict_proba(X[self.seen])
'''

SCAFFOLD_LINKAGE = '''"""A Bakeoff linkage entry: a class with fit and link on pandas DataFrames of records."""

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors


class Model:
    """Each record's nearest ones by TF-IDF of all its words, scored by what the labelled pairs tell; make it yours."""

    def __init__(self, candidates=10):
        self.candidates = candidates

    def fit(self, left, right, pairs, schema):
        # pairs has the columns left and right (positions in the records) and label (1 for a match, 0 for none);
        # right is None where the pairs are duplicates within left. schema.columns are the columns of the records.
        ignored = set(schema.ignored)  # columns in which two records may differ and still match
        images = schema.of_type("image")
        self.seen = [column.name for column in schema.columns if column.name not in {*ignored, *images}]
        first, second = self._texts(left), self._texts(left if right is None else right)
        self.tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True).fit([*first, *second])
        a, b = self.tfidf.transform(first), self.tfidf.transform(second)
        cosine = np.asarray(a[pairs["left"].to_numpy()].multiply(b[pairs["right"].to_numpy()]).sum(axis=1))
        self.scale = LogisticRegression(C=100).fit(cosine.reshape(-1, 1), pairs["label"])
        return self

    def link(self, left, right):
        first, second = self._texts(left), self._texts(left if right is None else right)
        index = NearestNeighbors(n_neighbors=min(self.candidates, len(second)), metric="cosine")
        distance, place = index.fit(self.tfidf.transform(second)).kneighbors(self.tfidf.transform(first))
        score = self.scale.predict_proba(1 - distance.reshape(-1, 1))[:, 1]
        position = np.repeat(np.arange(len(first)), place.shape[1])
        # A record linked to itself counts for nothing, and of a pair that is there twice the higher score counts.
        return pd.DataFrame({"left": position, "right": place.ravel(), "score": score})

    def _texts(self, records):
        cells = records[[name for name in self.seen if name in records.columns]]
        return cells.astype(object).where(cells.notna(), "").astype(str).agg(" ".join, axis=1).tolist()
'''

SCAFFOLD_LIKE = '''"""A Bakeoff entry like the baseline {name!r}, with the packages in requirements.txt."""

from {module} import {attribute}


class Model({attribute}):
    """The baseline as it is, its parameters in entry.toml; make it yours."""
'''

SCAFFOLD_TOML = """protocol = 1
name = {name}
team = {team}
algorithm = "model:Model"
{kinds}
[parameters]
{parameter}

# What you promise about the entry, for example: epsilon = 3.0, delta = 1e-5, unit = "record"
[claims]
"""


def write_scaffold(folder: Path, team: str = "", *, linkage: bool = False, like: str = "", kind: str = "") -> None:
    """A new entry that runs as it is, to start from: with `linkage` one that links records, or `like` a baseline.

    With a `kind` of text task, one for that. EntryError when its folder is taken, UsageError for a baseline that is
    none, TaskError for a kind that is none.
    """
    if folder.exists() and any(folder.iterdir()):
        raise EntryError(f"{folder} is not empty; give the new entry a folder of its own.")
    model, parameter = (SCAFFOLD_LINKAGE, "candidates = 10") if linkage else (SCAFFOLD_MODEL, "learning_rate = 0.1")
    packages: tuple[str, ...] = ()
    if kind:
        kind_named(kind)
    kinds = ""
    if kind in SCAFFOLD_TEXTS:
        kinds = f"kinds = {json.dumps([kind])}  # the kinds of task that it takes part in\n"
        model, parameter = SCAFFOLD_TEXTS[kind]
    if like:
        point = baseline_point(like)
        model = SCAFFOLD_LIKE.format(name=like, module=point.module, attribute=point.attr)
        parameter, packages = "# keyword arguments of the class", needed(point)
    folder.mkdir(parents=True, exist_ok=True)
    name, by = (json.dumps(word, ensure_ascii=False) for word in (folder.name, team))
    settings = SCAFFOLD_TOML.format(name=name, team=by, parameter=parameter, kinds=kinds)
    (folder / "model.py").write_text(model, encoding="utf-8")
    (folder / "entry.toml").write_text(settings, encoding="utf-8")
    head = "# Packages beyond the house's own, one a line; resolved once and mounted read-only."
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in (head, *packages)), encoding="utf-8")
