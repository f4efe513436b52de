"""What becomes of a claim, and how well signals separate: verdicts, Holm's correction, areas and advantages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.nouns import Claim, Finding
from bakeoff.privacy.audits import Side, Tally, Way, advantage, area, tally_of, verdict, verdicts, weakest
from bakeoff.privacy.audits.judgement import as_findings

WAYS = (Way(1), Way(3), Way(10, Side.MEMBERS))
GOOD = Tally(1000, WAYS, (1000, 333, 100), (900, 320, 99))
CHANCE = Tally(1000, WAYS, (1000, 333, 100), (505, 170, 49))


def test_a_claim_below_the_bound_is_contradicted_and_one_above_is_not():
    found = verdict(Claim(0.5, 1e-5), GOOD)
    assert found.verdict == "contradicted"
    assert found.bound == GOOD.bound(1e-5) > 0.5
    assert found.ceiling == GOOD.ceiling(1e-5)
    assert found.p == found.adjusted == GOOD.p_value(0.5, 1e-5) < 0.05
    assert found.reason == f"epsilon is at least {found.bound:.2f} at 95%, and 0.5 was claimed"
    assert verdict(Claim(found.bound - 0.01, 1e-5), GOOD).verdict == "contradicted"
    assert verdict(Claim(found.bound + 0.01, 1e-5), GOOD).verdict == "not contradicted"
    assert verdict(Claim(0.5, 1e-5), CHANCE).verdict == "not contradicted"


def test_a_claim_is_tested_at_its_own_delta():
    at_delta, without = verdict(Claim(2.0, 1e-3), GOOD), verdict(Claim(2.0, 0.0), GOOD)
    assert at_delta.bound == GOOD.bound(1e-3) < GOOD.bound(0.0) == without.bound


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Claim(9.0, 1e-5), "1,000 canaries can show an epsilon of"),
        (Claim(0.5, 1e-5, "owner"), "the claim is per owner"),
        (Claim(0.5, 1e-5, "record", "replace one"), "neighbours that replace one"),
    ],
)
def test_what_an_audit_cannot_test_is_insufficient(claim, words):
    found = verdict(claim, GOOD)
    assert found.verdict == "insufficient"
    assert words in found.reason
    assert found.p is None
    assert found.as_plain()["claim"]["epsilon"] == claim.epsilon


def test_without_canaries_there_is_no_verdict():
    assert verdict(Claim(1.0, 1e-5), None).reason == "no canaries were asked"


def test_among_many_claims_chance_accuses_fewer_than_one_in_twenty_times():
    random = np.random.default_rng(0)
    alone = together = 0
    for _ in range(100):
        honest = [
            (Claim(0.01, 0.0), Tally(400, WAYS[:1], (400,), (int(random.binomial(400, 0.5)),))) for _ in range(20)
        ]
        alone += any(verdict(*one).verdict == "contradicted" for one in honest)
        together += any(one.verdict == "contradicted" for one in verdicts(honest))
    assert together <= 12  # 5 are expected at most, and 12 are exceeded once in 700 times
    assert alone > 30


def test_the_correction_says_what_it_did_and_leaves_out_what_cannot_be_tested():
    border = Tally(400, WAYS[:1], (400,), (218,))  # p = 0.04 at epsilon 0
    claim = Claim(0.0001, 0.0)
    alone = verdict(claim, border)
    assert alone.verdict == "contradicted"
    found = verdicts([(claim, border), (claim, CHANCE), (claim, None)])
    assert [one.verdict for one in found] == ["not contradicted", "not contradicted", "insufficient"]
    assert found[0].p == alone.p
    assert found[0].adjusted == pytest.approx(2 * alone.p)
    assert "not by enough among so many claims" in found[0].reason
    beside = verdicts([(claim, border), (claim, None), (Claim(50.0, 0.0), CHANCE)])
    assert beside[0] == alone


def test_fits_together_promise_the_largest_epsilon_and_delta():
    assert weakest([Claim(1.0, 1e-5), Claim(2.0, 1e-6)]) == Claim(2.0, 1e-5)
    assert weakest([Claim(1.0, 1e-5), Claim(2.0, 0.0, "owner", "replace one")]) == Claim(
        2.0, 1e-5, "owner", "replace one"
    )
    assert weakest([Claim(1.0, 1e-5), None]) is None
    assert weakest([]) is None


def test_a_tally_is_kept_in_findings():
    kept = as_findings(GOOD, "privacy", "canaries")
    other = Finding("privacy", "auc", 0.5, split="canaries")
    assert tally_of([other, *kept], "canaries") == GOOD
    assert tally_of(kept, "halves") is None
    assert tally_of([other], "canaries") is None


def naive_area(signals, inside):
    pairs = [(a > b) + 0.5 * (a == b) for a in signals[inside] for b in signals[~inside]]
    return float(np.mean(pairs))


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.booleans())
@settings(max_examples=60)
def test_the_area_is_the_share_of_pairs_in_order(seed, canaries, ties):
    random = np.random.default_rng(seed)
    inside = np.arange(canaries) < random.integers(1, canaries)
    signals = random.integers(0, 4, canaries).astype(float) if ties else random.normal(size=canaries)
    value, low, high = area(signals, inside)
    assert value == pytest.approx(naive_area(signals, inside))
    assert 0 <= low <= value <= high <= 1
    assert low < high


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_of_an_area_holds_the_truth_nineteen_times_of_twenty(shift):
    from scipy.special import ndtr

    random, truth, held = np.random.default_rng(1), float(ndtr(shift / np.sqrt(2))), 0
    for _ in range(300):
        inside = random.random(200) < 0.5
        _, low, high = area(shift * inside + random.normal(size=200), inside)
        held += low <= truth <= high
    assert held >= 270  # of 285 expected; fewer come once in ten thousand times


def test_advantage_is_what_the_better_half_of_signals_tells():
    inside = np.array([True] * 50 + [False] * 50)
    value, low, high = advantage(np.where(inside, 1.0, 0.0), inside)
    assert value == high == 1
    assert low > 0.85
    value, low, high = advantage(np.zeros(100), inside)
    assert value == 0
    assert low < 0 < high
    # Most members share the middle signal, and so count as larger.
    signals = np.where(inside, 1.0, 0.0) + np.where(np.arange(100) == 99, 1.0, 0.0)
    assert advantage(signals, inside)[0] == pytest.approx(0.98)
    assert np.isnan(advantage(signals, np.ones(100, dtype=bool))[0])
    assert np.isnan(area(signals, np.ones(100, dtype=bool))[0])
