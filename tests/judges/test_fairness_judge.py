"""The judge of fairness: what the answers to the test rows mean for the groups of protected columns."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cells_made import answered, task

from bakeoff.fairness import by_attributes, compare_groups, count
from bakeoff.judges import Fairness
from bakeoff.nouns import Column, ColumnType, Role, Table

ROWS = 1200


def cell(kind="two", *, bias=0.0, protected=Role.PROTECTED, **more):
    """Answers about people of three groups, with the group "c" selected more often by `bias`, and their ages."""
    random = np.random.default_rng(0)
    group, age = random.choice(["a", "b", "c"], ROWS), random.uniform(18, 80, ROWS)
    test = pd.DataFrame({"x": random.normal(size=ROWS), "group": group, "age": age})
    classes = {"two": ("no", "yes"), "three": ("high", "low", "mid"), "number": ()}[kind]
    if kind == "number":
        truth = random.normal(size=ROWS)
        answers = (truth + random.normal(size=ROWS) + bias * (group == "c"))[:, None]
    else:
        truth = random.choice(classes, ROWS)
        scores = random.normal(size=(ROWS, len(classes))) + 1.5 * (truth[:, None] == np.array(classes))
        scores[:, -1] += bias * (group == "c")
        answers = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    made = answered(task(classes), truth, answers)
    columns = (
        Column("x", ColumnType.NUMERIC),
        Column("group", ColumnType.CATEGORICAL, protected),
        Column("age", ColumnType.NUMERIC, protected),
        Column("y", ColumnType.CATEGORICAL, Role.TARGET),
    )
    return replace(made, test=test, table=Table("t", columns, ROWS, "d" * 64), **more)


def named(findings, split="test"):
    return {(one.metric, one.group, one.variant): one for one in findings if one.split == split}


def test_groups_of_every_protected_column_and_their_intersection_are_told_as_by_the_room():
    made = cell(bias=1.0)
    found = named(Fairness().judge(made))
    report = compare_groups(
        count(
            made.truth,
            np.array(["no", "yes"], dtype=object)[made.answers.argmax(1)],
            by_attributes({"group": made.test["group"]}),
        )
    )
    for group in "abc":
        told, own = found["selection rate", f"group: {group}", ""], report.find("selection rate", group)
        assert told.value == pytest.approx(own.value)
        assert (told.low, told.high) == pytest.approx((own.low, own.high))
        assert told.n == own.n
    gap = found["false positive rate", "group", "largest - smallest"]
    assert gap.low > 0
    assert found["false positive rate", "group", "p, corrected"].value < 0.05
    assert found["false positive rate", "group", "gap by chance"].value < gap.value
    ages = [group for metric, group, _ in found if metric == "accuracy" and group.startswith("age: ")]
    assert len(ages) == 4, "a number of many values is put into quarters"
    assert ages[0].startswith("age: up to ")
    assert any(group.startswith("group & age: ") for _, group, _ in found)


def test_a_fair_classifier_is_not_accused():
    found = named(Fairness().judge(cell(bias=0.0)))
    assert all(one.value >= 0.05 for key, one in found.items() if key[2] == "p, corrected"), "the partner is above"


def test_numbers_and_several_classes_have_their_own_figures():
    numbers = named(Fairness().judge(cell("number", bias=1.0)))
    assert numbers["mean error", "group: c", ""].low > 0.5
    assert numbers["mean error", "group", "p, corrected"].value < 0.05
    made = cell("three")
    several = named(Fairness().judge(made))
    assert {metric for metric, _, _ in several} == {"accuracy"}
    right = made.truth == np.array(made.task.classes)[made.answers.argmax(1)]
    own = made.test["group"] == "b"
    assert several["accuracy", "group: b", ""].value == pytest.approx(right[own].mean())


def test_public_and_private_rows_are_judged_apart():
    public = np.arange(ROWS) < 400
    findings = Fairness().judge(cell(bias=1.0, public=public))
    whole, seen = named(findings), named(findings, "public")
    key = ("selection rate", "group: c", "")
    assert whole[key].n == seen[key].n + named(findings, "private")[key].n
    other = cell(bias=1.0, public=public)
    flipped = np.where(public, other.truth, np.where(other.truth == "yes", "no", "yes"))
    again = named(Fairness().judge(replace(other, truth=flipped)), "public")
    assert again == seen, "what is told of public rows says nothing of private labels"
    assert named(Fairness().judge(replace(other, truth=flipped))) != whole, "the partner"


def test_nothing_is_told_without_a_protected_column_or_of_texts():
    assert Fairness().judge(cell(protected=Role.FEATURE)) == ()
    made = cell()
    assert Fairness().judge(replace(made, task=replace(made.task, kind="generation"))) == ()
    assert Fairness().plan(None).ask == ()


def test_a_column_of_many_values_hides_no_other_and_an_empty_one_is_no_fault():
    made = cell()
    many = made.test.assign(age=[f"person {place}" for place in range(ROWS)])
    columns = tuple(
        replace(one, type=ColumnType.CATEGORICAL) if one.name == "age" else one for one in made.table.columns
    )
    found = named(Fairness().judge(replace(made, test=many, table=replace(made.table, columns=columns))))
    families = {group.partition(":")[0] for _, group, _ in found}
    assert families == {"group"}
    empty = named(Fairness().judge(replace(made, test=made.test.assign(age=np.nan))))
    assert {group.partition(":")[0] for _, group, _ in empty} == {"group"}


def test_small_groups_are_insufficient_with_the_reason():
    made = cell()
    test = made.test.assign(group=np.where(np.arange(ROWS) < 4, "rare", "common"))
    found = named(Fairness().judge(replace(made, test=test)))
    few = found["accuracy", "group: rare", ""]
    assert (few.status, few.value) == ("insufficient", None)
    assert "4 rows of 'rare'" in few.reason
