"""Book-keeping: the sum of clipped gradients from one forward and one backward pass.

While parameters are detached, rules keep what goes into each layer and the gradient of what comes out; from these they
give the norm of every record's gradient, and then one product for each weight (Bu, Wang, Zha and Karypis,
Differentially Private Optimization on Large Foundation Models at Small Cost, 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.privacy.inspection import Holder, Report, holders_of, report_of, tied_places
from bakeoff.privacy.rules.rule import Rule, Use
from bakeoff.privacy.rules.tied import Tie
from bakeoff.privacy.sums import Sums
from bakeoff.privacy.tape import PassTape, Standing

HALF = (torch.float16, torch.bfloat16)


class Clips(Protocol):
    """What book-keeping asks of a clipping; the kinds of them are in `clipping`."""

    def groups(self, sizes: Mapping[str, int]) -> Sequence[int]:
        """The clipping group of each parameter, of their names and numbers of values in the network's order."""

    def factors(self, norms: Tensor) -> Tensor:
        """What each record's gradient is multiplied by, (groups, records), of its norms, (groups, records)."""


@dataclass(frozen=True)
class Pass:
    """What one pass found: the norm of each record's gradient by clipping group, and each record's loss, detached.

    `half` says that some layer computed in half precision, whose gradients are as exact as that.
    """

    norms: Tensor
    losses: Tensor
    half: bool = False


