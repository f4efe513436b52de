"""Columns that give the target away: one alone, two together, or the gaps in one.

Everything is estimated out of sample (`evidence`), on a seeded sample of the rows. What is looked for is nearly
perfect: a column that merely helps is what a table is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Role
from bakeoff.tables.checks.evidence import (
    LEAST,
    Evidence,
    Telling,
    by_answers,
    by_order,
    by_values,
    coded,
    is_ordered,
    numbered,
)
from bakeoff.tables.remarks import Remark

PERFECT = 0.99  # of the way from the constant to all classes right
NEAR = 0.95  # of the way from the constant, from which a column should be looked at, as a few labels may be wrong
NEARLY = "nearly given away"
EXACT = 0.999  # R^2 from which a quantity is another one up to rounding
NAMED = 0.9  # of the way from the constant, when texts name their class
PARTLY = (0.9, 0.995)  # skill up to which a column of a pair does not tell classes, and a quantity, by itself
GAPS = 0.9  # by how much the share of missing cells in a class exceeds or falls short of that in the others
FEW = 50  # different values up to which a column is combined with others by its values
WIDE = 40  # columns that are combined with each other, so that a wide table costs no more
SCREEN = 2_000  # rows by which pairs are screened
SORTED = 400  # rows by which sums, differences, products and ratios are screened
HIDDEN = (Role.ID, Role.OWNER)


def given_away(evidence: Evidence) -> Iterator[Remark]:
    """Columns that tell the target by themselves, or that follow from it."""
    for column in evidence.features:
        if column.role in HIDDEN:
            continue
        name = column.name
        telling = evidence.tellings[name] = alone(evidence, column)
        if _follows(evidence, column):
            text = f"Column {name!r} follows from the target {evidence.target.name!r} and may give it away"
        elif telling.reaches(_wanted(evidence, column)):
            how = "names" if column.type in (ColumnType.TEXT, ColumnType.TOKENS) else "tells"
            text = f"Column {name!r} alone {how} the target {evidence.target.name!r} {_share(evidence, telling)}"
        elif evidence.classes and telling.reaches(NEAR):
            yield evidence.remark(
                NEARLY,
                f"Column {name!r} alone nearly tells the target {evidence.target.name!r}, {_share(evidence, telling)}; "
                "see whether it is known beforehand, or leave it out.",
                name,
            )
            continue
        else:
            continue
        yield evidence.remark("given away", f"{text}; leave it out if it is not known beforehand.", name)


def _wanted(evidence: Evidence, column: Column) -> float:
    if not evidence.classes:
        return EXACT
    return NAMED if column.type in (ColumnType.TEXT, ColumnType.TOKENS) else PERFECT


def _share(evidence: Evidence, telling: Telling) -> str:
    if not evidence.classes:
        return f"exactly or nearly so (R2 {telling.skill:.4f} on rows not learnt from)"
    base = float(np.bincount(evidence.sampled_truth).max()) / len(evidence.sample)
    return f"in {base + telling.skill * (1 - base):.1%} of the rows not learnt from (the constant: {base:.1%})"


def alone(evidence: Evidence, column: Column) -> Telling:
    """How well one column tells the target, out of sample."""
    cells, truth = evidence.cells[column.name], evidence.sampled_truth
    if column.type is ColumnType.IMAGE:
        return Telling()
    if column.type in (ColumnType.TEXT, ColumnType.TOKENS):
        return naming(cells, evidence.classes, truth)
    if not is_ordered(column):
        return by_values(coded(cells), truth)
    numbers = numbered(cells)
    if not np.isfinite(numbers).any():
        return Telling()
    found = [by_order(numbers, truth)]
    if not evidence.classes:
        found.append(_linear(numbers.reshape(-1, 1), truth))
    elif len(np.unique(numbers)) <= FEW:
        found.append(by_values(coded(cells), truth))
    return max(found, key=lambda telling: telling.skill)


def naming(texts: Any, classes: Sequence[str], truth: Array) -> Telling:
    """How well the one class that a text names, as a whole word, tells its class (m,)."""
    words = {name.casefold(): place for place, name in enumerate(classes) if len(name) > 2 and not name.isdigit()}
    if len(words) < max(len(classes), 2) or len(words) > 2 * FEW:
        return Telling()
    pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?![^\W_])")
    taken = np.arange(0, len(truth), -(-len(truth) // SCREEN)) if len(truth) else np.zeros(0, int)
    answers = np.full(len(taken), -1)
    for place, text in enumerate(texts.iloc[taken]):
        named = set(pattern.findall(text.casefold())) if isinstance(text, str) else set()
        if len(named) == 1:
            answers[place] = words[named.pop()]
    return by_answers(answers, truth[taken])


def _follows(evidence: Evidence, column: Column) -> bool:
    """Whether each class has one value in the column, and not all classes the same one."""
    classes, held = len(evidence.classes), evidence.cells[column.name]
    if classes < 2 or len(evidence.truth) < 10 * classes:
        return False
    if column.type in (ColumnType.TEXT, ColumnType.IMAGE, ColumnType.TOKENS):
        return False
    if held.isna().mean() > 0.5 or not _one_each(held, evidence.sampled_truth):
        return False
    series = evidence.data.column(column.name)
    return series.nunique() > 1 and _one_each(series, evidence.truth)


def _one_each(series: Any, truth: Array) -> bool:
    codes = coded(series)
    pairs = np.unique(truth * (codes.max(initial=0) + 1) + codes)
    return len(pairs) == len(np.unique(truth))


def _linear(inputs: Array, truth: Array) -> Telling:
    """R^2 of a least-squares line or plane on numbers (m, d), fitted on one half and judged on the other."""
    known = np.isfinite(inputs).all(axis=1)
    inputs, truth = inputs[known], truth[known]
    if len(truth) < LEAST:
        return Telling()
    first = np.random.default_rng([len(truth), 13]).permutation(len(truth)) < len(truth) // 2
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
    if (scale == 0).any() or not np.isfinite(scale).all():
        return Telling()
    held = np.column_stack([(inputs - centre) / scale, np.ones(len(truth))])
    answers = np.empty(len(truth))
    for half in (first, ~first):
        answers[half] = held[half] @ np.linalg.lstsq(held[~half], truth[~half], rcond=None)[0]
    spread = float(((truth - truth.mean()) ** 2).sum())
    skill = 1 - float(((truth - answers) ** 2).sum()) / spread if spread > 0 else 0.0
    return Telling(skill, float(np.sqrt(len(truth) * max(skill, 0.0))))


def given_away_by_two(evidence: Evidence) -> Iterator[Remark]:
    """Pairs of columns that tell the target together although neither does alone: by their values, or as numbers."""
    wanted = PERFECT if evidence.classes else EXACT
    partly = PARTLY[not evidence.classes]
    open_ = [
        column
        for column in evidence.features
        if column.role not in HIDDEN and not evidence.tellings.get(column.name, Telling()).skill > partly
    ]
    for one, other, how, telling in (*_by_their_values(evidence, open_, wanted), *_by_sums(evidence, open_, wanted)):
        yield evidence.remark(
            "given away by two",
            f"Columns {one!r} and {other!r} together, {how}, tell the target {evidence.target.name!r} "
            f"{_share(evidence, telling)}, and neither does alone; leave one out if it is not known beforehand.",
            one,
        )


Found = tuple[str, str, str, Telling]


def _by_their_values(evidence: Evidence, columns: Sequence[Column], wanted: float) -> Iterator[Found]:
    truth = evidence.sampled_truth
    codes: dict[str, Array] = {}
    for column in columns:
        if column.type in (ColumnType.TEXT, ColumnType.IMAGE, ColumnType.TOKENS) or len(codes) == WIDE:
            continue
        found = coded(evidence.cells[column.name])
        if 1 < len(np.unique(found)) <= FEW:
            codes[column.name] = found
    screen = np.arange(0, len(truth), max(len(truth) // SCREEN, 1))
    for one, other in combinations(codes, 2):
        joined = codes[one] * (FEW + 1) + codes[other]
        if by_values(joined[screen], truth[screen]).reaches(wanted - 0.02):
            telling = by_values(joined, truth)
            if telling.reaches(wanted):
                yield one, other, "by their values", telling


def _by_sums(evidence: Evidence, columns: Sequence[Column], wanted: float) -> Iterator[Found]:
    """Pairs whose sum, difference, product or ratio tells the target."""
    for kind in (ColumnType.NUMERIC, ColumnType.DATETIME):
        numbers = {
            column.name: values
            for column in columns
            if column.type is kind
            and np.isfinite(values := numbered(evidence.cells[column.name])).mean() > 0.5
            and len(np.unique(values[np.isfinite(values)][:SORTED])) > 10
        }
        names = list(numbers)[:WIDE]
        if len(names) > 1:
            held = np.column_stack([numbers[name] for name in names])
            yield from _classes(held, names, evidence, wanted) if evidence.classes else _sums(held, names, evidence)


def _combined(one: Array, other: Array) -> Iterator[tuple[str, Array]]:
    """Two columns, or matrices of columns, put together in each way."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        yield "as their difference", one - other
        yield "as their sum", one + other
        yield "as their product", one * other
        ratio = one / other
        yield "as their ratio", np.where(np.isfinite(ratio), ratio, np.nan)


