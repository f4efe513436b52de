"""Any estimator is audited in one call: planted leaks of known size are found, and clean twins stay at chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from bakeoff.errors import UsageError
from bakeoff.privacy.attacks import AttackSettings, audit_membership

SETTINGS = AttackSettings(draws=200)
SOME = AttackSettings(attacks=("loss", "lira", "rmia"), draws=200)


@pytest.fixture(scope="module")
def table():
    """Four classes that a model half learns, of which one label in ten is wrong."""
    return make_classification(800, 20, n_informative=8, n_classes=4, flip_y=0.1, random_state=0)


class Remembering:
    """Answers one half for every row but a known share of those it was fitted on, whose labels it remembers."""

    def __init__(self, share, strength=1.0, seed=0):
        self.share, self.strength, self.seed = share, strength, seed

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.held = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
        return self

    def predict_proba(self, X):
        rng = np.random.default_rng(self.seed)
        right = np.clip(0.5 + 0.05 * rng.standard_normal(len(X)), 0, 1)
        chance = np.stack([1 - right, right], axis=1)
        for place, row in enumerate(X):
            # Which rows are remembered depends on the row alone, not on the fit.
            if row.tobytes() in self.held and (row[0] * 1e6) % 1 < self.share:
                label = self.held[row.tobytes()]
                chance[place, label] = 0.5 + 0.49 * self.strength
                chance[place, 1 - label] = 0.5 - 0.49 * self.strength
        return chance


def test_a_leak_of_known_size_is_found_in_its_size():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1500, 3)), rng.integers(0, 2, 1500)
    for share in (0.05, 0.3):
        report = audit_membership(Remembering(share), X, y, fits=16, settings=SOME)
        true = ((X[:, 0] * 1e6) % 1 < share).mean()
        # Remembered rows are told for sure, the rest by chance: the area is one half and half the share.
        for fpr, hits in report.attacks["loss"].tpr.items():
            assert hits.low <= true + fpr and hits.high >= true, (share, fpr, str(hits))
        assert report.attacks["loss"].auc.low - 0.01 <= 0.5 + true / 2 <= report.attacks["loss"].auc.high + 0.01
        assert report.strongest.tpr[0.001].low > 0.6 * true


def test_the_clean_twin_is_at_chance():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(1500, 3)), rng.integers(0, 2, 1500)
    for clean in (Remembering(0.0), DummyClassifier(strategy="uniform")):
        report = audit_membership(clean, X, y, fits=16, settings=SOME)
        assert report.strongest.auc.low <= 0.5 <= report.strongest.auc.high
        assert report.strongest.tpr[0.01].low <= 0.01


def test_even_the_shares_of_classes_tell_a_little():
    """A row is more often of the class that is larger in its half than a row of the other half is."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(1500, 3)), rng.integers(0, 2, 1500)
    report = audit_membership(DummyClassifier(strategy="prior"), X, y, fits=16, settings=SOME)
    # Its size: the mean absolute difference of the halves' shares over two, 0.5 * 0.8 / sqrt(1500).
    assert report.attacks["loss"].auc.value == pytest.approx(0.5 + 0.5 * 0.8 / np.sqrt(1500), abs=0.008)


def test_forest_and_nearest_neighbour_are_found_and_ordered_as_they_leak(table):
    """A forest tells everything, larger leaves less, one neighbour more than five, and a line little."""
    found = {
        name: audit_membership(made, *table, fits=8, settings=AttackSettings(draws=100)).strongest
        for name, made in {
            "forest": RandomForestClassifier(30),
            "forest with leaves of 20": RandomForestClassifier(30, min_samples_leaf=20),
            "one neighbour": KNeighborsClassifier(1),
            "five neighbours": KNeighborsClassifier(5),
            "line": LogisticRegression(max_iter=1000),
        }.items()
    }
    area = {name: one.auc for name, one in found.items()}
    assert area["forest"].low > 0.97 and found["forest"].tpr[0.01].low > 0.6
    assert area["forest"].low > area["forest with leaves of 20"].high
    assert area["one neighbour"].low > area["five neighbours"].high
    assert area["five neighbours"].low > area["line"].value > 0.5
    assert area["forest with leaves of 20"].low > area["line"].high


def test_the_quick_form_finds_the_same_leaks_with_two_fits(table):
    quick = audit_membership(RandomForestClassifier(30), *table, fits=2, settings=SETTINGS)
    assert quick.strongest.auc.low > 0.85 and quick.strongest.tpr[0.001].reason
    assert "tell of other rows, not of other fits" in quick.notes[-1]
    clean = audit_membership(DummyClassifier(strategy="uniform"), *table, fits=2, settings=SETTINGS)
    assert clean.strongest.auc.low < 0.5 < clean.strongest.auc.high


