"""A network for a table: encoders side by side, a residual trunk that joins them, and a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.nouns import Array
from bakeoff.training.encoders import Encoder
from bakeoff.training.records import Batch, Inputs, Records


@dataclass(frozen=True)
class TrunkShape:
    """`width` features of the trunk, `depth` residual blocks, `dropout` between layers and `entry` on what enters."""

    width: int = 128
    depth: int = 2
    dropout: float = 0.2
    entry: float = 0.1


class Trunk(nn.Module):
    """A linear map of all encoders' features, residual blocks with LayerNorm, and a last LayerNorm."""

    def __init__(self, inside: int, shape: TrunkShape) -> None:
        super().__init__()
        self.drop = nn.Dropout(shape.entry)
        self.enter = nn.Linear(inside, shape.width)
        self.blocks = nn.ModuleList(Residual(shape.width, shape.dropout) for _ in range(shape.depth))
        self.last = nn.LayerNorm(shape.width)

    def forward(self, features: Tensor) -> Tensor:
        """(records, inside) to (records, width)."""
        hidden = self.enter(self.drop(features))
        for block in self.blocks:
            hidden = block(hidden)
        return self.last(hidden)


class Residual(nn.Module):
    """x + W2 drop(relu(W1 norm(x))), the second map starting at zero."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.first, self.second = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)
        nn.init.zeros_(self.second.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """(records, width) to the same."""
        return hidden + self.second(self.drop(functional.relu(self.first(self.norm(hidden)))))


class TableNetwork(nn.Module):
    """Encoders' layers, a trunk and a head; a record's outputs depend on that record alone."""

    def __init__(self, encoders: Sequence[Encoder], trunk: nn.Module | TrunkShape, head: Any) -> None:
        super().__init__()
        self.names = tuple(encoder.name for encoder in encoders)
        # Modules by number: the names of columns may hold dots, which torch keeps for paths.
        self.encoders = nn.ModuleList(encoder.layers() for encoder in encoders)
        inside = sum(int(encoder.width) for encoder in self.encoders)
        self.trunk = Trunk(inside, trunk) if isinstance(trunk, TrunkShape) else trunk
        self.head = head
        self.mixed = False

    def forward(self, inputs: Inputs) -> Tensor:
        """Outputs of the head, of inputs by encoder and part."""
        kind = next(iter(next(iter(inputs.values())).values())).device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.mixed):
            found = [encoder(inputs[name]) for name, encoder in zip(self.names, self.encoders, strict=True)]
            return self.head(self.trunk(torch.cat(found, dim=1)))

    def losses(self, batch: Batch) -> Tensor:
        """The loss of each record of a batch, float32 (records,)."""
        return self.head.losses(self(batch.inputs), batch.targets)

    def held_out_loss(self, records: Records, device: str = "cpu") -> float:
        """The mean loss of records with targets."""
        outputs = torch.from_numpy(self.outputs(records, device=device))
        with torch.inference_mode():
            losses = self.head.losses(outputs, torch.from_numpy(records.targets))
        return float(losses.double().mean())

    def plain_operations(self, plain: bool = True) -> TableNetwork:
        """Switch layers from fused kernels to operations that torch.func can map over records; outputs stay alike."""
        for module in self.modules():
            if hasattr(module, "plain"):
                module.plain = plain
        return self

    def outputs(self, records: Records, *, size: int = 512, device: str = "cpu") -> Array:
        """The head's outputs for all records, float32 (records, outputs), in batches of records of like length."""
        self.eval()
        order = np.argsort(records.lengths(), kind="stable")
        found: list[Array] = []
        with torch.inference_mode():
            for start in range(0, len(order), size):
                batch = records.batch(order[start : start + size], device)
                found.append(self(batch.inputs).float().cpu().numpy())
        if not found:
            return np.zeros((0, self.head.layer.out_features), dtype=np.float32)
        joined = np.concatenate(found)
        out = np.empty_like(joined)
        out[order] = joined
        return out

    def answers(self, records: Records, *, device: str = "cpu") -> Array:
        """Answers float64 (records, classes), or (records, 1)."""
        outputs = torch.from_numpy(self.outputs(records, device=device))
        with torch.inference_mode():
            return np.asarray(self.head.answers(outputs).double().numpy())
