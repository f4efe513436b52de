"""Masked language models over words: how likely each word is in its place, both sides of it being read."""

from __future__ import annotations

import unicodedata
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
from bakeoff.training.encoders.tokens import EMPTY, FIRST, UNSEEN, WORD, Vocabulary
from bakeoff.training.fitting import fit
from bakeoff.training.preparation import Known, Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.seeding import seeded
from bakeoff.training.sequences.batches import SequenceNetwork, by_length, gathered
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.layers import TokenShape, reader_of
from bakeoff.training.sequences.saving import read_state, write_state

RECIPE = Recipe(epochs=10, batch=64, rate=3e-3, decay=1e-2, clip=50.0, held_out=0.05, patience=3)
STRIDE = 7  # of the words of a sentence that was held out every seventh is hidden, whatever the seed


@dataclass(frozen=True)
class MaskedShape:
    """Words of `embedding` features, read in their sentence by `reader`.

    Words of at least `least` texts are told apart, the `most` frequent. While learning, each word is asked for with
    probability `hidden`; of those eight in ten are hidden behind a mask, one is replaced by a random word and one left
    (Devlin et al., 2019). `longest` words of a text are read.
    """

    embedding: int = 64
    reader: TokenShape = field(default_factory=lambda: TokenShape("transformer", 64, 2, 4, 0.1))
    least: int = 2
    most: int = 10_000
    hidden: float = 0.15
    longest: int = 128

    def __post_init__(self) -> None:
        if not 0 < self.hidden < 1 or self.longest < 1:
            raise UsageError("A share of hidden words lies between 0 and 1, and at least 1 word of a text is read.")


