"""Membership attacks compute what the papers say, and no coin of the target leaks into its own scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.privacy.attacks import (
    ATTACKS,
    AttackSettings,
    SignalScale,
    attack,
    closeness_signals,
    number_signals,
    plan_halves,
    signals_of,
)
from bakeoff.privacy.attacks.lira import online, shrunk
from bakeoff.privacy.attacks.measuring import area, hits
from bakeoff.privacy.attacks.references import Side, complements, references
from bakeoff.privacy.attacks.scoring import score

QUICK = AttackSettings(draws=100)


def leaky(rng, fits, rows, gap=1.0, paired=True):
    """A fit matrix with signals that are larger by `gap` where a row is inside."""
    inside = plan_halves(rows, None, fits, rng) if paired else rng.random((fits, rows)) < 0.5
    hardness = rng.normal(0, 2, rows)
    return inside, hardness + gap * inside + rng.normal(size=(fits, rows))


def balanced(rng, fits, rows):
    """Every row inside exactly half of the fits, without complements: the design of LiRA's authors."""
    return rng.random((fits, rows)).argsort(axis=0) < fits // 2


# What is measured


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 6))
def test_area_and_hits_are_those_of_all_pairs_and_all_thresholds(seed, size, values):
    rng = np.random.default_rng(seed)
    scores, member = rng.integers(0, values, size).astype(float), rng.random(size) < 0.5
    if not member.any() or member.all():
        assert np.isnan(area(scores, member)) and np.isnan(hits(scores, member, [0.1])).all()
        return
    inside, outside = scores[member][:, None], scores[~member][None, :]
    assert area(scores, member) == pytest.approx(((inside > outside) + 0.5 * (inside == outside)).mean())
    for fpr in (0.0, 0.1, 0.5, 1.0):
        found = [(scores[member] >= cut).mean() for cut in (*scores, np.inf) if (scores[~member] >= cut).mean() <= fpr]
        assert hits(scores, member, [fpr])[0] == pytest.approx(max(found))


# The attacks, against slow ones


def usual_lira(target, inside, signals, per_row):
    """Algorithm 1 of arXiv 2112.03570 row by row, with variances over all rows or a row's own drawn to them."""
    from scipy.stats import norm

    partner = complements(inside)[target]
    others = [fit for fit in range(len(inside)) if fit not in (target, partner)]
    sides = {
        side: [[signals[f, r] for f in others if inside[f, r] == side] for r in range(signals.shape[1])]
        for side in (True, False)
    }
    spread = {}
    for side, rows in sides.items():
        squares = [sum((value - np.mean(row)) ** 2 for value in row) for row in rows]
        pooled = sum(squares) / sum(len(row) - 1 for row in rows)
        own = [(square + 2 * pooled) / (len(row) - 1 + 2) for square, row in zip(squares, rows, strict=True)]
        spread[side] = np.sqrt(own if per_row else [pooled] * len(rows))
    found = [
        norm.logpdf(signals[target, r], np.mean(sides[True][r]), spread[True][r])
        - norm.logpdf(signals[target, r], np.mean(sides[False][r]), spread[False][r])
        for r in range(signals.shape[1])
    ]
    away = [(signals[target, r] - np.mean(sides[False][r])) / spread[False][r] for r in range(signals.shape[1])]
    return np.array(found), np.array(away)


