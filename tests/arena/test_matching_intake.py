"""Matching tables come into a challenge by the library and by the commands, and stand in a track of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bakeoff.arena.challenge import Challenge
from bakeoff.arena.demo import make_demo_from, slow_left_out
from bakeoff.arena.intake import TableOptions
from bakeoff.cli import app
from bakeoff.errors import NotFound, TableError, UsageError


def things(folder: Path, count: int = 48) -> Path:
    """Two files of records and one of labelled pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    names = [f"{noun} {i}" for i, noun in enumerate(rng.choice(["lamp", "cup", "chair"], count))]
    left = pd.DataFrame({"id": range(count), "name": names, "colour": "red", "price": rng.normal(size=count)})
    right = left.assign(id=[f"r{i}" for i in range(count)], name=[name.upper() for name in names], colour="blue")
    pairs = [(i, f"r{i // 6 * 6 + (i + step) % 6}", int(step == 0)) for i in range(count) for step in (0, 1, 2)]
    left.to_csv(folder / "left.csv", index=False)
    right.to_csv(folder / "right.csv", index=False)
    pd.DataFrame(pairs, columns=["left_id", "right_id", "label"]).to_csv(folder / "pairs.csv", index=False)
    return folder


@pytest.fixture
def challenge(tmp_path):
    opened = Challenge.create(tmp_path / "held")
    yield opened
    opened.close()


def test_a_matching_table_comes_in_with_its_rule_and_is_explained(tmp_path, challenge):
    folder = things(tmp_path / "things")
    options = TableOptions(
        right=folder / "right.csv",
        pairs=folder / "pairs.csv",
        ignore=("colour",),
        split="records",
        public_share=0.5,
        complete=True,
        terms="for the challenge alone",
        expires="2027-12-31",
        name="things",
    )
    added = challenge.add_table(folder / "left.csv", options)
    assert (added.task.kind, added.task.track, added.task.metric) == ("matching", "matching", "f1")
    assert added.task.classes == (0, 1) and added.task.ignored == ("colour",)
    assert added.explained == (
        "question: which records of two tables match (asked for: matching)",
        "records: 48 left and 48 right; 144 labelled pairs, 48 matches",
        "variant rule: records that differ only in colour match",
        "labels: complete; a pair without a label is no match",
        "metric: f1",
        "split: 108 pairs to learn from, 36 to be asked, no record on both sides, seed 0; 18 of the asked ones are "
        "public",
    )
    assert "One-to-one: no record matches more than one other." in added.notes
    (task,) = challenge.tasks()
    assert task == added.task
    data = challenge.data(task)
    assert data.sides.complete and len(data.sides.left) == 48
    assert list(data.test.columns) == [f"{side}_{name}" for side in ("left", "right") for name in data.sides.left]
    toml = (challenge.places.tables / "things" / "table.toml").read_text()
    assert 'expires = "2027-12-31"' in toml and "complete = true" in toml


def test_the_rule_is_part_of_the_question_and_not_of_the_table(tmp_path, challenge):
    folder = things(tmp_path / "things")
    one = challenge.add_table(folder, TableOptions(name="exact", kind="matching")).task
    two = challenge.add_table(folder, TableOptions(name="alike", kind="matching", ignore=("colour",))).task
    assert one.table_digest == two.table_digest
    assert one.digest != two.digest


def test_words_that_do_not_go_together_are_refused(tmp_path, challenge):
    folder = things(tmp_path / "things")
    pairs = folder / "pairs.csv"
    for options, said in (
        (TableOptions(kind="matching"), "needs labelled pairs; name them with --pairs"),
        (TableOptions(pairs=pairs, kind="regression"), "Labelled pairs are matched, not asked for regression"),
        (TableOptions(target="price", ignore=("colour",)), "--ignore is for matching tables"),
        (TableOptions(target="price", complete=True), "--complete is for matching tables"),
        (TableOptions(pairs=pairs, query="select 1"), "name a matching table's as URL#TABLE"),
        (TableOptions(target="price", expires="tomorrow"), "--expires is 'tomorrow'; it must be a day"),
    ):
        with pytest.raises(UsageError, match=said):
            challenge.add_table(folder / "left.csv", options)
    with pytest.raises(TableError, match="A split by records is for matching tables"):
        challenge.add_table(folder / "left.csv", TableOptions(target="price", split="records"))
    assert challenge.tasks() == []


