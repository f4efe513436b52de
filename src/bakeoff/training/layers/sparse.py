"""Layers of a linear model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from bakeoff.nouns import Label
from bakeoff.training.heads import ClassHead, NumberHead


class SparseLayers(nn.Module):
    """The weighted sum of terms' numbers, all zero to begin with."""

    def __init__(self, terms: int, outputs: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(terms, outputs, mode="sum", padding_idx=0)
        self.width = outputs
        self.plain = False
        nn.init.zeros_(self.table.weight)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Outputs float32 (records, outputs)."""
        terms, weights = parts["terms"], parts["weights"]
        if self.plain or not len(terms):
            table = functional.embedding(terms, self.table.weight, padding_idx=0)
            return (table * weights.unsqueeze(-1)).sum(1)
        return self.table(terms, per_sample_weights=weights)


class Given(nn.Module):
    """Passes on what it is given, `out_features` numbers for each record."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.out_features = outputs

    def forward(self, hidden: Tensor) -> Tensor:
        """The same."""
        return hidden


class PlainClassHead(ClassHead):
    """The loss and the answers of classes whose logits are given."""

    def __init__(self, classes: Sequence[Label]) -> None:
        super().__init__(1, classes)
        self.layer = Given(len(self.classes))


class PlainNumberHead(NumberHead):
    """The loss and the answers of a scaled number that is given."""

    def __init__(self, centre: float, scale: float) -> None:
        super().__init__(1, centre, scale)
        self.layer = Given(1)
