"""The self check: before the first step, a few records one at a time must give what book-keeping gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.errors import UsageError
from bakeoff.privacy.bookkeeping import BookKeeping
from bakeoff.privacy.rules.expanded import Expanded, expanded, rows_of
from bakeoff.privacy.rules.mapped import Mapped, shadowed
from bakeoff.privacy.tape import HALF

FEW = 3  # records that are looked at
EXACT, ROUGH = 1e-4, 5e-2  # differences that rounding explains, of what is compared, in single and in half precision
ROUNDING = 1e-6  # of the whole gradient: a bias that softmax is blind to has nothing but rounding
SMALL = 1e-3  # parameters that begin below it hide what lies before them, and are moved away from zero for the check
SHARES = (1.0, 0.5, 0.25)  # factors of the records, so that what is given to the wrong one is seen

Losses = Callable[[Sequence[int]], Tensor]


def verify(keeping: BookKeeping, losses: Losses, records: int) -> None:
    """Check book-keeping against the loop on the first records of a batch, and choose faster rules where they hold.

    `losses(places)` runs the network on the records at these places of the batch and gives the loss of each. While it
    is checked dropout is off and parameters that begin at zero are not. Nothing is done without records. UsageError
    says which parameter is used outside of its module, or that records are mixed.
    """
    count = min(FEW, records)
    if not count:
        return
    with ExitStack() as stack:
        for change in (_settled, _moved, _single):
            stack.enter_context(change(keeping.network))
        loop = _Loop(keeping, losses, count)
        _quicken(keeping, losses, loop, count)
        _compare(keeping, losses, loop)


class _Loop:
    """What records one at a time give.

    `losses` (records,), `norms` by parameter (parameters, records), `totals` by name with the records' shares as
    factors, and in `each` the records' gradients of parameters that have no rule.
    """

    def __init__(self, keeping: BookKeeping, losses: Losses, count: int) -> None:
        parameters = list(keeping.parameters.values())
        kept = {one for holder in keeping.holders if isinstance(holder.rule, Mapped) for one in holder.learnt.values()}
        totals = [torch.zeros_like(one, dtype=torch.promote_types(one.dtype, torch.float32)) for one in parameters]
        each: dict[str, list[Tensor]] = {name: [] for name, one in keeping.parameters.items() if one in kept}
        self.half = False
        told, norms = [], []
        for place in range(count):
            loss = _alone(losses, place)
            pulled = torch.autograd.grad(loss.sum(), parameters, allow_unused=True)
            found = [torch.zeros_like(one) if got is None else got for one, got in zip(parameters, pulled, strict=True)]
            found = [one.to_dense() if one.is_sparse else one for one in found]
            told.append(loss.detach())
            norms.append(torch.stack([one.norm().float() for one in found]))
            self.half = self.half or any(one.dtype in HALF for one in found)
            for name, total, one in zip(keeping.parameters, totals, found, strict=True):
                total.add_(one, alpha=SHARES[place])
                if name in each:
                    each[name].append(one)
        self.losses, self.norms = torch.cat(told), torch.stack(norms, dim=1)
        self.totals = dict(zip(keeping.parameters, totals, strict=True))
        self.each = {name: torch.stack(some) for name, some in each.items()}


def _alone(losses: Losses, place: int) -> Tensor:
    """The loss of one record, (1,); UsageError where there is none for each, or nothing is learnt by it."""
    with torch.enable_grad():
        loss = losses([place])
    if loss.shape != (1,):
        raise UsageError(
            f"The loss of one record has the shape {tuple(loss.shape)}; give one loss for each record, not reduced "
            "(reduction='none')."
        )
    if not loss.requires_grad:
        raise UsageError("The loss does not depend on any parameter that is learnt; nothing could be fitted.")
    return loss


def _quicken(keeping: BookKeeping, losses: Losses, loop: _Loop, count: int) -> None:
    """Give modules that would be run again for each record a copy of their parameters for each, where that is exact."""
    names = {parameter: name for name, parameter in keeping.parameters.items()}
    for holder in keeping.holders:
        if not isinstance(holder.rule, Mapped) or holder.rule.whole:
            continue
        ones: dict[str, int] = {}
        for name, parameter in holder.learnt.items():
            fitting = (
                some
                for some in range(-1 if parameter.ndim and parameter.shape[0] == 1 else 0, 4)
                if _allows(holder.module, name, some, (losses, count), loop.each[names[parameter]])
            )
            some = next(fitting, None)
            if some is None:
                break
            ones[name] = some
        else:
            keeping.replace(holder.module, Expanded(ones))


def _allows(module: nn.Module, name: str, ones: int, run: tuple[Losses, int], expected: Tensor) -> bool:
    """Whether a copy of the parameter for each record gives each record's gradient."""
    losses, count = run
    parameter: Tensor = module.get_parameter(name)
    copies: list[Tensor] = []
    own = module.forward

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        copy = expanded(parameter.detach(), rows_of((args, kwargs), count), ones).clone().requires_grad_()
        copies.append(copy)
        with shadowed(module, {name: copy}):
            return own(*args, **kwargs)

    instance = module.__dict__.get("forward")
    module.__dict__["forward"] = stand_in
    try:
        with torch.enable_grad():
            found = torch.autograd.grad(losses(list(range(count))).sum(), copies, allow_unused=True)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    finally:
        del module.__dict__["forward"]
        if instance is not None:
            module.__dict__["forward"] = instance
    shape = (count, -1, *parameter.shape)
    total = sum(one.reshape(shape).sum(1) for one in found if one is not None)
    return isinstance(total, Tensor) and float(expected.norm()) > 0 and _near(total, expected, EXACT)


