"""Twins as probes: test rows asked once more with another protected value, or with words of gender swapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.fairness.measures import FLIPPED, MOVED, OK, SHIFTED
from bakeoff.fairness.movements import MoveSettings, movement, movements
from bakeoff.fairness.swapping import NEUTRAL
from bakeoff.fairness.swaps import gender
from bakeoff.fairness.twins import (
    Twin,
    Uses,
    column_problem,
    column_twins,
    foreign,
    swapped_row,
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

# A twin of one record of a pair would be another record, and an answer that is written follows every letter.
KINDS = ("classification", "regression", "tagging", "joint")
READ = (ColumnType.TEXT, ColumnType.TOKENS)
MOST = 1_000  # probes in all, and never more than half of what is left: the other half is for canaries
FEWEST = 20
SPLIT = "twins"
WORDS = gender()
NEUTRALS, DIFFERENCE = "neutral words", "difference"


@dataclass(frozen=True)
class _Asked:
    """What entries see of a task's rows: protected columns that they see, those hidden, and columns of text."""

    seen: tuple[Column, ...]
    hidden: tuple[Column, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, table: Table, test: Frame) -> _Asked:
        perturb = kind(task.kind).probes.perturb
        held = [column for column in table.columns if column.name in test.columns and column.type in perturb]
        visible = {column.name for column in held if task.see.get(column.role, Seen.BOTH) is Seen.BOTH}
        protected = [column for column in held if column.role is Role.PROTECTED]
        return cls(
            tuple(column for column in protected if column.name in visible),
            tuple(column for column in protected if column.name not in visible),
            tuple(
                column.name
                for column in held
                if column.type in READ and column.role is Role.FEATURE and column.name in visible
            ),
        )

    @property
    def parts(self) -> int:
        """Into how many parts the probes are divided: a column, swapped words, and neutral ones."""
        return len(self.seen) + 2 * bool(self.texts)


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
    if asked.texts and not foreign(brief.test, asked.texts):
        swapped = text_twins(brief.test, asked.texts, WORDS, share, uses)
        if len(swapped) >= FEWEST:
            neutral = text_twins(brief.test, asked.texts, NEUTRAL, share, uses)
            twins += [*swapped, *(replace(one, neutral=True) for one in neutral)]
    probes = tuple(Probe(one.row, "test", one.changes, f"row {one.row}") for one in twins)
    return Plan(ask=probes, reason="" if probes else "no row has a twin")


def judge_twins(answered: Answered) -> Iterator[Finding]:
    """How far answers moved between rows and their twins; insufficient where that cannot be told."""
    if answered.task.kind not in KINDS:
        return
    asked = _Asked.of(answered.task, answered.table, answered.test)
    families = _families(answered, asked)
    metrics = _metrics(answered.task)
    for column in asked.hidden:
        yield from _none(metrics, column.name, f"entries do not see {column.name!r} when they answer")
    told = _untold(answered)
    for column in asked.seen:
        rows = families.get((column.name, False), [])
        why = told or column_problem(answered.test[column.name], _numeric(column)) or "no row has a twin"
        yield from _moved(answered, column.name, rows) if rows and not told else _none(metrics, column.name, why)
    if asked.texts:
        yield from _of_texts(answered, asked, families, told)


Places = Mapping[tuple[str, bool], list[int]]  # the probes of a family, swapped or neutral


def _of_texts(answered: Answered, asked: _Asked, families: Places, told: str) -> Iterator[Finding]:
    family = text_family(WORDS)
    rows, others = (families.get((family, neutral), []) for neutral in (False, True))
    if told or not rows:
        yield from _none(_metrics(answered.task), family, told or _wordless(answered, asked))
        return
    yield from _moved(answered, family, rows)
    if len(others) < FEWEST:
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


def _wordless(answered: Answered, asked: _Asked) -> str:
    if foreign(answered.test, asked.texts):
        return "the texts do not look English, and only English words of gender are known"
    uses = Uses(len(answered.test), np.random.default_rng(0))
    held = len(text_twins(answered.test, asked.texts, WORDS, len(answered.test), uses))
    return f"{held:,} rows hold a word of gender and {FEWEST} are needed"


def _families(answered: Answered, asked: _Asked) -> Places:
    """The probes of each family by their places; which words were swapped is told by the texts."""
    found: dict[tuple[str, bool], list[int]] = {}
    columns = {column.name for column in asked.seen}
    texts = {name: answered.test[name].tolist() for name in asked.texts}
    for place, probe in enumerate(answered.plan.ask):
        named = set(probe.changes)
        if named <= columns and len(named) == 1:
            found.setdefault((named.pop(), False), []).append(place)
            continue
        row = {name: values[probe.row] for name, values in texts.items()}
        neutral = swapped_row(row, WORDS) != dict(probe.changes)
        found.setdefault((text_family(WORDS), neutral), []).append(place)
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


def _none(metrics: Sequence[str], family: str, reason: str) -> Iterator[Finding]:
    for metric in metrics:
        yield Finding("fairness", metric, None, group=family, split=SPLIT, status="insufficient", reason=reason)


def _numeric(column: Any) -> bool:
    return bool(column.type is ColumnType.NUMERIC)
