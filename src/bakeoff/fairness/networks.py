"""Bakeoff's own networks as encoders and scorers: whatever of `bakeoff.training` reads texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.fairness.adapters import HuggingFaceCausal
from bakeoff.fairness.scorers import Tokens, pseudo_log_likelihood
from bakeoff.nouns import Array

Spans = Sequence[tuple[int, int]]


def of_network(model: Any, *, reader: Any = None, column: str = "") -> Any:
    """What a fitted network of `bakeoff.training` can do: `encode`, and as the network allows `encode_spans`,
    `log_prob` and `log_probs`.

    A masked language model gives a `MaskedModel`, a causal one a `CausalModel`; taggers encode texts and words. A
    `TableNetwork` encodes texts as what its trunk says of a row with this text in `column`, as `reader` reads it; other
    columns are missing. A fitted baseline of the house stands for its network (for its first one, where it has
    several). UsageError for anything else.
    """
    need("torch", "neural")
    from bakeoff.training.network import TableNetwork
    from bakeoff.training.sequences.joint import JointTagger
    from bakeoff.training.sequences.language import CausalLM
    from bakeoff.training.sequences.masked import MaskedLM
    from bakeoff.training.sequences.pretrained_language import PretrainedLM
    from bakeoff.training.sequences.tagging import Tagger

    if hasattr(model, "members_"):
        reader, model = reader or model.reader_, model.members_[0].network
    model = getattr(model, "model_", model)
    if isinstance(model, MaskedLM):
        return MaskedWords(model)
    if isinstance(model, CausalLM):
        return CausalCharacters(model)
    if isinstance(model, PretrainedLM):
        return HuggingFaceCausal(model.network.model.inner, model.tokenizer)
    if isinstance(model, (Tagger, JointTagger)):
        return TaggerFeatures(model)
    if isinstance(model, TableNetwork):
        return TableTexts(model, reader, column or _text_column(reader))
    raise UsageError(f"A {type(model).__name__} is none of the networks that read texts; give its encode(texts).")


def _text_column(reader: Any) -> str:
    """The one column of texts that a reader reads; UsageError where there is none, or several."""
    from bakeoff.training.encoders.pretrained import Pretrained
    from bakeoff.training.encoders.texts import Bag, Sequence

    encoders = getattr(reader, "encoders", ())
    found = list(dict.fromkeys(one.column for one in encoders if isinstance(one, (Bag, Sequence, Pretrained))))
    if len(found) != 1:
        several = f"; it has {', '.join(map(repr, found))}" if found else ""
        raise UsageError(f"A table's network needs its reader and the name of its column of texts{several}.")
    return str(found[0])


def _within(vectors: Array, spans: Sequence[tuple[int, int]], span: tuple[int, int], text: str) -> Array:
    """The mean vector of the words that stand at these characters."""
    own = [place for place, (a, b) in enumerate(spans) if a < span[1] and b > span[0]]
    if not own:
        raise UsageError(f"The network reads no word {text[slice(*span)]!r} in {text[:40]!r}...; give shorter texts.")
    return np.asarray(vectors[own].mean(0))


class MaskedWords:
    """A `MaskedLM` as a `MaskedModel` and an encoder; a text's vector is the mean of its words'."""

    how = "mean of words, last layer"

    def __init__(self, model: Any) -> None:
        self.model = model
        self.mask: int = model.mask
        self.unknown: int | None = model.unknown

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Words and marks, case folded."""
        read = [self.model.read(text) for text in texts]
        return [Tokens(tuple(codes), tuple(spans)) for codes, spans in read]

    def log_probs(self, codes: Sequence[Sequence[int]], asked: Sequence[Sequence[tuple[int, int]]]) -> list[Array]:
        """For each row of codes the log-probabilities of the (place, code) that are asked for, in nats."""
        found: list[Array] = self.model.log_probs(codes, asked)
        return found

    def log_prob(self, texts: Sequence[str]) -> Array:
        """The pseudo-log-likelihood of each text, float64 (texts,)."""
        return pseudo_log_likelihood(self, texts)

    def encode(self, texts: Sequence[str]) -> Array:
        """Vectors float64 (texts, width)."""
        return np.asarray(self.model.encode(texts))

    def encode_spans(self, texts: Sequence[str], spans: Spans) -> Array:
        """Vectors float64 (texts, width) of the words that stand at these characters of the texts."""
        vectors = self.model.encode_words(texts)
        rows = zip(vectors, texts, spans, strict=True)
        return np.array([_within(held, self.model.read(text)[1], span, text) for held, text, span in rows])

    def word_vectors(self, words: Sequence[str]) -> dict[str, Array]:
        """Vectors of words without any context, from the network's first table; words that it does not know are not
        among them."""
        table = self.model.network.table.weight.detach().double().cpu().numpy()
        places = self.model.vocabulary.places
        return {word: table[places[word.casefold()]] for word in words if word.casefold() in places}


