"""bakeoff label as a person meets it: keys at a terminal, answers by a pipe, files kept at once and merged."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pandas as pd
import pytest
from typer.testing import CliRunner

from bakeoff.algorithms.matching import Matcher
from bakeoff.algorithms.matching.label_file import LabelFile, Row, read_rows
from bakeoff.cli import app

COMMAND = [sys.executable, "-c", "from bakeoff.cli import main; main()"]


def word(number):
    return "".join("bcdfghklmnprstvz"[number // 16**place % 16] + "aeiou"[(number + place) % 5] for place in range(4))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Two small tables; records that match have ids that end alike."""
    folder = tmp_path_factory.mktemp("records")
    names = [f"{word(7 * row + 1)} {word(31 * row + 5)} lamp {row + 10}" for row in range(30)]
    pd.DataFrame({"id": [f"a{row}" for row in range(30)], "name": names}).to_csv(folder / "a.csv", index=False)
    other = [f"{name.split()[1]} {name.split()[0]} Lamp no. {name.split()[3]}" for name in names]
    pd.DataFrame({"id": [f"b{row}" for row in range(30)], "name": other}).to_csv(folder / "b.csv", index=False)
    return folder


def label(*words, keys="", code=0):
    said = CliRunner().invoke(app, ["label", *map(str, words)], input=keys)
    assert said.exit_code == code, f"{said.stdout}\n{said.stderr}\n{said.exception!r}"
    return said


def proposed(records, path, count=1, *more):
    import json

    return json.loads(
        label(
            records / "a.csv", "--right", records / "b.csv", "--pairs", path, "--json", "--count", count, *more
        ).stdout
    )


def true(pair):
    return pair["left"][1:] == pair["right"][1:]


def test_answers_from_a_pipe_are_kept_and_go_on(records, tmp_path):
    path = tmp_path / "labels.csv"
    words = (records / "a.csv", "--right", records / "b.csv", "--pairs", path, "--who", "ann")
    said = label(*words, keys="y\nn\nu\nx\ny\nq\n")
    assert "Keys: y a match" in said.stdout
    assert "Pair 1: chosen by likeness" in said.stdout
    held = pd.read_csv(path)
    assert list(held.columns) == ["left", "right", "label", "weight", "why", "who", "when"]
    assert held["label"].tolist() == [1, 0, 1]
    assert set(held["who"]) == {"ann"}
    assert len(pd.read_csv(tmp_path / "labels.unsure.csv")) == 1
    said = label(*words, "--count", 2, keys="n\nn\n")
    assert "holds 3 labels, 2 of them matches, and 1 left unsure" in said.stderr
    again = pd.read_csv(path)
    assert len(again) == 5
    assert not again.duplicated(["left", "right"]).any()
    assert again.iloc[:3].equals(held)


def test_back_takes_the_last_answer_back(records, tmp_path):
    path = tmp_path / "labels.csv"
    said = label(records / "a.csv", "--right", records / "b.csv", "--pairs", path, keys="b\ny\nb\nn\nq\n")
    assert "Nothing was answered yet in this run" in said.stdout
    assert pd.read_csv(path)["label"].tolist() == [0]


def test_random_pairs_carry_a_weight_and_the_others_none(records, tmp_path):
    path = tmp_path / "labels.csv"
    told = proposed(records, path, 12)
    assert [pair["why"] == "random" for pair in told["pairs"]] == [False, False, False, True] * 3
    assert all((pair["weight"] > 0) == (pair["why"] == "random") for pair in told["pairs"])
    assert set(told["pairs"][0]["records"]["left"]) == {"name"}
    assert (told["labels"], told["estimate"], told["enough"]) == (0, None, "")


def test_labels_reach_a_matcher_and_a_table(records, tmp_path):
    path = tmp_path / "labels.csv"
    for _ in range(4):
        told = proposed(records, path, 10)
        file = LabelFile(path, within=False).read()
        for pair in told["pairs"]:
            file.answer(Row(pair["left"], pair["right"], true(pair), pair["weight"], pair["why"], "oracle"))
    told = proposed(records, path, 5)
    assert told["labels"] == 40
    assert 0 <= told["estimate"]["low"] <= told["estimate"]["f1"] <= told["estimate"]["high"] <= 1
    assert {pair["why"] for pair in told["pairs"]} == {"uncertain", "random"}
    left, right = pd.read_csv(records / "a.csv"), pd.read_csv(records / "b.csv")
    model = Matcher(ignore=["id"]).fit(left, right, path)
    links = model.link(left, right)
    called = links[links["score"] >= 0.5]
    assert (called["left"] == called["right"]).mean() > 0.9
    assert len(called) > 25
    folder = tmp_path / "challenge"
    assert CliRunner().invoke(app, ["new", "challenge", str(folder)]).exit_code == 0
    words = ["table", "add", records / "a.csv", "--right", records / "b.csv", "--pairs", path, "--kind", "matching"]
    added = CliRunner().invoke(app, [*map(str, words), "--name", "lamps", "-C", str(folder)])
    assert added.exit_code == 0, added.stderr
    assert "lamps: 40 rows" in added.stdout
    said = label("lamps", "-C", folder, "--pairs", tmp_path / "more.csv", "--count", 1, keys="y\n")
    assert "keeps no ids; records are counted from 0" in said.stderr
    said = label("lumps", "-C", folder, code=2)
    assert "no matching table 'lumps' in the challenge; it has lamps" in said.stderr