class BookKeeping:
    """A network looked at once, so that its clipped gradients can be summed again and again.

    UsageError for a network with a layer that mixes records, or with nothing to learn.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        named = {name: one for name, one in network.named_parameters() if one.requires_grad}
        if not named:
            raise UsageError(f"{type(network).__name__} has no parameter that is learnt; all of them are frozen.")
        self.parameters: dict[str, nn.Parameter] = named
        self.sizes = {name: parameter.numel() for name, parameter in named.items()}
        self.holders: list[Holder] = holders_of(network)
        self.tied = tied_places(self.holders)
        self._stand()

    def _stand(self) -> None:
        apart = [module for module in self.network.modules() if isinstance(getattr(module, "apart", None), bool)]
        rules = {holder.module: holder.rule for holder in self.holders}
        self._standing = Standing(rules, list(self.parameters.values()), apart)

    def replace(self, module: nn.Module, rule: Rule) -> None:
        """Bound a module by another rule than its type's."""
        self.holders = [replace(one, rule=rule) if one.module is module else one for one in self.holders]
        self.tied = tied_places(self.holders)
        self._stand()

    @property
    def report(self) -> Report:
        """Which layer is bounded by which rule, which ones have none and are run again, and what is frozen."""
        return report_of(self.network, self.holders)

    def sums(self) -> Sums:
        """Empty sums for this network's parameters."""
        return Sums(list(self.parameters.values()))

    def clipped(self, losses: Callable[[], Tensor], records: int, clipping: Clips, sums: Sums) -> Pass:
        """Add the sum of each record's gradient times its factor to `sums`; no records add nothing.

        `losses` runs the network and gives the loss of each record, (records,). BakeoffError where a norm is not a
        number; UsageError where the losses are not one for each record, or a layer mixed them.
        """
        groups = tuple(clipping.groups(self.sizes))
        count = max(groups, default=0) + 1
        if not records:
            device = next(iter(self.parameters.values())).device
            return Pass(torch.zeros(count, 0, device=device), torch.zeros(0, device=device))
        tape = PassTape(records, next(iter(self.parameters.values())).device)
        found = self._run(losses, tape)
        of_group = dict(zip(self.parameters.values(), groups, strict=True))
        with torch.no_grad():
            active = self._active(tape)
            ties = self._ties(tape)
            norms = self._norms(active, ties, of_group, count, found)
            factors = clipping.factors(norms)
            for parameter, tie in ties.items():
                sums.add(parameter, tie.sum(factors[of_group[parameter]]))
            for holder, uses in active:
                own = {name: one for name, one in holder.learnt.items() if one not in ties}
                self._pour(holder, uses, {name: factors[of_group[one]] for name, one in own.items()}, sums)
        half = any(use.gradient.dtype in HALF for _, uses in active for use in uses if use.gradient is not None)
        return Pass(norms, found, half)

    def _run(self, losses: Callable[[], Tensor], tape: PassTape) -> Tensor:
        """Forward and backward; what the tape holds is complete afterwards."""
        self._standing.tape = tape
        with torch.enable_grad(), self._standing:
            found = losses()
            if found.shape != (tape.records,):
                raise UsageError(
                    f"The losses of {tape.records} records are {tuple(found.shape)}; give one loss for each record, "
                    "not reduced (reduction='none')."
                )
            if found.requires_grad:
                found.sum().backward()
        return found.detach()

    def _active(self, tape: PassTape) -> list[tuple[Holder, list[Use]]]:
        """The modules whose answers the losses depend on, with the uses that say so."""
        found = []
        for holder in self.holders:
            uses = [use for use in tape.uses.get(holder.module, ()) if use.gradient is not None]
            if uses:
                found.append((holder, uses))
        return found

    def _ties(self, tape: PassTape) -> dict[nn.Parameter, Tie]:
        """The parameters that several modules share and that the losses depend on."""
        found = {}
        for parameter, places in self.tied.items():
            some = [(one, [use for use in tape.uses.get(one.module, ()) if use.gradient is not None]) for one in places]
            if used := [(place, uses) for place, uses in some if uses]:
                found[parameter] = Tie(used, tape.records)
        return found

    def _norms(
        self,
        active: Sequence[tuple[Holder, list[Use]]],
        ties: Mapping[nn.Parameter, Tie],
        of_group: Mapping[nn.Parameter, int],
        count: int,
        losses: Tensor,
    ) -> Tensor:
        """(groups, records)."""
        records = len(losses)
        squared: list[list[Tensor]] = [[] for _ in range(count)]
        for holder, uses in active:
            for name, found in self._guarded(holder, uses, records).items():
                if holder.learnt[name] not in ties:
                    squared[of_group[holder.learnt[name]]].append(found)
        for parameter, tie in ties.items():
            squared[of_group[parameter]].append(tie.squared_norms())
        kind = torch.promote_types(losses.dtype, torch.float32)
        empty = losses.new_zeros(records, dtype=kind)
        norms = torch.stack([torch.stack(some).sum(0) if some else empty for some in squared]).sqrt_()
        if not torch.isfinite(norms).all():
            self._refuse(active, records)
        return norms

    def _guarded(self, holder: Holder, uses: list[Use], records: int) -> Mapping[str, Tensor]:
        try:
            return holder.rule.squared_norms(holder.module, uses, records)
        except UsageError as error:
            raise UsageError(f"The layer {holder.name!r} cannot be bounded. {error}") from error

    def _refuse(self, active: Sequence[tuple[Holder, list[Use]]], records: int) -> None:
        """BakeoffError that names the first parameter whose gradient is not a number."""
        for holder, uses in active:
            for name, found in holder.rule.squared_norms(holder.module, uses, records).items():
                wrong = (~torch.isfinite(found)).nonzero().squeeze(1).tolist()
                if wrong:
                    raise BakeoffError(
                        f"The gradient of {holder.name}.{name} is not a number for {len(wrong)} of {records} records "
                        f"(the first is number {wrong[0]} of the batch), so it cannot be clipped; look for a NaN in "
                        "the inputs, or take a smaller learning rate."
                    )
        raise BakeoffError("The norm of a gradient is too large for its precision; take a smaller learning rate.")

    def _pour(self, holder: Holder, uses: list[Use], factors: Mapping[str, Tensor], sums: Sums) -> None:
        if not factors:
            return
        pour: Any = getattr(holder.rule, "pour", None)
        if pour is not None:
            slots = {name: sums.slots[one] for name, one in holder.learnt.items()}
            pour(holder.module, uses, factors, slots)
            return
        for name, value in holder.rule.sums(holder.module, uses, factors).items():
            sums.add(holder.learnt[name], value)
