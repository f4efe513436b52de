"""Any other module: its backward pass is mapped over records, or done one record at a time where that cannot be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations, islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.linear import lengths
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.rule import Tape, Use
from bakeoff.privacy.tape import HALF

GUESSES = 32  # of which inputs have records in their first dimension
ROOM = 2**25  # values of single records' gradients that are held at once while they are mapped


class Mapped:
    """Every record's gradient made by running the module again; exact for what keeps records in its first dimension.

    `whole` answers for the parameters of the modules inside as well.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole

    def repeats(self, module: nn.Module) -> None:
        """UsageError where the module's answers are random: running it again would give others."""
        for name, one in module.named_modules():
            share = one.p if isinstance(one, nn.modules.dropout._DropoutNd) else getattr(one, "dropout", 0.0)
            if one.training and isinstance(share, float) and share > 0:
                raise UsageError(
                    f"{type(module).__name__} has parameters of its own and no rule, so it must be run again for each "
                    f"record, which dropout inside of it ({name or 'its own'}, {share:g}) does not allow; move its "
                    "parameters into a module of their own, or set that dropout to 0."
                )

    def call(self, module: nn.Module, tape: Tape, *args: Any, **kwargs: Any) -> Any:
        """The module's own forward; each of its answers is tapped."""
        self.repeats(module)
        args, kwargs = tree.tree_map_only(Tensor, tape.spread, (args, kwargs))
        answers, form = tree.tree_flatten(own_forward(module)(*args, **kwargs))
        given = tree.tree_map_only(Tensor, Tensor.detach, (args, kwargs))
        one = {"call": object()}
        for place, answer in enumerate(answers):
            if isinstance(answer, Tensor) and answer.is_floating_point():
                # A view, whose gradient is that of what comes after: the module itself may use its answer further.
                kept = {**one, "place": place, "answer": answer.detach()}
                answers[place] = tape.note(Use(module, given, kept=kept), answer.view_as(answer))
        return tree.tree_unflatten(answers, form)

    def squared_norms(self, module: nn.Module, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of what was made."""
        return {name: lengths(each.flatten(1)) for name, each in self.per_record(module, uses, records).items()}

    def sums(self, module: nn.Module, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Of what was made."""
        each = self.per_record(module, uses, len(next(iter(factors.values()))))
        return {name: weighted(each[name], factor) for name, factor in factors.items()}

    def per_record(self, module: nn.Module, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients, over all calls."""
        kept = uses[0].kept
        if "each" not in kept:
            calls: dict[int, list[Use]] = {}
            for use in uses:
                calls.setdefault(id(use.kept["call"]), []).append(use)
            found = [_each(module, answers, records, self.whole) for answers in calls.values()]
            kept["each"] = {name: sum(one[name] for one in found) for name in found[0]}
        each: Mapping[str, Tensor] = kept["each"]
        return each


def own_forward(module: nn.Module) -> Callable[..., Any]:
    """The forward that a rule stands in for."""
    own: Callable[..., Any] = getattr(module.forward, "own", module.forward)
    return own


def parameters(module: nn.Module, whole: bool) -> dict[str, nn.Parameter]:
    """What is learnt of a module, by its name there."""
    return {name: one for name, one in module.named_parameters(recurse=whole) if one.requires_grad}


@contextmanager
def shadowed(module: nn.Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """While it lasts, these tensors are found under the names of a module's parameters."""
    places = []
    for name, tensor in tensors.items():
        path, _, last = name.rpartition(".")
        owner = module.get_submodule(path)
        owner.__dict__[last] = tensor
        places.append((owner, last))
    try:
        yield
    finally:
        for owner, last in places:
            del owner.__dict__[last]


Run = Callable[[Mapping[str, Tensor], Sequence[Tensor]], list[Tensor]]  # answers of one record, of values and inputs
Found = tuple[dict[str, Tensor], list[Tensor]]  # each record's gradients by name, and its answers


def _each(module: nn.Module, uses: Sequence[Use], records: int, whole: bool) -> dict[str, Tensor]:
    """Each record's gradients from the answers of one call.

    Which of its inputs have records in their first dimension is guessed from their sizes, and the guess is held to give
    the same answers again: a table of as many rows as there are records would be taken for them. UsageError where none
    does.
    """
    values = {name: parameter.detach() for name, parameter in parameters(module, whole).items()}
    flat, form = tree.tree_flatten(uses[0].inputs)
    gradients = [_by_record(use.gradient, records) for use in uses]
    expected = [_by_record(use.kept["answer"], records) for use in uses]
    for own in _guesses(flat, records):

        def run(tensors: Mapping[str, Tensor], parts: Sequence[Tensor], own: Sequence[bool] = own) -> list[Tensor]:
            rest = iter(parts)
            filled = [next(rest) if split else one for one, split in zip(flat, own, strict=True)]
            args, kwargs = tree.tree_unflatten(filled, form)
            with shadowed(module, tensors):
                found = tree.tree_flatten(module.forward(*args, **kwargs))[0]
            return [found[use.kept["place"]] for use in uses]

        given = [_by_record(one, records) for one, split in zip(flat, own, strict=True) if split]
        for way in (_mapped, _one_by_one):
            try:
                found, answers = way(run, values, given, gradients)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                _refuse_random(module, error)
                continue
            if all(_alike(one, other) for one, other in zip(answers, expected, strict=True)):
                return found
    raise UsageError(
        f"{type(module).__name__} has parameters of its own and no rule, and gives other answers when it is run for "
        "one record at a time; let it keep the records in the first dimension of what it is given and answers."
    )


def _guesses(flat: Sequence[Any], records: int) -> Iterator[list[bool]]:
    """Which inputs may have the records in their first dimension: all that may, then ever fewer of them."""
    may = [
        place
        for place, one in enumerate(flat)
        if isinstance(one, Tensor) and one.ndim and one.shape[0] and one.shape[0] % records == 0
    ]
    subsets = (set(some) for size in range(len(may), 0, -1) for some in combinations(may, size))
    for some in islice(subsets, GUESSES):
        yield [place in some for place in range(len(flat))]


def _refuse_random(module: nn.Module, error: Exception) -> None:
    if "randomness" in str(error):
        raise UsageError(
            f"{type(module).__name__} has parameters of its own and no rule, so it must be run again for each record, "
            "and it draws random numbers, which would be others then; move its parameters into a module of their own."
        ) from error


def _alike(found: Tensor, expected: Tensor) -> bool:
    exact = 0.05 if expected.dtype in HALF or found.dtype in HALF else 1e-3
    if found.shape != expected.shape:
        return False
    # What is not a number stands in the input already, and is refused by name elsewhere.
    return (
        bool(torch.isnan(expected).any()) or float((found - expected).norm()) <= exact * float(expected.norm()) + 1e-6
    )


def _mapped(run: Run, values: Mapping[str, Tensor], given: Sequence[Tensor], gradients: Sequence[Tensor]) -> Found:
    def one(parts: list[Tensor], pulls: list[Tensor]) -> Found:
        answers, pull = torch.func.vjp(lambda tensors: run(tensors, parts), dict(values))
        return pull(pulls)[0], answers

    size = max(1, ROOM // max(1, sum(value.numel() for value in values.values())))
    mapped = torch.func.vmap(one, chunk_size=size)
    with warnings.catch_warnings():
        # Which modules are slow stands in the report.
        warnings.filterwarnings("ignore", message="There is a performance drop")
        found: Found = mapped(list(given), list(gradients))
    return found


def _one_by_one(run: Run, values: Mapping[str, Tensor], given: Sequence[Tensor], gradients: Sequence[Tensor]) -> Found:
    found: dict[str, list[Tensor]] = {name: [] for name in values}
    told: list[list[Tensor]] = [[] for _ in gradients]
    for record in range(len(gradients[0])):
        learnt = {name: value.clone().requires_grad_() for name, value in values.items()}
        with torch.enable_grad():
            answers = run(learnt, [one[record] for one in given])
            pulled = torch.autograd.grad(
                answers, list(learnt.values()), [one[record] for one in gradients], allow_unused=True
            )
        for name, gradient in zip(values, pulled, strict=True):
            found[name].append(torch.zeros_like(values[name]) if gradient is None else gradient)
        for some, answer in zip(told, answers, strict=True):
            some.append(answer.detach())
    return {name: torch.stack(one) for name, one in found.items()}, [torch.stack(some) for some in told]


def _by_record(given: Any, records: int) -> Tensor:
    """(records, positions, ...) of records, or of records and positions folded into one."""
    if given.shape[0] % records:
        raise UsageError(
            f"A module without a rule answered {tuple(given.shape)} for {records} records; the first dimension must be "
            "the records, or records and positions folded into one."
        )
    found: Tensor = given.reshape(records, -1, *given.shape[1:])
    return found
