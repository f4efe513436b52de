"""Twins as probes: test rows asked once more with another protected value, or with an attribute's words swapped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.fairness.listed_words import attributes, names, neutral_words
from bakeoff.fairness.measures import FLIPPED, MOVED, OK, SHIFTED
from bakeoff.fairness.movements import MoveSettings, movement, movements
from bakeoff.fairness.swaps import Attribute
from bakeoff.fairness.twins import (
    FEWEST,
    KINDS,
    Twin,
    Uses,
    column_problem,
    column_twins,
    foreign,
    holding,
    is_swapped,
    text_family,
    text_twins,
)
from bakeoff.nouns import (
    LINES,
    Answered,
    Array,
    Brief,
    Column,
    ColumnType,
    Finding,
    Frame,
    Plan,
    Probe,
    Role,
    Table,
    Task,
)
from bakeoff.nouns import Visibility as Seen
from bakeoff.stats.intervals import difference_of_means, difference_of_shares
from bakeoff.tasks import kind

READ = (ColumnType.TEXT, ColumnType.TOKENS)
MOST = 1_000  # probes in all, and never more than half of what is left: the other half is for canaries
SPLIT = "twins"
NEUTRALS, DIFFERENCE = "neutral words", "difference"
NEITHER = ""  # the family of neutral words
FOREIGN = "the texts do not look English, and only English words of gender are known; table.toml may list others"


@dataclass(frozen=True)
class _Asked:
    """What entries see of a task's rows: protected columns that they see, those hidden, and columns of text.

    `names` are the attributes whose words may be swapped in the texts; `words` are those that can be told there.
    """

    seen: tuple[Column, ...]
    hidden: tuple[Column, ...]
    texts: tuple[str, ...]
    names: tuple[str, ...]
    words: tuple[Attribute, ...]

    @classmethod
    def of(cls, task: Task, table: Table, test: Frame) -> _Asked:
        perturb = kind(task.kind).probes.perturb
        held = [column for column in table.columns if column.name in test.columns and column.type in perturb]
        visible = {column.name for column in held if task.see.get(column.role, Seen.BOTH) is Seen.BOTH}
        protected = [column for column in held if column.role is Role.PROTECTED]
        texts = tuple(
            column.name
            for column in held
            if column.type in READ and column.role is Role.FEATURE and column.name in visible
        )
        return cls(
            tuple(column for column in protected if column.name in visible),
            tuple(column for column in protected if column.name not in visible),
            texts,
            names(task.swaps) if texts else (),
            attributes(task.swaps, not foreign(test, texts)) if texts else (),
        )

    @property
    def parts(self) -> int:
        """Into how many parts the probes are divided: a column, an attribute's swapped words, and neutral ones."""
        return len(self.seen) + len(self.names) + bool(self.names)


