"""Tables with tags, answers and texts for targets, each with one problem, and their clean twins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from planted_tables import ROWS, WORDS, Planted, copied, put

from bakeoff.nouns import Split

CITIES = WORDS[:12]  # words that are tagged; the others are O


def sentence(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Ten or more words, a city of two words among them, and their tags."""
    words = list(rng.choice(WORDS[12:], rng.integers(10, 16)))
    place = int(rng.integers(0, len(words) - 1))
    words[place : place + 2] = rng.choice(CITIES, 2)
    tags = ["O"] * len(words)
    tags[place : place + 2] = ["B-city", "I-city"]
    return [str(word) for word in words], tags


def tagged(rows: int = ROWS) -> pd.DataFrame:
    """Sentences with their tags, apart by blanks."""
    rng = np.random.default_rng(2)
    held = [sentence(rng) for _ in range(rows)]
    return pd.DataFrame({"tokens": [" ".join(words) for words, _ in held], "tags": [" ".join(t) for _, t in held]})


def answered(rows: int = ROWS) -> pd.DataFrame:
    """Questions about the city in a context, with the part that each row is in."""
    rng = np.random.default_rng(4)
    held = []
    for row in range(rows):
        words, tags = sentence(rng)
        at = tags.index("B-city")
        start = len(" ".join(words[:at])) + (at > 0)
        answer = {"text": [" ".join(words[at : at + 2])], "answer_start": [start]}
        question = "where does " + " ".join(rng.choice(WORDS, 6)) + " live"
        part = "train" if row < 0.75 * rows else "test"
        held.append({"context": " ".join(words), "question": question, "answer": json.dumps(answer), "part": part})
    return pd.DataFrame(held)


def told(rows: int = ROWS) -> pd.DataFrame:
    """Texts of a language model, alone in their table."""
    rng = np.random.default_rng(6)
    return pd.DataFrame({"text": [" ".join(rng.choice(WORDS, rng.integers(9, 30))) for _ in range(rows)]})


def each(column: str, change: Callable[[str], str], rows: slice) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The frame with some cells of a column changed."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        held = frame[column].copy()
        held.iloc[rows] = held.iloc[rows].map(change)
        return frame.assign(**{column: held})

    return spoil


TAGS: Mapping[str, Any] = {"target": "tags", "kind": "tagging"}
SPAN: Mapping[str, Any] = {"target": "answer", "kind": "span", "split": Split("given", "part")}
TEXTS: Mapping[str, Any] = {"target": "text", "kind": "language_model"}
NOWHERE = json.dumps({"text": [], "answer_start": []})

TEXT_PLANTED: dict[str, Planted] = {
    "entities that begin with I-": Planted(
        "tag scheme",
        each("tags", lambda tags: tags.replace("B-city", "I-city"), slice(4, 6)),
        "tags",
        ("2 rows with an I- tag", "data rows 5 and 6", "as IOB1 has it"),
        (5, 6),
        clean=tagged,
        settings=TAGS,
    ),
    "a tag without its B-": Planted(
        "tag scheme",
        each("tags", lambda tags: tags.replace("B-city I-city", "B-city city"), slice(2, 3)),
        "tags",
        ("holds 'city' among tags", "data row 3"),
        (3,),
        clean=tagged,
        settings=TAGS,
    ),
    "tags of the last rows that train lacks": Planted(
        "unseen tags",
        lambda frame: each("tags", lambda tags: tags.replace("-city", "-town"), slice(350, 352))(
            frame.assign(part=["train"] * 300 + ["test"] * 100)
        ),
        "tags",
        ("the tags 'B-town' and 'I-town' in test", "2 test rows", "data rows 351 and 352"),
        (351, 352),
        clean=lambda: tagged().assign(part=["train"] * 300 + ["test"] * 100),
        settings={**TAGS, "split": Split("given", "part")},
    ),
    "the same sentence tagged in two ways": Planted(
        "conflicting labels",
        copied({"tags": lambda tags: tags.replace("B-city I-city", "O O")}),
        "tags",
        ("have a twin with another value of the target 'tags'",),
        clean=tagged,
        settings=TAGS,
    ),
    "questions without an answer in train alone": Planted(
        "unanswered",
        each("answer", lambda _: NOWHERE, slice(0, 100)),
        "answer",
        ("100 questions have no answer", "all of them in train and none in test"),
        clean=answered,
        settings=SPAN,
    ),
    "texts that are there twice": Planted(
        "repeated texts",
        copied({}),
        "text",
        ("test texts are in train too, word for word",),
        clean=told,
        settings=TEXTS,
    ),
}


def moved(answer: str) -> str:
    """An answer said to start a character later."""
    held = json.loads(answer)
    return json.dumps({**held, "answer_start": [start + 1 for start in held["answer_start"]]})


TEXT_ERRORS: dict[str, tuple[Planted, str]] = {
    "a tag too few": (
        Planted("", each("tags", lambda tags: tags.rpartition(" ")[0], slice(1, 2)), clean=tagged, settings=TAGS),
        "Column 'tags' must have one tag for each token of 'tokens', but data row 2 has more or fewer",
    ),
    "a row without tokens": (
        Planted("", put("tokens", {3: None}), clean=tagged, settings=TAGS),
        "Column 'tokens' has no token in data row 3; fill it in or remove this row.",
    ),
    "a row without tags": (
        Planted("", put("tags", {3: None, 9: None}), clean=tagged, settings=TAGS),
        "The target 'tags' is missing in 2 of 400 rows: data rows 3 and 9 have no value",
    ),
    "an answer one character off": (
        Planted("", each("answer", moved, slice(6, 8)), clean=answered, settings=SPAN),
        "The target 'answer' holds answers that start elsewhere in data rows 7 and 8",
    ),
    "an answer that the context does not say": (
        Planted(
            "",
            put("answer", {5: json.dumps({"text": ["Paris"], "answer_start": [4000]})}),
            clean=answered,
            settings=SPAN,
        ),
        "The target 'answer' holds answers that are not within their context in data row 5",
    ),
    "an empty answer": (
        Planted(
            "", put("answer", {5: json.dumps({"text": [" "], "answer_start": [0]})}), clean=answered, settings=SPAN
        ),
        "The target 'answer' holds empty answers in data row 5",
    ),
    "JSON of another form": (
        Planted("", put("answer", {2: '{"answer": "Paris"}'}), clean=answered, settings=SPAN),
        "Column 'answer' cannot be read in data row 2; write a text, a list of texts, or JSON such as",
    ),
    "more starts than answers": (
        Planted("", put("answer", {2: '{"text": ["a"], "answer_start": [1, 2]}'}), clean=answered, settings=SPAN),
        "but data row 2 has more or fewer; write as many starts as answers",
    ),
    "a context that is missing": (
        Planted("", put("context", {8: None}), clean=answered, settings=SPAN),
        "Column 'context' has no text in data row 8; fill it in or remove these rows.",
    ),
}
