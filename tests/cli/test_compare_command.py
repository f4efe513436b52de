"""One table, some algorithms, one board."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def held(say, orders_csv, model_py, tmp_path_factory):
    """A comparison that kept itself as a challenge."""
    keep = tmp_path_factory.mktemp("kept") / "all"
    said = say(
        *("compare", orders_csv, model_py, "--target", "back", "--baselines", "constant,linear"),
        *("--keep", keep, "--html", keep.parent / "board.html", "--type", "colour=categorical"),
    )
    return keep, said


def test_it_says_what_it_understood_before_the_board(held):
    _, said = held
    order = ["size", "numbers", "colour", "declared", "question: classification of back", "metric:", "3 cells run"]
    places = [said.out.index(word) for word in [*order, "mean score"]]
    assert places == sorted(places)
    assert "mine" in said.out
    assert "wrapped by skrub" in said.out


def test_it_writes_the_page_and_keeps_the_challenge(held, say):
    keep, said = held
    assert "board.html" in said.err
    assert "mine" in (keep.parent / "board.html").read_text(encoding="utf-8")
    assert say("run", "-C", keep, "--entries", "mine", "--json").json["kept"] == 1


def test_a_folder_that_is_there_is_not_overwritten(held, say, orders_csv):
    keep, _ = held
    said = say("compare", orders_csv, "--target", "back", "--keep", keep, code=2)
    assert "is not empty; keep the comparison in a new folder" in said.err


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_forms_for_programs_hold_nothing_else(say, orders_csv, form):
    said = say("compare", orders_csv, "--target", "price", "--baselines", "constant", form, "--time", 30)
    if form == "--json":
        (board,) = said.json["boards"]
        assert [row["entry"] for row in board["ranking"]] == ["constant"]
        assert board["tasks"][0]["kind"] == "regression"
    else:
        rows = list(csv.DictReader(io.StringIO(said.out)))
        assert [row["entry"] for row in rows] == ["constant", "constant"]
    assert said.err == ""


def test_baselines_can_be_left_out(say, orders_csv, model_py):
    said = say("compare", orders_csv, model_py, "--target", "back", "--baselines", "none", "--json")
    assert [row["entry"] for row in said.json["boards"][0]["ranking"]] == ["mine"]


def test_records_are_matched_with_pairs_named_beside_them(say, tmp_path):
    words = ["lamp", "chair", "table", "clock", "mirror", "carpet", "shelf", "stool"]
    left = pd.DataFrame({"nr": range(64), "title": [f"{words[i % 8]} number {i}" for i in range(64)]})
    left.to_csv(tmp_path / "left.csv", index=False)
    left.assign(title="a " + left["title"]).to_csv(tmp_path / "right.csv", index=False)
    pairs = [(i, j, int(i == j)) for i in range(64) for j in (i, (i + 8) % 64, (i + 3) % 64)]
    pd.DataFrame(pairs, columns=["left", "right", "label"]).to_csv(tmp_path / "pairs.csv", index=False)
    records = ("--right", tmp_path / "right.csv", "--pairs", tmp_path / "pairs.csv", "--id", "nr")
    said = say("compare", tmp_path / "left.csv", *records, "--baselines", "constant,cosine", "--json").json
    assert said["boards"][0]["tasks"][0]["kind"] == "matching"
    assert {row["entry"] for row in said["boards"][0]["ranking"]} == {"constant", "cosine"}