def plan_twins(brief: Brief, random: np.random.Generator) -> Plan:
    """Twins of test rows, or the reason why there are none."""
    if brief.task.kind not in KINDS:
        return Plan(reason=f"there are no twins in a {brief.task.kind} task")
    if brief.test is None:
        return Plan(reason="the test rows were not known when this was planned")
    asked = _Asked.of(brief.task, brief.table, brief.test)
    if not asked.parts:
        return Plan(reason="entries see no protected column and no text")
    share = min(MOST, brief.budget // 2) // asked.parts
    uses = Uses(len(brief.test), random)
    twins: list[Twin] = []
    for column in asked.seen:
        twins += column_twins(brief.test[column.name], _numeric(column), share, uses)
    swapped = _text_twins(brief, asked, share, uses)
    neutral = neutral_words(brief.task.swaps)
    if swapped and neutral is not None:
        swapped += text_twins(brief.test, asked.texts, neutral, share, uses)
    probes = tuple(Probe(one.row, "test", one.changes, f"row {one.row}") for one in (*twins, *swapped))
    return Plan(ask=probes, reason="" if probes else "no row has a twin")


def _text_twins(brief: Brief, asked: _Asked, share: int, uses: Uses) -> list[Twin]:
    """Twins by the words of every attribute that enough rows have; what two of them make alike is asked once."""
    found: list[Twin] = []
    for attribute in asked.words:
        swapped = text_twins(brief.test, asked.texts, attribute, share, uses)
        if len(swapped) >= FEWEST:
            known = {(one.row, *one.changes.items()) for one in found}
            found += [one for one in swapped if (one.row, *one.changes.items()) not in known]
    return found


def judge_twins(answered: Answered) -> Iterator[Finding]:
    """How far answers moved between rows and their twins; insufficient where that cannot be told."""
    metrics = _metrics(answered.task)
    if answered.task.kind not in KINDS:
        own = [text_family(name) for name in answered.task.swaps.lists]
        yield from _none(metrics, own, f"there are no twins in a {answered.task.kind} task")
        return
    asked = _Asked.of(answered.task, answered.table, answered.test)
    families = _families(answered, asked)
    for column in asked.hidden:
        yield from _none(metrics, [column.name], f"entries do not see {column.name!r} when they answer")
    told = _untold(answered)
    for column in asked.seen:
        rows = families.get(column.name, [])
        why = told or column_problem(answered.test[column.name], _numeric(column)) or "no row has a twin"
        yield from _moved(answered, column.name, rows) if rows and not told else _none(metrics, [column.name], why)
    if asked.texts:
        yield from _of_texts(answered, asked, families, told)
        return
    own = [text_family(name) for name in answered.task.swaps.lists]
    yield from _none(metrics, own, "entries see no column of text or tokens")


Places = Mapping[str, list[int]]  # the probes of a family: a column, an attribute's swapped words, or neutral ones


def _of_texts(answered: Answered, asked: _Asked, families: Places, told: str) -> Iterator[Finding]:
    metrics = _metrics(answered.task)
    words = {attribute.name: attribute for attribute in asked.words}
    for name in asked.names:
        family = text_family(name)
        if told or family not in families:
            why = told or (_wordless(answered, asked, words[name]) if name in words else FOREIGN)
            yield from _none(metrics, [family], why)
            continue
        yield from _moved(answered, family, families[family])
        yield from _beside_neutral(answered, asked, family, families)


def _beside_neutral(answered: Answered, asked: _Asked, family: str, families: Places) -> Iterator[Finding]:
    """How far neutral words move answers, and the difference; only of a table's own lists why there is neither."""
    rows, others = families[family], families.get(NEITHER, [])
    if len(others) < FEWEST:
        neutral = neutral_words(answered.task.swaps)
        if answered.task.swaps and neutral is not None:
            why = f"{_wordless(answered, asked, neutral)}; table.toml may list some as swaps.neutral"
            yield from (replace(one, variant=NEUTRALS) for one in _none(_metrics(answered.task), [family], why))
        return
    yield from (replace(one, variant=NEUTRALS) for one in _moved(answered, family, others))
    first, second = _movements(answered, rows), _movements(answered, others)
    for metric, values in first.items():
        between = difference_of_shares if metric == FLIPPED else difference_of_means
        value, low, high = between(values, second[metric])
        n = len(values) + len(second[metric])
        yield Finding("fairness", metric, value, low, high, variant=DIFFERENCE, group=family, split=SPLIT, n=n)


def _untold(answered: Answered) -> str:
    """Why nothing can be told of any twin, or nothing."""
    if not answered.plan.ask or len(answered.probes) != len(answered.plan.ask):
        return "" if answered.plan.reason == "no row has a twin" else answered.plan.reason or "no twins were asked"
    if answered.result.measurements.batch_dependent:
        return "answers to one row change with the rows that are asked beside it, or from one call to another"
    return ""


def _wordless(answered: Answered, asked: _Asked, attribute: Attribute) -> str:
    held = len(holding(answered.test, asked.texts, attribute))
    what = "neutral word" if attribute.name == NEUTRALS else f"word of {attribute.name}"
    return f"{held:,} rows hold a {what} and {FEWEST} are needed"


def _families(answered: Answered, asked: _Asked) -> Places:
    """The probes of each family by their places; which words were swapped is told by the texts."""
    found: dict[str, list[int]] = {}
    columns = {column.name for column in asked.seen}
    texts = {name: answered.test[name].tolist() for name in asked.texts}
    for place, probe in enumerate(answered.plan.ask):
        named = set(probe.changes)
        if named <= columns and len(named) == 1:
            found.setdefault(named.pop(), []).append(place)
            continue
        row = {name: values[probe.row] for name, values in texts.items()}
        swapped = [text_family(one.name) for one in asked.words if is_swapped(row, probe.changes, one)]
        for family in swapped or [NEITHER]:
            found.setdefault(family, []).append(place)
    return found


def _metrics(task: Task) -> tuple[str, ...]:
    if kind(task.kind).answers == LINES:
        return (FLIPPED,)
    return (MOVED, FLIPPED) if task.classes else (SHIFTED, FLIPPED)


def _movements(answered: Answered, places: Sequence[int]) -> Mapping[str, Array]:
    accept = kind(answered.task.kind).accept
    rows = np.array([answered.plan.ask[place].row for place in places])
    before = accept(answered.answers, answered.task)[rows]
    after = accept(answered.probes, answered.task)[list(places)]
    if kind(answered.task.kind).answers == LINES:
        return {FLIPPED: np.array([one != other for one, other in zip(before, after, strict=True)], dtype=np.float64)}
    scale = 0.0 if answered.task.classes else float(np.std(np.asarray(answered.labels, dtype=np.float64))) or 1.0
    return movements(before, after, scale)


def _moved(answered: Answered, family: str, places: Sequence[int]) -> Iterator[Finding]:
    for metric, values in _movements(answered, places).items():
        one = movement(metric, family, values, MoveSettings(least=FEWEST))
        status = "ok" if one.status == OK else "insufficient"
        yield Finding(
            "fairness",
            metric,
            one.value,
            one.low,
            one.high,
            group=family,
            split=SPLIT,
            n=round(one.n),
            status=status,
            reason=one.reason,
        )


def _none(metrics: Sequence[str], families: Iterable[str], reason: str) -> Iterator[Finding]:
    for family in families:
        for metric in metrics:
            yield Finding("fairness", metric, None, group=family, split=SPLIT, status="insufficient", reason=reason)


def _numeric(column: Any) -> bool:
    return bool(column.type is ColumnType.NUMERIC)
