"""The member of sentence embeddings: the linear model on terms, categories, numbers and what the texts mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bakeoff.algorithms.multimodal.linear_member import LinearMember
from bakeoff.algorithms.multimodal.meanings import DIRECTIONS
from bakeoff.algorithms.multimodal.work import Deadline, Trained, Work
from bakeoff.training.clock import Clock

SHARE = 0.35  # of the time left, at most, for embedding
TRIED = 48  # different texts of a column that tell how long all will take
CELLS = 30_000_000  # numbers that the embeddings of all rows may hold
LATE = 10.0  # times the budget: what is told of a table whose texts cannot be embedded in time


class SentencesMember:
    """Embeds as many text columns as time allows, those that take the least first."""

    name = "sentences"

    def __init__(self) -> None:
        self._linear = LinearMember(self.name, "meant")
        self._left_out: tuple[str, ...] = ()

    def estimate(self, work: Work, clock: Clock) -> float:
        """From embedding a few texts of each column; what does not fit is left out from then on."""
        takes = {name: self._takes(work, name, clock) for name in work.views.meanings.names}
        room = SHARE * clock.left()
        taken = 0.0
        chosen: list[str] = []
        for name in sorted(takes, key=lambda name: takes[name]):
            if taken + takes[name] <= room and _fits(work, len(chosen) + 1):
                chosen.append(name)
                taken += takes[name]
        if not chosen:
            return LATE * min(takes.values()) / SHARE
        self._left_out = tuple(name for name in takes if name not in chosen)
        work.views.meanings.names = tuple(name for name in takes if name in chosen)
        wide = work.views.train("wide")
        more = 1 + DIRECTIONS * len(chosen) * len(work.target.values) / max(1, wide.nnz)
        return taken + more * LinearMember(self.name, "wide").estimate(work, clock)

    def _takes(self, work: Work, name: str, clock: Clock) -> float:
        """Seconds that embedding a column will take."""
        different = sorted(set(work.views.strings(name)), key=len)
        some: Sequence[str] = different[:: max(1, len(different) // TRIED)]
        embedder = work.views.meanings.embedder()
        embedder.embed(some[:1])  # the first text of all loads the encoder
        began = clock.elapsed()
        embedder.embed(some)
        return (clock.elapsed() - began) * len(different) / len(some)

    def fit(self, work: Work, deadline: Deadline) -> Trained:
        """Weights for each fold."""
        meanings = work.views.meanings
        if not _fits(work, len(meanings.names)):
            count = next((n for n in range(len(meanings.names), 0, -1) if _fits(work, n)), 1)
            meanings.names = meanings.names[:count]
        meanings.until = deadline.part(0.7)
        work.views.train("sentences")
        found = self._linear.fit(work, deadline)
        missing = (*self._left_out, *meanings.late)
        return Trained(found.model, found.held_out, found.cut, f"without {', '.join(missing)}" if missing else "")


def _fits(work: Work, columns: int) -> bool:
    return bool(np.prod([len(work.target.values), columns, DIRECTIONS], dtype=np.int64) <= CELLS)