def _classes(held: Array, names: Sequence[str], evidence: Evidence, wanted: float) -> Iterator[Found]:
    truth = evidence.sampled_truth
    screen = np.random.default_rng([len(truth), 17]).permutation(len(truth))[:SORTED]
    shares = np.bincount(truth[screen]) / len(screen)
    # Rows sorted by what tells the class change class seldom; sorted by anything else, as often as shuffled ones.
    often = (len(screen) - 1) * (1 - float((shares**2).sum()))
    pairs = np.array(list(combinations(range(len(names)), 2)))
    found: set[tuple[int, int]] = set()
    for how, values in _combined(held[np.ix_(screen, pairs[:, 0])], held[np.ix_(screen, pairs[:, 1])]):
        ordered = truth[screen][np.argsort(values, axis=0, kind="stable")]
        changes = (ordered[1:] != ordered[:-1]).sum(axis=0)
        allowed = often * (0.15 + np.isnan(values).mean(axis=0))
        for place in (changes <= allowed).nonzero()[0]:
            first, second = map(int, pairs[place])
            if (first, second) not in found:
                value = dict(_combined(held[:, first], held[:, second]))[how]
                known = np.isfinite(value)
                telling = by_order(value[known], truth[known])
                if telling.reaches(wanted):
                    found.add((first, second))
                    yield names[first], names[second], how, telling


