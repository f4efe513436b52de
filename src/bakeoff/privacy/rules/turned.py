"""`Conv1D` of transformers, GPT-2's linear map: its weight is (inside, outside), the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from bakeoff.privacy.rules.linear import LinearRule, Pairs
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.products import summed
from bakeoff.privacy.rules.rule import Tape, Use


class TurnedLinearRule:
    """As a linear map, with the weight turned."""

    whole = False

    def __init__(self) -> None:
        self._linear = LinearRule()

    def call(self, module: Any, tape: Tape, given: Tensor) -> Tensor:
        """The linear map."""
        given = tape.spread(given)
        use = Use(module, (given.detach(),), kept={"shared": tape.shared(given)})
        return tape.note(use, functional.linear(given, module.weight.t(), module.bias))

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of the weight and of the bias."""
        return self._linear.squared_norms(module, uses, records)

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """One product for the weight, and one for the bias."""
        pairs = Pairs.of(uses, len(next(iter(factors.values()))))
        found: dict[str, Tensor] = {}
        if "weight" in factors:
            given = pairs.given * factors["weight"].to(pairs.given.dtype).view(-1, 1, 1)
            found["weight"] = summed(given.flatten(0, 1), pairs.gradient.flatten(0, 1))
        if "bias" in factors:
            found["bias"] = weighted(pairs.gradient.sum(1), factors["bias"])
        return found

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        found = dict(self._linear.per_record(module, uses, records))
        if "weight" in found:
            found["weight"] = found["weight"].transpose(1, 2)
        return found