def test_lira_is_the_ratio_of_two_normal_densities():
    rng = np.random.default_rng(0)
    inside, signals = leaky(rng, 8, 25)
    found = score(inside, signals, QUICK)
    for target in range(8):
        for name, per_row in (("", False), ("_per_row", True)):
            ratio, away = usual_lira(target, inside, signals, per_row)
            np.testing.assert_allclose(found[f"lira{name}"][target], ratio, rtol=1e-9)
            np.testing.assert_allclose(found[f"lira_offline{name}"][target], away, rtol=1e-9)


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_rmia_is_the_share_of_rows_that_became_less_likely(gamma):
    rng = np.random.default_rng(1)
    inside, signals = leaky(rng, 6, 40)
    found = score(inside, signals, AttackSettings(gamma=gamma, a=0.4))
    chance = 1 / (1 + np.exp(-signals))
    for target in range(6):
        others = [fit for fit in range(6) if fit not in (target, complements(inside)[target])]
        mean_in, mean_out = (
            np.array([np.mean([chance[f, r] for f in others if inside[f, r] == side]) for r in range(40)])
            for side in (True, False)
        )
        for name, usual in (
            ("rmia", (mean_in + mean_out) / 2),
            ("rmia_offline", (1.4 * mean_out + 0.6) / 2),
        ):
            ratio = chance[target] / usual
            share = np.array([np.mean(ratio[r] / gamma >= ratio) for r in range(40)])
            # Ties count half and the ratios order rows that beat equally many: less than one place in 40.
            assert np.abs(found[name][target] - share).max() <= 1 / 40
            assert (np.argsort(found[name][target]) == np.argsort(ratio)).all()


def test_a_row_s_two_means_are_drawn_to_those_of_all_rows_as_a_joint_normal_would():
    rng = np.random.default_rng(2)
    inside, signals = leaky(rng, 6, 400)
    signals = signals + inside * rng.normal(0, 1.5, 400)  # a gap of its own for every row
    known = next(iter(references(inside, rng)))
    found = shrunk(signals[0], signals, known)
    # The same moments, and each row's posterior by conditioning one joint normal on its signals.
    present, absent = Side.of(signals, known.present), Side.of(signals, known.absent)
    noise = present.variance, absent.variance
    cov = np.cov(present.mean, absent.mean)
    prior = np.array(
        [[cov[0, 0] * 399 / 400 - noise[0] / 2, cov[0, 1]], [cov[0, 1], cov[1, 1] * 399 / 400 - noise[1] / 2]]
    )
    middle = np.array([present.mean.mean(), absent.mean.mean()])
    for row in range(0, 400, 37):
        seen = np.concatenate([signals[known.present[:, row], row], signals[known.absent[:, row], row]])
        side = np.array([0] * known.present[:, row].sum() + [1] * known.absent[:, row].sum())
        among = prior[np.ix_(side, side)] + np.diag([noise[s] for s in side])
        gain = prior[:, side] @ np.linalg.inv(among)
        mean = middle + gain @ (seen - middle[side])
        left = prior - gain @ prior[side, :]
        spread = [left[s, s] + noise[s] for s in (0, 1)]
        density = [-0.5 * np.log(spread[s]) - (signals[0, row] - mean[s]) ** 2 / (2 * spread[s]) for s in (0, 1)]
        assert found[row] == pytest.approx(density[0] - density[1], rel=1e-6, abs=1e-9)


def test_few_references_serve_better_when_means_are_drawn_together():
    rng = np.random.default_rng(3)
    inside, signals = leaky(rng, 6, 2000)
    found = score(inside, signals, AttackSettings(attacks=("lira", "lira_shrunk")))
    plain, drawn = (area(found[name].ravel(), inside.ravel()) for name in ("lira", "lira_shrunk"))
    assert drawn > plain + 0.02


# No coin of the target leaks


def test_how_many_references_know_a_row_says_nothing_of_the_target():
    rng = np.random.default_rng(4)
    for inside in (plan_halves(300, None, 8, rng), balanced(rng, 8, 300)):
        for target, known in enumerate(references(inside, rng)):
            assert not known.present[target].any() and not known.absent[target].any()
            counts = known.present.sum(axis=0)
            assert (counts == 3).all() and (known.absent.sum(axis=0) == 3).all()
        # Were nothing left out, the count alone would tell every member from every other.
        naive = inside.sum(axis=0) - inside[0]
        assert area(-naive.astype(float), inside[0]) == 1.0


