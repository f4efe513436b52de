"""Words that stand for each other in texts, as table.toml gives them for twins: what a word is, and what is wrong."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.nouns import Counterparts, Swaps
from bakeoff.tables.sentences import SHOWN

# Signs that stand on, under or after a letter and belong to its word: accents, Hebrew and Arabic points, vowels of the
# scripts of India (whose blocks are laid out alike) and of Thai, and joiners.
MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
MARKS += "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200c\u200d"
MARKS += "".join(
    f"{chr(block + first)}-{chr(block + last)}"
    for block in range(0x0900, 0x0D80, 0x80)
    for first, last in ((0x00, 0x03), (0x3A, 0x3C), (0x3E, 0x4F), (0x51, 0x57), (0x62, 0x63))
)
LETTERS = rf"(?:[^\W\d_]|[{MARKS}])+"
WORD = re.compile(rf"{LETTERS}(?:[-]{LETTERS})*", re.UNICODE)

NEUTRAL, GENDER = "neutral", "gender"
SWITCHES = ("english", "plurals")
FORM = '[["christian", "muslim"], ["church", "mosque"]]'


def looked_up(word: str) -> str:
    """A word as it is looked up: small letters, an accent being part of its letter."""
    return unicodedata.normalize("NFC", word.lower())


def read_swaps(said: Mapping[str, Any], faults: list[str]) -> Swaps:
    """What [swaps] of a table.toml says; each thing that is wrong with it is a sentence more in `faults`."""
    switches = {"english": Swaps.english, "plurals": Swaps.plurals}
    lists: dict[str, Counterparts] = {}
    for key, value in said.items():
        if key not in SWITCHES:
            lists[key] = _rows(key, value, faults)
        elif isinstance(value, bool):
            switches[key] = value
        else:
            faults.append(f"swaps.{key} is {value!r}; it must be true or false.")
    neutral = lists.pop(NEUTRAL, ())
    held = {looked_up(word): name for name, rows in lists.items() for row in rows for word in row}
    for word in (word for row in neutral for word in row):
        if name := held.get(looked_up(word)):
            faults.append(f"swaps.neutral has {word!r}, which is a word of swaps.{name} too; take it out of one.")
    if switches["english"] and any(len(row) > 2 for row in lists.get(GENDER, ())):
        faults.append(
            "swaps.gender has more than two words in a row, and English pairs are swapped along with it; "
            "give pairs (male, female), or say english = false."
        )
    return Swaps(lists, neutral, **switches)


def _rows(key: str, value: object, faults: list[str]) -> Counterparts:
    """The rows of one list; none where it has a fault."""
    found: list[str] = []
    if not key.strip() or not key.isprintable():
        found.append(f"swaps has a list named {key!r}; give it the attribute's name.")
    rows = value if isinstance(value, (list, tuple)) else ()
    if not rows or not all(isinstance(row, (list, tuple)) for row in rows):
        found.append(f"swaps.{key} is {value!r}; it must be rows of words that stand for each other, such as {FORM}.")
    else:
        found += [*_of_lengths(key, rows), *_of_words(key, rows)]
    faults += found
    return () if found else tuple(tuple(row) for row in rows)


def _of_lengths(key: str, rows: Sequence[Sequence[object]]) -> list[str]:
    wanted = max(2, len(rows[0]))
    other = [place for place, row in enumerate(rows, 1) if len(row) != wanted]
    if not other:
        return []
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    told = f"row{'s' * (len(other) > 1)} {', '.join(map(str, other[:SHOWN]))}{more}"
    verb = "have" if len(other) > 1 else "has"
    return [f"swaps.{key}: {told} {verb} not {wanted} words; give each side's word in every row, in the same order."]


def _of_words(key: str, rows: Sequence[Sequence[object]]) -> list[str]:
    found: list[str] = []
    sides: dict[str, int] = {}
    for row in rows:
        for side, word in enumerate(row):
            if not isinstance(word, str) or not WORD.fullmatch(word):
                found.append(f"swaps.{key} has {word!r}, which is no single word of letters; swaps go word by word.")
            elif sides.setdefault(looked_up(word), side) != side:
                found.append(f"swaps.{key} has {word!r} on two sides; leave it on one.")
    return list(dict.fromkeys(found))


def swaps_toml(swaps: Swaps) -> list[str]:
    """The lines of a [swaps] section that reads back equal; none where nothing is said."""
    if not swaps:
        return []
    lists = {**swaps.lists, **({NEUTRAL: swaps.neutral} if swaps.neutral else {})}
    switches = [f"{key} = {str(getattr(swaps, key)).lower()}" for key in SWITCHES]
    return [
        "",
        "[swaps]",
        *switches,
        *(f"{json.dumps(key, ensure_ascii=False)} = {_toml(rows)}" for key, rows in lists.items()),
    ]


def _toml(rows: Counterparts) -> str:
    # A word holds letters alone, so JSON's escapes are TOML's.
    return json.dumps([list(row) for row in rows], ensure_ascii=False)
