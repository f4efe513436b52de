"""The tape: what went into every layer and the gradient of what came out, for one pass of one batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.rule import Rule, Use

HALF = (torch.float16, torch.bfloat16)


class _Tap(torch.autograd.Function):
    """The identity, whose backward pass puts the gradient into a use."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, anchor: Tensor, use: Use) -> Tensor:
        """The output; `anchor` requires a gradient, and so the result does."""
        ctx.use = use
        return output.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Kept for the use, and handed on where something before it wants it."""
        ctx.use.answer(gradient)
        return (gradient if ctx.needs_input_grad[0] else None), None, None


class PassTape:
    """All uses of one pass of `records` records, by module in the order of their calls."""

    def __init__(self, records: int, device: torch.device, eager: Collection[nn.Module] = ()) -> None:
        self.records = records
        self.eager = eager
        self.anchor = torch.zeros((), device=device, requires_grad=True)
        self.uses: dict[nn.Module, list[Use]] = {}
        self.half = False  # whether some layer computed in half precision
        self._shared: dict[tuple[int, int], dict[str, Any]] = {}

    def add(self, use: Use) -> Use:
        """Write a use down without tapping anything; whoever calls fills its gradient."""
        some = self.uses.get(use.module)
        if some is None:
            self.uses[use.module] = [use]
        else:
            some.append(use)
        return use

    def note(self, use: Use, output: Tensor) -> Tensor:
        """Write a use down; the output again, tapped: its gradient will be put into the use."""
        if not torch.is_grad_enabled():
            return output
        self.add(use)
        return self.tap(use, output)

    def tap(self, use: Use, output: Tensor) -> Tensor:
        """The output again; its gradient will be put into the use, which is not written down."""
        if output.dtype in HALF:
            self.half = True
        # A view that is changed in place afterwards gets a new history, and a hook on the old one is never called.
        if not output.requires_grad or output._is_view():
            tapped: Tensor = _Tap.apply(output, self.anchor, use)
            return tapped

        def answer(gradient: Tensor) -> None:
            use.answer(gradient)

        output.register_hook(answer)
        return output

    def ran(self) -> None:
        """The forward pass is over: inputs need not be told from each other any more."""
        for shared in self._shared.values():
            del shared["held"]
        self._shared = {}

    def shared(self, given: Tensor) -> dict[str, Any]:
        """A place for what is worked out of an input, the same one for every layer that is given the same tensor.

        To be called while the pass runs: the tensor is held until its end, so that no other can take its place.
        """
        key = (id(given), given._version)
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = {"held": given}
        return found

    def spread(self, given: Tensor) -> Tensor:
        """An input of all records: one that is alike for all, first dimension 1, is repeated without being copied."""
        if self.records > 1 and given.ndim > 1 and given.shape[0] == 1:
            return given.expand(self.records, *given.shape[1:])
        return given


class Standing(AbstractContextManager[None]):
    """While it lasts, parameters need no gradient and rules stand in for their modules' `forward`.

    Modules with an attribute `apart` have it set: they then keep the records in the first dimension throughout.
    """

    def __init__(self, rules: Mapping[nn.Module, Rule], parameters: list[nn.Parameter], apart: list[Any]) -> None:
        self.rules = rules
        self.parameters = parameters
        self.apart = apart
        self.tape: PassTape | None = None

    def __enter__(self) -> None:
        assert self.tape is not None
        self._fast = torch.backends.mha.get_fastpath_enabled()
        self._before = [module.apart for module in self.apart]
        torch.backends.mha.set_fastpath_enabled(False)  # it would read weights past their rules
        for parameter in self.parameters:
            parameter.requires_grad_(False)
        for module in self.apart:
            module.apart = True
        for module, rule in self.rules.items():
            module.__dict__["forward"] = StandIn(rule, module, self.tape)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for module in self.rules:
            stood = module.__dict__.pop("forward", None)
            if isinstance(stood, StandIn) and stood.instance is not None:
                module.__dict__["forward"] = stood.instance
        for module, before in zip(self.apart, self._before, strict=True):
            module.apart = before
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.tape = None  # what it holds is as much as a batch needs
        torch.backends.mha.set_fastpath_enabled(self._fast)


class StandIn:
    """A rule's call in place of one module's forward; `own` is what it stands in for."""

    def __init__(self, rule: Rule, module: nn.Module, tape: PassTape) -> None:
        self.rule, self.module, self.tape = rule, module, tape
        self.own: Any = module.forward
        self.instance: Any = module.__dict__.get("forward")  # replaced for this instance alone, by another library

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The rule's call."""
        return self.rule.call(self.module, self.tape, *args, **kwargs)


def folded(given: Tensor, records: int, last: int = 1) -> Tensor:
    """(records, positions, *last dimensions) of a tensor whose first dimension is records, or records and positions.

    UsageError where the first dimension is no multiple of the number of records: they were mixed.
    """
    if given.ndim <= last or given.shape[0] % records:
        raise UsageError(
            f"A layer was given {tuple(given.shape)} for {records} records; the first dimension must be the records, "
            "or records and positions folded into one, so that each record's part can be told from the others'."
        )
    return given.reshape(records, -1, *given.shape[given.ndim - last :])
