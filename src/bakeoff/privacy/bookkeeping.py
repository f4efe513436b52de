"""Book-keeping: the sum of clipped gradients from one forward and one backward pass.

While parameters are detached, rules keep what goes into each layer and the gradient of what comes out; from these they
give the norm of every record's gradient, and then one product for each weight (Bu, Wang, Zha and Karypis,
Differentially Private Optimization on Large Foundation Models at Small Cost, 2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bakeoff.errors import BakeoffError, UsageError
from bakeoff.privacy.inspection import Holder, Report, holders_of, report_of, tied_places
from bakeoff.privacy.rules.rule import Rule, Use
from bakeoff.privacy.rules.tied import Place, Tie
from bakeoff.privacy.sums import Slot, Sums
from bakeoff.privacy.tape import PassTape, Standing


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
        self.device = next(iter(named.values())).device
        self._stand(holders_of(network))

    def _stand(self, holders: list[Holder]) -> None:
        """Everything that depends on which rule bounds which module."""
        self.holders = holders
        self.tied = tied_places(holders)
        # Numbers of parameters in the network's order: a parameter as the key of a mapping is slow to look up.
        order = {parameter: number for number, parameter in enumerate(self.parameters.values())}
        self._ties = [(order[parameter], places) for parameter, places in self.tied.items()]
        self._owns = [
            (holder, {name: order[one] for name, one in holder.learnt.items() if one not in self.tied})
            for holder in holders
        ]
        self._eager = {
            holder.module
            for holder in holders
            if "weight" in holder.learnt and not any(one in self.tied for one in holder.learnt.values())
        }
        apart = [module for module in self.network.modules() if isinstance(getattr(module, "apart", None), bool)]
        rules = {holder.module: holder.rule for holder in holders}
        self._standing = Standing(rules, list(self.parameters.values()), apart)

    def replace(self, module: nn.Module, rule: Rule) -> None:
        """Bound a module by another rule than its type's."""
        self._stand([replace(one, rule=rule) if one.module is module else one for one in self.holders])

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
        if not records:
            return Pass(torch.zeros(max(groups) + 1, 0, device=self.device), torch.zeros(0, device=self.device))
        tape = PassTape(records, self.device, self._eager)
        found = self._run(losses, tape)
        with torch.no_grad(), _whole(self.device.type):
            work = self._work(tape, sums)
            norms = self._norms(work, groups, found)
            factors = clipping.factors(norms).unbind(0)
            for one in work:  # memory is let go as the sums take theirs
                one.pour({name: factors[groups[number]] for name, number in one.numbers.items()})
        return Pass(norms, found, tape.half)

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
            tape.ran()
            if found.requires_grad:
                with _whole(self.device.type):
                    found.sum().backward()
        return found.detach()

    def _work(self, tape: PassTape, sums: Sums) -> list[Work]:
        """The shared parameters and the modules whose answers the losses depend on."""
        found: list[Work] = []
        used = {module: some for module, uses in tape.uses.items() if (some := [one for one in uses if answered(one)])}
        for number, places in self._ties:
            if held := [(place, used[place.module]) for place in places if place.module in used]:
                found.append(TieWork(held, number, tape.records, sums))
        tied = list(self.tied)
        for holder, numbers in self._owns:
            if numbers and holder.module in used:
                slots = {name: sums.order[number] for name, number in numbers.items()}
                found.append(HolderWork(holder, used[holder.module], numbers, (tape.records, slots, tied)))
        return found

    def _norms(self, work: Sequence[Work], groups: Sequence[int], losses: Tensor) -> Tensor:
        """(groups, records)."""
        squared: list[list[Tensor]] = [[] for _ in range(max(groups) + 1)]
        for one in work:
            for name, found in one.squared_norms().items():
                if name in one.numbers:
                    squared[groups[one.numbers[name]]].append(found)
        empty = losses.new_zeros(len(losses), dtype=torch.promote_types(losses.dtype, torch.float32))
        totals = [torch.stack(some).sum(0) if some else empty for some in squared]
        norms = (totals[0].unsqueeze(0) if len(totals) == 1 else torch.stack(totals)).sqrt_()
        if not math.isfinite(norms.sum().item()):
            self._refuse(work, len(losses))
        return norms

    def _refuse(self, work: Sequence[Work], records: int) -> None:
        """BakeoffError that names the first parameter whose gradient is not a number."""
        names = list(self.parameters)
        for one in work:
            for name, found in one.squared_norms().items():
                wrong = (~torch.isfinite(found)).nonzero().squeeze(1).tolist()
                if wrong and name in one.numbers:
                    raise BakeoffError(
                        f"The gradient of {names[one.numbers[name]]!r} is not a number for {len(wrong)} of {records} "
                        f"records (the first is number {wrong[0]} of the batch), so it cannot be clipped; look for a "
                        "NaN in the inputs, or take a smaller learning rate."
                    )
        raise BakeoffError("The norm of a gradient is too large for its precision; take a smaller learning rate.")


