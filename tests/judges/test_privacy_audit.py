"""The deeper audit: what is planned for it, planted leaks of known size that it finds, and twins without a leak."""

from __future__ import annotations

import json
from dataclasses import replace
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from audits_made import ran
from cells_made import answered, brief, frame, labels, task
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from bakeoff.judges import Privacy
from bakeoff.judges.inserted import kind_of
from bakeoff.nouns import Brief, Claim, Column, ColumnType, Plan, Role, Table, plain
from bakeoff.privacy.audits import tally_of

ROWS = 600
TWO = ("high", "low")
CLAIM = Claim(0.2, 1e-5)


class Remembers(ClassifierMixin, BaseEstimator):
    """Answers alike for all rows but a share of those that it was trained on, chosen by the row alone."""

    def __init__(self, share):
        self.share = share

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes(): label for row, label in zip(X, y, strict=True) if self._chosen(row)}
        return self

    def _chosen(self, row):
        return crc32(row.tobytes()) % 1000 < 1000 * self.share

    def predict_proba(self, X):
        out = np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
        for place, row in enumerate(X):
            if (label := self.known_.get(row.tobytes())) is not None:
                out[place] = np.where(self.classes_ == label, 0.9, 0.1 / (len(self.classes_) - 1))
        return out


def made(key=0, noise=0.3, rows=ROWS, classes=TWO):
    data = frame(rows, key)
    return data, labels(data, classes, noise, key), task(classes)


def audited(make, quick=False, claim=CLAIM, key=0, rows=ROWS):
    data, y, question = made(key, rows=rows)
    plans = Privacy().plan_audit(brief(data, y, question, key), quick)
    return {name: ran(make, data, y, question, plan, claim) for name, plan in plans.items()}


def found(cells, split, variant=None):
    findings = [one for one in Privacy().judge_audit(cells) if one.split == split]
    return {one.metric: one for one in findings if variant in (None, one.variant)}


@pytest.mark.parametrize(("quick", "fits"), [(False, 16), (True, 2)])
def test_fits_are_on_halves_by_fair_coins_and_all_are_asked_alike(quick, fits):
    data, y, question = made()
    plans = Privacy().plan_audit(brief(data, y, question), quick)
    halves = {name: plan for name, plan in plans.items() if name.startswith("halves")}
    assert len(halves) == fits
    assert len(plans) == fits + (not quick)
    assert all(plan.ask == halves["halves 01"].ask for plan in halves.values())
    for plan in halves.values():
        assert abs(len(plan.withhold) - ROWS / 2) < 4 * np.sqrt(ROWS) / 2
        assert set(y[np.setdiff1d(np.arange(ROWS), plan.withhold)]) == set(TWO)
        assert not plan.insert and not plan.offered
    again = Privacy().plan_audit(brief(data, y, question), quick)
    assert plans == again
    assert plans != Privacy().plan_audit(brief(data, y, question, key=1), quick)


def test_which_rows_are_asked_tells_nothing_of_the_coins():
    data, y, question = made()
    (first, second) = Privacy().plan_audit(brief(data, y, question), True).values()
    assert sorted(probe.row for probe in first.ask) == list(range(ROWS))
    both = set(first.withhold) & set(second.withhold)
    neither = set(range(ROWS)) - set(first.withhold) - set(second.withhold)
    # Rows that both or neither fit was trained on must be asked too: without them a coin would tell of the other.
    assert 0.15 * ROWS < len(both) < 0.35 * ROWS
    assert 0.15 * ROWS < len(neither) < 0.35 * ROWS


def test_a_class_with_one_row_keeps_it_and_rows_with_twins_are_not_asked():
    data, y, question = made(classes=("high", "low", "mid"))
    y = np.where(y == "mid", "low", y)
    y[7] = "mid"
    data.loc[20:29, ["x", "z"]] = data.loc[30:39, ["x", "z"]].to_numpy()
    plans = Privacy().plan_audit(brief(data, y, question), False)
    for name, plan in plans.items():
        assert 7 not in plan.withhold
        if name.startswith("halves"):
            assert not {probe.row for probe in plan.ask} & {7, *range(20, 40)}


