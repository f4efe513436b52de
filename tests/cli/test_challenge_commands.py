"""A challenge through its commands: each asks the challenge for one thing and shows it."""

from __future__ import annotations

import csv
import io
import shutil

import pandas as pd
import pytest

import bakeoff


@pytest.fixture(scope="module")
def challenge(challenge, tmp_path_factory):
    """A copy for this file, whose tests go on with it one after the other."""
    return shutil.copytree(challenge, tmp_path_factory.mktemp("copied") / "shop")


def test_run_says_what_ran_and_runs_nothing_twice(say, challenge):
    again = say("run", "-C", challenge)
    assert "0 cells run" in again.out
    assert "6 kept from before" in again.out
    summary = say("run", "-C", challenge, "--json").json
    assert (summary["ran"], summary["kept"]) == (0, 6)
    assert summary["level"].startswith(("L1", "L2"))


def test_an_unknown_entry_or_task_is_named_with_its_neighbour(say, challenge):
    assert "did you mean 'linear'?" in say("run", "-C", challenge, "--entries", "linaer", code=2).err
    assert "There is no task 'houses'" in say("run", "-C", challenge, "--tasks", "houses", code=2).err
    assert "tables here are orders, prices" in say("table", "show", "houses", "-C", challenge, code=2).err
    assert "There is no track" in say("board", "-C", challenge, "--track", "cooking", code=2).err


def test_tables_are_listed_and_shown(say, challenge):
    listed = say("table", "list", "-C", challenge)
    assert all(word in listed.out for word in ("orders", "prices", "back", "regression", "stratified", "160"))
    assert [each["task"]["name"] for each in say("table", "list", "-C", challenge, "--json").json] == [
        "orders",
        "prices",
    ]
    shown = say("table", "show", "orders", "-C", challenge)
    assert "classification of back into 2 classes, metric accuracy" in shown.out
    columns = say("table", "show", "orders", "-C", challenge, "--json").json["table"]["columns"]
    assert {column["name"]: column["type"] for column in columns} == {
        "size": "numeric",
        "colour": "categorical",
        "price": "numeric",
        "back": "categorical",
    }


def test_a_table_written_as_a_page_is_not_printed_too(say, challenge, tmp_path):
    page = tmp_path / "card.html"
    assert say("table", "show", "orders", "-C", challenge, "--html", page).out.split() == [
        *("The", "card", "as", "a", "page:"),
        str(page),
    ]
    assert "orders" in page.read_text(encoding="utf-8")
    assert "Example rows" in say("table", "show", "orders", "-C", challenge).out


def test_a_columns_trait_stands_beside_its_type(capsys):
    from bakeoff.cli.showing import show_table
    from bakeoff.tables import Settings, read, standardise

    frame = pd.DataFrame({"counter": range(7, 67), "same": [3] * 60, "size": [1.5, 2.5] * 30, "back": ["a", "b"] * 30})
    show_table(standardise(read(frame, Settings(target="back"), name="made")).table)
    told = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "numeric, id-like " in told["counter"] and "counting up, each value once" in told["counter"]
    assert "numeric, constant " in told["same"] and "one value only" in told["same"]
    assert "numeric " in told["size"] and "numeric," not in told["size"]


def test_the_board_shows_every_track(say, challenge):
    text = say("board", "-C", challenge).out
    assert text.count("The shop") == 2
    assert all(word in text for word in ("track classification", "track regression", "mine", "constant", "linear"))
    boards = say("board", "-C", challenge, "--json").json["boards"]
    assert [board["track"] for board in boards] == ["classification", "regression"]
    ranking = {row["entry"]: row for row in boards[0]["ranking"]}
    assert ranking["mine"]["mean"]["low"] <= ranking["mine"]["mean"]["value"] <= ranking["mine"]["mean"]["high"]
    assert boards[0]["prizes"][0]["team"] == "us"


def test_the_board_as_csv_is_one_track(say, challenge):
    assert "--track: classification, regression" in say("board", "-C", challenge, "--csv", code=2).err
    text = say("board", "-C", challenge, "--csv", "--track", "regression").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["entry"] for row in rows if row["part"] == "ranking"} == {"constant", "linear", "mine"}


def test_the_board_as_a_page(say, challenge, tmp_path):
    page = tmp_path / "board.html"
    said = say("board", "-C", challenge, "--html", page, "--json")
    assert str(page) in said.err
    assert "The shop" in page.read_text(encoding="utf-8")
    assert said.json["boards"]


def test_on_a_new_table_is_another_question(say, challenge):
    boards = say("board", "-C", challenge, "--new-tables", "--json").json["boards"]
    assert {board["question"] for board in boards} == {"on a new table"}


def test_a_part_is_asked_for_by_name(say, challenge):
    boards = say("board", "-C", challenge, "--part", "private", "--json").json["boards"]
    assert {board["part"] for board in boards} == {"private"}
    assert "No task's test rows are divided here" in say("board", "-C", challenge, "--part", "public").out
    assert "divided" not in say("board", "-C", challenge).out
    assert "There is no part 'secret'; parts here are test, public, private" in (
        say("board", "-C", challenge, "--part", "secret", code=2).err
    )
    found = say("board", "-C", challenge, "--versus", "linear", "constant", "--part", "public", "--json").json
    assert found["part"] == "public"


