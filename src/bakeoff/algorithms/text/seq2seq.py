"""A network that writes texts from texts."""

from __future__ import annotations

from typing import Any

from bakeoff.algorithms.text.agreed import FEWEST, Agreed, inflected
from bakeoff.algorithms.text.networks import NeuralEntry
from bakeoff.algorithms.text.parameters import fitted
from bakeoff.algorithms.text.reading import as_objects, source_columns, sources_of
from bakeoff.nouns import Array, Frame, Schema

SPELT_EPOCHS = 20  # beside counts a network of spelt words is as good as after 25


class NeuralSeq2Seq(NeuralEntry):
    """A text for each source by `bakeoff.training.sequences.Seq2Seq`, an encoder and a decoder with attention.

    Where sources are words spelt letter by letter with features behind a bar, the network answers together with what
    `Inflector` counts (see `Agreed`), unless the fit is private: `agreed_` is None then. `beam` is how many texts are
    written at once before the best is taken (0: as the network is used to). Declined without torch.
    """

    def __init__(
        self,
        *,
        beam: int = 0,
        epochs: int | None = None,
        time_limit: float | None = None,
        clock: str = "wall",
        random_state: int | None = None,
        privacy: Any = None,
    ) -> None:
        self.beam = beam
        self.epochs = epochs
        self.time_limit = time_limit
        self.clock = clock
        self.random_state = random_state
        self.privacy = privacy

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None, owners: Any = None) -> NeuralSeq2Seq:
        """Learn from sources and texts; Declined for another kind of task, or without text."""
        going = self.started("generation", "seq2seq", schema, X, owners)
        from bakeoff.training.sequences.writing import RECIPE, Seq2Seq

        self.columns_ = source_columns(X, schema)
        sources, targets = sources_of(X, self.columns_), [str(text) for text in y]
        model = Seq2Seq()
        if going.private is not None:
            from bakeoff.algorithms.text.private_pairs import pairs_asked

            model = pairs_asked(going.private, sources, targets)
        counted = going.private is None and inflected(sources, targets)
        recipe = going.recipe(RECIPE, SPELT_EPOCHS if counted and self.epochs is None else self.epochs)
        self.model_ = model.fit(sources, targets, recipe, going.circumstances(recipe))
        self.ended(self.model_, going.private)
        self.agreed_: Agreed | None = None
        if counted and len(self.model_.held_out) >= FEWEST:
            with self.asked():
                self.agreed_ = Agreed(self.model_).fit(sources, targets, self.model_.held_out)
        return self

    def predict(self, X: Frame) -> Array:
        """Texts, an object array (rows,)."""
        model = fitted(self, "model_")
        with self.asked():
            return as_objects((self.agreed_ or model).predict(sources_of(X, self.columns_), width=self.beam))
