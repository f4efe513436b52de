"""How likely a language model finds sentences, for masked and causal models alike.

A masked model is asked for tokens that are hidden from it, a causal one for whole sentences. How a score was made is
part of the result: two ways of scoring one sentence are two different figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.stereotypes import Pairs, Triples, scored
from bakeoff.nouns import Array

SHARED = "shared tokens, each masked alone"
WHOLE = "log-probability of the whole sentence"
PIECES = "mean log-probability of the candidate's tokens, each masked with those before it in place"
MEAN = "mean log-probability of all tokens"
BLANK = "BLANK"


@dataclass(frozen=True)
class Tokens:
    """A text as a model reads it: the code of each token, and which characters it stands for.

    A token that the model adds by itself (a beginning, an end) stands for none: its span is empty.
    """

    codes: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    @property
    def own(self) -> tuple[int, ...]:
        """The places of tokens that stand for characters of the text."""
        return tuple(place for place, (begin, end) in enumerate(self.spans) if end > begin)

    def within(self, begin: int, end: int) -> tuple[int, ...]:
        """The places of tokens with characters from `begin` to before `end`."""
        return tuple(place for place in self.own if self.spans[place][0] < end and self.spans[place][1] > begin)


@runtime_checkable
class MaskedModel(Protocol):
    """A masked language model: `mask` hides a token, `unknown` is what all tokens become that it does not know."""

    mask: int
    unknown: int | None

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Texts as it reads them; UsageError for one that is too long to be read whole."""

    def log_probs(self, codes: Sequence[Sequence[int]], asked: Sequence[Sequence[tuple[int, int]]]) -> list[Array]:
        """For each row of codes the log-probabilities, in nats, of the (place, code) that are asked for."""


@runtime_checkable
class CausalModel(Protocol):
    """A causal language model, or anything else that gives whole texts a probability."""

    def log_prob(self, texts: Sequence[str]) -> Any:
        """The log-probability of each text, (texts,)."""

    def counts(self, texts: Sequence[str]) -> Any:
        """How many tokens each log-probability is the sum of, (texts,)."""


Asked = tuple[tuple[int, ...], int, int]  # codes with masks in place, the place, the code that is asked for


def asked_of(model: MaskedModel, asked: Sequence[Asked]) -> Array:
    """Log-probabilities float64 (asked,); every row of codes is read once, however often it is asked.

    UsageError where the model gives another number of answers, or numbers that are none.
    """
    rows: dict[tuple[int, ...], list[int]] = {}
    for number, (codes, _, _) in enumerate(asked):
        rows.setdefault(codes, []).append(number)
    found = model.log_probs(list(rows), [[asked[number][1:] for number in own] for own in rows.values()])
    if len(found) != len(rows):
        raise UsageError(f"The model gave answers of {len(found)} sentences where {len(rows)} were asked.")
    out = np.zeros(len(asked))
    for own, given in zip(rows.values(), found, strict=True):
        held = np.asarray(given, dtype=np.float64)
        if held.shape != (len(own),):
            raise UsageError(
                f"The model gave shape {held.shape} where {len(own)} tokens were asked; give one for each."
            )
        out[own] = held
    if not np.isfinite(out).all():
        count = int((~np.isfinite(out)).sum())
        raise UsageError(f"The model gave log-probabilities that are no numbers for {count} of {len(out)} tokens.")
    return out


def hidden(codes: Sequence[int], places: Sequence[int], mask: int) -> tuple[int, ...]:
    """Codes with a mask in some places."""
    covered = set(places)
    return tuple(mask if place in covered else code for place, code in enumerate(codes))


def pseudo_log_likelihood(model: MaskedModel, texts: Sequence[str]) -> Array:
    """The sum over a text's tokens of the log-probability of each, hidden by itself, float64 (texts,), in nats.

    Salazar et al. 2020, "Masked language model scoring", equation 1. UsageError as `asked_of` raises it.
    """
    read = model.tokens(list(texts))
    return _summed(model, read, [one.own for one in read])


def _summed(model: MaskedModel, read: Sequence[Tokens], places: Sequence[Sequence[int]]) -> Array:
    """The sum over places of each text of the log-probability of what stands there, hidden by itself."""
    asked: list[Asked] = []
    owner: list[int] = []
    for text, (one, own) in enumerate(zip(read, places, strict=True)):
        asked += [(hidden(one.codes, (place,), model.mask), place, one.codes[place]) for place in own]
        owner += [text] * len(own)
    return np.bincount(np.array(owner, dtype=np.int64), weights=asked_of(model, asked), minlength=len(read))


