"""Quality scores the test rows in every metric and sets the primary one on the common scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cells_made import answered, frame, labels, task
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, roc_auc_score

from bakeoff.errors import Refused
from bakeoff.judges import Quality
from bakeoff.nouns import Plan, digest
from bakeoff.stats.bootstrap import resample
from bakeoff.tasks import kind

CLASSES = ("high", "low", "mid")


def classification(rows=300, sharpness=2.0, metric="accuracy", seed=0):
    truth = labels(frame(rows, seed), CLASSES, 0.2, seed)
    hit = truth[:, None] == np.array(CLASSES, dtype=object)
    scores = np.exp(sharpness * hit + np.random.default_rng(seed).normal(size=hit.shape))
    answers = scores / scores.sum(axis=1, keepdims=True)
    return answered(task(CLASSES, metric), truth, answers), truth, answers


def by_name(findings, variant=""):
    return {finding.metric: finding for finding in findings if finding.variant == variant}


def test_every_metric_of_the_kind_has_a_value_and_an_interval():
    cell, truth, answers = classification()
    found = by_name(Quality().judge(cell))
    assert set(found) == {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "auc", "calibration_error"}
    guess = np.array(CLASSES, dtype=object)[answers.argmax(axis=1)]
    assert found["accuracy"].value == pytest.approx(accuracy_score(truth, guess))
    assert found["log_loss"].value == pytest.approx(log_loss(truth, answers, labels=list(CLASSES)))
    assert found["auc"].value == pytest.approx(roc_auc_score(truth, answers, multi_class="ovr", labels=list(CLASSES)))
    for finding in found.values():
        assert finding.n == 300
        assert finding.status == "ok"
        assert finding.low < finding.high
    for name in ("accuracy", "log_loss", "auc"):
        assert found[name].low < found[name].value < found[name].high
    assert {name for name, finding in found.items() if finding.replicates is not None} == {"accuracy"}


def test_the_primary_metric_is_normalised_against_the_constant_of_the_training_labels():
    cell, truth, answers = classification()
    scaled = by_name(Quality().judge(cell), "normalised")
    assert set(scaled) == {"accuracy"}
    share = max(np.mean(truth == label) for label in CLASSES)
    right = np.mean(np.array(CLASSES, dtype=object)[answers.argmax(axis=1)] == truth)
    assert scaled["accuracy"].value == pytest.approx((right - share) / (1 - share))
    assert scaled["accuracy"].low < scaled["accuracy"].value < scaled["accuracy"].high
    assert scaled["accuracy"].replicates.shape == (200,)
    assert scaled["accuracy"].replicates.dtype == np.float64


def test_the_constant_is_fitted_on_training_labels_not_on_the_truth():
    truth = np.array(["a"] * 30 + ["b"] * 10, dtype=object)
    train = np.array(["a"] * 10 + ["b"] * 30, dtype=object)
    cell = answered(task(("a", "b")), truth, np.tile([1.0, 0.0], (40, 1)), y=train)
    # Always "a" is right in 0.75; the training constant "b" is right in 0.25.
    assert by_name(Quality().judge(cell), "normalised")["accuracy"].value == pytest.approx((0.75 - 0.25) / 0.75)


def test_perfect_is_one_and_the_constant_itself_is_nought():
    truth = labels(frame(200), CLASSES, 0.0)
    hit = (truth[:, None] == np.array(CLASSES, dtype=object)).astype(float)
    share = hit.mean(axis=0)
    for metric in ("accuracy", "log_loss"):
        perfect = Quality().judge(answered(task(CLASSES, metric), truth, hit))
        constant = Quality().judge(answered(task(CLASSES, metric), truth, np.tile(share, (200, 1))))
        assert by_name(perfect, "normalised")[metric].value == pytest.approx(1, abs=1e-6)
        assert by_name(constant, "normalised")[metric].value == pytest.approx(0, abs=1e-12)
        assert np.allclose(by_name(constant, "normalised")[metric].replicates, 0)


def test_replicates_of_two_entries_on_one_task_are_paired():
    def spread_of_difference(first, second):
        pair = [by_name(Quality().judge(cell), "normalised")["accuracy"].replicates for cell in (first, second)]
        return np.std(pair[0] - pair[1])

    cell, truth, answers = classification()
    nearly = answers.copy()
    nearly[:3] = nearly[:3, ::-1]
    same_task = answered(task(CLASSES), truth, nearly)
    other = answered(task(CLASSES, "macro_f1"), truth, nearly)
    assert spread_of_difference(cell, same_task) < 0.02
    # Another task has other weights: continuous figures of equal answers then have other intervals.
    here, there = (by_name(Quality().judge(cell))["log_loss"] for cell in (same_task, other))
    assert here.value == there.value
    assert here.low != there.low


def test_a_task_that_a_constant_solves_is_shown_but_not_averaged():
    truth = np.array(["a"] * 199 + ["b"], dtype=object)
    cell = answered(task(("a", "b")), truth, np.tile([1.0, 0.0], (200, 1)))
    (scaled,) = by_name(Quality().judge(cell), "normalised").values()
    assert scaled.status == "insufficient"
    assert scaled.reason == "the best constant answer is within 0.02 of perfect"
    assert scaled.value == 0


def test_a_metric_that_is_undefined_says_so():
    cell = answered(task(("a", "b")), ["a"] * 20, np.tile([0.5, 0.5], (20, 1)), y=["a", "b"] * 10)
    auc = by_name(Quality().judge(cell))["auc"]
    assert (auc.value, auc.status, auc.reason) == (None, "insufficient", "AUC is undefined on these test rows")


def test_regression_is_scored_in_its_three_metrics():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=400) * 3 + 5
    guess = truth + rng.normal(size=400)
    cell = answered(task((), "rmse"), truth, guess[:, None])
    found = by_name(Quality().judge(cell))
    assert found["mae"].value == pytest.approx(mean_absolute_error(truth, guess))
    assert found["r2"].value == pytest.approx(r2_score(truth, guess))
    assert found["rmse"].value == pytest.approx(np.sqrt(np.mean((truth - guess) ** 2)))
    scaled = by_name(Quality().judge(cell), "normalised")["rmse"]
    assert scaled.value == pytest.approx(1 - found["rmse"].value / truth.std(), abs=1e-6)


def test_answers_that_cannot_be_scored_are_refused():
    _, truth, answers = classification()
    answers[4] = np.nan
    with pytest.raises(Refused, match="row 4"):
        Quality().judge(answered(task(CLASSES), truth, answers))


def test_quality_plans_nothing():
    assert Quality().plan(None) == Plan()


def test_answers_that_are_all_right_keep_an_interval():
    truth = np.array(["a"] * 22 + ["b"] * 22, dtype=object)
    answers = (truth[:, None] == np.array(["a", "b"], dtype=object)).astype(float)
    found = Quality().judge(answered(task(("a", "b")), truth, answers))
    accuracy, scaled = by_name(found)["accuracy"], by_name(found, "normalised")["accuracy"]
    # Wilson (1927) for 44 of 44: 1 - z^2 / (n + z^2).
    low = 1 - 1.959964**2 / (44 + 1.959964**2)
    assert (accuracy.low, accuracy.high) == (pytest.approx(low), 1.0)
    assert (scaled.low, scaled.high) == (pytest.approx((low - 0.5) / 0.5), 1.0)
    answers[0] = [0.1, 0.9]
    almost = by_name(Quality().judge(answered(task(("a", "b")), truth, answers)))["accuracy"]
    assert "Wilson" not in almost.reason


def test_numbers_so_far_off_that_they_overflow_are_at_the_floor():
    question = task((), "rmse")
    truth = np.linspace(0, 1, 40)
    found = Quality().judge(answered(question, truth, np.full((40, 1), 1e200)))
    own = next(one for one in found if one.metric == "rmse" and not one.variant)
    scaled = next(one for one in found if one.variant == "normalised")
    assert (own.value, own.status, own.reason) == (None, "insufficient", "RMSE is beyond any number")
    assert (scaled.value, scaled.low, scaled.high, scaled.status) == (-1.0, -1.0, -1.0, "ok")
    assert (scaled.replicates == -1).all() and len(scaled.replicates) == 200


def divided(metric="accuracy", rows=300):
    cell, truth, answers = classification(rows, metric=metric)
    public = np.random.default_rng(5).random(rows) < 0.3
    return replace(cell, public=public), truth, answers, public


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_parts_of_the_test_are_scored_on_their_own_rows(metric):
    cell, truth, answers, public = divided(metric)
    found = Quality().judge(cell)
    whole = Quality().judge(replace(cell, public=None))
    assert {finding.split for finding in whole} == {"test"}, "the partner: nothing is divided"
    assert [replace(f, replicates=None) for f in found[: len(whole)]] == [replace(f, replicates=None) for f in whole]
    for part, mask in (("public", public), ("private", ~public)):
        mine = [finding for finding in found if finding.split == part]
        alone = Quality().judge(answered(cell.task, truth[mask], answers[mask], y=truth))
        key = lambda finding: (finding.metric, finding.variant, finding.n)  # noqa: E731
        assert list(map(key, mine)) == list(map(key, alone))
        assert [finding.value for finding in mine] == [finding.value for finding in alone]
        assert {finding.n for finding in mine} == {mask.sum()}
        # The weights are drawn for the part's own rows, by the task and the part.
        asked = kind("classification")
        codes, weights = (
            asked.encode(truth, cell.task)[mask],
            resample(int(mask.sum()), digest([cell.task.digest, part])),
        )
        own = asked.score(codes, asked.accept(answers, cell.task)[mask], cell.task, weights, only=(metric,))[metric]
        kept = next(finding for finding in mine if finding.metric == metric and not finding.variant)
        assert np.array_equal(kept.replicates, own.replicates)


def test_replicates_of_a_part_are_paired_between_entries():
    cell, _, answers, _ = divided()
    nearly = answers.copy()
    nearly[:3] = nearly[:3, ::-1]
    pair = [
        next(f for f in Quality().judge(each) if f.split == "private" and f.variant == "normalised")
        for each in (cell, replace(cell, answers=nearly))
    ]
    assert np.std(pair[0].replicates - pair[1].replicates) < 0.02 < np.std(pair[0].replicates)


def test_a_metric_that_a_part_cannot_define_is_insufficient_there_alone():
    truth = np.array(["a"] * 30 + ["b"] * 30, dtype=object)
    answers = np.random.default_rng(0).dirichlet([1, 1], 60)
    found = Quality().judge(replace(answered(task(("a", "b")), truth, answers), public=np.arange(60) < 20))
    auc = {finding.split: finding.status for finding in found if finding.metric == "auc"}
    assert auc == {"test": "ok", "public": "insufficient", "private": "ok"}
