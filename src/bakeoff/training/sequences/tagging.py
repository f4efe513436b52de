"""Tagging: one tag for each token of a sentence, by a softmax or a conditional random field over a reader of tokens."""

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
from bakeoff.training.fitting import fit
from bakeoff.training.preparation import Known, Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.seeding import seeded
from bakeoff.training.sequences.batches import SequenceNetwork, gathered, lists
from bakeoff.training.sequences.chain import Chain, legal_moves
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.layers import TokenShape, reader_of
from bakeoff.training.sequences.saving import read_state, write_state
from bakeoff.training.sequences.words import Sentences, WordStyle, words_for

RECIPE = Recipe(epochs=20, batch=32, rate=3e-3, clip=5.0, held_out=0.0)


@dataclass(frozen=True)
class TaggerShape:
    """How tokens become features (`words`), how they are read in their sentence (`reader`), and what tags them.

    With `chain` a conditional random field scores whole sequences of tags, and otherwise each token is tagged by
    itself; `legal` forbids the field sequences that are no BIO, so long as all sentences learnt from keep to it.
    """

    words: WordStyle = field(default_factory=WordStyle)
    reader: TokenShape = field(default_factory=TokenShape)
    chain: bool = True
    legal: bool = True


class TagHead(nn.Module):
    """From features of tokens to the losses and the tags of records."""

    def __init__(self, width: int, tags: int, chain: Chain | None) -> None:
        super().__init__()
        self.layer = nn.Linear(width, tags)
        self.chain = chain

    def losses(self, hidden: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
        """Minus the log-likelihood of each record's tags, int64 (records, tokens), in nats; float32 (records,)."""
        emissions = self.layer(hidden).float()
        if self.chain is not None:
            return self.chain.losses(emissions, targets, mask)
        each = functional.cross_entropy(emissions.transpose(1, 2), targets, reduction="none")
        return (each * mask).sum(1)

    def tags(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """The likeliest tags of each record, int64 (records, tokens); those at padding mean nothing."""
        emissions = self.layer(hidden).float()
        return emissions.argmax(-1) if self.chain is None else self.chain.best(emissions, mask)


class TagNetwork(SequenceNetwork):
    """Features of tokens, a reader and a head; a sentence's tags depend on that sentence alone."""

    def __init__(self, words: Any, reader: TokenShape, tags: int, chain: Chain | None) -> None:
        super().__init__()
        self.words = words
        self.reader = reader_of(words.width, reader)
        self.head = TagHead(self.reader.width, tags, chain)

    def hidden(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features of tokens read in their sentence, and which tokens are there."""
        features, mask = self.words(batch.inputs["tokens"])
        with torch.autocast(features.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            return self.reader(features, mask), mask

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of each record's tags, in nats."""
        return self.head.losses(*self.hidden(batch), batch.targets)


class Tagger:
    """Sentences of given tokens in, a tag for each token out.

    `known` may give the vocabulary of `tokens` and the categories called `tags` from outside; what was taken from
    training rows instead stands in `preparation`.
    """

    kind = "tagger"

    def __init__(self, shape: TaggerShape | None = None, known: Known | None = None) -> None:
        self.shape = shape or TaggerShape()
        self.preparation = Preparation(known)
        self.network: Any = None

    def fit(
        self,
        sentences: Sentences,
        tags: Sequence[Sequence[str]],
        recipe: Recipe = RECIPE,
        circumstances: Circumstances | None = None,
    ) -> Tagger:
        """Learn from sentences and as many tags in each as it has tokens; UsageError where the numbers differ.

        How the fit went stands in `history` afterwards.
        """
        check_tags(sentences, tags)
        around = circumstances or Circumstances(recipe)
        self.words = words_for("tokens", self.shape.words).learn(sentences, self.preparation)
        self.tags = tag_names(tags, self.preparation)
        self.bio = self.shape.chain and self.shape.legal and bio_kept(tags, self.preparation)
        with seeded(recipe.seed):
            self.network = self._build()
        records = self.records(sentences, coded(tags, self.tags))
        fitted = fit(self.network, records, recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    def _build(self) -> TagNetwork:
        chain = chain_for(self.tags, self.bio) if self.shape.chain else None
        return TagNetwork(self.words.layers(), self.shape.reader, len(self.tags), chain)

    def records(self, sentences: Sentences, targets: Ragged | None = None) -> Records:
        """Sentences as the network reads them."""
        return Records({"tokens": self.words.read(sentences)}, len(sentences), targets)

    def predict(self, sentences: Sentences, *, device: str = "cpu") -> list[list[str]]:
        """As many tags for each sentence as it has tokens."""
        records = self.records(sentences)
        lengths = np.array([len(one) for one in sentences], dtype=np.int64)

        def answer(batch: Batch) -> list[list[int]]:
            return lists(self.network.head.tags(*self.network.hidden(batch)), lengths[batch.positions])

        return [[self.tags[code] for code in one] for one in gathered(self.network, records, answer, device)]

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This tagger was not fitted yet, so there is nothing to save; call fit first.")
        learnt = {"words": self.words.state(), "tags": list(self.tags), "bio": self.bio}
        write_state(path, self.kind, self.shape, learnt, self.network)

    @classmethod
    def load(cls, path: Path) -> Tagger:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, TaggerShape)
        found = cls(shape)
        found.words = words_for("tokens", shape.words).restore(learnt["words"])
        found.tags, found.bio = tuple(learnt["tags"]), learnt["bio"]
        found.network = found._build()
        found.network.load_state_dict(weights)
        return found


def check_tags(sentences: Sentences, tags: Sequence[Sequence[str]]) -> None:
    """UsageError where there are not as many tags as tokens."""
    if len(sentences) != len(tags):
        raise UsageError(f"There are {len(sentences)} sentences and tags of {len(tags)}; give tags for each.")
    for place, (sentence, own) in enumerate(zip(sentences, tags, strict=True)):
        if len(sentence) != len(own):
            raise UsageError(
                f"Sentence {place + 1} has {len(sentence)} tokens and {len(own)} tags; give one tag for each token."
            )
    if not len(sentences):
        raise UsageError("There are no sentences to learn from; give at least one.")


def tag_names(tags: Sequence[Sequence[str]], preparation: Preparation) -> tuple[str, ...]:
    """The tags there are, as known or as met in training rows."""
    given = preparation.known.categories.get("tags")
    if given is not None:
        preparation.public("tags", "tags", len(given))
        return tuple(dict.fromkeys(given))
    found = tuple(sorted({tag for one in tags for tag in one})) or ("O",)
    preparation.taken("tags", "tags", len(found), len(tags))
    return found


def coded(tags: Sequence[Sequence[str]], names: Sequence[str]) -> Ragged:
    """Tags as their numbers; a sentence without tokens has one, for the token that stands in it."""
    places = {name: place for place, name in enumerate(names)}
    unknown = sorted({tag for one in tags for tag in one if tag not in places})
    if unknown:
        raise UsageError(f"The tags {', '.join(unknown[:3])} are none of the {len(places)} that are known.")
    return Ragged.of([[places[tag] for tag in one] or [places.get("O", 0)] for one in tags], np.int64)


def keeps_bio(tags: Sequence[Sequence[str]]) -> bool:
    """Whether every I-x follows a B-x or I-x."""
    return all(
        not tag.startswith("I-") or (place > 0 and one[place - 1] in (tag, f"B-{tag[2:]}"))
        for one in tags
        for place, tag in enumerate(one)
    )


def bio_kept(tags: Sequence[Sequence[str]], preparation: Preparation) -> bool:
    """Whether these sentences keep to BIO, which is written down; where the tags are known, they have to.

    UsageError where they are known and do not.
    """
    if preparation.known.categories.get("tags") is None:
        preparation.taken("tag order", "tags", 1, len(tags), "whether all sentences keep to BIO")
        return keeps_bio(tags)
    if not keeps_bio(tags):
        raise UsageError("Some I- tags follow no B- or I- tag of their kind; mend them, or give legal=False.")
    return True


def chain_for(tags: Sequence[str], legal: bool) -> Chain:
    """A field over these tags."""
    return Chain(len(tags), legal_moves(tags) if legal else None)


__all__ = ["RECIPE", "TagHead", "TagNetwork", "Tagger", "TaggerShape"]
