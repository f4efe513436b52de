"""Texts as vectors by a Hugging Face encoder that learns nothing: each different text once, and never padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.extras import need
from bakeoff.nouns import Array
from bakeoff.training.encoders.model_folder import MINILM, model_folder

TOKENS = 4_096  # that are embedded at once


@dataclass(frozen=True)
class EmbedderStyle:
    """Which encoder reads, how many of its own tokens of a text at most, and on how many threads.

    `half` computes with bfloat16 where the processor multiplies in it: three times faster, and an embedding's cosine
    to that of single precision is above 0.999 for nearly all texts [measured on all-MiniLM-L6-v2].
    """

    model: str = MINILM
    longest: int = 96
    half: bool = False
    threads: int = 1


class Embedder:
    """The mean of the encoder's last layer over a text's tokens, of length one."""

    def __init__(self, style: EmbedderStyle | None = None) -> None:
        self.style = style or EmbedderStyle()
        self._loaded: tuple[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The encoder lies on disk; a copy of its weights in every saved model would be large and of no use.
        return {**self.__dict__, "_loaded": None}

    def load(self) -> tuple[Any, Any]:
        """The tokenizer and the encoder; NotFound or MissingExtra in one sentence when there is none."""
        if self._loaded is None:
            tokenizer, model = loaded(self.style.model)
            self._loaded = tokenizer, (model.bfloat16() if self.style.half and halves() else model).eval()
        return self._loaded

    @property
    def width(self) -> int:
        """How many numbers an embedding has."""
        return int(self.load()[1].config.hidden_size)

    def embed(self, texts: Sequence[str], stop: Callable[[], bool] = lambda: False) -> Array | None:
        """float32 (texts, width); None when `stop` ended it, which is asked before each batch."""
        from bakeoff.training.seeding import threads

        if not len(texts):
            return np.zeros((0, self.width), dtype=np.float32)
        different = list(dict.fromkeys(texts))
        tokenizer, model = self.load()
        tokens = tokenizer(different, truncation=True, max_length=self.style.longest)["input_ids"]
        vectors = np.zeros((len(different), self.width), dtype=np.float32)
        with threads(self.style.threads):
            for some in _alike(tokens):
                if stop():
                    return None
                vectors[some] = _means(model, np.array([tokens[place] for place in some]))
        place = {text: number for number, text in enumerate(different)}
        return vectors[[place[text] for text in texts]]


def loaded(model: str) -> tuple[Any, Any]:
    """A tokenizer and a fresh encoder from its folder, without a word on the screen."""
    folder = model_folder(model)
    transformers = need("transformers", "text")
    with _silent(transformers.utils.logging):
        return (
            transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True),
            transformers.AutoModel.from_pretrained(folder, local_files_only=True),
        )


def halves() -> bool:
    """Whether the processor multiplies numbers of bfloat16 itself."""
    import torch

    asked: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(asked.get("avx512_bf16") or asked.get("amx_bf16"))


def _alike(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of texts with equally many tokens: without padding, a text's vector does not depend on its neighbours."""
    by_length: dict[int, list[int]] = {}
    for place, one in enumerate(tokens):
        by_length.setdefault(len(one), []).append(place)
    for length in sorted(by_length):
        places, size = by_length[length], max(1, TOKENS // max(1, length))
        for start in range(0, len(places), size):
            yield places[start : start + size]


def _means(model: Any, tokens: Array) -> Array:
    """Vectors float32 (texts, width) of length one, of token numbers (texts, tokens)."""
    import torch

    with torch.inference_mode():
        numbers = torch.from_numpy(tokens)
        hidden = model(input_ids=numbers, attention_mask=torch.ones_like(numbers)).last_hidden_state
        found: Array = torch.nn.functional.normalize(hidden.float().mean(dim=1), dim=1).numpy()
        return found


@contextmanager
def _silent(logging: Any) -> Iterator[None]:
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
