"""A made board with everything that can go wrong on it, for looking at and for tests; the numbers mean nothing."""

from __future__ import annotations

import base64
import io
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from bakeoff.arena.board import Board, Duel, Estimate, Row, Square, TaskColumn, Versus
from bakeoff.nouns import Level, Outcome, Task

ENTRIES = (
    ("stacked-ensemble-with-text-and-image-features-v3", "Nordlicht Analytics", False),
    ("boosted", "", True),
    ("tabular-foundation", "Uni Lyon", False),
    ("late fusion", "Team Ōsaka 大阪", False),
    ("forest", "", True),
    ("catalogue_matcher", "Warehouse & Sons", False),
    ("linear", "", True),
    ("neighbours", "", True),
    ("image", "", True),
    ("overnight-search", "Deadline Club", False),
    ("constant", "", True),
    ("half-finished", "Latecomers", False),
)
TASKS = (
    ("catalogue-category", "classification", "macro_f1", "Macro-F1", True, "made"),
    ("digits", "classification", "accuracy", "Accuracy", True, "real"),
    ("breast-cancer", "classification", "auc", "AUC", True, "real"),
    ("wine", "classification", "accuracy", "Accuracy", True, "real"),
    ("diabetes", "regression", "rmse", "RMSE", False, "real"),
    ("catalogue-price", "regression", "rmse", "RMSE", False, "made"),
    ("returns-within-30-days-by-owner", "classification", "auc", "AUC", True, "made"),
    ("fraud-rare", "classification", "accuracy", "Accuracy", True, "real"),
)
ODD = {
    (8, 3): (Outcome.DECLINED, "it has no image column"),
    (8, 4): (Outcome.DECLINED, "it has no image column"),
    (5, 4): (Outcome.FAILED, "ValueError: Unknown label type: continuous"),
    (9, 0): (Outcome.TIMED_OUT, "no answers after 600 s"),
    (9, 1): (Outcome.OUT_OF_MEMORY, "more than 4,096 MiB"),
    (3, 6): (Outcome.REFUSED, "17 of 400 answers are NaN"),
}


def _names(entries: int, tasks: int) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str, str, str, bool, str]]]:
    who = [ENTRIES[i] if i < len(ENTRIES) else (f"entry-{i:02d}", f"Team {i % 13}", False) for i in range(entries)]
    what = [TASKS[i] if i < len(TASKS) else (f"table-{i:02d}", *TASKS[i % 8][1:]) for i in range(tasks)]
    return who, what


def example_board(entries: int = 12, tasks: int = 8, seed: int = 0, title: str = "Autumn bake-off") -> Board:
    rng = np.random.default_rng(seed)
    who, what = _names(entries, tasks)
    names, columns = [name for name, _, _ in who], [_column(*task) for task in what]
    skill = np.sort(rng.beta(4, 3, entries))[::-1] * 0.75
    constant = [place for place, name in enumerate(names) if name == "constant"]
    skill[constant] = 0.0
    skill[1], skill[2] = skill[0] - 0.01, skill[0] - 0.02
    ease = rng.uniform(0.6, 1.25, tasks)
    draws = np.clip(skill[:, None] * ease + rng.normal(0, 0.05, (entries, tasks)), -1, 0.99)
    draws[constant] = 0.0
    squares = {}
    for i, name in enumerate(names):
        for j, column in enumerate(columns):
            squares[name, column.task.name] = _square(name, column, (i, j), float(draws[i, j]), rng)
    return _ranked(title, who, columns, squares, rng)


def _column(name: str, kind: str, metric: str, title: str, greater: bool, label: str) -> TaskColumn:
    classes = ("a", "b", "c") if kind == "classification" else ()
    task = Task(name, name, "0" * 64, kind, "target", metric, classes, track="main", label=label)
    bad = name == "fraud-rare"
    note = "No algorithm can exceed 0.93 on these rows (Bayes ceiling of the generator)." if label == "made" else ""
    reason = "the best constant answer is within 0.02 of perfect" if bad else ""
    return TaskColumn(task, title, greater, averaged=not bad, reason=reason, note=note)


