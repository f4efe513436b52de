"""Recurrent layers: LSTM, GRU and RNN, of any depth, in one direction or both, padded or packed.

The fused kernels of torch tell no gate's gradient, so the way forth and back are our own (see `cells`). What is left
then is linear in each weight: a record's gradient is the sum over its steps of a gate's gradient times what entered it,
the same as of a linear layer with as many positions as steps, and is bounded in the same way (see `linear`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.cells import Cell, GatedUnit, LongShort, Run, Simple
from bakeoff.privacy.rules.linear import learnt, whole
from bakeoff.privacy.rules.products import product, summed
from bakeoff.privacy.rules.rule import Tape, Use

ROOM = 1 << 24  # values of single records' gradients that are held at once


@dataclass
class _Layer:
    """One layer of a module, in all its directions; `suffixes` end the names of their parameters."""

    module: nn.RNNBase
    cell: Cell
    suffixes: tuple[str, ...]
    uses: tuple[Use, ...]
    alive: Tensor | None
    keep: bool

    def part(self, place: int, name: str) -> Tensor | None:
        """A parameter, detached, or None where the module has no biases."""
        found = getattr(self.module, f"{name}{self.suffixes[place]}", None)
        return None if found is None else found.detach()

    def weight(self, place: int, name: str) -> Tensor:
        """As part, of a weight."""
        found = self.part(place, name)
        assert found is not None
        return found


class _Steps(torch.autograd.Function):
    """One layer, (steps, rows, inside) to (steps, rows, directions x width), and its last states and cells."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, state: Tensor, memory: Tensor | None, anchor: Tensor, layer: _Layer) -> Any:
        """States (directions, rows, width) may be None, for zeros; only an LSTM has memories."""
        ctx.set_materialize_grads(False)
        flat = given.flatten(0, 1)
        runs = []
        for place in range(len(layer.suffixes)):
            run = _begun(layer, place, given, flat, state, memory)
            layer.cell.forward(run, layer.keep)
            runs.append(run)
        ctx.layer, ctx.runs = layer, runs
        out = runs[0].after if len(runs) == 1 else torch.cat([run.after for run in runs], dim=2)
        if layer.keep:
            # Whoever changes the output in place is told so, as by torch's own layers.
            ctx.save_for_backward(out)
        last = torch.stack([run.last for run in runs])
        return out, last, None if runs[0].memory is None else torch.stack([run.memory for run in runs])

    @staticmethod
    def backward(ctx: Any, above: Tensor | None, last: Tensor | None, memory: Tensor | None) -> Any:
        """Backpropagation through time, which leaves the gates' gradients in the uses."""
        assert ctx.saved_tensors
        layer: _Layer = ctx.layer
        given: Tensor | None = None
        firsts, cells = [], []
        parts = [None] * len(ctx.runs) if above is None else above.chunk(len(ctx.runs), dim=2)
        for place, (run, use, part) in enumerate(zip(ctx.runs, layer.uses, parts, strict=True)):
            ends = (None if one is None else one[place] for one in (last, memory))
            first, cell = layer.cell.backward(run, part, *ends)
            firsts.append(first)
            cells.append(cell)
            use.answer(run.gates)
            if ctx.needs_input_grad[0]:
                found = product(run.gates.flatten(0, 1), layer.weight(place, "weight_ih").t())
                given = found if given is None else given.add_(found)
        shaped = None if given is None else given.view(*ctx.runs[0].gates.shape[:2], -1)
        states = torch.stack(firsts) if ctx.needs_input_grad[1] else None
        return shaped, states, torch.stack(cells) if ctx.needs_input_grad[2] else None, None, None


