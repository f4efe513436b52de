"""One figure of fairness, never without its uncertainty or the reason why it has none."""

from __future__ import annotations

from dataclasses import dataclass

OK, INSUFFICIENT = "ok", "insufficient"
# What a change of the inputs does to answers.
MOVED, FLIPPED = "mean change of probabilities", "share of changed answers"
SHIFTED = "mean absolute change"


@dataclass(frozen=True)
class Measure:
    """One figure: of a group, or a comparison of groups.

    `metric` is what is measured (true positive rate), `family` the attribute whose groups are compared (race), `group`
    the group, or how groups are compared (largest - smallest). `low` and `high` are the interval, `n` the rows (or the
    weight) that the figure rests on: of a comparison those of its smallest group. `expected` is what the same figure
    would be on average if all groups were alike, `p` the chance of one as large in that case, `adjusted` that chance
    after Holm's correction for all comparisons of a report. `between` names the groups that a comparison came from.
    `status` is ok, or insufficient with the reason; an insufficient figure has no value.
    """

    metric: str
    family: str
    group: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: float = 0.0
    expected: float | None = None
    p: float | None = None
    adjusted: float | None = None
    between: tuple[str, ...] = ()
    status: str = OK
    reason: str = ""