def test_inserted_rows_are_of_two_kinds_each_by_its_own_coin():
    data, y, question = made()
    plan = Privacy().plan_audit(brief(data, y, question), False)["inserted"]
    assert len(plan.offered) == len(plan.ask) == ROWS // 5
    assert sorted(probe.row for probe in plan.ask) == list(range(len(plan.offered)))
    assert {probe.part for probe in plan.ask} == {"inserted"}
    assert 0.35 < len(plan.insert) / len(plan.offered) < 0.65
    mislabelled = [one for one in plan.offered if kind_of(one) == "random label"]
    strange = [one for one in plan.offered if kind_of(one) == "out of distribution"]
    assert len(mislabelled) == len(strange) == ROWS // 10
    # The record itself is not in training, so that nothing contradicts the new label.
    assert {one.row for one in mislabelled} == set(plan.withhold)
    assert all(one.label != y[one.row] and not one.changes for one in mislabelled)
    edge = data["x"].sort_values().to_numpy()
    assert all(one.changes["x"] <= edge[5] or one.changes["x"] >= edge[-6] for one in strange)
    assert all(set(one.changes) == {"x", "z"} for one in strange)  # the owner is hidden from entries
    assert json.loads(json.dumps(plain(plan)))["insert"] == list(plan.insert)


def test_coins_of_inserted_rows_are_fair_and_the_order_tells_nothing_of_them():
    data, y, question = made()
    inside, early = [], []
    for key in range(40):
        plan = Privacy().plan_audit(brief(data, y, question, key), False)["inserted"]
        coins = np.isin([probe.row for probe in plan.ask], plan.insert)
        inside.append(coins.sum())
        early.append(coins[:60].sum() - coins[60:].sum())
    assert abs(np.mean(inside) - 60) < 5 * 5.5 / np.sqrt(40)
    assert 3 < np.std(inside) < 8
    assert abs(np.mean(early)) < 5 * 5.5 / np.sqrt(40)


def test_cells_of_every_type_can_be_made_strange():
    rows = 400
    random = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "age": random.integers(18, 90, rows),
            "job": pd.Categorical(random.choice(["a", "b", "c"], rows)),
            "note": [f"words of {row} alone" for row in range(rows)],
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 99, rows), "D"),
            "empty": np.full(rows, np.nan),
        }
    )
    types = {"age": "numeric", "job": "categorical", "note": "text", "when": "datetime", "empty": "numeric"}
    columns = tuple(Column(name, ColumnType(type_)) for name, type_ in types.items())
    table = Table("t", (*columns, Column("y", ColumnType.CATEGORICAL, Role.TARGET)), rows, "d" * 64)
    y = random.choice(["high", "low"], rows).astype(object)
    plan = Privacy().plan_audit(Brief(task(TWO), table, data, y, b"k" * 32, 0), False)["inserted"]
    strange = [one.changes for one in plan.offered if one.changes]
    assert all(set(one) == {"age", "job", "note"} for one in strange)
    assert {type(one["age"]) for one in strange} == {int}
    assert {one["job"] for one in strange} == {"a", "b", "c"}
    assert all(len(one["note"].split()) == 8 for one in strange)
    json.dumps(plain(plan))


def test_nothing_is_audited_where_rows_cannot_be_asked_or_are_too_few():
    data, y, question = made(rows=199)
    reason = "199 training rows have no twin among the others, and 200 are needed"
    assert Privacy().plan_audit(brief(data, y, question), False) == {"halves": Plan(reason=reason)}
    data, y, question = made(rows=400)
    assert len(Privacy().plan_audit(brief(data, y, question), False)) == 17
    lines = replace(question, kind="language_model", classes=())
    (plan,) = Privacy().plan_audit(brief(data, y, lines), False).values()
    assert plan.reason.startswith("a question is a place in a text")
    data.loc[:, ["x", "z"]] = 1.0
    (plan,) = Privacy().plan_audit(brief(data, y, question), False).values()
    assert plan.reason.startswith("0 training rows have no twin")


def test_a_planted_leak_is_found_by_attacks_and_bounds_and_its_clean_twin_is_not():
    cells = audited(lambda: KNeighborsClassifier(1))
    halves = found(cells, "halves", "strongest")
    assert halves["auc"].low > 0.6
    assert halves["auc"].n == ROWS
    assert halves["auc"].reason.startswith("16 fits")
    assert {"tpr at 1 % fpr", "tpr at 0.1 % fpr"} < set(halves)
    bounds = found(cells, "halves")
    assert 1 < bounds["epsilon"].value < bounds["ceiling"].value
    assert bounds["claim"].variant == "contradicted"
    assert tally_of(Privacy().judge_audit(cells), "halves").canaries == 8 * ROWS
    inserted = found(cells, "inserted")
    assert inserted["claim"].variant == "contradicted"
    assert found(cells, "inserted", "random label")["auc"].low > 0.6
    assert found(cells, "inserted", "out of distribution")["advantage"].low > 0.1

    clean = audited(lambda: DummyClassifier(strategy="uniform"))
    assert found(clean, "halves", "loss")["auc"].low <= 0.5 <= found(clean, "halves", "loss")["auc"].high
    for split in ("halves", "inserted"):
        assert found(clean, split)["epsilon"].value < 0.3
        assert found(clean, split)["claim"].variant == "not contradicted"