def test_versus_goes_through_the_tasks(say, challenge):
    text = say("board", "-C", challenge, "--versus", "linear", "constant").out
    assert "linear against constant" in text
    found = say("board", "-C", challenge, "--versus", "linear", "constant", "--json").json
    assert {duel["task"] for duel in found["duels"]} == {"orders", "prices"}
    assert found["overall"]["value"] > 0
    assert found["question"] == "on these tables"
    assert "Asked on these tables" in text
    assert "cannot be compared with itself" in say("board", "-C", challenge, "--versus", "linear", "linear", code=2).err


def test_versus_says_when_it_is_about_a_new_table(say, challenge):
    words = ("board", "-C", challenge, "--versus", "linear", "constant", "--new-tables")
    text = say(*words).out
    assert "The overall difference is about a new table" in text
    assert "Asked on these tables" not in text
    found = say(*words, "--json").json
    assert found["question"] == "on a new table"
    assert found["overall"]["low"] is None  # two tables say nothing of another one


def test_who_declined_and_what_failed_goes_to_stderr_in_a_line_each(say, orders_csv, tmp_path):
    (tmp_path / "shy.py").write_text(
        "from bakeoff import Declined\n\nclass Shy:\n    def fit(self, X, y):\n"
        "        raise Declined('I would rather not')\n    def predict(self, X): ...\n"
    )
    (tmp_path / "bad.py").write_text(
        "class Bad:\n    def fit(self, X, y):\n        raise ValueError('no good')\n    def predict(self, X): ...\n"
    )
    models = (tmp_path / "shy.py", tmp_path / "bad.py")
    said = say("compare", orders_csv, *models, "--target", "back", "--baselines", "constant", "--seeds", 2)
    lines = said.err.splitlines()
    assert [line for line in lines if "rather not" in line] == ["shy declined orders: I would rather not"]
    assert any(line.startswith("bad on orders failed: ") and "no good" in line for line in lines)
    assert "rather not" not in said.out.split("mean score")[0]
    assert "2 declined" in said.out


def test_judging_again_runs_nothing(say, challenge):
    assert say("judge", "-C", challenge, "--json").json == {"judgements": 0}
    assert "judgements made" in say("judge", "-C", challenge, "--again").out


def test_take_saves_what_load_brings_back(say, challenge, tmp_path):
    to = tmp_path / "linear.predictor"
    assert say("take", "linear", "--on", "orders", "-C", challenge, "--to", to, "--json").json == {"predictor": str(to)}
    frame = pd.DataFrame({"size": [3.0, -3.0], "colour": ["red", "blue"], "price": [9.0, -9.0]})
    with bakeoff.load(to) as predictor:
        assert predictor.predict(frame).tolist() == ["yes", "no"]
        assert predictor.predict_proba(frame).shape == (2, 2)


def test_a_new_entry_runs_as_it_is(say, challenge, tmp_path):
    say("new", "entry", tmp_path / "fresh", "--team", "them")
    made = say("submit", tmp_path / "fresh", "--to", challenge, "--json").json
    assert (made["entry"]["name"], made["entry"]["team"]) == ("fresh", "them")
    ran = say("run", "-C", challenge, "--entries", "fresh", "--json").json
    assert ran["outcomes"] == {"done": 2}


def test_a_command_works_from_inside_the_challenge(say, challenge, monkeypatch):
    monkeypatch.chdir(challenge / "tables" / "orders")
    assert "prices" in say("table", "list").out


def test_a_corner_of_the_matrix_can_be_run(say, challenge):
    ran = say("run", "-C", challenge, "--entries", "constant,mine", "--tasks", "orders", "--seeds", 2, "--json").json
    assert ran["ran"] == 2
    assert ran["outcomes"] == {"done": 2}


def test_a_further_seed_of_some_entries_unranks_nobody(say, challenge):
    """After the corner above, linear lacks the second seed; the board spans the first."""
    ranking = {row["entry"]: row for row in say("board", "-C", challenge, "--json").json["boards"][0]["ranking"]}
    assert ranking["linear"]["rank"] is not None
    assert ranking["linear"]["complete"]


def test_a_row_with_cells_still_due_is_not_ranked(say, challenge, tmp_path):
    say("new", "entry", tmp_path / "later")
    model = tmp_path / "later" / "model.py"
    model.write_text(model.read_text() + "\n# other code, so other cells than those of an earlier entry\n")
    say("submit", tmp_path / "later", "--to", challenge)
    ranking = {row["entry"]: row for row in say("board", "-C", challenge, "--json").json["boards"][0]["ranking"]}
    assert ranking["later"]["rank"] is None
    assert not ranking["later"]["complete"]
    assert ranking["linear"]["rank"] is not None
