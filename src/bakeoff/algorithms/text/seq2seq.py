"""A network that writes texts from texts."""

from __future__ import annotations

from bakeoff.algorithms.text.networks import NeuralEntry
from bakeoff.algorithms.text.parameters import fitted
from bakeoff.algorithms.text.reading import as_objects, source_columns, sources_of
from bakeoff.nouns import Array, Frame, Schema


class NeuralSeq2Seq(NeuralEntry):
    """A text for each source by `bakeoff.training.sequences.Seq2Seq`, an encoder and a decoder with attention.

    `beam` is how many texts are written at once before the best is taken (0: as the network is used to). Declined
    without torch.
    """

    def __init__(
        self,
        *,
        beam: int = 0,
        epochs: int | None = None,
        time_limit: float | None = None,
        clock: str = "wall",
        random_state: int | None = None,
    ) -> None:
        self.beam = beam
        self.epochs = epochs
        self.time_limit = time_limit
        self.clock = clock
        self.random_state = random_state

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None) -> NeuralSeq2Seq:
        """Learn from sources and texts; Declined for another kind of task, or without text."""
        going = self.started("generation", "seq2seq", schema)
        from bakeoff.training.sequences.writing import RECIPE, Seq2Seq

        self.columns_ = source_columns(X, schema)
        recipe = going.recipe(RECIPE, self.epochs)
        sources, targets = sources_of(X, self.columns_), [str(text) for text in y]
        self.model_ = Seq2Seq().fit(sources, targets, recipe, going.circumstances())
        self.ended(self.model_.history)
        return self

    def predict(self, X: Frame) -> Array:
        """Texts, an object array (rows,)."""
        model = fitted(self, "model_")
        with self.asked():
            return as_objects(model.predict(sources_of(X, self.columns_), width=self.beam))
