"""The card of a target of several values: figures, counts, spreads and marked rows of each kind."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from planted_texts import answered, tagged, told
from rich.console import Console

from bakeoff.arena.card_text import card_text
from bakeoff.arena.report import card_html
from bakeoff.nouns import Split
from bakeoff.tables import Settings, TableData, card, read, standardise


def made(frame: pd.DataFrame, **said: Any) -> TableData:
    return standardise(read(frame, Settings(**said), name="made"))


def told_of(data: TableData) -> dict[str, Any]:
    return dict(json.loads(json.dumps(card(data), allow_nan=False)))


def facts(held: dict[str, Any]) -> dict[str, list[Any]]:
    return {fact[0]: fact[1:] for fact in held["target"]["facts"]}


def test_tags_are_counted_by_entity_and_marked_beside_their_tokens() -> None:
    frame = tagged(40)
    data = made(frame, target="tags", kind="tagging")
    held = told_of(data)
    train = data.frame[data.parts == "train"]
    tags = [tag for cell in train["tags"] for tag in cell.split(" ")]
    assert facts(held)["tokens"][0] == len(tags)
    assert facts(held)["share of tokens tagged O"][0] == pytest.approx(tags.count("O") / len(tags), abs=1e-3)
    assert facts(held)["entities"] == [30, 10]
    assert held["target"]["groups"] == [
        {"of": "entity type", "names": ["city"], "counts": {"train": [30], "test": [10]}, "more": 0}
    ]
    assert sum(held["target"]["plots"][0]["counts"]["test"]) == 10
    first = train.iloc[0]
    at = first["tags"].split(" ").index("B-city")
    words = first["tokens"].split(" ")
    pieces = held["target"]["marked"][0]
    assert [" ".join(words[at : at + 2]), "city"] in pieces
    assert " ".join(piece for piece, _ in pieces) == first["tokens"]
    assert "classes" not in held["target"]


def test_plain_tags_are_counted_as_they_are() -> None:
    frame = tagged(40)
    frame["tags"] = frame["tags"].str.replace("O", "NOUN").str.replace("B-city", "NAME").str.replace("I-city", "NAME")
    held = told_of(made(frame, target="tags", kind="tagging"))
    assert held["target"]["groups"][0]["of"] == "tag"
    assert held["target"]["groups"][0]["names"] == ["NOUN", "NAME"]
    assert "entities" not in facts(held)
    assert {mark for _, mark in held["target"]["marked"][0]} == {"NOUN", "NAME"}


def test_labels_stand_before_the_entities_of_a_joint_task() -> None:
    held = told_of(made(tagged(40).assign(y=["a", "b"] * 20), target="y+tags", kind="joint"))
    assert [group["of"] for group in held["target"]["groups"]] == ["label", "entity type"]
    assert sum(held["target"]["groups"][0]["counts"]["train"]) == 30
    assert held["examples"][0]["y+tags"].startswith(("a: O", "b: O", "a: B", "b: B"))


def test_answers_are_marked_where_they_stand() -> None:
    frame = answered(40).drop(columns="part")
    frame.loc[0, "answer"] = '{"text": [], "answer_start": []}'
    data = made(frame, target="answer", kind="span")
    held = told_of(data)
    assert sum(share * n for share, n in zip(facts(held)["rows without an answer"], (30, 10), strict=True)) == (
        pytest.approx(1, abs=0.01)
    )
    assert facts(held)["words per answer, mean"] == [2, 2]
    row = next(row for row in data.frame.to_dict("records") if row["answer"] != frame.loc[0, "answer"])
    assert [json.loads(row["answer"])["text"][0], "answer"] in held["target"]["marked"][0]
    assert [plot["title"] for plot in held["target"]["plots"]][1].startswith("start of the answer")


def test_references_and_copies_are_counted() -> None:
    frame = pd.DataFrame({"source": [f"say {i}" for i in range(40)]})
    frame["target"] = [[f"say {i}"] if i % 2 else [f"{i} said", f"{i} it is"] for i in range(40)]
    held = told_of(made(frame, target="target", kind="generation"))
    shares = facts(held)["rows that copy 'source'"]
    assert shares[0] * 30 + shares[1] * 10 == pytest.approx(20, abs=0.1)
    assert {plot["title"] for plot in held["target"]["plots"]} == {"words per text", "references per row"}


def test_characters_and_words_of_texts_are_counted() -> None:
    frame = told(40)
    frame.loc[:, "text"] = frame["text"] + "\n"
    data = made(frame, target="text", kind="language_model")
    held = told_of(data)
    assert facts(held)["characters"] == [sum(map(len, data.labels(part))) for part in ("train", "test")]
    assert facts(held)["words"][1] == sum(len(text.split()) for text in data.labels("test"))
    assert {"space", "line end"} <= set(held["target"]["groups"][0]["names"])
    assert facts(held)["share of characters that train lacks"] == [0, 0]


def test_texts_of_a_language_model_are_compared_between_the_parts() -> None:
    frame = told(400)
    frame["part"] = ["train"] * 300 + ["test"] * 100
    said = {"target": "text", "kind": "language_model", "split": Split("given", "part")}
    assert told_of(made(frame, **said))["drift"]["told"].startswith("Train and test look alike")
    frame.loc[300:, "text"] = frame.loc[300:, "text"].str.upper().str[:20]
    assert [column["name"] for column in told_of(made(frame, **said))["drift"]["columns"]] == ["text"]


@pytest.mark.parametrize("unicode", [True, False])
def test_the_terminal_and_the_page_show_it_without_a_strangers_markup(tmp_path: Path, unicode: bool) -> None:
    frame = tagged(40)
    frame["tokens"] = frame["tokens"].str.replace("^\\w+", "<b>[red]x\x1b[31m", regex=True)
    frame["tags"] = frame["tags"].str.replace("-city", "-<i>town</i>")
    held = told_of(made(frame, target="tags", kind="tagging"))
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8" if unicode else "ascii", errors="replace")
    out = Console(file=file, width=150)
    for each in card_text(held, out):
        out.print(each)
    file.flush()
    shown = file.buffer.getvalue().decode()
    assert "entity type" in shown and "<i>town</i>" in shown and "\x1b" not in shown
    assert ("tokens per row  train" in shown) is unicode
    page = card_html(held, tmp_path / "card.html").read_text(encoding="utf-8")
    assert "<small>&lt;i&gt;town&lt;/i&gt;</small>" in page and "<i>town</i>" not in page
    assert "<mark>" in page and "share of tokens tagged O" in page


def test_a_card_of_before_has_no_such_part(tmp_path: Path) -> None:
    held = told_of(made(pd.DataFrame({"a": range(40), "y": ["u", "v"] * 20}), target="y"))
    page = card_html(held, tmp_path / "card.html").read_text(encoding="utf-8")
    assert 'target-figures"' not in page and "<mark>" not in page