class CausalCharacters:
    """A `CausalLM` as a `CausalModel` and an encoder; a text's vector is the mean of the states after its characters.

    Log-probabilities count a text's end, which is one more than its characters.
    """

    how = "mean of the states after characters, last layer"

    def __init__(self, model: Any) -> None:
        self.model = model

    def log_prob(self, texts: Sequence[str]) -> Array:
        """The log-probability of each text, float64 (texts,), in nats."""
        return np.asarray(self.model.log_prob(texts))

    def counts(self, texts: Sequence[str]) -> Array:
        """How many characters each text has, and its end."""
        return np.array([len(text) + 1 for text in texts])

    def _states(self, texts: Sequence[str]) -> list[Array]:
        """The state after each character, float64 (characters, width); of an empty text that before the first."""
        from bakeoff.training.records import Ragged, Records
        from bakeoff.training.sequences.batches import gathered
        from bakeoff.training.sequences.language import FIRST, START

        codes: list[Array] = [np.append(START, FIRST + self.model.codes(text)) for text in texts]
        network = self.model.network

        def answer(batch: Any) -> list[Array]:
            hidden = _before(network, network.out, batch.inputs["characters"]["codes"])
            return [
                one[1 : len(codes[place])].double().numpy() if len(codes[place]) > 1 else one[:1].double().numpy()
                for one, place in zip(hidden, batch.positions.tolist(), strict=True)
            ]

        return gathered(network, Records({"characters": {"codes": Ragged.of(codes, np.int32)}}, len(codes)), answer)

    def encode(self, texts: Sequence[str]) -> Array:
        """Vectors float64 (texts, width)."""
        return np.array([one.mean(0) for one in self._states(texts)])

    def encode_spans(self, texts: Sequence[str], spans: Spans) -> Array:
        """Vectors float64 (texts, width): the mean of the states after each character of a word."""
        found = self._states(texts)
        return np.array([one[begin:end].mean(0) for one, (begin, end) in zip(found, spans, strict=True)])


class TaggerFeatures:
    """A `Tagger` or `JointTagger` as an encoder of texts and of words in them: what its reader says of each token."""

    how = "mean of tokens, the reader's last layer"

    def __init__(self, model: Any) -> None:
        self.model = model
        self.network = getattr(model.network, "tagger", model.network)

    def _features(self, texts: Sequence[str]) -> tuple[list[Array], list[list[tuple[int, int]]]]:
        from bakeoff.training.encoders.tokens import WORD
        from bakeoff.training.sequences.batches import gathered

        cut = [[(one.group(), one.span()) for one in WORD.finditer(text)] for text in texts]
        records = self.model.records([[word for word, _ in one] for one in cut])

        def answer(batch: Any) -> list[Array]:
            hidden, there = self.network.hidden(batch)
            return [one[: max(1, int(count))].double().numpy() for one, count in zip(hidden, there.sum(1), strict=True)]

        return gathered(self.network, records, answer), [[span for _, span in one] for one in cut]

    def encode(self, texts: Sequence[str]) -> Array:
        """Vectors float64 (texts, width)."""
        return np.array([one.mean(0) for one in self._features(texts)[0]])

    def encode_spans(self, texts: Sequence[str], spans: Spans) -> Array:
        """Vectors float64 (texts, width) of the words that stand at these characters of the texts."""
        found, places = self._features(texts)
        rows = zip(found, places, spans, texts, strict=True)
        return np.array([_within(held, own, span, text) for held, own, span, text in rows])


class TableTexts:
    """A `TableNetwork` as an encoder of the texts of one column: what its trunk makes of them, before the head."""

    how = "the trunk's answer to a row with this text alone"

    def __init__(self, network: Any, reader: Any, column: str) -> None:
        self.network, self.reader, self.column = network, reader, column

    def encode(self, texts: Sequence[str]) -> Array:
        """Vectors float64 (texts, width)."""
        import pandas as pd

        from bakeoff.training.sequences.batches import gathered

        records = self.reader.read(pd.DataFrame({self.column: list(texts)}))
        found = gathered(
            self.network, records, lambda batch: list(_before(self.network, self.network.head, batch.inputs).double())
        )
        return np.array([one.numpy() for one in found])


def _before(network: Any, layer: Any, given: Any) -> Any:
    """What a layer is given when the network is: its features before the last map."""
    caught: list[Any] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        network(given)
    finally:
        hook.remove()
    return caught[0].float()