def test_a_column_that_gives_the_label_away_is_left_out_when_asked(tmp_path, challenge):
    folder = things(tmp_path / "things")
    for side in ("left", "right"):
        frame = pd.read_csv(folder / f"{side}.csv")
        frame.assign(key=np.arange(len(frame)) % 37).to_csv(folder / f"{side}.csv", index=False)
    kept = challenge.add_table(folder, TableOptions(name="kept", kind="matching"))
    assert any("Column 'key' is alike in all pairs that match and in no other" in note for note in kept.notes)
    left = challenge.add_table(folder, TableOptions(name="left", kind="matching", leave_out_given_away=True))
    names = {column.name for column in left.table.columns}
    assert "left_price" not in names and "left_key" not in names  # the price is copied, and so as good as a key
    assert not any("given away" in note for note in left.notes)


def test_the_commands_add_and_list_a_matching_table(tmp_path):
    folder = things(tmp_path / "things")
    held = tmp_path / "held"

    def say(*words, code=0):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == code, done.output
        return done.output

    say("new", "challenge", held)
    told = say(
        *("table", "add", folder / "left.csv", "--right", folder / "right.csv", "--pairs", folder / "pairs.csv"),
        *("--kind", "matching", "--ignore", "colour", "--ignore", "price", "--name", "shop", "-C", held),
    )
    assert "records: 48 left and 48 right; 144 labelled pairs, 48 matches" in told
    assert "variant rule: records that differ only in colour and price match" in told
    say("table", "add", folder, "--kind", "matching", "--name", "folder", "-C", held)
    listed = json.loads(say("table", "list", "-C", held, "--json"))
    assert [(each["task"]["name"], each["task"]["kind"]) for each in listed] == [
        ("folder", "matching"),
        ("shop", "matching"),
    ]
    refused = say("table", "add", folder / "left.csv", "--right", folder / "right.csv", "-C", held, code=2)
    assert "--right needs labelled pairs" in refused


def test_the_demo_of_a_folder_takes_tables_of_every_kind_and_no_other(tmp_path):
    things(tmp_path / "data" / "things")
    (tmp_path / "data" / "things" / "about.json").write_text(
        json.dumps({"kind": ["matching"], "columns": {"id": "id"}})
    )
    words = {"tokens": ["ada sings", "we dance"] * 20, "kind": ["B-who O", "O O"] * 20}
    for name, kind in (("flowers", "classification"), ("words", "tagging"), ("groups", "clustering")):
        (tmp_path / "data" / name).mkdir()
        frame = pd.DataFrame(words if kind == "tagging" else {"size": range(40), "kind": ["a", "b"] * 20})
        frame.to_csv(tmp_path / "data" / name / "data.csv", index=False)
        about = {"kind": [kind], "target": "kind", "columns": {"tokens": "tokens"} if kind == "tagging" else {}}
        (tmp_path / "data" / name / "about.json").write_text(json.dumps(about))
    challenge, left_out = make_demo_from(tmp_path / "data", tmp_path / "held")
    with pytest.raises(NotFound):
        make_demo_from(tmp_path / "held", tmp_path / "nothing")
    assert left_out == []
    assert {(task.name, task.track) for task in challenge.tasks()} == {
        ("flowers", "classification"),
        ("things", "matching"),
        ("words", "tagging"),
    }
    assert challenge.tracks() == ["classification", "matching", "tagging"]
    challenge.close()
    assert {"multimodal", "matcher"} <= set(slow_left_out(challenge))
    names = {entry.name for entry in challenge.entries()}
    assert "linear" in names and not names & {"multimodal", "matcher"}
    challenge.close()
    thorough, _ = make_demo_from(tmp_path / "data", tmp_path / "held", thorough=True)
    assert slow_left_out(thorough) == []
    assert {"linear", "multimodal", "matcher"} <= {entry.name for entry in thorough.entries()}
    thorough.close()
