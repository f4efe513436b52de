"""A network that finds answers in contexts."""

from __future__ import annotations

from typing import Any

from bakeoff.algorithms.text.networks import NeuralEntry
from bakeoff.algorithms.text.parameters import fitted
from bakeoff.algorithms.text.reading import passage_columns, texts_of
from bakeoff.nouns import Array, Frame, Schema


class NeuralSpanReader(NeuralEntry):
    """Where the answer begins and ends by `bakeoff.training.sequences.SpanReader`. Declined without torch."""

    def __init__(
        self,
        *,
        epochs: int | None = None,
        time_limit: float | None = None,
        clock: str = "wall",
        random_state: int | None = None,
        privacy: Any = None,
    ) -> None:
        self.epochs = epochs
        self.time_limit = time_limit
        self.clock = clock
        self.random_state = random_state
        self.privacy = privacy

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None, owners: Any = None) -> NeuralSpanReader:
        """Learn from two columns of text and answers (`text` and `answer_start`); Declined for another kind of task."""
        going = self.started("span", "span_reader", schema, X, owners)
        from bakeoff.training.sequences.span import RECIPE, SpanReader

        self.columns_ = passage_columns(X, schema)
        contexts, questions = (texts_of(X, name) for name in self.columns_)
        answers, model = list(y), SpanReader()
        if going.private is not None:
            from bakeoff.algorithms.text.private_pairs import spans_asked

            rows = model.answered(contexts, answers)
            contexts, questions, answers = ([held[row] for row in rows] for held in (contexts, questions, answers))
            going.private.kept(rows)
            model = spans_asked(going.private, contexts, answers)
        recipe = going.recipe(RECIPE, self.epochs)
        self.model_ = model.fit(contexts, questions, answers, recipe, going.circumstances(recipe))
        self.ended(self.model_, going.private)
        return self

    def predict(self, X: Frame) -> Array:
        """Where the answers begin and end (exclusive), int64 (rows, 2)."""
        model = fitted(self, "model_")
        contexts, questions = (texts_of(X, name) for name in self.columns_)
        with self.asked():
            return model.predict(contexts, questions)
