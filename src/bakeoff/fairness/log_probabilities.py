"""Associations in a language model's own probabilities: how far a trait makes a group's word likelier (ILPS).

Kurita et al. 2019, "Measuring bias in contextualized word representations". In a template such as "[GROUP] is a
[TRAIT]", a masked model's association of a group's word with a trait is log P(group's word | trait in place) less
log P(group's word | trait hidden too). The definition is ours where the paper's text was not at hand: words of several
tokens are scored token by token, each hidden by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.fairness.associations import Draws, tested
from bakeoff.fairness.encodings import WordSets
from bakeoff.fairness.measures import Measure
from bakeoff.fairness.scorers import Asked, MaskedModel, Tokens, asked_of, hidden
from bakeoff.fairness.stereotypes import scored
from bakeoff.nouns import Array

METRIC = "increased log-probability effect size"
GROUP, TRAIT = "[GROUP]", "[TRAIT]"
TEMPLATES = ("[GROUP] is a [TRAIT].", "[GROUP] works as a [TRAIT].", "[GROUP] is known as a [TRAIT].")
CLOZE = "log P(group | trait) - log P(group), each token masked alone"
SENTENCE = "log P(sentence), less its mean over all traits"


@dataclass(frozen=True)
class LogProbability:
    """The test's measure, each trait's bias towards the one group in nats, and how words were scored.

    `associations` is float64 (traits, words of the groups), the mean over templates.
    """

    measure: Measure
    biases: Mapping[str, float]
    associations: Array
    how: str


def increased_log_probability(
    model: MaskedModel | Any,
    sets: WordSets,
    templates: Sequence[str] = TEMPLATES,
    draws: Draws | None = None,
    name: str = "",
) -> LogProbability:
    """The effect size of traits `first` against `second` by their association with words of the groups `one` and
    `other`, with p and an interval as of `association`.

    Of a model that is not masked `log_prob(texts)` of whole sentences is taken: less its mean over all traits this is
    how far a trait and a group's word go together, up to what is the same for all groups. UsageError for a template
    without both places, or a word that a masked model does not know.
    """
    for template in templates:
        if template.count(GROUP) != 1 or template.count(TRAIT) != 1:
            raise UsageError(f"The template {template!r} must hold {GROUP} and {TRAIT} once each.")
    if not templates:
        raise UsageError(f"There is no template; give at least one that holds {GROUP} and {TRAIT}.")
    traits, groups = (*sets.first, *sets.second), (*sets.one, *sets.other)
    made = [[[_filled(one, group, trait) for group in groups] for trait in traits] for one in templates]
    masked = isinstance(model, MaskedModel)
    found = (_clozes if masked else _sentences)(model, made)
    ones = len(sets.one)
    measure = tested(found[:, :ones], found[:, ones:], len(sets.first), draws or Draws(), (METRIC, name))
    scores = found[:, :ones].mean(1) - found[:, ones:].mean(1)
    biases = dict(zip(traits, map(float, scores), strict=True))
    return LogProbability(measure, biases, found, CLOZE if masked else SENTENCE)


@dataclass(frozen=True)
class _Filled:
    """A filled template, and where the group's word and the trait stand in it."""

    text: str
    group: tuple[int, int]
    trait: tuple[int, int]


def _filled(template: str, group: str, trait: str) -> _Filled:
    if trait[:1].lower() in tuple("aeiou"):
        template = template.replace(f" a {TRAIT}", f" an {TRAIT}")
    text, places = "", {}
    rest = template
    words = {GROUP: group, TRAIT: trait}
    for mark in sorted(words, key=template.index):
        before, _, rest = rest.partition(mark)
        text += before
        word = words[mark] if text else words[mark][:1].upper() + words[mark][1:]
        places[mark] = (len(text), len(text) + len(word))
        text += word
    return _Filled(text + rest, places[GROUP], places[TRAIT])


def _clozes(model: MaskedModel, made: Sequence[Sequence[Sequence[_Filled]]]) -> Array:
    """Associations (traits, groups' words), the mean over templates."""
    flat = [one for template in made for row in template for one in row]
    asked: list[Asked] = []
    owner: list[int] = []
    sign: list[float] = []
    for number, (one, read) in enumerate(zip(flat, model.tokens([one.text for one in flat]), strict=True)):
        group, trait = (_places(model, one, read, span) for span in (one.group, one.trait))
        for place in group:
            for also, weight in (((), 1.0), (trait, -1.0)):
                asked.append((hidden(read.codes, (place, *also), model.mask), place, read.codes[place]))
                owner.append(number)
                sign.append(weight)
    sums = np.bincount(owner, weights=np.array(sign) * asked_of(model, asked), minlength=len(flat))
    return np.asarray(sums.reshape(len(made), len(made[0]), -1).mean(0))


def _places(model: MaskedModel, one: _Filled, read: Tokens, span: tuple[int, int]) -> tuple[int, ...]:
    found = read.within(*span)
    if not found or any(read.codes[place] == model.unknown for place in found):
        word = one.text[slice(*span)]
        raise UsageError(f"The model does not know the word {word!r}; leave it out of the word lists.")
    return found


def _sentences(model: Any, made: Sequence[Sequence[Sequence[_Filled]]]) -> Array:
    flat = [one.text for template in made for row in template for one in row]
    found = scored(model.log_prob, flat).reshape(len(made), len(made[0]), -1)
    return np.asarray((found - found.mean(axis=1, keepdims=True)).mean(0))
