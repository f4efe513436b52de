"""Areas by community on the official test posts of HateXplain, beside scikit-learn's and those of a prototype."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bakeoff.fairness import RankSettings, by_identities, compare_rankings

TEN = (*("African", "Islam", "Jewish", "Homosexual", "Women", "Refugee", "Arab", "Caucasian", "Asian", "Hispanic"),)
MEAN = "generalised mean, power -5"


@pytest.fixture(scope="module")
def posts(bakeoff_data):
    """Truth, scores of a logistic regression of words and pairs of words, and who each test post is about."""
    folder = bakeoff_data / "hatexplain"
    if not folder.is_dir():
        pytest.skip("there is no data set hatexplain")
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    reader = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(C=1, solver="liblinear").fit(
        reader.fit_transform(train["text"]), train["label"] != "normal"
    )
    said = test["targets_majority"].str.split("|").tolist()
    about = {name: np.array([name in one for one in said]) for name in TEN}
    return (test["label"] != "normal").to_numpy(), model.predict_proba(reader.transform(test["text"]))[:, 1], about


def measured(posts, background, least=1):
    truth, scores, about = posts
    found = compare_rankings(
        truth, scores, by_identities(about), RankSettings(background=background, least=least, draws=50)
    )
    return {(one.metric, one.group): one for one in found}


@pytest.mark.parametrize("background", ["all", "named"])
def test_areas_by_community_are_those_of_scikit_learn(posts, background):
    truth, scores, about = posts
    found = measured(posts, background)
    kept = np.ones(len(truth), dtype=bool) if background == "all" else np.any(list(about.values()), axis=0)
    assert kept.sum() == (1924 if background == "all" else 1090), "as many posts name one of the ten"
    areas = {"subgroup AUC": [], "BPSN AUC": [], "BNSP AUC": []}
    for name, inside in about.items():
        rows = {
            "subgroup AUC": inside,
            "BPSN AUC": kept & ((inside & ~truth) | (~inside & truth)),
            "BNSP AUC": kept & ((inside & truth) | (~inside & ~truth)),
        }
        for metric, chosen in rows.items():
            area = roc_auc_score(truth[chosen], scores[chosen])
            assert found[metric, name].value == pytest.approx(area, abs=1e-12)
            areas[metric].append(area)
    for metric, values in areas.items():
        mean = np.mean(np.array(values) ** -5.0) ** (-1 / 5)
        assert found[metric, MEAN].value == pytest.approx(mean, abs=1e-12)


def test_figures_lie_near_those_of_a_prototype_with_the_same_model(posts):
    """Word TF-IDF and logistic regression gave 0.691/0.628/0.705 and 0.691/0.616/0.769, accuracy 0.753, AUROC 0.834.

    Its C was picked on the validation posts and is not told, nor its solver and TF-IDF's scale. This model was found
    among some 15 by its nearness to these figures, so it shows that they can be had and is no independent check; it is
    as good (with C of 10 it is better, 0.762,
    and subgroup AUC is 0.672, BNSP 0.738).
    """
    truth, scores, _ = posts
    assert np.mean((scores > 0.5) == truth) == pytest.approx(0.753, abs=0.01)
    assert roc_auc_score(truth, scores) == pytest.approx(0.834, abs=0.01)
    for background, wanted in (("named", (0.691, 0.628, 0.705)), ("all", (0.691, 0.616, 0.769))):
        found = measured(posts, background)
        for metric, value in zip(("subgroup AUC", "BPSN AUC", "BNSP AUC"), wanted, strict=True):
            assert found[metric, MEAN].value == pytest.approx(value, abs=0.01)


def test_a_mean_that_leaves_small_groups_out_says_so_as_they_fare_worst(posts):
    all_of_them, some = measured(posts, "named"), measured(posts, "named", least=10)
    assert some["BPSN AUC", "Hispanic"].status == "insufficient"
    assert "Hispanic" in some["BPSN AUC", MEAN].reason
    assert "fewer than 10 rows of a class" in some["BPSN AUC", MEAN].reason
    assert some["BPSN AUC", MEAN].value > all_of_them["BPSN AUC", MEAN].value + 0.02
    assert all_of_them["BPSN AUC", MEAN].reason == ""
