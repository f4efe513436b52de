"""The two-sample test between training and test rows: silent where they are alike, and it names what differs."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.nouns import Column, ColumnType, Role
from bakeoff.tables.drift import drift

COLUMNS = (
    Column("size", ColumnType.NUMERIC),
    Column("kind", ColumnType.CATEGORICAL),
    Column("words", ColumnType.TEXT),
    Column("day", ColumnType.DATETIME),
    Column("number", ColumnType.NUMERIC, Role.ID),
    Column("answer", ColumnType.NUMERIC, Role.TARGET),
)
WORDS = ["red", "blue", "cup", "lamp", "heavy", "light", "new"]


def rows(rng: np.random.Generator, n: int, **other: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": rng.choice(list("abcd"), n),
            "words": [" ".join(rng.choice(WORDS, 5)) for _ in range(n)],
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "number": rng.permutation(n),
            "answer": rng.normal(size=n),
        }
    )
    frame.loc[rng.random(n) < 0.1, "size"] = np.nan
    return frame.assign(**other)


def test_parts_that_are_alike_are_seldom_called_different() -> None:
    rng = np.random.default_rng(0)
    found = [drift(rows(rng, 200), rows(rng, 120), COLUMNS, seed) for seed in range(40)]
    chances = np.array([each.p for each in found])
    assert sum(each.differs for each in found) <= 1
    assert 0.25 < np.mean(chances < 0.5) < 0.75
    assert "look alike" in found[0].told()
    assert found[0].left_out == ("number",)


@pytest.mark.parametrize("name", ["size", "kind", "words", "day"])
def test_the_column_that_differs_is_named(name: str) -> None:
    rng = np.random.default_rng(1)
    test = rows(rng, 400)
    shifted = {
        "size": test["size"] + 1,
        "kind": rng.choice(list("aaab"), 400),
        "words": ["old " + text for text in test["words"]],
        "day": test["day"] + pd.Timedelta(200, "D"),
    }
    found = drift(rows(rng, 600), test.assign(**{name: shifted[name]}), COLUMNS)
    assert found.differs
    assert [column.name for column in found.columns] == [name]
    assert found.told().startswith("Train and test differ") and repr(name) in found.told()


def test_ids_and_targets_are_not_looked_at() -> None:
    rng = np.random.default_rng(2)
    test = rows(rng, 300)
    found = drift(rows(rng, 300), test.assign(number=test["number"] + 1000, answer=test["answer"] + 9), COLUMNS)
    assert not found.differs


def picture(rng: np.random.Generator, bright: int) -> bytes:
    held = io.BytesIO()
    Image.fromarray(rng.integers(bright, bright + 60, (12, 12)).astype(np.uint8)).save(held, format="PNG")
    return held.getvalue()


def test_brighter_pictures_are_a_drift() -> None:
    rng = np.random.default_rng(3)
    columns = (Column("photo", ColumnType.IMAGE),)
    train = pd.DataFrame({"photo": [picture(rng, 60) for _ in range(80)]})
    alike = pd.DataFrame({"photo": [picture(rng, 60) for _ in range(80)]})
    brighter = pd.DataFrame({"photo": [*(picture(rng, 130) for _ in range(79)), None]})
    assert not drift(train, alike, columns).differs
    assert [column.name for column in drift(train, brighter, columns).columns] == ["photo"]


def test_too_few_rows_are_not_tested_and_the_reason_is_given() -> None:
    rng = np.random.default_rng(4)
    found = drift(rows(rng, 200), rows(rng, 20), COLUMNS)
    assert found.p is None and not found.differs
    assert found.told() == "Drift between train and test was not tested: a part has fewer than 50 rows."
