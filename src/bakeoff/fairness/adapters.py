"""Hugging Face and sentence-transformers models as encoders and scorers, from memory or from a folder.

Nothing is downloaded. How texts are turned into vectors is part of a result: `how` says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.fairness.scorers import Tokens
from bakeoff.nouns import Array

POOLINGS = ("mean", "first", "last")


@dataclass(frozen=True)
class Pooling:
    """How vectors of tokens become one: over a text by `texts`, over the tokens of a word by `words`, from a `layer`.

    Each is mean, first or last; the first token of a text is BERT's [CLS]. A mean over a text takes the model's own
    beginning and end along, as sentence-transformers do. Layer -1 is the last one.
    """

    texts: str = "mean"
    words: str = "mean"
    layer: int = -1

    def __post_init__(self) -> None:
        for name in (self.texts, self.words):
            if name not in POOLINGS:
                raise UsageError(f"There is no pooling {name!r}; there are {', '.join(POOLINGS)}.")

    def of(self, vectors: Array, way: str) -> Array:
        """One vector of several (tokens, width)."""
        return np.asarray(vectors.mean(0) if way == "mean" else vectors[0 if way == "first" else -1])


class _Pieces:
    """A model and its tokenizer: texts as codes, codes in batches of like length."""

    def __init__(self, model: Any, tokenizer: Any, device: str, batch: int) -> None:
        self.torch: Any = need("torch", "text")
        if not getattr(tokenizer, "is_fast", False):
            raise UsageError("The tokenizer cannot tell where its tokens stand; give a fast one (AutoTokenizer's).")
        self.model, self.tokenizer, self.device, self.batch = model.eval().to(device), tokenizer, device, batch
        most = int(getattr(model.config, "max_position_embeddings", None) or 10**6)
        self.most = min(most, int(tokenizer.model_max_length))
        pad = tokenizer.pad_token_id
        self.pad = 0 if pad is None else int(pad)

    def tokens(self, texts: Sequence[str], special: bool = True, cut: bool = False) -> list[Tokens]:
        """UsageError for a text of more tokens than the model reads, unless it may be cut."""
        if not len(texts):
            return []
        kept: dict[str, Any] = {"truncation": True, "max_length": self.most} if cut else {}
        found = self.tokenizer(
            list(texts), add_special_tokens=special, return_offsets_mapping=True, return_special_tokens_mask=True,
            verbose=False, **kept,
        )  # fmt: skip
        out = []
        rows = zip(found["input_ids"], found["offset_mapping"], found["special_tokens_mask"], texts, strict=True)
        for codes, spans, added, text in rows:
            if len(codes) > self.most:
                raise UsageError(
                    f"The text {text[:40]!r}... has {len(codes)} tokens and the model reads {self.most}; cut it."
                )
            places = [(0, 0) if one else (int(a), int(b)) for one, (a, b) in zip(added, spans, strict=True)]
            out.append(Tokens(tuple(map(int, codes)), tuple(places)))
        return out

    def run(self, codes: Sequence[Sequence[int]], **asked: Any) -> Iterator[tuple[int, Any, int]]:
        """The place of each row of codes, the model's output of its batch, and the row within it."""
        order = np.argsort([len(one) for one in codes], kind="stable")
        for start in range(0, len(order), self.batch):
            chosen = order[start : start + self.batch].tolist()
            longest = max([1, *(len(codes[place]) for place in chosen)])
            given = self.torch.full((len(chosen), longest), self.pad)
            there = self.torch.zeros((len(chosen), longest), dtype=self.torch.long)
            for row, place in enumerate(chosen):
                given[row, : len(codes[place])] = self.torch.tensor(codes[place], dtype=self.torch.long)
                there[row, : len(codes[place])] = 1
            with self.torch.inference_mode():
                found = self.model(input_ids=given.to(self.device), attention_mask=there.to(self.device), **asked)
            for row, place in enumerate(chosen):
                yield place, found, row


