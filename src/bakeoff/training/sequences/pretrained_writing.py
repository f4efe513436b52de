"""Sequence to sequence by a Hugging Face model from a folder (AutoModelForSeq2SeqLM)."""

from __future__ import annotations

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
from bakeoff.training.preparation import Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.sequences.batches import SequenceNetwork, gathered
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.pretrained import Gentle, loaded

RECIPE = Recipe(epochs=5, batch=16, rate=1e-2, clip=10.0, held_out=0.05, patience=2)
LONGEST = 256


class PretrainedSeq2Seq:
    """Sources in, targets out, by a checkpoint in `folder` that is tuned further; `width` is that of its beam."""

    def __init__(self, folder: str, width: int = 4) -> None:
        self.tokenizer, model = loaded(folder, "AutoModelForSeq2SeqLM")
        self.network = Writer(model)
        self.width = width
        self.longest = LONGEST
        self.preparation = Preparation()
        self.preparation.public("pretrained model", "", model.num_parameters(), Path(folder).name)

    def fit(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        recipe: Recipe = RECIPE,
        circumstances: Circumstances | None = None,
    ) -> PretrainedSeq2Seq:
        """Learn from pairs; the model's own weights move by a hundredth of the recipe's rate.

        UsageError where the numbers differ. How the fit went stands in `history` afterwards.
        """
        if len(sources) != len(targets) or not len(sources):
            raise UsageError(f"There are {len(sources)} sources and {len(targets)} targets; give one target for each.")
        around = circumstances or Circumstances(recipe)
        records = self._records(sources, targets)
        if records.targets is not None:
            self.longest = int(1.2 * records.targets.lengths.max()) + 2
            self.preparation.taken("answer length", "", 1, len(targets), f"at most {self.longest} pieces")
        fitted = fit(self.network, records, recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    def _records(self, sources: Sequence[str], targets: Sequence[str] | None = None) -> Records:
        written = None
        if targets is not None:
            found = self.tokenizer(text_target=list(targets), truncation=True, max_length=LONGEST)["input_ids"]
            written = Ragged.of([[code + 1 for code in one] for one in found], np.int64)
        read = self.tokenizer(list(sources), truncation=True, max_length=LONGEST)["input_ids"] if len(sources) else []
        codes = Ragged.of([[code + 1 for code in one] for one in read], np.int64)
        return Records({"source": {"pieces": codes}}, len(sources), written)

    def predict(self, sources: Sequence[str], *, width: int = 0, device: str = "cpu") -> list[str]:
        """A target for each source, by a beam of so many (0: as it was made, 1: greedy)."""

        def answer(batch: Batch) -> list[str]:
            codes, mask = self.network.read(batch)
            found = self.network.model.inner.generate(
                input_ids=codes,
                attention_mask=mask,
                num_beams=width or self.width,
                max_new_tokens=self.longest,
                do_sample=False,
            )
            return [one.strip() for one in self.tokenizer.batch_decode(found, skip_special_tokens=True)]

        return gathered(self.network, self._records(sources), answer, device)

    def log_prob(self, sources: Sequence[str], targets: Sequence[str], *, device: str = "cpu") -> Array:
        """The log-probability of each target given its source, in nats; float64 (pairs,)."""
        records = self._records(sources, targets)
        found = gathered(self.network, records, lambda batch: -self.network.losses(batch).double(), device)
        return np.array([float(one) for one in found], dtype=np.float64)


class Writer(SequenceNetwork):
    """A model with an encoder and a decoder, and the loss of each record."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = Gentle(model)

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """A source's codes as the model counts them, and which are there."""
        pieces = batch.inputs["source"]["pieces"]
        return (pieces - 1).clamp(min=0), (pieces > 0).long()

    def losses(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood of each record's target, in nats; targets hold codes plus 1, then 0."""
        codes, mask = self.read(batch)
        labels = torch.where(batch.targets > 0, batch.targets - 1, -100)
        with torch.autocast(codes.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            logits = self.model.inner(input_ids=codes, attention_mask=mask, labels=labels).logits
        each = functional.cross_entropy(logits.float().transpose(1, 2), labels, reduction="none", ignore_index=-100)
        return each.sum(1)
