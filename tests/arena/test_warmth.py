"""What a spare imports ahead: little for code that names little, everything in doubt."""

import pytest

from bakeoff.arena import RunRequest
from bakeoff.arena.entries import read_entry
from bakeoff.arena.warmth import warmth
from bakeoff.nouns import Entry, Outcome, Source

MODEL = "class Model:\n    def fit(self, X, y): return self\n    def predict(self, X): return [0] * len(X)\n"


def of(tmp_path, code, **more):
    home = tmp_path / "mine"
    home.mkdir()
    (home / "model.py").write_text(code + MODEL)
    (home / "entry.toml").write_text('algorithm = "model:Model"\n')
    for name, text in more.items():
        (home / f"{name}.py").write_text(text)
    return warmth(read_entry(home))


@pytest.mark.parametrize(
    "code",
    [
        "",
        "import math, os.path as place\n",
        "import numpy as np  # numbers\nimport re\nWORDS = re.compile('a')\n",
        "from pandas import (\n    DataFrame,\n)\n",
        "import pandas\r\nimport numpy\r\n",
        "from collections import Counter, deque\nfrom numpy.linalg import norm\n",
    ],
)
def test_code_of_frames_alone_needs_no_more(tmp_path, code):
    assert of(tmp_path, code) == "frames"


@pytest.mark.parametrize(
    "code",
    [
        "import sklearn\n",
        "import numpy, sklearn\n",
        "import os; import sklearn\n",
        "def late():\n    from sklearn.svm import SVC\n",
        "import \\\n  sklearn\n",
        "import importlib\n",
        "skl = __import__('sklearn')\n",
        "import pickle\n",
        "import torch.nn as nn\n",
        "from bakeoff.algorithms import Linear\n",
        "import a_package_nobody_knows\n",
    ],
)
def test_whatever_else_is_named_brings_all(tmp_path, code):
    assert of(tmp_path, code) == "learning"


def test_modules_of_the_entry_itself_are_read_too(tmp_path):
    assert of(tmp_path, "import parts\n", parts="import json\n") == "frames"


def test_and_what_they_import_counts(tmp_path):
    assert of(tmp_path, "import parts\n", parts="import sklearn.svm\n") == "learning"


def test_baselines_and_objects_bring_all_and_prediction_files_little():
    forms = {
        form: warmth(Entry("x", Source(form, "x"), "d", team="")) for form in ("baseline", "object", "predictions")
    }
    assert forms == {"baseline": "learning", "object": "learning", "predictions": "frames"}


SEEN = """
import sys
class Model:
    def fit(self, X, y):
        raise RuntimeError(f"THERE {sorted({'sklearn', 'skrub', 'lightgbm', 'pandas'} & set(sys.modules))}")
    def predict(self, X): pass
"""
ESTIMATOR = """
    def get_params(self, deep=True): return {}
    def set_params(self, **parameters): return self
"""


@pytest.mark.parametrize(
    ("code", "there"),
    [
        (SEEN, ["pandas"]),
        (SEEN + ESTIMATOR, ["pandas", "sklearn", "skrub"]),
        (SEEN.replace("import sys", "import sys, sklearn"), ["lightgbm", "pandas", "sklearn", "skrub"]),
    ],
    ids=["plain", "an estimator that may be wrapped", "sklearn"],
)
def test_a_cell_finds_what_it_needs_imported_and_no_more(challenge, hand_in, code, there):
    hand_in("seen", code)
    challenge.run(RunRequest(entries=("seen",)))
    (result,) = challenge.store.results().values()
    assert result.outcome is Outcome.FAILED
    assert f"THERE {there}" in result.reason
