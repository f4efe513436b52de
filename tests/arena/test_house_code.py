"""The digest of an entry that stands on a baseline's code covers that code."""

from __future__ import annotations

import sys

import pytest

from bakeoff.arena.entries import read_entry
from bakeoff.arena.scaffold import write_scaffold

BODY = "    def fit(self, X, y): return self\n    def predict(self, X): return [0] * len(X)\n"


@pytest.fixture
def lender(tmp_path, monkeypatch):
    """An installed package whose baseline can be built upon; its code lies in the folder that is given."""
    home = tmp_path / "installed"
    inner = home / "lender" / "algorithms"
    inner.mkdir(parents=True)
    (home / "lender" / "__init__.py").write_text("")
    (home / "lender" / "training").mkdir()
    (home / "lender" / "training" / "loop.py").write_text("STEPS = 1\n")
    (inner / "__init__.py").write_text("")
    (inner / "mean.py").write_text("class Mean:\n" + BODY)
    info = home / "lender-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lender\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bakeoff.algorithms]\nmean = lender.algorithms.mean:Mean\n")
    monkeypatch.syspath_prepend(str(home))
    yield home
    for name in [name for name in sys.modules if name.partition(".")[0] == "lender"]:
        del sys.modules[name]


def entry_of(tmp_path, name, head):
    (tmp_path / f"{name}.py").write_text(f"{head}\nclass Model:\n{BODY}")
    return lambda: read_entry(tmp_path / f"{name}.py").digest


@pytest.mark.parametrize(
    "head",
    [
        "from lender.algorithms.mean import Mean",
        "from lender.algorithms import (\n    mean,\n)",
        "import os, lender.algorithms.mean as base",
        "from lender import algorithms",
        "def later():\n    import lender",
        "import importlib\nbase = importlib.import_module('lender.algorithms.mean')",
    ],
)
def test_what_an_entry_takes_of_a_baseline_is_in_its_digest(lender, tmp_path, head):
    told = entry_of(tmp_path, "mine", head)
    before = told()
    assert told() == before
    with (lender / "lender" / "algorithms" / "mean.py").open("a") as code:
        code.write("    STEPS = 2\n")
    changed = told()
    assert changed != before
    (lender / "lender" / "training" / "loop.py").write_text("STEPS = 2\n")
    assert told() not in (before, changed)


@pytest.mark.parametrize(
    "head", ["import os", "from lender.words import Word", "import lenders.algorithms", "x = 'a.lender'"]
)
def test_the_digest_of_any_other_entry_does_not_move_with_it(lender, tmp_path, head):
    told = entry_of(tmp_path, "mine", head)
    before = told()
    (lender / "lender" / "algorithms" / "mean.py").write_text("")
    assert told() == before


def test_a_change_of_version_counts_too(lender, tmp_path):
    told = entry_of(tmp_path, "mine", "from lender.algorithms.mean import Mean")
    before = told()
    (lender / "lender-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lender\nVersion: 1.1\n")
    assert told() != before


def test_an_entry_made_like_a_baseline_stands_on_it(lender, tmp_path):
    write_scaffold(tmp_path / "mine", like="mean")
    before = read_entry(tmp_path / "mine").digest
    (lender / "lender" / "algorithms" / "mean.py").write_text("class Mean:\n" + BODY + "\n")
    assert read_entry(tmp_path / "mine").digest != before
