"""Whether texts look English, so that English word lists may be swapped in them.

In German "man" is a pronoun like one, and "her" means hither: swapping such words in texts of other languages would
measure nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

WORDS = re.compile(r"[^\W\d_]+", re.UNICODE)
ENGLISH = frozenset("the and of that with this for are you have it is not but from they to".split())  # noqa: SIM905
OTHERS = frozenset(
    """
    der und das ist nicht ein eine dem mit auf für sich auch wie sie le les des et une est pas dans pour sur avec
    que qui el los las por para con una del pero como está het een niet ook maar zijn il della che sono
    och att det som inte på jag har og ikke til av nie się jest na że não uma os em mais
    """.split()  # noqa: SIM905
)


def looks_english(texts: Iterable[str]) -> bool:
    """Whether small words of English are at least as many as those of its neighbours; True where there are neither."""
    english = others = 0
    for text in texts:
        for word in WORDS.findall(text.lower()):
            english += word in ENGLISH
            others += word in OTHERS
    return english >= others
