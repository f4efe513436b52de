"""How a word becomes another: what changes at its beginning, inside its stem, and at its ending."""

from __future__ import annotations

from typing import NamedTuple

from bakeoff.algorithms.text.suffix_rules import changes

STEM = 4  # letters of a stem's change fewer than this: a longer one is taken as it stands


class Beginning(NamedTuple):
    """`cut` before a word gives way to `added`."""

    cut: str
    added: str


class Ending(NamedTuple):
    """`cut` behind a word gives way to `added`, and the last `stem` before it becomes `became` (both may be empty)."""

    stem: str
    became: str
    cut: str
    added: str


def edits(source: str, target: str) -> tuple[Beginning, Ending]:
    """The changes that make one word of the other: `applied` to the source, they give the target.

    A vowel that changes before an ending is told apart from it (`Wald`, `Wälder`: a to ä, and `er` added), so that one
    change is seen in words that share no ending.
    """
    (cut, added), (old, new) = changes(list(source), list(target))
    beginning, literal = Beginning("".join(cut), "".join(added)), Ending("", "", "".join(old), "".join(new))
    finer = _finer(literal.cut, literal.added)
    if finer is not None and applied(source, beginning, finer) == target:
        return beginning, finer
    return beginning, literal


def _finer(old: str, new: str) -> Ending | None:
    """The change of an ending around the longest run that both share a few letters on; None where there is none."""
    best, found = 0, None
    for place in range(1, min(STEM, len(old))):
        for at in range(1, min(STEM, len(new))):
            length = _shared(old[place:], new[at:])
            if length > best:
                best, found = length, Ending(old[:place], new[:at], old[place + length :], new[at + length :])
    return found


def _shared(one: str, two: str) -> int:
    """How many letters two words begin with alike."""
    return next((place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def ended(source: str, ending: Ending) -> tuple[str, int] | None:
    """The word with its ending changed, and how many letters of its beginning are as before; None if it cannot be."""
    if not source.endswith(ending.cut):
        return None
    kept = source[: len(source) - len(ending.cut)]
    if not ending.stem:
        return kept + ending.added, len(kept)
    place = kept.rfind(ending.stem)
    if place < 0:
        return None
    return kept[:place] + ending.became + kept[place + len(ending.stem) :] + ending.added, place


def applied(source: str, beginning: Beginning, ending: Ending) -> str | None:
    """The word with both changed; None where it has not what is to change."""
    done = ended(source, ending)
    if done is None or not source.startswith(beginning.cut) or done[1] < len(beginning.cut):
        return None
    return beginning.added + done[0][len(beginning.cut) :]
