"""Plans of audit cells, and rows that no table holds: checked, staged between the others, and asked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena.audit_plans import audit_plans
from bakeoff.arena.inserting import changed_rows, with_inserted
from bakeoff.arena.judging import plan_body, plan_from
from bakeoff.arena.plans import PROBE, asked_frame, lay_out, make_plan
from bakeoff.arena.staging import TaskData, stage
from bakeoff.arena.wall.worker import TARGET
from bakeoff.errors import BakeoffError
from bakeoff.nouns import Auditor, Brief, Column, ColumnType, Insertion, Plan, Probe, Table, Task

ROWS = 60
TASK = Task("t", "t", "digest", "classification", "y", "accuracy", ("a", "b"))
TABLE = Table(
    "t",
    (
        Column("n", ColumnType.NUMERIC),
        Column("x", ColumnType.NUMERIC),
        Column("word", ColumnType.CATEGORICAL),
    ),
    ROWS,
    "digest",
)
FRAME = pd.DataFrame({"n": np.arange(ROWS), "x": np.arange(ROWS) + 0.5, "word": [f"w{row}" for row in range(ROWS)]})
LABELS = np.array(["a", "b"] * (ROWS // 2), dtype=object)
KNOWN = Brief(TASK, TABLE, FRAME, LABELS, b"", 0, FRAME.head(10))


class Looks:
    """An auditor with the plans that it was given."""

    name, version = "looks", "1"

    def __init__(self, **plans):
        self.plans = plans

    def plan(self, brief):
        return Plan()

    def judge(self, answered):
        return []

    def plan_audit(self, brief, quick):
        self.brief, self.quick = brief, quick
        return self.plans

    def judge_audit(self, audited):
        return []


def planned(seed=0, secret=b"s" * 32, quick=False, **plans):
    return audit_plans(Looks(**plans), KNOWN, seed=seed, secret=secret, quick=quick)


def test_an_auditor_is_a_judge_with_two_more_methods():
    assert isinstance(Looks(), Auditor)
    assert not isinstance(object(), Auditor)


def test_plans_have_digests_of_their_own_that_no_ranked_cell_has():
    half = Plan(withhold=tuple(range(30)), ask=(Probe(1),))
    other = Plan(withhold=tuple(range(28)), ask=(Probe(1),))
    digests = {plan.cells.digest for plan in planned(half=half, other=other).plans.values()}
    few = Plan(withhold=(1, 2), ask=(Probe(1),))
    ranked = make_plan([Looks()], KNOWN, seed=0, secret=b"s" * 32).digest
    digests |= {planned(few=few).plans["few"].cells.digest, ranked, planned(few=few, seed=1).plans["few"].cells.digest}
    digests.add(planned(few=few, secret=b"t" * 32).plans["few"].cells.digest)
    assert len(digests) == 6
    assert planned(few=few).plans["few"].cells.digest == planned(few=few, quick=True).plans["few"].cells.digest


def test_what_the_auditor_is_told_is_keyed_apart_from_its_ranked_plan():
    looks = Looks()
    audit_plans(looks, KNOWN, seed=0, secret=b"s" * 32, quick=True)
    assert looks.quick
    assert looks.brief.budget == ROWS
    told = looks.brief.key
    audit_plans(looks, KNOWN, seed=1, secret=b"s" * 32, quick=False)
    assert told != looks.brief.key


def test_a_plan_with_a_reason_alone_is_told_and_not_run():
    found = planned(halves=Plan(reason="too few rows"), more=Plan(reason="too few rows"))
    assert not found.plans
    assert found.reason == "too few rows"
    assert "has nothing to audit" in planned().reason
    assert planned(one=Plan(ask=(Probe(0),)), none=Plan(reason="why")).reason == ""


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan(withhold=tuple(range(0, ROWS, 2))), "withholds all rows of a class"),
        (Plan(withhold=tuple(range(ROWS))), "withholds all rows of a class"),
        (Plan(withhold=(ROWS,)), "withholds training row 60, where there are 60"),
        (Plan(ask=(Probe(-1),)), "asks train row -1"),
        (Plan(ask=(Probe(10, "test"),)), "asks test row 10, where there are 10"),
        (Plan(ask=(Probe(0, "inserted"),)), "asks inserted row 0, where there are 0"),
        (Plan(ask=(Probe(0, "nowhere"),)), "asks nowhere row 0"),
        (Plan(ask=(Probe(0),), of="memorisation"), "reads the rows of memorisation"),
        (Plan(insert=(0,)), "inserts offered row 0, where there are 0"),
        (Plan(offered=(Insertion(0, {}, "a"),), insert=(0, 0)), "inserts an offered row twice"),
        (Plan(offered=(Insertion(99, {}, "a"),), insert=(0,)), "makes a row of training row 99"),
        (Plan(offered=(Insertion(0, {"pin": 1}, "a"),), insert=(0,)), "changes the column 'pin'"),
    ],
)
def test_plans_that_break_the_contract_are_told(plan, sentence):
    with pytest.raises(BakeoffError, match=sentence):
        planned(wrong=plan)


def test_changed_rows_keep_the_types_of_their_columns():
    made = changed_rows(FRAME, [3, 3, 5], [{"n": 7.0, "word": "new"}, {}, {"x": np.nan, "other": 1}])
    assert made.dtypes.equals(FRAME.dtypes)
    assert made["n"].tolist() == [7, 3, 5]
    assert made["word"].tolist() == ["new", "w3", "w5"]
    assert np.isnan(made["x"][2])
    assert FRAME["n"][3] == 3


@pytest.mark.parametrize(
    ("column", "value", "frame"),
    [
        ("n", 2.5, FRAME),
        ("n", None, FRAME),
        ("n", "many", FRAME),
        ("b", "perhaps", FRAME.assign(b=True)),
        ("c", "fresh", FRAME.assign(c=pd.Categorical(FRAME["word"]))),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_refused(column, value, frame):
    with pytest.raises(BakeoffError, match=f"cell of '{column}'"):
        changed_rows(frame, [0], [{column: value}])


def test_inserted_rows_stand_between_the_others_in_an_order_that_tells_nothing():
    inserted = [Insertion(row, {"n": 1000 + row}, "b") for row in range(20)]
    rows, labels = with_inserted(FRAME, LABELS, FRAME, inserted, np.random.default_rng(0))
    new = rows["n"].to_numpy() >= 1000
    assert new.sum() == 20
    assert labels[new].tolist() == ["b"] * 20
    assert rows[~new].reset_index(drop=True).equals(FRAME)
    assert labels[~new].tolist() == LABELS.tolist()
    places = np.flatnonzero(new)
    assert places.min() < 20
    assert places.max() > 60
    with pytest.raises(BakeoffError, match="a target that targets of int64"):
        with_inserted(FRAME, np.arange(ROWS), FRAME, [Insertion(0, {}, 2.5)], np.random.default_rng(0))


def test_an_audit_cell_learns_from_inserted_rows_and_is_asked_offered_ones(tmp_path):
    offered = tuple(Insertion(row, {"n": 500 + row}, "a" if row % 2 else "b") for row in range(8))
    plan = Plan(
        withhold=(0, 1),
        ask=(*(Probe(row, "inserted") for row in range(8)), Probe(5), Probe(2, "inserted", {"x": -1.0})),
        offered=offered,
        insert=(1, 4),
    )
    made = planned(canaries=plan).plans["canaries"].cells
    truth = LABELS[:10]
    data = TaskData(TASK, TABLE, FRAME, LABELS, FRAME.head(10), truth, np.arange(10))
    staged = stage(data, 0, made, b"s" * 32, tmp_path / "stage")
    train = pd.read_parquet(staged.train)
    assert len(train) == ROWS - 2 + 2
    assert sorted(train["n"])[-2:] == [501, 504]
    assert dict(zip(train["n"], train[TARGET], strict=True))[504] == "b"
    assert not {0, 1} & set(train["n"])
    layout = lay_out(made, 10, b"k" * 32)
    asked = {}
    for call in np.unique(layout.call):
        rows = layout.rows_of(call)
        frame = asked_frame(layout, call, FRAME.head(10), FRAME, made)
        assert frame.dtypes.equals(FRAME.dtypes)
        for row, (n, x) in zip(rows, frame[["n", "x"]].to_numpy(), strict=True):
            asked[layout.origin[row], layout.index[row]] = (n, x)
    assert [asked[PROBE, place][0] for place in range(10)] == [*range(500, 508), 5, 502]
    assert asked[PROBE, 9][1] == -1.0
    assert staged.plan.inserted == (offered[1], offered[4])
    again = stage(data, 0, made, b"s" * 32, tmp_path / "again")
    assert pd.read_parquet(again.train).equals(train)


def test_a_kept_plan_from_before_plans_could_read_others_still_reads():
    body = {"plans": {"m": {"withhold": [1], "ask": [], "reason": ""}}, "withheld": [1], "digest": "d"}
    assert plan_from(body).plans["m"] == Plan(withhold=(1,))
    reads = make_plan([Looks()], replace(KNOWN), seed=0, secret=b"s" * 32)
    assert plan_from(plan_body(reads)) == reads
