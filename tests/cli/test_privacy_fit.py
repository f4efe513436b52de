"""A table is fitted privately from the command line, and what that costs is shown."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def means(require):
    for name in ("torch", "dp-accounting"):
        require(name)
    pytest.importorskip("cryptography")


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = 900
    age, city = rng.normal(40, 12, rows), rng.choice(["Oslo", "Lima", "Cairo"], rows)
    buys = (age + 15 * (city == "Oslo") + rng.normal(0, 5, rows) > 45).astype(int)
    who = [f"person {n % 300}" for n in range(rows)]
    frame = pd.DataFrame({"age": age.round(1), "city": city, "who": who, "buys": np.where(buys, "yes", "no")})
    frame.to_csv(tmp_path / "shop.csv", index=False)
    return tmp_path / "shop.csv"


def test_a_table_is_fitted_and_its_ledger_written(say, table, tmp_path):
    ledger, plot = tmp_path / "ledger.json", tmp_path / "epsilon.png"
    out = say("privacy", "fit", table, "--target", "buys", "--epsilon", 4, "--ledger", ledger, "--plot", plot).out
    for word in ("constant", "private", "without a budget", "accuracy", "linear", "gradients", "sat out"):
        assert word in out
    assert "at delta 1e-05, when one record comes or goes" in out
    held = json.loads(ledger.read_text())
    assert held["unit"] == "record" and not held["broken"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    stated = say("privacy", "account", "--ledger", ledger, "--json").json
    assert stated["epsilon"] <= 4


def test_owners_are_protected_and_json_holds_everything(say, table):
    told = say(
        *("privacy", "fit", table, "--target", "buys", "--owner", "who", "--per-owner"),
        *("--algorithm", "network", "--alone", "--json"),
    ).json
    assert told["claim"]["unit"] == "owner" and told["claim"]["epsilon"] <= 3
    assert set(told["fitted"]) == {"constant", "private"}
    accuracy = told["fitted"]["private"]["metrics"]["accuracy"]
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--epsilon", 0), "epsilon is 0.0; a privacy budget is a number above 0"),
        (("--delta", 0.5), "published outright"),
        (("--per-owner",), "name it with --owner COL"),
        (("--algorithm", "forest"), "has no private form; those that have are multimodal, network"),
        (("--algorithm", "tagger"), "is for tagging; this task is classification"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(say, table, words, said):
    assert said in say("privacy", "fit", table, "--target", "buys", *words, code=2).err
