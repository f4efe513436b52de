"""Likely label errors: test rows whose label the strongest entries agree against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.arena.board import Estimate
from bakeoff.arena.board_words import counted, listed
from bakeoff.arena.owner.answers import KeptAnswers
from bakeoff.arena.owner.rows import Example, example, label_word
from bakeoff.nouns import Array
from bakeoff.stats.intervals import interval
from bakeoff.stats.suspicion import agreed_outliers, doubts

STRONG = 3
FEWEST_ROWS = 40
FEWEST_OF_CLASS = 5  # rows of a label, below which its own threshold says nothing
NEAR = 0.8  # of the distance between the best and a constant answer
ALIKE = 0.01  # mean absolute difference of answers, in the spread of the answers
OUTLYING = 5.0  # robust standard deviations
SHOWN = 20


@dataclass(frozen=True)
class Doubt:
    """A row whose label may be wrong, and what the entries suggest instead.

    `confidence` is the mean probability of the suggested class less that of the label; for a quantity, how many robust
    standard deviations the row is off in the eyes of every one of the entries.
    """

    row: int
    given: str
    suggested: str
    confidence: float
    example: Example | None = None


@dataclass(frozen=True)
class LabelErrors:
    """Rows that `entries` agree against, most doubtful first; those at the head of the list carry an example.

    `expected` estimates how many labels are wrong among the `rows` test rows, by confident learning; it is an estimate
    by the entries' own answers, which take hard rows for wrong ones too. None for a quantity.
    """

    entries: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    rows: int = 0
    expected: Estimate | None = None
    verdict: str = ""
    reason: str = ""


def label_errors(kept: KeptAnswers, shown: int = SHOWN) -> LabelErrors:
    """Rows that the best distinct entries agree against; entries that are no better than a constant have no say."""
    strong = strongest(kept)
    if len(strong) < 2:
        return _nothing(kept, "two distinct entries that are clearly better than a constant answer are needed")
    if len(kept.truth) < FEWEST_ROWS:
        return _nothing(kept, f"at least {FEWEST_ROWS} test rows are needed, and there are {len(kept.truth)}")
    answers = np.stack([kept.mean(name) for name in strong])
    found, expected = _of_classes(kept, answers) if kept.task.classes else (_of_numbers(kept, answers), None)
    with_examples = [
        Doubt(doubt.row, doubt.given, doubt.suggested, doubt.confidence, example(kept, doubt.row, strong))
        if place < shown
        else doubt
        for place, doubt in enumerate(found)
    ]
    verdict = _verdict(kept, strong, len(found), expected)
    return LabelErrors(tuple(strong), tuple(with_examples), len(kept.truth), expected, verdict)


def strongest(kept: KeptAnswers, most: int = STRONG) -> list[str]:
    """The best entries with answers of their own, none much nearer to a constant answer than the best."""
    names = list(kept.standing)
    ahead = {name: kept.oriented(kept.standing[name].value) - kept.oriented(kept.constant) for name in names}
    chosen: list[str] = []
    for name in names:
        if len(chosen) == most or not ahead[name] > 0 or ahead[name] < NEAR * ahead[names[0]]:
            break
        if not any(_alike(kept.mean(name), kept.mean(other)) for other in chosen):
            chosen.append(name)
    return chosen


def _alike(first: Array, second: Array) -> bool:
    spread = max(float(np.std(first)), 1e-12)
    return float(np.abs(first - second).mean()) < ALIKE * spread


def _of_classes(kept: KeptAnswers, answers: Array) -> tuple[list[Doubt], Estimate]:
    """Rows whose every entry answers the suggested class, beyond that class's own threshold."""
    probabilities, codes = answers.mean(axis=0), kept.truth
    found = doubts(probabilities, codes)
    agreed = (answers.argmax(axis=2) == found.suggested).all(axis=0)
    enough = np.bincount(codes, minlength=probabilities.shape[1])[found.suggested] >= FEWEST_OF_CLASS
    rows = np.flatnonzero(found.doubted & agreed & enough & (found.margin > 0))
    rows = rows[np.argsort(-found.margin[rows], kind="stable")]
    classes = kept.task.classes
    listed_ = [
        Doubt(int(row), str(classes[codes[row]]), str(classes[found.suggested[row]]), float(found.margin[row]))
        for row in rows
    ]
    # The thresholds stay as they are: what varies is which rows there happen to be.
    off = (found.doubted & agreed & enough).astype(float)
    low, high = interval(kept.weights.means(off))
    share, spread = float(found.share.mean()), float(off.mean())
    scale = len(codes)
    return listed_, Estimate(
        scale * share, scale * max(0.0, share - (spread - low)), scale * max(share, share + (high - spread))
    )


def _of_numbers(kept: KeptAnswers, answers: Array) -> list[Doubt]:
    """Rows that lie far out in the eyes of every entry, on the same side."""
    far = agreed_outliers(kept.truth - answers[:, :, 0])
    rows = np.flatnonzero(np.abs(far) >= OUTLYING)
    rows = rows[np.argsort(-np.abs(far[rows]), kind="stable")]
    middle = np.median(answers[:, :, 0], axis=0)
    return [
        Doubt(int(row), label_word(float(kept.truth[row])), label_word(float(middle[row])), float(abs(far[row])))
        for row in rows
    ]


def _verdict(kept: KeptAnswers, strong: Sequence[str], found: int, expected: Estimate | None) -> str:
    rows = len(kept.truth)
    who = listed(list(strong))
    if not found:
        return f"No test row has a label that {who} agree against."
    said = f"{counted(found, 'test row')} of {rows:,} {'has a label' if found == 1 else 'have labels'} that {who} "
    said += "agree against"
    if expected is None:
        return f"{said}, by {OUTLYING:g} robust standard deviations or more: look at them before anything else."
    low, high = (max(0.0, end or 0.0) for end in (expected.low, expected.high))
    return (
        f"{said}. By their own answers about {expected.value:,.0f} [{low:,.0f}, {high:,.0f}] labels are wrong; that "
        "counts rows that are merely hard, so a person must look before a label is changed."
    )


def _nothing(kept: KeptAnswers, reason: str) -> LabelErrors:
    return LabelErrors(rows=len(kept.truth), verdict=f"Labels were not checked: {reason}.", reason=reason)
