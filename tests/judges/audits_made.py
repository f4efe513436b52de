"""Audit cells made by hand: an algorithm is fitted on what a plan leaves and adds, and asked what it asks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cells_made import answered

from bakeoff.nouns import Answered, Claim, Plan, Task

SEEN = ["x", "z"]


def rows_of(data: pd.DataFrame, plan: Plan, places, inserted: bool) -> pd.DataFrame:
    """Training rows at these places, or the plan's offered rows."""
    if not inserted:
        return data.iloc[list(places)]
    rows = data.iloc[[plan.offered[place].row for place in places]].copy().reset_index(drop=True)
    for at, place in enumerate(places):
        for name, cell in plan.offered[place].changes.items():
            rows.loc[at, name] = cell
    return rows


def ran(make, data: pd.DataFrame, y: np.ndarray, question: Task, plan: Plan, claim: Claim | None = None) -> Answered:
    """A finished cell of a scikit-learn estimator under a plan."""
    kept = np.setdiff1d(np.arange(len(data)), np.array(plan.withhold, dtype=int))
    added = rows_of(data, plan, plan.insert, True)
    train = pd.concat([data.iloc[kept], added])[SEEN].to_numpy()
    targets = np.concatenate([y[kept], np.array([plan.offered[place].label for place in plan.insert], dtype=y.dtype)])
    model = make().fit(train, targets)
    inserted = bool(plan.ask) and plan.ask[0].part == "inserted"
    asked = rows_of(data, plan, [probe.row for probe in plan.ask], inserted)[SEEN].to_numpy()
    if question.classes:
        probes = np.zeros((len(asked), len(question.classes)))
        for place, label in enumerate(model.classes_):
            probes[:, question.classes.index(label)] = model.predict_proba(asked)[:, place]
    else:
        probes = model.predict(asked)[:, None]
    width = probes.shape[1]
    return answered(question, y[:3], np.full((3, width), 1 / width), y=y, plan=plan, probes=probes, claim=claim)