def _whole(kind: str) -> Any:
    """No autocast: what the caller computes in half precision is bounded and summed in single precision."""
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def answered(use: Use) -> bool:
    """Whether the loss depends on what came out: rules may fill `gradient` themselves."""
    return use.answered or use.gradient is not None


class Work(Protocol):
    """What is to be done for one module, or one shared parameter, in one pass."""

    @property
    def numbers(self) -> Mapping[str, int]:
        """The parameters' places in the network's order, by the names that are used here."""

    def squared_norms(self) -> Mapping[str, Tensor]:
        """Squared norms (records,) by the names in `numbers`, and maybe others that are left out."""

    def pour(self, factors: Mapping[str, Tensor]) -> None:
        """Add the sums with these factors."""


class HolderWork:
    """A module's own parameters."""

    def __init__(
        self,
        holder: Holder,
        uses: list[Use],
        numbers: Mapping[str, int],
        into: tuple[int, Mapping[str, Slot], Sequence[nn.Parameter]],
    ) -> None:
        self.holder, self.uses, self.numbers = holder, uses, numbers
        self.records, self.slots, self.tied = into

    def squared_norms(self) -> Mapping[str, Tensor]:
        """As the rule finds them; UsageError, with the layer's name, where it cannot."""
        try:
            for parameter in self.tied:  # they are bounded by themselves: a rule looks at what is learnt alone
                parameter.requires_grad_(False)
            return self.holder.rule.squared_norms(self.holder.module, self.uses, self.records)
        except UsageError as error:
            raise UsageError(f"The layer {self.holder.name!r} cannot be bounded. {error}") from error
        finally:
            for parameter in self.tied:
                parameter.requires_grad_(True)

    def pour(self, factors: Mapping[str, Tensor]) -> None:
        """By the rule's own `pour` where it has one."""
        rule, module = self.holder.rule, self.holder.module
        pour: Any = getattr(rule, "pour", None)
        if pour is not None:
            pour(module, self.uses, factors, self.slots)
        else:
            for name, value in rule.sums(module, self.uses, factors).items():
                self.slots[name].add(value)
        for use in self.uses:
            use.release()
            use.kept = {}


class TieWork:
    """One parameter that several modules share."""

    def __init__(self, places: Sequence[tuple[Place, Sequence[Use]]], number: int, records: int, sums: Sums) -> None:
        self.numbers: Mapping[str, int] = {"": number}
        self.slot = sums.order[number]
        self.tie = Tie(places, records)

    def squared_norms(self) -> Mapping[str, Tensor]:
        """Of the sum over all places."""
        return {"": self.tie.squared_norms()}

    def pour(self, factors: Mapping[str, Tensor]) -> None:
        """The sum over all places."""
        self.tie.pour(factors[""], self.slot)
