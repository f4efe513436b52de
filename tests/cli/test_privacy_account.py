"""What a plan costs is said in a sentence, or as JSON, and what is wrong in one."""

from __future__ import annotations

import json

import pytest

EXAMPLE = ("privacy", "account", "--rate", 0.01, "--steps", 10_000, "--delta", 1e-5)


@pytest.fixture(autouse=True)
def accountant(require):
    require("dp-accounting")


def test_the_example_is_6_188(say):
    assert "epsilon 6.188 at delta 1e-05, when one record comes or goes" in say(*EXAMPLE, "--sigma", 1.0).out
    told = say(*EXAMPLE, "--sigma", 1.0, "--json").json
    assert round(told["epsilon"], 3) == 6.188 and told["epsilon"] < told["rdp"]
    assert (told["unit"], told["neighbours"], told["delta"]) == ("record", "add or remove one", 1e-5)
    assert told["ledger"]["entries"] == [
        {"kind": "sampled", "name": "gradients", "count": 10_000, "rate": 0.01, "sigma": 1.0}
    ]


def test_an_epsilon_is_turned_into_noise(say):
    told = say(*EXAMPLE, "--epsilon", 3, "--json").json
    assert 2.99 < told["epsilon"] <= 3
    again = say(*EXAMPLE, "--sigma", told["sigma"], "--json").json
    assert again["epsilon"] == told["epsilon"]


def test_batch_rows_and_epochs_stand_for_rate_and_steps(say):
    told = say(
        *("privacy", "account", "--batch", 256, "--records", 50_000, "--epochs", 20, "--sigma", 1.2, "--json")
    ).json
    assert (told["rate"], told["steps"]) == (256 / 50_000, 3907)


def test_micro_batches_are_told_their_true_epsilon(say):
    said = say(*EXAMPLE, "--sigma", 1.0, "--micro-batch")
    assert "epsilon 43.37" in said.out and "one would claim 6.188, which does not hold" in said.out
    assert round(say(*EXAMPLE, "--sigma", 1.0, "--micro-batch", "--json").json["published"], 3) == 6.188


@pytest.mark.parametrize(
    ("words", "least", "most", "unit"),
    [
        (("--per-owner", 2), 12, 18, "owner"),
        (("--replace-one",), 10.8, 10.9, "record"),
        (("--fixed-size",), 55, 56, "record"),
        (("--best-of", 10), 7, 9, "record"),
        (("--spent", 0.5), 6.3, 6.69, "record"),
    ],
)
def test_other_cases_cost_more(say, words, least, most, unit):
    told = say(*EXAMPLE, "--sigma", 1.0, *words, "--json").json
    assert least < told["epsilon"] < most
    assert told["unit"] == unit


def test_noise_that_falls_costs_more_and_a_picture_is_drawn(say, tmp_path):
    plan = ("privacy", "account", "--batch", 200, "--records", 20_000, "--epochs", 5, "--sigma", 1.5, "--json")
    plot = tmp_path / "epsilon.png"
    said = say(*plan, "--decay", 0.8, "--plot", plot)
    assert said.json["epsilon"] > say(*plan).json["epsilon"]
    assert len(said.json["ledger"]["entries"]) == 5
    assert plot.stat().st_size > 5_000 and str(plot) in said.err


def test_a_kept_ledger_is_told(say, tmp_path):
    from bakeoff.privacy import Ledger

    ledger = Ledger("owner")
    ledger.public("categories of 'colour'")
    ledger.released("quantiles of 'age'", 40.0, 3)
    ledger.sampled("gradients", 0.01, 1.0, 100)
    path = tmp_path / "ledger.json"
    path.write_text(json.dumps({"ledger": ledger.as_plain()}))
    said = say("privacy", "account", "--ledger", path)
    assert "3 x quantiles of 'age': sigma 40 over all rows" in said.out and "when one owner comes or goes" in said.out
    told = say("privacy", "account", "--ledger", path, "--json").json
    assert told["epsilon"] == ledger.epsilon(1e-5)
    ledger.broke("early stopping looked at training rows")
    path.write_text(json.dumps(ledger.as_plain()))
    assert "early stopping looked at training rows" in say("privacy", "account", "--ledger", path, code=7).err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((*EXAMPLE,), "either sigma, to be told epsilon, or epsilon"),
        ((*EXAMPLE, "--sigma", 1, "--epsilon", 1), "either sigma, to be told epsilon, or epsilon"),
        ((*EXAMPLE, "--sigma", 0), "sigma is 0.0"),
        ((*EXAMPLE, "--epsilon", 0), "epsilon is 0.0"),
        ((*EXAMPLE, "--epsilon", -3), "epsilon is -3.0"),
        ((*EXAMPLE, "--epsilon", 1, "--spent", 2), "No noise is enough"),
        ((*EXAMPLE, "--sigma", 1, "--delta", 0), "delta is 0.0"),
        ((*EXAMPLE, "--sigma", 1, "--delta", 1), "delta is 1.0"),
        ((*EXAMPLE, "--sigma", 1, "--rate", 2), "sampling rate is 2.0"),
        ((*EXAMPLE, "--sigma", 1, "--batch", 9), "either --rate Q, or --batch B"),
        ((*EXAMPLE, "--sigma", 1, "--epochs", 9), "either --steps T, or --epochs E"),
        ((*EXAMPLE, "--sigma", 1, "--decay", 0.9), "say how many with --epochs"),
        ((*EXAMPLE, "--sigma", 1, "--best-of", 0.5), "at least 1"),
        ((*EXAMPLE, "--sigma", 1, "--fixed-size", "--per-owner", 3), "leave the owners out"),
        ((*EXAMPLE, "--sigma", 1, "--ledger", "x.json"), "leave out what plans a fit"),
        ((*EXAMPLE, "--sigma", 1, "--plot", "/nowhere/at/all.png"), "folder that is not there"),
        (("privacy", "account", "--sigma", 1, "--steps", 9), "either --rate Q, or --batch B"),
        (("privacy", "account", "--sigma", 1, "--steps", 9, "--batch", 9), "needs --records"),
        (("privacy", "account", "--ledger", "none.json"), "There is no file 'none.json'"),
        (
            ("privacy", "account", "--batch", 10, "--records", 500, "--epochs", 1, "--sigma", 1, "--delta", 0.01),
            "500 records",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(say, words, sentence):
    said = say(*words, code=2)
    assert sentence in said.err
    assert said.err.count("\n") == 1 and not said.out


def test_a_file_that_is_no_ledger_is_refused(say, tmp_path):
    path = tmp_path / "ledger.json"
    for text in ("[1, 2]", "{}", "not json"):
        path.write_text(text)
        assert str(path) in say("privacy", "account", "--ledger", path, code=2).err or text != "not json"
