"""Bad input leaves as a sentence on stderr with the error's own exit code, and never as a traceback."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakeoff.cli import ORDER

BAKEOFF = [sys.executable, "-c", "from bakeoff.cli import main; main()"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["compare", "absent.csv", "--target", "y"], 2, "absent.csv"),
        (["compare", "empty.csv", "--target", "y"], 3, "'empty.csv' is empty (0 bytes); write or copy it again"),
        (["compare", "ragged.csv", "--target", "y"], 3, "is ragged"),
        (["compare", "cut.parquet", "--target", "y"], 3, "cut.parquet"),
        (["compare", "good.csv", "--target", "yy"], 3, "'yy'"),
        (["compare", "good.csv", "--target", "same"], 3, "same"),
        (["compare", "good.csv", "--target", "y", "--type", "x=colour"], 2, "--type 'x=colour' is not COL=TYPE"),
        (["compare", "good.csv", "--target", "y", "--type", "x=nmeric"], 2, "did you mean 'x=numeric'?"),
        (["compare", "good.csv", "--target", "y", "--html", "gone/a.html"], 2, "make it first: mkdir -p gone"),
        (["compare", "good.csv", "--target", "y", "--html", "bare"], 2, "is a folder; name a file in it, such as 'b"),
        (["compare", "good.csv", "--target", "y", "--html", "good.csv/a.html"], 2, "since 'good.csv' is a file"),
        (["board", "-C", "bare", "--html", "gone/a.html"], 2, "lies in a folder that is not there"),
        (["board", "-C", "bare", "--versus", "a", "b", "--csv"], 2, "leave --html and --csv out"),
        (["compare", "good.csv"], 3, "with --target (target = ... in table.toml): 'x', 'y' and 'same'."),
        (["compare", "good.csv", "--target", "same"], 3, "of table 'good' has the single class 'one' in all rows"),
        (["compare", "good.csv", "--target", "y", "--split", "owner"], 3, "name it with --owner COL, or with owner"),
        (["compare", "pictures.csv", "--target", "y"], 3, "names picture files ('0.png' and '1.png' ...), but none"),
        (["run", "--seeds", "-2"], 2, "The value of --seeds should be at least 0."),
        (["run", "--seeds", "many"], 2, "The value of --seeds should be a whole number."),
        (["compare", "good.csv", "--test-share", "1.5"], 2, "The value of --test-share should be at most 0.9."),
        (["table", "add", "good.csv", "--label", "fake", "-C", "bare"], 2, "--label is 'fake'; say real or made"),
        (["demo", "good.csv"], 2, "is a file; name a new folder"),
        (["compare", "good.csv", "--target", "y", "--baselines", "liner"], 2, "did you mean 'linear'?"),
        (["compare", "good.csv", "--target", "y", "absent.py"], 2, "There is no entry at absent.py"),
        (["compare", "good.csv", "--target", "y", "broken.py"], 4, "not valid Python, line 2"),
        (["board"], 2, "make a challenge with: bakeoff new challenge DIR"),
        (["board", "-C", "bare"], 2, "bring one in with: bakeoff table add"),
        (["run", "-C", "bare"], 2, "bring one in with: bakeoff table add"),
        (["run", "-C", "wrong"], 2, "unknown key 'sedes'; did you mean 'seeds'?"),
        (["new", "challenge", "bare"], 2, "already holds a challenge"),
        (["new", "entry", "."], 4, "is not empty"),
        (["submit", "good.csv", "--to", "bare"], 4, "is not a Python file"),
        (["take", "linear", "--on", "t", "-C", "bare"], 2, "There is no task 't'"),
    ],
)  # fmt: skip
def test_one_sentence_and_the_exit_code(say, place, words, code, sentence):
    said = say(*words, code=code)
    assert said.err.startswith("bakeoff: ")
    assert sentence in said.err
    assert "Traceback" not in said.err + said.out
    assert said.out == ""


@pytest.fixture
def place(say, tmp_path, monkeypatch) -> Path:
    """A folder with good and bad things in it, and a challenge without tables."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{'ab'[i % 2]},one" for i in range(60)]
    Path("good.csv").write_text("\n".join(["x,y,same", *rows]))
    Path("pictures.csv").write_text("\n".join(["photo,y", *(f"{i}.png,{'ab'[i % 2]}" for i in range(60))]))
    Path("empty.csv").write_text("")
    Path("ragged.csv").write_text("x,y\n1,2\n3\n4,5,6\n")
    Path("cut.parquet").write_bytes(b"PAR1" + bytes(200))
    Path("broken.py").write_text("x = 1\ndef fit(:\n")
    say("new", "challenge", "bare")
    say("new", "challenge", "wrong")
    Path("wrong/challenge.toml").write_text("protocol = 1\nsedes = 3\n")
    return tmp_path


