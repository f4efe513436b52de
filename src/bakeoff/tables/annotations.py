"""Targets of several values, made of a table's columns as one column of texts: tags, spans, references.

`tagging`: tags apart by single spaces, as many as the tokens beside them. `joint`: JSON of a label and tags. `span`:
JSON of answers and where each starts in the context, as SQuAD has it (Rajpurkar et al. 2016). `generation`: a text, or
a JSON list of references with the row's own first. `language_model`: the text itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType
from bakeoff.tables.cells import HARD_SPACE
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import Settings
from bakeoff.tables.types import listed_cell

TAGGING, JOINT, SPAN, GENERATION, LANGUAGE_MODEL = "tagging", "joint", "span", "generation", "language_model"
ANNOTATED = (TAGGING, JOINT, SPAN, GENERATION, LANGUAGE_MODEL)
LOOKED_AT = 200  # first rows that tell what a column holds
LABELS = ("intent", "label", "class", "category")


@dataclass
class Made:
    """What became of a table's columns: new ones by name, their types, the target, and what is no feature any more.

    `renamed` maps the former names of columns to new ones.
    """

    target: str
    kind: str
    columns: dict[str, list[str | None]] = field(default_factory=dict)
    types: dict[str, ColumnType] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Given:
    """The columns of a raw table as a target is made of them."""

    def __init__(self, raw: Any, settings: Settings) -> None:
        self.raw, self.settings = raw, settings
        self.names: tuple[str, ...] = raw.names

    @property
    def whose(self) -> str:
        """How sentences call the table."""
        return f"Table {self.settings.name!r}"

    def head(self, name: str) -> list[Any]:
        """The present cells among the first rows of a column."""
        return list(self.raw.cells.cut(name, 0, min(LOOKED_AT, self.raw.rows)).dropna())

    def holds_lists(self, name: str) -> bool:
        """Whether a column holds lists, as such or written as texts."""
        cells = self.head(name)
        return bool(cells) and all(is_list(cell) for cell in cells)

    def holds_texts(self, name: str) -> bool:
        """Whether a column holds texts that are no lists."""
        cells = self.head(name)
        return bool(cells) and all(isinstance(cell, str) for cell in cells) and not self.holds_lists(name)

    def lists(self, name: str) -> list[list[str] | None]:
        """The items of each cell of a column, None where it is missing."""
        return [items_of(cell) for cell in self.raw.column(name)]

    def texts(self, name: str) -> list[str | None]:
        """The cells of a column as texts, None where one is missing or empty."""
        series = self.raw.column(name)
        absent = series.isna().to_numpy(dtype=bool)
        return [None if gone or cell == "" else str(cell) for cell, gone in zip(series, absent, strict=True)]

    def kept(self, name: str) -> bool:
        """Whether somebody named a column in a table.toml or by an option, so that it stays what it was called."""
        return not self.settings.lenient and name in self.settings.types

    def first(self, names: Sequence[str]) -> str:
        """The first of these names that is a column, or an empty string."""
        return next((name for name in names if name in self.names), "")


def is_missing(cell: Any) -> bool:
    """Whether a raw cell holds nothing."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell)) or type(cell).__name__ == "NAType"


def is_list(cell: Any) -> bool:
    """Whether a raw cell is a list, an array, or a text that writes one."""
    if isinstance(cell, str):
        return listed_cell(cell) is not None
    return isinstance(cell, (list, tuple)) or (hasattr(cell, "tolist") and getattr(cell, "ndim", 0) == 1)


def items_of(cell: Any) -> list[str] | None:
    """The items of a raw cell: those of a list, or the words of a text apart by blanks; None for one without any."""
    if is_missing(cell) or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, str):
        written = listed_cell(cell) if cell[:2] != "[ " else None
        return [str(item) for item in written] if written is not None else [item for item in cell.split() if item]
    return [str(item) for item in cell]


def joined(items: Sequence[str] | None) -> str | None:
    """Items in the standard form of tokens: apart by single blanks, with hard spaces within."""
    return None if items is None else " ".join(item.replace(" ", HARD_SPACE) for item in items)


def composed(raw: Any, settings: Settings) -> tuple[Any, Settings, list[str]]:
    """A raw table with its target as one column, the settings that fit it, and what is wrong with the target's parts.

    A table whose question is of another kind comes back as it is. Raises TableError where the columns that the target
    is made of are not there.
    """
    from bakeoff.tables import spans, tags, texts

    if not raw.rows or len(set(raw.names)) < len(raw.names):
        return raw, settings, []
    given = Given(raw, settings)
    settings = _asked(given)
    makers = {
        TAGGING: tags.tagging,
        JOINT: tags.joint,
        SPAN: spans.span,
        GENERATION: texts.generation,
        LANGUAGE_MODEL: texts.language_model,
    }
    if settings.kind not in makers:
        return raw, settings, []
    made = makers[settings.kind](Given(raw, settings))
    return (*_taken(raw, settings, made), made.problems)


