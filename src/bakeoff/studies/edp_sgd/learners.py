"""Networks of the quality part, their records, and how well they answer the test rows.

Everything that a network is made with comes from outside: words are hashed, ranges are told, classes are the schema's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.nouns import Array, Frame, Task
from bakeoff.studies.edp_sgd.sets import Parts, codes, sentences
from bakeoff.tasks.tag_scores import tag_counts
from bakeoff.training.encoders import Encoder
from bakeoff.training.encoders.categories import Categories
from bakeoff.training.encoders.numeric import Numeric, NumericStyle
from bakeoff.training.heads import ClassHead
from bakeoff.training.layers.texts import largest, mean
from bakeoff.training.network import TableNetwork, TrunkShape
from bakeoff.training.preparation import DataStep, Known, Preparation
from bakeoff.training.reader import TableReader
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.sequences.batches import SequenceNetwork, by_length, gathered, lists
from bakeoff.training.sequences.joint import JointNetwork, JointShape
from bakeoff.training.sequences.layers import TokenShape, reader_of
from bakeoff.training.sequences.tagging import TagNetwork
from bakeoff.training.sequences.words import Words, WordStyle

DRAWS = 200  # bootstrap samples of an F1

Scores = dict[str, dict[str, float]]  # by metric: value and error (one standard error over the test rows)


class Learner(Protocol):
    """A network with its training records; `steps` are its data steps, all of them public."""

    network: Any
    records: Records
    steps: tuple[DataStep, ...]

    def read(self, frame: Frame) -> Records:
        """Rows of the same set as records with targets."""

    def scores(self, frame: Frame) -> Scores:
        """How well the network answers these rows."""


def learner_for(values: Mapping[str, Any], parts: Parts) -> Learner:
    """The learner of a setting, its network new; weights follow from the seed of torch."""
    if values["model"] == "mlp":
        return Rows(values, parts)
    return Talk(values, parts)


def losses_of(learner: Learner, records: Records) -> Array:
    """The loss of each record while nothing is learnt, float64 (records,)."""
    learner.network.eval()
    found = np.zeros(len(records))
    with torch.inference_mode():
        for batch in by_length(records):
            found[batch.positions] = learner.network.losses(batch).double().numpy()
    return found


class LabelNetwork(SequenceNetwork):
    """A label of a sentence, from the largest and the mean features of its tokens."""

    def __init__(self, words: Any, reader: TokenShape, labels: int, dropout: float) -> None:
        super().__init__()
        self.words = words
        self.reader = reader_of(words.width, reader)
        self.enter = nn.Linear(2 * self.reader.width, self.reader.width)
        self.drop = nn.Dropout(dropout)
        self.label = nn.Linear(self.reader.width, labels)

    def logits(self, batch: Batch) -> Tensor:
        """Logits float32 (records, labels)."""
        features, mask = self.words(batch.inputs["tokens"])
        hidden = self.reader(features, mask)
        whole = functional.relu(self.enter(torch.cat([largest(hidden, mask), mean(hidden, mask)], dim=1)))
        return self.label(self.drop(whole))

    def losses(self, batch: Batch) -> Tensor:
        """Cross-entropy of each record, in nats."""
        return functional.cross_entropy(self.logits(batch), batch.targets, reduction="none")


class Talk:
    """Sentences with a label, and with a tag for each token where the set has them."""

    def __init__(self, values: Mapping[str, Any], parts: Parts) -> None:
        shape, dropout = values["shape"], values["how"]["dropout"]
        style = WordStyle(
            embedding=shape["embedding"],
            affixes=shape["affixes"],
            hashed=shape["slots"],
            slots=shape["slots"],
            unseen=0.1 if dropout else 0.0,
            dropout=dropout,
        )
        reader = TokenShape(shape["reader"], shape["width"], shape["depth"], dropout=dropout)
        self.classes, self.tags = parts.classes, parts.tags
        preparation = Preparation()
        preparation.public("labels", "intent", len(self.classes), "the schema's")
        if self.tags:
            preparation.public("tags", "tags", len(self.tags), "the schema's")
        self.words = Words("tokens", style).learn([], preparation)
        self.steps = preparation.steps
        layers = self.words.layers()
        if self.tags:
            tagger = TagNetwork(layers, reader, len(self.tags), None)
            self.network: Any = JointNetwork(tagger, len(self.classes), JointShape(dropout=dropout))
        else:
            self.network = LabelNetwork(layers, reader, len(self.classes), dropout)
        self.records = self.read(parts.train)

    def read(self, frame: Frame) -> Records:
        """Sentences as records; targets hold the label, then the tags."""
        tokens = sentences(frame)
        labels = codes(frame["intent"], self.classes)
        if not self.tags:
            return Records({"tokens": self.words.read(tokens)}, len(tokens), labels)
        places = {tag: place for place, tag in enumerate(self.tags)}
        both = [
            [label, *(places[tag] for tag in own)] for label, own in zip(labels.tolist(), frame["tags"], strict=True)
        ]
        return Records({"tokens": self.words.read(tokens)}, len(tokens), Ragged.of(both, np.int64))

    def scores(self, frame: Frame) -> Scores:
        """Accuracy of labels, and F1 of the slots that tags mark."""
        records = self.read(frame)
        truth = codes(frame["intent"], self.classes)
        if not self.tags:
            found = gathered(self.network, records, lambda batch: self.network.logits(batch).argmax(-1).tolist())
            return {"accuracy": _accuracy(np.array(found) == truth)}
        sizes = np.array([len(one) for one in frame["tags"]], dtype=np.int64)

        def answer(batch: Batch) -> list[tuple[int, list[int]]]:
            logits, hidden, mask = self.network.read(batch)
            tags = lists(self.network.tagger.head.tags(hidden, mask), sizes[batch.positions])
            return list(zip(logits.argmax(-1).tolist(), tags, strict=True))

        both = gathered(self.network, records, answer)
        given = [[self.tags[code] for code in tags] for _, tags in both]
        return {
            "accuracy": _accuracy(np.array([label for label, _ in both]) == truth),
            "slot F1": _slots([list(one) for one in frame["tags"]], given),
        }


class Rows:
    """Rows of a table with a class."""

    def __init__(self, values: Mapping[str, Any], parts: Parts) -> None:
        about, shape = values["about"], values["shape"]
        self.target, self.classes = about["target"], parts.classes
        ranges = {name: (float(low), float(high)) for name, (low, high) in about["ranges"].items()}
        preparation = Preparation(Known(ranges=ranges))
        preparation.public("classes", self.target, len(self.classes), "the schema's")
        encoders: list[Encoder] = [
            Numeric(list(ranges), NumericStyle(style="piecewise")),
            Categories(about["categories"], slots=shape["slots"]),
        ]
        self.reader = TableReader(encoders).learn(parts.train, preparation)
        self.steps = preparation.steps
        dropout = values["how"]["dropout"]
        trunk = TrunkShape(shape["width"], shape["depth"], dropout, dropout / 2)
        self.network = TableNetwork(encoders, trunk, ClassHead(shape["width"], self.classes))
        self.records = self.read(parts.train)

    def read(self, frame: Frame) -> Records:
        """Rows as records with class numbers."""
        return self.reader.read(frame, codes(frame[self.target], self.classes))

    def scores(self, frame: Frame) -> Scores:
        """Accuracy."""
        records = self.read(frame)
        assert isinstance(records.targets, np.ndarray)
        return {"accuracy": _accuracy(self.network.outputs(records).argmax(axis=1) == records.targets)}


def _accuracy(right: Array) -> dict[str, float]:
    share = float(right.mean())
    return {"value": share, "error": float(np.sqrt(max(share * (1 - share), 1 / len(right)) / len(right)))}


def _slots(truth: list[list[str]], given: list[list[str]]) -> dict[str, float]:
    """F1 of entities over all rows, its error by a bootstrap of the rows."""
    as_arrays = []
    for some in (truth, given):
        column = np.empty(len(some), dtype=object)
        column[:] = some
        as_arrays.append(column)
    counts = tag_counts(as_arrays[0], as_arrays[1], Task("slots", "", "", "tagging", "tags", "entity_f1"))[:, :3]
    random = np.random.default_rng(11)
    drawn = random.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), DRAWS) @ counts
    # Where no slot at all is found a bootstrap sees no spread.
    error = max(float(np.std([_f1(one) for one in drawn])), 1 / len(counts))
    return {"value": _f1(counts.sum(axis=0)), "error": error}


def _f1(sums: Array) -> float:
    found, answered, true = sums
    return float(2 * found / max(1.0, answered + true))
