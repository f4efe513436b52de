"""Small tables and a challenge that the commands themselves made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bakeoff.cli import app

Say = Callable[..., "Said"]


class Said:
    """What a command printed, and how it left."""

    def __init__(self, result) -> None:
        self.out: str = result.stdout
        self.err: str = result.stderr
        self.code: int = result.exit_code
        self.exception = result.exception

    @property
    def json(self):
        return json.loads(self.out)


def invoke(*words: object, code: int = 0) -> Said:
    """Run a command in this process and check how it leaves; a traceback is never right."""
    said = Said(CliRunner().invoke(app, [str(word) for word in words]))
    if said.exception is not None and not isinstance(said.exception, SystemExit):
        raise said.exception
    assert said.code == code, f"left with {said.code}:\n{said.out}\n{said.err}"
    return said


@pytest.fixture(scope="session")
def say() -> Say:
    return invoke


def orders(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    """A table with a learnable class and a learnable number."""
    rng = np.random.default_rng(seed)
    size, colour = rng.normal(size=rows), rng.choice(["red", "blue"], rows)
    back = np.where(size + (colour == "red") + rng.normal(scale=0.3, size=rows) > 0.4, "yes", "no")
    return pd.DataFrame({"size": size, "colour": colour, "price": 3 * size + rng.normal(size=rows), "back": back})


@pytest.fixture(scope="session")
def orders_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    orders().to_csv(path, index=False)
    return path


MODEL = """
from sklearn.linear_model import LogisticRegression

algorithm = LogisticRegression()
"""


@pytest.fixture(scope="session")
def model_py(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "mine.py"
    path.write_text(MODEL)
    return path


@pytest.fixture(scope="session")
def challenge(tmp_path_factory: pytest.TempPathFactory, orders_csv: Path, model_py: Path) -> Path:
    """A challenge of two tracks and one team, with two baselines, run once."""
    folder = tmp_path_factory.mktemp("held") / "shop"
    invoke("new", "challenge", folder, "--title", "The shop")
    rules = folder / "challenge.toml"
    rules.write_text(rules.read_text().replace("baselines = true", 'baselines = ["constant", "linear"]'))
    invoke("table", "add", orders_csv, "--target", "back", "-C", folder)
    invoke("table", "add", orders_csv, "--target", "price", "--name", "prices", "-C", folder)
    invoke("submit", model_py, "--to", folder, "--team", "us", "--pick", "orders")
    invoke("run", "-C", folder)
    return folder
