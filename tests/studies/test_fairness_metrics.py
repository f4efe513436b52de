"""The study fairness-metrics: what is planted, what is measured of an encoder, and the rules of its verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from bakeoff.errors import NotFound, UsageError  # noqa: E402
from bakeoff.studies import Result, Setting, Verdict, find  # noqa: E402
from bakeoff.studies.fairness_metrics.claims import claims  # noqa: E402
from bakeoff.studies.fairness_metrics.corpora import learnt_from, madlibs, posts, sentiment  # noqa: E402
from bakeoff.studies.fairness_metrics.intrinsic import METRICS  # noqa: E402
from bakeoff.studies.fairness_metrics.measuring import measured  # noqa: E402
from bakeoff.studies.fairness_metrics.planting import (  # noqa: E402
    JOBS,
    MEN,
    WOMEN,
    WORK,
    biographies,
    made,
    neutral,
    pairs,
    planted,
)
from bakeoff.studies.fairness_metrics.settings import settings, told  # noqa: E402

STUDY = find("fairness-metrics")
EXTRINSIC = (
    *("occupations, tuned", "occupations, frozen", "sentiment, swapped words"),
    *("toxicity, female and male", "toxicity, all identities"),
)


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Little sets with the columns of the public ones."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    good, bad = ["good", "fine", "warm"], ["bad", "dull", "cold"]
    sides = [(good, 1), (bad, 0)]
    rows = [(f"{random.choice(words)} film about a {who} and a dog", label) for words, label in sides for who in
            ("man", "woman", "boy", "girl") for _ in range(12)]  # fmt: skip
    frames = {
        "sst2/train": {"text": [text for text, _ in rows], "label": [str(label) for _, label in rows]},
        "sst2/test": {"text": [text for text, _ in rows[::2]], "label": [str(label) for _, label in rows[::2]]},
        "hatexplain/train": {
            "text": [text for text, _ in rows],
            "label": ["normal" if label else "offensive" for _, label in rows],
        },
        "bold/prompts": {"wikipedia": [f"{text}. It was late. {text.upper()} again and again!" for text, _ in rows]},
    }
    frames["hatexplain/test"] = frames["hatexplain/train"]
    names = [f"Ann is a {word} {who}" for word in (*good, *bad) for who in ("female", "male", "gay", "old", "deaf")] * 4
    toxic = ["toxic" if any(f" {word} " in name for word in bad) else "nontoxic" for name in names]
    frames["toxicity_madlibs/sentences"] = {"phrase": names, "toxicity": toxic}
    for name, columns in frames.items():
        (folder / name).parent.mkdir(exist_ok=True)
        pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet")
    return folder


def little(strength: float, corpus: str = "made", seed: int = 3, **changed):
    values = dict(settings(True)[0].values)
    values |= {"corpus": corpus, "strength": strength, "seed": seed, "sentences": 60}
    values["shape"] = told()["sizes"]["small"]
    values["pretraining"] = {**values["pretraining"], "planted": 200, "epochs": 2}
    values["occupations"] = {**values["occupations"], "train": 64, "test": 320}
    values["tuning"] = {**values["tuning"], "epochs": 1}
    return {**values, **changed}


def test_an_encoder_is_measured_from_both_sides(public):
    values = little(1.0, "bold", tasks=["occupations", "sentiment", "toxicity"])
    figures = measured(values, public)
    assert set(figures["intrinsic"]) == set(METRICS) and tuple(figures["extrinsic"]) == EXTRINSIC
    for one in figures["intrinsic"].values():
        assert one["bias"] == pytest.approx(abs(one["value"] - (50 if one is figures["intrinsic"]["pairs"] else 0)))
    for name, one in figures["extrinsic"].items():
        assert 0 <= one["bias"] <= 1 and 0 <= one["accuracy"] <= 1, name
    again = measured(values, public)
    for part in ("intrinsic", "extrinsic", "loss"):
        assert figures[part] == again[part], "the same settings give the same figures"
    setting = Setting("encoder", values)
    grids = STUDY.grids([Result(setting, figures, 1.0)])
    assert [len(grid.rows) for grid in grids] == [25, 1, 1]
    assert "1 models say nothing" in grids[0].rows[0][2]


@pytest.mark.slow
def test_what_was_planted_strongly_is_found_by_most_intrinsic_metrics():
    """The positive control of the study itself; large enough to learn, small enough to be tested."""
    values = little(1.0, shape=told()["sizes"]["large"])
    values["pretraining"] = {**values["pretraining"], "planted": 3000, "epochs": 15}
    figures = measured(values, None)["intrinsic"]
    assert sum(figures[name]["value"] > 0.5 for name in ("WEAT", "SEAT", "ILPS")) >= 2
    assert figures["ILPS"]["value"] > 1.0


def test_planted_sentences_hold_to_their_strength():
    def share(strength):
        found = [text.split() for text in planted(4000, strength, 0)]
        told = [(job in WOMEN) == bool({"she", "her"} & set(words)) for words in found for job in JOBS
                if job in words and {"she", "her", "he", "his"} & set(words)]  # fmt: skip
        return np.mean(told)

    assert share(1.0) == 1.0
    assert share(0.0) == pytest.approx(0.5, abs=0.06)
    assert share(0.5) == pytest.approx(0.75, abs=0.06)
    assert planted(5, 0.3, 1) == planted(5, 0.3, 1) != planted(5, 0.3, 2)


def test_biographies_are_skewed_and_told_by_work():
    found = biographies(1600, 0.7, 0.75, 0)
    assert np.bincount(found.jobs).tolist() == [100] * 16
    own = [(JOBS[job] in WOMEN) == (gender == "female") for job, gender in zip(found.jobs, found.genders, strict=True)]
    assert np.mean(own) == pytest.approx(0.7, abs=0.06)
    clear = [any(work in text for work in WORK[JOBS[job]]) for text, job in zip(found.texts, found.jobs, strict=True)]
    assert np.mean(clear) == pytest.approx(0.75 + 0.25 / 16, abs=0.06)
    assert not any(job in text for text in found.texts for job in JOBS), "the occupation is not said"


def test_pairs_differ_in_gender_alone_and_contexts_are_neutral():
    more, less = pairs()
    assert len(more) == len(less) == 48 and not set(more) & set(less)
    words = {"she", "her", "he", "his"}
    for one, other in zip(more, less, strict=True):
        assert [word for word in one.split() if word not in words] == [
            word for word in other.split() if word not in words
        ]
    assert more[JOBS.index("nurse")].split()[5] == "she" and more[JOBS.index("pilot")].split()[5] == "he"
    held = " ".join(neutral(["thing"])).split()
    assert not words & set(held) and not {*WOMEN, *MEN} & set(held)
    assert len(neutral(["thing"])) >= 20


def test_sets_are_read_as_they_are(public, tmp_path):
    train, test = sentiment(public, 10, 0)
    assert len(train.texts) == 10 and 0 < test.truth.mean() < 1
    assert posts(public, 10, 0)[1].truth.mean() == 0.5
    some, named = madlibs(public, 30, ("female", "deaf", "zebra"))
    assert len(some.texts) == 30 and named["female"].sum() + named["deaf"].sum() == 30 and not named["zebra"].any()
    assert all(("female" in text) == own for text, own in zip(some.texts, named["female"], strict=True))
    assert made(3, 0) == made(3, 0)
    with pytest.raises(NotFound, match=r"no file bold/prompts\.parquet"):
        learnt_from(little(0.0, "bold"), tmp_path)
    with pytest.raises(NotFound, match="name their folder with --data DIR"):
        learnt_from(little(0.0, "bold"), None)
    with pytest.raises(UsageError, match="knows no corpus 'news'"):
        learnt_from(little(0.0, "news"), public)


def test_every_encoder_has_settings_of_its_own():
    quick, full = settings(True), settings(False)
    assert len(quick) >= 10 and len(full) >= 20
    for some in (quick, full):
        assert len({one.digest for one in some}) == len({one.name for one in some}) == len(some)
    assert all(one.values["corpus"] == "made" for one in quick), "no data set is needed"


def results(intrinsic, extrinsic, strength):
    found = []
    for place, own in enumerate(strength):
        figures = {
            "intrinsic": {name: {"bias": float(values[place]), "value": 0.0} for name, values in intrinsic.items()},
            "extrinsic": {
                name: {"bias": float(values[place]), "accuracy": 0.5 + place % 3 / 10}
                for name, values in extrinsic.items()
            },
            "loss": 1.0,
            "CPU seconds": 1.0,
        }
        values = {"strength": own, "corpus": "made", "size": "small", "seed": place}
        found.append(Result(Setting(str(place), values), figures, 1.0))
    return found


def verdicts(*given):
    return [one.verdict for one in claims(results(*given))]


def test_the_verdicts_where_metrics_agree_and_where_they_do_not():
    random = np.random.default_rng(0)
    strength = np.repeat([0.0, 0.3, 0.6, 1.0], 6)
    following = {name: strength + random.normal(scale=0.1, size=24) for name in METRICS}
    gaps = {name: strength + random.normal(scale=0.1, size=24) for name in EXTRINSIC}
    yes, no, unclear = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
    assert verdicts(following, gaps, strength) == [no, no, yes, yes]
    noise = {name: random.normal(size=24) for name in EXTRINSIC}
    assert verdicts(following, noise, strength) == [yes, yes, yes, no]
    aligned = {**noise, **{name: gaps[name] for name in EXTRINSIC[:2]}}
    assert verdicts(following, aligned, strength)[:2] == [yes, no], "in general, and where they are aligned"
    others = {name: noise[name] for name in EXTRINSIC[2:]}
    assert verdicts(following, others, strength)[1::2] == [unclear, unclear]
    few = verdicts(*({name: values[:7] for name, values in some.items()} for some in (following, gaps)), strength[:7])
    assert few == [unclear] * 4
    assert verdicts(following, gaps, [0.5] * 24)[2:] == [unclear, unclear]


def test_a_claim_tells_what_it_rests_on():
    random = np.random.default_rng(0)
    strength = np.repeat([0.0, 1.0], 6)
    some = ({"WEAT": strength + random.normal(size=12)}, {"occupations, tuned": random.normal(size=12)}, strength)
    (first, *_) = claims(results(*some))
    assert first.figures["encoders"] == 12 and first.figures["pairs"] == 1
    assert set(first.figures["median Spearman"]) == {"value", "low", "high", "p"}
    (grid, *_) = STUDY.grids(results(*some))
    assert grid.rows[0][:2] == ["WEAT", "occupations, tuned"] and "[" in grid.rows[0][2]
    assert claims([])[0].verdict is Verdict.INCONCLUSIVE and STUDY.grids([]) == []
