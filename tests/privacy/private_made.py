"""A small network of words and numbers, its records, and a check of noise that errs less than once in a million."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import nn
from torch.nn import functional

from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.regime import PrivateSettings, PrivateStep
from bakeoff.training import Ragged, Recipe, Records

FALSE_ALARM = 1e-7


class Small(nn.Module):
    """Classes from the mean of words' vectors beside some numbers."""

    def __init__(self, words: int = 30, width: int = 6, *, heed: float = 1.0, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(words, width, padding_idx=0)
        self.hidden = nn.Linear(width + 3, 8)
        self.out = nn.Linear(8, 3)
        self.heed = heed  # 0: words are read and change nothing
        self.drop = nn.Dropout(dropout)
        self.mixed = False

    def losses(self, batch: Any) -> torch.Tensor:
        words, numbers = batch.inputs["text"]["words"], batch.inputs["numbers"]["values"]
        # By the number of words and not by the batch's longest text, or records would be mixed.
        mean = self.table(words).sum(1) / (words > 0).sum(1, keepdim=True)
        hidden = torch.cat([self.heed * mean, numbers], dim=1)
        return functional.cross_entropy(
            self.out(self.drop(torch.tanh(self.hidden(hidden)))), batch.targets, reduction="none"
        )

    def held_out_loss(self, records: Records, device: str) -> float:
        with torch.no_grad():
            return float(self.losses(records.batch(np.arange(len(records)), device)).mean())


def records_of(count: int, words: int = 30, seed: int = 0) -> Records:
    """Texts of 1 to 7 words, three numbers, and classes that follow from the numbers."""
    random = np.random.default_rng(seed)
    texts = Ragged.of([random.integers(1, words, random.integers(1, 8)) for _ in range(count)], np.int64)
    numbers = random.normal(size=(count, 3)).astype(np.float32)
    parts = {"text": {"words": texts}, "numbers": {"values": numbers}}
    return Records(parts, count, numbers.argmax(axis=1).astype(np.int64))


def gradient_of(network: nn.Module) -> torch.Tensor:
    """All gradients in one row."""
    return torch.cat([held.grad.to_dense().flatten() for held in network.parameters() if held.grad is not None])


def has_deviation(values: Any, deviation: float) -> bool:
    """Whether independent values may well be N(0, deviation^2), by the chi-square test of their squares' sum."""
    given = np.asarray(values, dtype=np.float64).ravel()
    found = stats.chi2(len(given)).cdf((given**2).sum() / deviation**2)
    return bool(FALSE_ALARM / 2 < found < 1 - FALSE_ALARM / 2)


RECORDS = records_of(40)
SGD = Recipe(epochs=2, batch=10, rate=0.5, decay=0.0, clip=0.0, held_out=0.0, optimiser="sgd", schedule="constant")
ADAM = replace(SGD, optimiser="adamw", rate=0.01)


def step_of(network: nn.Module, *, recipe: Recipe = SGD, rate: float | None = 0.25, **settings) -> PrivateStep:
    step = PrivateStep(Ledger(), PrivateSettings(**settings))
    step.begin(network, recipe)
    if rate is not None:
        step.sampled(rate)
    return step


def positions(*some: int) -> np.ndarray:
    return np.array(some, dtype=np.int64)
