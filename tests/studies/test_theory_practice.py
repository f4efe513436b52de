"""The study theory-practice: what is measured of each kind of setting, and the rules of its verdicts."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting")

from bakeoff.errors import NotFound, UsageError  # noqa: E402
from bakeoff.studies import Result, Setting, Verdict, find  # noqa: E402
from bakeoff.studies.theory_practice.claims import Leak as Leaked  # noqa: E402
from bakeoff.studies.theory_practice.claims import claims, correlations  # noqa: E402
from bakeoff.studies.theory_practice.settings import settings, told  # noqa: E402

STUDY = find("theory-practice")
SMALL = {"embedding": 8, "affixes": 4, "slots": 64, "width": 8}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A little set with the columns of the public one."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    (folder / "snips").mkdir()
    for part, rows in (("train", 160), ("test", 40)):
        tokens = [[f"w{place}" for place in random.integers(0, 60, random.integers(3, 9))] for _ in range(rows)]
        frame = pd.DataFrame({"tokens": tokens, "text": [" ".join(one) for one in tokens]})
        frame["tags"] = [["O"] * len(one) for one in tokens]
        frame["intent"] = [("play", "stop", "ask")[len(one) % 3] for one in tokens]
        frame.to_parquet(folder / "snips" / f"{part}.parquet")
    return folder


def setting(words, **changed):
    (found,) = [one for one in settings(True) if one.name == f"{words} seed 0"]
    values = {**found.values, "rows": 140, "strange": 60, "delta": 1e-3, **changed}
    values["shape"] = {**values["shape"], **SMALL}
    values["how"] = {**values["how"], "epochs": 3, "batch": 32}
    return Setting(found.name, values)


@pytest.mark.parametrize("words", ["answers bilstm epsilon 1", "answers transformer without privacy"])
def test_answers_are_attacked_on_ordinary_rows_and_on_those_labelled_by_chance(made, words):
    figures = STUDY.measure(setting(words), made)
    for rows in ("strange", "ordinary"):
        areas = figures[rows]["areas"]
        assert set(areas) == set(told()["attacks"])
        assert all(0 <= one["low"] <= one["value"] <= one["high"] <= 1 for one in areas.values())
    assert figures["one run"]["canaries"] == 4 * 60
    assert 0 <= figures["one run"]["bound"] < figures["one run"]["ceiling"]
    if "without" in words:
        assert figures["epsilon"] is None
    else:
        assert 0.95 < figures["epsilon"] <= 1.001


def test_noisy_sums_are_audited(made):
    figures = STUDY.measure(setting("gradients bilstm epsilon 1", canaries=300), made)
    assert figures["claim"] == pytest.approx(1, rel=0.03)
    assert figures["problems"] == [] and 0 <= figures["bound"] < figures["claim"]
    assert figures["area"]["low"] < 0.65


def test_a_fit_without_privacy_that_learns_by_heart_is_seen_through(made):
    values = setting("answers bilstm without privacy").values
    values = {**values, "fits": 2, "how": {**values["how"], "epochs": 60, "rate": 2e-2}}
    area = STUDY.measure(Setting("long", values), made)["strange"]["areas"]["loss"]
    assert area["value"] > 0.7 and area["low"] > 0.5


def test_what_cannot_be_measured_is_named(tmp_path):
    with pytest.raises(NotFound, match="no data set 'snips' in"):
        STUDY.measure(settings(True)[0], tmp_path)
    with pytest.raises(UsageError, match="no settings of kind 'other'"):
        STUDY.measure(Setting("other", {"kind": "other"}), tmp_path)


def test_settings_say_all_and_are_apart():
    for quick in (True, False):
        every = settings(quick)
        assert len({one.digest for one in every}) == len({one.name for one in every}) == len(every)
    assert {one.values["epsilon"] for one in settings(False)} == set(told()["full"]["epsilons"])
    assert not {one.digest for one in settings(True)} & {one.digest for one in settings(False)}


# ---- the rules of verdicts, on figures that are made up --------------------------------------------------------------


def outcome(leak, *, bound=0.5, at=None):
    """Results of both models whose areas are `leak(epsilon)` (infinite: without privacy)."""
    found = []
    for one in settings(False):
        values, epsilon = one.values, one.values["epsilon"] or math.inf
        area = {"value": leak(epsilon), "low": leak(epsilon) - 0.01, "high": leak(epsilon) + 0.01}
        if values["seed"] or (at and epsilon not in at):
            continue
        if values["kind"] == "inside":
            figures = {"area": area, "bound": bound * epsilon, "claim": epsilon, "ceiling": 300.0, "problems": []}
            figures["verdict"] = "not contradicted"
        else:
            areas = {"areas": {name: area for name in told()["attacks"]}}
            stated = epsilon if math.isfinite(epsilon) else None
            run = {"bound": bound * min(epsilon, 1e3), "ceiling": 9.0, "canaries": 100}
            figures = {"strange": areas, "ordinary": areas, "epsilon": stated, "one run": run, "accuracy": 0.5}
        found.append(Result(one, figures, 1.0))
    return found


def verdicts(results):
    return [claim.verdict for claim in claims(results)]


YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE


def rising(epsilon):
    return 0.9 - 0.4 / (1 + min(epsilon, 1e4) / 50)


def test_leakage_that_rises_with_epsilon_is_reproduced():
    assert verdicts(outcome(rising)) == [YES] * 5


def test_leakage_that_falls_with_epsilon_is_not_reproduced():
    assert verdicts(outcome(lambda epsilon: 1.4 - rising(epsilon)))[:3] == [NO] * 3


def test_leakage_that_only_seems_to_rise_is_inconclusive():
    shuffled = {0.5: 0.52, 1: 0.5, 2: 0.54, 4: 0.53, 8: 0.55, 16: 0.51, 64: 0.57, 256: 0.56, math.inf: 0.9}
    found = claims(outcome(shuffled.__getitem__))
    assert [one.verdict for one in found[:3]] == [OPEN, OPEN, OPEN]
    assert 0.6 < found[0].figures["bilstm"]["spearman"] < 0.9 <= found[0].figures["bilstm"]["high"]


def test_few_epsilons_are_inconclusive():
    assert verdicts(outcome(rising, at={0.5, 1.0, 2.0}))[:4] == [OPEN] * 4


def test_a_loose_epsilon_that_protects_nobody_is_not_reproduced():
    found = outcome(lambda epsilon: 0.9 if epsilon >= 8 else 0.5 + epsilon / 100)
    assert verdicts(found)[3] is NO
    assert verdicts(outcome(lambda epsilon: 0.5))[3] is OPEN  # nothing is seen even without privacy


def test_bounds_above_the_theory_are_not_reproduced():
    assert verdicts(outcome(rising, bound=1.2))[4] is NO


def test_the_interval_of_a_rank_correlation():
    row = {float(place): Leaked(value, 0.01) for place, value in enumerate([1, 2, 3, 5, 4, 6, 8, 7, 9], 1)}
    found = correlations(row)
    assert found["spearman"] == pytest.approx(1 - 6 * 4 / (9 * 80), abs=1e-4)
    assert found["low"] < found["spearman"] < found["high"] < 1


def test_tables_show_every_setting_that_was_measured():
    answers, gradients = STUDY.grids(outcome(rising))
    assert len(answers.rows) == 2 * 9 and len(gradients.rows) == 2 * 8
    assert all(len(row) == len(answers.heads) for row in answers.rows)
    assert STUDY.grids([]) == []
