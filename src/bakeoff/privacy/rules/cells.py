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

from bakeoff.privacy.rules.products import product


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


Ends = tuple[Tensor, Tensor | None]  # gradients of the first state and of the first cell, (rows, width)


class LongShort:
    """LSTM: enter, forget, new, leave."""

    gates = 4

    def forward(self, run: Run, keep: bool) -> None:
        """Afterwards gates hold the derivatives of the gates, `kept` those of the cell from the state and before."""
        rows, width = run.states.shape[1:]
        gates, before, after = run.gates.unbind(0), run.before.unbind(0), run.after.unbind(0)
        work = torch.empty_like(run.gates[0])
        enter, forget, new, leave = work.split(width, dim=1)
        first_two = work[:, : 2 * width]
        assert run.memory is not None
        cell, curved = run.memory.clone(), torch.empty_like(run.memory)
        if keep:
            run.kept = run.gates.new_empty(len(gates), 2, rows, width)
        for step in run.order():
            torch.add(product(before[step], run.weight), gates[step], out=work)
            torch.sigmoid(first_two, out=first_two)
            torch.tanh(new, out=new)
            torch.sigmoid(leave, out=leave)
            if keep:  # of the old cell, before it is overwritten
                assert run.kept is not None
                to_state, to_cell = run.kept[step].unbind(0)
                slots = gates[step].split(width, dim=1)
                aten.sigmoid_backward.grad_input(cell, forget, grad_input=slots[1])
                aten.sigmoid_backward.grad_input(new, enter, grad_input=slots[0])
                aten.tanh_backward.grad_input(enter, new, grad_input=slots[2])
                to_cell.copy_(forget)
            old = cell.clone() if run.alive is not None else cell
            cell.mul_(forget).addcmul_(enter, new)
            torch.tanh(cell, out=curved)
            torch.mul(leave, curved, out=after[step])
            if keep:
                aten.sigmoid_backward.grad_input(curved, leave, grad_input=slots[3])
                aten.tanh_backward.grad_input(leave, curved, grad_input=to_state)
            if run.alive is not None:
                there = run.alive[step]
                cell.copy_(torch.lerp(old, cell, there))
                after[step].copy_(torch.lerp(before[step], after[step], there))
                if keep:
                    gates[step].mul_(there)
                    to_state.mul_(there)
                    to_cell.copy_(torch.lerp(torch.ones_like(to_cell), to_cell, there))
        run.memory = cell

    def backward(self, run: Run, above: Tensor | None, last: Tensor | None, memory: Tensor | None) -> Ends:
        """Backpropagation through time."""
        assert run.kept is not None
        rows, width = run.states.shape[1:]
        gates, kept = run.gates.unbind(0), run.kept.unbind(0)
        along = run.weight.t()
        state = _begun(last, run)
        cell = _begun(memory, run)
        for step in reversed(run.order()):
            if above is not None:
                state += above[step]
            to_state, to_cell = kept[step].unbind(0)
            cell.addcmul_(state, to_state)
            gates[step].view(rows, 4, width)[:, :3].mul_(cell.unsqueeze(1))
            gates[step][:, 3 * width :].mul_(state)
            cell.mul_(to_cell)
            found = product(gates[step], along)
            if run.alive is not None:
                found.addcmul_(state, 1 - run.alive[step])
            state = found
        return state, cell


class GatedUnit:
    """GRU: reset, update, new."""

    gates = 3

    def forward(self, run: Run, keep: bool) -> None:
        """Afterwards gates hold the derivatives of the state by the gates, `kept` that by the state before.

        `recurrent` has those of what enters the gates from the state, which for the third is another one.
        """
        rows, width = run.states.shape[1:]
        gates, before, after = run.gates.unbind(0), run.before.unbind(0), run.after.unbind(0)
        if keep:
            run.kept = run.gates.new_empty(len(gates), rows, width)
            run.recurrent = torch.empty_like(run.gates)
        for step in run.order():
            inner = product(before[step], run.weight, run.bias)
            both = torch.sigmoid(inner[:, : 2 * width] + gates[step][:, : 2 * width])
            reset, update = both.split(width, dim=1)
            side = inner[:, 2 * width :]
            new = torch.addcmul(gates[step][:, 2 * width :], reset, side).tanh_()
            torch.lerp(new, before[step], update, out=after[step])
            if keep:
                assert run.kept is not None and run.recurrent is not None
                slots = gates[step].split(width, dim=1)
                aten.sigmoid_backward.grad_input(before[step] - new, update, grad_input=slots[1])
                aten.tanh_backward.grad_input(1 - update, new, grad_input=slots[2])
                aten.sigmoid_backward.grad_input(slots[2] * side, reset, grad_input=slots[0])
                run.kept[step] = update
                run.recurrent[step].copy_(gates[step])
                run.recurrent[step][:, 2 * width :].mul_(reset)
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
        along = run.weight.t()
        state = _begun(last, run)
        for step in reversed(run.order()):
            if above is not None:
                state += above[step]
            run.gates[step].view(rows, 3, width).mul_(state.unsqueeze(1))
            run.recurrent[step].view(rows, 3, width).mul_(state.unsqueeze(1))
            state = product(run.recurrent[step], along).addcmul_(state, run.kept[step])
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


def _begun(given: Tensor | None, run: Run) -> Tensor:
    return torch.zeros_like(run.states[0]) if given is None else given.clone()