def test_rows_may_come_in_any_form_and_labels_as_words(table):
    X, y = table[0][:200], table[1][:200]
    model, rest = RandomForestClassifier(5), {"fits": 2, "settings": SOME}
    words = np.array(["d", "b", "a", "c"])[y]
    reports = [
        audit_membership(model, X, y, **rest),
        audit_membership(model, pd.DataFrame(X), pd.Series(y), **rest),
        audit_membership(model, sparse.csr_matrix(X), y, **rest),
        audit_membership(model, X.tolist(), y.tolist(), **rest),
        audit_membership(lambda: RandomForestClassifier(5), X, y, **rest),
        audit_membership(lambda seed: RandomForestClassifier(5, random_state=seed), X, y, **rest),
        audit_membership(make_pipeline(RandomForestClassifier(5)), X, y, **rest),
    ]
    first = reports[0].as_plain()
    for report in reports[1:]:
        assert report.as_plain() == first
    assert audit_membership(model, X, words, **rest).strongest.auc.value > 0.7
    assert audit_membership(RandomForestClassifier, X, words, **rest).strongest.auc.value > 0.7
    assert not hasattr(model, "classes_")  # the caller's own estimator is never fitted


def test_fits_at_once_give_what_one_after_another_gives(table):
    X, y = table[0][:200], table[1][:200]
    with parallel_config("threading"):
        one, two = (
            audit_membership(KNeighborsClassifier(3), X, y, fits=2, n_jobs=jobs, settings=SOME).as_plain()
            for jobs in (None, 2)
        )
    assert one == two


def test_labels_alone_and_numbers_are_attacked_too(table):
    X, y = table
    report = audit_membership(make_pipeline(StandardScaler(), LinearSVC()), X, y, fits=4, settings=SOME)
    assert "gives labels and no probabilities" in report.notes[-1]
    number = X @ np.arange(20) / 20 + np.random.default_rng(2).normal(size=len(X))
    leaky = audit_membership(KNeighborsRegressor(2), X, number, fits=8, settings=SOME)
    clean = audit_membership(DummyRegressor(), X, number, fits=8, settings=SOME)
    assert leaky.strongest.auc.low > 0.65 and leaky.notes == ()
    assert clean.strongest.auc.low < 0.5 < clean.strongest.auc.high


def test_a_class_of_one_row_is_kept_in_and_not_told_apart(table):
    X, y = table[0][:121], np.append(table[1][:120] % 2, 7)
    report = audit_membership(KNeighborsClassifier(3), X, y, fits=2, settings=SOME)
    assert report.rows == 120 and "1 rows that no coin decided" in report.notes[-1]


class Odd:
    """An estimator whose answers are wrong in a chosen way."""

    def __init__(self, answers):
        self.answers = answers

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return self.answers(len(X))


@pytest.mark.parametrize(
    ("estimator", "X", "y", "said"),
    [
        (KNeighborsClassifier(1), np.ones((5, 2)), [0, 1], "X has 5 rows and y the shape \\(2,\\)"),
        (KNeighborsClassifier(1), np.ones((3, 2)), [0, 1, np.nan], "no label in row 2"),
        (KNeighborsClassifier(1), np.ones((3, 2)), ["a", None, "b"], "no label in row 1"),
        (KNeighborsClassifier(1), np.ones((4, 2)), [1, 1, 1, 1], "at least two classes"),
        (KNeighborsClassifier(1), np.ones((4, 2)), [1, "a", 1, "a"], r"labels of several types \(int, str\)"),
        ("forest", np.ones((4, 2)), [0, 1, 0, 1], "is no estimator"),
        (lambda: "forest", np.ones((4, 2)), [0, 1, 0, 1], "str has no fit"),
        (Odd(lambda n: np.full((n, 3), 0.3)), np.ones((4, 2)), [0, 1, 0, 1], "one column for each"),
        (Odd(lambda n: np.full((n, 2), np.nan)), np.ones((4, 2)), [0, 1, 0, 1], "gave nan, infinity"),
    ],
)
def test_what_cannot_be_audited_is_said_in_a_sentence(estimator, X, y, said):
    with pytest.raises(UsageError, match=said):
        audit_membership(estimator, X, np.array(y, dtype=object if "a" in y else None), fits=2)


def test_fits_are_counted_in_whole_numbers():
    with pytest.raises(UsageError, match="in whole numbers; got 3"):
        audit_membership(KNeighborsClassifier(1), np.ones((4, 2)), [0, 1, 0, 1], fits=3.5)
