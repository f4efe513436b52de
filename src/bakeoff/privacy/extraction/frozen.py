"""A classifier with frozen weights, asked for texts with mixtures of tokens in their blanks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.extraction.blanks import Blanks

AT_ONCE = 2048  # texts that go through the network together
CLOSE = 1e-4  # of the largest answer: further apart two ways of asking the same text are not the same
Logits = Callable[[Tensor], Tensor]


class Frozen:
    """A network whose weights an attacker holds; nothing of it is changed, `grad` and mode included.

    `logits` takes tokens int64 (records, length) on the network's device to logits (records, classes); without it the
    network is called. `table` is the module that gives each token its features, (records, length, width), or several
    outputs of which the first is that; without it the only nn.Embedding that there is. What it gives a token may depend
    on its place, and not on the other tokens. UsageError where there is no such table.
    """

    def __init__(self, network: nn.Module, table: nn.Module | None = None, logits: Logits | None = None) -> None:
        self.network = network
        self.table = table if table is not None else _only_table(network)
        self._logits: Logits = logits if logits is not None else network
        first = next(iter(network.parameters()), None)
        self.device = torch.device("cpu") if first is None else first.device
        self._checked: set[tuple[int, tuple[int, ...], bytes]] = set()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """The network in `eval` mode inside, and every module as it was afterwards."""
        modes = {module: module.training for module in self.network.modules()}
        self.network.eval()
        try:
            yield
        finally:
            for module, training in modes.items():
                module.training = training

    def odds(self, texts: Array, label: int) -> Array:
        """The log-odds of `label` for each text int64 (texts, length), float64 (texts,).

        They say the same as the cross-entropy and still tell texts apart where the label is nearly certain.
        """
        found = []
        with self.resting(), torch.inference_mode():
            for begin in range(0, len(texts), AT_ONCE):
                given = torch.from_numpy(np.ascontiguousarray(texts[begin : begin + AT_ONCE])).to(self.device)
                found.append(log_odds(self.answers(given, label), label).double().cpu().numpy())
        return np.concatenate(found) if found else np.zeros(0)

    def answers(self, texts: Tensor, label: int) -> Tensor:
        """Logits float (texts, classes); UsageError where they are something else or have no such label."""
        found = self._logits(texts)
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(texts):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UsageError(
                f"The network answers {len(texts)} texts with {shape}; extraction needs logits (texts, classes). Give "
                "`logits`, a function from token numbers to them."
            )
        if label >= found.shape[1] or found.shape[1] < 2:
            raise UsageError(f"There is no class {label} among the {found.shape[1]} that the network answers with.")
        if not bool(torch.isfinite(found).all()):
            raise UsageError("The network's answers hold something that is not a number; nothing can be read there.")
        return found

    def features(self, blanks: Blanks) -> Tensor:
        """What the table gives each candidate at each blank, (candidates, places, width), without gradients.

        UsageError where the table's answer is not one vector for each token, where it depends on the other tokens, or
        where the network reads tokens besides: then a mixture of tokens cannot be asked.
        """
        candidates = blanks.candidates
        places = list(blanks.places)
        same = np.repeat(candidates[:, None], len(places), axis=1)
        held = self._features_of(blanks.filled(same), places)
        if blanks.form not in self._checked:
            self._check(blanks, held)
            self._checked.add(blanks.form)
        return held

    def mixed(self, texts: Tensor, places: list[int], mixtures: Tensor, label: int) -> Tensor:
        """Logits (texts, classes) of texts whose blanks hold `mixtures` (texts, places, width) of features."""

        def replaced(module: Any, inputs: Any, outputs: Any) -> Any:
            whole = outputs if isinstance(outputs, Tensor) else outputs[0]
            changed = whole.clone()
            changed[:, places] = mixtures
            return changed if isinstance(outputs, Tensor) else (changed, *outputs[1:])

        hook = self.table.register_forward_hook(replaced)
        try:
            return self.answers(texts, label)
        finally:
            hook.remove()

    def _features_of(self, texts: Array, places: list[int]) -> Tensor:
        seen: list[Tensor] = []

        def kept(module: Any, inputs: Any, outputs: Any) -> None:
            seen.append(outputs if isinstance(outputs, Tensor) else outputs[0])

        found = []
        hook = self.table.register_forward_hook(kept)
        try:
            with self.resting(), torch.no_grad():
                for begin in range(0, len(texts), AT_ONCE):
                    some = texts[begin : begin + AT_ONCE]
                    seen.clear()
                    self._logits(torch.from_numpy(np.ascontiguousarray(some)).to(self.device))
                    found.append(_one_each(seen, some.shape)[:, places].clone())
        finally:
            hook.remove()
        return torch.cat(found)

    def _check(self, blanks: Blanks, held: Tensor) -> None:
        """Random fillings asked in both ways: by their tokens, and as mixtures that are whole tokens."""
        random = np.random.default_rng(0)
        places = list(blanks.places)
        columns = random.integers(len(blanks.candidates), size=(4, len(places)))
        texts = blanks.filled(blanks.candidates[columns])
        wanted = held[torch.from_numpy(columns).to(held.device), torch.arange(len(places), device=held.device)]
        if not _close(self._features_of(texts, places), wanted):
            raise UsageError(
                f"What {type(self.table).__name__} gives a token depends on the tokens beside it; give as `table` the "
                "module that reads each token by itself, usually the embedding."
            )
        elsewhere = blanks.filled(np.roll(blanks.candidates, 1)[columns])
        with self.resting(), torch.no_grad():
            told = self.answers(torch.from_numpy(texts).to(self.device), blanks.label)
            given = torch.from_numpy(elsewhere).to(self.device)
            mixed = self.mixed(given, places, wanted, blanks.label)
        if not _close(told, mixed):
            raise UsageError(
                f"The network reads tokens otherwise than through {type(self.table).__name__}, so mixtures of tokens "
                "do not answer as the tokens do; give as `table` the module that all of it goes through."
            )


def log_odds(logits: Tensor, label: int) -> Tensor:
    """log p / (1 - p) of the label, (texts,), from logits (texts, classes)."""
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - others.logsumexp(dim=1)


def _only_table(network: nn.Module) -> nn.Module:
    tables = [module for module in network.modules() if isinstance(module, nn.Embedding)]
    if len(tables) != 1:
        raise UsageError(
            f"{type(network).__name__} has {len(tables)} modules nn.Embedding; give as `table` the one module that "
            "turns token numbers into features."
        )
    return tables[0]


def _one_each(seen: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    if len(seen) != 1 or seen[0].ndim != 3 or tuple(seen[0].shape[:2]) != shape:
        what = f"{len(seen)} times" if len(seen) != 1 else f"with shape {tuple(seen[0].shape)}"
        raise UsageError(
            f"The table answered {shape[0]} texts of {shape[1]} tokens {what}; it must answer once, with one vector "
            "for each token, (texts, tokens, width). A sum over tokens, as nn.EmbeddingBag gives, cannot be mixed."
        )
    return seen[0].detach()


def _close(one: Tensor, other: Tensor) -> bool:
    size = max(1.0, float(one.abs().max()))
    return one.shape == other.shape and float((one - other).abs().max()) <= CLOSE * size
