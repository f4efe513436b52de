"""On public tables the baselines are about as good as the same methods were when first measured."""

from __future__ import annotations

import numpy as np
import pytest

from bakeoff.algorithms import Boosted, Linear, adapt
from bakeoff.nouns import Role, Schema
from bakeoff.tables import read, standardise


@pytest.mark.parametrize(
    ("name", "algorithm", "accuracy"),
    [
        ("midwest_survey_region", Linear, 0.667),
        ("midwest_survey_region", Boosted, 0.627),
        ("imdb_is_drama", Linear, 0.775),
        ("imdb_is_drama", Boosted, 0.750),
        ("houses_price_band", Linear, 0.673),
    ],
)
def test_accuracy_is_that_of_the_reference_or_better_but_for_a_standard_error(bakeoff_data, name, algorithm, accuracy):
    data = standardise(read(bakeoff_data / name))
    columns = tuple(column for column in data.table.columns if column.role is not Role.TARGET)
    classes = tuple(np.unique(data.labels("train")).tolist())
    schema = Schema(columns, "classification", data.target, "accuracy", classes, 0, 60.0)
    adapted = adapt(algorithm, schema).fit(data.rows("train"), data.labels("train"))
    guess = np.array(classes, dtype=object)[adapted.answers(data.rows("test")).argmax(axis=1)]
    truth = data.labels("test")
    assert np.mean(guess == truth) > accuracy - np.sqrt(accuracy * (1 - accuracy) / len(truth))
