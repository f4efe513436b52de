"""The study private-text: what is measured of each kind of setting, and the rules of its verdicts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting")

from bakeoff.errors import NotFound  # noqa: E402
from bakeoff.studies import Result, Setting, Verdict, find  # noqa: E402
from bakeoff.studies.private_text.claims import claims  # noqa: E402
from bakeoff.studies.private_text.grids import grids  # noqa: E402
from bakeoff.studies.private_text.settings import settings  # noqa: E402

STUDY = find("private-text")
YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
SMALL = {"attack": {"linking": 40, "among": 20, "guessing": 60}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Little sets with the columns of the public ones: what is asked for follows from the verb."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    verbs = {"play": ["play", "start", "put on"], "book": ["book", "reserve", "get me"]}
    speakers = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Guy"]
    for name, target in (("snips", "intent"), ("meld", "sentiment"), ("clinc150", ""), ("hwu64", ""), ("sst2", "")):
        (folder / name).mkdir()
        for part, rows in (("train", 160), ("test", 60)):
            labels = random.choice(list(verbs), rows)
            who = random.choice(speakers, rows, p=[0.2, 0.2, 0.2, 0.15, 0.1, 0.1, 0.05])
            texts = [
                f"{random.choice(verbs[label])} the {random.choice(['red', 'old'])} {one.lower()}word{place % 2}"
                for place, (label, one) in enumerate(zip(labels, who, strict=True))
            ]
            frame = pd.DataFrame({"text": texts, "speaker": who})
            if target:
                frame[target] = labels
            frame.to_parquet(folder / name / f"{part}.parquet")
    return folder


def values_of(words, **changed):
    (found,) = [one for one in settings(False) if one.name == words]
    values = json.loads(json.dumps(found.values))
    return {**values, **{name: changed[name] for name in changed if name in values}}


def measured(words, data, **changed):
    values = values_of(words, **changed)
    return json.loads(json.dumps(STUDY.measure(Setting(words, values), data)))


def test_words_are_replaced_and_judged(data):
    noisy = measured("words meld laplace epsilon 10 seed 0", data, **SMALL)
    clear = measured("words meld truncated epsilon 80 seed 0", data, **SMALL)
    plain = measured("plain meld seed 0", data, **SMALL)
    assert plain["accuracy"]["value"] == 1.0 and plain["author"]["value"] > 0.9 and plain["linked"]["value"] > 0.3
    assert clear["accuracy"]["value"] > 0.9 > noisy["accuracy"]["value"]
    assert clear["guessed"]["value"] > noisy["guessed"]["value"] and clear["linked"]["value"] > noisy["linked"]["value"]
    assert noisy["changed"] > 0.5 and noisy["per word"] > 10
    again = measured("words meld laplace epsilon 10 seed 0", data, **SMALL)
    assert {**again, "CPU seconds": 0} == {**noisy, "CPU seconds": 0}


def test_texts_are_written_anew_and_judged(data):
    coder = {**values_of("codes snips epsilon 10 seed 0")["coder"], "epochs": 1, "texts": 60}
    found = measured("codes snips epsilon 10 seed 0", data, coder=coder, **SMALL)
    assert found["text epsilon"] == pytest.approx(10, rel=2e-3) and found["returned"] < 0.5
    assert 0 <= found["accuracy"]["value"] <= 1 and found["linked"]["chance"] == pytest.approx(1 / 20)


def test_where_words_go_adds_up(data):
    found = measured("ranks snips laplace", data, draws=200, epsilons=[1.0, 1_000.0], near=3)["shares"]
    assert all(sum(one.values()) == pytest.approx(1) for one in found.values())
    assert found["1"]["itself"] < 0.3 and found["1000"]["itself"] > 0.8


def test_the_published_proof_is_measured():
    found = measured("published auto-encoder 64 dimensions", None, trials=20_000)
    assert found["factor"] == 8.0 and 1.0 < found["attack, epsilon at least"] <= found["at_delta"] + 0.2


def test_a_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match="name their folder with --data DIR"):
        measured("plain snips seed 0", None)
    with pytest.raises(NotFound, match="There is no data set 'snips'"):
        measured("plain snips seed 0", tmp_path)


def test_settings_have_names_and_digests_of_their_own():
    for quick in (True, False):
        found = settings(quick)
        assert len({one.name for one in found}) == len({one.digest for one in found}) == len(found)
    assert len(settings(True)) <= 12


def result(words, **figures):
    return Result(Setting(words, values_of(words)), figures, 1.0)


def scored(value, linked=1.0, **more):
    accuracy = {"value": value, "error": 0.01, "largest class": 0.2}
    return {"accuracy": accuracy, "linked": {"value": linked}, "example": ["a", "b"], **more}


def verdict(words, results):
    (found,) = [one for one in claims(results) if words in one.claim]
    return found.verdict


def shares(near):
    return {"shares": {"50": {"itself": 0.5, "near": near, "far": 0.5 - near}}}


def test_without_figures_everything_is_open():
    assert {one.verdict for one in claims([])} == {OPEN} and len(claims([])) == 8
    assert grids([]) == []


@pytest.mark.parametrize(("near", "expected"), [(0.02, YES), (0.1, OPEN), (0.2, NO)])
def test_words_hardly_ever_become_near_ones(near, expected):
    assert verdict("hardly ever a near one", [result("ranks snips laplace", **shares(near))]) is expected


@pytest.mark.parametrize(("near", "expected"), [(0.1, YES), (0.03, NO)])
def test_the_mend_brings_them_back(near, expected):
    found = [result("ranks snips laplace", **shares(0.02)), result("ranks snips ranked", **shares(near))]
    assert verdict("brings near words back", found) is expected


@pytest.mark.parametrize(
    ("truncated", "expected"), [((0.9, 0.9, 0.9), YES), ((0.51, 0.9, 0.9), YES), ((0.4, 0.5, 0.5), NO)]
)
def test_at_the_same_epsilon(truncated, expected):
    found = []
    for epsilon, value in zip((10, 20, 30), truncated, strict=True):
        found.append(result(f"words snips laplace epsilon {epsilon} seed 0", **scored(0.5, guessed={"value": 0.3})))
        found.append(result(f"words snips truncated epsilon {epsilon} seed 0", **scored(value, guessed={"value": 0.3})))
    assert verdict("far more useful than Laplace", found) is expected


@pytest.mark.parametrize(("gained", "expected"), [(0.05, YES), (0.0, NO), (-0.1, NO)])
def test_at_the_same_success_of_the_attack(gained, expected):
    found = []
    for epsilon, guessed in ((10, 0.1), (20, 0.5), (30, 0.9)):
        laplace = scored(guessed, guessed={"value": guessed})
        truncated = scored(guessed + 0.05 + gained, guessed={"value": guessed + 0.05})
        found.append(result(f"words snips laplace epsilon {epsilon} seed 0", **laplace))
        found.append(result(f"words snips truncated epsilon {epsilon} seed 0", **truncated))
    assert verdict("as many words can be guessed", found) is expected


@pytest.mark.parametrize(("factor", "shown", "expected"), [(8.0, 1.6, YES), (8.0, 0.9, NO), (5.0, 1.2, OPEN)])
def test_the_published_claim(factor, shown, expected):
    told = {"claimed": 1.0, "factor": factor, "at_delta": 4.0, "pure": factor, "dimensions": 64}
    found = [result("published auto-encoder 64 dimensions", **told, **{"attack, epsilon at least": shown})]
    assert verdict("at least six times", found) is expected
    assert grids(found)[0].rows[0][2] == f"{factor:.2f}"


@pytest.mark.parametrize(("rewritten", "expected"), [(0.85, YES), (0.4, NO)])
def test_rewritten_texts_and_their_use(rewritten, expected):
    found = [
        result("plain snips seed 0", **scored(0.9)),
        result("codes snips epsilon 10 seed 0", **scored(rewritten, **{"text epsilon": 10.0})),
        result("codes snips epsilon 1000 seed 0", **scored(0.9, **{"text epsilon": 1000.0})),
    ]
    assert verdict("keep their use", found) is expected
    assert len(next(grid for grid in grids(found) if grid.title == "Use and attacks").rows) == 3


@pytest.mark.parametrize(("value", "linked", "expected"), [(0.85, 0.05, YES), (0.85, 0.5, NO), (0.5, 0.05, NO)])
def test_useful_and_hidden(value, linked, expected):
    found = [
        result("plain snips seed 0", **scored(0.9)),
        result("words snips truncated epsilon 10 seed 0", **scored(value, linked, guessed={"value": 0.1})),
    ]
    assert verdict("hardly be found again", found) is expected


@pytest.mark.parametrize(("author", "expected"), [(0.3, YES), (0.59, NO)])
def test_authors_and_meaning(author, expected):
    def with_author(value, told):
        return scored(value, author={"value": told, "error": 0.01, "largest class": 0.2})

    found = [
        result("plain meld seed 0", **with_author(0.8, 0.6)),
        result("words meld truncated epsilon 10 seed 0", **with_author(0.65, author), guessed={"value": 0.1}),
    ]
    assert verdict("hides authors", found) is expected
