"""Handing an entry in: it is tried behind the wall first, and a fault that is found so costs nothing."""

import zipfile

import pandas as pd
import pytest
from little import little_frame

from bakeoff.arena import RunRequest, TableOptions
from bakeoff.errors import EntryError
from bakeoff.nouns import Level, Outcome

MODEL = "import numpy as np\nclass Model:\n    def fit(self, X, y): self.classes_ = np.unique(y)\n"
MODEL += "    def predict_proba(self, X): return np.full((len(X), 2), 0.5)\n"


def entry(tmp_path, code, name="mine", **files):
    home = tmp_path / name
    home.mkdir()
    (home / "model.py").write_text(code)
    for file, text in files.items():
        (home / file.replace("__", ".")).write_text(text)
    return home


def nothing_kept(challenge):
    kept = challenge.places.entries
    return challenge.store.entries() == [] and (not kept.exists() or list(kept.iterdir()) == [])


@pytest.mark.parametrize(
    ("code", "settings", "message"),
    [
        (MODEL + "import nothing_of_that_name\n", "", "cannot be loaded: ModuleNotFoundError: .*nothing_of_that_name"),
        ("from os import *\n" + MODEL, 'algorithm = "model:Modl"\n', r"cannot be loaded: model.py has no 'Modl'"),
        (MODEL, 'algorithm = "model:Model"\n[parameters]\nk = 3\n', "cannot be loaded: TypeError: Model.*argument"),
        ("print('before')\nraise RuntimeError('\x1b[31mno')\n" + MODEL, "", "[^\x1b]*: \ufffd.31mno\n[^\x1b]*before"),
        ("import os\nos._exit(3)\n" + MODEL, "", r"cannot be loaded: it ended without answering \(exit code 3\)"),
    ],
)
def test_code_that_cannot_be_loaded_is_told_at_once_and_costs_nothing(challenge, tmp_path, code, settings, message):
    home = entry(tmp_path, code, **({"entry__toml": settings} if settings else {}))
    with pytest.raises(EntryError, match=rf"^mine was not handed in, since it {message}"):
        challenge.submit(home, tried=True)
    assert nothing_kept(challenge)
    # Untried, it is handed in, and fails when it is run.
    assert challenge.submit(home).number == 1


def test_packages_that_cannot_be_had_are_told_by_the_entrys_name(challenge, tmp_path):
    (challenge.places.root / "house").mkdir()
    text = challenge.places.rules.read_text()
    challenge.places.rules.write_text(text + '[environments]\nwheelhouse = "house"\n')
    challenge = type(challenge).open(challenge.places.root)
    with pytest.raises(EntryError, match=r"lacks absent, which mine/requirements.txt needs; fill it where there is"):
        challenge.submit(entry(tmp_path, MODEL, requirements__txt="absent\n"))
    assert nothing_kept(challenge)
    challenge.close()


@pytest.mark.parametrize("first", ["declines", "fails"])
def test_an_entry_for_one_kind_of_task_is_no_fault_where_there_is_another(challenge, tmp_path, first):
    how = "from bakeoff import Declined\nraise Declined('no')" if first == "declines" else "raise ValueError('no')"
    code = "class Model:\n    def __init__(self):\n        import sys\n        "
    # What it is asked for is known to an entry that looks for it.
    code += "frame = sys._getframe()\n        while 'spec' not in frame.f_locals: frame = frame.f_back\n"
    code += "        if frame.f_locals['spec']['kind'] == 'classification':\n"
    code += "".join(f"            {line}\n" for line in how.split("\n"))
    code += "    def fit(self, X, y): pass\n    def predict(self, X): return [0.0] * len(X)\n"
    home = entry(tmp_path, code)
    if first == "fails":
        with pytest.raises(EntryError, match="mine was not handed in, since it cannot be loaded: ValueError: no"):
            challenge.submit(home, tried=True)
        challenge.add_table(little_frame(seed=1), TableOptions(name="another", target="size"))
    assert challenge.submit(home, tried=True).remarks == ()


def test_what_can_be_loaded_is_handed_in_without_a_remark(challenge, tmp_path):
    made = challenge.submit(entry(tmp_path, MODEL), tried=True)
    assert (made.entry.name, made.number, made.remarks) == ("mine", 1, ())


def test_an_entry_in_an_archive_is_handed_in_and_run(challenge, tmp_path):
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mine/model.py", MODEL)
    made = challenge.submit(path, team="red", tried=True)
    assert made.entry.name == "mine"
    challenge.run(RunRequest(entries=("mine",)))
    (result,) = challenge.store.results().values()
    assert (result.outcome, result.reason) == (Outcome.DONE, "")


def answers(challenge, tmp_path, change=None, name="answers", file="little.csv"):
    home = tmp_path / name
    home.mkdir()
    rows = challenge.data(challenge.tasks()[0]).row_ids
    frame = pd.DataFrame({"row_id": rows, "prediction": "yes"})
    frame = frame if change is None else change(frame)
    frame.to_csv(home / file, index=False)
    return home


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.rename(columns={"row_id": "id"}), "little.csv has no column row_id"),
        (lambda f: f.iloc[1:], "little.csv lacks 1 of 100 asked rows"),
        (lambda f: pd.concat([f, f.iloc[:2]]), "little.csv answers 2 rows twice"),
        (lambda f: f.assign(prediction="maybe"), "little.csv predicts 'maybe', which is not a class"),
        (lambda f: f.drop(columns="prediction").assign(yes=0.5, no="x"), "little.csv holds a probability that is not"),
        (
            lambda f: f.drop(columns="prediction").assign(yes=0.5, no=float("inf")),
            "^answers was not handed in: little: ",
        ),
    ],
)
def test_prediction_files_are_read_when_they_are_handed_in(challenge, tmp_path, change, message):
    with pytest.raises(EntryError, match=message) as error:
        challenge.submit(answers(challenge, tmp_path, change), tried=True)
    assert str(error.value).startswith("answers was not handed in: ")
    assert nothing_kept(challenge)


def test_good_prediction_files_are_handed_in_and_stray_ones_are_told(challenge, tmp_path):
    home = answers(challenge, tmp_path)
    (home / "litle.csv").write_text("row_id,prediction\n")
    made = challenge.submit(home, tried=True)
    assert made.remarks == ("Its file for 'litle' answers no task; did you mean little?",)
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "other.csv").write_text("row_id,prediction\n")
    again = challenge.submit(tmp_path / "only", tried=True)
    assert again.remarks == (
        "Its file for 'other' answers no task; tasks here are little.",
        "It holds no file for little, and so declines there.",
    )


def test_below_the_least_level_an_entry_is_kept_and_its_team_is_told(challenge, tmp_path, monkeypatch):
    text = challenge.places.rules.read_text()
    challenge.places.rules.write_text('least_level = "L2"\n' + text)
    challenge = type(challenge).open(challenge.places.root)
    monkeypatch.setattr("bakeoff.arena.submission.best_level", lambda: Level.PROCESS)
    made = challenge.submit(entry(tmp_path, MODEL), tried=True)
    (remark,) = made.remarks
    assert remark.startswith(
        "It is kept, but cannot be run on this machine, and nothing is charged: the challenge lets"
    )
    assert made.number == 1
    challenge.close()
