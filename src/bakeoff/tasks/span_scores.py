"""How an answer to a question about a text agrees with the true answers, by the rules of SQuAD v1.1.

Rajpurkar et al. 2016 (arXiv 1606.05250), section 6.1: punctuation and articles do not count, and of several true
answers the one that agrees best does.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
PUNCTUATION = str.maketrans("", "", string.punctuation)


def plain_words(text: str) -> list[str]:
    """The words of a text as they are compared: small letters, no ASCII punctuation, no English articles."""
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def agreement(references: Sequence[Sequence[str]], answer: Sequence[str]) -> tuple[float, float]:
    """Exact match (0 or 1) and token F1 of an answer with the best of the references, all as `plain_words` gives them.

    Without any reference the question has no answer, and an empty answer is right, as in SQuAD 2.0.
    """
    if not references:
        right = float(not answer)
        return right, right
    answer = list(answer)
    counts = Counter(answer)
    exact = max(float(list(reference) == answer) for reference in references)
    return exact, max(_f1(reference, answer, counts) for reference in references)


def _f1(reference: Sequence[str], answer: Sequence[str], counts: Counter[str]) -> float:
    """The F1 of words as a bag; 0 where they share none, two empty bags included."""
    shared = (counts & Counter(reference)).total()
    return 2 * shared / (len(answer) + len(reference)) if shared else 0.0