def _sums(held: Array, names: Sequence[str], evidence: Evidence) -> Iterator[Found]:
    truth = evidence.sampled_truth
    screen = np.random.default_rng([len(truth), 19]).permutation(len(truth))[:SORTED]
    for first, second in combinations(range(len(names)), 2):
        one, other = held[:, first], held[:, second]
        combined = dict(_combined(one, other))
        ways = {
            "as a weighted sum": np.column_stack([one, other]),
            "as their product": combined["as their product"].reshape(-1, 1),
            "as their ratio": combined["as their ratio"].reshape(-1, 1),
            "as the ratio of the second to the first": dict(_combined(other, one))["as their ratio"].reshape(-1, 1),
        }
        for how, value in ways.items():
            if _linear(value[screen], truth[screen]).reaches(EXACT - 0.001):
                telling = _linear(value, truth)
                if telling.reaches(EXACT):
                    yield names[first], names[second], how, telling
                    break


def telling_gaps(evidence: Evidence) -> Iterator[Remark]:
    """Columns that are missing in one class and present in the others, or the other way round."""
    truth = evidence.sampled_truth
    for column in evidence.features:
        gaps = evidence.cells[column.name].isna().to_numpy(dtype=bool)
        if column.role in HIDDEN or min(gaps.sum(), (~gaps).sum()) < LEAST / 2:
            continue
        if not evidence.classes:
            told = by_values(gaps.astype(np.int64), truth)
            if told.reaches(0.8):
                yield evidence.remark(
                    "telling gaps",
                    f"Whether column {column.name!r} is missing tells the target {evidence.target.name!r} "
                    f"(R2 {told.skill:.2f}); leave it out, or find out why it is missing.",
                    column.name,
                )
            continue
        counts = np.bincount(truth, minlength=len(evidence.classes))
        missing = np.bincount(truth[gaps], minlength=len(evidence.classes))
        inside = missing / np.maximum(counts, 1)
        outside = (gaps.sum() - missing) / np.maximum(len(gaps) - counts, 1)
        apart = np.where((counts >= LEAST / 2) & (len(gaps) - counts >= LEAST / 2), np.abs(inside - outside), 0.0)
        most = int(apart.argmax())
        if apart[most] >= GAPS:
            yield evidence.remark(
                "telling gaps",
                f"Column {column.name!r} is missing in {inside[most]:.0%} of the rows of class "
                f"{evidence.classes[most]!r} and in {outside[most]:.0%} of the others, which gives the target "
                f"{evidence.target.name!r} away; leave it out, or find out why it is missing.",
                column.name,
            )