def _square(entry: str, column: TaskColumn, place: tuple[int, int], value: float, rng: np.random.Generator) -> Square:
    task = column.task.name
    if entry == "half-finished" and place[1] >= 3:
        done = 1 if place[1] == 3 else 0
        if not done:
            return Square(entry, task, None, reason="not run yet", seeds_due=3)
    else:
        done = 3
    if place in ODD:
        outcome, reason = ODD[place]
        return Square(
            entry, task, outcome, Estimate(0.0, 0.0, 0.0), None, reason, 0, 0, Level.BUBBLEWRAP, 2.0, 1.9, 310
        )
    half = 0.015 + 0.05 * rng.random()
    score = Estimate(value, max(-1, value - half), min(1, value + half))
    raw_value, raw_half = (0.5 + value / 2, half / 2) if column.greater_is_better else (80 - 60 * value, 60 * half)
    raw = Estimate(raw_value, raw_value - raw_half, raw_value + raw_half)
    figures = {column.task.metric: raw}
    others = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "auc", "calibration_error")
    for other in others if column.task.kind == "classification" else ("rmse", "mae", "r2"):
        shift = rng.normal(0, 0.03)
        figures.setdefault(
            other, Estimate(raw_value + shift, raw_value + shift - raw_half, raw_value + shift + raw_half)
        )
    if place[1] == 0:
        gap = 0.02 + 0.1 * rng.random()
        figures["memorisation: gap"] = Estimate(gap, gap - 0.03, gap + 0.03)
    else:
        figures["memorisation: gap"] = Estimate(float("nan"), reason="under 1,000 training rows")
    wall = float(np.exp(rng.normal(place[0] % 12 * -0.2 + 2, 0.4)))
    figures["cost: wall"] = Estimate(wall, reason="one timed run")
    level = Level.PREDICTIONS if entry == "overnight-search" else Level.BUBBLEWRAP
    notes = ("wrapped by skrub's tabular_pipeline",) if entry == "catalogue_matcher" else ()
    return Square(
        entry,
        task,
        Outcome.DONE,
        score,
        raw,
        "",
        done,
        3 - done,
        level,
        wall,
        wall * 0.95,
        200 + wall * 40,
        notes,
        figures,
    )


def _ranked(
    title: str,
    who: list[tuple[str, str, bool]],
    columns: list[TaskColumn],
    squares: dict[tuple[str, str], Square],
    rng: np.random.Generator,
) -> Board:
    averaged = [column.task.name for column in columns if column.averaged]
    rows, means = [], {}
    for name, team, baseline in who:
        mine = [squares[name, column.task.name] for column in columns]
        marks = []
        for outcome in (Outcome.DECLINED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY, Outcome.REFUSED):
            count = sum(square.outcome is outcome for square in mine)
            marks += [f"{count} {outcome.value}"] if count else []
        marks += ["wrapped by skrub"] if name == "catalogue_matcher" else []
        done = sum(not square.seeds_due for square in mine)
        complete = done == len(mine)
        marks += [] if complete else [f"not complete: {done} of {len(mine)}"]
        scores = [squares[name, task].score for task in averaged if squares[name, task].score is not None]
        value = float(np.mean([each.value for each in scores]))
        means[name] = value if complete else None
        wall = float(np.exp(np.mean([np.log(square.wall) for square in mine if square.wall])))
        mean = Estimate(value, value - 0.022, value + 0.02) if complete else None
        rows.append(
            (Row(name, team, baseline, 0 if complete else None, mean, cpu=wall, peak_mib=900, marks=tuple(marks)), wall)
        )
    whole = sorted((name for name, value in means.items() if value is not None), key=lambda name: -means[name])
    beyond = {a: tuple(b for b in whole if means[a] - means[b] > 0.035) for a in whole}
    better = {a: {b: float(0.5 + 0.5 * np.tanh((means[a] - means[b]) * 40)) for b in whole} for a in whole}
    reference = next((wall for row, wall in rows if row.entry == "linear"), rows[0][1])
    final = {}
    for row, wall in rows:
        extra: dict[str, Any] = {"cost": wall / reference}
        if row.rank is not None:
            extra["rank"] = 1 + sum(row.entry in beyond[other] for other in whole)
            extra["mean_rank"] = 1 + sum(better[other][row.entry] for other in whole if other != row.entry)
            extra["win_rate"] = float(np.mean([better[row.entry][other] for other in whole if other != row.entry]))
            extra["p_first"] = float(np.prod([better[row.entry][other] for other in whole if other != row.entry]))
        final[row.entry] = Row(**{**row.__dict__, **extra})
    order = [final[name] for name in whole] + [row for row in final.values() if row.rank is None]
    prizes = (
        Row("Nordlicht Analytics", "Nordlicht Analytics", False, 1, order[0].mean, kind="prize", marks=("4 picks",)),
    )
    made = {
        "bakeoff": "0.1.0", "python": "3.11.9", "machine": "2 cores, 8 GiB", "seeds": [0, 1, 2],
        "date": "2026-03-02", "level": "L2 bubblewrap",
    }  # fmt: skip
    return Board(
        title, "main", "on these tables", tuple(order), tuple(columns), squares, better, beyond, prizes, "linear", made
    )


