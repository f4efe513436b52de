"""Causal language models over characters: how likely each next character is, and so how likely a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array
from bakeoff.training.fitting import fit
from bakeoff.training.preparation import Known, Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.seeding import seeded
from bakeoff.training.sequences.batches import SequenceNetwork, by_length, gathered
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.layers import KINDS, LSTM, TokenShape, TokenTransformer
from bakeoff.training.sequences.saving import read_state, write_state

OTHER, END = "<other>", "<end>"
START, MIDDLE, FIRST = 1, 2, 3  # what is read before a text, and before a piece from within one; 0 is padding
RECIPE = Recipe(epochs=20, batch=32, rate=4e-3, decay=1e-3, clip=50.0, held_out=0.05, patience=4)


@dataclass(frozen=True)
class LanguageShape:
    """A recurrent (LSTM) or transformer model of `width` features and `depth` layers.

    The `most` frequent characters are told apart. Texts are learnt from in pieces of `window` characters, so a regime
    that bounds what a record adds bounds a piece; from `window` / 2 to `window` characters are read before what is
    asked for.
    """

    kind: str = "recurrent"
    embedding: int = 64
    width: int = 320
    depth: int = 1
    heads: int = 4
    dropout: float = 0.1
    window: int = 192
    most: int = 1_000

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"There is no language model called {self.kind!r}; there are {', '.join(KINDS)}.")
        if self.window < 4:
            raise UsageError(f"A window needs at least 4 characters, and not {self.window}.")


class LanguageNetwork(SequenceNetwork):
    """Logits of the next character after each one of a piece of text."""

    def __init__(self, classes: int, shape: LanguageShape) -> None:
        super().__init__()
        self.table = nn.Embedding(FIRST + classes, shape.embedding, padding_idx=0)
        self.recurrent = shape.kind == "recurrent"
        if self.recurrent:
            sizes = [shape.embedding] + [shape.width] * (shape.depth - 1)
            self.readers = nn.ModuleList(LSTM(size, shape.width) for size in sizes)
        else:
            inner = TokenShape("transformer", shape.width, shape.depth, shape.heads, shape.dropout)
            self.readers = nn.ModuleList([TokenTransformer(shape.embedding, inner, causal=True)])
        self.drop = nn.Dropout(shape.dropout)
        self.out = nn.Linear(shape.width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (records, tokens, classes) of codes (records, tokens)."""
        mask = tokens != 0
        with torch.autocast(tokens.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            hidden = self.table(tokens)
            for reader in self.readers:
                hidden = self.drop(reader(hidden) if self.recurrent else reader(hidden, mask))
            return self.out(hidden)

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of each piece, in nats; targets hold the class after each code, plus 1."""
        each = -self.log_probs(batch)
        return each.sum(1)

    def log_probs(self, batch: Batch) -> Tensor:
        """The log-probability of each target, in nats, float32 (records, tokens); 0 where there is none."""
        logits = self(batch.inputs["characters"]["codes"]).float()
        targets = batch.targets
        each = functional.cross_entropy(logits.transpose(1, 2), (targets - 1).clamp(min=0), reduction="none")
        return -each * (targets > 0)


class CausalLM:
    """Texts in; after any beginning of a text, a probability for each next character.

    `classes` are the characters, then "<other>" and "<end>". `known` may give the vocabulary of `characters` from
    outside; what was taken from training rows instead stands in `preparation`.
    """

    kind = "language model"

    def __init__(self, shape: LanguageShape | None = None, known: Known | None = None) -> None:
        self.shape = shape or LanguageShape()
        self.preparation = Preparation(known)
        self.network: Any = None

    def fit(
        self, texts: Sequence[str], recipe: Recipe = RECIPE, circumstances: Circumstances | None = None
    ) -> CausalLM:
        """Learn from texts; UsageError where there is none. How the fit went stands in `history` afterwards."""
        if not len(texts):
            raise UsageError("There are no texts to learn from; give at least one.")
        around = circumstances or Circumstances(recipe)
        self._take(known_characters(texts, self.shape.most, self.preparation))
        with seeded(recipe.seed):
            self.network = LanguageNetwork(len(self.classes), self.shape)
        fitted = fit(self.network, self._pieces(texts, self.shape.window, 0)[0], recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    def _take(self, characters: Sequence[str]) -> None:
        self.classes = (*characters, OTHER, END)
        self._places = {character: place for place, character in enumerate(characters)}

    def codes(self, text: str) -> Array:
        """The class of each character, int64 (characters,)."""
        other = len(self._places)
        return np.array([self._places.get(one, other) for one in text], dtype=np.int64)

    def _pieces(self, texts: Sequence[str], step: int, before: int) -> tuple[Records, Array]:
        """Pieces of `step` characters, and the text that each is of; up to `before` more are read but not asked for."""
        read: list[Array] = []
        asked: list[Array] = []
        owner: list[int] = []
        for place, text in enumerate(texts):
            whole = np.append(self.codes(text), len(self.classes) - 1)
            for start in range(0, len(whole), step):
                begin = max(0, start - before)
                inside = whole[begin : start + step]
                read.append(np.concatenate([[MIDDLE if begin else START], FIRST + inside[:-1]]))
                asked.append(np.where(np.arange(len(inside)) < start - begin, 0, 1 + inside))
                owner.append(place)
        codes = {"characters": {"codes": Ragged.of(read, np.int32)}}
        return Records(codes, len(read), Ragged.of(asked, np.int64)), np.array(owner, dtype=np.int64)

    def log_prob(self, texts: Sequence[str], *, device: str = "cpu") -> Array:
        """The log-probability of each whole text, its end included, in nats; float64 (texts,).

        A character that is not among the classes counts as "<other>".
        """
        half = self.shape.window // 2
        records, owner = self._pieces(texts, half, half)
        found = gathered(self.network, records, lambda batch: self.network.log_probs(batch).double().sum(1), device)
        return np.bincount(owner, weights=[float(one) for one in found], minlength=len(texts))

    def next_characters(self, beginnings: Sequence[str], *, device: str = "cpu") -> Array:
        """The probability of each class after each beginning of a text, float64 (beginnings, classes).

        Beginnings of one another are read once.
        """
        read = [self._cut(text) for text in beginnings]
        ordered = sorted(set(read))
        longest: dict[tuple[bool, str], int] = {}
        kept: list[tuple[bool, str]] = []
        for one in reversed(ordered):  # what continues a beginning stands right behind it
            if not kept or kept[-1][0] != one[0] or not kept[-1][1].startswith(one[1]):
                kept.append(one)
            longest[one] = len(kept) - 1
        return self._after(read, longest, kept, device)

    def _cut(self, text: str) -> tuple[bool, str]:
        """Whether it is a piece from within, and its end; cut at few places, so that beginnings of one text agree."""
        over = len(text) - self.shape.window
        half = self.shape.window // 2
        begin = 0 if over <= 0 else -(-over // half) * half
        return begin > 0, text[begin:]

    def _after(self, read: Any, longest: Any, kept: Any, device: str) -> Array:
        codes: list[Array] = [np.append(MIDDLE if inner else START, FIRST + self.codes(text)) for inner, text in kept]
        records = Records({"characters": {"codes": Ragged.of(codes, np.int32)}}, len(kept))
        wanted: dict[int, list[int]] = {}
        for row, one in enumerate(read):
            wanted.setdefault(longest[one], []).append(row)
        out = np.zeros((len(read), len(self.classes)))
        self.network.eval()
        with torch.inference_mode():
            for batch in by_length(records, device):
                rows = [row for position in batch.positions.tolist() for row in wanted[position]]
                line = [place for place, at in enumerate(batch.positions.tolist()) for _ in wanted[at]]
                logits = self.network(batch.inputs["characters"]["codes"])
                asked = logits[line, [len(read[row][1]) for row in rows]]
                out[rows] = asked.double().softmax(-1).cpu().numpy()
        return out

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This language model was not fitted yet, so there is nothing to save; call fit first.")
        write_state(path, self.kind, self.shape, {"characters": list(self.classes[:-2])}, self.network)

    @classmethod
    def load(cls, path: Path) -> CausalLM:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, LanguageShape)
        found = cls(shape)
        found._take(learnt["characters"])
        found.network = LanguageNetwork(len(found.classes), shape)
        found.network.load_state_dict(weights)
        return found


def known_characters(texts: Sequence[str], most: int, preparation: Preparation) -> list[str]:
    """The characters that are told apart, as known or the most frequent of training texts, in their own order."""
    given = preparation.known.vocabularies.get("characters")
    if given is not None:
        preparation.public("vocabulary", "characters", len(given))
        return list(dict.fromkeys(given))
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    kept = sorted(sorted(counts, key=lambda one: (-counts[one], one))[:most])
    preparation.taken("vocabulary", "characters", len(kept), len(texts), "characters of training texts")
    return kept