def _begun(layer: _Layer, place: int, given: Tensor, flat: Tensor, state: Tensor, memory: Tensor | None) -> Run:
    """What goes into one direction: what enters the gates from outside, and room for the states."""
    bias, inner = layer.part(place, "bias_ih"), layer.part(place, "bias_hh")
    if not isinstance(layer.cell, GatedUnit) and bias is not None and inner is not None:
        bias, inner = bias + inner, None
    weight = layer.weight(place, "weight_hh")
    steps, rows, width = len(given), given.shape[1], weight.shape[1]
    gates = product(flat, layer.weight(place, "weight_ih"), bias).view(steps, rows, -1)
    backwards = place == 1
    states = given.new_empty(steps + 1, rows, width)
    states[-1 if backwards else 0] = 0.0 if state is None else state[place]
    run = Run(gates, states, weight, inner, backwards, layer.alive)
    if isinstance(layer.cell, LongShort):
        run.memory = states.new_zeros(rows, width) if memory is None else memory[place]
    layer.uses[place].kept["run"] = run
    return run


class RecurrentRule:
    """`nn.LSTM`, `nn.GRU` and `nn.RNN`."""

    whole = False

    def check(self, module: nn.RNNBase) -> None:
        """UsageError for a projected LSTM."""
        if getattr(module, "proj_size", 0):
            raise UsageError(
                f"{type(module).__name__} with proj_size={module.proj_size} cannot be bounded; leave proj_size out and "
                "put a linear layer behind it."
            )

    def call(self, module: nn.RNNBase, tape: Tape, input: Any, hx: Any = None) -> Any:
        """As the module's own forward; in single precision, also where others compute in half."""
        if isinstance(input, PackedSequence):
            return self._packed(module, tape, input, hx)
        if input.ndim != 3:
            raise UsageError(
                f"{type(module).__name__} was given {tuple(input.shape)}; private training needs a batch of sequences: "
                "(records, steps, features), or (steps, records, features) without batch_first."
            )
        if not input.numel():
            return getattr(module.forward, "own", module.forward)(input, hx)
        given = input.transpose(0, 1) if module.batch_first else input
        out, ends = self._layers(module, tape, given, hx, None)
        return (out.transpose(0, 1) if module.batch_first else out), ends

    def _packed(self, module: nn.RNNBase, tape: Tape, given: PackedSequence, hx: Any) -> Any:
        padded, lengths = pad_packed_sequence(given)
        places = torch.arange(len(padded), device=padded.device).unsqueeze(1)
        alive = (places < lengths.to(padded.device)).to(padded.dtype).unsqueeze(-1)
        out, ends = self._layers(module, tape, padded, hx, alive)
        if given.sorted_indices is not None:
            out, lengths = out.index_select(1, given.sorted_indices), lengths[given.sorted_indices.cpu()]
        packed = pack_padded_sequence(out, lengths)
        return PackedSequence(packed.data, packed.batch_sizes, given.sorted_indices, given.unsorted_indices), ends

    def _layers(self, module: nn.RNNBase, tape: Tape, given: Tensor, hx: Any, alive: Tensor | None) -> tuple[Any, Any]:
        """(steps, rows, ...) through all layers."""
        directions = 2 if module.bidirectional else 1
        state, memory = hx if isinstance(hx, tuple) else (hx, None)
        cell = _cell(module)
        lasts, cells = [], []
        with torch.autocast(given.device.type, enabled=False):
            given = given.to(module.weight_ih_l0.dtype)
            for depth in range(module.num_layers):
                if depth and module.dropout:
                    given = functional.dropout(given, module.dropout, module.training)
                suffixes = tuple(f"_l{depth}{end}" for end in ("", "_reverse")[:directions])
                own = slice(directions * depth, directions * (depth + 1))
                uses = self._uses(module, tape, given, suffixes)
                layer = _Layer(module, cell, suffixes, uses, alive, torch.is_grad_enabled())
                begun = [None if one is None else one[own] for one in (state, memory)]
                given, last, kept = _Steps.apply(given, *begun, tape.anchor, layer)
                lasts.append(last)
                cells.append(kept)
        ends = torch.cat(lasts)
        return given, (ends, torch.cat(cells)) if isinstance(module, nn.LSTM) else ends

    def _uses(self, module: nn.RNNBase, tape: Tape, given: Tensor, suffixes: Sequence[str]) -> tuple[Use, ...]:
        held = given.detach()
        shared: dict[str, Tensor] = {}  # by both directions
        uses = [Use(module, (held,), kept={"suffix": suffix, "shared": shared}) for suffix in suffixes]
        return tuple(tape.add(use) for use in uses) if torch.is_grad_enabled() else tuple(uses)

    def squared_norms(self, module: nn.RNNBase, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of every weight and bias."""
        found: dict[str, Tensor] = {}
        for pairs in _directions(uses, records):
            found |= pairs.squared_norms()
        return {name: found[name].clamp_(min=0) for name in learnt(module) if name in found}

    def sums(self, module: nn.RNNBase, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """One product over all steps for each weight."""
        found: dict[str, Tensor] = {}
        for pairs in _directions(uses, len(next(iter(factors.values())))):
            found |= pairs.sums({name: factors[name] for name in pairs.names if name in factors})
        return found

    def per_record(self, module: nn.RNNBase, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        found: dict[str, Tensor] = {}
        for pairs in _directions(uses, records):
            found |= pairs.each()
        return {name: found[name] for name in learnt(module) if name in found}


def _cell(module: nn.RNNBase) -> Cell:
    if isinstance(module, nn.LSTM):
        return LongShort()
    if isinstance(module, nn.GRU):
        return GatedUnit()
    return Simple(str(module.nonlinearity))


def _directions(uses: Sequence[Use], records: int) -> Iterator[_Pairs]:
    """What each direction of each layer was given, over all calls of the module."""
    by_suffix: dict[str, list[Use]] = {}
    for use in uses:
        by_suffix.setdefault(use.kept["suffix"], []).append(use)
    for own in by_suffix.values():
        yield _Pairs(own, records)


class _Pairs:
    """One direction of one layer: gates' gradients and what entered them, in calls of (steps, rows, ...)."""

    def __init__(self, uses: Sequence[Use], records: int) -> None:
        self.uses, self.records = uses, records
        self.runs: list[Run] = [use.kept["run"] for use in uses]
        rows = self.runs[0].gates.shape[1]
        if any(run.gates.shape[1] % records for run in self.runs):
            raise UsageError(
                f"A recurrent layer was given {rows} sequences for {records} records; each record's sequences must "
                "stand together, equally many for each."
            )
        self.names = [f"{name}{uses[0].kept['suffix']}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        # A GRU's state enters its gates otherwise than its input does.
        self.twice = self.runs[0].recurrent is not None

    def _values(self) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Gradients of what enters from outside and from the state, and what enters: (steps, rows, ...) by call."""
        outer = [whole(run.gates) for run in self.runs]
        inner = [whole(run.recurrent) for run in self.runs if run.recurrent is not None] or outer
        given, before = [use.inputs[0] for use in self.uses], [run.before for run in self.runs]
        return outer, inner, [whole(one) for one in given], [whole(one) for one in before]

    def squared_norms(self) -> dict[str, Tensor]:
        """By Gram matrices, or of each record's gradients, whichever is the smaller work."""
        outer, inner, given, before = (self._positions(one) for one in self._values())
        steps, gates = outer.shape[1:]
        entering = given.shape[2] + before.shape[2]
        if steps * (gates + entering) > gates * entering:
            found = (_made(outer, given), _made(inner, before), _total(outer), _total(inner))
        else:
            size = max(1, ROOM // steps**2)
            some = zip(*(one.split(size) for one in (outer, inner, given, before)), strict=True)
            found = tuple(torch.cat(parts) for parts in zip(*(self._by_grams(*one) for one in some), strict=True))
        return dict(zip(self.names, found, strict=True))

    def _by_grams(self, outer: Tensor, inner: Tensor, given: Tensor, before: Tensor) -> tuple[Tensor, ...]:
        """Squared norms for some records, (records, steps, ...)."""
        of_outer = _gram(outer)
        of_inner = _gram(inner) if self.twice else of_outer
        shared: dict[str, Tensor] = self.uses[0].kept["shared"]  # the other direction is given the same
        alone = len(self.uses) == 1 and len(given) == self.records
        of_given = shared.get("gram") if alone else None
        if of_given is None:
            of_given = _gram(given)
        if alone:
            shared["gram"] = of_given
        bias = of_outer.sum((1, 2))
        inner_bias = of_inner.sum((1, 2)) if self.twice else bias.clone()
        return _dot(of_outer, of_given), _dot(of_inner, _gram(before)), bias, inner_bias

    def _positions(self, values: Sequence[Tensor]) -> Tensor:
        """(records, steps, ...), the calls one after another."""
        found = []
        for one in values:
            steps, rows, width = one.shape
            if rows == self.records:
                found.append(one.transpose(0, 1))
            else:
                split = one.view(steps, self.records, rows // self.records, width)
                found.append(split.permute(1, 2, 0, 3).reshape(self.records, -1, width))
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def sums(self, factors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each record's factor goes with what entered, the smaller side."""
        parts: list[dict[str, Tensor]] = []
        alike = not self.twice and all(factors.get(name) is next(iter(factors.values())) for name in self.names)
        for gates, inner, given, before in zip(*self._values(), strict=True):
            parts.append(self._joined(factors, gates, given, before) if alike else {})
            if not alike:
                for name, own, entered in zip(self.names, (gates, inner) * 2, (given, before, None, None), strict=True):
                    if name in factors:
                        parts[-1][name] = self._one(factors[name], own, entered)
        return (
            parts[0]
            if len(parts) == 1
            else {name: torch.stack([one[name] for one in parts]).sum(0) for name in factors}
        )

    def _one(self, factor: Tensor, gates: Tensor, entered: Tensor | None) -> Tensor:
        """The sum for one weight, or for a bias."""
        along = self._along(factor, gates)
        if entered is None:
            return along.expand(*gates.shape[:2], 1).reshape(-1) @ gates.flatten(0, 1)
        return summed(gates.flatten(0, 1), (entered * along).flatten(0, 1))

    def _joined(self, factors: Mapping[str, Tensor], gates: Tensor, given: Tensor, before: Tensor) -> dict[str, Tensor]:
        """All sums by one product, where the factors are the same for all parameters."""
        along = self._along(factors[self.names[0]], gates)
        inside, width = given.shape[2], before.shape[2]
        entered = gates.new_empty(*gates.shape[:2], inside + width + 1)
        torch.mul(given, along, out=entered[..., :inside])
        torch.mul(before, along, out=entered[..., inside:-1])
        entered[..., -1:] = along
        found = summed(gates.flatten(0, 1), entered.flatten(0, 1)).split([inside, width, 1], dim=1)
        bias = found[2].squeeze(1)
        return dict(zip(self.names, (found[0], found[1], bias, bias.clone()), strict=True))

    def _along(self, factor: Tensor, like: Tensor) -> Tensor:
        """(1, rows, 1)."""
        times = like.shape[1] // self.records
        return (factor if times == 1 else factor.repeat_interleave(times)).to(like.dtype).view(1, -1, 1)

    def each(self) -> dict[str, Tensor]:
        """Each record's gradients."""
        outer, inner, given, before = (self._positions(one) for one in self._values())
        found = [outer.transpose(1, 2) @ given, inner.transpose(1, 2) @ before, outer.sum(1), inner.sum(1)]
        return dict(zip(self.names, found, strict=True))


def _gram(values: Tensor) -> Tensor:
    """Products of positions, (records, positions, positions) of (records, positions, width)."""
    return torch.bmm(values, values.transpose(1, 2))


def _dot(left: Tensor, right: Tensor) -> Tensor:
    """(records,) of matrices (records, positions, positions)."""
    return torch.linalg.vecdot(left.flatten(1), right.flatten(1))


def _made(gradient: Tensor, given: Tensor) -> Tensor:
    """Squared norms of records' gradients, some records at a time."""
    size = max(1, ROOM // (gradient.shape[2] * given.shape[2]))
    found = []
    for own, entered in zip(gradient.split(size), given.split(size), strict=True):
        each = torch.bmm(own.transpose(1, 2), entered).flatten(1)
        found.append(torch.linalg.vecdot(each, each))
    return torch.cat(found)


def _total(gradient: Tensor) -> Tensor:
    total = gradient.sum(1)
    return torch.linalg.vecdot(total, total)
