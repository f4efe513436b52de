"""Sequence to sequence: texts written from texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from bakeoff.training.sequences.pieces import END, Pieces
from bakeoff.training.sequences.saving import read_state, write_state
from bakeoff.training.sequences.writer_network import WriterNetwork, WriterShape

RECIPE = Recipe(epochs=25, batch=32, rate=2e-3, decay=1e-2, clip=10.0, held_out=0.05, patience=4)


class Seq2Seq:
    """Sources in, targets out, both texts.

    `known` may give the vocabulary of `pieces` and the range of the `answer length` in pieces from outside; what was
    taken from training rows instead stands in `preparation`.
    """

    kind = "sequence to sequence"

    def __init__(self, shape: WriterShape | None = None, known: Known | None = None) -> None:
        self.shape = shape or WriterShape()
        self.preparation = Preparation(known)
        self.network: Any = None

    def fit(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        recipe: Recipe = RECIPE,
        circumstances: Circumstances | None = None,
    ) -> Seq2Seq:
        """Learn from pairs; UsageError where the numbers differ. How the fit went stands in `history` afterwards."""
        if len(sources) != len(targets) or not len(sources):
            raise UsageError(f"There are {len(sources)} sources and {len(targets)} targets; give one target for each.")
        around = circumstances or Circumstances(recipe)
        self.pieces = Pieces(self.shape.pieces).learn(sources, targets, self.preparation)
        with seeded(recipe.seed):
            self.network = WriterNetwork(len(self.pieces), self.shape)
        records = self._records(sources, targets)[0]
        self.longest = self._longest(records.targets)
        fitted = fit(self.network, records, recipe, **around.given())
        self.history, self.held_out = fitted.history, fitted.held_out
        self.steps = (*self.preparation.steps, *fitted.steps)
        return self

    def _longest(self, targets: Any) -> int:
        """The most pieces of an answer: a fifth more than the longest target, as known or as it is."""
        given = self.preparation.known.ranges.get("answer length")
        longest = int(1.2 * (given[1] if given else targets.lengths.max())) + 2
        if given:
            self.preparation.public("answer length", "", 1, f"at most {longest} pieces")
        else:
            self.preparation.taken("answer length", "", 1, len(targets), f"at most {longest} pieces")
        return longest

    def _records(self, sources: Sequence[str], targets: Sequence[str] | None) -> tuple[Records, list[dict[str, int]]]:
        read = [self.pieces.source(text) for text in sources]
        codes = Ragged.of([one[: self.shape.longest] for one, _ in read], np.int32)
        written = None
        if targets is not None:
            pairs = zip(targets, read, strict=True)
            most = self.shape.beam.longest - 1
            written = Ragged.of([[*self.pieces.target(text, own)[:most], END] for text, (_, own) in pairs], np.int64)
        return Records({"source": {"pieces": codes}}, len(sources), written), [own for _, own in read]

    def predict(self, sources: Sequence[str], *, width: int = 0, device: str = "cpu") -> list[str]:
        """A target for each source, by a beam of so many (0: the shape's own, 1: greedy)."""
        records, own = self._records(sources, None)
        beam = self.shape.beam
        style = replace(beam, width=width or beam.width, longest=min(beam.longest, self.longest))

        def answer(batch: Batch) -> list[list[int]]:
            return list(self.network.written(batch, style)[0])

        found = gathered(self.network, records, answer, device)
        return [self.pieces.text(codes, names) for codes, names in zip(found, own, strict=True)]

    def log_prob(self, sources: Sequence[str], targets: Sequence[str], *, device: str = "cpu") -> Array:
        """The log-probability of each target given its source, its end included, in nats; float64 (pairs,)."""
        records, _ = self._records(sources, targets)
        found = gathered(self.network, records, lambda batch: -self.network.losses(batch).double(), device)
        return np.array([float(one) for one in found], dtype=np.float64)

    def save(self, path: Path) -> None:
        """Everything that `load` needs, as weights and plain values; NotFound before it is fitted."""
        if self.network is None:
            raise NotFound("This network was not fitted yet, so there is nothing to save; call fit first.")
        learnt = {"pieces": self.pieces.state(), "longest": self.longest}
        write_state(path, self.kind, self.shape, learnt, self.network)

    @classmethod
    def load(cls, path: Path) -> Seq2Seq:
        """What `save` wrote; nothing in the file is run. UsageError when it holds something else."""
        shape, learnt, weights = read_state(path, cls.kind, WriterShape)
        found = cls(shape)
        found.pieces = Pieces(shape.pieces).restore(learnt["pieces"])
        found.longest = learnt["longest"]
        found.network = WriterNetwork(len(found.pieces), shape)
        found.network.load_state_dict(weights)
        return found