class MaskedNetwork(SequenceNetwork):
    """Features of every word in its sentence, and logits of the word that stands in a place."""

    def __init__(self, words: int, shape: MaskedShape) -> None:
        super().__init__()
        self.table = nn.Embedding(words + 1, shape.embedding, padding_idx=0)  # the last one is the mask
        with torch.no_grad():
            self.table.weight.mul_(0.3)
            self.table.weight[0] = 0.0
        self.reader = reader_of(shape.embedding, shape.reader)
        self.out = nn.Linear(shape.reader.width, words)
        self.mask, self.share = words, shape.hidden

    def features(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Features (records, words, width) of codes (records, words), and which of them are there."""
        there = codes != 0
        with torch.autocast(codes.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            return self.reader(self.table(codes), there), there

    def hidden(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same of a batch, as taggers have it."""
        return self.features(batch.inputs["words"]["codes"].long())

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of the hidden words of each record, in nats; others are hidden every time.

        So that no layer mixes records, as many places are asked for in each, and those too many count nothing.
        """
        codes = batch.targets.long()
        keys = torch.rand(codes.shape, device=codes.device) if self.training else _fixed(codes, self.share)
        keys = keys.masked_fill(codes == 0, 2.0)
        most = max(1, int((keys < self.share).sum(1).max())) if len(codes) else 1
        least, places = keys.topk(most, dim=1, largest=False)
        asked = (least < self.share) | ((torch.arange(most, device=codes.device) == 0) & (least < 2.0))
        wanted = codes.gather(1, places)
        shown = torch.where(asked, self._covered(wanted), wanted)
        found, _ = self.features(codes.scatter(1, places, shown))
        chosen = found.gather(1, places.unsqueeze(-1).expand(-1, -1, found.shape[-1]))
        each = functional.cross_entropy(self.out(chosen).float().transpose(1, 2), wanted, reduction="none")
        return (each * asked).sum(1)

    def _covered(self, codes: Tensor) -> Tensor:
        """What stands in the place of words that are asked for."""
        mask = torch.full_like(codes, self.mask)
        if not self.training:
            return mask
        kind = torch.rand(codes.shape, device=codes.device)
        other = torch.randint(min(FIRST, self.mask - 1), self.mask, codes.shape, device=codes.device)
        return torch.where(kind < 0.8, mask, torch.where(kind < 0.9, other, codes))


def _fixed(codes: Tensor, share: float) -> Tensor:
    places = torch.arange(codes.shape[1], device=codes.device).expand(codes.shape)
    # A text without a seventh word is asked for its first one, whatever padding stands behind it.
    return torch.where(places % STRIDE == STRIDE // 2, share / 2, 1 + 0.9 * places / codes.shape[1])


class MaskedLM:
    """Texts in; for any place of a text the probability of each word there, and features of words and texts.

    `known` may give the vocabulary of `words` from outside; what was taken from training rows instead stands in
    `preparation`.
    """

    kind = "masked language model"

    def __init__(self, shape: MaskedShape | None = None, known: Known | None = None) -> None:
        self.shape = shape or MaskedShape()
        self.preparation = Preparation(known)
        self.vocabulary = Vocabulary(least=self.shape.least, most=self.shape.most)
        self.network: Any = None

    def fit(
        self, texts: Sequence[str], recipe: Recipe = RECIPE, circumstances: Circumstances | None = None
    ) -> MaskedLM:
        """Learn from texts; UsageError where there is none. How the fit went stands in `history` afterwards."""
        if not len(texts):
            raise UsageError("There are no texts to learn from; give at least one.")
        around = circumstances or Circumstances(recipe)
        self.vocabulary.learn("words", [self._cut(text)[0] for text in texts], self.preparation)
        with seeded(recipe.seed):
            self.network = MaskedNetwork(len(self.vocabulary), self.shape)
        fitted = fit(self.network, self.records(texts), recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    @property
    def mask(self) -> int:
        """The code that hides a word."""
        return len(self.vocabulary)

    @property
    def unknown(self) -> int:
        """The code of every word that is not among those told apart."""
        return UNSEEN

    def _cut(self, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        found = [(one.group(), one.span()) for one in WORD.finditer(text)][: self.shape.longest]
        return [unicodedata.normalize("NFKC", word).casefold() for word, _ in found], [span for _, span in found]

    def read(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The code of each word, and where in the text it begins and ends; a text without words is one code."""
        words, spans = self._cut(text)
        return (self.vocabulary.codes(words), spans) if words else ([EMPTY], [(0, 0)])

    def records(self, texts: Sequence[str]) -> Records:
        """Texts as the network reads them, what is asked for being the texts themselves."""
        return self._records([self.read(text)[0] for text in texts])

    def _records(self, codes: Sequence[Sequence[int]]) -> Records:
        found = Ragged.of(codes, np.int64)
        return Records({"words": {"codes": found}}, len(codes), found)

    def log_probs(
        self, codes: Sequence[Sequence[int]], asked: Sequence[Sequence[tuple[int, int]]], *, device: str = "cpu"
    ) -> list[Array]:
        """For each list of codes the log-probabilities, in nats, of the codes that are asked for at its places."""
        records = self._records(codes)
        found: list[Array] = [np.zeros(0)] * len(codes)
        self.network.eval()
        with torch.inference_mode():
            for batch in by_length(records, device):
                hidden, _ = self.network.hidden(batch)
                own = [asked[position] for position in batch.positions.tolist()]
                rows = [row for row, some in enumerate(own) for _ in some]
                places, codes_asked = ([one[at] for some in own for one in some] for at in (0, 1))
                chances = self.network.out(hidden[rows, places].float()).double().log_softmax(-1)
                told = chances[range(len(rows)), codes_asked].cpu().numpy()
                ends = np.cumsum([len(some) for some in own])
                for position, some in zip(batch.positions.tolist(), np.split(told, ends[:-1]), strict=True):
                    found[position] = some
        return found

    def encode(self, texts: Sequence[str], *, device: str = "cpu") -> Array:
        """The mean of the features of a text's words, float64 (texts, width)."""
        return np.array([one.mean(0) for one in self.encode_words(texts, device=device)], dtype=np.float64)

    def encode_words(self, texts: Sequence[str], *, device: str = "cpu") -> list[Array]:
        """The features of the words of each text, in their sentence, float64 (words, width)."""

        def answer(batch: Batch) -> list[Array]:
            hidden, there = self.network.hidden(batch)
            return [one[: int(count)].double().cpu().numpy() for one, count in zip(hidden, there.sum(1), strict=True)]

        return gathered(self.network, self.records(texts), answer, device)

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This language model was not fitted yet, so there is nothing to save; call fit first.")
        write_state(path, self.kind, self.shape, {"words": list(self.vocabulary.places or ())}, self.network)

    @classmethod
    def load(cls, path: Path) -> MaskedLM:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, MaskedShape)
        found = cls(shape)
        found.vocabulary.places = {word: FIRST + place for place, word in enumerate(learnt["words"])}
        found.network = MaskedNetwork(len(found.vocabulary), shape)
        found.network.load_state_dict(weights)
        return found
