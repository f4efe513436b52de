"""Checkpoints: a fit that was interrupted goes on from its last whole epoch, to the same weights."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bakeoff.errors import UsageError
from bakeoff.nouns import digest
from bakeoff.training.recipe import Recipe

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a fit needs to go on: weights, optimiser, best weights, history, random numbers, regime and seconds spent.

    `of` is the digest of the recipe and of the network's shape.
    """

    of: str
    network: dict[str, Any]
    optimiser: dict[str, Any]
    best: dict[str, Any] | None
    history: dict[str, Any]
    random: dict[str, Any]
    regime: dict[str, Any]
    seconds: float
    steps: int

    def write(self, path: Path) -> None:
        """To a file, whole or not at all."""
        beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        held = {name: getattr(self, name) for name in self.__dataclass_fields__}
        torch.save({"format": FORMAT, **held}, beside)
        os.replace(beside, path)

    @classmethod
    def read(cls, path: Path, of: str, device: str = "cpu") -> Checkpoint:
        """From a file, as tensors and plain values alone: nothing in it is run.

        UsageError when it is no checkpoint, or that of another network or recipe.
        """
        try:
            held = torch.load(path, map_location=device, weights_only=True)
            known = held.pop("format") == FORMAT
            found = cls(**held) if known else None
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, EOFError) as problem:
            raise UsageError(f"{path} is not a checkpoint that can be read; delete it to start anew.") from problem
        except Exception as problem:  # what torch raises for a file with more than weights differs between versions
            raise UsageError(f"{path} holds more than weights and is not read; delete it to start anew.") from problem
        if found is None or found.of != of:
            raise UsageError(
                f"{path} is the checkpoint of another network or recipe; give another path, or delete it to start anew."
            )
        return found


def fingerprint(network: Any, recipe: Recipe, records: int) -> str:
    """The digest that a checkpoint is known by; its time budget and threads may differ from those of the next fit."""
    given = asdict(recipe)
    for name in ("seconds", "threads"):
        given.pop(name)
    shape = [[name, list(held.shape)] for name, held in network.state_dict().items()]
    return digest([given, shape, records])


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """Weights that no longer change with the network's."""
    return {name: held.detach().clone() for name, held in state.items()}
