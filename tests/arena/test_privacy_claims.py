"""Claims of privacy, read from strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.arena.privacy_claims import claim_words, read_claim
from bakeoff.errors import Refused
from bakeoff.nouns import Claim


@given(epsilon=st.floats(1e-6, 1e6), delta=st.floats(1e-12, 0.9))
def test_a_claim_is_rounded_up_and_never_down(epsilon, delta):
    read = read_claim({"epsilon": epsilon, "delta": delta})
    assert epsilon <= read.epsilon <= 1.0101 * epsilon
    assert delta <= read.delta <= 2.0001 * delta
    assert read_claim({"epsilon": read.epsilon, "delta": read.delta}) == read


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ("strong", "is a str"),
        ({"epsilon": "3"}, "epsilon = '3'"),
        ({"epsilon": True}, "must be a number"),
        ({"epsilon": float("nan")}, "must be a number"),
        ({"epsilon": 0}, "above 0"),
        ({"epsilon": 1, "delta": 1}, "below 1"),
        ({"epsilon": 1, "unit": "household"}, "record, owner"),
        ({"epsilon": 1, "neighbours": "any"}, "replace one"),
    ],
)
def test_what_is_no_claim_is_refused(given_, why):
    with pytest.raises(Refused, match=why):
        read_claim(given_)


def test_no_claim_is_none_and_others_are_left_alone():
    assert read_claim(None) is None
    assert read_claim({}) is None
    assert read_claim({"fairness": "equal odds"}) is None
    assert read_claim({"epsilon": 3}) == Claim(3.0, 0.0)


def test_a_claim_in_words():
    assert claim_words(Claim(3.0, 1e-5)) == "epsilon 3, delta 1e-05 per record"
    assert claim_words(Claim(0.5, 0.0, "owner", "replace one")) == "epsilon 0.5 per owner (replace one)"
