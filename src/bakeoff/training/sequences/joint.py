"""Joint tagging: one label for a sentence and a tag for each of its tokens, from the same features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array
from bakeoff.training.fitting import fit
from bakeoff.training.layers.texts import largest, mean
from bakeoff.training.preparation import Known, Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.seeding import seeded
from bakeoff.training.sequences.batches import SequenceNetwork, gathered, lists
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.saving import read_state, write_state
from bakeoff.training.sequences.tagging import (
    RECIPE,
    TaggerShape,
    TagNetwork,
    bio_kept,
    chain_for,
    check_tags,
    coded,
    tag_names,
)
from bakeoff.training.sequences.words import Sentences, words_for


@dataclass(frozen=True)
class JointShape:
    """A tagger's shape, and what the loss of a label weighs beside the loss of one sentence's tags."""

    tagger: TaggerShape = field(default_factory=TaggerShape)
    weight: float = 5.0
    dropout: float = 0.4


class JointNetwork(SequenceNetwork):
    """A tagger, and a label from the largest and the mean features over the sentence."""

    def __init__(self, tagger: TagNetwork, labels: int, shape: JointShape) -> None:
        super().__init__()
        self.tagger = tagger
        width = tagger.reader.width
        self.enter = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(shape.dropout)
        self.label = nn.Linear(width, labels)
        self.weight = shape.weight
        nn.init.zeros_(self.label.weight)
        nn.init.zeros_(self.label.bias)

    @property
    def mixed(self) -> bool:
        """Whether the reader computes in bfloat16."""
        return bool(self.tagger.mixed)

    @mixed.setter
    def mixed(self, given: bool) -> None:
        self.tagger.mixed = given

    def read(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the labels (records, labels), features of tokens, and which tokens are there."""
        hidden, mask = self.tagger.hidden(batch)
        hidden = hidden.float()
        whole = functional.relu(self.enter(torch.cat([largest(hidden, mask), mean(hidden, mask)], dim=1)))
        return self.label(self.drop(whole)), hidden, mask

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihoods of each record's label and tags, in nats; targets hold the label, then the tags."""
        logits, hidden, mask = self.read(batch)
        label = batch.targets[:, 0]
        tags = batch.targets[:, 1:] if len(batch) else batch.targets  # a batch without records is one token wide
        own = functional.cross_entropy(logits, label, reduction="none")
        return self.weight * own + self.tagger.head.losses(hidden, mask, tags)


class JointTagger:
    """Sentences of given tokens in, a label and a tag for each token out.

    `known` may give the vocabulary of `tokens` and the categories called `labels` and `tags` from outside; what was
    taken from training rows instead stands in `preparation`.
    """

    kind = "joint tagger"

    def __init__(self, shape: JointShape | None = None, known: Known | None = None) -> None:
        self.shape = shape or JointShape()
        self.preparation = Preparation(known)
        self.network: Any = None

    def fit(
        self,
        sentences: Sentences,
        labels: Sequence[str],
        tags: Sequence[Sequence[str]],
        recipe: Recipe = RECIPE,
        circumstances: Circumstances | None = None,
    ) -> JointTagger:
        """Learn from sentences, their labels and as many tags in each as it has tokens; UsageError where they differ.

        How the fit went stands in `history` afterwards.
        """
        check_tags(sentences, tags)
        if len(labels) != len(sentences):
            raise UsageError(f"There are {len(sentences)} sentences and {len(labels)} labels; give one for each.")
        around = circumstances or Circumstances(recipe)
        self.words = words_for("tokens", self.shape.tagger.words).learn(sentences, self.preparation)
        shape = self.shape.tagger
        self.tags = tag_names(tags, self.preparation)
        self.bio = shape.chain and shape.legal and bio_kept(tags, self.preparation)
        self.labels = _label_names(labels, self.preparation)
        with seeded(recipe.seed):
            self.network = self._build()
        fitted = fit(self.network, self.records(sentences, self._targets(labels, tags)), recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    def _build(self) -> JointNetwork:
        shape = self.shape.tagger
        chain = chain_for(self.tags, self.bio) if shape.chain else None
        tagger = TagNetwork(self.words.layers(), shape.reader, len(self.tags), chain)
        return JointNetwork(tagger, len(self.labels), self.shape)

    def _targets(self, labels: Sequence[str], tags: Sequence[Sequence[str]]) -> Ragged:
        places = {label: place for place, label in enumerate(self.labels)}
        unknown = sorted({str(label) for label in labels if label not in places})
        if unknown:
            raise UsageError(f"The labels {', '.join(unknown[:3])} are none of the {len(places)} that are known.")
        found = coded(tags, self.tags)
        own = [[places[label]] for label in labels]
        joined = np.insert(found.values, found.offsets[:-1], [one[0] for one in own])
        return Ragged(joined, found.offsets + np.arange(len(found.offsets)))

    def records(self, sentences: Sentences, targets: Ragged | None = None) -> Records:
        """Sentences as the network reads them."""
        return Records({"tokens": self.words.read(sentences)}, len(sentences), targets)

    def predict(self, sentences: Sentences, *, device: str = "cpu") -> tuple[list[str], list[list[str]]]:
        """The label of each sentence, and as many tags as it has tokens."""
        lengths = np.array([len(one) for one in sentences], dtype=np.int64)

        def answer(batch: Batch) -> list[tuple[int, list[int]]]:
            logits, hidden, mask = self.network.read(batch)
            tags = lists(self.network.tagger.head.tags(hidden, mask), lengths[batch.positions])
            return list(zip(logits.argmax(1).tolist(), tags, strict=True))

        found = gathered(self.network, self.records(sentences), answer, device)
        return [self.labels[label] for label, _ in found], [[self.tags[code] for code in one] for _, one in found]

    def predict_proba(self, sentences: Sentences, *, device: str = "cpu") -> Array:
        """Probabilities of the labels, float64 (sentences, labels), in the order of `labels`."""

        def answer(batch: Batch) -> list[Array]:
            return list(self.network.read(batch)[0].double().softmax(1).cpu().numpy())

        found = gathered(self.network, self.records(sentences), answer, device)
        return np.array(found, dtype=np.float64).reshape(len(sentences), len(self.labels))

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This joint tagger was not fitted yet, so there is nothing to save; call fit first.")
        learnt = {"words": self.words.state(), "tags": list(self.tags), "labels": list(self.labels), "bio": self.bio}
        write_state(path, self.kind, self.shape, learnt, self.network)

    @classmethod
    def load(cls, path: Path) -> JointTagger:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, JointShape)
        found = cls(shape)
        found.words = words_for("tokens", shape.tagger.words).restore(learnt["words"])
        found.tags, found.labels, found.bio = tuple(learnt["tags"]), tuple(learnt["labels"]), learnt["bio"]
        found.network = found._build()
        found.network.load_state_dict(weights)
        return found


def _label_names(labels: Sequence[str], preparation: Preparation) -> tuple[str, ...]:
    given = preparation.known.categories.get("labels")
    if given is not None:
        preparation.public("labels", "labels", len(given))
        return tuple(dict.fromkeys(given))
    found = tuple(sorted(set(map(str, labels))))
    preparation.taken("labels", "labels", len(found), len(labels))
    return found
