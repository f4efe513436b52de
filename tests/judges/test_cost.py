"""Cost reports what was measured, and says why where nothing was."""

from __future__ import annotations

import numpy as np
from cells_made import answered, task

from bakeoff.judges import Cost
from bakeoff.nouns import Level, Measurements, Plan


def cell(**result):
    return answered(task(("a", "b")), ["a", "b"], np.eye(2), **result)


def test_each_figure_is_a_finding_of_one_timed_run():
    found = {finding.metric: finding for finding in Cost().judge(cell())}
    values = {metric: finding.value for metric, finding in found.items()}
    assert values == {"wall": 2.0, "cpu": 1.5, "peak_mib": 80.0, "fit_self_reported": 1.25}
    for finding in found.values():
        assert (finding.low, finding.high, finding.reason, finding.status) == (None, None, "one timed run", "ok")


def test_a_prediction_file_has_no_cost():
    for finding in Cost().judge(cell(level=Level.PREDICTIONS, measurements=Measurements())):
        assert (finding.value, finding.status) == (None, "insufficient")
        assert finding.reason == "a prediction file has no cost"


def test_what_was_not_measured_says_so():
    found = {finding.metric: finding for finding in Cost().judge(cell(measurements=Measurements(wall=1.0)))}
    assert found["wall"].status == "ok"
    assert (found["fit_self_reported"].status, found["fit_self_reported"].reason) == ("insufficient", "not measured")


def test_cost_plans_nothing():
    assert Cost().plan(None) == Plan()
