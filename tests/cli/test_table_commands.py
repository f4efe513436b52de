"""Commands about a challenge's tables: listing, replacing, removing, and what is said of those that expired."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest


@pytest.fixture
def own(challenge, tmp_path):
    """A copy of the challenge that a test may change."""
    return shutil.copytree(challenge, tmp_path / "own")


def test_an_expired_table_is_told_on_every_way(say, own, orders_csv):
    past = ("--target", "back", "--name", "past", "--expires", "2020-01-01")
    assert "The table 'past' expired on 2020-01-01" in say("table", "add", orders_csv, *past, "-C", own).out
    listed = say("table", "list", "-C", own).out
    assert "2020-01-01" in listed.splitlines()[-3] + listed.splitlines()[-4] + listed.splitlines()[-5]
    assert [each["expires"] for each in say("table", "list", "-C", own, "--json").json] == ["", "2020-01-01", ""]
    said = say("run", "-C", own)
    assert said.err.startswith("The table 'past' expired on 2020-01-01, so nothing is run on it; ")
    assert said.out.startswith("0 cells run")
    # Its rows are those of orders, whose answers it shares; so every entry has met it, and it counts.
    board = say("board", "-C", own, "--track", "classification").out
    assert "past expired on 2020-01-01; nothing is run on it any more" in board
    assert "No entry is ranked yet" not in board
    said = say("table", "report", "past", "--curve", "-C", own, code=2)
    assert "expired on 2020-01-01, so nothing is run on it" in said.err


def test_a_replaced_table_and_a_misspelt_one(say, own, tmp_path, orders_csv):
    pd.read_csv(orders_csv).head(120).to_csv(tmp_path / "less.csv", index=False)
    less = ("table", "add", tmp_path / "less.csv", "--target", "back", "--replace", "-C", own, "--name")
    assert "version: 2 (rows 160 -> 120)" in say(*less, "orders").out
    assert "rows 160 -> 120" in say("table", "versions", "orders", "-C", own).out
    said = say(*less, "order", code=2).err
    assert "There is no table 'order' to replace; did you mean --name 'orders'?" in said
    assert "There is no table 'order'; did you mean 'orders'?" in say("table", "show", "order", "-C", own, code=2).err


def test_a_table_is_removed_and_brought_back(say, own):
    said = say("table", "remove", "orders", "-C", own).out
    kept = own / ".bakeoff" / "versions" / "orders" / "1"
    assert said.startswith(f"orders is removed. Its files and its truth are in {kept}, its results in the store.")
    assert f"bakeoff table add {kept} -C {own}" in said
    assert [each["task"]["name"] for each in say("table", "list", "-C", own, "--json").json] == ["prices"]
    assert "orders" not in say("board", "-C", own).out
    say("table", "add", kept, "-C", own)
    assert say("run", "-C", own).out.startswith("0 cells run")


def test_suggested_commands_name_the_challenge_where_it_is_elsewhere(say, own, monkeypatch):
    assert f"--curve -C {own}`" in say("table", "report", "orders", "-C", own).out.replace("\n", " ").replace("  ", " ")
    monkeypatch.chdir(own / "tables")
    assert "report orders --curve`" in say("table", "report", "orders").out.replace("\n", " ")
