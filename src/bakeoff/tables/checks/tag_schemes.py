"""Tags as entities: BIO in both of its readings, and what in a column of tags is none of it.

`B-x` begins an entity of type x and `I-x` goes on with one. Where an I- follows nothing of its type it begins one too,
so that IOB1 (Ramshaw and Marcus 1995) and IOB2 (Tjong Kim Sang and Veenstra 1999) are read alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

TAG = re.compile(r"O|[BIESLU]-\S+")
LIKE = 0.8  # share of the tags but O that follow the scheme from which the others are strangers in it


def is_bio(tags: Iterable[str]) -> bool:
    """Whether most tags but O, each counted as often as it comes or as a `Counter` says, mark parts of entities."""
    counts = Counter(tags)
    counts.pop("O", None)
    marked = sum(count for tag, count in counts.items() if TAG.fullmatch(tag))
    return marked > 0 and marked >= LIKE * sum(counts.values())


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of one row: type, place of the first token, and the place after the last."""
    found: list[tuple[str, int, int]] = []
    for place, tag in enumerate(tags):
        if not TAG.fullmatch(tag) or tag == "O":
            continue
        mark, name = tag[0], tag[2:]
        goes_on = mark in "IEL" and place and found and found[-1][2] == place and found[-1][0] == name
        if goes_on and tags[place - 1][0] in "BI":
            found[-1] = (name, found[-1][1], place + 1)
        else:
            found.append((name, place, place + 1))
    return found


def stray(tags: Sequence[str]) -> bool:
    """Whether a row has an I- (or an end) that nothing of its type comes before."""
    before = "O"
    for tag in tags:
        if tag[:2] in ("I-", "E-", "L-") and not (before[:2] in ("B-", "I-") and before[2:] == tag[2:]):
            return True
        before = tag
    return False
