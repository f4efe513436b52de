"""Small challenges on real tables, made once for each test that wants one."""

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena import Challenge, TableOptions


def little_frame(rows=120, seed=0):
    """Two numbers, a category and a text that tell the class, and nothing more."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    return pd.DataFrame(
        {
            "size": y + rng.normal(0, 0.6, rows),
            "weight": rng.normal(0, 1, rows),
            "colour": np.where(rng.random(rows) < 0.7, np.where(y, "red", "blue"), "green"),
            "note": [
                f"item {i} is {'large and heavy' if k else 'small and light'} on day {i % 7}" for i, k in enumerate(y)
            ],
            "y": np.where(y, "yes", "no"),
        }
    )


@pytest.fixture
def challenge(tmp_path):
    """A challenge with one little table and the baselines constant and linear."""
    made = Challenge.create(tmp_path / "challenge", title="little")
    text = made.places.rules.read_text()
    made.places.rules.write_text(text.replace("baselines = true", 'baselines = ["constant", "linear"]'))
    made = Challenge.open(made.places.root)
    made.add_table(little_frame(), TableOptions(name="little", target="y"))
    yield made
    made.close()


@pytest.fixture
def hand_in(challenge, tmp_path):
    """Hands in a Python file with the given text, as an entry of the given name."""

    def submit(name, code, **more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "model.py").write_text(code)
        for file, text in more.items():
            (folder / file.replace("_", ".", 1)).write_text(text)
        return challenge.submit(folder).entry

    return submit