def shared(first: Tokens, second: Tokens) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The places, in either text, of the tokens that two texts share, in order: longest matching blocks of codes.

    What the model adds itself helps to find the blocks, as in the published scoring, and is no part of them.
    """
    blocks = SequenceMatcher(None, first.codes, second.codes, autojunk=False).get_matching_blocks()
    pairs = [(block.a + step, block.b + step) for block in blocks for step in range(block.size)]
    ours, theirs = set(first.own), set(second.own)
    kept = [(one, other) for one, other in pairs if one in ours and other in theirs]
    return tuple(one for one, _ in kept), tuple(other for _, other in kept)


def score_pairs(
    model: MaskedModel | CausalModel | Any,
    more: Sequence[str],
    less: Sequence[str],
    kinds: Sequence[str] = (),
    directions: Sequence[str] = (),
) -> Pairs:
    """Scores of pairs of sentences as `crows_pairs` takes them, the more stereotyped one first.

    A masked model is asked for the tokens that both sentences share, each hidden by itself, so that what differs is
    given and not scored (Nangia et al. 2020, section 3). Of anything else `log_prob(texts)` of whole sentences is
    taken. UsageError for lists of different lengths, an empty list, or scores that are no numbers.
    """
    if len(more) != len(less) or not len(more):
        raise UsageError(f"There are {len(more)} more and {len(less)} less stereotyped sentences; give one for one.")
    labels = list(kinds) or [""] * len(more)
    if not isinstance(model, MaskedModel):
        return Pairs(scored(model.log_prob, more), scored(model.log_prob, less), labels, directions, WHOLE)
    first, second = model.tokens(list(more)), model.tokens(list(less))
    both = [shared(one, other) for one, other in zip(first, second, strict=True)]
    ones = _summed(model, first, [one for one, _ in both])
    others = _summed(model, second, [other for _, other in both])
    return Pairs(ones, others, labels, directions, SHARED)


@dataclass(frozen=True)
class Clusters:
    """Contexts with the word BLANK in them, the three words that fill it, and each cluster's target term.

    UsageError for different lengths, or a context without BLANK.
    """

    targets: Sequence[str]
    contexts: Sequence[str]
    stereotype: Sequence[str]
    anti: Sequence[str]
    unrelated: Sequence[str]

    def __post_init__(self) -> None:
        lengths = {len(held) for held in vars(self).values()}
        if lengths == {0} or len(lengths) > 1:
            raise UsageError("Each cluster needs a target term, a context and three words, and there must be one.")
        for context in self.contexts:
            if context.count(BLANK) != 1:
                raise UsageError(f"The context {context[:60]!r} does not hold the word {BLANK} once; put it in.")


def score_triples(model: MaskedModel | CausalModel | Any, clusters: Clusters) -> Triples:
    """Scores of clusters as `stereoset` takes them.

    A masked model is asked for the tokens of each word one after another: the next one masked, those before it in
    place, those after it not there; their mean log-probability is the score. A causal model's score is the mean
    log-probability of all tokens of the filled context (Nadeem et al. 2021, section 5; it ranks sentences as the
    published 2 to that power does). UsageError for scores that are no numbers, a word that a masked model does not
    know, or a model without `counts`.
    """
    found = []
    for words in (clusters.stereotype, clusters.anti, clusters.unrelated):
        if isinstance(model, MaskedModel):
            found.append(_filled(model, clusters.contexts, words))
            continue
        if not hasattr(model, "counts"):
            raise UsageError(
                "The mean over tokens needs their number; give the model a method counts(texts), or score sentences by "
                "score_pairs."
            )
        texts = [context.replace(BLANK, word) for context, word in zip(clusters.contexts, words, strict=True)]
        counts = np.asarray(model.counts(texts), dtype=np.float64)
        found.append(scored(model.log_prob, texts) / np.maximum(counts, 1.0))
    how = PIECES if isinstance(model, MaskedModel) else MEAN
    return Triples(list(clusters.targets), found[0], found[1], found[2], how)


def _filled(model: MaskedModel, contexts: Sequence[str], words: Sequence[str]) -> Array:
    texts = [context.replace(BLANK, word) for context, word in zip(contexts, words, strict=True)]
    asked: list[Asked] = []
    owner: list[int] = []
    for number, (read, context, word) in enumerate(zip(model.tokens(texts), contexts, words, strict=True)):
        begin = context.index(BLANK)
        places = read.within(begin, begin + len(word))
        if not places or any(read.codes[place] == model.unknown for place in places):
            raise UsageError(f"The model does not know the word {word!r}; leave out clusters with it.")
        for step, place in enumerate(places):
            codes = (*read.codes[: places[0] + step], model.mask, *read.codes[places[-1] + 1 :])
            asked.append((codes, places[0] + step, read.codes[place]))
            owner.append(number)
    sums = np.bincount(owner, weights=asked_of(model, asked), minlength=len(texts))
    return np.asarray(sums / np.bincount(owner, minlength=len(texts)))
