"""Causal language models by a Hugging Face model from a folder (AutoModelForCausalLM)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.training.fitting import fit
from bakeoff.training.preparation import Known, Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.sequences.batches import SequenceNetwork, gathered
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.language import END, OTHER, known_characters
from bakeoff.training.sequences.pretrained import Gentle, loaded

RECIPE = Recipe(epochs=3, batch=8, rate=5e-3, clip=50.0, held_out=0.05, patience=1)
AFTER_ALL = "\U0010ffff"


class PretrainedLM:
    """Texts in; after any beginning of a text, a probability for each next character, by a checkpoint in `folder`.

    A text is cut into pieces of `window` of the model's own tokens, each read after a token that begins a text.
    """

    def __init__(self, folder: str, window: int = 256, known: Known | None = None) -> None:
        self.tokenizer, model = loaded(folder, "AutoModelForCausalLM")
        self.network = Reader(model)
        self.window = min(window, int(getattr(model.config, "max_position_embeddings", window)) - 1)
        self.preparation = Preparation(known)
        self.preparation.public("pretrained model", "", model.num_parameters(), Path(folder).name)
        self.end = self.tokenizer.eos_token_id
        begin = self.tokenizer.bos_token_id
        self.begin = self.end if begin is None else begin
        if self.end is None or self.begin is None:
            raise UsageError(f"The tokenizer in {folder} has no token that ends a text; give it an eos_token.")

    def fit(
        self, texts: Sequence[str], recipe: Recipe = RECIPE, circumstances: Circumstances | None = None
    ) -> PretrainedLM:
        """Learn from texts; the model's own weights move by a hundredth of the recipe's rate.

        UsageError where there is none. How the fit went stands in `history` afterwards.
        """
        if not len(texts):
            raise UsageError("There are no texts to learn from; give at least one.")
        around = circumstances or Circumstances(recipe)
        self.classes = (*known_characters(texts, 1_000, self.preparation), OTHER, END)
        fitted = fit(self.network, self._pieces(texts)[0], recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    def _codes(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    def _pieces(self, texts: Sequence[str]) -> tuple[Records, Array]:
        read: list[list[int]] = []
        asked: list[list[int]] = []
        owner: list[int] = []
        for place, text in enumerate(texts):
            whole = [*self._codes(text), self.end]
            for start in range(0, len(whole), self.window):
                piece = whole[start : start + self.window]
                read.append([1 + code for code in (self.begin, *piece[:-1])])
                asked.append([1 + code for code in piece])
                owner.append(place)
        parts = {"tokens": {"codes": Ragged.of(read, np.int64)}}
        return Records(parts, len(read), Ragged.of(asked, np.int64)), np.array(owner, dtype=np.int64)

    def log_prob(self, texts: Sequence[str], *, device: str = "cpu") -> Array:
        """The log-probability of each whole text as the tokenizer cuts it, in nats; float64 (texts,)."""
        records, owner = self._pieces(texts)
        found = gathered(self.network, records, lambda batch: -self.network.losses(batch).double(), device)
        return np.bincount(owner, weights=[float(one) for one in found], minlength=len(texts))

    def next_characters(self, beginnings: Sequence[str], *, device: str = "cpu") -> Array:
        """The probability of each class after each beginning, float64 (beginnings, classes).

        The last token of a beginning may be the start of a longer one. So it is taken off, and all tokens that begin
        with it are summed by the character that they go on with; where it is itself the token, the next one is.
        """
        surfaces = _Surfaces(self.tokenizer, self.classes, self.end)
        codes = [self._codes(text)[-self.window :] for text in beginnings]
        parts = {"tokens": {"codes": Ragged.of([[1 + code for code in (self.begin, *one)] for one in codes], np.int64)}}

        def answer(batch: Batch) -> list[Array]:
            logits = self.network(batch.inputs["tokens"]["codes"])
            out = []
            for row, position in enumerate(batch.positions.tolist()):
                own = codes[position]
                chances = logits[row, : len(own) + 1][-2:].double().softmax(-1).cpu().numpy()
                out.append(surfaces.spread(chances, own[-1] if own else None))
            return out

        found = gathered(self.network, Records(parts, len(codes)), answer, device)
        return np.array(found, dtype=np.float64).reshape(len(codes), len(self.classes))


class _Surfaces:
    """What every token looks like in a text, in order, and the class of any character in it."""

    def __init__(self, tokenizer: Any, classes: Sequence[str], end: int) -> None:
        anchor = tokenizer("a", add_special_tokens=False)["input_ids"][:1]
        before = len(tokenizer.decode(anchor))
        special = set(tokenizer.all_special_ids)
        self.names = [
            "" if code in special else tokenizer.decode([*anchor, code])[before:] for code in range(len(tokenizer))
        ]
        order = sorted((name, code) for code, name in enumerate(self.names) if name)
        self.sorted = [name for name, _ in order]
        self.codes = np.array([code for _, code in order], dtype=np.int64)
        self.classes, self.end = len(classes), end
        self.places = {character: place for place, character in enumerate(classes[:-2])}

    def spread(self, chances: Array, last: int | None) -> Array:
        """Chances of tokens, (1 or 2, tokens), as chances of the next character."""
        out = np.full(self.classes, 1e-9)
        own = "" if last is None else self.names[last]
        if last is not None and own:
            self._add(out, chances[0], own, 1.0)
            self._add(out, chances[-1], "", float(chances[0, last]))
        else:
            self._add(out, chances[-1], "", 1.0)
        return np.asarray(out / out.sum())

    def _add(self, out: Array, chances: Array, own: str, weight: float) -> None:
        low, high = bisect_left(self.sorted, own), bisect_left(self.sorted, own + AFTER_ALL)
        for name, chance in zip(self.sorted[low:high], chances[self.codes[low:high]].tolist(), strict=True):
            if len(name) > len(own):
                out[self.places.get(name[len(own)], self.classes - 2)] += weight * chance
        if not own:
            out[-1] += weight * chances[self.end]


class Reader(SequenceNetwork):
    """A causal model, and the loss of each piece of text."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = Gentle(model)

    def forward(self, codes: Tensor) -> Tensor:
        """Logits (records, tokens, tokens of the model) of codes plus 1."""
        with torch.autocast(codes.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            found = self.model.inner(input_ids=(codes - 1).clamp(min=0), attention_mask=(codes > 0).long())
        return found.logits.float()

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of each piece, in nats; targets hold codes plus 1, then 0."""
        labels = torch.where(batch.targets > 0, batch.targets - 1, -100)
        logits = self(batch.inputs["tokens"]["codes"]).transpose(1, 2)
        return functional.cross_entropy(logits, labels, reduction="none", ignore_index=-100).sum(1)
