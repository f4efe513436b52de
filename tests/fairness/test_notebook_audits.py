"""An audit as a notebook calls it: with what predict gives, with one series of groups, and shown as a table."""

import numpy as np
import pandas as pd

from bakeoff.fairness import Asked, audit, by_attributes

TABLE = pd.DataFrame({"y": ["a", "b"] * 40, "g": ["x", "z", "z", "x"] * 20})
PREDICTED = np.array(["a", "b", "b", "b"] * 20)
ASKED = Asked("y", ["g"], draws=50)


def test_predictions_may_be_a_frame_a_series_or_an_array():
    as_frame = audit(TABLE, pd.DataFrame({"prediction": PREDICTED}), ASKED)
    for answers in (PREDICTED, pd.Series(PREDICTED), PREDICTED.astype(object)):
        assert audit(TABLE, answers, ASKED).as_plain() == as_frame.as_plain()
    assert as_frame.groups.find("accuracy", "z").value == 0.5


def test_a_notebook_shows_a_table_of_all_measures():
    found = audit(TABLE, PREDICTED, ASKED)
    shown = found._repr_html_()
    assert len(found.frame()) == len(list(found)) > 10
    assert shown.count("<tr") == len(found.frame()) + 1
    assert "true positive rate" in shown


def test_a_series_is_one_attribute():
    assert by_attributes(TABLE["g"]).patterns == by_attributes(TABLE[["g"]]).patterns
