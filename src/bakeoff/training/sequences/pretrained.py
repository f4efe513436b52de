"""Tokens read by a Hugging Face encoder from a folder, in place of a vocabulary and embeddings of one's own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.extras import need
from bakeoff.training.encoders.model_folder import model_folder
from bakeoff.training.preparation import Preparation
from bakeoff.training.records import Ragged
from bakeoff.training.sequences.words import Sentences, WordStyle

GENTLE = 0.01  # of the learning rate: weights that were learnt before move little


class PretrainedWords:
    """Sentences as the sub-words of an encoder's tokenizer, and where each token's first one stands.

    Tokens beyond what the encoder reads, and tokens without a sub-word, stand at its first place.
    """

    def __init__(self, name: str, style: WordStyle) -> None:
        self.name = name
        self.style = style
        self._loaded: tuple[Any, Any] | None = None

    def load(self) -> tuple[Any, Any]:
        """The tokenizer and the encoder; NotFound or MissingExtra in one sentence when there is none."""
        if self._loaded is None:
            self._loaded = loaded(self.style.model, "AutoModel")
        return self._loaded

    def learn(self, sentences: Sentences, preparation: Preparation) -> PretrainedWords:
        """Nothing from the rows: the encoder came from outside."""
        _, model = self.load()
        preparation.public("pretrained encoder", self.name, model.num_parameters(), Path(self.style.model).name)
        return self

    def read(self, sentences: Sentences) -> Mapping[str, Ragged]:
        """`pieces` (the encoder's numbers plus 1) and `words` (where each token's first one is, plus 1), Ragged."""
        tokenizer, model = self.load()
        most = min(int(getattr(model.config, "max_position_embeddings", 512)), 512)
        pieces: list[list[int]] = []
        places: list[list[int]] = []
        for sentence in sentences:
            given = [str(word) for word in sentence] or [""]
            found = tokenizer(given, is_split_into_words=True, truncation=True, max_length=most)
            first: dict[int, int] = {}
            for place, word in enumerate(found.word_ids()):
                if word is not None:
                    first.setdefault(word, place)
            pieces.append([code + 1 for code in found["input_ids"]] or [1])
            places.append([1 + first.get(word, 0) for word in range(len(given))])
        return {"words": Ragged.of(places, np.int32), "pieces": Ragged.of(pieces, np.int32)}

    def layers(self) -> Any:
        """Features of every token."""
        return PretrainedLayers(self.load()[1], self.style)

    def state(self) -> dict[str, Any]:
        """Nothing was learnt beside weights."""
        return {"name": self.name}

    def restore(self, state: Mapping[str, Any]) -> PretrainedWords:
        """Nothing to take up."""
        self.name = state["name"]
        return self


class PretrainedLayers(nn.Module):
    """A copy of the encoder, which learns with the rest by small steps, or stays as it is where it is not tuned."""

    def __init__(self, model: Any, style: WordStyle) -> None:
        super().__init__()
        self.model = Gentle(copy.deepcopy(model), style.tuned)
        self.width = int(model.config.hidden_size)
        self.drop = nn.Dropout(style.dropout)

    def forward(self, parts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features (records, tokens, width), and which tokens are there, bool (records, tokens)."""
        places, pieces = parts["words"].long(), parts["pieces"].long()
        there = pieces > 0
        inside = self.model.inner(input_ids=(pieces - 1).clamp(min=0), attention_mask=there.long())
        hidden = inside.last_hidden_state
        index = (places - 1).clamp(min=0).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        return self.drop(hidden.gather(1, index)), places > 0


class Gentle(nn.Module):
    """A model that was learnt before: the optimiser takes steps `times` as long as elsewhere."""

    def __init__(self, inner: Any, tuned: bool = True) -> None:
        super().__init__()
        self.inner = inner
        self.times = GENTLE
        self.tuned = tuned
        if not tuned:
            inner.requires_grad_(False)

    def train(self, mode: bool = True) -> Any:
        """A model that is not tuned never drops anything out."""
        return super().train(mode and self.tuned)


def loaded(model: str, kind: str) -> tuple[Any, Any]:
    """The tokenizer and a fresh model of the class `kind` of transformers, from a local folder alone.

    NotFound or MissingExtra in one sentence when there is none.
    """
    folder = model_folder(model)
    transformers = need("transformers", "text")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    found = getattr(transformers, kind).from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return tokenizer, found
