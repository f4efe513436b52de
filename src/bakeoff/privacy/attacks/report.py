"""What came of attacks: figures with intervals, and scores for whoever bounds epsilon by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.nouns import Array


@dataclass(frozen=True)
class Measured:
    """A figure with its interval; without a value where `reason` says why it cannot be measured."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"insufficient: {self.reason}"
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, eq=False)
class Attacked:
    """One attack: its area under the ROC curve, its hits by rate of false alarms, and its scores (fits, rows).

    For the strongest of several, `name` says which has the largest area, and `scores` is that one's.
    """

    name: str
    auc: Measured
    tpr: Mapping[float, Measured]
    scores: Array

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold, without the scores."""
        return {"auc": vars(self.auc), "tpr": {f"{fpr:g}": vars(one) for fpr, one in self.tpr.items()}}


@dataclass(frozen=True, eq=False)
class AttackReport:
    """Every attack by name, and the strongest of them with intervals that pay for choosing it.

    `inside` bool (fits, rows) says who was a member, of the rows at the places `audited` (rows,) of those given;
    `members` and `others` count the pooled answers. `notes` say what a reader must know of the intervals.
    """

    attacks: Mapping[str, Attacked]
    strongest: Attacked
    inside: Array
    audited: Array
    level: float
    notes: tuple[str, ...] = field(default=())

    @property
    def fits(self) -> int:
        """How many fits were attacked."""
        return int(self.inside.shape[0])

    @property
    def rows(self) -> int:
        """How many rows were told apart."""
        return int(self.inside.shape[1])

    @property
    def members(self) -> int:
        """How many answers were to rows that their fit was trained on."""
        return int(self.inside.sum())

    @property
    def others(self) -> int:
        """How many answers were to rows that their fit was not trained on."""
        return int(self.inside.size - self.inside.sum())

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold, without scores."""
        return {
            "fits": self.fits,
            "rows": self.rows,
            "members": self.members,
            "others": self.others,
            "level": self.level,
            "attacks": {name: one.as_plain() for name, one in self.attacks.items()},
            "strongest": {"by_area": self.strongest.name, **self.strongest.as_plain()},
            "notes": list(self.notes),
        }

    def plot(self, path: Path | str, *, title: str = "") -> Path:
        """Draw all ROC curves on logarithmic axes (.png, .svg or .pdf); UsageError where the folder is missing."""
        from bakeoff.privacy.attacks.pictures import draw_roc

        return draw_roc(self, path, title=title)

    def __str__(self) -> str:
        named = [*self.attacks.values(), self.strongest]
        names = [*self.attacks, "strongest"]
        lines = [f"{self.fits} fits, {self.rows:,} rows, intervals at {self.level:.0%}"]
        for name, one in zip(names, named, strict=True):
            told = "  ".join(f"TPR at {fpr:.3g} FPR {found}" for fpr, found in one.tpr.items())
            lines.append(f"  {name:22} AUC {one.auc}  {told}")
        return "\n".join([*lines, *self.notes])
