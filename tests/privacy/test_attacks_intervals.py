"""Intervals of attacks hold as often as they say, with rows and fits shared and the strongest attack chosen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bakeoff.privacy.attacks import AttackSettings, Measured, attack, plan_halves
from bakeoff.privacy.attacks.measuring import area, hits, pool, replicates, strongest

FAST = AttackSettings(attacks=("loss", "lira_offline", "rmia_offline"), draws=100, fprs=(0.05,))


def world(rng, fits, rows, gap, of_fit=0.0):
    inside = plan_halves(rows, None, fits, rng)
    own = gap * rng.exponential(size=rows)
    noise = of_fit * rng.normal(size=(fits, 1)) + rng.normal(size=(fits, rows))
    return inside, rng.normal(size=rows) + inside * own + noise


def test_a_replicate_is_what_drawing_rows_and_fits_again_gives():
    rng = np.random.default_rng(0)
    inside, signals = world(rng, 8, 30, 1.0)
    signals = signals.round(1)  # ties
    pooled = pool(inside, 100, 3)
    once = dataclasses.replace(pooled, rows=np.ones_like(pooled.rows), fits=np.ones_like(pooled.fits))
    exact = [area(signals.ravel(), inside.ravel()), *hits(signals.ravel(), inside.ravel(), [0.1, 0.01])]
    np.testing.assert_allclose(replicates([signals], once, [0.1, 0.01])[0], np.tile(exact, (100, 1)))
    # Drawing rows alone, by hand; with a single cluster of fits there is nothing that brings replicates together.
    rows = pooled.of_rows()
    found = replicates([signals], rows, [0.1])[0]
    for draw in range(0, 100, 9):
        drawn = np.repeat(np.arange(30), rows.rows[draw][rows.row].astype(int))
        scores, member = signals[:, drawn].ravel(), inside[:, drawn].ravel()
        np.testing.assert_allclose(found[draw], [area(scores, member), *hits(scores, member, [0.1])])


def test_bins_of_many_scores_change_replicates_by_next_to_nothing():
    rng = np.random.default_rng(1)
    inside, signals = world(rng, 4, 3000, 1.0)
    pooled = pool(inside, 100, 0)
    once = dataclasses.replace(pooled, rows=np.ones_like(pooled.rows))
    exact = [area(signals.ravel(), inside.ravel()), *hits(signals.ravel(), inside.ravel(), [0.2, 0.01])]
    found = replicates([signals], once, [0.2, 0.01])[0]
    np.testing.assert_allclose(found, np.tile(exact, (100, 1)), atol=3e-3)
    assert found[0, 2] == pytest.approx(exact[2])  # where alarms are few, every one counts


def test_a_fit_and_its_complement_are_drawn_together_and_few_fits_not_at_all():
    rng = np.random.default_rng(2)
    pooled = pool(plan_halves(50, None, 8, rng), 100, 0)
    assert pooled.fit.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] and pooled.fits.shape == (100, 4)
    assert not pool(plan_halves(50, None, 6, rng), 100, 0).resamples_fits


def test_intervals_hold_as_often_as_they_say():
    """Of 200 honest runs at 95 %, 10 misses are expected on each figure; above 25 has a chance below 1e-5."""
    rng = np.random.default_rng(3)
    for gap, of_fit in ((0.0, 0.0), (1.0, 0.3)):
        found = []
        for _ in range(200):
            inside, signals = world(rng, 8, 120, gap, of_fit)
            report = attack(inside, signals, settings=FAST)
            found.append([_ends(one.auc) for one in (*report.attacks.values(), report.strongest)])
        found = np.array(found)
        truth = found[:, :, 0].mean(axis=0)
        truth[-1] = truth[:-1].max()
        missed = (found[:, :, 1] > truth) | (found[:, :, 2] < truth)
        assert (missed.sum(axis=0) <= 25).all(), missed.sum(axis=0)
        # They are no wider than they must be: the mean half width is near to 1.96 standard deviations of the figures.
        half = (found[:, :3, 2] - found[:, :3, 1]).mean(axis=0) / 2
        assert (half < 1.45 * 1.96 * found[:, :3, 0].std(axis=0)).all()


def test_intervals_of_answers_taken_as_independent_would_be_wrong():
    """The partner of the test above: where a fit shifts its signals, drawing single answers misses much too often."""
    rng = np.random.default_rng(4)
    missed, found = 0, []
    for _ in range(60):
        inside, signals = world(rng, 8, 200, 1.0, of_fit=1.5)
        member = rng.permuted(inside, axis=1)
        # Fits with more members than others: then a shift of a fit moves the area.
        member[:, :120] = np.where(np.arange(8)[:, None] % 2, True, member[:, :120])
        scores = signals.ravel()
        value = area(scores, member.ravel())
        spread = np.sqrt(value * (1 - value) / min(member.sum(), (~member).sum()))
        found.append((value, spread))
    values, spreads = np.array(found).T
    missed = (np.abs(values - values.mean()) > 1.96 * spreads).sum()
    assert missed > 20


def test_choosing_the_strongest_is_paid_for():
    """Twenty attacks by chance alone: the largest is above one half in most runs if it is taken for a single one."""
    rng = np.random.default_rng(5)
    pooled = pool(plan_halves(100, None, 2, rng), 400, 0)
    naive, paid = 0, 0
    for _ in range(150):
        values = 0.5 + 0.02 * rng.normal(size=20)
        draws = values + 0.02 * rng.normal(size=(400, 20))
        best = int(values.argmax())
        naive += np.quantile(draws[:, best], 0.025) > 0.5
        paid += strongest(values, draws, pooled, 0.95).low > 0.5
    assert naive > 30 and paid <= 20


def test_alike_attacks_cost_little():
    rng = np.random.default_rng(6)
    pooled = pool(plan_halves(100, None, 2, rng), 400, 0)
    common = 0.7 + 0.02 * rng.normal(size=(2000, 1))
    alike = strongest(np.full(8, 0.7), np.tile(common, 8), pooled, 0.95)
    apart = strongest(np.full(8, 0.7), 0.7 + 0.02 * rng.normal(size=(2000, 8)), pooled, 0.95)
    assert alike.high - alike.low < 0.75 * (apart.high - apart.low)
    assert alike.low == pytest.approx(np.quantile(common, 0.025), abs=2e-3)


def test_a_figure_that_never_varies_still_has_a_width():
    rng = np.random.default_rng(7)
    inside = plan_halves(300, None, 8, rng)
    sure = attack(inside, 100.0 * inside, settings=FAST)
    assert sure.strongest.auc.value == 1.0 and 0.97 < sure.strongest.auc.low < 1.0 == sure.strongest.auc.high
    none = attack(inside, np.zeros(inside.shape), settings=FAST)
    assert none.strongest.auc.value == 0.5 and none.strongest.auc.low < 0.5 < none.strongest.auc.high
    assert none.strongest.tpr[0.05].value == 0.0 < none.strongest.tpr[0.05].high


def test_too_few_others_are_insufficient_with_the_number_that_is_needed():
    rng = np.random.default_rng(8)
    inside, signals = world(rng, 2, 600, 1.0)
    report = attack(inside, signals, settings=AttackSettings(draws=100))
    low = report.strongest.tpr[0.001]
    assert low.value is None and low.low is None and "10,000 are needed" in low.reason
    few = attack(inside[:, :14], signals[:, :14], settings=AttackSettings(draws=100))
    assert few.strongest.auc.value is None or few.members >= 10
    alone = attack(inside[:, :8], signals[:, :8], settings=AttackSettings(draws=100))
    assert alone.strongest.auc.reason.endswith("10 of each are needed")
    assert "With so few independent fits" in report.notes[0]
    plain = report.as_plain()
    assert plain["strongest"]["tpr"]["0.001"]["value"] is None and plain["strongest"]["by_area"] in report.attacks
    assert "insufficient: " in str(report) and "AUC 0." in str(report)


def test_the_same_seed_gives_the_same_report_and_a_picture_is_drawn(tmp_path):
    rng = np.random.default_rng(9)
    inside, signals = world(rng, 8, 200, 2.0)
    first, second = (attack(inside, signals, settings=FAST).as_plain() for _ in range(2))
    assert first == second
    path = attack(inside, signals, settings=FAST).plot(tmp_path / "roc.png", title="planted")
    assert path.read_bytes().startswith(b"\x89PNG")


def _ends(one: Measured) -> tuple[float, float, float]:
    assert one.value is not None and one.low is not None and one.high is not None
    return one.value, one.low, one.high
