"""Generation without learning to write: copy the source, or change its ending as training words changed theirs."""

from __future__ import annotations

from collections import Counter, defaultdict

from bakeoff.algorithms.text.parameters import Estimator, fitted, only
from bakeoff.algorithms.text.reading import as_objects, source_columns, sources_of
from bakeoff.nouns import Array, Frame, Schema

Change = tuple[tuple[str, ...], tuple[str, ...]]
BAR = "|"
LONGEST = 12  # symbols of an ending that rules look at
DEEPEST = 5  # symbols at the beginning that a rule may change
LONGER = 3  # symbols that a run must have more than a shared beginning to be taken for what does not change


class Copy(Estimator):
    """The source, word for word, up to a bar that stands alone (`l e m m a | FEATURES` gives `l e m m a`)."""

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> Copy:
        """Nothing is learnt but which column is the source; Declined for another kind of task, or without text."""
        only("generation", schema, "copy")
        self.columns_ = source_columns(X, schema)
        return self

    def predict(self, X: Frame) -> Array:
        """Texts, an object array (rows,)."""
        return as_objects([" ".join(split(text)[0]) for text in sources_of(X, fitted(self, "columns_"))])


def split(source: str) -> tuple[list[str], str]:
    """A source as its symbols and what stands behind a lone bar, its features; symbols are what blanks divide.

    More than one bar is no division but part of the text, and so is one with nothing before it.
    """
    symbols = source.split(" ")
    if symbols.count(BAR) != 1 or symbols[0] == BAR:
        return symbols, ""
    bar = symbols.index(BAR)
    return symbols[:bar], " ".join(symbols[bar + 1 :])


class SuffixRules(Estimator):
    """Changes of endings and beginnings seen in training, the one of the longest ending first.

    Source and target are symbols divided by blanks, as in SIGMORPHON's inflection tasks (Cotterell et al., 2018, whose
    baseline aligns and cuts them much like this): what follows a lone bar in the source are features, and rules hold
    for sources of the same features. A rule says which ending becomes which; of several for the longest ending that a
    source shares, the most frequent is taken, and the beginning changes as it most often did. A source whose features
    were never seen is copied.
    """

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> SuffixRules:
        """Learn rules from sources and texts; Declined for another kind of task, or without text."""
        only("generation", schema, "suffix_rules")
        self.columns_ = source_columns(X, schema)
        endings: dict[tuple[str, tuple[str, ...]], Counter[Change]] = defaultdict(Counter)
        beginnings: dict[tuple[str, tuple[str, ...]], Counter[Change]] = defaultdict(Counter)
        for source, target in zip(sources_of(X, self.columns_), y, strict=True):
            symbols, features = split(source)
            beginning, ending = changes(symbols, str(target).split(" "))
            for length in range(min(LONGEST, len(symbols)) + 1):
                if length >= len(ending[0]):
                    endings[features, tuple(symbols[len(symbols) - length :])][ending] += 1
                if len(beginning[0]) <= length <= DEEPEST:
                    beginnings[features, tuple(symbols[:length])][beginning] += 1
        self.endings_ = {key: _most_frequent(seen) for key, seen in endings.items()}
        self.beginnings_ = {key: _most_frequent(seen) for key, seen in beginnings.items()}
        return self

    def predict(self, X: Frame) -> Array:
        """Texts, an object array (rows,)."""
        fitted(self, "endings_")
        return as_objects([self._changed(source) for source in sources_of(X, self.columns_)])

    def _changed(self, source: str) -> str:
        symbols, features = split(source)
        out = list(symbols)
        for length in range(min(LONGEST, len(symbols)), -1, -1):
            rule = self.endings_.get((features, tuple(symbols[len(symbols) - length :])))
            if rule is not None:
                out = [*symbols[: len(symbols) - len(rule[0])], *rule[1]]
                break
        for length in range(min(DEEPEST, len(symbols)), -1, -1):
            rule = self.beginnings_.get((features, tuple(symbols[:length])))
            if rule is not None and tuple(out[: len(rule[0])]) == rule[0]:
                out = [*rule[1], *out[len(rule[0]) :]]
                break
        return " ".join(out)


def changes(source: list[str], target: list[str]) -> tuple[Change, Change]:
    """How the beginning and the ending of a source change around symbols that both share.

    These are the longest shared run, or what both begin with where that is not much shorter: a changed vowel stands
    nearer to the ending than to the beginning.
    """
    start, at, length = _longest_run(source, target)
    shared = next((place for place, (one, two) in enumerate(zip(source, target, strict=False)) if one != two), -1)
    shared = min(len(source), len(target)) if shared < 0 else shared
    if shared and length < shared + LONGER:
        start, at, length = 0, 0, shared
    if not length:
        return ((), ()), (tuple(source), tuple(target))
    beginning = (tuple(source[:start]), tuple(target[:at]))
    return beginning, (tuple(source[start + length :]), tuple(target[at + length :]))


def _longest_run(source: list[str], target: list[str]) -> tuple[int, int, int]:
    """The first longest run: where it begins in each, and its length."""
    best = (0, 0, 0)
    lengths = [0] * (len(target) + 1)
    for row, symbol in enumerate(source):
        before = 0
        for column, other in enumerate(target):
            kept = lengths[column + 1]
            lengths[column + 1] = before + 1 if symbol == other else 0
            before = kept
            if lengths[column + 1] > best[2]:
                found = lengths[column + 1]
                best = (row + 1 - found, column + 1 - found, found)
    return best


def _most_frequent(seen: Counter[Change]) -> Change:
    return min(seen, key=lambda change: (-seen[change], change))
