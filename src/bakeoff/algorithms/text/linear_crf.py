"""Intent and slots without a network: a linear classifier for the label, and a CRF that is told it for the tags."""

from __future__ import annotations

from bakeoff.algorithms.text.crf_model import CRFOptions, crfsuite, learnt, within
from bakeoff.algorithms.text.parameters import Estimator, budget_of, fitted, only, seed_of
from bakeoff.algorithms.text.reading import as_objects, labels_and_tags, tokens_column, tokens_of
from bakeoff.algorithms.text.sentence_labels import SentenceLabels, told_out_of_fold
from bakeoff.algorithms.text.word_features import WordFeatures
from bakeoff.nouns import Array, Frame, Schema


class LinearCRF(Estimator):
    """A linear classifier of words, word pairs and characters for the label, and a CRF for the tags.

    With `tell_label` the CRF is told each sentence's label: in training as a classifier without that sentence would
    give it, so that it learns how far to trust it. The other parameters are `CRFTagger`'s.
    Declined without python-crfsuite.
    """

    def __init__(
        self,
        *,
        tell_label: bool = True,
        algorithm: str = "auto",
        iterations: int = 60,
        passes: int = 8,
        c1: float = 0.05,
        c2: float = 0.01,
        random_state: int | None = None,
    ) -> None:
        self.tell_label = tell_label
        self.algorithm = algorithm
        self.iterations = iterations
        self.passes = passes
        self.c1 = c1
        self.c2 = c2
        self.random_state = random_state

    def fit(self, X: Frame, y: Frame, *, schema: Schema | None = None) -> LinearCRF:
        """Learn from lists of tokens and a frame of `label` and `tags`; Declined for another kind of task."""
        only("joint", schema, "linear_crf")
        crfsuite()
        seed = seed_of(self.random_state, schema)
        self.column_ = tokens_column(X, schema)
        tokens = tokens_of(X, self.column_)
        labels, tags = labels_and_tags(y, tokens)
        self.labels_ = SentenceLabels().fit(tokens, labels)
        about = told_out_of_fold(tokens, labels, seed) if self.tell_label else [""] * len(labels)
        self.features_ = WordFeatures()
        options = CRFOptions(self.algorithm, self.iterations, self.passes, self.c1, self.c2)
        options = within(options, tags, budget_of(None, schema))
        self.model_ = learnt(map(self.features_.of, tokens, about), tags, options, seed)
        return self

    def predict(self, X: Frame) -> tuple[Array, Array]:
        """Labels and tags, two object arrays (rows,)."""
        model = fitted(self, "model_")
        tokens = tokens_of(X, self.column_)
        labels = self.labels_.predict(tokens)
        about = labels if self.tell_label else [""] * len(labels)
        tags = [model.best(self.features_.of(words, label)) for words, label in zip(tokens, about, strict=True)]
        return as_objects(labels), as_objects(tags)
