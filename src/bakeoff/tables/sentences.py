"""The turns of phrase that sentences about tables share: names near a wrong one, lists, and row numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from bakeoff.nouns import Array

SHOWN = 5  # row numbers or names in one sentence; more would hide the mend
FEW = 12  # names up to which all of them are told
ENDS = 4  # names told from either end of a longer list


def near(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'price'?)`, or the known names when none is near; starts with a space unless it is empty."""
    names = [str(word) for word in known]
    by_lower = {candidate.lower(): candidate for candidate in names}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {by_lower[close[0]]!r}?)"
    return f" (known: {listed(names)})" if names else ""


def listed(names: Sequence[object], shown: int = SHOWN) -> str:
    """The names quoted and joined, the rest counted."""
    quoted = [repr(str(name)) for name in names]
    if len(quoted) > shown:
        return f"{', '.join(quoted[:shown])} and {len(quoted) - shown} more"
    return " and ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]]))


def all_or_ends(names: Sequence[object]) -> str:
    """The names quoted: all when they are few, else the first and the last ones, where targets tend to stand."""
    quoted = [repr(str(name)) for name in names]
    if len(quoted) <= FEW:
        return listed(names, FEW)
    return f"{', '.join(quoted[:ENDS])}, {len(quoted) - 2 * ENDS} more, {', '.join(quoted[-ENDS:])}"


def rows(wrong: Array, parts: Array | None = None, numbers: Array | None = None) -> str:
    """Data rows where `wrong` (n,) holds, counted from 1 after the header, within each file when there are several.

    `numbers` (n,) are the rows' own numbers, where the source has rows among them that were not read.
    `data row 3`, `data rows 3, 7 and 9`, `data rows 3, 7, 9, 12, 13 and 40 more`, `data row 2 of train and ...`.
    """
    if parts is not None:
        each = []
        for part in dict.fromkeys(parts[wrong]):
            here = parts == part
            each.append(f"{rows(wrong[here], None, None if numbers is None else numbers[here])} of {part}")
        return " and ".join(each)
    places = wrong.nonzero()[0][: SHOWN + 1]
    told = [str(int(number)) for number in (places + 1 if numbers is None else numbers[places])]
    count = int(wrong.sum())
    if count == 1:
        return f"data row {told[0]}"
    if count > SHOWN + 1:
        return f"data rows {', '.join(told[:SHOWN])} and {count - SHOWN} more"
    return f"data rows {', '.join(told[:-1])} and {told[-1]}"
