"""Tagging by a conditional random field over words, affixes, shapes and neighbours."""

from __future__ import annotations

from bakeoff.algorithms.text.crf_model import CRFOptions, crfsuite, learnt, within
from bakeoff.algorithms.text.parameters import Estimator, budget_of, fitted, only, seed_of
from bakeoff.algorithms.text.reading import as_objects, tags_of, tokens_column, tokens_of
from bakeoff.algorithms.text.word_features import WordFeatures
from bakeoff.nouns import Array, Frame, Schema


class CRFTagger(Estimator):
    """A linear-chain CRF (Lafferty, McCallum and Pereira, 2001) by CRFsuite.

    `algorithm` lbfgs, ap (averaged perceptron), or auto: lbfgs for spans in BIO where the time budget has room for it,
    and ap otherwise. `iterations` bounds lbfgs and `passes` ap; `c1` and `c2` weigh absolute and squared weights.
    Declined without python-crfsuite.
    """

    def __init__(
        self,
        *,
        algorithm: str = "auto",
        iterations: int = 60,
        passes: int = 8,
        c1: float = 0.05,
        c2: float = 0.01,
        random_state: int | None = None,
    ) -> None:
        self.algorithm = algorithm
        self.iterations = iterations
        self.passes = passes
        self.c1 = c1
        self.c2 = c2
        self.random_state = random_state

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> CRFTagger:
        """Learn from lists of tokens and lists of tags; Declined for another kind of task, or without tokens."""
        only("tagging", schema, "crf")
        crfsuite()
        self.column_ = tokens_column(X, schema)
        tokens = tokens_of(X, self.column_)
        tags = tags_of(y, tokens)
        self.features_ = WordFeatures()
        options = CRFOptions(self.algorithm, self.iterations, self.passes, self.c1, self.c2)
        options = within(options, tags, budget_of(None, schema))
        self.model_ = learnt(map(self.features_.of, tokens), tags, options, seed_of(self.random_state, schema))
        return self

    def predict(self, X: Frame) -> Array:
        """The most probable tags, an object array (rows,) of lists."""
        model = fitted(self, "model_")
        return as_objects([model.best(self.features_.of(words)) for words in tokens_of(X, self.column_)])
