"""Small classifiers of texts whose predictions can be differentiated by the embedding of each token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.fairness.sensitivity import of_embeddings
from bakeoff.nouns import Array

PADDING, UNSEEN, FIRST = 0, 1, 2
LONGEST = 60  # tokens of a text that are read
ASKED = 128  # texts that are answered at once


class Reader(nn.Module):
    """Embeddings and one of three readers, which takes embedded tokens (rows, tokens, width) and their mask."""

    def __init__(self, kind: str, size: int, shape: Mapping[str, Any], classes: int) -> None:
        super().__init__()
        width, hidden = shape["width"], shape["hidden"]
        self.kind = kind
        self.embedding = nn.Embedding(size, width, padding_idx=PADDING)
        self.drop = nn.Dropout(shape["dropout"])
        if kind == "cnn":
            self.filters = nn.Conv1d(width, hidden, 3, padding=1)
        elif kind == "gru":
            self.recurrent = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        else:
            self.enter = nn.Linear(width, hidden)
        self.leave = nn.Linear(2 * hidden if kind == "gru" else hidden, classes)

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Logits float32 (rows, classes)."""
        held = self.drop(embedded) * mask[:, :, None]
        counts = mask.sum(1, keepdim=True).clamp(min=1)
        if self.kind == "cnn":
            found = functional.relu(self.filters(held.transpose(1, 2))) * mask[:, None, :]
            hidden = found.amax(2)
        elif self.kind == "gru":
            packed = nn.utils.rnn.pack_padded_sequence(
                held, mask.sum(1).clamp(min=1).long(), batch_first=True, enforce_sorted=False
            )
            read, _ = nn.utils.rnn.pad_packed_sequence(
                self.recurrent(packed)[0], batch_first=True, total_length=held.shape[1]
            )
            hidden = (read * mask[:, :, None]).sum(1) / counts
        else:
            hidden = functional.relu(self.enter(held.sum(1) / counts))
        return self.leave(self.drop(hidden))


class Classifier:
    """A network of words: fitted once on tokenised texts, then asked for probabilities and gradients."""

    def __init__(self, kind: str, shape: Mapping[str, Any], seed: int) -> None:
        self.kind, self.shape, self.seed = kind, shape, seed

    def fit(self, texts: Sequence[Sequence[str]], labels: Array) -> Classifier:
        """Learn labels int64 (texts,) with words that two training texts hold; a fixed number of epochs."""
        counts = Counter(word for text in texts for word in set(text))
        kept = sorted(word for word, count in counts.items() if count >= 2)
        self.places = {word: FIRST + place for place, word in enumerate(kept)}
        classes = int(labels.max()) + 1
        torch.manual_seed(self.seed)
        self.network = Reader(self.kind, FIRST + len(kept), self.shape, classes)
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.shape["rate"])
        coded, target = [self._codes(text) for text in texts], torch.tensor(labels, dtype=torch.long)
        random = np.random.default_rng([self.seed, 3])
        self.network.train()
        for _ in range(self.shape["epochs"]):
            for rows in self._batches(coded, random):
                tokens, mask = padded([coded[row] for row in rows])
                loss = functional.cross_entropy(self.network(self.network.embedding(tokens), mask), target[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        self.network.eval()
        return self

    def _batches(self, coded: Sequence[list[int]], random: np.random.Generator) -> list[Array]:
        """Rows of about the same length together, in random order."""
        lengths = np.array([len(one) for one in coded]) + random.random(len(coded)) * 4
        order, size = np.argsort(lengths), self.shape["batch"]
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        return [batches[place] for place in random.permutation(len(batches))]

    def _codes(self, text: Sequence[str]) -> list[int]:
        return [self.places.get(word, UNSEEN) for word in text[:LONGEST]] or [UNSEEN]

    def probabilities(self, texts: Sequence[Sequence[str]]) -> Array:
        """Of each class, float64 (texts, classes)."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), ASKED):
                tokens, mask = padded([self._codes(text) for text in texts[start : start + ASKED]])
                found.append(self.network(self.network.embedding(tokens), mask).softmax(-1).double().numpy())
        return np.concatenate(found)

    def jacobian(self, texts: Sequence[Sequence[str]]) -> tuple[Array, Array]:
        """Gradients float64 (texts, classes, tokens), as long as the longest text, and the probabilities."""
        longest = max(min(LONGEST, max(1, len(text))) for text in texts)
        found = np.zeros((len(texts), self.network.leave.out_features, longest))
        shares = []
        for start in range(0, len(texts), ASKED):
            tokens, mask = padded([self._codes(text) for text in texts[start : start + ASKED]])
            gradients, own = of_embeddings(_masked(self.network, mask), self.network.embedding(tokens))
            found[start : start + len(tokens), :, : tokens.shape[1]] = gradients
            shares.append(own)
        return found, np.concatenate(shares)


def _masked(network: Reader, mask: Tensor) -> Any:
    return lambda embedded: network(embedded, mask)


def padded(coded: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Codes int64 (texts, tokens) and where there are any, float32."""
    tokens = torch.zeros((len(coded), max(map(len, coded))), dtype=torch.long)
    for place, one in enumerate(coded):
        tokens[place, : len(one)] = torch.as_tensor(one)
    mask = torch.zeros(tokens.shape)
    for place, one in enumerate(coded):
        mask[place, : len(one)] = 1.0
    return tokens, mask


def present(texts: Sequence[Sequence[str]]) -> Array:
    """Where the texts have tokens, bool (texts, tokens), as wide as their Jacobian."""
    lengths = np.array([min(LONGEST, max(1, len(text))) for text in texts])
    return np.arange(lengths.max())[None] < lengths[:, None]
