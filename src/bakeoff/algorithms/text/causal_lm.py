"""A network that writes on: a causal language model, alone or mixed with counting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.algorithms.text.characters import Alphabet, Stream
from bakeoff.algorithms.text.counts import Counts, divided, weighed
from bakeoff.algorithms.text.mixing import Mixing
from bakeoff.algorithms.text.networks import NeuralEntry
from bakeoff.algorithms.text.ngram import learnt_from, parts_of, prefixes_of
from bakeoff.algorithms.text.parameters import fitted
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.tasks.language_model import CONTEXT

PLACES = 6_000  # of held-out text that weights are learnt from, at most
TINY = 1e-12


class NeuralLanguageModel(NeuralEntry):
    """P(next character) by `bakeoff.training.sequences.CausalLM`, mixed with what `ContextMixing` counts.

    Network and counts are one more model and the others of a weighted geometric mean. Its weights are learnt on a tenth
    of the training texts, which neither has seen by then; afterwards everything is counted again on all texts, and the
    network stays as it is. With `mix` False the network answers alone and learns from all texts. `reader` is recurrent
    (an LSTM) or transformer. Declined without torch.
    """

    def __init__(
        self,
        *,
        reader: str = "recurrent",
        mix: bool = True,
        epochs: int | None = None,
        time_limit: float | None = None,
        clock: str = "wall",
        random_state: int | None = None,
        privacy: Any = None,
    ) -> None:
        self.reader = reader
        self.mix = mix
        self.epochs = epochs
        self.time_limit = time_limit
        self.clock = clock
        self.random_state = random_state
        self.privacy = privacy

    def fit(self, X: Any, y: Array, *, schema: Schema | None = None, owners: Any = None) -> NeuralLanguageModel:
        """Learn from whole texts, `y`; other columns are not read. Declined for another kind of task."""
        going = self.started("language_model", "causal_lm", schema, y if X is None else X, owners)
        from bakeoff.training.sequences.language import RECIPE, CausalLM, LanguageShape

        model, mix = CausalLM(LanguageShape(kind=self.reader)), self.mix
        if going.private is not None:
            from bakeoff.algorithms.text.private_pairs import characters_asked

            schema, model = characters_asked(going.private, y, schema, self.reader)
            mix = False  # what is counted has no budget
        texts, classes, self.column_ = learnt_from(y, schema)
        self.classes_ = np.array(classes, dtype=object)
        learn, held = divided(texts, going.seed) if mix else (texts, [])
        counts = Counts(Alphabet(classes), 10).fit(learn) if held else None
        recipe = going.recipe(RECIPE, self.epochs)
        self.model_ = model.fit(learn, recipe, going.circumstances(recipe))
        self.ended(model, going.private)
        self._places = _order(classes, model.classes)
        self.mixing_: Mixing | None = None
        self.counts_: Counts | None = None
        if counts is not None:
            self.mixing_ = self._weights(counts, held, going.seed)
            self.counts_ = counts.fit(texts)
        return self

    def _weights(self, counts: Counts, held: list[str], seed: int) -> Mixing:
        stream = Stream(counts.alphabet, held)
        places = weighed(stream, (counts.models + 1) * len(self.classes_), PLACES, seed)
        logs, buckets = counts.logs(stream, places)
        written = [_before(stream, place) for place in places.tolist()]
        return Mixing(counts.buckets).fit(self._joined(logs, self._written(written)), buckets, stream.symbols()[places])

    def _joined(self, logs: Array, written: Array) -> Array:
        own = np.log(np.maximum(written, TINY)).astype(np.float32)
        return np.concatenate([logs, own[:, None, :]], axis=1)

    def _written(self, prefixes: Sequence[str]) -> Array:
        """The network's probabilities in the order of the classes; those that it does not know are next to nothing."""
        with self.asked():
            found = self.model_.next_characters(prefixes)
        out = np.full((len(prefixes), len(self.classes_)), TINY)
        known = self._places >= 0
        out[:, known] = found[:, self._places[known]]
        return out / out.sum(axis=1, keepdims=True)

    def predict_proba(self, X: Frame) -> Array:
        """P(next character) after each row's text, float64 (rows, classes)."""
        fitted(self, "model_")
        prefixes = prefixes_of(X, self.column_)
        written = self._written(prefixes)
        counts, mixing = self.counts_, self.mixing_
        if counts is None or mixing is None:
            return written
        stream = Stream(counts.alphabet, prefixes, prefixes=True)
        out = np.zeros_like(written)
        for part in parts_of(len(out), (counts.models + 1) * len(self.classes_)):
            logs, buckets = counts.logs(stream, np.arange(len(out))[part])
            out[part] = mixing.probabilities(self._joined(logs, written[part]), buckets)
        return out

    def predict(self, X: Frame) -> Array:
        """The likeliest next character of each row, an object array (rows,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _before(stream: Stream, place: int) -> str:
    """What stands before an asked place of whole texts, as an asked row would show it."""
    at = stream.asked[place]
    text = stream.texts[int(np.searchsorted(stream.starts, at, side="right")) - 1]
    cut = int(at - stream.start_of[at] - 1)
    return text[max(0, cut - CONTEXT) : cut]


def _order(classes: Sequence[str], known: Sequence[str]) -> Array:
    """Where each of our classes stands among the network's, int64 (classes,); -1 for one that it lacks."""
    places = {one: place for place, one in enumerate(known)}
    return np.array([places.get(one, -1) for one in classes], dtype=np.int64)
