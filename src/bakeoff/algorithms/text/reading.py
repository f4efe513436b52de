"""Which column of a frame holds tokens, contexts, questions or sources, and its cells as plain Python values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.errors import Declined, UsageError
from bakeoff.nouns import Array, ColumnType, Frame, Schema

Tokens = list[list[str]]


def _is_list(cell: Any) -> bool:
    return isinstance(cell, (list, tuple, np.ndarray))


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and np.isnan(cell)) or type(cell).__name__ in ("NAType", "NaTType")


def _first(X: Frame, name: str) -> Any:
    return next((cell for cell in X[name] if not _missing(cell)), None) if len(X) else None


def _visible(X: Frame, schema: Schema | None) -> list[str]:
    return [name for name in X.columns if schema is None or name not in schema.fit_only]


def tokens_column(X: Frame, schema: Schema | None = None) -> str:
    """The column of tokens: the schema's first of that type, or the first whose cells are lists.

    Declined when there is none.
    """
    visible = _visible(X, schema)
    typed = schema.of_type(ColumnType.TOKENS) if schema else []
    listed = [name for name in visible if len(X) and any(map(_is_list, X[name]))]
    found = [name for name in typed if name in visible] or listed
    if not found:
        raise Declined("There is no column of tokens to read: no visible column has the type tokens or holds lists.")
    return str(found[0])


def tokens_of(X: Frame, name: str) -> Tokens:
    """The cells of a column of tokens as lists of text; a text is split at blanks, a gap is an empty list."""
    if name not in X.columns:
        raise UsageError(f"The asked rows lack the column {name!r}, which tokens were learnt from.")
    return [_tokens(cell) for cell in X[name]]


def _tokens(cell: Any) -> list[str]:
    if _is_list(cell):
        return [str(token) for token in cell]
    return cell.split(" ") if isinstance(cell, str) and cell else []


def text_columns(X: Frame, schema: Schema | None = None) -> list[str]:
    """The columns of text, in table order: those of the schema, or those whose first cell is text."""
    visible = _visible(X, schema)
    if schema:
        typed = set(schema.of_type(ColumnType.TEXT, ColumnType.CATEGORICAL, ColumnType.TOKENS))
        texts = set(schema.of_type(ColumnType.TEXT))
        found = [name for name in visible if name in (texts or typed)]
        if found:
            return found
    return [name for name in visible if isinstance(_first(X, name), str)]


def texts_of(X: Frame, name: str) -> list[str]:
    """The cells of a column as text; a gap is an empty text, tokens are joined by blanks."""
    if name not in X.columns:
        raise UsageError(f"The asked rows lack the column {name!r}, which was there in fit.")
    return [_text(cell) for cell in X[name]]


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if _is_list(cell):
        return " ".join(map(str, cell))
    return "" if _missing(cell) else str(cell)


def passage_columns(X: Frame, schema: Schema | None = None) -> tuple[str, str]:
    """The columns of context and question: those of these names, or the longer and the shorter of two text columns.

    Declined when there are no two.
    """
    found = text_columns(X, schema)
    if {"context", "question"} <= set(found):
        return "context", "question"
    if len(found) < 2:
        raise Declined("Spans need two columns of text, context and question; this table shows fewer.")
    lengths = {name: sum(map(len, texts_of(X, name))) for name in found[:2]}
    context = max(lengths, key=lambda name: lengths[name])
    return context, next(name for name in found[:2] if name != context)


def sources_of(X: Frame, names: Sequence[str]) -> list[str]:
    """One source text for each row: the columns of these names, one below the other where there are several."""
    parts = [texts_of(X, name) for name in names]
    return ["\n".join(cells) for cells in zip(*parts, strict=True)]


def source_columns(X: Frame, schema: Schema | None = None) -> list[str]:
    """The columns that a text is generated from: `source` where there is one, or else every text column.

    Declined when there is none.
    """
    found = text_columns(X, schema)
    if not found:
        raise Declined("There is no text to generate from: no visible column is text.")
    return ["source"] if "source" in found else found


def tags_of(y: Any, tokens: Tokens) -> Tokens:
    """Tags as lists of text; UsageError where a row has not one tag for each token."""
    tags = [_tokens(cell) for cell in y]
    if len(tags) != len(tokens):
        raise UsageError(f"There are {len(tokens)} rows of tokens and {len(tags)} of tags; give one for each.")
    for row, (words, given) in enumerate(zip(tokens, tags, strict=True)):
        if len(words) != len(given):
            raise UsageError(f"Row {row} has {len(words)} tokens and {len(given)} tags; give one tag for each token.")
    return tags


def labels_and_tags(y: Any, tokens: Tokens) -> tuple[list[str], Tokens]:
    """The columns `label` and `tags` of a joint target; UsageError when it is not a frame of the two."""
    try:
        labels, tags = list(y["label"]), list(y["tags"])
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        raise UsageError("A joint target is a frame with the columns 'label' and 'tags'; give it both.") from problem
    return [str(label) for label in labels], tags_of(tags, tokens)


def as_objects(values: Sequence[Any]) -> Array:
    """Any values as an object array (rows,), lists kept as cells."""
    out = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        out[place] = value
    return out


def held_out(rows: int, share: float, seed: int, largest: int) -> tuple[Array, Array]:
    """Positions to learn from and to hold out, each int64 and in order; nothing is held out of fewer than 10 rows."""
    count = 0 if rows < 10 else min(largest, max(1, round(share * rows)))
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[count:]), np.sort(order[:count])
