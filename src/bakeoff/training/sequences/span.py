"""Spans: the piece of a context that answers a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array
from bakeoff.training.fitting import fit
from bakeoff.training.preparation import Known, Preparation
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Ragged, Records
from bakeoff.training.seeding import seeded
from bakeoff.training.sequences.batches import gathered
from bakeoff.training.sequences.circumstances import Circumstances
from bakeoff.training.sequences.overlap import Rarity, Tokens, overlap, tokens
from bakeoff.training.sequences.saving import read_state, write_state
from bakeoff.training.sequences.span_network import SpanNetwork, SpanShape
from bakeoff.training.sequences.words import words_for

RECIPE = Recipe(epochs=10, batch=32, rate=2e-3, clip=5.0, held_out=0.0)

Answers = Sequence[Mapping[str, Any]]


class SpanReader:
    """Contexts and questions in, where the answer stands in the context out.

    `known` may give the vocabulary of `words`, `common words` in place of how rare words are in the contexts, and the
    range of the `answer length` in tokens; what was taken from training rows instead stands in `preparation`.
    """

    kind = "span reader"

    def __init__(self, shape: SpanShape | None = None, known: Known | None = None) -> None:
        self.shape = shape or SpanShape()
        self.preparation = Preparation(known)
        self.network: Any = None
        self._read: dict[str, Tokens] = {}

    def fit(
        self,
        contexts: Sequence[str],
        questions: Sequence[str],
        answers: Answers,
        recipe: Recipe = RECIPE,
        circumstances: Circumstances | None = None,
    ) -> SpanReader:
        """Learn from answers as SQuAD has them: {"text": [...], "answer_start": [...]}, in characters.

        UsageError where the numbers of rows differ, or no answer stands in its context. How the fit went stands in
        `history` afterwards.
        """
        if not len(contexts) == len(questions) == len(answers):
            raise UsageError(
                f"There are {len(contexts)} contexts, {len(questions)} questions and answers to {len(answers)}; give "
                "one of each for every row."
            )
        around = circumstances or Circumstances(recipe)
        read, asked = [self._tokens(one) for one in contexts], [tokens(one) for one in questions]
        targets = [_places(own, answer) for own, answer in zip(read, answers, strict=True)]
        kept = [place for place, own in enumerate(targets) if own]
        if not kept:
            raise UsageError("No answer stands in its context, so there is nothing to learn from; check the offsets.")
        self.cap = self._cap([end - begin + 1 for place in kept for begin, end in targets[place]])
        self.rarity = Rarity().learn(read, self.preparation)
        seen = {one.words: one for one in read}
        self.words = words_for("words", self.shape.words)
        self.words.learn([*[one.words for one in seen.values()], *[one.words for one in asked]], self.preparation)
        with seeded(recipe.seed):
            self.network = SpanNetwork(self.words.layers(), self.shape)
        records = self._records([read[k] for k in kept], [asked[k] for k in kept], [targets[k] for k in kept])
        fitted = fit(self.network, records, recipe, **around.given())
        self.history = fitted.history
        self.steps = (*self.preparation.steps, *fitted.steps)
        self._read.clear()
        return self

    def answered(self, contexts: Sequence[str], answers: Answers) -> list[int]:
        """The rows that can be learnt from: those with an answer that stands in its context as it is read."""
        pairs = zip(contexts, answers, strict=True)
        return [row for row, (context, answer) in enumerate(pairs) if _places(self._tokens(context), answer)]

    def _cap(self, lengths: Sequence[int]) -> int:
        """The most tokens of an answer: as known, or a length that all but a hundredth of these do not exceed."""
        given = self.preparation.known.ranges.get("answer length")
        longest = given[1] if given else float(np.quantile(lengths, 0.99))
        cap = min(self.shape.cap, max(1, int(longest)))
        if given:
            self.preparation.public("answer length", "", 1, f"at most {cap} tokens")
        else:
            self.preparation.taken("answer length", "", 1, len(lengths), f"at most {cap} tokens")
        return cap

    def _tokens(self, context: str) -> Tokens:
        if context not in self._read:
            whole, longest = tokens(context), self.shape.longest
            cut = Tokens(whole.words[:longest], whole.begins[:longest], whole.ends[:longest], whole.stems[:longest])
            self._read[context] = cut
        return self._read[context]

    def _records(self, read: Sequence[Tokens], asked: Sequence[Tokens], targets: Any = None) -> Records:
        contexts = self.words.read([one.words for one in read])
        found = [overlap(own, question, self.rarity) for own, question in zip(read, asked, strict=True)]
        # A context without a token holds one that stands for it.
        flat = [one if len(one) else np.zeros((1, one.shape[1]), dtype=np.float32) for one in found]
        parts = {
            "context": contexts,
            "question": self.words.read([one.words for one in asked]),
            "overlap": {"features": Ragged(np.concatenate(flat), contexts["words"].offsets)},
        }
        if targets is None:
            return Records(parts, len(read))
        pairs = Ragged.of([[begin + 1 for begin, _ in own] for own in targets], np.int64)
        ends = Ragged.of([[end + 1 for _, end in own] for own in targets], np.int64)
        return Records(parts, len(read), Ragged(np.stack([pairs.values, ends.values], axis=1), pairs.offsets))

    def predict(self, contexts: Sequence[str], questions: Sequence[str], *, device: str = "cpu") -> Array:
        """Where each answer begins and ends (exclusive) in its context, in characters; int64 (rows, 2)."""
        read = [self._tokens(one) for one in contexts]
        self._read.clear()
        if not read:
            return np.zeros((0, 2), dtype=np.int64)
        records = self._records(read, [tokens(one) for one in questions])

        def answer(batch: Batch) -> list[list[int]]:
            return list(self.network.spans(batch, self.cap).tolist())

        found = gathered(self.network, records, answer, device)
        out = [
            (own.begins[begin], own.ends[end]) if own.words else (0, 0)
            for own, (begin, end) in zip(read, found, strict=True)
        ]
        return np.array(out, dtype=np.int64)

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This span reader was not fitted yet, so there is nothing to save; call fit first.")
        learnt = {"words": self.words.state(), "rarity": self.rarity.state(), "cap": self.cap}
        write_state(path, self.kind, self.shape, learnt, self.network)

    @classmethod
    def load(cls, path: Path) -> SpanReader:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, SpanShape)
        found = cls(shape)
        found.words = words_for("words", shape.words).restore(learnt["words"])
        found.rarity, found.cap = Rarity().restore(learnt["rarity"]), learnt["cap"]
        found.network = SpanNetwork(found.words.layers(), shape)
        found.network.load_state_dict(weights)
        return found


def _places(context: Tokens, answer: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The first and the last token of each different answer that stands in the context as it was read."""
    found: dict[tuple[int, int], None] = {}
    for text, start in zip(answer["text"], answer["answer_start"], strict=True):
        begin = int(np.searchsorted(context.ends, start, side="right"))
        end = int(np.searchsorted(context.begins, start + len(text), side="left")) - 1
        if begin <= end < len(context.words):
            found[begin, end] = None
    return list(found)