def example_versus() -> Versus:
    def estimate(value: float, half: float) -> Estimate:
        return Estimate(value, value - half, value + half)

    duels = (
        Duel("digits", estimate(0.91, 0.02), estimate(0.84, 0.03), estimate(0.07, 0.02), "late fusion", True),
        Duel("wine", estimate(0.80, 0.06), estimate(0.82, 0.06), estimate(-0.02, 0.05), "forest", False),
        Duel("fraud-rare", estimate(0.0, 0.1), estimate(0.0, 0.1), estimate(0.0, 0.1), "", False, "not averaged"),
        Duel("diabetes", None, estimate(0.4, 0.1), None, "", False, "late fusion has not run it yet"),
    )
    return Versus("late fusion", "forest", duels, estimate(0.03, 0.02), 0.97, True)


def matching_board(part: str = "test") -> Board:
    """Two matching tasks; three of four entries link records, the last of them best."""
    board = example_board(4, 2)
    columns = tuple(
        replace(
            column,
            part=part,
            metric_title="F1 of matches",
            task=replace(column.task, name=name, table=name, kind="matching", metric="f1", classes=(0, 1)),
        )
        for column, name in zip(board.columns, ("records", "shops"), strict=True)
    )
    squares = {}
    for number, row in enumerate(board.rows):
        for column, old in zip(columns, board.columns, strict=True):
            square = board.squares[row.entry, old.task.name]
            squares[row.entry, column.task.name] = replace(
                square, task=column.task.name, figures=_matched(number, part != "public")
            )
    return replace(board, columns=columns, squares=squares, track="matching", part=part)


def _matched(number: int, clusters: bool) -> dict[str, Estimate]:
    def near(value: float) -> Estimate:
        return Estimate(value, value - 0.02, value + 0.02)

    figures = {"precision": near(0.61), "recall": near(0.62), "average_precision": near(0.63), "best_f1": near(0.64)}
    if number == 3:
        why = "answers pairs, does not link tables"
        return {**figures, "linkage: link_f1": Estimate(float("nan"), reason=why)}
    best = 0.4 + number / 10  # the last on the board links best
    told = {"link_f1": near(best), "link_precision": near(0.71), "link_recall": near(0.72)}
    told |= {"candidate_recall": near(0.9876), "candidates_per_record": Estimate(12.34, reason="counted")}
    if clusters:
        told |= {"b_cubed_precision": near(0.999), "b_cubed_f1": near(0.83), "cluster_f1": near(0.74)}
    return {**figures, **{f"linkage: {name}": held for name, held in told.items()}}


