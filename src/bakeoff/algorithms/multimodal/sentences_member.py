"""The member of sentence embeddings: the linear model on terms, categories, numbers and what the texts mean."""

from __future__ import annotations

import numpy as np

from bakeoff.algorithms.multimodal.linear_member import STRENGTHS, LinearMember
from bakeoff.algorithms.multimodal.meanings import DIRECTIONS, never
from bakeoff.algorithms.multimodal.work import Deadline, Trained, Work
from bakeoff.nouns import Array
from bakeoff.training.clock import Clock

SHARE = 0.35  # of the time left, at most, for embedding
RUNS, RUN = 6, 16  # of texts of a column, of like lengths, that tell how long all will take
CELLS = 30_000_000  # numbers that the embeddings of all rows may hold
LOADING = 12.0  # seconds that must be left for the encoder to be loaded at all, which takes some of them by itself
LATE = 10.0  # times what there is: told of a table whose texts cannot be embedded in time
ASKED = 400  # rows on which it is told whether embeddings explain what the linear member left
WORTH = 0.004  # share of what was left that a column must explain where embedding is dear
CHEAP = 0.2  # of the time left: a member that takes less needs no proof of its worth
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
PARTS = 5


class SentencesMember:
    """Embeds the text columns that tell more than their terms do, as many as time allows.

    What a column is worth is asked of a sample of rows: the share of the linear member's error on held-out rows that
    ridge regression on the column's embeddings foretells of rows that it has not seen.
    """

    name = "sentences"

    def __init__(self) -> None:
        self._linear = LinearMember(self.name, "meant", (0.05, *STRENGTHS))
        self._chosen: tuple[str, ...] | None = None
        self._late: tuple[str, ...] = ()
        self._takes: dict[str, float] = {}

    def estimate(self, work: Work, clock: Clock) -> float:
        """From embedding some texts of each column; which columns take part is settled here."""
        if clock.left() < LOADING:
            return LATE * LOADING
        self._plan(work, clock)
        if not self._chosen:
            return LATE * min(self._takes.values()) / SHARE if self._late else 0.0
        return self._whole(work, clock, self._chosen)

    def _whole(self, work: Work, clock: Clock, names: tuple[str, ...]) -> float:
        """Seconds of embedding these columns, and of a fit on them."""
        wide = work.views.train("wide")
        more = 1.0 + DIRECTIONS * len(names) * len(work.target.values) / max(1, int(wide.nnz))
        return sum(self._takes[name] for name in names) + more * LinearMember(self.name, "wide").estimate(work, clock)

    def _plan(self, work: Work, clock: Clock) -> None:
        """Settle which columns are embedded: of those that are worth it, the most worth for its seconds first."""
        names, room = work.views.meanings.names, SHARE * clock.left()
        self._takes = {name: self._seconds(work, name, clock) for name in names}
        soon = tuple(name for name in names if self._takes[name] <= room)
        cheap = bool(soon) and self._whole(work, clock, soon) <= CHEAP * clock.left()
        worth = {name: self._worth(work, name) for name in soon}
        chosen: list[str] = []
        late = [name for name in names if name not in soon]
        for name in sorted(soon, key=lambda name: -worth[name] / max(self._takes[name], 1e-9)):
            if not _fits(work, len(chosen) + 1):
                break
            taken = sum(self._takes[one] for one in (*chosen, name))
            if (cheap or worth[name] >= WORTH) and taken <= room:
                chosen.append(name)
            else:
                late.append(name)
        self._chosen = tuple(name for name in names if name in chosen)
        self._late = tuple(late)
        work.views.meanings.names = self._chosen

    def _seconds(self, work: Work, name: str, clock: Clock) -> float:
        """Seconds that embedding a column will take."""
        different = sorted(set(work.views.strings(name)), key=lambda text: (len(text), text))
        starts = [len(different) * (2 * run + 1) // (2 * RUNS) for run in range(RUNS)]
        some = list(dict.fromkeys(text for start in starts for text in different[start : start + RUN]))
        embedder = work.views.meanings.embedder()
        embedder.embed(some[:1])  # the first text of all loads the encoder
        began = clock.elapsed()
        embedder.embed(some)
        return float((clock.elapsed() - began) * len(different) / len(some))

    def _worth(self, work: Work, name: str) -> float:
        """The share of the error on held-out rows that the column's embeddings foretell."""
        rng = np.random.default_rng([work.seed % 2**32, 37])
        places = rng.permutation(len(work.folds.rows))[:ASKED]
        texts = work.views.strings(name)
        embedded = work.views.meanings.embedder().embed([texts[row] for row in work.folds.rows[places]])
        return foretold(embedded, _left(work, places), rng)

    def fit(self, work: Work, deadline: Deadline) -> Trained:
        """Weights for each fold."""
        meanings = work.views.meanings
        if self._chosen is None:
            meanings.names = tuple(name for place, name in enumerate(meanings.names) if _fits(work, place + 1))
        meanings.until = deadline.part(0.7)
        work.views.train("sentences")
        meanings.until = never
        found = self._linear.fit(work, deadline)
        missing = (*self._late, *meanings.late)
        return Trained(found.model, found.held_out, found.cut, f"without {', '.join(missing)}" if missing else "")


def _left(work: Work, places: Array) -> Array:
    """What the linear member, or else the constant, left of held-out rows: float64 (places, width)."""
    before = work.trained.get("linear") or work.trained["constant"]
    outputs, truth = before.held_out[places].astype(np.float64), work.target.values[work.folds.rows[places]]
    if work.target.classes is None:
        return np.asarray(truth[:, None] - outputs)
    return np.asarray(np.eye(work.target.width)[truth] - np.exp(outputs))


def foretold(features: Array, errors: Array, rng: np.random.Generator) -> float:
    """The largest share of `errors` (rows, width) that ridge regression on `features` explains of parts held out.

    Below 0 where nothing is explained; of `PENALTIES` the best counts.
    """
    away = (features - features.mean(axis=0)).astype(np.float64)
    alike = away @ away.T
    part = rng.permutation(len(away)) % PARTS
    total = float((errors**2).sum()) or 1.0
    missed = np.zeros(len(PENALTIES))
    for number in range(PARTS):
        held, learnt = np.flatnonzero(part == number), np.flatnonzero(part != number)
        values, vectors = np.linalg.eigh(alike[np.ix_(learnt, learnt)])
        turned, across = vectors.T @ errors[learnt], alike[np.ix_(held, learnt)] @ vectors
        for place, penalty in enumerate(PENALTIES):
            answers = across @ (turned / (np.maximum(values, 0.0) + penalty)[:, None])
            missed[place] += float(((errors[held] - answers) ** 2).sum())
    return 1.0 - float(missed.min()) / total


def _fits(work: Work, columns: int) -> bool:
    return len(work.target.values) * columns * DIRECTIONS <= CELLS
