"""Forms of words from their lemmas, by counting how the endings, stems and beginnings of known ones change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from bakeoff.algorithms.text.edits import Beginning, Ending, edits, ended
from bakeoff.algorithms.text.particles import BLANK, Particles, Row, bare
from bakeoff.algorithms.text.word_contexts import Contexts, after_start, before_end, blended

ALIKE = 0.9  # features agree when, of words that show it, more than this share have the same form in both
LEAST = 1e-5  # the probability below which a form is not worth naming


class Changes:
    """What words of the same features change into: counts of endings and beginnings."""

    def __init__(self) -> None:
        self.endings: Contexts[Ending] = Contexts()
        self.beginnings: Contexts[Beginning] = Contexts()

    def add(self, word: str, change: tuple[Beginning, Ending], weight: float = 1.0) -> None:
        """Count one word's change."""
        beginning, ending = change
        self.endings.add(before_end(word, len(ending.cut)), ending, weight)
        self.beginnings.add(after_start(word, len(beginning.cut)), beginning, weight)


class Inflection:
    """Forms and their probabilities, learnt from rows of lemma, features and form.

    A word's changes are those of words with the same features, and, less, of features that agree with them wherever
    both were seen (syncretism). Particles are taken off first, so that `zumachen` changes as `machen` does.
    """

    def fit(self, rows: Sequence[Row]) -> Inflection:
        """Learn from rows."""
        self.particles = Particles(rows)
        self.forms: dict[str, dict[str, str]] = defaultdict(dict)
        words = []
        for row in rows:
            self.forms[row.lemma][row.features] = row.form
            particle, rest = self.particles.divided.get(row.lemma, ("", row.lemma))
            form = bare(row.form, particle) if particle else row.form
            words.append(Row(row.lemma, row.features, row.form) if form is None else Row(rest, row.features, form))
        self._count(rows, words)
        return self

    def _count(self, rows: Sequence[Row], words: Sequence[Row]) -> None:
        self.own: dict[str, Changes] = defaultdict(Changes)
        self.lent: dict[str, Changes] = defaultdict(Changes)
        agreeing = _agreeing([row.lemma for row in rows], words)
        for word in words:
            change = edits(word.lemma, word.form)
            self.own[word.features].add(word.lemma, change)
            for features, weight in agreeing[word.features]:
                self.lent[features].add(word.lemma, change, weight)

    def answers(self, lemma: str, features: str) -> dict[str, float]:
        """Forms that a word may have and how likely each is; a word of unseen features is as it was."""
        if features not in self.own:
            return {lemma: 1.0}
        found: dict[str, float] = defaultdict(float)
        behind = self.particles.apart(features)
        seen = {other: form for other, form in self.forms.get(lemma, {}).items() if other != features}
        for particle, rest, chance in self.particles.likely(lemma, seen):
            for form, likely in self._changed(rest, features).items():
                if not particle:
                    found[form] += chance * likely
                    continue
                between = BLANK if BLANK in lemma[len(particle) : len(particle) + 1] else ""
                for whole, share in ((form + BLANK + particle, behind), (particle + between + form, 1 - behind)):
                    if share:
                        found[whole] += chance * likely * share
        return dict(found) or {lemma: 1.0}

    def _changed(self, word: str, features: str) -> dict[str, float]:
        """What a word without its particle may become."""
        own, lent = self.own[features], self.lent.get(features, Changes())
        done = {}

        def fits(ending: Ending) -> bool:
            if ending not in done:
                done[ending] = ended(word, ending)
            return done[ending] is not None

        endings = blended(own.endings, lent.endings, before_end(word), fits)
        starts = blended(own.beginnings, lent.beginnings, after_start(word), lambda one: word.startswith(one.cut))
        found: dict[str, float] = defaultdict(float)
        for ending, likely in endings.items():
            changed = done[ending]
            for beginning, chance in starts.items():
                if changed is not None and changed[1] >= len(beginning.cut) and likely * chance >= LEAST:
                    found[beginning.added + changed[0][len(beginning.cut) :]] += likely * chance
        return found


def _agreeing(lemmas: Sequence[str], words: Sequence[Row]) -> dict[str, list[tuple[str, float]]]:
    """For each of the features, those that it lends its words to, and how much.

    Words whose form is the lemma in both say nothing: they would make all features agree that mostly change nothing.
    """
    forms: dict[str, dict[str, Row]] = defaultdict(dict)
    for lemma, word in zip(lemmas, words, strict=True):
        forms[lemma][word.features] = word
    same: Counter[tuple[str, str]] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for known in forms.values():
        for one in known.values():
            for two in known.values():
                if one.features != two.features and not one.lemma == one.form == two.form:
                    both[one.features, two.features] += 1
                    same[one.features, two.features] += one.form == two.form
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for (one_, two_), count in both.items():
        weight = same[one_, two_] / (count + 0.5)
        if weight > ALIKE:
            found[one_].append((two_, weight))
    return found
