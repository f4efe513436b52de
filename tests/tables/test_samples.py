"""The demo's tables are complete, say what they are, and can be read, checked and asked about."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import read, standardise
from bakeoff.tables.made.samples import samples
from bakeoff.tables.matching.standardised import read_matching, standardise_matching
from bakeoff.tables.settings import settings_toml

REAL = ["digits", "wine", "breast_cancer", "diabetes"]
MADE = ["product_category", "product_returns", "product_price"]
MATCHED = ["product_duplicates", "product_variants"]


@pytest.fixture(scope="module")
def all_samples():
    return {sample.name: sample for sample in samples()}


@pytest.fixture(scope="module")
def standard(all_samples):
    rows = {name: sample for name, sample in all_samples.items() if sample.pairs is None}
    return {name: standardise(read(sample.frame, sample.settings)) for name, sample in rows.items()}


@pytest.fixture(scope="module")
def matched(all_samples):
    made = {}
    for name in MATCHED:
        sample = all_samples[name]
        raw = read_matching(sample.frame, pairs=sample.pairs, settings=sample.settings, name=name)
        made[name] = standardise_matching(raw)
    return made


def test_there_are_real_and_made_tables_of_both_kinds(all_samples):
    assert list(all_samples) == REAL + MADE + MATCHED
    assert [sample.label for sample in all_samples.values()] == ["real"] * 4 + ["made"] * 5
    assert all(sample.settings.label == sample.label for sample in all_samples.values())
    kinds = {name: sample.settings.kind for name, sample in all_samples.items()}
    assert [name for name, kind in kinds.items() if kind == "regression"] == ["diabetes", "product_price"]
    assert [name for name, kind in kinds.items() if kind == "matching"] == MATCHED
    assert set(kinds.values()) == {"classification", "regression", "matching"}


def test_every_table_stands_up_to_the_checks(all_samples, standard):
    for name, data in standard.items():
        sample = all_samples[name]
        assert data.target == sample.settings.target
        assert len(data.frame) == len(sample.frame)
        assert 0.2 < np.mean(data.parts == "test") < 0.3
        assert settings_toml(sample.settings)
        assert sample.note
        assert sample.settings.licence


def test_some_table_has_rows_enough_for_canaries_and_none_is_slow(standard):
    sizes = {name: len(data.rows("train")) for name, data in standard.items()}
    assert sizes["product_category"] >= 1000
    assert sizes["product_returns"] >= 1000
    assert max(sizes.values()) <= 1500


def test_digits_are_pictures_alone_and_show_the_bundled_pixels(all_samples, standard):
    assert [column.type for column in standard["digits"].table.columns] == [ColumnType.IMAGE, ColumnType.CATEGORICAL]
    bundle = load_digits()
    frame = all_samples["digits"].frame
    for row in range(0, len(frame), 200):
        small = Image.open(io.BytesIO(frame["picture"][row])).resize((8, 8), Image.Resampling.BOX)
        assert np.corrcoef(255 - np.asarray(small, float).ravel(), bundle.images[row].ravel())[0, 1] > 0.9
        assert frame["digit"][row] == bundle.target[row]


def test_made_tables_have_every_type_and_role_and_hide_the_other_answers(all_samples, standard):
    for name in MADE:
        table = standard[name].table
        types = {column.type for column in table.columns}
        assert types >= {ColumnType.TEXT, ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.IMAGE}
        assert [column.name for column in table.of_role(Role.OWNER)] == ["seller"]
        assert [column.name for column in table.of_role(Role.PROTECTED)] == ["buyers"]
        assert [column.name for column in table.of_role(Role.TIME)] == ["listed_on"]
        names = {column.name for column in table.columns}
        assert names & {"category", "returns"} == {standard[name].target} & {"category", "returns"}


def test_made_splits_are_those_for_which_the_ceiling_holds(standard):
    for name in ("product_category", "product_returns"):
        assert not set(standard[name].rows("train")["seller"]) & set(standard[name].rows("test")["seller"])
    price = standard["product_price"]
    assert price.rows("train")["listed_on"].max() < price.rows("test")["listed_on"].min()


def test_a_made_table_prints_its_ceiling_and_a_real_one_claims_none(all_samples):
    for name in MADE:
        sample = all_samples[name]
        assert "no algorithm can expect" in sample.note
        assert sample.note == sample.settings.notes
        assert sample.about["metric"] == sample.settings.metric
    assert 0.85 < all_samples["product_category"].about["value"] < 0.95
    assert not any(all_samples[name].about or "expect" in all_samples[name].note for name in REAL)


def test_matched_tables_are_of_a_size_that_runs_quickly_and_keep_records_apart(all_samples, matched):
    for name, data in matched.items():
        records, pairs = len(data.sides.left), len(data.frame)
        assert 1000 < records < 1300
        assert 2200 < pairs < 2800
        assert data.sides.right is None and data.sides.complete
        test = len(data.sides.test)
        assert 0.2 < test / pairs < 0.3
        assert pairs == len(all_samples[name].pairs), "a split by records leaves no pair out"
        assert not set(data.sides.train.ravel()) & set(data.sides.test.ravel())
        shares = [data.labels(part).mean() for part in ("train", "test")]
        assert abs(shares[0] - shares[1]) < 0.06
        matches = int(all_samples[name].pairs["label"].sum())
        assert f"of {pairs:,} labelled pairs {matches:,} match" in all_samples[name].note
        assert [remark.check for remark in data.remarks] == ["matches for each record"]
    assert matched["product_duplicates"].settings.ignore == ()
    assert matched["product_variants"].settings.ignore == ("colour", "size")


def told_apart(frame, label, columns):
    """The share of matches, and of other pairs, whose cells agree in all these columns where both are there."""
    same = np.ones(len(frame), bool)
    for name in columns:
        one, two = frame[f"left_{name}"], frame[f"right_{name}"]
        same &= ((one == two) | one.isna() | two.isna()).to_numpy()
    return same[label == 1].mean(), same[label == 0].mean()


def test_matching_follows_the_variant_rule_and_is_not_trivial(matched):
    exact, models = (matched[name] for name in MATCHED)
    # One article has one colour and size, listings of one model need not.
    assert told_apart(exact.frame, exact.frame["label"].to_numpy(), ["colour", "size"])[0] == 1.0
    assert told_apart(models.frame, models.frame["label"].to_numpy(), ["colour", "size"])[0] < 0.4
    for data in matched.values():
        label = data.frame["label"].to_numpy()
        titles = data.frame["left_title"].str.lower() == data.frame["right_title"].str.lower()
        assert titles[label == 1].mean() < 0.05, "a listing is never copied word by word"
        alike = told_apart(data.frame, label, ["brand"])[0]
        assert alike < 0.8, "sellers write brands differently"
        assert data.frame["left_description"].isna().mean() > 0.05


def test_the_best_one_threshold_on_common_words_leaves_room(matched):
    """A cosine of words is far from perfect and far better than chance."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import average_precision_score

    for data in matched.values():
        texts = data.sides.left[["title", "description"]].fillna("").agg(" ".join, axis=1)
        words = TfidfVectorizer().fit_transform(texts)
        cosine = np.asarray(words[data.sides.test[:, 0]].multiply(words[data.sides.test[:, 1]]).sum(axis=1)).ravel()
        score = average_precision_score(data.labels("test"), cosine)
        assert data.labels("test").mean() + 0.15 < score < 0.93
