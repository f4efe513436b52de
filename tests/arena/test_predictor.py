"""A predictor that was taken home: it survives its own errors, leaves nothing behind, and is saved whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena.confined import Confined
from bakeoff.arena.entries import read_entry
from bakeoff.arena.predictor import load, take
from bakeoff.arena.staging import task_data, worker_spec
from bakeoff.arena.wall.confinement import PREFIX, Fittings
from bakeoff.errors import BakeoffError, EntryError, NotFound, UsageError
from bakeoff.nouns import Limits
from bakeoff.tables import standardise
from bakeoff.tables.reading import read
from bakeoff.tasks.question import make_task

MODEL = """
import numpy as np
import tag

class Mine:
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        if (X["size"] > 90).any():
            raise ValueError("too large")
        if (X["size"] < -90).any():
            self.answer_short()
        right = (X["size"] > 0).to_numpy(dtype=float)
        return np.column_stack([1 - right, right])

    def answer_short(self):
        import sys, time
        from bakeoff.arena.wall import wire
        wire.write(int(sys.argv[3]), {"event": "answers"}, b"12345678")
        time.sleep(60)
"""
LIMITS = Limits(seconds=30.0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    size = rng.normal(size=120)
    frame = pd.DataFrame({"size": size, "weight": rng.normal(size=120), "y": np.where(size > 0, "yes", "no")})
    held = standardise(read(frame, name="little"), target="y")
    task = make_task(held.table, held.labels("train"), held.labels("test"), split=held.split)
    return task_data(task, held)


@pytest.fixture(scope="module")
def taken(data, tmp_path_factory):
    """A predictor that was taken into a folder where another version of it was before."""
    folder = tmp_path_factory.mktemp("taken")
    to = folder / "home" / "mine.predictor"
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    for version, names in (("first", ("tag", "only_in_the_first")), ("second", ("tag",))):
        (folder / version / "entry.toml").write_text('name = "mine"\nalgorithm = "model:Mine"\n')
        (folder / version / "model.py").write_text(MODEL)
        for name in names:
            (folder / version / f"{name}.py").write_text(f"version = {version!r}\n")
        assert take(read_entry(folder / version), data, to, LIMITS, folder / "environments") == to
    return to


def asked(size=1.0):
    return pd.DataFrame({"size": [size, -1.0], "weight": [0.0, 0.0]})


def boxes():
    return set(Path(tempfile.gettempdir()).glob(f"{PREFIX}{os.getpid()}-*"))


def test_a_second_take_leaves_nothing_of_the_first(taken):
    assert sorted(path.name for path in (taken / "code").iterdir()) == ["entry.toml", "model.py", "tag.py"]
    assert "second" in (taken / "code" / "tag.py").read_text()
    assert [path.name for path in taken.parent.iterdir()] == [taken.name]
    assert sorted(path.name for path in taken.iterdir()) == ["code", "model.pkl", "predictor.json"]


def test_a_folder_that_is_no_predictor_is_left_alone(taken, data, tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(EntryError, match="is not a predictor; choose another folder"):
        take(read_entry(taken / "code"), data, tmp_path, LIMITS, tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_a_predictor_answers_again_after_every_kind_of_error_and_leaves_no_files(taken, tmp_path, monkeypatch):
    before = boxes()
    monkeypatch.chdir(taken.parent)
    mine = load(taken.name, LIMITS)
    monkeypatch.chdir(tmp_path)  # a predictor that was loaded by a relative path keeps its place
    with mine:
        assert list(mine.predict(asked())) == ["yes", "no"]
        with pytest.raises(EntryError, match="ValueError: too large"):
            mine.predict(asked(99.0))
        assert boxes() == before, "the box of the failed question is still there"
        assert list(mine.predict(asked())) == ["yes", "no"]
        with pytest.raises(EntryError, match="mine gave no answers: 32 bytes of answers were asked for, 8 came"):
            mine.predict(asked(-99.0))
        assert list(mine.predict(asked())) == ["yes", "no"]
        assert list(mine.predict(asked())) == ["yes", "no"]
        (box,) = boxes() - before
        assert list((box / "data").iterdir()) == []
        assert (box / "code" / "tag.py").exists()
    assert boxes() == before


def test_a_box_that_dies_while_it_loads_is_taken_away(taken, data, tmp_path, monkeypatch):
    (tmp_path / "environment").mkdir()
    (tmp_path / "environment" / "numpy.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL.replace("import tag", ""))
    entry = read_entry(tmp_path / "model.py")
    before = boxes()
    with pytest.raises(BakeoffError, match=r"exit code 3"):
        Confined(LIMITS, Fittings(Path("environment"))).load(worker_spec(entry, data, 0, LIMITS), tmp_path)
    assert boxes() == before


def test_a_predictor_without_its_model_says_so(taken, tmp_path):
    copied = shutil.copytree(taken, tmp_path / "copied")
    (copied / "model.pkl").unlink()
    with pytest.raises(NotFound, match=r"holds no model\.pkl; take the entry again"):
        load(copied).predict(asked())
    with pytest.raises(NotFound, match="There is no predictor at"):
        load(tmp_path)


LOADER = """
import sys, pandas as pd, bakeoff
frame = pd.DataFrame({"size": [1.0, -1.0], "weight": [0.0, 0.0]})
with bakeoff.load(sys.argv[1], confined=sys.argv[2] == "yes") as predictor:
    print(predictor.predict(frame).tolist(), "model" in sys.modules)
try:
    sys.modules["model"] = type(sys)("model")
    bakeoff.load(sys.argv[1], confined=False).predict(frame)
except bakeoff.errors.EntryError as error:
    print(error)
"""


@pytest.mark.parametrize("confined", ["yes", "no"])
def test_only_who_asks_for_it_has_an_entrys_code_in_the_own_process(taken, confined):
    said = subprocess.run(
        [sys.executable, "-c", LOADER, str(taken), confined], capture_output=True, text=True, check=True
    )
    answers, clash = said.stdout.splitlines()
    assert answers == f"['yes', 'no'] {confined == 'no'}"
    assert "another of that name is loaded in this process already; load it behind the wall" in clash
    assert said.stderr == ""


def test_shared_models_are_asked_for_again_where_they_were_fitted_with(taken, tmp_path):
    shutil.copytree(taken, tmp_path / "with")
    about = json.loads((tmp_path / "with" / "predictor.json").read_text())
    (tmp_path / "with" / "predictor.json").write_text(json.dumps({**about, "models": True}))
    with pytest.raises(UsageError, match=r"mine was fitted with shared models; name their folder: load"):
        load(tmp_path / "with")
    with pytest.raises(NotFound, match="no folder 'gone' to take models from"):
        load(tmp_path / "with", models="gone")
    (tmp_path / "shared").mkdir()
    with load(tmp_path / "with", models=tmp_path / "shared") as predictor:
        assert predictor.predict(asked()).tolist() == ["yes", "no"]
