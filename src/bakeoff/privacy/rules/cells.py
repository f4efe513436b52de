"""Recurrent cells, step by step: their states, and the gradient of what enters their gates.

Hochreiter and Schmidhuber, Long Short-Term Memory (1997); Cho et al., Learning Phrase Representations using RNN
Encoder-Decoder (2014), in torch's form, where the reset gate is applied after the product. The backward pass is
backpropagation through time. All that it needs is worked out in the forward pass, while the gates lie in the cache, and
takes the place of what came in: each step back is then one product of matrices and a few products of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.ops import aten

from bakeoff.privacy.rules.products import product, repeated


@dataclass
class Run:
    """One direction of one layer over a sequence, the steps first.

    `gates` (steps, rows, gates x width): what enters the gates from outside; its gradient after the backward pass.
    `states` (steps + 1, rows, width): before and after each step, in the order of the sequence; a backward direction
    begins at the end. `alive` float (steps, rows, 1) is 0 at padding, which the state passes unchanged; None: all is 1.
    """

    gates: Tensor
    states: Tensor
    weight: Tensor
    bias: Tensor | None
    backwards: bool
    alive: Tensor | None = None
    memory: Tensor | None = None  # an LSTM's cell: the first one, then the last
    kept: Tensor | None = None
    recurrent: Tensor | None = None  # gradient of what enters the gates from the state, where it is another one

    def order(self) -> range:
        """The steps as they are read."""
        steps = len(self.gates)
        return range(steps - 1, -1, -1) if self.backwards else range(steps)

    @property
    def before(self) -> Tensor:
        """The state before each step, (steps, rows, width)."""
        return self.states[1:] if self.backwards else self.states[:-1]

    @property
    def after(self) -> Tensor:
        """The state after each step, (steps, rows, width)."""
        return self.states[:-1] if self.backwards else self.states[1:]

    @property
    def last(self) -> Tensor:
        """The state at the end of the way, (rows, width)."""
        return self.states[0] if self.backwards else self.states[-1]


class Cell(Protocol):
    """The steps of one type of cell; `gates` is how many widths of gates it has."""

    gates: int

    def forward(self, run: Run, keep: bool) -> None:
        """Fill the states; with `keep`, turn the gates into what the backward pass needs."""

    def backward(self, run: Run, above: Tensor | None, last: Tensor | None, memory: Tensor | None) -> Ends:
        """Turn what was kept into gradients; `above` (steps, rows, width) are those of the states after each step.

        `last` and `memory` are those of the last state and cell.
        """


# A gradient times the derivative of a curve at what came out of it, written into `grad_input`.
logistic, tangent = aten.sigmoid_backward.grad_input, aten.tanh_backward.grad_input

Ends = tuple[Tensor, Tensor | None]  # gradients of the first state and of the first cell, (rows, width)


class LongShort:
    """LSTM: enter, forget, new, leave."""

    gates = 4

    def forward(self, run: Run, keep: bool) -> None:
        """Afterwards gates hold the derivatives of the gates, `kept` those of the cell from the state and before.

        All in place: what a step touches then stays in the cache beside the weights.
        """
        rows, width = run.states.shape[1:]
        gates, before, after = run.gates.unbind(0), run.before.unbind(0), run.after.unbind(0)
        enters, forgets, news, leaves = (part.unbind(0) for part in run.gates.split(width, dim=2))
        assert run.memory is not None
        cell, inner = run.memory.clone(), repeated(run.weight, rows)
        run.kept = run.gates.new_empty(2, len(gates) if keep else 1, rows, width)
        to_state, to_cell = (part.unbind(0) if keep else (part[0],) * len(gates) for part in run.kept)
        for step in run.order():
            enter, forget, leave = enters[step], forgets[step], leaves[step]
            gates[step].add_(inner(before[step]))
            fresh = _squashed(gates[step], news[step])
            to_cell[step].copy_(forget)
            old = cell.clone() if run.alive is not None else cell
            if keep:
                logistic(cell, forget, grad_input=forget)
                tangent(enter, fresh, grad_input=news[step])
            cell.mul_(to_cell[step]).addcmul_(enter, fresh)
            curved = curve(cell)
            torch.mul(leave, curved, out=after[step])
            if keep:
                logistic(fresh, enter, grad_input=enter)
                tangent(leave, curved, grad_input=to_state[step])
                logistic(curved, leave, grad_input=leave)
            if run.alive is not None:
                there = run.alive[step]
                cell.copy_(torch.lerp(old, cell, there))
                after[step].copy_(torch.lerp(before[step], after[step], there))
                gates[step].mul_(there)
                to_state[step].mul_(there)
                to_cell[step].copy_(torch.lerp(torch.ones_like(cell), to_cell[step], there))
        run.memory = cell

    def backward(self, run: Run, above: Tensor | None, last: Tensor | None, memory: Tensor | None) -> Ends:
        """Backpropagation through time."""
        assert run.kept is not None
        rows, width = run.states.shape[1:]
        gates, (to_state, to_cell) = run.gates.unbind(0), (part.unbind(0) for part in run.kept)
        by_cell = run.gates.unflatten(2, (4, width))[:, :, :3].unbind(0)
        by_state = run.gates[:, :, 3 * width :].unbind(0)
        from_above = None if above is None else above.unbind(0)
        along = repeated(run.weight.t(), rows)
        state, cell = _begun(last, run), _begun(memory, run)
        spread = cell.unsqueeze(1)
        for step in reversed(run.order()):
            if from_above is not None:
                state.add_(from_above[step])
            cell.addcmul_(state, to_state[step])
            by_cell[step].mul_(spread)
            by_state[step].mul_(state)
            cell.mul_(to_cell[step])
            found = along(gates[step])
            if run.alive is not None:
                found.addcmul_(state, 1 - run.alive[step])
            state = found
        return state, cell


class GatedUnit:
    """GRU: reset, update, new."""

    gates = 3

    def forward(self, run: Run, keep: bool) -> None:
        """Afterwards gates hold the derivatives of the state by the gates, `kept` those by the state before.

        `recurrent` has those of what enters the gates from the state, which for the third is another one.
        """
        rows, width = run.states.shape[1:]
        gates, before, after = run.gates.unbind(0), run.before.unbind(0), run.after.unbind(0)
        resets, updates, news = (part.unbind(0) for part in run.gates.split(width, dim=2))
        along = repeated(run.weight, rows)
        if keep:
            run.kept = run.gates.new_empty(len(gates), rows, width)
            run.recurrent = torch.empty_like(run.gates)
        for step in run.order():
            inner = along(before[step])
            if run.bias is not None:
                inner.add_(run.bias)
            both, side = inner[:, : 2 * width], inner[:, 2 * width :]
            reset, update = both.add_(gates[step][:, : 2 * width]).sigmoid_().split(width, dim=1)
            new = curve(torch.addcmul(news[step], reset, side))
            torch.lerp(new, before[step], update, out=after[step])
            if keep:
                assert run.kept is not None and run.recurrent is not None
                logistic(before[step] - new, update, grad_input=updates[step])
                tangent(1 - update, new, grad_input=news[step])
                logistic(side.mul_(news[step]), reset, grad_input=resets[step])
                run.kept[step].copy_(update)
                run.recurrent[step].copy_(gates[step])[:, 2 * width :].mul_(reset)
            if run.alive is not None:
                there = run.alive[step]
                after[step].copy_(torch.lerp(before[step], after[step], there))
                if keep:
                    assert run.kept is not None and run.recurrent is not None
                    gates[step].mul_(there)
                    run.recurrent[step].mul_(there)
                    run.kept[step].copy_(torch.lerp(torch.ones_like(update), update, there))

    def backward(self, run: Run, above: Tensor | None, last: Tensor | None, memory: Tensor | None) -> Ends:
        """Backpropagation through time."""
        assert run.kept is not None and run.recurrent is not None
        rows, width = run.states.shape[1:]
        outer, inner = (one.unflatten(2, (3, width)).unbind(0) for one in (run.gates, run.recurrent))
        from_above = None if above is None else above.unbind(0)
        recurrent, kept, along = run.recurrent.unbind(0), run.kept.unbind(0), repeated(run.weight.t(), rows)
        state = _begun(last, run)
        for step in reversed(run.order()):
            if from_above is not None:
                state.add_(from_above[step])
            spread = state.unsqueeze(1)
            outer[step].mul_(spread)
            inner[step].mul_(spread)
            state = along(recurrent[step]).addcmul_(state, kept[step])
        return state, None


class Simple:
    """Elman's cell, with tanh or relu."""

    gates = 1

    def __init__(self, curve: str) -> None:
        self.curve = curve

    def forward(self, run: Run, keep: bool) -> None:
        """Afterwards gates hold the derivative of the state by what enters it."""
        gates, before, after = run.gates.unbind(0), run.before.unbind(0), run.after.unbind(0)
        for step in run.order():
            inner = product(before[step], run.weight).add_(gates[step])
            if self.curve == "tanh":
                torch.tanh(inner, out=after[step])
                gates[step].copy_(1 - after[step] ** 2)
            else:
                torch.clamp(inner, min=0, out=after[step])
                gates[step].copy_(inner > 0)
            if run.alive is not None:
                there = run.alive[step]
                after[step].copy_(torch.lerp(before[step], after[step], there))
                gates[step].mul_(there)

    def backward(self, run: Run, above: Tensor | None, last: Tensor | None, memory: Tensor | None) -> Ends:
        """Backpropagation through time."""
        along = run.weight.t()
        state = _begun(last, run)
        for step in reversed(run.order()):
            if above is not None:
                state += above[step]
            run.gates[step].mul_(state)
            found = product(run.gates[step], along)
            if run.alive is not None:
                found.addcmul_(state, 1 - run.alive[step])
            state = found
        return state, None


def curve(values: Tensor) -> Tensor:
    """The hyperbolic tangent, to 1e-7 of its range; by the logistic function where that is several times quicker."""
    if not _quick(values):
        return values.tanh()
    return torch.rsub(torch.sigmoid(values * 2), -1.0, alpha=-2.0)


def _squashed(work: Tensor, new: Tensor) -> Tensor:
    """All gates through the logistic function in place, but for `new`, a part of them: its hyperbolic tangent."""
    if not _quick(work):
        fresh = new.tanh()
        work.sigmoid_()
        return fresh
    new.mul_(2)
    work.sigmoid_()
    return torch.rsub(new, -1.0, alpha=-2.0)


def _quick(values: Tensor) -> bool:
    """Whether torch's tangent is the slow one: measured on a processor, 2.4 against 0.3 ns for each value."""
    return values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64)


def _begun(given: Tensor | None, run: Run) -> Tensor:
    return torch.zeros_like(run.states[0]) if given is None else given.clone()