def _compare(keeping: BookKeeping, losses: Losses, loop: _Loop) -> None:
    """UsageError where book-keeping differs from the loop."""
    count = len(loop.losses)
    sums = keeping.sums()
    found = keeping.clipped(lambda: losses(list(range(count))), count, _Shared(), sums)
    exact = ROUGH if found.half or loop.half else EXACT
    if not _near(found.losses.float(), loop.losses.float(), 10 * exact):
        raise UsageError(
            f"The loss of a record depends on the other records of its batch ({loop.losses[0]:.5g} alone, "
            f"{found.losses[0]:.5g} beside {count - 1} others), so no record's part can be bounded; let every layer "
            "and the loss look at one record at a time."
        )
    whole = float(loop.norms.norm())
    for name, own, norms in zip(loop.totals, loop.norms, found.norms.float(), strict=True):
        room = exact * float(own.norm()) + ROUNDING * whole
        off = (sums.dense(keeping.parameters[name]) - loop.totals[name]).norm()
        if float((norms - own).norm()) > room or float(off) > room:
            _refuse(name, float(norms.norm()), float(own.norm()))


def _refuse(name: str, found: float, expected: float) -> None:
    if found == 0:
        raise UsageError(
            f"The parameter {name!r} is used outside of the forward of the module that holds it, where its part of a "
            "record's gradient is not seen; use it in a module's own forward (two modules may share it)."
        )
    raise UsageError(
        f"The gradient of {name!r} by book-keeping is not that of the records one at a time (norms {found:.5g} and "
        f"{expected:.5g}): its layer mixes records, or does not keep them in its first dimension."
    )


def _near(found: Tensor, expected: Tensor, exact: float) -> bool:
    if found.shape != expected.shape or not bool(torch.isfinite(found).all()):
        return False
    return float((found - expected).norm()) <= exact * float(expected.norm()) + 1e-7


class _Shared:
    """A group for each parameter, and the records' shares as factors."""

    def groups(self, sizes: Mapping[str, int]) -> Sequence[int]:
        return range(len(sizes))

    def factors(self, norms: Tensor) -> Tensor:
        return torch.tensor(SHARES[: norms.shape[1]], device=norms.device).to(norms.dtype).expand(norms.shape)


@contextmanager
def _settled(network: nn.Module) -> Iterator[None]:
    """Dropout and whatever else is random while learning is off."""
    learning = [module for module in network.modules() if module.training]
    try:
        network.eval()
        # A recurrent kernel of cuDNN has no backward pass while it is not learning.
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        for module in learning:
            module.training = True


@contextmanager
def _moved(network: nn.Module) -> Iterator[None]:
    """Parameters of zeros are a little away from them: behind a last layer of zeros every gradient is zero."""
    random = torch.Generator().manual_seed(0)
    small = [one for one in network.parameters() if one.numel() and float(one.detach().abs().amax()) < SMALL]
    before = [one.detach().clone() for one in small]
    try:
        with torch.no_grad():
            for one in small:
                spread = max(0.05, one.shape[-1] ** -0.5 if one.ndim else 0.05)
                one.add_((torch.randn(one.shape, generator=random) * spread).to(one.device, one.dtype))
        yield
    finally:
        with torch.no_grad():
            for one, value in zip(small, before, strict=True):
                one.copy_(value)


@contextmanager
def _single(network: Any) -> Iterator[None]:
    """Single precision, where the network can be told."""
    mixed = getattr(network, "mixed", False)
    try:
        if mixed is True:
            network.mixed = False
        yield
    finally:
        if mixed is True:
            network.mixed = True
