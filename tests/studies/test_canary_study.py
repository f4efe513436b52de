"""The study canary: what is measured of a setting, and the rules of its verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting")

from bakeoff.errors import NotFound  # noqa: E402
from bakeoff.studies import Result, Setting, Verdict, find, run  # noqa: E402
from bakeoff.studies.canary.claims import claims  # noqa: E402
from bakeoff.studies.canary.measuring import canaries_of, measured, rows_of  # noqa: E402
from bakeoff.studies.canary.networks import Letters, classifier, spelled  # noqa: E402
from bakeoff.studies.canary.pooled import Mean, Way, pooled  # noqa: E402
from bakeoff.studies.canary.settings import settings, told  # noqa: E402
from bakeoff.studies.running import Choice  # noqa: E402

STUDY = find("canary")


def values_of(words, **changed):
    found = next(one for one in settings(False) if words in one.name)
    return {**found.values, "rows": 150, **changed}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A little set with the columns of SNIPS: the first word says the intent."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "snips").mkdir()
    random = np.random.default_rng(0)
    classes = ["play", "stop", "rate", "find"]
    for part, rows in (("train", 400), ("test", 80)):
        intents = random.choice(classes, rows)
        texts = [f"{one} " + " ".join(f"w{w}" for w in random.integers(0, 40, 5)) for one in intents]
        pd.DataFrame({"text": texts, "intent": intents}).to_parquet(folder / "snips" / f"{part}.parquet")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "convolution R=10 seed 0",
        "mean R=0 seed 0",
        "recurrent R=1 seed 0",
        "transformer R=1 seed 0",
        "convolution R=10 together",
        "convolution R=100 deduplicated",
        "convolution R=1 private epsilon 8",
    ],
)
def test_a_network_is_trained_and_attacked(made, words):
    values = values_of(words, canaries=1)
    values["how"] = {**values["how"], "epochs": 2, "batch": 32}
    values["search"] = {**values["search"], "starts": 2, "steps": 10, "sweeps": 1}
    figures = measured(values, made)
    extra = 1 if values["how"]["deduplicated"] else values["repeats"]
    assert figures["training rows"] == 150 + extra
    assert set(figures["attacks"]) == {"relaxed", "Gumbel", "log-odds", "swept", "exhaustive"}
    assert all(one["canaries"] == 1 for one in figures["attacks"].values())
    assert figures["exposure"]["space"] == 10**4 and len(figures["exposure"]["bits"]) == 1
    if values["epsilon"]:
        assert 7.8 < figures["epsilon"] <= 8 + 1e-6
    else:
        assert figures["epsilon"] is None


def test_every_word_is_a_candidate_of_the_unknowing(made):
    values = values_of("R=100 whole vocabulary")
    values["search"] = {**values["search"], "starts": 1, "steps": 5, "canaries": 1}
    values["how"] = {**values["how"], "epochs": 1}
    figures = measured(values, made)
    assert figures["exposure"] is None
    assert figures["attacks"]["relaxed"]["chance"]["tokens"] == pytest.approx(1 / (figures["vocabulary"] - 1), rel=0.01)


def test_the_vocabulary_does_not_tell_of_the_canaries(made):
    once, never = (rows_of(values_of(f"convolution R={repeats} seed 0"), made) for repeats in (1, 0))
    assert once == never
    other = rows_of(values_of("convolution R=1 seed 1"), made)
    assert other.texts != once.texts and other.test == once.test
    assert canaries_of(values_of("mean R=0"), once.classes) == canaries_of(values_of("recurrent R=10"), once.classes)


def test_a_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match="no data set 'snips' in"):
        measured(values_of("mean R=0"), tmp_path)
    with pytest.raises(NotFound, match="name their folder with --data DIR"):
        measured(values_of("mean R=0"), None)


def test_padding_and_neighbours_change_no_answer():
    torch.manual_seed(0)
    vocabulary = ["?", *"abcdefgh"]
    for words in ("convolution R=0 letters", "mean R=0", "recurrent R=0", "transformer R=0"):
        network = classifier(values_of(words), vocabulary, 3).eval()
        short, long = torch.tensor([[2, 3, 4]]), torch.tensor([[2, 3, 4, 0, 0], [5, 6, 7, 8, 9]])
        assert torch.allclose(network(short)[0], network(long)[0], atol=1e-6), words


def test_letters_read_words_alone():
    words = ["?", "ab", "ba", "averyverylongwordindeed"]
    layer = Letters(spelled(words), 6)
    assert spelled(words)[0].sum() == 0
    found = layer(torch.tensor([[0, 2, 3], [3, 2, 1]]))
    assert torch.equal(found[0, 1], found[1, 1]) and not torch.allclose(found[0, 1], found[0, 2])
    assert torch.equal(found[0, 0], torch.zeros(6))


# ---- verdicts --------------------------------------------------------------------------------------------------------


def result(way, exact=0, bits=1.44, seed=0, best=None):
    """A made result: ten canaries, so many recovered, exposures spread round a mean."""
    (like,) = [
        one
        for one in settings(False)
        if one.values["seed"] == seed and pooled([Result(one, told_of(0, [1.0]), 0.0)]).keys() == {way}
    ]
    spread = bits + np.linspace(-1.5, 1.5, 10)
    return Result(like, told_of(exact, spread.tolist(), best), 1.0)


def told_of(exact, bits, best=None):
    def one(count):
        return {"exact": count, "canaries": 10, "tokens": count / 10, "sets": count / 10, "chance": {"tokens": 0.1}}

    attacks = {name: one(exact) for name in ("relaxed", "Gumbel", "log-odds", "swept")}
    attacks["exhaustive"] = one(exact if best is None else best)
    exposure = {"bits": bits, "ranks": [2.0] * len(bits), "tied": [0] * len(bits), "space": 10_000}
    return {
        "attacks": attacks,
        "exposure": exposure,
        "accuracy": 0.9,
        "epsilon": None,
        "CPU seconds": {"training": 1.0},
    }


CNN = Way("convolution", 100)
TOGETHER = Way("convolution", 10, "together")
PRIVATE = Way("convolution", 1, "private", 8.0)


def verdict(start, *results):
    (found,) = [one for one in claims(results) if one.claim.startswith(start)]
    return found.verdict


@pytest.mark.parametrize(
    ("exact", "wanted"), [(8, Verdict.REPRODUCED), (4, Verdict.INCONCLUSIVE), (0, Verdict.NOT_REPRODUCED)]
)
def test_half_of_the_codes(exact, wanted):
    assert verdict("A white-box search", result(CNN, exact)) is wanted
    assert verdict("A white-box search", result(CNN.times(0))) is Verdict.INCONCLUSIVE


def test_the_control_is_judged_both_ways():
    good = [result(CNN.times(0), bits=1.4), result(Way("mean", 0), bits=1.5)]
    assert verdict("A network that never", *good) is Verdict.REPRODUCED
    assert verdict("A network that never", *good, result(Way("recurrent", 0), 5)) is Verdict.NOT_REPRODUCED
    assert verdict("A network that never", result(CNN.times(0), bits=4.0)) is Verdict.NOT_REPRODUCED
    assert verdict("A network that never", result(CNN, bits=4.0)) is Verdict.INCONCLUSIVE


def test_a_convolution_leads_or_does_not():
    mean, lstm = Way("mean", 1), Way("recurrent", 1)
    start = "Of a code that was seen once"
    assert (
        verdict(start, result(CNN.times(1), bits=12), result(mean, bits=3), result(lstm, bits=5)) is Verdict.REPRODUCED
    )
    assert verdict(start, result(CNN.times(1), bits=3), result(mean, bits=9)) is Verdict.NOT_REPRODUCED
    assert verdict(start, result(CNN.times(1), bits=3), result(mean, bits=3)) is Verdict.INCONCLUSIVE


def test_exposure_tells_where_no_code_comes_back():
    start = "Where hardly a code"

    def both(exact, bits):
        ways = [Way("mean", 100), Way("recurrent", 100)]
        return [result(way, exact, bits) for way in ways] + [result(way.times(0)) for way in ways]

    assert verdict(start, *both(0, 6.0)) is Verdict.REPRODUCED
    assert verdict(start, *both(9, 6.0)) is Verdict.NOT_REPRODUCED
    assert verdict(start, *both(0, 1.5)) is Verdict.NOT_REPRODUCED
    assert verdict(start, *both(0, 3.5)) is Verdict.INCONCLUSIVE
    assert verdict(start, *both(0, 6.0)[:1]) is Verdict.INCONCLUSIVE


def test_defences_together_and_alone():
    control = result(TOGETHER.times(0))
    assert verdict("Dropout, early stopping and", result(TOGETHER), control) is Verdict.REPRODUCED
    assert verdict("Dropout, early stopping and", result(TOGETHER, 6), control) is Verdict.NOT_REPRODUCED
    plain, alone = result(CNN.times(10), bits=11), Way("convolution", 10, "dropout")
    assert verdict("Dropout lowers", plain, result(alone, bits=5)) is Verdict.REPRODUCED
    assert verdict("Dropout lowers", plain, result(alone, bits=11)) is Verdict.INCONCLUSIVE
    assert verdict("Dropout lowers", plain, result(alone, bits=13)) is Verdict.NOT_REPRODUCED
    assert verdict("Dropout lowers", result(alone, bits=13)) is Verdict.INCONCLUSIVE


def test_deduplication_leaves_what_one_text_leaves():
    way = Way("convolution", 100, "deduplicated")
    start = "Once every text"
    assert verdict(start, result(way, bits=11), result(CNN.times(1), bits=11.5)) is Verdict.REPRODUCED
    assert verdict(start, result(way, bits=11), result(CNN.times(1), bits=5)) is Verdict.NOT_REPRODUCED
    assert verdict(start, result(way, bits=11), result(CNN.times(1), bits=9.8)) is Verdict.INCONCLUSIVE


def test_private_training_is_judged_by_exposure_and_codes():
    start, control = "Private training", result(PRIVATE.times(0))
    assert verdict(start, result(PRIVATE), control) is Verdict.REPRODUCED
    assert verdict(start, result(PRIVATE, bits=6), control) is Verdict.NOT_REPRODUCED
    assert verdict(start, result(PRIVATE, best=5), control) is Verdict.NOT_REPRODUCED
    assert verdict(start, result(PRIVATE, bits=2.6), control) is Verdict.INCONCLUSIVE
    assert verdict(start, control) is Verdict.INCONCLUSIVE


def test_who_takes_every_word_for_possible():
    way = replace(CNN, whole=True)
    assert verdict("Whoever takes", result(way)) is Verdict.REPRODUCED
    assert verdict("Whoever takes", result(way, 5)) is Verdict.NOT_REPRODUCED
    assert verdict("Whoever takes", result(way, 1)) is Verdict.INCONCLUSIVE


def test_seeds_are_pooled():
    both = pooled([result(CNN, 9, 12.0), result(CNN, 5, 10.0, seed=1)])[CNN]
    assert (both.seeds, both.attacks["relaxed"].exact, both.attacks["relaxed"].canaries) == (2, 14, 20)
    assert both.bits.value == pytest.approx(11.0)
    assert Mean.of([3.0]).plain() == {"value": 3.0, "error": None}


def test_settings_say_what_is_measured_with():
    full = settings(False)
    assert len({one.digest for one in full}) == len({one.name for one in full}) == len(full)
    assert {one.values["seed"] for one in full[: len(full) // 3]} == {0}
    defended = [one for one in full if one.values["defence"] not in ("none", "deduplicated")]
    for one in defended:  # each has its control, and the private ones that of the same clipping
        way = (one.values["network"], one.values["defence"], one.values["seed"])
        assert any(
            (other.values["network"], other.values["defence"], other.values["seed"]) == way
            and not other.values["repeats"]
            for other in defended
        )
    assert set(told()["verdicts"]) == {"half", "surely", "chance", "remembered", "none", "few"}


class Short:
    """The study with networks that are trained and attacked for a moment only."""

    name, title, source = STUDY.name, STUDY.title, STUDY.source
    measure, claims, grids = STUDY.measure, STUDY.claims, STUDY.grids

    def settings(self, quick):
        short = [one for one in STUDY.settings(quick) if one.values["network"] == "mean"]
        search = {**told()["search"], "starts": 1, "steps": 2, "sweeps": 0}
        return [
            Setting(one.name, {**one.values, "rows": 100, "canaries": 2, "search": search, "how": once(one)})
            for one in short
        ]


def once(setting):
    return {**setting.values["how"], "epochs": 1}


def test_the_study_runs_and_tells_its_tables(made, tmp_path):
    outcome = run(Short(), tmp_path / "kept", choice=Choice(quick=True), data=made)
    assert (outcome.measured, outcome.settings, outcome.left_out) == (2, 2, {})
    assert [grid.title for grid in outcome.grids] == ["Networks", "Attacks: codes recovered exactly, and tokens"]
    assert all(len(row) == len(grid.heads) for grid in outcome.grids for row in grid.rows)
    assert len(outcome.claims) == 11
