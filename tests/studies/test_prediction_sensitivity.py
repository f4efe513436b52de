"""The study prediction-sensitivity: what is measured of each kind of setting, and the rules of its verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from bakeoff.errors import NotFound, UsageError  # noqa: E402
from bakeoff.studies import Result, Setting, Verdict, find  # noqa: E402
from bakeoff.studies.prediction_sensitivity.claims import claims, rank_correlation  # noqa: E402
from bakeoff.studies.prediction_sensitivity.learners import Classifier, present  # noqa: E402
from bakeoff.studies.prediction_sensitivity.measured import Asked, by_row, figures  # noqa: E402
from bakeoff.studies.prediction_sensitivity.people import FILE, FOLDER, compared, people  # noqa: E402
from bakeoff.studies.prediction_sensitivity.planted import planted  # noqa: E402
from bakeoff.studies.prediction_sensitivity.posts import identities_of, real  # noqa: E402
from bakeoff.studies.prediction_sensitivity.settings import settings  # noqa: E402

STUDY = find("prediction-sensitivity")
SHAPE = {"width": 8, "hidden": 8, "epochs": 6, "rate": 0.02, "dropout": 0.0, "batch": 32}


def values_of(words: str, **changed):
    found = next(one for one in settings(False) if words in one.name)
    return {**found.values, "shape": SHAPE, **changed}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Little sets with the columns of the public ones; posts about gays are called toxic more often."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    rude, kind = ["horrid", "filthy", "vile"], ["lovely", "fine", "kind"]
    (folder / "hatexplain").mkdir()
    for part, rows in (("train", 300), ("val", 120), ("test", 120)):
        who = random.choice(["gay", "black", "muslim", "dog", "film"], rows)
        toxic = random.random(rows) < np.where(who == "gay", 0.8, 0.4)
        texts = [
            f"this {name} is {(rude if bad else kind)[place]} today"
            for name, bad, place in zip(who, toxic, random.integers(0, 3, rows), strict=True)
        ]
        frame = pd.DataFrame({"text": texts, "label": np.where(toxic, "offensive", "normal")})
        about = {"gay": "Homosexual", "black": "African", "muslim": "Islam"}
        frame["targets_majority"] = [about.get(name, "") for name in who]
        frame.to_parquet(folder / "hatexplain" / f"{part}.parquet")
    (folder / "toxicity_madlibs").mkdir()
    lines = [("hug gay", 0), ("hug black", 0), ("hug middle aged", 0)]
    lines += [
        (f"{name} is {word}", bad)
        for name in ("gay", "black", "middle aged")
        for bad, some in ((1, rude), (0, kind))
        for word in some
    ]
    frame = pd.DataFrame(lines, columns=["phrase", "bad"])
    frame["toxicity"] = np.where(frame["bad"] == 1, "toxic", "nontoxic")
    frame.to_parquet(folder / "toxicity_madlibs" / "sentences.parquet")
    (folder / "sst2").mkdir()
    for part, rows in (("train", 200), ("test", 60)):
        bad = random.integers(0, 2, rows)
        texts = [f"a {(kind, rude)[one][random.integers(3)]} film" for one in bad]
        pd.DataFrame({"text": texts, "label": 1 - bad}).to_parquet(folder / "sst2" / f"{part}.parquet")
    return folder


@pytest.mark.parametrize(("name", "model"), [("made", "bag"), ("sst2", "cnn"), ("made", "gru")])
def test_planted_dependence_moves_swapped_words_and_the_gap(data, name, model):
    values = values_of(f"planted {name} {model}", strengths=[0.0, 0.9], rows=300, tested=60, status=150)
    found = planted(values, data)
    blind, planted_ = found["strengths"]["0"], found["strengths"]["0.9"]
    assert planted_["swapped words"] > blind["swapped words"] + 0.1
    assert planted_["gap"] > blind["gap"] + 0.1
    assert found["status"] > 0.8
    assert all(value >= 0 for one in found["strengths"].values() for value in one.values())


@pytest.mark.parametrize("variant", ["plain", "masked", "half", "skewed", "augmented"])
def test_classifiers_of_posts_are_told_with_quality_and_bias(data, variant):
    found = real(values_of(f"real {variant} bag", madlibs=100, tested=40, swaps=2), data)
    told = found["figures"]
    assert told["AUC"] > 0.6
    assert 0 <= told["spread of scores"] <= 1
    assert told["mean BPSN AUC"] <= 1
    assert 0.5 < found["status"] <= 1
    if variant == "masked":
        assert told["swapped words"] < 1e-6, "words that were never seen are all the same"
    if variant == "plain":
        assert told["swapped words"] > 0.001, "the partner"


def test_identities_are_those_that_are_hugged_longest_first():
    assert identities_of(["hug gay", "hug african american", "love black", "hug african"]) == [
        "african american",
        "african",
        "gay",
    ]


def test_sensitivity_of_a_network_is_that_of_small_differences():
    texts = [["he", "is", "fine"], ["she", "is", "not", "so", "bad"], ["he", "was"], ["she", "was"]] * 10
    labels = np.array([1, 0, 1, 0] * 10)
    for kind in ("bag", "cnn", "gru"):
        model = Classifier(kind, SHAPE, 0).fit(texts, labels)
        jacobian, shares = model.jacobian(texts[:4])
        assert jacobian.shape == (4, 2, 5)
        assert np.allclose(shares, model.probabilities(texts[:4]), atol=1e-6)
        assert (jacobian.sum(1) > 0).tolist() == present(texts[:4]).tolist(), "padding moves nothing"
        off = 1e-3
        before = shares[0, 1]
        place = model.places["he"]
        with torch.no_grad():
            slopes = []
            for dimension in range(SHAPE["width"]):
                model.network.embedding.weight[place, dimension] += off
                slopes.append((model.probabilities(texts[:1])[0, 1] - before) / off)
                model.network.embedding.weight[place, dimension] -= off
        assert np.linalg.norm(slopes) == pytest.approx(jacobian[0, 1, 0], rel=0.05)


def test_a_word_that_nobody_asks_about_has_no_sensitivity():
    texts = [["he", "is", "fine"], ["she", "is", "bad"]] * 20
    model = Classifier("bag", SHAPE, 0).fit(texts, np.array([1, 0] * 20))
    swapped = [[{"he": "she", "she": "he"}.get(word, word) for word in text] for text in texts]
    asked = Asked(texts, lambda word: word in ("he", "she"), [swapped])
    told = figures(model, model, asked)
    assert told["hard accumulated"] > 0 and told["swapped words"] > 0
    assert by_row(model, asked)["accumulated"].mean() == pytest.approx(told["hard accumulated"], abs=1e-6)
    nothing = figures(model, model, Asked(texts, lambda word: word == "they", [texts]))
    assert nothing["hard accumulated"] == nothing["swapped words"] == 0.0


def test_judgements_of_people_are_compared_where_there_are_any(data, tmp_path):
    values = values_of("people bag", swaps=2)
    with pytest.raises(NotFound, match="There are no judgements of people; give your own as"):
        people(values, data)
    texts = pd.read_parquet(data / "hatexplain" / "test.parquet")["text"]
    held = texts[texts.str.contains("gay|black|muslim")].tolist()
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"text": held * 2, "predicted": [0] * len(held) + [1] * len(held)})
    frame["unfair"] = random.random(len(frame))
    (data / FOLDER).mkdir()
    try:
        frame.to_parquet(data / FOLDER / FILE)
        found = people(values, data)
        assert found["judgements"] == len(held), "those alone that people were told as this classifier says"
        assert found["difference"][0] < found["difference"][1]
        frame.head(30).to_parquet(data / FOLDER / FILE)
        with pytest.raises(UsageError, match="50 are needed"):
            people(values, data)
        frame.drop(columns="unfair").to_parquet(data / FOLDER / FILE)
        with pytest.raises(UsageError, match="no column 'unfair'"):
            people(values, data)
    finally:
        (data / FOLDER / FILE).unlink()
        (data / FOLDER).rmdir()


def test_the_better_measure_of_judgements_is_told():
    random = np.random.default_rng(0)
    unfair = random.random(300)
    good, bad = unfair + 0.1 * random.normal(size=300), random.random(300)
    told = compared({"accumulated": good, "swapped words": bad}, unfair, 0)
    assert told["difference"][0] > 0.5
    assert compared({"accumulated": bad, "swapped words": good}, unfair, 0)["difference"][1] < -0.5
    assert compared({"accumulated": bad * 0, "swapped words": good}, unfair, 0)["correlations"]["accumulated"] == 0


def test_a_missing_set_is_named(tmp_path):
    for words, name in (("planted sst2", "sst2"), ("real plain bag", "hatexplain"), ("people bag", "judgements")):
        found = next(one for one in settings(False) if words in one.name)
        with pytest.raises(NotFound, match=name):
            STUDY.measure(found, tmp_path)
        with pytest.raises(NotFound, match=name):
            STUDY.measure(found, None)
    with pytest.raises(UsageError, match="no settings of kind 'other'"):
        STUDY.measure(Setting("x", {"kind": "other"}), None)


STRENGTHS = (0.0, 0.3, 0.6, 0.9)


def fits(seed, measures, model="bag"):
    """A planted result with these measures by strength; the gap is the strength."""
    told = {
        f"{strength:g}": {"gap": strength, "accuracy": 0.8, **{name: of(strength) for name, of in measures.items()}}
        for strength in STRENGTHS
    }
    values = {"kind": "planted", "set": "made", "model": model, "seed": seed}
    return Result(Setting(f"planted {model} {seed}", values), {"strengths": told, "status": 0.9, "texts": 10}, 1.0)


NAMES = ("hard accumulated", "soft accumulated", "hard relative", "soft relative", "swapped words", "flips")


def verdicts(results):
    return [claim.verdict for claim in claims(results)]


def test_measures_that_follow_what_was_planted_are_told_from_those_that_do_not():
    rising = [fits(seed, dict.fromkeys(NAMES, lambda strength: strength)) for seed in range(4)]
    assert verdicts(rising)[:4] == [Verdict.REPRODUCED] * 4
    assert verdicts(rising)[4] is Verdict.NOT_REPRODUCED, "both order everything alike, so neither is better"
    falling = [fits(seed, dict.fromkeys(NAMES, lambda strength: 1 - strength)) for seed in range(4)]
    assert verdicts(falling)[:4] == [Verdict.NOT_REPRODUCED] * 4
    some = dict.fromkeys(NAMES, lambda strength: {0.0: 0.2, 0.3: 0.3, 0.6: 0.2, 0.9: 0.3}[strength])
    assert verdicts([fits(seed, some) for seed in range(4)])[0] is Verdict.NOT_REPRODUCED
    better = dict.fromkeys(NAMES, lambda strength: strength) | {"swapped words": lambda strength: -strength}
    assert verdicts([fits(seed, better) for seed in range(4)])[4] is Verdict.REPRODUCED
    assert set(verdicts(rising[:2])) == {Verdict.INCONCLUSIVE}


def test_classifiers_of_posts_agree_or_not_and_few_say_nothing():
    def held(turned, models=12):
        random = np.random.default_rng(0)
        bias = np.linspace(0, 1, models)
        return [
            Result(
                Setting(f"real plain {place}", {"kind": "real"}),
                {
                    "figures": {
                        **dict.fromkeys(NAMES, float(one * turned + 0.05 * random.normal())),
                        "false positive equality difference": float(one),
                        "accuracy": float(random.random()),
                    },
                    "status": 0.7,
                },
                1.0,
            )
            for place, one in enumerate(bias)
        ]

    assert verdicts(held(1.0))[5] is Verdict.REPRODUCED
    assert verdicts(held(-1.0))[5] is Verdict.NOT_REPRODUCED
    assert verdicts(held(0.0))[5] is Verdict.INCONCLUSIVE
    assert "7 classifiers" in claims(held(1.0, 7))[5].why
    assert len(STUDY.grids([*held(1.0), *(fits(seed, dict.fromkeys(NAMES, abs)) for seed in range(3))])) == 3


def test_without_people_nothing_is_claimed_of_them():
    def judged(low, high):
        return Result(Setting(f"people {low}", {"kind": "people"}), {"difference": [low, high]}, 1.0)

    assert "The paper's are not public".lower() in claims([])[6].why.lower()
    assert claims([judged(0.1, 0.3), judged(0.05, 0.2)])[6].verdict is Verdict.REPRODUCED
    assert claims([judged(-0.3, -0.1), judged(-0.2, 0.2)])[6].verdict is Verdict.NOT_REPRODUCED
    assert claims([judged(-0.1, 0.2)])[6].verdict is Verdict.INCONCLUSIVE


def test_rank_correlations_are_those_of_scipy():
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    one, other = random.integers(0, 5, 30), random.random(30)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0.0
