"""A table is audited from the command line: how well an algorithm's answers tell whom it was fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = 400
    size, colour = rng.normal(size=rows), rng.choice(["red", "blue"], rows)
    back = np.where(size + (colour == "red") + rng.normal(size=rows) > 0.4, "yes", "no")
    frame = pd.DataFrame({"who": [f"person {n}" for n in range(rows)], "size": size, "shape": rng.normal(size=rows)})
    frame = frame.assign(colour=colour, price=3 * size + rng.normal(size=rows), back=back)
    path = tmp_path_factory.mktemp("audited") / "orders.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_table_is_audited_with_a_picture(say, table, tmp_path):
    plot = tmp_path / "roc.png"
    said = say("privacy", "audit", table, "--target", "back", "--entry", "forest", "--quick", "--plot", plot)
    for word in ("lira offline", "rmia", "the strongest", "hits at 0.1 % false alarms", "2 fits, 400 rows"):
        assert word in said.out
    assert "Insufficient at 0.1 %" in said.out and "2 fits of forest, each on a half of 400 rows." in said.err
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_json_holds_everything_and_leaks_are_ordered(say, table):
    words = ("privacy", "audit", table, "--target", "back", "--fits", 6, "--json", "--entry")
    forest, constant = (say(*words, name).json for name in ("forest", "constant"))
    assert forest["fits"] == 6 and forest["rows"] == 400 and forest["entry"] == "forest"
    assert forest["task"] == {"name": "orders", "kind": "classification", "target": "back"}
    # Even the shares of classes tell a little of who was in.
    assert constant["strongest"]["auc"]["high"] < 0.6 < forest["strongest"]["auc"]["low"]


def test_numbers_are_audited_too(say, table):
    told = say("privacy", "audit", table, "--target", "price", "--entry", "neighbours", "--fits", 4, "--json").json
    assert told["task"]["kind"] == "regression"
    assert told["strongest"]["auc"]["low"] > 0.5


def test_written_answers_are_audited_too(say, tmp_path):
    rng = np.random.default_rng(1)
    made = ["".join(one) for one in rng.choice(list("abcdefgh"), (240, 5))]
    texts = [f"{first} {second} {first[::-1]}" for first, second in zip(made[:120], made[120:], strict=True)]
    answers = rng.permutation(made)[:120]
    pd.DataFrame({"asked": texts, "past": answers}).to_csv(tmp_path / "past.csv", index=False)
    words = ("--target", "past", "--kind", "generation", "--entry", "retrieval", "--fits", 4, "--json")
    told = say("privacy", "audit", tmp_path / "past.csv", *words).json
    assert told["task"]["kind"] == "generation"
    assert told["strongest"]["auc"]["low"] > 0.9  # it answers with what stood beside the nearest text that it saw


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say what is audited: --entry NAME"),
        (("--entry", "forrest"), "did you mean 'forest'?"),
        (("--entry", "unigram"), "is for tagging; this task is classification"),
        (("--entry", "forest", "--plot", "nowhere/roc.png"), "lies in a folder that is not there"),
        (("--entry", "forest", "--fits", 1), "should be at least 2"),
    ],
)
def test_what_cannot_be_audited_is_said_in_a_sentence(say, table, words, said):
    assert said in say("privacy", "audit", table, "--target", "back", *words, code=2).err
