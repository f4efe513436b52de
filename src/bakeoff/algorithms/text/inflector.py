"""Generation by counting how words change: forms of words from their lemmas and features."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.algorithms.text.inflecting import Inflection
from bakeoff.algorithms.text.parameters import Estimator, fitted, only
from bakeoff.algorithms.text.particles import Row
from bakeoff.algorithms.text.reading import as_objects, source_columns, sources_of
from bakeoff.algorithms.text.suffix_rules import split
from bakeoff.errors import Declined
from bakeoff.nouns import Array, Frame, Schema

PRIVATE, LAST = 0xF0000, 0x10FFFD  # code points that no text means anything by: they stand for longer symbols
MOST = 100_000  # such symbols that training texts may have


class Spelt:
    """An `Inflection` of texts whose symbols are divided by blanks, features behind a lone bar in the source."""

    def fit(self, sources: Sequence[str], targets: Sequence[str]) -> Spelt:
        """Learn from sources and texts; Declined where there are more than 100,000 symbols of several letters."""
        self.codes: dict[str, str] = {}
        rows = []
        for source, target in zip(sources, targets, strict=True):
            symbols, features = split(source)
            rows.append(Row(_coded(symbols, self.codes), features, _coded(target.split(" "), self.codes)))
        if len(self.codes) > MOST:
            raise Declined(
                f"The texts have {len(self.codes)} different words; the baseline 'inflector' is for words spelt letter "
                f"by letter and holds {MOST} at most."
            )
        self.inflection = Inflection().fit(rows)
        return self

    def answers(self, source: str, most: int = 5) -> list[tuple[str, float]]:
        """The likeliest texts, best first, and their probabilities."""
        symbols, features = split(source)
        codes = dict(self.codes)
        lemma = _coded(symbols, codes)
        found = self.inflection.answers(lemma, features)
        back = {code: symbol for symbol, code in codes.items()}
        best = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:most]
        return [(" ".join(back.get(letter, letter) for letter in form), chance) for form, chance in best]


def _coded(symbols: Sequence[str], codes: dict[str, str]) -> str:
    """Symbols as one letter each; those of several letters are given letters of their own in `codes`."""
    letters = []
    for symbol in symbols:
        if len(symbol) == 1 and ord(symbol) < PRIVATE:
            letters.append(symbol)
        else:
            letters.append(codes.setdefault(symbol, chr(min(PRIVATE + len(codes), LAST))))
    return "".join(letters)


class Inflector(Estimator):
    """Forms of words by how the endings, stems and beginnings of training words change that look most alike.

    Source and target are symbols divided by blanks, as in SIGMORPHON's inflection tasks: what follows a lone bar in the
    source are features. The changes of all endings that a source shares with training words are weighed, those of the
    longest most; words of other features take part where these agree with the asked ones; a particle that moves behind
    the word (`z u m a c h e n`, `m a c h t _ z u`) is taken off first. See `Inflection`.
    """

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> Inflector:
        """Learn from sources and texts; Declined for another kind of task, or without text."""
        only("generation", schema, "inflector")
        self.columns_ = source_columns(X, schema)
        self.model_ = Spelt().fit(sources_of(X, self.columns_), [str(text) for text in y])
        return self

    def predict(self, X: Frame) -> Array:
        """Texts, an object array (rows,)."""
        model = fitted(self, "model_")
        return as_objects([model.answers(source, 1)[0][0] for source in sources_of(X, self.columns_)])
