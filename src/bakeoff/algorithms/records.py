"""What the matching baselines read from records: the columns that two records share, and their cells as clean text."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from bakeoff.errors import Declined
from bakeoff.nouns import Array, ColumnType, Frame, Schema

SIDES = ("left", "right")
LONGEST = 1_000  # characters of a cell that are read: string distances cost the product of two lengths
TEXTLIKE = (ColumnType.TEXT, ColumnType.CATEGORICAL, ColumnType.TOKENS)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WITH_DIGIT = re.compile(r"[\w./-]*\d[\w./-]*")
NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Field:
    """A column of the records: its name, the type that its cells are compared as, and the sides that have it."""

    name: str
    type: ColumnType
    sides: tuple[str, ...] = SIDES

    @property
    def shared(self) -> bool:
        """Whether both sides have it."""
        return len(self.sides) == 2


@dataclass(frozen=True)
class Fields:
    """The columns in which a match may be seen; those in which two records may differ and still match are apart."""

    seen: tuple[Field, ...]
    ignored: tuple[str, ...] = ()

    @property
    def shared(self) -> tuple[Field, ...]:
        """The columns that both sides have."""
        return tuple(field for field in self.seen if field.shared)


def only_matching(schema: Schema, who: str) -> None:
    """Declined when the task does not ask whether two records match."""
    if schema.kind != "matching":
        raise Declined(f"The baseline {who!r} tells whether two records match, and this is a {schema.kind} task.")


def fields_of(schema: Schema, pairs: Frame) -> Fields:
    """The record columns behind the `left_` and `right_` columns of a frame of pairs, in the frame's order.

    A column whose two sides differ in type is compared as text. Where the schema names columns, others are not looked
    at; where it names none, types are told from the frame. Declined when no column is left.
    """
    columns = {column.name: column for column in schema.columns}
    found: dict[str, dict[str, ColumnType]] = {}
    for name in pairs.columns:
        side, _, bare = str(name).partition("_")
        if side in SIDES and bare and bare not in schema.ignored:
            column = columns.get(name) or columns.get(bare)
            if columns and not column:
                continue
            found.setdefault(bare, {})[side] = column.type if column else _type_of(pairs[name])
    fields = tuple(Field(name, _joint(set(types.values())), tuple(types)) for name, types in found.items())
    if not fields:
        raise Declined("There is no column left in which two records could be compared.")
    return Fields(fields, tuple(schema.ignored))


def _type_of(cells: Frame) -> ColumnType:
    if pd.api.types.is_datetime64_any_dtype(cells):
        return ColumnType.DATETIME
    return ColumnType.NUMERIC if pd.api.types.is_numeric_dtype(cells) else ColumnType.TEXT


def _joint(types: set[ColumnType]) -> ColumnType:
    if len(types) == 1:
        (one,) = types
        return ColumnType.TEXT if one is ColumnType.TOKENS else one
    return ColumnType.TEXT


@lru_cache(maxsize=200_000)
def clean(text: str) -> str:
    """Lower case without accents or HTML entities, blanks single; punctuation stays."""
    text = html.unescape(text) if "&" in text else text
    if not text.isascii():
        text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(text.casefold().split())


def words(text: str) -> list[str]:
    """The words of a clean text: runs of letters and digits."""
    return NO_WORD.sub(" ", text).split()


def plain(text: str) -> str:
    """The words of a clean text with single blanks between them."""
    return NO_WORD.sub(" ", text).strip()


def numbered(text: str) -> list[str]:
    """The words with a digit, separators taken out: ps-lx350h is pslx350h and 310/246-1501 is 3102461501."""
    return [NO_WORD.sub("", token) for token in WITH_DIGIT.findall(text)]


def first_number(text: str) -> float:
    """The first number in a text, NaN when there is none; a comma before three digits parts thousands."""
    found = NUMBER.search(text)
    if not found:
        return np.nan
    plain = re.sub(r",(?=\d{3})", "", found.group()).replace(",", ".")
    whole, _, rest = plain.partition(".")
    return float(f"{whole}.{rest.replace('.', '')}") if rest else float(whole)


def cells(frame: Frame, name: str) -> list[str]:
    """One column as clean text, missing cells and absent columns empty; numbers without needless zeros."""
    if name not in frame.columns:
        return [""] * len(frame)
    missing = frame[name].isna().to_numpy()
    given = frame[name].tolist()
    return ["" if gone else clean(_written(cell)) for cell, gone in zip(given, missing, strict=True)]


def _written(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.10g}"
    if isinstance(cell, (list, tuple, np.ndarray)):
        return " ".join(str(part) for part in cell)[:LONGEST]
    return str(cell)[:LONGEST]


def without(texts: list[str], frame: Frame, names: list[str]) -> list[str]:
    """The texts without the words that the same row has in other columns.

    What a variant may differ in stands in its title as often as in its own column.
    """
    for name in names:
        if name not in frame.columns:
            continue
        taken = [set(words(cell)) for cell in cells(frame, name)]
        texts = [
            " ".join(part for part in text.split() if not gone.intersection(words(part) or [part])) if gone else text
            for text, gone in zip(texts, taken, strict=True)
        ]
    return texts


def side_cells(pairs: Frame, name: str, side: str, fields: Fields) -> list[str]:
    """One record column of one side as clean text, without the words of ignored columns."""
    return without(cells(pairs, f"{side}_{name}"), pairs, [f"{side}_{ignored}" for ignored in fields.ignored])


def wholes(pairs: Frame, side: str, fields: Fields) -> list[str]:
    """All columns of one side but pictures and ignored ones, joined in one text per row."""
    columns = [
        cells(pairs, f"{side}_{field.name}")
        for field in fields.seen
        if side in field.sides and field.type is not ColumnType.IMAGE
    ]
    joined = [" ".join(filter(None, row)) for row in zip(*columns, strict=True)] if columns else [""] * len(pairs)
    return without(joined, pairs, [f"{side}_{ignored}" for ignored in fields.ignored])


def pairs_of(left: Frame, right: Frame | None, positions: Array) -> Frame:
    """Records side by side: a frame of `left_*` and `right_*` columns for positions int64 (pairs, 2)."""
    second = left if right is None else right
    sides = [
        table.iloc[positions[:, place]].add_prefix(f"{side}_").reset_index(drop=True)
        for place, (side, table) in enumerate(zip(SIDES, (left, second), strict=True))
    ]
    return pd.concat(sides, axis=1)