def test_two_peoples_files_are_merged_and_what_they_dispute_is_asked_first(records, tmp_path):
    first, second, both = (tmp_path / name for name in ("ann.csv", "bob.csv", "both.csv"))
    first.write_text("left,right,label,who\na1,b1,1,ann\na2,b5,0,ann\na3,b3,1,ann\n")
    second.write_text("left,right,label,who\na1,b1,yes,bob\na2,b5,1,bob\na4,b9,no,bob\n")
    words = (records / "a.csv", "--right", records / "b.csv", "--pairs", both, "--count", 1)
    said = label(*words, "--merge", first, "--merge", second, keys="n\n")
    assert "1 labelled both ways, asked first" in said.stderr
    assert "labelled both ways" in said.stdout
    assert {row.ids: row.label for row in read_rows(both)} == {
        ("a1", "b1"): True,
        ("a3", "b3"): True,
        ("a4", "b9"): False,
        ("a2", "b5"): False,
    }
    label(*words, "--merge", tmp_path / "nobody.csv", code=2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,2\n", "is no file of labels: it lacks the columns left, right, label"),
        ("left,right,label\nzz,b1,1\n", "names the left record 'zz', which is not in the table"),
    ],
)
def test_a_file_that_is_none_is_told(records, tmp_path, text, said):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    assert said in label(records / "a.csv", "--right", records / "b.csv", "--pairs", path, code=2).stderr
    assert path.read_text() == text


def test_records_without_an_id_are_named_by_what_never_repeats_or_counted(tmp_path):
    table = tmp_path / "t.csv"
    pd.DataFrame({"name": [f"{word(row)} chair" for row in range(12)], "price": 3.5}).to_csv(table, index=False)
    said = label(table, "--pairs", tmp_path / "l.csv", "--count", 1, keys="y\n")
    assert "are told apart by their column 'name'" in said.stderr
    pd.DataFrame({"name": ["oak chair", "oak chair", "tin box"] * 3, "price": 3.5}).to_csv(table, index=False)
    said = label(table, "--pairs", tmp_path / "m.csv", "--count", 1, keys="y\n")
    assert "rows are counted from 0" in said.stderr
    assert set(pd.read_csv(tmp_path / "m.csv").iloc[0][["left", "right"]]) <= set(range(9))
    assert "no column 'nope' to be their id" in label(table, "--id", "nope", code=2).stderr
    empty = table.with_name("empty.csv")
    empty.write_text("id,name\n")
    assert "empty.csv' has no records; give a table that has some" in label(empty, code=2).stderr
    assert "has no records" in label(table, "--right", empty, code=2).stderr
    assert "no column 'hue' to ignore" in label(table, "--ignore", "hue", code=2).stderr


def test_one_record_has_nothing_to_label(tmp_path):
    (tmp_path / "t.csv").write_text("id,name\n1,lamp\n")
    assert (
        "Every pair that is worth a look is labelled" in label(tmp_path / "t.csv", "--pairs", tmp_path / "l.csv").stdout
    )
    assert not (tmp_path / "l.csv").exists()


class Terminal:
    """The real command at a terminal of its own."""

    def __init__(self, *words):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, "label", *map(str, words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - so that Ctrl-C interrupts
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, words, times=1):
        end = time.monotonic() + 200
        while self.text.count(words) < times:
            assert time.monotonic() < end, self.text
            if select.select([self.master], [], [], 1.0)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        assert self.text.count(words) >= times, self.text

    def press(self, key):
        os.write(self.master, key.encode())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_at_a_terminal_an_answer_survives_whatever_ends_the_command(records, tmp_path, how):
    path = tmp_path / "labels.csv"
    words = (records / "a.csv", "--right", records / "b.csv", "--pairs", path)
    terminal = Terminal(*words)
    try:
        terminal.wait_for("match? [y/n/u/b/q]")
        terminal.press("y")
        terminal.wait_for("match? [y/n/u/b/q]", 2)
        assert pd.read_csv(path)["label"].tolist() == [1]
        terminal.press("n")
        terminal.wait_for("match? [y/n/u/b/q]", 3)
        if how == "killed":
            terminal.process.send_signal(signal.SIGKILL)
            terminal.process.wait()
        else:
            terminal.press("\x03")
            terminal.wait_for("nothing that was finished is lost")
            assert terminal.process.wait() == 130
    finally:
        terminal.close()
    assert pd.read_csv(path)["label"].tolist() == [1, 0]
    said = label(*words, "--count", 1, keys="n\n")
    assert "holds 2 labels, 1 of them matches" in said.stderr
    assert len(pd.read_csv(path)) == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["labels.csv"]
