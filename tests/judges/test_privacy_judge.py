"""Privacy of an ordinary cell: what canaries tell of membership, the least epsilon that leaves, and the claim."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from audits_made import ran
from cells_made import answered, brief, frame, labels, task
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsRegressor

from bakeoff.judges import Memorisation, Privacy
from bakeoff.nouns import Claim, Plan, plain
from bakeoff.privacy.audits import lower_bound, tally_of

ROWS = 3000
TWO = ("high", "low")


def forest():
    return RandomForestClassifier(20, random_state=0)


def constant():
    return DummyClassifier(strategy="uniform")


def judged(make, claim=None, key=0, noise=1.0):
    data = frame(ROWS, key)
    y, question = labels(data, TWO, noise, key), task(TWO)
    plan = Memorisation().plan(brief(data, y, question, key))
    return Privacy().judge(ran(make, data, y, question, plan, claim))


def by_metric(found):
    return {finding.metric: finding for finding in found if finding.metric != "right guesses"}


def test_it_reads_the_canaries_of_the_judge_of_memorisation():
    data = frame(ROWS)
    assert Privacy().plan(brief(data, labels(data, TWO, 0.3), task(TWO))) == Plan(of="memorisation")


def test_a_forest_that_remembers_contradicts_its_claim():
    found = by_metric(judged(forest, Claim(0.5, 1e-6)))
    assert found["auc"].low > 0.8
    assert 0 < found["advantage"].low < found["advantage"].value < found["advantage"].high <= 1
    assert found["epsilon"].value == found["epsilon"].low > 1
    assert found["epsilon"].high is None
    assert found["epsilon"].value < found["ceiling"].value
    assert found["epsilon"].variant == found["ceiling"].variant == "delta 1e-06"
    assert (found["claim"].value, found["claim"].variant, found["claim"].status) == (0.5, "contradicted", "ok")
    assert found["claim"].reason.startswith("epsilon is at least")
    assert {finding.n for finding in found.values()} == {300}


def test_an_algorithm_that_remembers_nothing_contradicts_none():
    for key in range(5):
        found = by_metric(judged(constant, Claim(0.01, 1e-6), key))
        assert found["auc"].low <= 0.5 <= found["auc"].high
        assert found["epsilon"].value < 0.5
        assert found["claim"].variant == "not contradicted"


def test_without_a_claim_there_is_a_bound_and_no_verdict():
    found = by_metric(judged(forest))
    assert "claim" not in found
    assert found["epsilon"].variant == "delta 1e-05"


def test_a_claim_that_so_few_canaries_cannot_test_is_insufficient():
    found = by_metric(judged(forest, Claim(8.0, 1e-6)))["claim"]
    assert (found.variant, found.status) == ("insufficient", "insufficient")
    assert "300 canaries can show an epsilon of" in found.reason
    owner = by_metric(judged(forest, Claim(0.1, 1e-6, "owner")))["claim"]
    assert (owner.variant, owner.status) == ("insufficient", "insufficient")


def test_what_was_counted_is_kept_so_that_seeds_can_be_pooled():
    found = judged(forest, Claim(0.5, 0.0))
    counted = tally_of(found, "canaries")
    assert counted.canaries == counted.guesses[0] == 300
    assert counted.bound(0.0) == by_metric(found)["epsilon"].value
    alone = lower_bound(counted.correct[0], 300, 300)
    assert abs(alone - counted.bound(0.0)) < 2


def test_findings_are_a_pure_function_of_the_answers():
    data = frame(ROWS)
    y, question = labels(data, TWO, 0.3), task(TWO)
    cell = ran(forest, data, y, question, Memorisation().plan(brief(data, y, question)))
    before = cell.probes.copy()
    first, second = Privacy().judge(cell), Privacy().judge(replace(cell))
    assert plain(first) == plain(second)
    assert (cell.probes == before).all()


def test_numbers_that_were_learned_by_heart_are_found():
    data = frame(ROWS)
    y = np.random.default_rng(0).normal(size=ROWS)
    question = task((), "rmse")
    plan = Memorisation().plan(brief(data, y, question))
    found = by_metric(Privacy().judge(ran(lambda: KNeighborsRegressor(1), data, y, question, plan, Claim(1.0, 1e-5))))
    assert found["auc"].value > 0.95
    assert found["claim"].variant == "contradicted"
    even = by_metric(Privacy().judge(ran(lambda: KNeighborsRegressor(len(y) // 2), data, y, question, plan)))
    assert even["auc"].low < 0.5 < even["auc"].high


def test_written_answers_are_judged_by_how_close_they_come():
    y = np.array([f"form {row}" for row in range(200)], dtype=object)
    question = replace(task((), "exact_match"), kind="generation", longest=8)
    rows = np.random.default_rng(0).permutation(200)
    withheld = np.random.default_rng(1).random(200) < 0.5
    probes = tuple(_probe(row) for row in rows)
    plan = Plan(tuple(int(row) for row in np.flatnonzero(withheld)), probes, of="memorisation")
    by_heart = np.array(["form" if withheld[row] else y[row] for row in rows], dtype=object)
    blank = answered(question, [0.0], [[0.0]], plan=plan, claim=Claim(1.0, 0.0))
    found = by_metric(Privacy().judge(replace(blank, labels=y, probes=by_heart)))
    assert found["auc"].value == 1
    assert found["claim"].variant == "contradicted"
    same = by_metric(Privacy().judge(replace(blank, labels=y, probes=np.array(["form"] * 200, dtype=object))))
    assert same["auc"].low < 0.5 < same["auc"].high


def _probe(row):
    from bakeoff.nouns import Probe

    return Probe(int(row))


def test_answers_of_exactly_nought_and_one_are_no_trouble():
    data = frame(ROWS)
    y, question = labels(data, TWO, 0.3), task(TWO)
    plan = Memorisation().plan(brief(data, y, question))
    hard = np.eye(2)[np.random.default_rng(0).integers(0, 2, len(plan.ask))]
    found = by_metric(Privacy().judge(answered(question, y[:3], np.eye(2)[[0, 1, 1]], y=y, plan=plan, probes=hard)))
    assert found["epsilon"].value < 0.5
    assert all(math.isfinite(finding.value) for finding in found.values())


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Plan(of="memorisation", reason="under 1,000 training rows"), "under 1,000 training rows"),
        (Plan(), "no canaries were asked"),
    ],
)
def test_without_canaries_every_figure_is_insufficient_and_says_why(plan, reason):
    found = Privacy().judge(answered(task(TWO), ["high", "low"], np.eye(2), plan=plan, claim=Claim(1.0, 1e-5)))
    assert {finding.metric for finding in found} == {"auc", "advantage", "epsilon"}
    assert {(finding.status, finding.reason, finding.split) for finding in found} == {
        ("insufficient", reason, "canaries")
    }


def test_too_few_canaries_are_insufficient():
    y = np.array(["high", "low"] * 20, dtype=object)
    plan = Plan((0,), tuple(_probe(row) for row in range(19)))
    found = Privacy().judge(answered(task(TWO), y[:2], np.eye(2), y=y, plan=plan, probes=np.full((19, 2), 0.5)))
    assert found[0].reason == "18 canaries were kept and 1 withheld; 20 are needed, two of each"
