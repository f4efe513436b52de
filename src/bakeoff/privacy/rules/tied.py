"""Parameters that several modules share: a record's gradient is the sum over all of them, and so is bounded as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from bakeoff.privacy.rules.linear import lengths
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.rule import Rule, Use


@dataclass(frozen=True)
class Place:
    """One of the modules that hold a shared parameter, its rule, and the parameter's name there."""

    module: nn.Module
    rule: Rule
    name: str


class Tie:
    """One shared parameter in one pass, with the uses of every module that holds it."""

    def __init__(self, places: Sequence[tuple[Place, Sequence[Use]]], records: int) -> None:
        each: Tensor | None = None
        for place, uses in places:
            found = place.rule.per_record(place.module, uses, records)[place.name]
            each = found if each is None else each + found
        assert each is not None
        self._each = each

    def squared_norms(self) -> Tensor:
        """(records,)."""
        return lengths(self._each.flatten(1))

    def sum(self, factor: Tensor) -> Tensor:
        """The sum over records, each times its factor."""
        return weighted(self._each, factor)
