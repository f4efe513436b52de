"""Targets of one tag for each token, alone or with a label of the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.nouns import Array, ColumnType
from bakeoff.tables.annotations import (
    JOINT,
    LABELS,
    TAGGING,
    Given,
    Made,
    items_of,
    joined,
    missing_column,
    parsed,
    written,
)
from bakeoff.tables.sentences import rows

LENGTHS = 1_000  # first rows whose tokens and tags are counted to find the column of tokens
TOKEN_NAMES = ("tokens", "words", "token", "word", "form", "forms", "sentence", "text")
TAG_NAMES = ("tags", "ner_tags", "slots", "slot_tags", "labels", "bio", "ner", "upos", "pos_tags", "pos", "tag")


def tagging(given: Given) -> Made:
    """The target of a tagging task: the tags of each row, and the tokens that they belong to."""
    name = _tag_column(given)
    made = Made(name, TAGGING)
    tags = _with_tokens(given, made, name)
    made.columns[name] = [joined(items) or None for items in tags]
    made.types[name] = ColumnType.TOKENS
    return made


def joint(given: Given) -> Made:
    """The target of a joint task: a label of each row together with its tags, under both columns' names."""
    if given.settings.target in given.names and is_joint(given.head(given.settings.target)[:1]):
        return _as_it_is(given)
    name, label = _tag_column(given), _label_column(given)
    made = Made(f"{label}+{name}", JOINT)
    tags, labels = _with_tokens(given, made, name), given.texts(label)
    made.columns[made.target] = [
        None if said is None or not items else written({"label": said, "tags": items})
        for said, items in zip(labels, tags, strict=True)
    ]
    made.types[made.target] = ColumnType.ANNOTATION
    made.left_out += [label, name]
    return made


def is_joint(cells: Sequence[Any]) -> bool:
    """Whether cells hold JSON of a label with tags, and there is one."""
    held = [parsed(cell) for cell in cells]
    return bool(held) and all(isinstance(one, dict) and {"label", "tags"} <= set(one) for one in held)


def _as_it_is(given: Given) -> Made:
    """The target of a joint task whose cells hold labels with tags already."""
    raw, name = given.raw, given.settings.target
    made = Made(name, JOINT, types={name: ColumnType.ANNOTATION})
    held = [(cell, parsed(cell)) for cell in given.texts(name)]
    sound = [isinstance(one, dict) and isinstance(one.get("tags"), list) and "label" in one for _, one in held]
    tags = [[str(tag) for tag in one["tags"]] if well else None for well, (_, one) in zip(sound, held, strict=True)]
    made.columns[name] = [
        None if items is None else written({"label": str(one["label"]), "tags": items})
        for items, (_, one) in zip(tags, held, strict=True)
    ]
    wrong = np.array([cell is not None for cell, _ in held], dtype=bool) & ~np.array(sound, dtype=bool)
    if wrong.any():
        made.problems.append(
            f"The target {name!r} cannot be read in {rows(wrong, raw.parts, raw.numbers)}; write JSON such as "
            '{"label": "PlayMusic", "tags": ["O", "B-artist"]}.'
        )
        made.columns[name] = [
            cell if bad else one for cell, bad, one in zip(given.texts(name), wrong, made.columns[name], strict=True)
        ]
    _with_tokens(given, made, name, tags)
    return made


def _tag_column(given: Given) -> str:
    """The column of tags: the target, or the one of several that holds lists."""
    settings = given.settings
    asked = [name for name in (settings.target, *settings.target.split("+"), *settings.targets) if name in given.names]
    told = [name for name in asked if given.holds_lists(name) or settings.types.get(name) is ColumnType.TOKENS]
    if told:
        return told[0]
    if asked and settings.kind == TAGGING and not settings.targets:
        return asked[0]
    written_ = [name for name in asked if name in TAG_NAMES]
    found = [name for name in TAG_NAMES if name in given.names and given.head(name)]
    if not written_ and not found:
        raise missing_column(given, "tags", "name the one that holds a tag for each token with --target")
    return (*written_, *found)[0]


def _label_column(given: Given) -> str:
    """The column of labels of a joint task: the target that holds no tags, or one named like a label."""
    settings, tags = given.settings, _tag_column(given)
    asked = (*settings.target.split("+"), settings.target, *settings.targets)
    known = [name for name in (*asked, *LABELS) if name in given.names and name != tags]
    if not known:
        raise missing_column(given, "labels", f"name it beside the tags as --target LABEL+{tags}")
    return known[0]


