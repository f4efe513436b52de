"""Every problem planted in a target of several values is found and named with its rows; its clean twin is quiet."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_texts import TEXT_ERRORS, answered, sentence, tagged

from bakeoff.errors import TableError
from bakeoff.nouns import Split
from bakeoff.tables import Settings, read, standardise
from bakeoff.tables.checks.tag_schemes import entities, is_bio, stray


@pytest.mark.parametrize("what", TEXT_ERRORS)
def test_a_planted_fault_stops_the_table_and_its_clean_twin_is_quiet(tmp_path: Path, what: str) -> None:
    planted, says = TEXT_ERRORS[what]
    assert planted.examined(tmp_path, spoiled=False).remarks == ()
    with pytest.raises(TableError, match=re.escape(says)):
        planted.examined(tmp_path, spoiled=True)


def test_all_problems_are_told_at_once() -> None:
    frame = tagged(60)
    frame.loc[3, "tags"] = "O"
    frame.loc[5, "tags"] = None
    frame.loc[7, "tokens"] = None
    with pytest.raises(TableError) as told:
        standardise(read(frame, Settings(target="tags", kind="tagging"), name="made"))
    text = "\n".join(told.value.problems)
    assert "data row 4 has more or fewer (1 for" in text
    assert "has no token in data row 8" in text
    assert "is missing in 1 of 60 rows: data row 6" in text


def test_parts_of_speech_are_no_scheme_and_pass() -> None:
    frame = tagged(80)
    frame["tags"] = frame["tags"].str.replace("O", "NOUN").str.replace("B-city", "PROPN").str.replace("I-city", "X-Y")
    data = standardise(read(frame, Settings(target="tags", kind="tagging"), name="made"))
    assert [remark for remark in data.remarks if remark.check == "tag scheme"] == []
    assert "tag scheme" in data.checked


def test_the_context_gives_nothing_away_and_copies_are_no_leaks() -> None:
    """What a text is written from may say all of it; only classes and quantities are given away."""
    rng = np.random.default_rng(1)
    texts = [" ".join(sentence(rng)[0]) for _ in range(200)]
    frame = pd.DataFrame({"source": texts, "target": [text.upper() + " ." for text in texts]})
    data = standardise(read(frame, Settings(target="target", kind="generation"), name="made"))
    assert data.remarks == ()
    assert not {"given away", "file order", "telling gaps"} & set(data.checked)
    labels = pd.DataFrame({"code": ["a", "b"] * 100, "text": texts, "y": ["yes", "no"] * 100})
    found = standardise(read(labels, Settings(target="y"), name="made"))
    assert "given away" in {remark.check for remark in found.remarks}


def test_the_label_of_a_joint_task_is_looked_at_like_any_class() -> None:
    frame = tagged(200).assign(intent=["book", "find"] * 100, clue=["b", "f"] * 100)
    data = standardise(read(frame, Settings(target="intent+tags", kind="joint"), name="made"))
    assert ("given away", "clue") in {(remark.check, remark.column) for remark in data.remarks}
    frame.loc[3, "intent"] = "rare"
    parts = frame.assign(part=["test"] * 20 + ["train"] * 180, clue="x")
    data = standardise(read(parts, Settings(target="intent+tags", kind="joint", split=Split("given", "part"))))
    assert [r.rows for r in data.remarks if r.check == "unseen tags"] == [(4,)]


def test_an_answer_before_its_context_begins_is_outside() -> None:
    frame = answered(40).drop(columns="part")
    frame.loc[0, "answer"] = json.dumps({"text": ["a"], "answer_start": [-1]})
    with pytest.raises(TableError, match="not within their context in data row 1;"):
        standardise(read(frame, Settings(target="answer", kind="span"), name="made"))


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 3), st.integers(0, 2))))
def test_entities_of_either_scheme_are_those_that_were_written(spans: list[tuple[str, int, int]]) -> None:
    iob2, iob1, meant = [], [], []
    for name, length, gap in spans:
        touches = bool(meant) and meant[-1][0] == name and meant[-1][2] == len(iob2)
        meant.append((name, len(iob2), len(iob2) + length))
        iob2 += [f"B-{name}", *[f"I-{name}"] * (length - 1), *["O"] * gap]
        iob1 += [f"{'B' if touches else 'I'}-{name}", *[f"I-{name}"] * (length - 1), *["O"] * gap]
    assert entities(iob2) == entities(iob1) == meant
    assert not stray(iob2)
    assert stray(iob1) == any(tag.startswith("I-") and not _follows(iob1, place) for place, tag in enumerate(iob1))


def _follows(tags: list[str], place: int) -> bool:
    return place > 0 and tags[place - 1] in (f"B-{tags[place][2:]}", f"I-{tags[place][2:]}")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({"O", "B-x", "I-x"}, True), ({"O"}, False), ({"NOUN", "VERB", "I-N"}, False), ({"B-x", "O", "x"}, False)],
)
def test_a_scheme_is_told_by_most_of_its_tags(tags: set[str], expected: bool) -> None:
    assert is_bio(tags) is expected