def _loaded(folder: str, kind: str) -> tuple[Any, Any]:
    need("torch", "text")
    from bakeoff.training.sequences.pretrained import loaded

    tokenizer, model = loaded(folder, kind)
    return model, tokenizer


class HuggingFaceEncoder:
    """`encode(texts)` and `encode_spans(texts, spans)` of a model of transformers with its fast tokenizer.

    A text of more tokens than the model reads is cut, as is usual of encoders; a word that stands in what was cut off
    is a UsageError.
    """

    def __init__(
        self, model: Any, tokenizer: Any, pooling: Pooling | None = None, *, device: str = "cpu", batch: int = 32
    ) -> None:
        self._pieces = _Pieces(model, tokenizer, device, batch)
        self.pooling = pooling or Pooling()
        self.how = f"{self.pooling.texts} of tokens, {self.pooling.words} of a word's, layer {self.pooling.layer}"

    @classmethod
    def load(cls, folder: str, pooling: Pooling | None = None) -> HuggingFaceEncoder:
        """From a folder with weights and tokenizer; NotFound or MissingExtra in one sentence when there is none."""
        return cls(*_loaded(folder, "AutoModel"), pooling)

    def _vectors(self, read: Sequence[Tokens]) -> Iterator[tuple[int, Array]]:
        """The place of each text and the vectors of its tokens, float64 (tokens, width)."""
        for place, found, row in self._pieces.run([one.codes for one in read], output_hidden_states=True):
            held = found.hidden_states[self.pooling.layer][row, : len(read[place].codes)]
            yield place, held.double().cpu().numpy()

    def encode(self, texts: Sequence[str]) -> Array:
        """Vectors float64 (texts, width)."""
        read = self._pieces.tokens(texts, cut=True)
        found = {place: self.pooling.of(held, self.pooling.texts) for place, held in self._vectors(read)}
        return np.array([found[place] for place in range(len(read))])

    def encode_spans(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> Array:
        """Vectors float64 (texts, width) of the words that stand at these characters of the texts."""
        read = self._pieces.tokens(texts, cut=True)
        inside = [one.within(*span) for one, span in zip(read, spans, strict=True)]
        for own, text, span in zip(inside, texts, spans, strict=True):
            if not own:
                word = text[slice(*span)]
                raise UsageError(f"The model reads no token of {word!r} in {text[:40]!r}...; give shorter texts.")
        found = {
            place: self.pooling.of(held[list(inside[place])], self.pooling.words) for place, held in self._vectors(read)
        }
        return np.array([found[place] for place in range(len(read))])


class HuggingFaceMasked:
    """A masked language model of transformers (AutoModelForMaskedLM) as a `MaskedModel`, with `log_prob(texts)`."""

    def __init__(self, model: Any, tokenizer: Any, *, device: str = "cpu", batch: int = 32) -> None:
        if tokenizer.mask_token_id is None:
            raise UsageError("The tokenizer has no mask token, so this is no masked model; take HuggingFaceCausal.")
        self._pieces = _Pieces(model, tokenizer, device, batch)
        self.mask = int(tokenizer.mask_token_id)
        self.unknown = tokenizer.unk_token_id

    @classmethod
    def load(cls, folder: str) -> HuggingFaceMasked:
        """From a folder with weights and tokenizer; NotFound or MissingExtra in one sentence when there is none."""
        return cls(*_loaded(folder, "AutoModelForMaskedLM"))

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """As the tokenizer cuts them; UsageError for a text that is too long."""
        return self._pieces.tokens(texts)

    def log_probs(self, codes: Sequence[Sequence[int]], asked: Sequence[Sequence[tuple[int, int]]]) -> list[Array]:
        """For each row of codes the log-probabilities of the (place, code) that are asked for, in nats."""
        out: list[Array] = [np.zeros(0)] * len(codes)
        for place, found, row in self._pieces.run(codes):
            own = asked[place]
            chances = found.logits[row, [at for at, _ in own]].double().log_softmax(-1)
            out[place] = chances[range(len(own)), [code for _, code in own]].cpu().numpy()
        return out

    def log_prob(self, texts: Sequence[str]) -> Array:
        """The pseudo-log-likelihood of each text, float64 (texts,)."""
        from bakeoff.fairness.scorers import pseudo_log_likelihood

        return pseudo_log_likelihood(self, texts)


class HuggingFaceCausal:
    """A causal language model of transformers (AutoModelForCausalLM) as a `CausalModel`.

    The first token of a text is read after the token that begins a text, or else the one that ends it; the end of a
    text is not scored.
    """

    def __init__(self, model: Any, tokenizer: Any, *, device: str = "cpu", batch: int = 32) -> None:
        self._pieces = _Pieces(model, tokenizer, device, batch)
        start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        if start is None:
            raise UsageError("The tokenizer has no token that begins or ends a text; give it a bos_token.")
        self.start = int(start)

    @classmethod
    def load(cls, folder: str) -> HuggingFaceCausal:
        """From a folder with weights and tokenizer; NotFound or MissingExtra in one sentence when there is none."""
        return cls(*_loaded(folder, "AutoModelForCausalLM"))

    def _read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        found = [(self.start, *one.codes) for one in self._pieces.tokens(texts, special=False)]
        for codes, text in zip(found, texts, strict=True):
            if len(codes) > self._pieces.most:
                raise UsageError(f"The text {text[:40]!r}... is one token longer than the model reads; cut it.")
        return found

    def log_prob(self, texts: Sequence[str]) -> Array:
        """The log-probability of each text, float64 (texts,), in nats."""
        codes = self._read(texts)
        out = np.zeros(len(codes))
        for place, found, row in self._pieces.run(codes):
            asked = codes[place][1:]
            chances = found.logits[row, : len(asked)].double().log_softmax(-1)
            out[place] = float(chances[range(len(asked)), list(asked)].sum())
        return out

    def counts(self, texts: Sequence[str]) -> Array:
        """How many tokens each text has."""
        return np.array([len(codes) - 1 for codes in self._read(texts)])


class SentenceEncoder:
    """A SentenceTransformer as `encode(texts)`, its own pooling and all, and `encode_spans` of its tokens' vectors."""

    def __init__(self, model: Any, words: str = "mean", batch: int = 32) -> None:
        self.model, self.batch = model, batch
        self.pooling = Pooling(words=words)
        self.how = f"the model's own pooling, {words} of a word's tokens"

    def encode(self, texts: Sequence[str]) -> Array:
        """Vectors float64 (texts, width)."""
        found = self.model.encode(
            list(texts), batch_size=self.batch, show_progress_bar=False, convert_to_numpy=True, convert_to_tensor=False
        )
        return np.asarray(found, dtype=np.float64)

    def encode_spans(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> Array:
        """Vectors float64 (texts, width) of the words that stand at these characters of the texts."""
        if not getattr(self.model.tokenizer, "is_fast", False):
            raise UsageError("The tokenizer cannot tell where its tokens stand; words have no vectors of their own.")
        vectors = self.model.encode(
            list(texts), batch_size=self.batch, show_progress_bar=False, output_value="token_embeddings"
        )
        read = self.model.tokenizer(
            list(texts), truncation=True, max_length=self.model.max_seq_length, return_offsets_mapping=True
        )
        found = []
        for held, places, text, (begin, end) in zip(vectors, read["offset_mapping"], texts, spans, strict=True):
            own = [place for place, (a, b) in enumerate(places) if a < end and b > begin and b > a]
            if not own:
                raise UsageError(f"The model reads no token of {text[begin:end]!r} in {text[:40]!r}...; cut the text.")
            found.append(self.pooling.of(held[own].double().cpu().numpy(), self.pooling.words))
        return np.array(found)