@pytest.mark.parametrize("design", ["pairs", "balanced", "coins", "two"])
def test_signals_without_a_leak_are_told_apart_by_chance_alone(design):
    rng = np.random.default_rng(5)
    found = []
    for _ in range(60):
        if design == "balanced":
            inside = balanced(rng, 6, 150)
        elif design == "coins":
            inside = rng.random((6, 150)) < 0.5
        else:
            inside = plan_halves(150, None, 6 if design == "pairs" else 2, rng)
        signals = rng.normal(size=150) + rng.normal(size=inside.shape)
        scores = score(inside, signals, QUICK)
        found.append([area(one.ravel(), inside.ravel()) for one in scores.values()])
    means, errors = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    # One row's score under one fit knows its coin under another: a small pull below one half remains.
    assert (means < 0.5 + 5 * errors).all() and (means > 0.49 - 5 * errors).all()


def test_rows_that_no_coin_decided_are_left_out_only_where_that_tells_nothing():
    rng = np.random.default_rng(6)
    labels = np.array([0] * 60 + [1] * 60 + [2])  # the last class has a single row
    inside = plan_halves(121, labels, 6, rng)
    assert inside[:, 120].all()
    report = attack(inside, rng.normal(size=inside.shape), settings=QUICK)
    assert report.rows == 120 and 120 not in report.audited and "1 rows that no coin decided" in report.notes[-1]
    coins = rng.random((2, 400)) < 0.5
    assert attack(coins, rng.normal(size=coins.shape), settings=QUICK).rows == 400
    signals = rng.normal(size=coins.shape)
    chosen = attack(coins, signals, rows=np.arange(50), settings=QUICK)
    assert chosen.rows == 50
    assert attack(coins, signals, rows=np.arange(400) < 50, settings=QUICK).as_plain() == chosen.as_plain()


def test_a_complement_alone_is_no_reference():
    rng = np.random.default_rng(7)
    inside = plan_halves(400, None, 4, rng)[:2]
    report = attack(inside, inside + rng.normal(size=inside.shape), settings=QUICK)
    assert list(report.attacks) == ["loss"] and "no lira" in report.notes[0]
    with pytest.raises(UsageError, match="name the attack loss, or give more fits"):
        attack(inside, rng.normal(size=inside.shape), settings=AttackSettings(attacks=("lira",)))


def test_rows_that_no_reference_saw_are_still_scored():
    rng = np.random.default_rng(8)
    inside = rng.random((3, 200)) < 0.5
    signals = inside + rng.normal(size=inside.shape)
    assert not (inside[1:].any(axis=0)).all()
    for one in score(inside, signals, QUICK).values():
        assert np.isfinite(one).all()
    unseen = np.zeros_like(inside)
    unseen[0] = inside[0]
    only_out = score(unseen[:, :], signals, QUICK)  # references that never saw any of the rows
    assert set(only_out) == set(ATTACKS) and all(np.isfinite(one).all() for one in only_out.values())


# Halves


