"""Which words are swapped in a table's texts: those that its owner listed, and English words of gender."""

from __future__ import annotations

from bakeoff.fairness.swapping import NEUTRAL
from bakeoff.fairness.swaps import Attribute, gender, plural
from bakeoff.nouns import Counterparts, Swaps
from bakeoff.tables.word_lists import GENDER, looked_up


def names(swaps: Swaps) -> tuple[str, ...]:
    """The attributes whose words are swapped, English gender first where it is."""
    return tuple(dict.fromkeys([*([GENDER] if swaps.english else []), *swaps.lists]))


def attributes(swaps: Swaps, english: bool = True) -> tuple[Attribute, ...]:
    """The attributes with their words; `english` tells whether the texts look it, without which ours are left out.

    Pairs of the owner's own list of gender are swapped along with ours, and before them.
    """
    ours = swaps.english and english
    own = {name: _with_plurals(rows) if swaps.plurals else rows for name, rows in swaps.lists.items()}
    found = []
    for name in names(swaps):
        if name == GENDER and ours:
            found.append(gender([(male, female) for male, female in own.get(name, ())]))
        elif name in own:
            found.append(_attribute(name, own[name]))
    return tuple(found)


def neutral_words(swaps: Swaps) -> Attribute | None:
    """Words that stand for no group, of the owner or else ours as far as no list has them; None without any."""
    if swaps.neutral:
        return _attribute(NEUTRAL.name, swaps.neutral)
    listed = {looked_up(word) for rows in swaps.lists.values() for row in rows for word in row}
    kept = [pair for pair in zip(*NEUTRAL.values.values(), strict=True) if not listed & set(pair)]
    if not kept:
        return None
    return Attribute(NEUTRAL.name, dict(zip(NEUTRAL.values, zip(*kept, strict=True), strict=True)))


def _attribute(name: str, rows: Counterparts) -> Attribute:
    return Attribute(name, {f"side {side}": words for side, words in enumerate(zip(*rows, strict=True), 1)})


def _with_plurals(rows: Counterparts) -> Counterparts:
    """The rows, and after them those of their English plurals, as far as these are words of no row yet."""
    known = {looked_up(word) for row in rows for word in row}
    found = list(rows)
    for row in rows:
        more = tuple(plural(word) for word in row)
        words = {looked_up(word) for word in more}
        if len(words) == len(row) and not words & known:
            found.append(more)
            known |= words
    return tuple(found)
