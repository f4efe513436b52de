"""Looking at a network before it is fitted in private: what is refused, and which rule bounds which layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.mapped import Mapped, parameters
from bakeoff.privacy.rules.registry import rule_for
from bakeoff.privacy.rules.rule import Rule
from bakeoff.privacy.rules.tied import Place


@dataclass(frozen=True)
class Holder:
    """A module with parameters that are learnt, by their names in it, and the rule that bounds them."""

    name: str
    module: nn.Module
    rule: Rule
    learnt: dict[str, nn.Parameter]


@dataclass(frozen=True)
class Report:
    """How a network is bounded: rules by layer, layers without a rule (run again, slow), and frozen parameters."""

    rules: dict[str, str]
    mapped: tuple[str, ...]
    frozen: tuple[str, ...]

    def __str__(self) -> str:
        kinds: dict[str, int] = {}
        for rule in self.rules.values():
            kinds[rule] = kinds.get(rule, 0) + 1
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        lines = [f"{len(self.rules)} layers: {said}"]
        if self.mapped:
            lines.append(f"no rule, mapped over records: {', '.join(self.mapped)}")
        if self.frozen:
            lines.append(f"frozen: {len(self.frozen)} parameters")
        return "\n".join(lines)


def holders_of(network: nn.Module) -> list[Holder]:
    """The modules whose parameters are learnt, with their rules; UsageError for layers that mix records."""
    found: list[Holder] = []
    covered: set[nn.Module] = set()
    for name, module in network.named_modules():
        _refuse(name, module)
        if module in covered:
            continue
        rule = rule_for(module)
        learnt = parameters(module, rule.whole)
        if not learnt:
            continue
        check = getattr(rule, "check", None)
        if check is not None:
            try:
                check(module)
            except UsageError as error:
                raise UsageError(f"The layer {name!r} cannot be bounded. {error}") from error
        if rule.whole:
            covered.update(module.modules())
        found.append(Holder(name or type(module).__name__, module, rule, learnt))
    return found


def tied_places(holders: Sequence[Holder]) -> dict[nn.Parameter, list[Place]]:
    """The parameters that are held in several places, with all of these."""
    places: dict[nn.Parameter, list[Place]] = {}
    for holder in holders:
        for name, parameter in holder.learnt.items():
            places.setdefault(parameter, []).append(Place(holder.module, holder.rule, name))
    return {parameter: some for parameter, some in places.items() if len(some) > 1}


def report_of(network: nn.Module, holders: Sequence[Holder]) -> Report:
    """What is said of a network's layers."""
    rules = {holder.name: type(holder.rule).__name__.removesuffix("Rule") for holder in holders}
    mapped = tuple(f"{one.name} ({type(one.module).__name__})" for one in holders if isinstance(one.rule, Mapped))
    frozen = tuple(name for name, one in network.named_parameters() if not one.requires_grad)
    return Report(rules, mapped, frozen)


def _refuse(name: str, module: nn.Module) -> None:
    """UsageError for layers whose answer to one record depends on the others."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        raise UsageError(
            f"The layer {name!r} is a {type(module).__name__}, which mixes the records of a batch, so that no record's "
            f"part can be bounded; replace it by GroupNorm, for example nn.GroupNorm(8, {module.num_features})."
        )
    if isinstance(module, nn.modules.instancenorm._InstanceNorm) and module.track_running_stats:
        raise UsageError(
            f"The layer {name!r} is a {type(module).__name__} that keeps running statistics of the records, which "
            "nothing bounds; set track_running_stats to False, or replace it by GroupNorm."
        )
    if type(module).__name__ == "OptimizedModule":
        raise UsageError(
            "The network was compiled, and what was compiled calls its layers no more; give the network as it was "
            "before torch.compile."
        )
    attention = getattr(module, "self_attn", None)
    transformer = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
    if isinstance(module, transformer) and isinstance(attention, nn.MultiheadAttention) and not attention.batch_first:
        raise UsageError(
            f"The layer {name!r} is a {type(module).__name__} whose linear maps are given the steps first and the "
            "records second, where no record's part can be told; make it with batch_first=True."
        )
