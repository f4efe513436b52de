"""A board as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import Any

from bakeoff.arena.board import Board, Estimate, PrivacyStand, Row, Square, TaskColumn
from bakeoff.arena.board_words import encodable
from bakeoff.nouns import Task, plain

CSV_COLUMNS = (
    "part", "rank", "entry", "team", "baseline", "task", "outcome", "metric",
    "score", "score_low", "score_high", "value", "value_low", "value_high",
    "mean_rank", "win_rate", "p_first", "cost_ratio", "cpu_seconds", "wall_seconds", "peak_mib",
    "seeds_done", "seeds_due", "level", "reason", "marks", "test_rows", "public_rank",
)  # fmt: skip


def board_json(board: Board) -> dict[str, Any]:
    """The whole board as what JSON can hold.

    `ranking` and `prizes` hold one object per row, `tasks` one per column, `squares` one per entry and task, in board
    order; an estimate is {value, low, high, reason}, and whatever is not a finite number is null. `part` says which
    test rows were asked for, and in `tasks` which a task has. Strangers' text is as they wrote it, but for lone
    surrogates and NUL.
    """
    told = {
        "title": board.title,
        "track": board.track,
        "question": board.question,
        "part": board.part,
        "notice": board.notice,
        "reference": board.reference,
        "ranking": [_row(row) for row in board.rows],
        "prizes": [_row(row) for row in board.prizes],
        "tasks": [_column(column) for column in board.columns],
        "squares": [_square(square) for square in _in_order(board)],
        "better": plain(board.better),
        "beyond": plain(board.beyond),
        "made_with": plain(board.made_with),
    }
    return tellable(told)  # type: ignore[no-any-return]


def board_csv(board: Board) -> str:
    """The board as one CSV in long form; the column `part` tells the lines apart.

    First the ranking: one line per entry, `part` = `ranking`, with its rank (empty when not ranked) and its mean score;
    then `prize` lines; then one line per entry and task, `part` = `task`, with the normalised score and the metric's
    own value. `cpu_seconds` and `peak_mib` are the row's or the square's; `test_rows` says which test rows the figures
    are of (test means all), and `public_rank` stands beside the rank on the private ones. Text that a spreadsheet would
    take for a formula gets an apostrophe in front; board_json leaves it as it is.
    """
    rows = {row.entry: row for row in board.rows}
    columns = {column.task.name: column for column in board.columns}
    lines = [_ranking_line("ranking", row, board.part) for row in board.rows]
    lines += [_ranking_line("prize", row, board.part) for row in board.prizes]
    lines += [_task_line(rows[square.entry], columns[square.task], square) for square in _in_order(board)]
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _csv_value(value) for key, value in line.items()} for line in lines)
    return out.getvalue()


def _in_order(board: Board) -> list[Square]:
    pairs = [(row.entry, column.task.name) for row in board.rows for column in board.columns]
    return [board.squares[pair] for pair in pairs if pair in board.squares]


def _row(row: Row) -> dict[str, Any]:
    return {**plain(row), "complete": row.rank is not None}


def _column(column: TaskColumn) -> dict[str, Any]:
    task = column.task
    return {
        "task": task.name,
        "table": task.table,
        "kind": task.kind,
        "label": task.label,
        "target": task.target,
        "metric": task.metric,
        "metric_title": column.metric_title,
        "greater_is_better": column.greater_is_better,
        "averaged": column.averaged,
        "reason": column.reason,
        "note": column.note,
        "part": column.part,
        "expired": column.expired,
        "digest": _digest(task),
    }


def _digest(task: Task) -> str:
    try:
        return task.digest
    except UnicodeEncodeError:  # a task that no table on disk can have, and that never ran
        return ""


def _square(square: Square) -> dict[str, Any]:
    known = plain(replace(square, groups={}, privacy=None))
    known["privacy"] = None if square.privacy is None else stand_json(square.privacy)
    known["groups"] = [{**plain(which), **plain(estimate)} for which, estimate in square.groups.items()]
    known["outcome"] = None if square.outcome is None else square.outcome.value
    known["level"] = None if square.level is None else square.level.value
    return known  # type: ignore[no-any-return]


def stand_json(stand: PrivacyStand) -> dict[str, Any]:
    """A claim, its verdict, the bound of each kind of canaries, and the figures of attacks."""
    figures = [
        {"of": which.group, "metric": which.metric, "variant": which.variant, **plain(estimate)}
        for which, estimate in stand.figures.items()
    ]
    told = {"claim": plain(stand.claim), "verdict": stand.verdict}
    return {**told, "bounds": [plain(bound) for bound in stand.bounds], "figures": figures}


def tellable(thing: Any) -> Any:
    """Plain things as strict JSON holds it: no number that is not finite, and no text that cannot be encoded."""
    if isinstance(thing, dict):
        return {tellable(key): tellable(value) for key, value in thing.items()}
    if isinstance(thing, list):
        return [tellable(value) for value in thing]
    if isinstance(thing, str):
        return encodable(thing)
    return None if isinstance(thing, float) and not math.isfinite(thing) else thing


def _ranking_line(part: str, row: Row, rows: str) -> dict[str, object]:
    return {
        "part": part,
        "rank": row.rank,
        "entry": row.entry,
        "team": row.team,
        "baseline": row.baseline,
        **_three("score", row.mean),
        "mean_rank": row.mean_rank,
        "win_rate": row.win_rate,
        "p_first": row.p_first,
        "cost_ratio": row.cost,
        "cpu_seconds": row.cpu,
        "peak_mib": row.peak_mib,
        "reason": "" if row.mean is None else row.mean.reason,
        "marks": "; ".join(row.marks),
        "test_rows": rows,
        "public_rank": row.public_rank,
    }


def _task_line(row: Row, column: TaskColumn, square: Square) -> dict[str, object]:
    return {
        "part": "task",
        "rank": row.rank,
        "entry": row.entry,
        "team": row.team,
        "baseline": row.baseline,
        "task": square.task,
        "outcome": "not run" if square.outcome is None else square.outcome.value,
        "metric": column.task.metric,
        **_three("score", square.score),
        **_three("value", square.raw),
        "cpu_seconds": square.cpu,
        "wall_seconds": square.wall,
        "peak_mib": square.peak_mib,
        "seeds_done": square.seeds_done,
        "seeds_due": square.seeds_due,
        "level": "" if square.level is None else square.level.value,
        "reason": square.reason,
        "marks": "; ".join(square.notes),
        "test_rows": column.part,
    }


def _three(name: str, estimate: Estimate | None) -> dict[str, object]:
    if estimate is None:
        return {}
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _csv_value(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        value = encodable(value)
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return "" if isinstance(value, float) and not math.isfinite(value) else value
