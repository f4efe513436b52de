"""What a fitted ensemble tells of itself: its members, what more time would bring, and a report to read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class MemberTold:
    """One member: seconds of its fit, its score on held-out rows, its weight, and what is worth a remark.

    `score` is the log loss, or the root mean squared error in the target's unit; None for a member that was not fitted,
    whose `seconds` are then what it was expected to take.
    """

    name: str
    seconds: float
    score: float | None
    weight: float
    remark: str = ""


@dataclass(frozen=True)
class MoreTime:
    """What more time would bring.

    `seconds` at least are needed for the members in `members` that did not fit in, or were cut short; `gain` is how
    much the loss on held-out rows may fall by them: as much for each as the members before it brought on average,
    halved from one to the next. Both are 0 when everything was fitted in full.
    """

    members: tuple[str, ...]
    seconds: float
    gain: float

    def __str__(self) -> str:
        if not self.members:
            return "More time would bring nothing: every member was fitted in full."
        names = ", ".join(self.members)
        return f"At least {self.seconds:.0f} s are needed for {names}; the loss may fall by {self.gain:.3g}."


def more_time(unfitted: dict[str, float], losses: list[float]) -> MoreTime:
    """From the members without their full time and the seconds they want, and the ensemble's loss after each member."""
    steps = [max(0.0, before - after) for before, after in pairwise(losses)]
    # The step from the constant to the first member says nothing of those that come late.
    late = steps[1:] or [0.0]
    gain = sum((sum(late) / len(late)) * 0.5 ** (1 + place) for place in range(len(unfitted)))
    return MoreTime(tuple(unfitted), sum(unfitted.values()), float(gain))


def report(model: Any) -> str:
    """A fitted Multimodal in words: members by weight, the columns that matter, what more time would bring."""
    unit = "log loss" if hasattr(model, "classes_") else "root mean squared error"
    part = "" if model.learnt_rows_ == model.rows_ else f", {model.learnt_rows_:,} of them learnt from"
    lines = [
        f"{model.rows_:,} rows{part}, {len(model.columns_)} columns, {model.seconds_:.1f} s; "
        + (f"{unit} on held-out rows {model.score_:.4g}" if model.score_ is not None else _claimed(model.claim_)),
        "",
        f"{'member':<20} {'seconds':>8} {unit[:12]:>13} {'weight':>7}",
    ]
    for one in sorted(model.members_, key=lambda one: -one.weight):
        score = "-" if one.score is None else f"{one.score:.4g}"
        remark = f"  {one.remark}" if one.remark else ""
        lines.append(f"{one.name:<20} {one.seconds:>8.1f} {score:>13} {one.weight:>7.2f}{remark}")
    lines += ["", str(model.what_more_time_would_bring_)]
    if not model.repeatable_:
        lines.append(f"Not repeatable: {model.why_not_repeatable_}")
    return "\n".join(lines)


def _claimed(claim: dict[str, Any]) -> str:
    return f"epsilon {claim['epsilon']:.3g} at delta {claim['delta']:.3g} for each {claim['unit']}, no row held out"


def plot(model: Any, importance: dict[str, float], path: str) -> None:
    """A picture of the members' scores and weights beside the columns' importance, written to `path`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.35 * max(len(model.members_), len(importance), 6) + 1), layout="constrained")
    left, right = figure.subplots(1, 2)
    fitted = [one for one in model.members_ if one.score is not None][::-1]
    left.barh([one.name for one in fitted], [one.weight for one in fitted], color="#4477aa")
    left.set_xlabel("weight (at the bar: held-out loss)")
    left.margins(x=0.18)
    for place, one in enumerate(fitted):
        left.text(one.weight, place, f" {one.score:.3g}", va="center", fontsize="small")
    names = list(importance)[:20][::-1]
    right.barh(names, [importance[name] for name in names], color="#aa7744")
    right.set_xlabel("loss added when the column is shuffled")
    figure.savefig(path)
