"""The demo's tables are complete, say what they are, and can be read, checked and asked about."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import read, standardise
from bakeoff.tables.samples import samples
from bakeoff.tables.settings import settings_toml

REAL = ["digits", "wine", "breast_cancer", "diabetes"]
MADE = ["product_category", "product_returns", "product_price"]


@pytest.fixture(scope="module")
def all_samples():
    return {sample.name: sample for sample in samples()}


@pytest.fixture(scope="module")
def standard(all_samples):
    return {name: standardise(read(sample.frame, sample.settings)) for name, sample in all_samples.items()}


def test_there_are_real_and_made_tables_of_both_kinds(all_samples):
    assert list(all_samples) == REAL + MADE
    assert [sample.label for sample in all_samples.values()] == ["real"] * 4 + ["made"] * 3
    assert all(sample.settings.label == sample.label for sample in all_samples.values())
    kinds = {name: sample.settings.kind for name, sample in all_samples.items()}
    assert [name for name, kind in kinds.items() if kind == "regression"] == ["diabetes", "product_price"]
    assert set(kinds.values()) == {"classification", "regression"}


def test_every_table_stands_up_to_the_checks(all_samples, standard):
    for name, sample in all_samples.items():
        data = standard[name]
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
