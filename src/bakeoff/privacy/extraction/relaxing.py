"""Extraction: which tokens in the blanks make a frozen classifier surest of the label.

Tokens are relaxed to mixtures of all candidates, the mixture's weights follow the gradient while a temperature falls,
and what they come to is rounded (as the canary extraction of Parikh, Dupuy and Gupta 2022, arXiv 2203.13920).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.extraction.blanks import Blanks
from bakeoff.privacy.extraction.frozen import Frozen, Logits, log_odds

OBJECTIVES = ("cross entropy", "log-odds")
ROWS = 512  # relaxed texts that go through the network together
WEIGHTS = 8_000_000  # weights of candidates that are searched together: what memory depends on


@dataclass(frozen=True)
class Relaxation:
    """How blanks are searched.

    From `starts` random beginnings, `steps` steps of Adam at `rate` on the weights of the candidates, while the
    temperature of their softmax falls from `hottest` to `coldest` by a constant factor. With `gumbel` each step draws
    Gumbel noise into the weights (Jang et al. 2017, equation 2), so that mixtures stay near single tokens. `objective`
    is the cross entropy of the label or its log-odds, which do not flatten out. After rounding, up to `sweeps` times
    every blank in turn takes the candidate that serves best with the others held; the beginning that ends best is the
    guess. UsageError for numbers out of range.
    """

    starts: int = 8
    steps: int = 150
    rate: float = 0.3
    hottest: float = 1.0
    coldest: float = 0.1
    gumbel: bool = False
    objective: str = "cross entropy"
    sweeps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise UsageError(f"There is no objective {self.objective!r}; there are {', '.join(OBJECTIVES)}.")
        if self.starts < 1 or self.steps < 0 or self.sweeps < 0:
            raise UsageError(
                f"A search has at least 1 start and no fewer than 0 steps and sweeps, and not {self.starts}, "
                f"{self.steps} and {self.sweeps}."
            )
        if not (self.rate > 0 and 0 < self.coldest <= self.hottest):
            raise UsageError(
                f"The rate {self.rate} must be above 0, and the temperature falls from hottest {self.hottest} to "
                f"coldest {self.coldest}, both above 0."
            )

    def temperature(self, step: int) -> float:
        """At this step, counted from 0."""
        return float(self.hottest * (self.coldest / self.hottest) ** (step / max(1, self.steps - 1)))


@dataclass(frozen=True)
class Guess:
    """What the search came to: `tokens` (places,) as numbers, and the `log_odds` of the label with them.

    `starts` (starts, places) and their `start_log_odds` tell where each beginning ended.
    """

    tokens: tuple[int, ...]
    log_odds: float
    starts: Array
    start_log_odds: Array


def extract(
    network: nn.Module | Frozen,
    blanks: Blanks | Sequence[Blanks],
    *,
    table: nn.Module | None = None,
    logits: Logits | None = None,
    relaxation: Relaxation | None = None,
) -> list[Guess]:
    """Guess what stands in the blanks of each text from the weights of the classifier alone, one guess for each.

    `network`, `table` and `logits` as `Frozen` takes them; weights, `grad` and mode are left as they were. Texts of one
    length with the same places and candidates are searched together, without one knowing of another.
    """
    frozen = network if isinstance(network, Frozen) else Frozen(network, table, logits)
    asked = [blanks] if isinstance(blanks, Blanks) else list(blanks)
    how = relaxation or Relaxation()
    by_form: dict[tuple[int, tuple[int, ...], bytes], list[int]] = {}
    for number, one in enumerate(asked):
        by_form.setdefault(one.form, []).append(number)
    found: dict[int, Guess] = {}
    for numbers in by_form.values():
        each = len(asked[numbers[0]].places) * len(asked[numbers[0]].candidates)
        size = max(1, min(ROWS, WEIGHTS // each) // how.starts)
        for begin in range(0, len(numbers), size):
            some = numbers[begin : begin + size]
            guesses = _search(frozen, [asked[number] for number in some], some, how)
            found.update(zip(some, guesses, strict=True))
    return [found[number] for number in range(len(asked))]


def _search(frozen: Frozen, asked: Sequence[Blanks], keys: Sequence[int], how: Relaxation) -> list[Guess]:
    columns = _relaxed(frozen, asked, keys, how)
    guesses = []
    for one, own in zip(asked, columns, strict=True):
        fillings = one.candidates[own]
        odds = frozen.odds(one.filled(fillings), one.label)
        best = int(odds.argmax())
        chosen, value = fillings[best], float(odds[best])
        if how.sweeps:
            chosen, value = _swept(frozen, one, np.unique(fillings, axis=0), how.sweeps)
        guesses.append(Guess(tuple(chosen.tolist()), value, fillings, odds))
    return guesses


def _relaxed(frozen: Frozen, asked: Sequence[Blanks], keys: Sequence[int], how: Relaxation) -> Array:
    """Rounded candidates of every start, as their places among the candidates, int64 (texts, starts, blanks)."""
    places = list(asked[0].places)
    shape = (how.starts, len(places), len(asked[0].candidates))
    draws = [torch.Generator().manual_seed((how.seed * 1_000_003 + key) % 2**63) for key in keys]
    held = frozen.features(asked[0])
    features = held.to(torch.promote_types(held.dtype, torch.float32))
    weights = torch.stack([torch.randn(shape, generator=draw) for draw in draws]).to(features)
    weights.requires_grad_(True)
    labels = [one.label for one in asked]
    filled = np.concatenate([one.filled(np.tile(one.candidates[0], (how.starts, len(places)))) for one in asked])
    texts = torch.from_numpy(filled).to(features.device)
    optimiser = torch.optim.Adam([weights], lr=how.rate)
    # cuDNN's LSTM has no gradient while nothing is learnt.
    with frozen.resting(), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for step in range(how.steps):
            noise = torch.stack([_gumbel(shape, draw) for draw in draws]).to(weights) if how.gumbel else 0.0
            shares = ((weights + noise) / how.temperature(step)).softmax(-1)
            mixtures = torch.einsum("tspc,cpw->tspw", shares, features).flatten(0, 1).to(held.dtype)
            logits = frozen.mixed(texts, places, mixtures, max(labels))
            badness = _badness(logits, labels, how)
            (weights.grad,) = torch.autograd.grad(badness, [weights])
            optimiser.step()
    rounded: Array = weights.detach().argmax(-1).cpu().numpy()
    return rounded


def _badness(logits: Tensor, labels: Sequence[int], how: Relaxation) -> Tensor:
    if how.objective == "cross entropy":
        wanted = torch.tensor(labels, device=logits.device).repeat_interleave(how.starts)
        return functional.cross_entropy(logits, wanted, reduction="sum")
    parts = logits.split(how.starts)
    return -torch.stack([log_odds(part, label).sum() for part, label in zip(parts, labels, strict=True)]).sum()


def _gumbel(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    return -torch.empty(shape).exponential_(generator=draw).log()


def _swept(frozen: Frozen, blanks: Blanks, begun: Array, sweeps: int) -> tuple[Array, float]:
    """The best that `_climbed` comes to from the fillings of `begun`, with its log-odds."""
    ended = [_climbed(frozen, blanks, own, sweeps) for own in begun]
    return max(ended, key=lambda one: one[1])


def _climbed(frozen: Frozen, blanks: Blanks, own: Array, sweeps: int) -> tuple[Array, float]:
    """Blank by blank the best candidate with the others held, until nothing gets better."""
    odds = float(frozen.odds(blanks.filled(own[None]), blanks.label)[0])
    for _ in range(sweeps):
        before = odds
        for place in range(len(own)):
            tried = np.repeat(own[None], len(blanks.candidates), axis=0)
            tried[:, place] = blanks.candidates
            scores = frozen.odds(blanks.filled(tried), blanks.label)
            if scores.max() > odds:
                own, odds = tried[int(scores.argmax())], float(scores.max())
        if odds <= before:
            break
    return own, odds
