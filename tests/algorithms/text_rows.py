"""Small made rows of every kind of text task, with something to learn in each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.nouns import Column, ColumnType, Role, Schema
from bakeoff.tasks import kind

ARTISTS = ("nina simone", "miles davis", "björk", "fela kuti", "joni mitchell")
TOWNS = ("oslo", "new york", "lima", "são paulo", "cairo")


@dataclass(frozen=True)
class TextRows:
    """Rows to learn from and rows to ask, with targets as they stand in a table."""

    kind: str
    X: pd.DataFrame
    labels: np.ndarray
    asked: pd.DataFrame
    target: str = "target"
    types: tuple[tuple[str, ColumnType], ...] = ()

    @property
    def schema(self) -> Schema:
        columns = tuple(Column(name, type_, Role.FEATURE) for name, type_ in self.types)
        return Schema(columns, self.kind, self.target, "", kind(self.kind).classes(self.labels), 3, 60.0)

    def as_table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows as they stand in a table, tokens joined by blanks."""
        return rows.assign(tokens=[" ".join(cell) for cell in rows.tokens]) if "tokens" in rows else rows

    @property
    def y(self) -> Any:
        """Targets as an entry is given them."""
        asked = kind(self.kind)
        return asked.learnt(self.labels) if hasattr(asked, "learnt") else self.labels


def objects(values) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        out[place] = value
    return out


def sentence(rng) -> tuple[list[str], list[str], str]:
    if rng.random() < 0.5:
        name = ARTISTS[rng.integers(len(ARTISTS))].split()
        return ["play", "some", *name, "now"], ["O", "O", *_spanned("artist", name), "O"], "Play"
    name = TOWNS[rng.integers(len(TOWNS))].split()
    return ["weather", "in", *name], ["O", "O", *_spanned("city", name)], "Weather"


def _spanned(entity: str, words: list[str]) -> list[str]:
    return [f"{'I' if place else 'B'}-{entity}" for place in range(len(words))]


def tagged(count: int = 60, seed: int = 0) -> TextRows:
    rng = np.random.default_rng(seed)
    rows = [sentence(rng) for _ in range(count)]
    X = pd.DataFrame({"tokens": objects([tokens for tokens, _, _ in rows])})
    asked = pd.DataFrame({"tokens": objects([["play", "some", "zzyzx", "now"], [], ["weather", "in", "oslo"]])})
    labels = objects([" ".join(tags) for _, tags, _ in rows])
    return TextRows("tagging", X, labels, asked, "tags", (("tokens", ColumnType.TOKENS),))


def joint(count: int = 60, seed: int = 0) -> TextRows:
    rng = np.random.default_rng(seed)
    rows = [sentence(rng) for _ in range(count)]
    X = pd.DataFrame({"tokens": objects([tokens for tokens, _, _ in rows])})
    labels = objects([json.dumps({"label": label, "tags": tags}) for _, tags, label in rows])
    return TextRows("joint", X, labels, tagged().asked, "label+tags", (("tokens", ColumnType.TOKENS),))


def spans(count: int = 60, seed: int = 0) -> TextRows:
    rng = np.random.default_rng(seed)
    contexts, questions, labels = [], [], []
    for _ in range(count):
        who, where, number = ARTISTS[rng.integers(5)].title(), TOWNS[rng.integers(5)].title(), int(rng.integers(2, 90))
        context = f"{who} came by. The band played in {where} for {number} people. It rained."
        asked, answer = [("Where did the band play?", where), ("How many people were there?", str(number))][
            rng.integers(2)
        ]
        contexts.append(context)
        questions.append(asked)
        labels.append(json.dumps({"text": [answer], "answer_start": [context.index(answer)]}))
    X = pd.DataFrame({"context": contexts, "question": questions})
    asked = pd.DataFrame(
        {
            "context": ["The band played in Quito for 71 people.", "", "one"],
            "question": ["Where did the band play?", "Where did the band play?", ""],
        }
    )
    types = (("context", ColumnType.TEXT), ("question", ColumnType.TEXT))
    return TextRows("span", X, objects(labels), asked, "answers", types)


def written(count: int = 60, seed: int = 0) -> TextRows:
    rng = np.random.default_rng(seed)
    sources, targets = [], []
    for _ in range(count):
        stem = "".join(rng.choice(list("abdklmrst"), rng.integers(2, 5))) + "en"
        ending = {"SG": "t", "PL": "en"}[wanted := ("SG", "PL")[rng.integers(2)]]
        sources.append(f"{' '.join(stem)} | V {wanted}")
        targets.append(" ".join(stem[:-2] + ending))
    asked = pd.DataFrame({"source": ["m a l e n | V SG", "", "k a | N GEN", "a | b | c"]})
    return TextRows(
        "generation",
        pd.DataFrame({"source": sources}),
        objects(targets),
        asked,
        "target",
        (("source", ColumnType.TEXT),),
    )


def texts(count: int = 40, seed: int = 0) -> TextRows:
    rng = np.random.default_rng(seed)
    labels = objects([" ".join(sentence(rng)[0]) + "." for _ in range(count)])
    asked = pd.DataFrame({"text": ["", "play s", "weather in os", "≠≠", "x" * 500]})
    return TextRows("language_model", pd.DataFrame(index=range(count)), labels, asked, "text")


MADE = {"tagging": tagged, "joint": joint, "span": spans, "generation": written, "language_model": texts}
