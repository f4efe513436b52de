"""Networks that tag: a BiLSTM or a transformer over words, affixes and characters, with a conditional random field."""

from __future__ import annotations

from typing import Any

import numpy as np

from bakeoff.algorithms.text.networks import NeuralEntry
from bakeoff.algorithms.text.parameters import fitted
from bakeoff.algorithms.text.private_texts import labels_and_tags_asked, mended, plain_words
from bakeoff.algorithms.text.reading import as_objects, labels_and_tags, tags_of, tokens_column, tokens_of
from bakeoff.algorithms.text.sentence_labels import LabelChances
from bakeoff.nouns import Array, Frame, Schema

TINY = 1e-12


def _shape(reader: str, chain: bool) -> Any:
    from bakeoff.training.sequences.layers import TokenShape
    from bakeoff.training.sequences.tagging import TaggerShape

    return TaggerShape(reader=TokenShape(kind=reader), chain=chain)


def _private_shape(reader: str, chain: bool) -> Any:
    from dataclasses import replace

    shape = _shape(reader, chain)
    return replace(shape, words=plain_words(shape.words), reader=replace(shape.reader, dropout=0.0))


class NeuralTagger(NeuralEntry):
    """A tag for each token by `bakeoff.training.sequences.Tagger`.

    `reader` is recurrent (a BiLSTM) or transformer, and with `chain` a conditional random field scores whole sequences
    of tags. Declined without torch.
    """

    def __init__(
        self,
        *,
        reader: str = "recurrent",
        chain: bool = True,
        epochs: int | None = None,
        time_limit: float | None = None,
        clock: str = "wall",
        random_state: int | None = None,
        privacy: Any = None,
    ) -> None:
        self.reader = reader
        self.chain = chain
        self.epochs = epochs
        self.time_limit = time_limit
        self.clock = clock
        self.random_state = random_state
        self.privacy = privacy

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None, owners: Any = None) -> NeuralTagger:
        """Learn from lists of tokens and lists of tags; Declined for another kind of task, or without tokens."""
        going = self.started("tagging", "tagger", schema, X, owners)
        from bakeoff.training.sequences.tagging import RECIPE, Tagger

        self.column_ = tokens_column(X, schema)
        tokens = tokens_of(X, self.column_)
        tags = tags_of(y, tokens)
        model = Tagger(_shape(self.reader, self.chain))
        if going.private is not None:
            known = labels_and_tags_asked(going.private, tags)
            tags = mended(tags, known)
            model = Tagger(_private_shape(self.reader, self.chain), known)
        recipe = going.recipe(RECIPE, self.epochs)
        self.model_ = model.fit(tokens, tags, recipe, going.circumstances(recipe))
        self.ended(model, going.private)
        return self

    def predict(self, X: Frame) -> Array:
        """Tags, an object array (rows,) of lists."""
        model = fitted(self, "model_")
        with self.asked():
            return as_objects(model.predict(tokens_of(X, self.column_)))


class NeuralJointTagger(NeuralEntry):
    """A label for each sentence and a tag for each token by `bakeoff.training.sequences.JointTagger`.

    With `mix` the label is that with the largest product of the network's probability and a linear classifier's of
    words, word pairs and characters. `reader` and `chain` are `NeuralTagger`'s. Declined without torch.
    """

    def __init__(
        self,
        *,
        reader: str = "recurrent",
        chain: bool = True,
        mix: bool = True,
        epochs: int | None = None,
        random_state: int | None = None,
        privacy: Any = None,
        **time: Any,
    ) -> None:
        """`time` may hold `time_limit` and `clock`, as `NeuralTagger` has them; TypeError for anything else."""
        self.reader = reader
        self.chain = chain
        self.mix = mix
        self.epochs = epochs
        self.random_state = random_state
        self.privacy = privacy
        self.time_limit: float | None = time.pop("time_limit", None)
        self.clock: str = time.pop("clock", "wall")
        if time:
            raise TypeError(f"{type(self).__name__} has no parameter {next(iter(time))!r}.")

    @classmethod
    def _names(cls) -> list[str]:
        return [*super()._names(), "time_limit", "clock"]

    def fit(self, X: Frame, y: Frame, *, schema: Schema | None = None, owners: Any = None) -> NeuralJointTagger:
        """Learn from lists of tokens and a frame of `label` and `tags`; Declined for another kind of task."""
        going = self.started("joint", "joint_tagger", schema, X, owners)
        from bakeoff.training.sequences.joint import JointShape, JointTagger
        from bakeoff.training.sequences.tagging import RECIPE

        self.column_ = tokens_column(X, schema)
        tokens = tokens_of(X, self.column_)
        labels, tags = labels_and_tags(y, tokens)
        shape, known = _shape(self.reader, self.chain), None
        mix = self.mix and going.private is None  # the linear classifier has no budget
        if going.private is not None:
            known = labels_and_tags_asked(going.private, tags, labels)
            rows = [row for row, label in enumerate(labels) if label in known.categories["labels"]]
            tokens, labels = [tokens[row] for row in rows], [labels[row] for row in rows]
            tags = mended([tags[row] for row in rows], known)
            going.private.kept(rows)
            shape = _private_shape(self.reader, self.chain)
        self.linear_ = LabelChances().fit(tokens, labels, going.seed) if mix else None
        model = JointTagger(JointShape(shape), known)
        recipe = going.recipe(RECIPE, self.epochs)
        self.model_ = model.fit(tokens, labels, tags, recipe, going.circumstances(recipe))
        self.ended(model, going.private)
        return self

    def predict(self, X: Frame) -> tuple[Array, Array]:
        """Labels and tags, two object arrays (rows,)."""
        model = fitted(self, "model_")
        tokens = tokens_of(X, self.column_)
        with self.asked():
            labels, tags = model.predict(tokens)
            if self.linear_ is not None and tokens:
                # Rounded, so that the order of additions in a batch decides nothing.
                chances = np.log(np.maximum(model.predict_proba(tokens), TINY)) + self.linear_.logs(tokens)
                labels = [model.labels[code] for code in np.round(chances, 5).argmax(axis=1)]
        return as_objects(labels), as_objects(tags)
