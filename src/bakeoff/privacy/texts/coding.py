"""Texts rewritten from a noisy code: the corrected form of ADePT, (epsilon, delta)-private for a whole text.

ADePT (Krishna, Gupta and Dupuy 2021, EACL) encodes a text, clips the code to a norm, adds noise and decodes. Here the
code is clipped in L2 to 1, two texts' codes so differ by 2 at most, and the noise is Gaussian for that; what the
auto-encoder itself learnt was public, or is paid for in the same ledger. See `published` for what was wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.entries import Neighbours
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.releases import gaussian_sigma
from bakeoff.privacy.texts.chance import Chance
from bakeoff.privacy.texts.code_network import END, FIRST, UNSEEN, CodeNetwork, CodeShape
from bakeoff.privacy.texts.cutting import words_of
from bakeoff.privacy.texts.replacing import Watcher
from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Ragged, Records
from bakeoff.training.seeding import seeded, threads
from bakeoff.training.sequences.saving import read_state, write_state

APART = 2.0  # how far two codes can be from one another (L2)
RECIPE = Recipe(epochs=12, batch=64, rate=3e-3, decay=1e-3, held_out=0.05, patience=3)
PRIVATE = Recipe(epochs=20, batch=256, rate=5e-3, decay=0.0, clip=0.0, held_out=0.0)
MOST = 5_000
AT_ONCE = 256
RELEASED = "code of a text"


@dataclass(frozen=True)
class Coded:
    """Rewritten `texts`, and the `ledger` of what one rewriting of one text costs, training included."""

    texts: tuple[str, ...]
    ledger: Ledger
    delta: float

    @cached_property
    def epsilon(self) -> float:
        """Of one whole text at delta, whatever other text it might have been; NoGuarantee where it was broken."""
        return self.ledger.epsilon(self.delta)

    def sentence(self) -> str:
        """What may be said of the texts."""
        if self.ledger.broken:
            return f"No guarantee: {'; '.join(self.ledger.broken)}."
        return (
            f"Each text is (epsilon {self.epsilon:.4g}, delta {self.delta:g})-differentially private as a whole: had "
            f"it been any other text, what came out would have been at most exp({self.epsilon:.4g}) times as likely, "
            f"but for a chance of {self.delta:g}. Rewriting the same text again, or several texts of one person, adds "
            "up."
        )

    def as_plain(self) -> dict[str, Any]:
        """All but the texts, as what JSON can hold."""
        broken = list(self.ledger.broken)
        told = {
            "kind": "(epsilon, delta)-differential privacy of each text",
            "epsilon": None if broken else self.epsilon,
            "delta": self.delta,
            "neighbours": self.ledger.neighbours.value,
            "broken": broken,
            "ledger": self.ledger.as_plain(),
            "sentence": self.sentence(),
        }
        return {"texts": len(self.texts), "guarantee": told}


class TextCoder:
    """An auto-encoder that writes texts anew from codes with noise for (`epsilon`, `delta`) of each text.

    Learn it from public texts with `fit`, or from private ones within a budget with `fit_privately`; then `rewrite`.
    A `seed` makes noise repeatable for tests, and then it protects nobody. UsageError where epsilon or delta is out of
    range.
    """

    kind = "auto-encoder of texts"

    def __init__(
        self, epsilon: float = 50.0, delta: float = 1e-5, *, shape: CodeShape | None = None, seed: int | None = None
    ) -> None:
        self.budget = Budget(epsilon, delta)
        self.shape = shape or CodeShape()
        self.spread = APART * gaussian_sigma(epsilon, delta)
        self.words: tuple[str, ...] = ()
        self.network: Any = None
        self._training: dict[str, Any] = {}
        self._chance = Chance(seed)

    def fit(
        self, texts: Sequence[str], *, name: str, recipe: Recipe = RECIPE, words: Sequence[str] | None = None
    ) -> TextCoder:
        """Learn from public texts, which `name` says the origin of; `words` is the vocabulary (the frequent ones)."""
        counts = Counter(word for text in texts for word in words_of(text))
        ranked = sorted((one for one, count in counts.items() if count > 1), key=lambda one: (-counts[one], one))
        ledger = Ledger(neighbours=Neighbours.REPLACE)
        ledger.public("auto-encoder", name)
        self._learn(texts, list(words or ranked[:MOST]), recipe, ledger, None)
        return self

    def fit_privately(
        self, texts: Sequence[str], words: Sequence[str], budget: Budget, *, recipe: Recipe = PRIVATE
    ) -> TextCoder:
        """Learn from private texts by DP-SGD within a budget, for when one text is replaced by another.

        `words` is a public vocabulary. What this spends is added to what a text's code costs, for these very texts as
        for any others. MissingExtra without dp-accounting.
        """
        from bakeoff.privacy.regime import PrivateSGD, recipe_for

        ledger = Ledger(neighbours=Neighbours.REPLACE)
        ledger.public("vocabulary", f"{len(words)} words, given")
        private = recipe_for(recipe)
        regime = PrivateSGD.within(budget, ledger, records=len(texts), recipe=private)
        self._learn(texts, list(words), private, ledger, regime)
        return self

    def _learn(self, texts: Sequence[str], words: Sequence[str], recipe: Recipe, ledger: Ledger, regime: Any) -> None:
        if len(words) < 2 or not len(texts):
            raise UsageError(
                f"There are {len(texts)} texts and {len(words)} words to learn from; give more text, or words."
            )
        self._take(list(dict.fromkeys(word for one in words for word in words_of(one))))
        codes = [self._codes(text) for text in texts]
        targets = Ragged.of([[*one, END] for one in codes], np.int64)
        records = Records(_parts(codes), len(codes), targets)
        with seeded(recipe.seed):
            self.network = CodeNetwork(len(self.words), self.shape, self.spread)
        fitted = fit(self.network, records, recipe, regime=regime)
        self.history = fitted.history
        self._training = ledger.as_plain()

    def _take(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._places = {word: FIRST + place for place, word in enumerate(self.words)}

    def _codes(self, text: str) -> list[int]:
        return [self._places.get(word, UNSEEN) for word in words_of(text)[: self.shape.longest]]

    def at(self, epsilon: float, delta: float = 1e-5, *, seed: int | None = None) -> TextCoder:
        """The same auto-encoder with noise for another epsilon; it writes best at that which it was learnt for."""
        found = TextCoder(epsilon, delta, shape=self.shape, seed=seed)
        found._take(self.words)
        found.network, found._training = self.network, self._training
        return found

    def ledger(self) -> Ledger:
        """What training cost and one code costs; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This auto-encoder was not fitted yet; call fit with public texts, or fit_privately.")
        found = Ledger.of_plain(self._training)
        # A ledger's sigma counts by the bound on one code, 1, whatever the neighbours; two codes differ by twice that.
        found.released(RELEASED, sigma=self.spread, detail=f"{self.shape.dimensions} numbers, L2 at most 1")
        if self._chance.seed is not None:
            found.broke("noise was drawn from a seed, and can be drawn again")
        return found

    def encode(self, texts: Sequence[str]) -> Array:
        """Codes without noise, float64 (texts, dimensions), none longer than 1: for looking at, never for release."""
        self.ledger()
        found = np.zeros((len(texts), self.shape.dimensions))
        self.network.eval()
        with torch.inference_mode(), threads(1):
            for begin in range(0, len(texts), AT_ONCE):
                part = [self._codes(text) for text in texts[begin : begin + AT_ONCE]]
                batch = Records(_parts(part), len(part)).batch(np.arange(len(part)))
                codes = self.network.codes(batch.inputs["text"]["words"].long()).double().numpy()
                found[begin : begin + len(part)] = codes
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        bounded: Array = found / np.maximum(lengths, 1.0)  # single precision may have rounded one beyond 1
        return bounded

    def release(self, texts: Sequence[str]) -> Array:
        """Codes with noise, float64 (texts, dimensions): all that `rewrite` sees of a text; each call spends again."""
        return self.encode(texts) + self.spread * self._chance.normal(len(texts), self.shape.dimensions)

    def rewrite(self, texts: Sequence[str], watcher: Watcher | None = None) -> Coded:
        """Every text written anew, an empty one too.

        UsageError where one is no text, or they are so many that delta could tell one outright; NotFound before it is
        fitted.
        """
        self.budget.check(len(texts))
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(f"Text {row} is {text!r}; give strings, and an empty one where there is no text.")
        ledger = self.ledger()
        noisy = self.release(texts)
        found: list[str] = []
        with torch.inference_mode(), threads(1):
            for begin in range(0, len(noisy), AT_ONCE):
                part = torch.from_numpy(noisy[begin : begin + AT_ONCE]).float()
                found += [" ".join(self.words[code - FIRST] for code in row) for row in self.network.write(part)]
                if watcher is not None:
                    watcher(len(found), len(texts))
        return Coded(tuple(found), ledger, self.budget.delta)

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        self.ledger()
        learnt = {
            "words": list(self.words),
            "training": self._training,
            "epsilon": self.budget.epsilon,
            "delta": self.budget.delta,
        }
        write_state(path, self.kind, self.shape, learnt, self.network)

    @classmethod
    def load(cls, path: Path) -> TextCoder:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, CodeShape)
        found = cls(learnt["epsilon"], learnt["delta"], shape=shape)
        found._take(learnt["words"])
        found._training = learnt["training"]
        found.network = CodeNetwork(len(found.words), shape, found.spread)
        found.network.load_state_dict(weights)
        found.network.eval()
        return found


def _parts(codes: Sequence[Sequence[int]]) -> dict[str, dict[str, Ragged]]:
    # A text without words is one unseen word, so that each has something to be read.
    return {"text": {"words": Ragged.of([one or [UNSEEN] for one in codes], np.int32)}}