def test_an_estimator_that_remembers_a_tenth_of_its_rows_is_found():
    cells = audited(lambda: Remembers(0.1), quick=True)
    halves = found(cells, "halves", "loss")
    # A tenth of members stand out: the area is 0.5 + 0.1 / 2, and who looks at those alone is always right.
    assert halves["auc"].value == pytest.approx(0.55, abs=0.03)
    bounds = found(cells, "halves")
    assert bounds["epsilon"].value > 0.8
    assert bounds["claim"].variant == "contradicted"
    nothing = found(audited(lambda: Remembers(0.0), quick=True), "halves")
    assert nothing["epsilon"].value < 0.5


def test_numbers_are_audited_too():
    data = frame(ROWS)
    y = np.random.default_rng(0).normal(size=ROWS)
    question = task((), "rmse")
    plans = Privacy().plan_audit(brief(data, y, question), False)
    cells = {name: ran(lambda: KNeighborsRegressor(1), data, y, question, plan, CLAIM) for name, plan in plans.items()}
    assert found(cells, "halves", "loss")["auc"].low > 0.9
    assert found(cells, "halves")["claim"].variant == "contradicted"
    assert found(cells, "inserted")["claim"].variant == "contradicted"


def test_what_is_missing_is_left_out_and_said():
    cells = audited(lambda: KNeighborsClassifier(1))
    some = {name: cells[name] for name in ("halves 03", "halves 05", "halves 06", "inserted")}
    assert found(some, "halves", "strongest")["auc"].reason.startswith("3 fits")
    assert tally_of(Privacy().judge_audit(some), "halves").canaries == 2 * ROWS  # the sixth has the fifth's other rows
    alone = found({"halves 01": cells["halves 01"], "inserted": cells["inserted"]}, "halves")
    assert {one.status for one in alone.values()} == {"insufficient"}
    assert alone["auc"].reason == "1 fits on halves of the rows ended well; 2 are needed"
    assert set(found({"inserted": cells["inserted"]}, "inserted")) >= {"epsilon", "claim"}


def test_written_answers_are_attacked_by_how_close_they_come():
    data = frame(300)
    y = np.array([f"form {row}" for row in range(300)], dtype=object)
    question = replace(task((), "exact_match"), kind="generation", longest=8)
    plans = Privacy().plan_audit(brief(data, y, question), False)
    assert plans.pop("inserted") == Plan(
        reason="no row can be made for a generation task: its target cannot be drawn at random"
    )
    assert set(plans) == {f"halves {fit:02d}" for fit in range(1, 17)}
    cells = {}
    for name, plan in plans.items():
        told = [y[one.row] if one.row not in set(plan.withhold) else "form" for one in plan.ask]
        blank = answered(question, [0.0], [[0.0]], plan=plan, claim=CLAIM)
        cells[name] = replace(blank, labels=y, probes=np.array(told, dtype=object))
    assert found(cells, "halves", "loss")["auc"].value == 1
    assert found(cells, "halves")["claim"].variant == "contradicted"


def test_few_inserted_rows_are_guessed_together():
    cells = audited(lambda: KNeighborsClassifier(1), rows=250)  # 25 of each kind
    assert tally_of(Privacy().judge_audit(cells), "inserted").tried
    assert tally_of(Privacy().judge_audit(cells), "inserted").canaries == 50
    plan = cells["inserted"].plan
    alike = replace(cells["inserted"], plan=replace(plan, insert=tuple(range(25))))
    told = found({"inserted": alike}, "inserted", "random label")
    assert {(one.status, one.reason) for one in told.values()} == {
        ("insufficient", "the coins of all 25 canaries fell alike")
    }


def test_an_entry_that_was_asked_nothing_is_insufficient():
    cells = audited(lambda: KNeighborsClassifier(1))
    silent = {name: replace(cell, plan=Plan(reason="no rows"), probes=cell.probes[:0]) for name, cell in cells.items()}
    assert {(one.split, one.status) for one in Privacy().judge_audit(silent)} == {("halves", "insufficient")}


def test_a_fit_that_claims_nothing_leaves_the_halves_without_a_verdict():
    cells = audited(lambda: KNeighborsClassifier(1), quick=True)
    assert "claim" in found(cells, "halves")
    (one, other) = cells
    silent = {one: cells[one], other: audited(lambda: KNeighborsClassifier(1), quick=True, claim=None)[other]}
    assert "claim" not in found(silent, "halves")


def test_findings_of_an_audit_are_a_pure_function_of_its_cells():
    cells = audited(lambda: KNeighborsClassifier(1), quick=True)
    backwards = dict(reversed(cells.items()))
    assert plain(Privacy().judge_audit(cells)) == plain(Privacy().judge_audit(backwards))
