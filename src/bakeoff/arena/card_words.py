"""What a table's data card says in words and numbers.

The terminal and the page both speak through this file, so they never disagree. A card is what `tables.card` made; any
part of it may be missing, and its names and cells are strangers' text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.arena import board_words as words

Card = Mapping[str, Any]
INFORMING = frozenset({"reading", "matches for each record", "record ids"})  # these remarks ask nothing of anybody
OPTION = re.compile(r"(--[a-z][a-z-]{1,30}(?: [\w=]{1,30})?)")
VALUES = 4  # most frequent values that are named


def quantity(value: Any, digits: int = 4, *, name: bool = False) -> str:
    """A number of a table with that many digits that count, in powers of ten only where it is next to nothing or huge.

    Whole numbers are whole; thousands stand apart from 10,000 on, but never in a `name`, such as an identifier or a
    code, nor where there are so many digits that it can be nothing else. Anything but a number is said as it is.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return str(value)
    apart = "," if not name and 1e4 <= abs(value) < 1e11 else ""
    if isinstance(value, int):
        return f"{value:{apart}d}"
    if value.is_integer() and abs(value) < 1e16:
        return f"{value:{apart}.0f}"
    if not 1e-4 <= abs(value) < 1e16:
        return f"{value:.{digits}g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    said = f"{value:{apart}.{places}f}"
    return said.rstrip("0").rstrip(".") if places else said


def is_name(column: Card) -> bool:
    """Whether a column's numbers are names and no amounts: identifiers, owners, codes."""
    return (
        column.get("type") == "categorical" or column.get("trait") == "id-like" or column.get("role") in ("id", "owner")
    )


def span(edges: Sequence[Any], *, name: bool = False) -> str:
    """From the first edge to the last; one value where they are the same, nothing where there is none."""
    said = [quantity(edge, name=name) for edge in (*edges[:1], *edges[-1:])]
    return " to ".join(dict.fromkeys(said))


def plotted(column: Card) -> tuple[list[Any], str]:
    """The counts that a column's small plot shows, and its values in words."""
    bins, count, sizes = (_mapping(column.get(key)) for key in ("bins", "words", "sizes"))
    if bins:
        return _list(bins.get("counts")), span(_list(bins.get("edges")), name=is_name(column))
    if count:
        mean, longest = (quantity(count.get(key)) for key in ("mean", "longest"))
        about = f"{mean} words each" if mean == longest else f"{mean} words on average, {longest} at most"
        return _list(_mapping(count.get("bins")).get("counts")), about
    if sizes:
        return _list(_mapping(sizes.get("bins")).get("counts")), _pictures(sizes)
    pairs = [pair for pair in _list(column.get("top")) if isinstance(pair, (list, tuple)) and len(pair) == 2]
    named = [quantity(value, name=is_name(column)) for value, _ in pairs]
    return [number for _, number in pairs], words.listed(named, VALUES)


def _pictures(sizes: Card) -> str:
    """How large pictures are; the plot is of their longer sides, or of their bytes where all are of one size."""
    ends = span(_list(_mapping(sizes.get("bins")).get("edges")))
    if sizes.get("of") == "bytes":
        wide, high = (quantity((_list(sizes.get(side)) or ["?"])[0]) for side in ("width", "height"))
        return f"{wide} × {high} pixels each, {ends} bytes"
    return f"longer side {ends} pixels"


def kind_of(column: Card) -> str:
    """A column's type, with its trait where it has one."""
    return ", ".join(filter(None, (str(column.get("type", "")), str(column.get("trait") or ""))))


def remarks(card: Card) -> list[tuple[str, str, bool]]:
    """What was found: check, sentence, and whether it asks nothing of anybody; these come last.

    A card from before checks had names holds notes alone.
    """
    said = [remark for remark in _list(card.get("remarks")) if isinstance(remark, Mapping)]
    told = [(str(remark.get("check", "")), str(remark.get("text", ""))) for remark in said]
    told = told or [("", str(note)) for note in _list(card.get("notes"))]
    return sorted(((check, text, check in INFORMING) for check, text in told), key=lambda remark: remark[2])


@dataclass(frozen=True)
class Counted:
    """What a target of several values holds: of what, and each name with its count in train and in test."""

    of: str
    names: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]
    more: int


def target_facts(card: Card) -> list[tuple[str, str, str]]:
    """The figures of a target of several values: name, and what they are in train and in test."""
    told = [fact for fact in _list(_mapping(card.get("target")).get("facts")) if isinstance(fact, list)]
    return [(str(fact[0]), _figure(fact[0], fact[1]), _figure(fact[0], fact[2])) for fact in told if len(fact) == 3]


def _figure(name: Any, value: Any) -> str:
    if value is None:
        return "-"
    if str(name).startswith(("share", "rows ")) and isinstance(value, (int, float)):
        return words.percent(value)
    return quantity(value)


def target_groups(card: Card) -> list[Counted]:
    """How often what in a target of several values."""
    found = []
    for group in _list(_mapping(card.get("target")).get("groups")):
        held = _mapping(group)
        names, counts = _list(held.get("names")), _mapping(held.get("counts"))
        train, test = _list(counts.get("train")), _list(counts.get("test"))
        if names and len(train) == len(test) == len(names):
            more = held.get("more")
            more = more if isinstance(more, int) else 0
            found.append(Counted(str(held.get("of", "")), tuple(map(str, names)), tuple(train), tuple(test), more))
    return found


def target_plots(card: Card) -> list[tuple[str, str, dict[str, list[Any]]]]:
    """The spreads of a target of several values: title, its ends in words, and counts by part."""
    return [
        (
            str(plot.get("title", "")),
            span(_list(plot.get("edges"))),
            {part: _list(held) for part, held in counts.items()},
        )
        for plot in map(_mapping, _list(_mapping(card.get("target")).get("plots")))
        if (counts := _mapping(plot.get("counts")))
    ]


def target_marked(card: Card) -> list[list[tuple[str, str]]]:
    """Example rows of a target of several values: pieces of text, each with what it is marked as, if anything."""
    return [
        [(str(piece[0]), str(piece[1])) for piece in _list(row) if isinstance(piece, list) and len(piece) == 2]
        for row in _list(_mapping(card.get("target")).get("marked"))
    ]


def pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """A sentence in pieces, each with whether it is an option of a command with its value, never to be broken."""
    return tuple((piece, bool(place % 2)) for place, piece in enumerate(OPTION.split(text)) if piece)


def _mapping(value: Any) -> Card:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
