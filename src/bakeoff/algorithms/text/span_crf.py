"""Spans by a CRF: every token of the context begins the answer, goes on with it, or is outside."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.text.crf_model import CRF, CRFOptions, crfsuite, learnt
from bakeoff.algorithms.text.parameters import Estimator, fitted, only, seed_of
from bakeoff.algorithms.text.reading import passage_columns, texts_of
from bakeoff.algorithms.text.span_features import Passage, SpanFeatures, passage
from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame, Schema

LONGEST = 40  # tokens of an answer, at most
MOST = 200_000  # tokens of contexts that are learnt from, drawn by rows: each takes some 4 KiB
TINY = 1e-9


class SpanCRF(Estimator):
    """A CRF over the context's tokens that is told of the question, and the span that it finds likeliest.

    Features are words, shapes and neighbours, each also together with the kind of question (its asking word, or the
    whole question where training rows have it often), how well a token's sentence fits the question, and how far words
    of the question are. Of contexts with more than 200,000 tokens in all it learns from rows drawn at random. Declined
    without python-crfsuite.
    """

    def __init__(
        self, *, iterations: int = 40, c1: float = 0.05, c2: float = 0.05, random_state: int | None = None
    ) -> None:
        self.iterations = iterations
        self.c1 = c1
        self.c2 = c2
        self.random_state = random_state

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> SpanCRF:
        """Learn from two columns of text and answers (`text` and `answer_start`); Declined for another kind of task."""
        only("span", schema, "span_crf")
        crfsuite()
        self.columns_ = passage_columns(X, schema)
        contexts, questions = (texts_of(X, name) for name in self.columns_)
        self.features_ = SpanFeatures().learn(contexts, questions)
        features, tags = [], []
        seed, left, answers = seed_of(self.random_state, schema), MOST, list(y)
        for row in np.random.default_rng(seed).permutation(len(answers)).tolist():
            text = passage(contexts[row])
            given = _tags(text, *first_answer(answers[row]))
            if "B-A" in given and left > 0:
                left -= len(given)
                features.append(self.features_.of(text, questions[row]))
                tags.append(given)
        options = CRFOptions("lbfgs", self.iterations, 0, self.c1, self.c2)
        self.model_ = learnt(features, tags, options, seed) if tags else None
        return self

    def predict(self, X: Frame) -> Array:
        """Where the answers begin and end (exclusive), int64 (rows, 2)."""
        fitted(self, "model_")
        contexts, questions = (texts_of(X, name) for name in self.columns_)
        found = [self._span(context, question) for context, question in zip(contexts, questions, strict=True)]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def _span(self, context: str, question: str) -> tuple[int, int]:
        text = passage(context)
        if self.model_ is None or not text.words:
            return 0, len(context)
        begin, end = likeliest(self.model_, self.features_.of(text, question))
        return text.bounds[begin][0], text.bounds[end][1]


def first_answer(answer: object) -> tuple[int, int]:
    """The first reference's first and last character, the end exclusive; UsageError for what is no answer."""
    try:
        begin = int(answer["answer_start"][0])  # type: ignore[index]
        return begin, begin + len(answer["text"][0])  # type: ignore[index]
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        raise UsageError(
            f"{answer!r} is no answer to learn from; it must be {{'text': [...], 'answer_start': [...]}}, not empty."
        ) from problem


def _tags(text: Passage, begin: int, end: int) -> list[str]:
    inside = [first < end and last > begin for first, last in text.bounds]
    return [("I-A" if place and inside[place - 1] else "B-A") if here else "O" for place, here in enumerate(inside)]


def likeliest(model: CRF, features: list[list[str]]) -> tuple[int, int]:
    """The first and the last token of the span with the best odds: of beginning, going on and then being over.

    Odds are those of the marginals against being outside, so that a span is found even where none is probable.
    """
    marginals = np.log(np.maximum(model.marginals(features), TINY))
    places = {tag: place for place, tag in enumerate(model.tags)}
    outside = marginals[:, places["O"]]
    begins = marginals[:, places["B-A"]] - outside
    goes_on = marginals[:, places["I-A"]] - outside if "I-A" in places else np.full(len(outside), np.log(TINY))
    over = np.append(-goes_on[1:], 0.0).clip(max=0.0)
    # Summed goes_on up to each place: a span's odds are a difference of two sums.
    sums = np.cumsum(goes_on)
    best, found = -np.inf, (0, 0)
    for begin in range(len(begins)):
        ends = slice(begin, begin + LONGEST)
        odds = begins[begin] + sums[ends] - sums[begin] + over[ends]
        last = int(np.argmax(odds))
        if odds[last] > best:
            best, found = float(odds[last]), (begin, begin + last)
    return found