def token_column(given: Given, tags: str, wanted: Array | None = None) -> str:
    """The column whose cells have as many tokens as the tags, by its type, name or cells; empty where there is none."""
    settings = given.settings
    open_ = [name for name in given.names if name not in (tags, *settings.targets, *settings.leave_out)]
    declared = [name for name in open_ if settings.types.get(name) is ColumnType.TOKENS]
    lists = [name for name in open_ if name not in declared and given.holds_lists(name)]
    named = [name for name in TOKEN_NAMES if name in open_ and name not in (*declared, *lists)]
    texts = [name for name in open_ if name not in (*declared, *lists, *named) and given.holds_texts(name)]
    wanted = _lengths(given, tags) if wanted is None else wanted
    for group in (declared, lists, named, texts):
        known = sorted(group, key=lambda name: TOKEN_NAMES.index(name) if name in TOKEN_NAMES else len(TOKEN_NAMES))
        # A few rows may be wrong, and are told; a column in which most are is another thing.
        fit = [name for name in known if np.mean(_lengths(given, name) == wanted) > 0.5]
        if fit:
            return fit[0]
        if group is declared and known and known[0] in TOKEN_NAMES:
            return known[0]
    return ""


def _lengths(given: Given, name: str) -> Array:
    cells = given.raw.cells.cut(name, 0, min(LENGTHS, given.raw.rows))
    return np.array([len(items_of(cell) or ()) for cell in cells])


def _with_tokens(
    given: Given, made: Made, name: str, told: list[list[str] | None] | None = None
) -> list[list[str] | None]:
    """The tags of a column, or those `told`; the tokens beside are put in order, and what is wrong with them noted."""
    tags = given.lists(name) if told is None else told
    wanted = np.array([len(items or ()) for items in tags[:LENGTHS]])
    tokens_name = token_column(given, name, wanted)
    if not tokens_name:
        raise missing_column(
            given, f"tokens as many as the tags in {name!r}", "add one, and declare it as tokens with --type COL=tokens"
        )
    tokens = given.lists(tokens_name)
    made.columns[tokens_name] = [joined(items) for items in tokens]
    made.types[tokens_name] = ColumnType.TOKENS
    made.problems += _uneven(given, name, tokens_name, (tags, tokens))
    made.left_out += [other for other in _aligned(given, tokens) if other not in (name, tokens_name)]
    return tags


def _uneven(given: Given, name: str, tokens_name: str, both: Sequence[Sequence[list[str] | None]]) -> list[str]:
    """A sentence for the rows that have more or fewer tags than tokens, and one for those without any token."""
    raw = given.raw
    counts = [np.array([len(items or ()) for items in side]) for side in both]
    here = np.array([items is not None for items in both[0]], dtype=bool)
    empty = counts[1] == 0
    wrong = here & ~empty & (counts[0] != counts[1])
    problems = []
    if wrong.any():
        first = int(wrong.nonzero()[0][0])
        several = " in the first of them" if wrong.sum() > 1 else ""
        told = f"{counts[0][first]:,} for {counts[1][first]:,} tokens{several}"
        problems.append(
            f"Column {name!r} must have one tag for each token of {tokens_name!r}, but "
            f"{rows(wrong, raw.parts, raw.numbers)} {'has' if wrong.sum() == 1 else 'have'} more or fewer "
            f"({told}); write as many tags as tokens."
        )
    if empty.any():
        where = rows(empty, raw.parts, raw.numbers)
        problems.append(
            f"Column {tokens_name!r} has no token in {where}; fill {'it' if empty.sum() == 1 else 'them'} in or remove "
            f"{'this row' if empty.sum() == 1 else 'these rows'}."
        )
    return problems


def _aligned(given: Given, tokens: Sequence[list[str] | None]) -> list[str]:
    """Other columns of lists with one item for each token, such as another layer of tags."""
    lengths = [len(items or ()) for items in tokens]
    found = []
    for other in given.names:
        if other in given.settings.leave_out or given.kept(other) or not given.holds_lists(other):
            continue
        if [len(items or ()) for items in given.lists(other)] == lengths:
            found.append(other)
    return found