def _asked(given: Given) -> Settings:
    """The settings with a kind and a target where nobody said them and the columns leave no doubt."""
    settings, names = given.settings, set(given.names)
    if settings.kind:
        return settings
    if not settings.target:
        return _by_names(given)
    if settings.target in names:
        return replace(settings, kind=_by_cells(given))
    pieces = settings.target.split("+")
    return replace(settings, kind=JOINT) if len(pieces) == 2 and set(pieces) <= names else settings


def _by_cells(given: Given) -> str:
    """The kind of task that the target's cells are made for; empty where they may be anything."""
    from bakeoff.tables.tags import is_joint, token_column

    target = given.settings.target
    cells = given.head(target)
    if not cells or (not isinstance(cells[0], (str, list, tuple, dict)) and not is_list(cells[0])):
        return ""
    if is_joint(cells):
        return JOINT
    held = [cell if isinstance(cell, dict) else parsed(cell) for cell in cells]
    if all(isinstance(one, dict) and {"text", "answer_start"} <= set(one) for one in held):
        return SPAN
    if not given.holds_lists(target):
        return ""
    if given.settings.types.get(target) is ColumnType.ANNOTATION:
        return GENERATION
    return TAGGING if token_column(given, target) else ""


def _by_names(given: Given) -> Settings:
    """The settings of a table without a target whose columns are called as such tables call them."""
    from bakeoff.tables.spans import ANSWER_TEXTS

    if {"tokens", "tags"} <= set(given.names):
        return replace(given.settings, kind=TAGGING, target="tags")
    if {"context", "question"} <= set(given.names) and given.first(ANSWER_TEXTS):
        return replace(given.settings, kind=SPAN, target="answers")
    return given.settings


def _taken(raw: Any, settings: Settings, made: Made) -> tuple[Any, Settings]:
    """The table and its settings with what was made in the place of what it was made of."""
    import pandas as pd

    columns = {name: pd.Series(cells, dtype="str") for name, cells in made.columns.items()}
    cells = raw.cells.with_columns(columns, made.renamed)
    names = [made.renamed.get(name, name) for name in raw.names]
    names += [name for name in made.columns if name not in names]
    others = [name for name in settings.targets if name not in made.columns]
    out = [name for name in dict.fromkeys((*settings.leave_out, *others, *made.left_out)) if name not in made.columns]
    features = {made.renamed.get(name, name): kind for name, kind in settings.types.items()}
    settings = replace(
        settings,
        target=made.target,
        targets=(),
        kind=made.kind,
        leave_out=tuple(name for name in out if name in names),
        types={**{name: kind for name, kind in features.items() if name not in out}, **made.types},
        roles={made.renamed.get(name, name): role for name, role in settings.roles.items() if name not in out},
    )
    partial = tuple(made.renamed.get(name, name) for name in raw.partial)
    left = [name for name in made.left_out if name in raw.names]
    gone = [f"Part of the target {made.target!r} or written after it, and so left out: {listed(left)}."] if left else []
    notes = (*raw.notes, *made.notes, *gone)
    return replace(raw, cells=cells, names=tuple(names), settings=settings, partial=partial, notes=notes), settings


def repeating(given: Given, truth: Sequence[str | None], but: Sequence[str]) -> Iterator[str]:
    """The columns that write the target once more, but for blanks, in nearly every row."""
    wanted = [_bare(cell) for cell in truth]
    for name in given.names:
        if name in but or name in given.settings.leave_out or not given.holds_texts(name):
            continue
        head = given.texts(name) if given.raw.rows <= LOOKED_AT else None
        cells = given.raw.cells.cut(name, 0, min(LOOKED_AT, given.raw.rows)) if head is None else head
        if _share(cells, wanted) >= MOSTLY and _share(given.texts(name), wanted) >= MOSTLY:
            yield name


MOSTLY = 0.9  # share of the rows in which a column that is the target once more agrees with it


def _share(cells: Any, wanted: Sequence[str]) -> float:
    pairs = [(_bare(cell), truth) for cell, truth in zip(cells, wanted, strict=False)]
    return sum(cell == truth for cell, truth in pairs) / max(len(pairs), 1)


def _bare(cell: Any) -> str:
    return "".join(cell.replace("_", " ").split()).casefold() if isinstance(cell, str) else ""


def missing_column(given: Given, what: str, mend: str) -> TableError:
    """The fault of a table without a column that its target is made of."""
    return TableError([*given.raw.problems, f"{given.whose} has no column of {what}; {mend}."])


def parsed(cell: Any) -> Any:
    """What the JSON text in a cell holds, None for any other cell."""
    try:
        return json.loads(cell) if isinstance(cell, str) else None
    except ValueError:
        return None


def tags_of(kind: str, cell: str) -> list[str]:
    """The tags in a standard target cell of a tagging or joint task."""
    return list(json.loads(cell)["tags"]) if kind == JOINT else cell.split(" ")


def labels_of(targets: Any) -> Any:
    """The labels in the standard target cells of a joint task, as a series."""
    return targets.map(lambda cell: json.loads(cell)["label"])


def written(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON as a target holds it."""
    return json.dumps(value, ensure_ascii=False)
