"""The judge of fairness: what answers mean for the groups of protected columns, and how far twins move them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cells_made import answered, task

from bakeoff.fairness import by_attributes, compare_groups, count
from bakeoff.judges import Fairness, Memorisation
from bakeoff.nouns import (
    DEFAULT_VISIBILITY,
    Brief,
    Column,
    ColumnType,
    Measurements,
    Plan,
    Role,
    Table,
    Visibility,
)

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
    assert list(Fairness().judge(cell(protected=Role.FEATURE))) == []
    made = cell()
    assert list(Fairness().judge(replace(made, task=replace(made.task, kind="generation")))) == []
    assert list(Fairness().judge(made)), "the partner"


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


# Twins

MEN, WOMEN = ("he", "father", "king"), ("she", "mother", "queen")
COLUMNS = (
    Column("race", ColumnType.CATEGORICAL, Role.PROTECTED),
    Column("age", ColumnType.NUMERIC, Role.PROTECTED),
    Column("x", ColumnType.NUMERIC),
    Column("note", ColumnType.TEXT),
    Column("y", ColumnType.CATEGORICAL, Role.TARGET),
)


def people(rows=600, seed=0):
    """Test rows with a race, an age, a number, and a note in which a man or a woman has a big or a small dog."""
    random = np.random.default_rng(seed)
    words = np.array(MEN + WOMEN)[random.integers(0, 6, rows)]
    sizes = np.array(["big", "small"])[random.integers(0, 2, rows)]
    return pd.DataFrame(
        {
            "race": random.choice(["a", "b", "c"], rows),
            "age": random.integers(18, 80, rows),
            "x": random.normal(size=rows),
            "note": [f"The {word} has a {size} dog and that is fine" for word, size in zip(words, sizes, strict=True)],
        }
    )


def asked_of(entry, classes=("no", "yes"), *, test=None, columns=COLUMNS, see=None, budget=10_000, **result):
    """A judged cell of an entry, a function of a frame, and its plan; twins get what the entry gives them."""
    test = people() if test is None else test
    question = replace(task(classes), **({"see": see} if see is not None else {}))
    table = Table("t", columns, 2400, "d" * 64)
    labels = np.resize(np.array(classes), 1800) if classes else np.random.default_rng(1).normal(0, 2.0, 1800)
    plan = Fairness().plan(Brief(question, table, test, labels, b"k" * 32, budget, test))
    rows = test.iloc[[probe.row for probe in plan.ask]].reset_index(drop=True)
    for place, probe in enumerate(plan.ask):
        for name, value in probe.changes.items():
            rows.loc[place, name] = value
    made = answered(question, np.resize(labels, len(test)), entry(test), y=labels, plan=plan, **result)
    made = replace(made, probes=entry(rows) if len(rows) else made.probes, test=test, table=table)
    return list(Fairness().judge(made)), plan


def of_logit(logit):
    share = 1 / (1 + np.exp(-np.asarray(logit, dtype=float)))
    return np.column_stack([1 - share, share])


def blind(frame):
    return of_logit(frame["x"])


def racist(frame):
    return of_logit(frame["x"] + 4.0 * (frame["race"] == "c") - 1)


def sexist(frame):
    return of_logit(frame["x"] + 4.0 * frame["note"].str.contains(r"\b(?:he|father|king)\b", regex=True) - 2)


def twins(found):
    return {(one.metric, one.group, one.variant): one for one in found if one.split == "twins"}


MOVED, FLIPPED, WORDS = "mean change of probabilities", "share of changed answers", "text: gender"


def test_an_entry_that_looks_at_a_protected_column_moves_and_a_blind_one_does_not():
    found, plan = asked_of(racist)
    moved, flipped = twins(found)[MOVED, "race", ""], twins(found)[FLIPPED, "race", ""]
    assert moved.low > 0.2
    assert 0 < flipped.low < flipped.value < flipped.high < 1
    assert moved.n == sum("race" in probe.changes for probe in plan.ask) > 200
    same = twins(asked_of(blind)[0])
    for group in ("race", "age", WORDS):
        assert same[MOVED, group, ""].value == same[FLIPPED, group, ""].value == 0.0
        assert 0.0 < same[MOVED, group, ""].high < 0.03, "nothing seen in a few hundred pairs is not nothing at all"


def test_swapped_words_stand_beside_neutral_ones_and_their_difference():
    found = twins(asked_of(sexist)[0])
    assert found[MOVED, WORDS, ""].low > 0.3
    assert found[MOVED, WORDS, "neutral words"].value == 0.0
    assert found[MOVED, WORDS, "difference"].low > 0.3
    assert found[MOVED, "race", ""].value == 0.0, "the partner"
    nervous = twins(asked_of(lambda frame: of_logit(frame["note"].map(len) * 1.7 - 70))[0])
    assert nervous[FLIPPED, WORDS, "neutral words"].value > 0.1
    assert nervous[FLIPPED, WORDS, "difference"].low < nervous[FLIPPED, WORDS, ""].low


def test_numbers_move_in_deviations_of_the_training_target():
    found, plan = asked_of(lambda frame: (frame["x"] + 6.0 * (frame["race"] == "c")).to_numpy()[:, None], ())
    test = people()
    off = [
        6.0 * ((test["race"][probe.row] == "c") != (probe.changes["race"] == "c"))
        for probe in plan.ask
        if "race" in probe.changes
    ]
    sd = np.random.default_rng(1).normal(0, 2.0, 1800).std()
    assert twins(found)["mean absolute change", "race", ""].value == pytest.approx(np.mean(off) / sd)
    assert twins(found)[FLIPPED, "race", ""].value == pytest.approx(np.mean(np.array(off) > 0))


def test_the_plan_of_twins_keeps_the_contract():
    _, plan = asked_of(blind)
    test = people()
    assert not plan.withhold
    assert 900 < len(plan.ask) <= 1000
    assert all(probe.part == "test" and probe.apart == f"row {probe.row}" for probe in plan.ask)
    assert max(np.unique([probe.row for probe in plan.ask], return_counts=True)[1]) <= 3
    for probe in plan.ask:
        assert all(test[name][probe.row] != value for name, value in probe.changes.items())
    races = [(test["race"][one.row], one.changes["race"]) for one in plan.ask if "race" in one.changes]
    assert len(set(races)) == 6, "each to each other"
    assert json.loads(json.dumps([dict(probe.changes) for probe in plan.ask])) == [
        dict(probe.changes) for probe in plan.ask
    ]
    assert plan == asked_of(blind)[1]
    assert len(asked_of(blind, budget=300)[1].ask) <= 150, "half is left for canaries"


def test_memorisation_loses_no_canary_to_twins():
    data = people(2000)
    y = np.resize(np.array(["no", "yes"]), 2000)
    table = Table("t", COLUMNS, 2600, "d" * 64)
    whole = Brief(task(("no", "yes")), table, data, y, b"k" * 32, 1000 + 2000 // 5, people())
    left = replace(whole, budget=whole.budget - len(Fairness().plan(whole).ask))
    assert Memorisation().plan(left) == Memorisation().plan(whole)
    assert Memorisation().plan(replace(whole, budget=100)) != Memorisation().plan(whole), "the partner"


def test_what_entries_do_not_see_has_no_twins_and_says_so():
    hidden = {**DEFAULT_VISIBILITY, Role.PROTECTED: Visibility.FIT}
    found, plan = asked_of(blind, see=hidden)
    assert not any({"race", "age"} & set(probe.changes) for probe in plan.ask)
    one = twins(found)[MOVED, "race", ""]
    assert (one.status, one.value) == ("insufficient", None)
    assert "do not see 'race'" in one.reason
    assert twins(found)[MOVED, WORDS, ""].status == "ok", "the partner"


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("Die Frau und der Mann, das ist nicht her; man sagt und man geht.", "do not look English"),
        ("The dog and the cat are here.", "0 rows hold a word of gender and 20 are needed"),
        ("человек и женщина", "0 rows hold a word of gender and 20 are needed"),
        (None, "0 rows hold a word of gender and 20 are needed"),
    ],
)
def test_texts_without_such_words_or_of_another_language_are_told(note, why):
    found, plan = asked_of(blind, test=people().assign(note=note))
    assert not any("note" in probe.changes for probe in plan.ask)
    assert why in twins(found)[FLIPPED, WORDS, ""].reason
    assert twins(found)[FLIPPED, "race", ""].status == "ok"


@pytest.mark.parametrize(
    ("race", "why"), [("a", "all rows have one value of 'race'"), (None, "'race' is missing in every row")]
)
def test_a_protected_column_of_one_value_or_none_has_no_twins(race, why):
    found, _ = asked_of(blind, test=people().assign(race=race))
    assert twins(found)[MOVED, "race", ""].reason == why


def test_nothing_is_told_of_twins_where_answers_depend_on_the_batch_or_none_were_asked():
    found, _ = asked_of(racist, measurements=Measurements(batch_dependent=True))
    assert {one.status for one in twins(found).values()} == {"insufficient"}
    assert "beside it" in twins(found)[MOVED, "race", ""].reason
    made = replace(answered(task(("no", "yes")), ["no", "yes"] * 300, blind(people())), test=people())
    made = replace(made, table=Table("t", COLUMNS, 2400, "d" * 64))
    for reason, told in (("", "no twins were asked"), ("a file is asked nothing", "a file is asked nothing")):
        found = Fairness().judge(replace(made, plan=Plan(reason=reason)))
        assert {one.reason for one in twins(found).values()} == {told}
    assert any(one.split == "test" and one.status == "ok" for one in found), "groups are told all the same"


@pytest.mark.parametrize("asked", ["tagging", "joint"])
def test_taggers_have_twins_whose_answers_are_other_tags(asked):
    test = people()[["race", "note"]]
    columns = (COLUMNS[0], Column("note", ColumnType.TOKENS), Column("y", ColumnType.ANNOTATION, Role.TARGET))
    table = Table("t", columns, 2400, "d" * 64)
    question = replace(task(()), kind=asked)
    plan = Fairness().plan(Brief(question, table, test, np.array(["O"] * 1800, dtype=object), b"k" * 32, 9999, test))
    rows = test.iloc[[probe.row for probe in plan.ask]].reset_index(drop=True)
    for place, probe in enumerate(plan.ask):
        for name, value in probe.changes.items():
            rows.loc[place, name] = value
            assert name == "race" or len(value.split()) == len(test["note"][probe.row].split()), "as many tokens"

    def entry(frame):
        tags = [["B-he" if word in MEN else "O" for word in note.split()] for note in frame["note"]]
        answers = tags if asked == "tagging" else [("a", one) for one in tags]
        out = np.empty(len(answers), dtype=object)
        out[:] = answers
        return out

    made = replace(answered(question, [0.0] * 600, np.zeros((600, 1))), test=test, table=table, plan=plan)
    found = twins(Fairness().judge(replace(made, answers=entry(test), probes=entry(rows))))
    assert found[FLIPPED, WORDS, ""].value == 1.0
    assert found[FLIPPED, WORDS, "neutral words"].value == found[FLIPPED, "race", ""].value == 0.0
    assert (MOVED, WORDS, "") not in found


def test_too_few_pairs_are_insufficient():
    found, plan = asked_of(racist, test=people(9))
    assert len(plan.ask) <= 27
    assert "9 rows have a twin by 'race' and 20 are needed" in twins(found)[MOVED, "race", ""].reason