def picture(colour: tuple[int, int, int]) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.linear_gradient("L").resize((48, 48)).convert("RGB").point(lambda v: v // 2 + colour[0] // 2).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def example_cards(board: Board) -> dict[str, dict[str, Any]]:
    """Cards as `tables.card` writes them."""
    return {column.task.table: _card(column, number) for number, column in enumerate(board.columns)}


def _card(column: TaskColumn, number: int) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    counts = np.histogram(rng.normal(0, 1, 900), 12)[0].tolist()
    numeric = {"type": "numeric", "role": "feature", "missing": 0.02, "distinct": 812, "why": "every value is a number"}
    words = {"mean": 23.4, "longest": 91, "bins": {"edges": list(range(13)), "counts": counts}}
    columns = [
        {"name": "price", **numeric, "bins": {"edges": [0.5 * i for i in range(13)], "counts": counts}, "median": 3.1},
        {"name": "description", **numeric, "type": "text", "why": "23 words on average", "words": words},
        {"name": "colour", **numeric, "type": "categorical", "top": [["red", 40], ["blue", 22], ["green", 9]]},
        {"name": "photo", **numeric, "type": "image", "why": "paths of images"},
        {"name": "seller", **numeric, "type": "categorical", "role": "owner", "top": [["north", 50], ["south", 41]]},
        {"name": "target", **numeric, "role": "target"},
    ]
    if column.task.kind == "classification":
        target = {"classes": ["a", "b", "c"], "counts": {"train": [420, 260, 95], "test": [140, 86, 31]}}
    else:
        target = {"edges": list(range(13)), "counts": {"train": counts, "test": [each // 3 for each in counts]}}
    examples = [
        {
            "price": 3.25 * row, "description": "A blue kettle of enamelled steel, hardly used, with lid. " * 2,
            "colour": "blue", "photo": picture((40 * row, 0, 0)), "seller": "north", "target": "a",
        }
        for row in range(1, 5)
    ]  # fmt: skip
    return {
        "name": column.task.table,
        "digest": "0123456789abcdef" * 4,
        "rows": {"all": 1032, "train": 775, "test": 257},
        "split": {
            "method": "owner" if number % 2 else "stratified",
            "column": "seller" if number % 2 else "",
            "seed": 0,
        },
        "about": {"licence": "CC BY 4.0", "source": "drawn by a generator", "notes": "Labels carry 5 % noise."},
        "columns": columns,
        "target": {"name": "target", "type": "categorical", **target},
        "examples": examples,
        "notes": ["the column 'seller' names the same owner on one side of the split only"],
    }


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://evil.example/x.png onerror=alert(1)>',
    "</title></style><b>bold</b>",
    "$\\frac{broken$ {{ 7 * 7 }} {% raw %}",
    "\x1b[31mred\x1b[0m [bold]markup[/bold]",
    "\u202ereversed\u202c & <!-- -->",
)


def hostile_board() -> Board:
    """A board whose names, teams, reasons, notes and marks try to be markup, mathematics and escape codes."""
    board = example_board(len(HOSTILE), 3, title=HOSTILE[2])
    name = dict(zip((row.entry for row in sorted(board.rows, key=lambda row: row.entry)), HOSTILE, strict=True))
    bad = HOSTILE[1]
    columns = tuple(
        replace(
            column, metric_title=HOSTILE[0], note=bad, averaged=False, reason=bad,
            task=replace(column.task, name=column.task.name + bad, table=column.task.name + bad, target=HOSTILE[0]),
        )
        for column in board.columns
    )  # fmt: skip
    task = {old.task.name: new.task.name for old, new in zip(board.columns, columns, strict=True)}
    squares = {
        (name[entry], task[on]): replace(
            square, entry=name[entry], task=task[on], reason=bad, notes=(HOSTILE[0],),
            figures={HOSTILE[4]: Estimate(1.0, reason=HOSTILE[0])},
        )
        for (entry, on), square in board.squares.items()
    }  # fmt: skip
    rows = tuple(replace(row, entry=name[row.entry], team=HOSTILE[0], marks=(bad, HOSTILE[4])) for row in board.rows)
    return replace(
        board, rows=rows, columns=columns, squares=squares, track=HOSTILE[0], reference=HOSTILE[3],
        better={name[a]: {name[b]: p for b, p in row.items()} for a, row in board.better.items()},
        beyond={name[a]: tuple(name[b] for b in wins) for a, wins in board.beyond.items()},
        prizes=(replace(rows[0], kind="prize"),), made_with={HOSTILE[0]: [HOSTILE[1]]},
    )  # fmt: skip


def hostile_cards(board: Board) -> dict[str, dict[str, Any]]:
    """Cards whose every cell is hostile, with a picture that would ask an outside machine."""
    bad = HOSTILE[1]
    column = {"name": bad, "type": "image", "role": bad, "missing": 0.5, "distinct": 3, "why": bad, "top": [[bad, 3]]}
    return {
        each.task.table: {
            "rows": {"all": 9, bad: 9}, "split": {"method": bad, "column": bad}, "about": {bad: {bad: [bad]}},
            "columns": [column], "target": {"classes": [bad], "counts": {"train": [3], "test": [1]}},
            "examples": [{bad: "http://evil.example/x.png"}, {bad: "data:image/svg+xml;base64,PHN2Zz4="}, {bad: bad}],
            "notes": [bad],
        }
        for each in board.columns
    }  # fmt: skip


BROKEN = "\udcff\0"
OURS = {"kind", "part", "notice"}  # the house's own words, which no stranger writes


def broken(thing: Any) -> Any:
    """A board, its cards or any part of them with a lone surrogate and a NUL at the end of every text."""
    if isinstance(thing, Enum):
        return thing
    if isinstance(thing, str):
        return thing + BROKEN
    if is_dataclass(thing):
        held = {f.name: getattr(thing, f.name) for f in fields(thing)}
        return replace(thing, **{name: value if name in OURS else broken(value) for name, value in held.items()})
    if isinstance(thing, dict):
        return {broken(key): broken(value) for key, value in thing.items()}
    return type(thing)(broken(item) for item in thing) if isinstance(thing, (list, tuple)) else thing
