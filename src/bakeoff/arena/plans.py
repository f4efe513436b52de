"""What is withheld from a cell and what is asked of it: the judges' plans put together, the same for every entry.

Every random choice derives from HMAC-SHA256(challenge secret, task, seed, purpose), so all entries meet the same plan
on a task and seed, and nobody without the secret can tell a probe from a test row.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.arena.inserting import changed_rows
from bakeoff.errors import BakeoffError
from bakeoff.nouns import Array, Brief, Frame, Insertion, Judge, Plan, Probe, Task, digest

CALLS = 4
REPEATS = 32
WITHHELD_SHARE = 0.10
TEST, REPEAT, PROBE = 0, 1, 2


def key_for(secret: bytes, task: Task, seed: int, purpose: str) -> bytes:
    """The key of one purpose on one task and seed."""
    return hmac.new(secret, digest([task.digest, seed, purpose]).encode(), hashlib.sha256).digest()


def generator(key: bytes) -> np.random.Generator:
    """A random generator that anybody with the key can make again."""
    return np.random.default_rng(np.frombuffer(key, dtype=np.uint32))


@dataclass(frozen=True)
class CellPlan:
    """The plans of all judges for one task and seed; `digest` is part of each cell's identity.

    `inserted` are rows that an audit cell learns from beside those of the table.
    """

    plans: Mapping[str, Plan]
    withheld: tuple[int, ...]
    digest: str
    inserted: tuple[Insertion, ...] = ()


def make_plan(judges: Sequence[Judge], known: Brief, *, seed: int, secret: bytes) -> CellPlan:
    """Ask each judge for its plan, in order of name, within one shared budget of probe rows.

    `known` is a brief without key and budget, which each judge gets for itself.

    Raises BakeoffError when a judge breaks the contract: more than a tenth of the training rows withheld, or too many
    rows asked, a row inserted, or rows of its own beside those of another judge.
    """
    task, rows = known.task, len(known.labels)
    budget = left = 1000 + rows // 5
    plans: dict[str, Plan] = {}
    withheld: set[int] = set()
    for judge in sorted(judges, key=lambda judge: judge.name):
        plan = judge.plan(replace(known, key=key_for(secret, task, seed, judge.name), budget=left))
        if len(plan.ask) > left:
            raise BakeoffError(f"The judge {judge.name} asks {len(plan.ask)} rows where {left} of {budget} are left.")
        _check_ranked(judge.name, plan)
        left -= len(plan.ask)
        withheld |= set(plan.withhold)
        plans[judge.name] = plan
    if len(withheld) > WITHHELD_SHARE * rows:
        raise BakeoffError(
            f"The judges withhold {len(withheld)} of {rows} training rows of {task.name}; a tenth is the most."
        )
    plans = {name: replace(plan, reason=plan.reason or _nothing_of(plan.of, plans)) for name, plan in plans.items()}
    effective = {name: [plan.withhold, plan.ask] for name, plan in plans.items() if plan.withhold or plan.ask}
    layout = key_for(secret, task, seed, "layout").hex() if effective else ""
    return CellPlan(plans, tuple(sorted(withheld)), digest([effective, layout]))


def _check_ranked(judge: str, plan: Plan) -> None:
    if plan.offered or plan.insert:
        raise BakeoffError(f"The judge {judge} inserts rows into a ranked cell; only audit cells may have such rows.")
    if plan.of and (plan.withhold or plan.ask):
        raise BakeoffError(f"The judge {judge} reads the rows of {plan.of}, so it can't plan rows of its own.")


def _nothing_of(judge: str, plans: Mapping[str, Plan]) -> str:
    """Why there are no rows of this judge to read, empty where there are some or none are wanted."""
    if not judge:
        return ""
    if (plan := plans.get(judge)) is None:
        return f"the judge {judge} is not installed"
    return "" if plan.ask or plan.withhold else plan.reason or f"the judge {judge} planned no rows"


def share_plan(task: Task, labels: Array, share: float, *, seed: int, secret: bytes) -> CellPlan:
    """The plan of an unranked cell that learns from a share of the training rows; larger shares hold the smaller ones.

    Every class keeps its share, and one row at least; nothing is asked but the test rows.
    """
    rng = generator(key_for(secret, task, seed, "share"))
    order = rng.permutation(len(labels))
    codes = np.zeros(len(labels), dtype=int)
    if task.classes and set(np.unique(np.asarray(labels)).tolist()) <= set(task.classes):
        codes = np.unique(np.asarray(labels), return_inverse=True)[1]
    withheld: list[Array] = []
    for code in range(codes.max(initial=0) + 1):
        rows = order[codes[order] == code]
        withheld.append(rows[max(1, round(share * len(rows))) :])
    rows = np.sort(np.concatenate(withheld))
    return CellPlan({}, tuple(map(int, rows)), digest(["share", share, key_for(secret, task, seed, "share").hex()]))


@dataclass(frozen=True)
class Layout:
    """The asked rows call by call.

    Arrays of one length, in asking order: `origin` (TEST, REPEAT, or PROBE + the judge's place), `index` (the test row,
    or the probe's place in its plan), `call`, and the fresh opaque row `ids`.
    """

    origin: Array
    index: Array
    call: Array
    ids: Array
    judges: tuple[str, ...]

    def rows_of(self, call: int) -> Array:
        """Positions in this layout that belong to one call."""
        return np.flatnonzero(self.call == call)

    @property
    def asked(self) -> Array:
        """Positions in this layout in the order in which answers come back."""
        return np.concatenate([self.rows_of(call) for call in np.unique(self.call)])


def lay_out(plan: CellPlan, tests: int, key: bytes, turns: Array | None = None) -> Layout:
    """Shuffle test rows, repeated rows and probes into calls, twins and repeats apart.

    Where `turns` (test rows,) says in which call each test row must come, it does, and none is repeated: a later call
    may hold what answers an earlier one.
    """
    rng = generator(key)
    judges = tuple(sorted(name for name, made in plan.plans.items() if made.ask))
    probes = [probe for name in judges for probe in plan.plans[name].ask]
    repeats = _repeated(tests if turns is None else 0, probes, rng)
    origin = [np.full(tests, TEST), np.full(len(repeats), REPEAT)]
    index = [np.arange(tests), repeats]
    first = rng.integers(CALLS, size=tests) if turns is None else np.asarray(turns)
    call = [first, (first[repeats] + rng.integers(1, CALLS, size=len(repeats))) % CALLS]
    for place, name in enumerate(judges):
        asked = plan.plans[name].ask
        origin.append(np.full(len(asked), PROBE + place))
        index.append(np.arange(len(asked)))
        call.append(_apart(asked, first, rng))
    flat = [np.concatenate(parts) for parts in (origin, index, call)]
    order = rng.permutation(len(flat[0]))
    ids = rng.choice(2**53, size=len(order), replace=False) if len(order) < 1000 else _distinct(rng, len(order))
    return Layout(flat[0][order], flat[1][order], flat[2][order], ids, judges)


def _distinct(rng: np.random.Generator, n: int) -> Array:
    ids = rng.integers(2**53, size=n)
    return ids if len(np.unique(ids)) == n else _distinct(rng, n)


def _repeated(tests: int, probes: Sequence[Probe], rng: np.random.Generator) -> Array:
    """Test rows to be asked twice: rows without twins, as far as there are enough, so that no repeat meets a twin."""
    count = min(REPEATS, tests // 4)
    twins = [probe.row for probe in probes if probe.apart and probe.part == "test"]
    if not twins:
        return rng.choice(tests, size=count, replace=False)
    order = rng.permutation(tests)
    return order[np.argsort(np.isin(order, twins), kind="stable")][:count]


def _apart(probes: Sequence[Probe], first: Array, rng: np.random.Generator) -> Array:
    """A call for each probe; those that share a word take different calls in turn, after that of their test row.

    `first` (test rows,) are the calls of the test rows.
    """
    calls = rng.integers(CALLS, size=len(probes))
    met: dict[str, int] = {}
    for place, probe in enumerate(probes):
        if probe.apart:
            start = int(first[probe.row]) + 1 if probe.part == "test" else int(calls[place])
            calls[place] = met.get(probe.apart, start) % CALLS
            met[probe.apart] = int(calls[place]) + 1
    return calls


def asked_frame(layout: Layout, call: int, test: Frame, train: Frame, plan: CellPlan) -> Frame:
    """The rows of one call as the entry will see them, indexed by their opaque ids."""
    import pandas as pd

    rows = layout.rows_of(call)
    pieces, places = [], []
    for origin in np.unique(layout.origin[rows]):
        here = rows[layout.origin[rows] == origin]
        if origin in (TEST, REPEAT):
            piece = test.iloc[layout.index[here]]
        else:
            piece = _probe_rows(plan.plans[layout.judges[origin - PROBE]], layout.index[here], test, train)
        pieces.append(piece)
        places.append(here)
    frame = pd.concat(pieces, ignore_index=True)
    frame.index = pd.Index(layout.ids[np.concatenate(places)])
    return frame.loc[layout.ids[rows]]


def _probe_rows(plan: Plan, places: Array, test: Frame, train: Frame) -> Frame:
    import pandas as pd

    asked = [plan.ask[place] for place in places]
    columns = list(test.columns)
    pieces: list[Frame] = []
    order: list[int] = []
    for side in dict.fromkeys(probe.part for probe in asked):
        mine = [place for place, probe in enumerate(asked) if probe.part == side]
        frame = test if side == "test" else train
        rows, changes = [asked[place].row for place in mine], [asked[place].changes for place in mine]
        if side == "inserted":
            made = [plan.offered[row] for row in rows]
            rows = [one.row for one in made]
            changes = [{**one.changes, **more} for one, more in zip(made, changes, strict=True)]
        pieces.append(changed_rows(frame[columns], rows, changes))
        order += mine
    return pd.concat(pieces, ignore_index=True).iloc[np.argsort(order)].reset_index(drop=True)


@dataclass(frozen=True)
class Sorted:
    """Answers put back where they belong: test rows in order, each judge's probes in its plan's order."""

    test: Array
    probes: Mapping[str, Array]
    batch_dependent: bool | None


def sort_answers(layout: Layout, answers: Array, tests: int) -> Sorted:
    """Sort answers (asked rows, width) or (asked rows,), which come in layout order.

    A repeated row whose two answers differ, numbers by more than 1e-6, shows that answers depend on the batch; None
    where no row was repeated.
    """
    test = np.empty((tests, *answers.shape[1:]), dtype=answers.dtype)
    first = layout.origin == TEST
    test[layout.index[first]] = answers[first]
    again = layout.origin == REPEAT
    differ = _differ(test[layout.index[again]], answers[again])
    probes = {}
    for place, name in enumerate(layout.judges):
        mine = layout.origin == PROBE + place
        probes[name] = np.empty((int(mine.sum()), *answers.shape[1:]), dtype=answers.dtype)
        probes[name][layout.index[mine]] = answers[mine]
    return Sorted(test, probes, bool(differ.any()) if again.any() else None)


def _differ(first: Array, second: Array) -> Array:
    """Where two answers to one row are not the same: numbers beyond rounding, anything written at all."""
    if first.dtype == object:
        return np.array([one != other for one, other in zip(first, second, strict=True)], dtype=bool)
    return np.asarray(np.abs(first - second) > 1e-6)
