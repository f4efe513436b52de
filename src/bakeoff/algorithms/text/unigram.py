"""Tagging by counting: the most frequent tag of each word, and of the longest known ending of a word never seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from bakeoff.algorithms.text.parameters import Estimator, fitted, only
from bakeoff.algorithms.text.reading import Tokens, as_objects, labels_and_tags, tags_of, tokens_column, tokens_of
from bakeoff.nouns import Array, Frame, Schema

LONGEST = 5  # letters of an ending
LEAST = 2  # words of training that an ending must have been seen in


class TagCounts:
    """Which tag each word, each ending and each shape had most often; of equals the first in the alphabet."""

    def __init__(self, tokens: Tokens, tags: Tokens) -> None:
        pairs = [
            (word, tag)
            for words, given in zip(tokens, tags, strict=True)
            for word, tag in zip(words, given, strict=True)
        ]
        self.words = _most_frequent(pairs)
        self.folded = _most_frequent((word.lower(), tag) for word, tag in pairs)
        rare = Counter(word for word, _ in pairs)
        # Words that are seen once are the nearest thing to words that are not seen at all.
        seldom = [(word, tag) for word, tag in pairs if rare[word] <= 2]
        self.endings = _most_frequent(((key, tag) for word, tag in seldom for key in _endings(word)), LEAST)
        every = Counter(tag for _, tag in seldom or pairs)
        self.otherwise = min(every, key=lambda tag: (-every[tag], tag)) if every else "O"

    def tag(self, word: str) -> str:
        """The tag of one word."""
        if word in self.words:
            return self.words[word]
        if word.lower() in self.folded:
            return self.folded[word.lower()]
        return next((self.endings[key] for key in _endings(word) if key in self.endings), self.otherwise)


def _most_frequent(pairs: Iterable[tuple[str, str]], least: int = 1) -> dict[str, str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, tag in pairs:
        counts[word][tag] += 1
    return {
        word: min(seen, key=lambda tag: (-seen[tag], tag)) for word, seen in counts.items() if seen.total() >= least
    }


def _endings(word: str) -> Iterator[str]:
    """A word's shape with its endings, longest first, and its shape alone."""
    shape = "d" if any(map(str.isdigit, word)) else "X" if word[:1].isupper() else "x" if word[:1].isalpha() else "."
    for length in range(min(LONGEST, len(word) - 1), -1, -1):
        yield shape + word.lower()[len(word) - length :]


class UnigramTagger(Estimator):
    """The most frequent tag of each word, without regard to its neighbours.

    A word that training rows lack is looked up in lower case, then by its ending of at most five letters among rare
    words of its shape.
    """

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> UnigramTagger:
        """Learn from lists of tokens and lists of tags; Declined for another kind of task, or without tokens."""
        only("tagging", schema, "unigram")
        self.column_ = tokens_column(X, schema)
        tokens = tokens_of(X, self.column_)
        self.counts_ = TagCounts(tokens, tags_of(y, tokens))
        return self

    def predict(self, X: Frame) -> Array:
        """Tags, an object array (rows,) of lists."""
        counts = fitted(self, "counts_")
        return as_objects([[counts.tag(word) for word in words] for words in tokens_of(X, self.column_)])


class UnigramJoint(Estimator):
    """The most frequent label for every sentence, and for every word its most frequent tag."""

    def fit(self, X: Frame, y: Frame, *, schema: Schema | None = None) -> UnigramJoint:
        """Learn from lists of tokens and a frame of `label` and `tags`; Declined for another kind of task."""
        only("joint", schema, "unigram_joint")
        self.column_ = tokens_column(X, schema)
        tokens = tokens_of(X, self.column_)
        labels, tags = labels_and_tags(y, tokens)
        seen = Counter(labels)
        self.label_ = min(seen, key=lambda label: (-seen[label], label))
        self.counts_ = TagCounts(tokens, tags)
        return self

    def predict(self, X: Frame) -> tuple[Array, Array]:
        """Labels and tags, two object arrays (rows,)."""
        counts = fitted(self, "counts_")
        tags = [[counts.tag(word) for word in words] for words in tokens_of(X, self.column_)]
        return as_objects([self.label_] * len(tags)), as_objects(tags)
