"""What a rule is: how the layers of one type let each record's gradient be bounded without making it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass
class Use:
    """One call of one module in a forward pass: what went in, and the gradient of what came out.

    `inputs` are detached, the records first or records and positions folded into one in that order. `gradient` is
    filled by the backward pass, and stays None where the loss does not depend on the output. `kept` is what else a rule
    wants to keep between the two passes. `then` is called when the gradient has come: a rule that needs a small part of
    it only takes that part, and lets the rest go by `release`.
    """

    module: nn.Module
    inputs: tuple[Any, ...]
    gradient: Tensor | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    then: Callable[[Use], None] | None = None
    answered: bool = False

    def answer(self, gradient: Tensor) -> None:
        """The gradient has come."""
        self.gradient, self.answered = gradient, True
        if self.then is not None:
            self.then(self)

    def release(self) -> None:
        """Let go of what went in and of the gradient."""
        self.inputs, self.gradient = (), None


class Tape(Protocol):
    """All uses of one pass; rules write them down."""

    records: int
    anchor: Tensor
    eager: Collection[nn.Module]  # modules whose records' gradients may be made as soon as there is what is needed

    def add(self, use: Use) -> Use:
        """Write a use down without tapping anything; whoever calls fills its gradient."""

    def note(self, use: Use, output: Tensor) -> Tensor:
        """Write a use down; the output again, tapped: its gradient will be put into the use."""

    def tap(self, use: Use, output: Tensor) -> Tensor:
        """The output again; its gradient will be put into the use, which is not written down."""

    def shared(self, given: Tensor) -> dict[str, Any]:
        """A place for what is worked out of an input, the same one for every layer that is given the same tensor."""

    def spread(self, given: Tensor) -> Tensor:
        """An input of all records: one that is alike for all, first dimension 1, is repeated without being copied."""


class Rule(Protocol):
    """How modules of one type are bounded. Rules keep nothing themselves.

    A rule with `whole` set answers for the parameters of all modules inside its module too, by their dotted names.
    Uses that got no gradient are left out before a rule sees them; the first dimension of what a module is given may be
    any multiple of the records, a record's positions standing together.
    """

    whole: bool

    def call(self, module: Any, tape: Tape, *args: Any, **kwargs: Any) -> Any:
        """What stands in for `module.forward` while parameters are detached, and writes down its uses.

        `module.forward.own` is the forward that it stands in for.
        """

    def squared_norms(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """For each of the module's own trainable parameters, by name, the squared norm of each record's gradient.

        All uses of one pass together: a record's gradient is their sum. float32 (records,).
        """

    def sums(self, module: Any, uses: Sequence[Use], factors: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """For each parameter by name the sum of each record's gradient times its factor, float32 (records,).

        A tensor of the parameter's shape, or `Rows` of it.
        """

    def per_record(self, module: Any, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradient of each parameter, (records, *shape): the slow way, for tied weights and tests."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a matrix: `index` int64 (rows,) without repeats, `values` (rows, columns); the others are zero."""

    index: Tensor
    values: Tensor


@dataclass(frozen=True)
class Outer:
    """A record's gradient of a matrix as a sum over positions of left right^T.

    `left` is (records, positions, rows), or int64 (records, positions): the row of a unit vector. `right` is (records,
    positions, columns).
    """

    left: Tensor
    right: Tensor

    @property
    def indexed(self) -> bool:
        """Whether left sides are unit vectors."""
        return bool(self.left.ndim == 2)
