"""What happened in a fit, epoch by epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """One epoch: mean loss while learning, mean loss on the held-out part (None without one), and what it took.

    `loss` is None where a regime tells none. `seconds` of wall clock, counted from the start of the fit.
    """

    number: int
    loss: float | None
    held_out: float | None
    steps: int
    records: int
    seconds: float


@dataclass
class History:
    """All epochs of a fit in order; `stopped` says why it ended: epochs, patience or time.

    `timed` says whether the clock had a hand in it: then the same seed need not give the same weights again.
    """

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = ""
    timed: bool = False

    @property
    def best(self) -> Epoch | None:
        """The epoch with the smallest loss on the held-out part."""
        judged = [epoch for epoch in self.epochs if epoch.held_out is not None]
        return min(judged, key=lambda epoch: epoch.held_out or 0.0) if judged else None

    @property
    def since_best(self) -> int:
        """How many epochs have passed since the best one."""
        return 0 if self.best is None else self.epochs[-1].number - self.best.number

    def as_plain(self) -> dict[str, Any]:
        """As what JSON can hold."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs], "stopped": self.stopped, "timed": self.timed}

    @classmethod
    def of_plain(cls, plain: dict[str, Any]) -> History:
        """The other way round."""
        return cls([Epoch(**epoch) for epoch in plain["epochs"]], plain["stopped"], plain.get("timed", False))