@given(st.integers(2, 60), st.integers(2, 9), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_halves_keep_every_class_and_are_fair(rows, fits, classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    inside = plan_halves(rows, labels, fits, rng)
    counts = np.bincount(labels, minlength=classes)
    for label in np.flatnonzero(counts):
        assert inside[:, labels == label].any(axis=1).all()
        if counts[label] > 1:
            assert (~inside[:, labels == label]).any(axis=1).all()
    free = counts[labels] > 1
    if fits >= 4:
        assert (inside[0, free] == ~inside[1, free]).all()
    assert inside[:, ~free].all()


def test_coins_are_fair_and_independent_even_in_small_classes():
    rng = np.random.default_rng(9)
    labels = np.repeat(np.arange(4000), 2)
    inside = plan_halves(8000, labels, 2, rng)
    assert abs(inside.mean() - 0.5) < 5 * 0.5 / np.sqrt(8000)
    assert abs((inside[0] == inside[1]).mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)


# Signals


def test_log_odds_keep_what_is_lost_near_one():
    answers = np.array([[[1 - 1e-9, 4e-10, 6e-10], [0.2, 0.5, 0.3]]])
    found = signals_of(answers, np.array([0, 2]))
    assert found[0, 0] == pytest.approx(np.log(1 / 1e-9), rel=1e-6)
    assert found[0, 1] == pytest.approx(np.log(0.3 / 0.7))


def test_a_certain_answer_counts_as_half_a_step():
    votes = np.array([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    found = signals_of(votes, np.array([0, 0, 0]))
    np.testing.assert_allclose(found[0], [np.log(1 / 0.05), np.log(9), -np.log(1 / 0.05)])
    assert np.isfinite(signals_of(np.array([[[1.0, 0.0]]]), np.array([1]))).all()
    np.testing.assert_allclose(closeness_signals(np.array([[0.5, 0.9]])), [[0.0, np.log(9)]], atol=1e-12)


def test_numbers_become_log_likelihoods():
    rng = np.random.default_rng(10)
    truth, predicted = rng.normal(size=50), rng.normal(size=(4, 50))
    found = number_signals(predicted, truth)
    errors = (predicted - truth) ** 2
    np.testing.assert_allclose(found, -errors / (2 * np.median(errors)))
    inside, signals = leaky(rng, 8, 300)
    likely = attack(
        inside, np.minimum(signals - 8, 0), settings=AttackSettings(draws=100, scale=SignalScale.LOG_LIKELIHOOD)
    )
    assert likely.attacks["rmia"].auc.value > 0.6
    assert AttackSettings(scale="log likelihood").scale is SignalScale.LOG_LIKELIHOOD


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"inside": np.ones((2, 3)), "signals": np.ones((2, 3))}, "give true and false as"),
        ({"inside": np.ones((1, 3), bool), "signals": np.ones((1, 3))}, "at least 2 fits"),
        ({"inside": np.eye(2, dtype=bool), "signals": np.ones((2, 3))}, "both are \\(fits, rows\\)"),
        ({"inside": np.eye(2, dtype=bool), "signals": np.full((2, 2), np.nan)}, "nan or infinity"),
        ({"inside": np.eye(2, dtype=bool)}, "either signals, or answers together with labels"),
        ({"inside": np.eye(2, dtype=bool), "answers": np.ones((2, 2, 2))}, "answers together with labels"),
        ({"inside": np.array([[1, 1], [1, 0]], bool), "signals": np.ones((2, 2))}, "All rows are inside fit 0"),
        ({"inside": np.eye(2, dtype=bool), "signals": np.ones((2, 2)), "rows": [2]}, "places from 0 to 1"),
        ({"inside": np.eye(2, dtype=bool), "answers": np.ones((2, 2)), "labels": np.zeros(2, int)}, "\\(fits, rows, c"),
        ({"inside": np.eye(2, dtype=bool), "answers": -np.ones((2, 2, 2)), "labels": np.zeros(2, int)}, "negative"),
        ({"inside": np.eye(2, dtype=bool), "answers": np.ones((2, 2, 2)), "labels": np.array([0, 2])}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_attacked_is_said_in_a_sentence(given_, said):
    with pytest.raises(UsageError, match=said):
        attack(**given_)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"attacks": ("lyra",)}, "no attack 'lyra'"),
        ({"attacks": ()}, "No attack is named"),
        ({"fprs": (0.0,)}, "fprs holds 0.0"),
        ({"level": 95}, "level holds 95"),
        ({"a": 2}, "from 0 to 1"),
        ({"gamma": 0.5}, "at least 1"),
        ({"draws": 10}, "at least 100"),
        ({"scale": "odds"}, "signals are log odds or log likelihood"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        AttackSettings(**wrong)


def test_halves_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="at least 2 fits"):
        plan_halves(10, None, 1, np.random.default_rng(0))
    with pytest.raises(UsageError, match="give one for each of 10 rows"):
        plan_halves(10, np.zeros(9), 2, np.random.default_rng(0))


def test_a_side_without_references_is_filled_from_the_other():
    rng = np.random.default_rng(11)
    inside = np.array([[True, False] * 50, [True, True, False, False] * 25])
    signals = 3.0 * inside + rng.normal(size=100) * 0.1
    known = next(iter(references(inside, rng)))
    found = online(signals[0], signals, known)
    assert area(found, inside[0]) > 0.99
