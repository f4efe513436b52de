"""`bakeoff judge --deep` and `bakeoff board --by`: what they print, and what they refuse."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def challenge(challenge, say, tmp_path_factory):
    """A copy for this file with a larger table, whose buyers have a protected group."""
    folder = shutil.copytree(challenge, tmp_path_factory.mktemp("copied") / "shop")
    table = folder.parent / "buyers.csv"
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"size": rng.normal(size=400), "price": rng.normal(size=400)})
    frame["back"] = np.where(frame["size"] + rng.normal(scale=0.3, size=400) > 0, "yes", "no")
    frame["group"] = np.where(np.arange(len(frame)) % 3 == 0, "new", "old")
    noisy = (frame["group"] == "new") & (np.arange(len(frame)) % 2 == 0)
    frame.loc[noisy, "size"] = rng.normal(size=int(noisy.sum()))
    frame.to_csv(table, index=False)
    say("table", "add", table, "--target", "back", "--protected", "group", "--track", "people", "-C", folder)
    say("run", "-C", folder, "--tasks", "buyers")
    return folder


def test_a_deep_judgement_says_what_it_takes_and_what_it_found(say, challenge):
    said = say("judge", "--deep", "linear", "--on", "buyers", "--quick", "-C", challenge)
    assert "An audit of linear on buyers takes 2 fits; 2 fits will run now" in said.err
    assert "2 fits run in" in said.out
    assert "linear on buyers, seed 0, quick form: 2 of 2 fits ended well" in said.out
    assert "fits on halves of the rows" in said.out
    assert "AUC" in said.out
    again = say("judge", "--deep", "linear", "--on", "buyers", "--quick", "-C", challenge, "--json")
    assert "2 kept from before; nothing has to run" in again.err
    told = again.json
    assert (told["ran"], told["kept"]) == (0, 2)
    (audited,) = told["audited"]
    assert audited["entry"] == "linear"
    assert {"auc", "epsilon"} <= {finding["metric"] for finding in audited["findings"]}
    assert "0 judgements made" in say("judge", "-C", challenge).out


def test_a_table_that_is_too_small_is_told_and_nothing_runs(say, challenge):
    said = say("judge", "--deep", "linear", "--on", "orders", "-C", challenge)
    assert "There is nothing to run on orders" in said.err
    assert "0 fits run" in said.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--deep", "linear"), "--deep linear needs a table; name it with --on TABLE"),
        (("--on", "buyers"), "belong to --deep ENTRY"),
        (("--quick",), "belong to --deep ENTRY"),
        (("--deep", "linaer", "--on", "buyers"), "did you mean 'linear'?"),
        (("--deep", "linear", "--on", "sellers"), "There is no task 'sellers'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(say, challenge, options, sentence):
    assert sentence in say("judge", *options, "-C", challenge, code=2).err


def test_a_board_by_fairness_orders_entries_by_their_widest_gaps(say, challenge):
    said = say("board", "--by", "fairness", "--track", "people", "-C", challenge)
    assert "Gap of accuracy" in said.out
    assert "buyers, by group" in said.out
    told = say("board", "--by", "fairness", "-C", challenge, "--track", "people", "--json").json
    gaps = [entry["value"] for entry in told["boards"][0]["entries"]]
    assert gaps == sorted(gaps)
    assert len(gaps) == 3
    rates = say("board", "--by", "selection rate", "-C", challenge, "--track", "people", "--json").json
    assert rates["metric"] == "selection rate"
    other = say("board", "--by", "beauty", "-C", challenge, "--track", "people", code=2)
    assert "No gap of 'beauty' is known here; there are accuracy" in other.err
    assert other.out == ""
    assert (
        "leave --versus, --html and --csv out" in say("board", "--by", "fairness", "--csv", "-C", challenge, code=2).err
    )


def test_a_board_without_protected_columns_says_what_fairness_needs(say, challenge):
    said = say("board", "--by", "fairness", "--track", "classification", "-C", challenge)
    assert "a task of classes needs a protected column (--protected)" in " ".join(said.out.split())
