"""Written texts against references: the counts of each row from which BLEU, chrF and ROUGE-L of all rows follow.

BLEU: Papineni et al. 2002 (ACL P02-1040); chrF: Popović 2015 (WMT W15-3049), both with sacrebleu's defaults (Post 2018,
arXiv 1804.08771); ROUGE-L: Lin 2004 (W04-1013), with the words that the package rouge-score takes and without stems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from bakeoff.extras import need
from bakeoff.nouns import Array

BLEU_ORDER = 4
CHRF_ORDER, CHRF_BETA = 6, 2
CHUNK = 200_000  # characters counted at once
WIDEST = 2**62
WORDS = re.compile(r"[a-z0-9]+")

References = Sequence[Sequence[str]]


def bleu_counts(references: References, answers: Sequence[str]) -> Array:
    """For each row, shared and answered n-grams of words for n = 1 to 4, and both lengths: float64 (rows, 10).

    Words are those of sacrebleu's tokeniser 13a. Raises MissingExtra without sacrebleu.
    """
    metric = need("sacrebleu.metrics", "language").BLEU(effective_order=True)
    counts = np.empty((len(answers), 2 * BLEU_ORDER + 2))
    for row, (true, answer) in enumerate(zip(references, answers, strict=True)):
        found = metric.sentence_score(answer, list(true))
        counts[row] = [*found.counts, *found.totals, found.sys_len, found.ref_len]
    return counts


def bleu(counts: Array) -> Array:
    """Corpus BLEU from 0 to 1 of summed `bleu_counts` (..., 10): float64 (...)."""
    compute = need("sacrebleu.metrics", "language").BLEU.compute_bleu
    flat = np.rint(np.reshape(counts, (-1, counts.shape[-1]))).astype(np.int64).tolist()
    scores = [
        compute(row[:BLEU_ORDER], row[BLEU_ORDER:-2], row[-2], row[-1], smooth_method="exp").score / 100 for row in flat
    ]
    return np.minimum(1.0, np.reshape(scores, np.shape(counts)[:-1]))  # rounding may leave it above


def chrf_counts(references: References, answers: Sequence[str]) -> Array:
    """For each row and n = 1 to 6, answered, true and shared n-grams of characters: float64 (rows, 18).

    Blanks are left out. Of several references the one with the highest chrF of its own counts, the first of equals;
    n-grams are counted as answered where the reference has any of that length.
    """
    owners = np.repeat(np.arange(len(answers)), [len(true) for true in references])
    given = [squeezed(answer) for answer in answers]
    true = [[squeezed(reference) for reference in row] for row in references]
    sizes = [len(text) + sum(map(len, row)) for text, row in zip(given, true, strict=True)]
    parts = [_shared_ngrams(given[start:end], true[start:end]) for start, end in _chunks(sizes)]
    counts = np.concatenate([np.empty((0, 3 * CHRF_ORDER)), *parts])
    # Stable, so that the first of equal references comes first.
    order = np.lexsort((-chrf(counts), owners))
    best = order[np.unique(owners[order], return_index=True)[1]]
    return counts[best]


def chrf(counts: Array) -> Array:
    """chrF from 0 to 1 of summed `chrf_counts` (..., 18): float64 (...).

    The harmonic mean, with beta = 2, of precision and recall averaged over the lengths n that both sides have.
    """
    answered, true, shared = (counts[..., part::3] for part in range(3))
    both = (answered > 0) & (true > 0)
    lengths = np.maximum(both.sum(axis=-1), 1)
    precision = np.divide(shared, answered, out=np.zeros_like(shared), where=both).sum(axis=-1) / lengths
    recall = np.divide(shared, true, out=np.zeros_like(shared), where=both).sum(axis=-1) / lengths
    weight = CHRF_BETA**2
    below = weight * precision + recall
    return np.divide((1 + weight) * precision * recall, below, out=np.zeros_like(below), where=below > 0)


def rouge_l(references: References, answers: Sequence[str]) -> Array:
    """The F measure of the longest common subsequence of words, with the best reference: float64 (rows,).

    Words are runs of a to z and 0 to 9 in small letters; a text without any has 0.
    """
    from rapidfuzz.distance import LCSseq

    scores = np.zeros(len(answers))
    for row, (true, answer) in enumerate(zip(references, answers, strict=True)):
        words = WORDS.findall(answer.lower())
        for reference in true:
            other = WORDS.findall(reference.lower())
            shared = LCSseq.similarity(words, other) if words and other else 0
            scores[row] = max(scores[row], 2 * shared / (len(words) + len(other)) if shared else 0.0)
    return scores


def squeezed(text: str) -> str:
    """A text without its blanks."""
    return "".join(text.split())


def _chunks(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Start and end of runs of rows with about CHUNK characters each."""
    run = (np.cumsum(sizes) // CHUNK) if len(sizes) else np.zeros(0, dtype=np.int64)
    edges = [0, *(np.flatnonzero(np.diff(run)) + 1).tolist(), len(sizes)]
    yield from ((start, end) for start, end in pairwise(edges) if start < end)


def _shared_ngrams(answers: Sequence[str], references: References) -> Array:
    """The counts of each answer with each of its references, in the order of the references: float64 (pairs, 18)."""
    row_of = np.repeat(np.arange(len(answers)), [len(true) for true in references])
    texts = [*answers, *(text for true in references for text in true)]
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    signs = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    alphabet, letters = np.unique(signs, return_inverse=True)
    owner = np.repeat(np.arange(len(texts)), sizes)
    left = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(signs))  # letters from here to the text's end
    counts = np.empty((len(row_of), 3 * CHRF_ORDER))
    place, grams, width = np.arange(len(letters)), np.zeros(len(letters), dtype=np.int64), 1
    for n in range(1, CHRF_ORDER + 1):
        there = left >= n
        owner, left, grams, place = owner[there], left[there], grams[there], place[there]
        if width * len(alphabet) * len(texts) >= WIDEST:
            kept, grams = np.unique(grams, return_inverse=True)
            width = len(kept)
        grams = grams * len(alphabet) + letters[place + n - 1]
        width *= len(alphabet)
        counts[:, 3 * n - 3 : 3 * n] = _matches(grams, owner, row_of, len(answers))
    return counts


def _matches(grams: Array, owner: Array, row_of: Array, rows: int) -> Array:
    """Answered, true and shared n-grams of each pair: float64 (pairs, 3).

    Owners below `rows` are answers, and the others are references; `row_of` (pairs,) is the answer beside each.
    """
    pairs, of_answer = len(row_of), owner < rows
    answered, many = np.unique(grams[of_answer] * rows + owner[of_answer], return_counts=True)
    true, few = np.unique(grams[~of_answer] * pairs + owner[~of_answer] - rows, return_counts=True)
    wanted = true // pairs * rows + row_of[true % pairs]
    there = np.searchsorted(answered, wanted)
    found = np.flatnonzero(there < len(answered))
    found = found[answered[there[found]] == wanted[found]]
    shared = np.bincount(true[found] % pairs, weights=np.minimum(many[there[found]], few[found]), minlength=pairs)
    totals = np.bincount(owner, minlength=rows + pairs)
    return np.stack([np.where(totals[rows:] > 0, totals[row_of], 0), totals[rows:], shared], axis=1)
