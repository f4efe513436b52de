"""What a table's owner asks for: the report in every form, corrected labels, and slices of two entries."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest


@pytest.fixture
def own(challenge, tmp_path):
    """A copy of the challenge that a test may change."""
    return shutil.copytree(challenge, tmp_path / "own")


def test_the_report_in_every_form(say, own, tmp_path):
    said = say("table", "report", "orders", "-C", own, "--html", tmp_path / "r.html", "--errors", tmp_path / "e.csv")
    for words in ("Is this the best that could be done here?", "Would more rows help?", "Labels that may be wrong"):
        assert words in said.out
    assert "Wrote" in said.err
    assert "orders: what its owner should know" in (tmp_path / "r.html").read_text()
    assert list(pd.read_csv(tmp_path / "e.csv").columns)[:5] == [
        "row_id",
        "given",
        "suggested",
        "confidence",
        "corrected",
    ]
    told = say("table", "report", "orders", "-C", own, "--json").json
    assert told["metric"] == "Accuracy"
    assert told["curve"]["due"] == 4
    assert {each["entry"] for each in told["entries"]} == {"constant", "linear", "mine"}
    assert told["curve"]["curves"][0]["points"][0]["reason"] == "not run yet"
    numbers = say("table", "report", "prices", "-C", own).out
    assert "RMSE" in numbers
    assert (
        "neither a .csv nor a .parquet" in say("table", "report", "orders", "-C", own, "--errors", "e.txt", code=2).err
    )
    assert "There is no table 'order'" in say("table", "report", "order", "-C", own, code=2).err


def test_a_label_is_corrected_and_the_board_says_so(say, own, tmp_path):
    test = pd.read_csv(own / "tables" / "orders" / "test.csv")
    truth = pd.read_parquet(own / ".bakeoff" / "truth" / "orders.parquet").set_index("row_id")["back"]
    right = {row: "no" if truth[row] == "yes" else "yes" for row in test["row_id"].head(2)}
    pd.DataFrame({"row_id": list(right), "corrected": list(right.values())}).to_csv(tmp_path / "c.csv", index=False)
    said = say("table", "correct", "orders", tmp_path / "c.csv", "--who", "Ann", "--why", "seen", "-C", own)
    assert said.out.startswith("Truth 1 of orders: 2 rows corrected; ")
    assert said.out.endswith("judgements made anew, no cell run.\n")
    assert "0 cells run" in say("run", "-C", own).out
    tasks = say("board", "-C", own, "--track", "classification", "--json").json["boards"][0]["tasks"]
    assert tasks[0]["note"].endswith("truth corrected: 2 rows")
    assert "truth corrected: 2 rows" in say("board", "-C", own, "--track", "classification").out
    assert "Truth corrected (1, " in say("table", "report", "orders", "-C", own).out
    assert "nothing was changed" in say("table", "correct", "orders", tmp_path / "c.csv", "-C", own, code=3).err


def test_two_entries_are_compared_slice_by_slice(say, challenge):
    text = say("board", "-C", challenge, "--versus", "linear", "constant").out
    assert "orders: where they differ" in text
    assert "Compared row by row: share of rows answered rightly" in text
    told = say("board", "-C", challenge, "--versus", "linear", "constant", "--json").json
    assert [each["task"] for each in told["slices"]] == ["orders", "prices"]
    assert told["slices"][0]["tried"] > 0
