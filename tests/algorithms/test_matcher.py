"""The matcher on records of every shape: links, groups, new records, labels that hold, and none at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pairs_of_every_shape import PAIRED, TEXT, made
from sklearn.metrics import f1_score

from bakeoff.algorithms import Matcher, adapt
from bakeoff.algorithms.linkage_adapter import SCORED, Linking
from bakeoff.errors import Declined, EntryError, UsageError
from bakeoff.nouns import ColumnType, Linker

WHOLES = ("every type", "every type, one table", "text only", "text only, one table", "gaps", "ignored column")


def positions_of(shape):
    return shape.asked(shape.test).assign(left=shape.test[:, 0], right=shape.test[:, 1])


def truth_groups(shape):
    """Pairs of `made` records that are one thing; groups in which both tables hold each thing once."""
    return {tuple(pair) for pair in np.vstack([shape.train[shape.labels == 1], shape.test[shape.truth == 1]]).tolist()}


@pytest.fixture(scope="module")
def linked():
    """Two tables of texts and a matcher that learnt them."""
    shape = made({"title": TEXT, "brand": ColumnType.CATEGORICAL})
    return shape, Matcher().fit(shape.left, shape.right, shape.pairs())


@pytest.fixture(scope="module")
def single():
    """One table and a matcher that learnt it."""
    shape = made({"title": TEXT}, one=True)
    return shape, Matcher().fit(shape.left, None, shape.pairs())


QUICK = (
    *("every type", "text only, one table", "pictures only", "nothing but empty texts", "few pairs", "one match"),
    *("no match", "lists of tokens", "ignored column"),
)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PAIRED]
)
def test_answers_pairs_of_every_shape(name):
    shape = PAIRED[name]()
    before = shape.left.copy(deep=True)
    adapted = adapt(Matcher, shape.schema(sides=False)).fit(shape.left, shape.right, shape.pairs())
    assert isinstance(adapted, Linking)
    answers = adapted.answers(positions_of(shape))
    assert answers.shape == (len(shape.test), 2)
    assert np.isfinite(answers).all()
    assert np.allclose(answers.sum(axis=1), 1)
    assert shape.left.equals(before), "the records were changed"
    form, links = adapted.link(shape.left, shape.right)
    assert form == SCORED
    if shape.learnable and name in WHOLES:
        assert f1_score(shape.truth, answers[:, 1] >= 0.5) > 0.85
        called = {(int(a), int(b)) for a, b, score in links if score >= 0.5}
        assert len(called & truth_groups(shape)) > 0.8 * len(truth_groups(shape))
    alone = np.vstack([adapted.answers(positions_of(shape).iloc[[row]]) for row in range(3)])
    assert np.allclose(answers[:3], alone, atol=1e-6)


def test_the_same_seed_gives_the_same_answers(linked):
    shape, first = linked
    second = Matcher(random_state=0).fit(shape.left, shape.right, shape.pairs())
    assert np.array_equal(first.predict_proba(positions_of(shape)), second.predict_proba(positions_of(shape)))
    assert first.repeatable_ is True
    assert isinstance(first, Linker)


def test_groups_hold_the_records_of_one_thing(linked, single):
    shape, model = linked
    frame = model.groups()
    assert list(frame.columns) == ["side", "position", "group_id", "size", "confidence"]
    left, right = (frame[frame["side"] == side].set_index("position")["group_id"] for side in ("left", "right"))
    assert np.mean([left[a] == right[b] for a, b in truth_groups(shape)]) > 0.95
    assert frame["confidence"].between(0, 1).all()
    shape, model = single
    frame = model.groups(shape.left)
    assert list(frame.columns) == ["position", "group_id", "size", "confidence"]
    assert (frame.groupby("group_id")["size"].first() == frame.groupby("group_id").size()).all()
    assert np.mean([frame["group_id"][a] == frame["group_id"][b] for a, b in truth_groups(shape)]) > 0.95
    assert Matcher(max_group=1).fit(shape.left, None, shape.pairs()).groups()["size"].max() == 1


def noisy(seed=0, things=80):
    """Two tables in which many things are alike, so that precision and recall are at odds."""
    rng = np.random.default_rng(seed)
    words = np.array(["red", "blue", "lamp", "desk", "oak", "small", "large", "round", "metal", "chair"])
    left = [" ".join(rng.choice(words, 4)) for _ in range(things)]
    right = [" ".join(np.where(rng.random(4) < 0.25, rng.choice(words, 4), text.split())) for text in left]
    others = np.column_stack([np.arange(things).repeat(3), rng.integers(0, things, 3 * things)])
    pairs = np.vstack([np.column_stack([np.arange(things)] * 2), others])
    frame = pd.DataFrame(pairs, columns=["left", "right"]).drop_duplicates(ignore_index=True)
    frame["label"] = (frame["left"] == frame["right"]).astype(int)
    return pd.DataFrame({"name": left}), pd.DataFrame({"name": right}), frame


def test_the_tradeoff_moves_from_recall_to_precision():
    left, right, pairs = noisy()
    called = []
    for share in (0.05, 0.5, 0.95):
        model = Matcher(precision_recall=share, one_to_one=False).fit(left, right, pairs)
        called.append(int((model.link(left, right)["score"] >= 0.5).sum()))
        assert 0 < model.estimates_.precision.value <= 1
    assert called[0] > called[1] > called[2]


def test_one_to_one_gives_each_record_one_partner():
    left, right, pairs = noisy()
    free = Matcher(one_to_one=False, precision_recall=0.2).fit(left, right, pairs)
    bound = Matcher(one_to_one=True, precision_recall=0.2).fit(left, right, pairs)
    for model, single_ in ((free, False), (bound, True)):
        links = model.link(left, right)
        links = links[links["score"] >= 0.5]
        assert (links["left"].is_unique and links["right"].is_unique) is single_
    assert bound.one_to_one_.on
    assert bound.groups()["size"].max() == 2
    assert bound.link(left, right)["score"].between(0, 1).all()


def test_within_one_table_one_to_one_makes_groups_of_two(single):
    shape, _ = single
    again = pd.concat([shape.left, shape.left], ignore_index=True)
    assert Matcher().fit(again, None, shape.pairs()).groups()["size"].max() > 2
    assert Matcher(one_to_one=True).fit(again, None, shape.pairs()).groups()["size"].max() == 2


def test_enforced_labels_hold_in_links_answers_and_groups(linked):
    shape, plain = linked
    pairs = shape.pairs()
    wrong = pairs.index[pairs["label"] == 1][0]
    pairs.loc[wrong, "label"] = 0
    left, right = pairs.loc[wrong, ["left", "right"]]
    held = Matcher(enforce_labels=True).fit(shape.left, shape.right, pairs)
    for model, same in ((plain, True), (held, False)):
        frame = model.groups()
        ids = frame.set_index(["side", "position"])["group_id"]
        assert (ids["left", left] == ids["right", right]) == same
        asked = pd.DataFrame({"left": [left], "right": [right]})
        assert (model.predict_proba(asked)[0, 1] >= 0.5) == same
    links = held.link(shape.left, shape.right).set_index(["left", "right"])["score"]
    assert all(links[pair] >= 0.5 for pair in map(tuple, pairs.loc[pairs["label"] == 1, ["left", "right"]].to_numpy()))
    other = held.link(shape.left, shape.right.iloc[::-1].reset_index(drop=True))
    assert len(other), "labels are not those of other tables"


def test_labels_that_contradict_each_other_are_told_in_one_sentence(single):
    shape, _ = single
    both = pd.DataFrame({"left": [0, 1, 0, 5], "right": [1, 0, 7, 9], "label": [1, 0, 0, 1]})
    Matcher().fit(shape.left, None, both)
    with pytest.raises(EntryError, match=r"the pair of records 0 and 1 is labelled a match and no match; keep"):
        Matcher(enforce_labels=True).fit(shape.left, None, both)
    chain = pd.DataFrame({"left": [0, 1, 0, 5], "right": [1, 2, 2, 9], "label": [1, 1, 0, 0]})
    with pytest.raises(EntryError, match="records 0 and 2 are labelled no match and belong together by other labels"):
        Matcher(enforce_labels=True).fit(shape.left, None, chain)


def test_new_records_join_groups_or_open_them_and_old_groups_stay(single):
    shape, model = single
    before = model.groups(shape.left)["group_id"].tolist()
    first, second = shape.left["title"][0], "zzyzx qqwert plomb XX-11111"
    news = model.match_new(pd.DataFrame({"title": [first, second, second]}))
    assert list(news.columns) == ["position", "group_id", "confidence", "joined", "also"]
    assert news["joined"].tolist() == [True, False, False]
    assert news["group_id"][0] == before[0]
    assert news["group_id"][1] == news["group_id"][2] > max(before)
    assert model.matched_.groups[: len(before)].tolist() == before
    again = model.match_new(pd.DataFrame({"title": [second]}))
    assert again["group_id"][0] == news["group_id"][1]
    assert again["joined"][0]


def test_a_new_record_that_fits_two_groups_joins_one_and_names_the_other():
    truth, table = embeddings()
    vectors = np.stack(table["photo"])
    one, other = (vectors[truth == thing].mean(axis=0) for thing in (3, 5))
    model = Matcher(precision_recall=0.1).fit(table)
    groups = model.groups()["group_id"].to_numpy()
    both = [groups[truth == thing][0] for thing in (3, 5)]
    assert both[0] != both[1]
    news = model.match_new(pd.DataFrame({"photo": [one + other, one, other]}))
    assert news["also"].tolist()[1:] == [(), ()]
    assert news["group_id"].tolist()[1:] == both
    assert {int(news["group_id"][0]), *news["also"][0]} == set(both)
    assert model.matched_.groups[: len(truth)].tolist() == groups.tolist(), "two groups became one"


def test_new_records_of_either_side(linked):
    shape, model = linked
    model.groups()
    news = model.match_new(shape.left.iloc[[3]], side="right")
    assert len(news) == 1
    with pytest.raises(UsageError, match="side is 'middle'; say left or right"):
        model.match_new(shape.left.iloc[[3]], side="middle")
    with pytest.raises(UsageError, match="have none of the columns title, brand of the left table"):
        model.match_new(pd.DataFrame({"x": [1]}))
    fresh = Matcher().fit(shape.left, shape.right, shape.pairs())
    with pytest.raises(UsageError, match=r"call groups\(left, right\) first"):
        fresh.match_new(shape.left.iloc[[0]])


def test_pairs_are_asked_by_their_records_too(linked):
    shape, model = linked
    asked = shape.asked(shape.test)
    answers = model.predict_proba(asked)
    assert f1_score(shape.truth, answers[:, 1] >= 0.5) > 0.85
    assert np.allclose(answers[:2], model.predict_proba(asked.iloc[:2]), atol=1e-6)
    with pytest.raises(EntryError, match="by the columns left and right"):
        model.predict_proba(pd.DataFrame({"title": ["a"]}))


def test_text_without_labels_is_matched_and_the_report_says_so():
    shape = made({"title": TEXT, "brand": ColumnType.CATEGORICAL})
    model = Matcher().fit(shape.left, shape.right)
    answers = model.predict_proba(positions_of(shape))
    assert f1_score(shape.truth, answers[:, 1] >= 0.5) > 0.9
    said = model.report()
    assert "Not learnt from labels" in said
    assert "nobody has checked" in said
    assert model.estimates_ is None
    with pytest.raises(UsageError, match="no curve to draw without labelled pairs"):
        model.plot("x.svg")


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_are_too_few_and_told(linked, label):
    shape, _ = linked
    pairs = shape.pairs()
    model = Matcher().fit(shape.left, shape.right, pairs[pairs["label"] == label])
    assert not model.learnt_
    assert "are too few (two of each are needed)" in model.report()
    assert f1_score(shape.truth, model.predict(positions_of(shape))) > 0.85


def b_cubed(truth, groups):
    """B-cubed F1 by comparing every record with every other."""
    same, said = truth[:, None] == truth[None], groups[:, None] == groups[None]
    both = (same & said).sum(axis=1)
    precision, recall = (both / said.sum(axis=1)).mean(), (both / same.sum(axis=1)).mean()
    return 2 * precision * recall / (precision + recall)


def embeddings(noise=0.5, seed=1):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(40), rng.integers(1, 8, 40))
    centres = rng.normal(size=(40, 32))
    return truth, pd.DataFrame({"photo": list(centres[truth] + noise * rng.normal(size=(len(truth), 32)))})


def test_embeddings_without_labels_are_grouped():
    truth, table = embeddings()
    groups = Matcher().fit(table).groups()["group_id"].to_numpy()
    assert b_cubed(truth, groups) > 0.95
    assert b_cubed(truth, np.zeros(len(truth))) < 0.3
    assert b_cubed(truth, np.arange(len(truth))) < 0.6


def test_embeddings_learn_from_labels_where_there_are_some():
    truth, table = embeddings(noise=1.0)
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(len(truth), 1)
    match = truth[first] == truth[second]
    chosen = np.r_[rng.permutation(np.flatnonzero(match))[:60], rng.permutation(np.flatnonzero(~match))[:60]]
    pairs = pd.DataFrame({"left": first[chosen], "right": second[chosen], "label": match[chosen].astype(int)})
    model = Matcher().fit(table, None, pairs)
    assert model.estimates_.f1.value > 0.9
    assert b_cubed(truth, model.groups()["group_id"].to_numpy()) > 0.8
    with pytest.raises(EntryError, match="no column can be named as the reason"):
        model.explain(0, 1)


def test_the_report_the_curve_and_the_reasons(linked, tmp_path):
    shape, model = linked
    said = model.report()
    for words in ("links between two tables of 60 and 60 records", "Held out", "called a match", "F1", "rest on"):
        assert words in said
    assert max(map(len, said.splitlines())) <= 160
    for name, begins in (("curve.svg", b"<?xml"), ("curve.png", b"\x89PNG")):
        assert (tmp_path / name).read_bytes().startswith(begins) if model.plot(tmp_path / name) else False
    with pytest.raises(UsageError, match="must end with"):
        model.plot(tmp_path / "curve.txt")
    assert sum(model.importance().values()) == pytest.approx(1)
    match, none = shape.test[shape.truth == 1][0], shape.test[shape.truth == 0][0]
    for_it, against = (model.explain(*pair.tolist()) for pair in (match, none))
    assert list(for_it.columns) == ["what", "log_odds", "left", "right"]
    assert for_it["log_odds"].sum() > against["log_odds"].sum()
    assert (for_it["log_odds"].abs().diff().dropna() <= 1e-12).all()
    with pytest.raises(EntryError, match="no left record 99; the table has 60"):
        model.explain(99, 0)


def test_weighted_labels_count_for_what_they_stand_for(linked):
    shape, _ = linked
    pairs = shape.pairs()
    pairs["weight"] = np.where(np.arange(len(pairs)) % 2 == 0, 10.0, np.nan)
    model = Matcher().fit(shape.left, shape.right, pairs)
    assert model.estimates_.weighted
    assert model.estimates_.pairs == (len(pairs) + 1) // 2
    assert "of all candidates, from pairs drawn at random" in model.report()


def test_labels_come_from_a_file_of_ids(linked, tmp_path):
    shape, plain = linked
    left, right = (
        table.assign(id=[f"{side}{row}" for row in range(len(table))])
        for side, table in (("l", shape.left), ("r", shape.right))
    )
    pairs = shape.pairs()
    named = pd.DataFrame({"left": [f"l{row}" for row in pairs["left"]], "right": [f"r{row}" for row in pairs["right"]]})
    named.assign(label=["yes" if label else "no" for label in pairs["label"]]).to_csv(tmp_path / "p.csv", index=False)
    model = Matcher(ignore=["id"]).fit(left, right, tmp_path / "p.csv")
    assert np.array_equal(model.labels_.positions, plain.labels_.positions)
    assert np.array_equal(model.labels_.matches, plain.labels_.matches)
    named.assign(label=1, left="nobody").to_csv(tmp_path / "q.csv", index=False)
    with pytest.raises(UsageError, match=r"cannot be told|no record has that id|names the left record 'nobody'"):
        Matcher().fit(left, right, tmp_path / "q.csv")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pd.DataFrame({"title": pd.Series([], dtype=str)}), None),
        (pd.DataFrame({"title": ["a lamp"]}), None),
        (pd.DataFrame({"title": ["a lamp"]}), pd.DataFrame({"title": ["a desk"]})),
        (pd.DataFrame({"title": ["a lamp"]}), pd.DataFrame({"title": pd.Series([], dtype=str)})),
        (pd.DataFrame({"title": ["aaa bbb", "ccc ddd", "eee fff"]}), None),
    ],
    ids=["empty", "one record", "one and one", "one and none", "no candidate"],
)
def test_next_to_nothing_gives_next_to_nothing(left, right):
    model = Matcher().fit(left, right)
    links = model.link(left, right)
    assert list(links.columns) == ["left", "right", "score"]
    assert not (links["score"] >= 0.5).any()
    frame = model.groups()
    assert len(frame) == len(left) + (0 if right is None else len(right))
    assert frame["group_id"].is_unique
    assert model.report()


def test_duplicates_letter_by_letter_are_one_group():
    table = pd.DataFrame(
        {"title": ["oak desk 12", "oak desk 12", "red lamp 7", "red lamp 7", "tin box 3", "sofa 9 blue"]}
    )
    groups = Matcher().fit(table).groups()["group_id"].tolist()
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert len(set(groups)) == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"precision_recall": 1.5}, "precision_recall is 1.5; give a number from 0 to 1"),
        ({"effort": "much"}, "effort is 'much'; give a number from 0 to 1"),
        ({"one_to_one": "maybe"}, "one_to_one is 'maybe'; give 'auto', True or False"),
        ({"max_group": -1}, "max_group is -1; give a number of records, or 0 for any"),
    ],
)
def test_parameters_out_of_range_are_told(given, said):
    with pytest.raises(UsageError, match=said):
        Matcher(**given)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (pd.DataFrame({"left": [0], "right": [99], "label": [1]}), "name the right record 99, and there are 60"),
        (pd.DataFrame({"left": [0], "label": [1]}), "labelled pairs lack right"),
        (pd.DataFrame({"left": ["x"], "right": ["y"], "label": [1]}), "name a record 'x'; give positions"),
        (pd.DataFrame({"left": [0], "right": [1], "label": ["perhaps"]}), "label 'perhaps' says neither"),
    ],
)
def test_pairs_that_are_none_are_told(linked, pairs, said):
    shape, _ = linked
    with pytest.raises(EntryError, match=said):
        Matcher().fit(shape.left, shape.right, pairs)


def test_a_record_paired_with_itself_and_other_tasks_are_refused(single):
    shape, _ = single
    with pytest.raises(EntryError, match="pair record 3 with itself"):
        Matcher().fit(shape.left, None, pd.DataFrame({"left": [3], "right": [3], "label": [1]}))
    with pytest.raises(Declined, match="The baseline 'matcher' tells whether two records match, and this is a classif"):
        Matcher().fit(shape.left, None, shape.pairs(), schema=replace(shape.schema(), kind="classification"))
    with pytest.raises(Declined, match="no column left"):
        Matcher(ignore="title").fit(shape.left, None, shape.pairs())


@pytest.mark.parametrize("ask", ["link", "predict", "predict_proba", "groups"])
def test_who_has_learnt_nothing_says_so(ask):
    table = pd.DataFrame({"name": ["ann", "bob"]})
    with pytest.raises(UsageError, match="learnt nothing yet; call fit"):
        getattr(Matcher(), ask)(table)
