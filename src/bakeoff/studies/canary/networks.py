"""The classifiers of the study: words, a reader of the sentence, and a linear layer; padding changes no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.nouns import Array
from bakeoff.training.encoders.texts import SequenceStyle
from bakeoff.training.layers.texts import Convolution, Recurrent, Transformer, mean
from bakeoff.training.records import Batch
from bakeoff.training.sequences.batches import SequenceNetwork
from bakeoff.training.sequences.words import CHARACTERS

LONGEST = 12  # letters of a word that are read
READERS: Mapping[str, Any] = {"convolution": Convolution, "recurrent": Recurrent, "transformer": Transformer}


class Classifier(SequenceNetwork):
    """From the numbers of words int64 (records, length), 0 for padding, to logits (records, classes)."""

    def __init__(self, words: nn.Module, shape: Mapping[str, Any], reader: str, classes: int, dropout: float) -> None:
        super().__init__()
        self.words = words
        self.reader = Means(shape["embedding"], shape["width"]) if reader == "mean" else Largest(reader, shape)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(self.reader.width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits float32 (records, classes)."""
        mask = tokens != 0
        features = self.drop(self.words(tokens)) * mask.unsqueeze(-1)
        return self.out(self.drop(self.reader(features, mask)))

    def losses(self, batch: Batch) -> Tensor:
        """Cross-entropy of each record, in nats."""
        return functional.cross_entropy(self(batch.inputs["text"]["tokens"]), batch.targets, reduction="none")


class Means(nn.Module):
    """The mean of the words' features, and a hidden layer."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.enter, self.width = nn.Linear(inside, width), width

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(records, words, inside) and which words are there, to (records, width)."""
        return functional.relu(self.enter(mean(features, mask)))


class Largest(nn.Module):
    """A reader of Bakeoff's text encoders; of a convolution and a BiLSTM the largest answers alone."""

    def __init__(self, kind: str, shape: Mapping[str, Any]) -> None:
        super().__init__()
        style = SequenceStyle(kind, shape["embedding"], shape["width"], longest=64, dropout=0.0)
        self.inner = READERS[kind](style)
        whole = self.inner.width
        self.part = {"convolution": (shape["embedding"], whole), "recurrent": (0, whole // 2)}.get(kind, (0, whole))
        self.width = self.part[1] - self.part[0]

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(records, words, inside) and which words are there, to (records, width)."""
        return self.inner(features, mask)[:, self.part[0] : self.part[1]]


class Letters(nn.Module):
    """What kernels over three letters find in each word, the largest of each (as Ma and Hovy, 2016)."""

    def __init__(self, letters: Array, width: int) -> None:
        super().__init__()
        self.register_buffer("letters", torch.from_numpy(letters))
        self.table = nn.Embedding(CHARACTERS, 24, padding_idx=0)
        self.kernels = nn.Conv1d(24, width, 3, padding=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Words int64 (records, length) to features (records, length, width)."""
        codes = self.letters[tokens].flatten(0, 1)
        answers = self.kernels(self.table(codes).transpose(1, 2)).masked_fill((codes == 0).unsqueeze(1), -1e4)
        found = torch.tanh(answers.amax(-1)) * (codes != 0).any(1, keepdim=True)
        return found.view(*tokens.shape, -1)


def spelled(words: Sequence[str]) -> Array:
    """The letters of each word int64 (1 + words, LONGEST); row 0 is padding."""
    found = np.zeros((1 + len(words), LONGEST), dtype=np.int64)
    for row, word in enumerate(words):
        codes = [1 + ord(letter) % (CHARACTERS - 1) for letter in word[:LONGEST]]
        found[1 + row, : len(codes)] = codes
    return found


def classifier(values: Mapping[str, Any], vocabulary: Sequence[str], classes: int) -> Classifier:
    """A new network of a setting; word number 1 is the first of the vocabulary."""
    shape = values["shape"]
    words: nn.Module
    if values["how"]["letters"]:
        words = Letters(spelled(vocabulary), shape["embedding"])
    else:
        words = nn.Embedding(1 + len(vocabulary), shape["embedding"], padding_idx=0)
    return Classifier(words, shape, values["network"], classes, values["how"]["dropout"])