def test_all_problems_of_a_table_are_said_at_once(say, tmp_path):
    (tmp_path / "table.toml").write_text('target = "y"\ntarjet = "x"\nlabel = "dreamt"\n')
    (tmp_path / "data.csv").write_text("x,y\n1,a\n2,b\n")
    said = say("compare", tmp_path, code=3)
    assert "the table has 2 problems:" in said.err
    assert "did you mean 'target'" in said.err
    assert "dreamt" in said.err


def test_a_wrong_call_leaves_with_2_and_the_usage(say):
    assert "Usage" in say("compare", code=2).err
    assert "No such option" in say("run", "--sedes", "3", code=2).err


def test_without_words_the_help_is_shown_in_the_order_of_use(say):
    said = say(code=2)
    shown = re.findall(r"^[│|] (\w+) ", said.out + said.err, re.MULTILINE)
    assert sorted(shown) == sorted(ORDER)
    assert shown[:2] == ["demo", "compare"]


def test_the_version(say):
    import bakeoff

    assert say("--version").out == f"bakeoff {bakeoff.__version__}\n"


def test_a_real_process_leaves_the_same_way(tmp_path):
    done = subprocess.run([*BAKEOFF, "board"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("bakeoff: There is no challenge.toml in")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_goes_away_is_no_fault(tmp_path, challenge):
    command = f"{sys.executable} -c 'from bakeoff.cli import main; main()' board -C {challenge} --json | head -c 20"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert len(done.stdout) == 20


SLEEPER = """
import time

class Sleeper:
    def fit(self, X, y):
        time.sleep(600)

    def predict(self, X):
        return None
"""


def test_ctrl_c_says_what_is_kept_and_the_rest_is_run_later(say, orders_csv, tmp_path):
    folder = tmp_path / "shop"
    say("new", "challenge", folder)
    rules = folder / "challenge.toml"
    rules.write_text(rules.read_text().replace("baselines = true", 'baselines = ["constant"]'))
    say("table", "add", orders_csv, "--target", "back", "-C", folder)
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    say("submit", tmp_path / "sleeper.py", "--to", folder)
    # On a terminal the bar names the running cell, which tells when to interrupt.
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [*BAKEOFF, "run", "-C", str(folder), "--workers", "1"], stdout=subprocess.PIPE, stderr=end, env=terminal_env()
    )
    os.close(end)
    seen = read_until(terminal, b"sleeper on orders", 120)
    assert b"sleeper on orders" in seen
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = read_until(terminal, b"goes on from there", 30)
    assert process.wait(30) == 130
    os.close(terminal)
    process.stdout.close()
    assert b"bakeoff: Interrupted after 1 of 2 cells. They are kept; the same command goes on from there." in rest
    assert b"Traceback" not in rest
    later = say("run", "-C", folder, "--time", 1, "--json").json
    assert (later["ran"], later["kept"]) == (1, 1)
    assert later["outcomes"] == {"timed out": 1}


def terminal_env() -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"}


def read_until(terminal: int, words: bytes, seconds: float) -> bytes:
    """What a terminal shows until some words are there, or time is up."""
    seen, end = b"", time.monotonic() + seconds
    while words not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # the other end has closed
                break
    return seen
