"""A network's texts beside those that counting proposes: the one that both together find likeliest is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.algorithms.text.inflector import Spelt
from bakeoff.algorithms.text.suffix_rules import split
from bakeoff.nouns import Array

FEWEST = 50  # held-out rows below which no weights are learnt from them
NAMED = 1e-3  # what counting's probability of a text is taken to be more than, and of a text that it does not name
WORST = -12.0  # nats below which the network's texts are all alike
FIRM = 1e-3  # how firmly weights are held to 0


def inflected(sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether these are words spelt letter by letter with features behind a bar, as in inflection tasks."""
    few = list(zip(sources, targets, strict=True))[:1_000]
    letters = [symbol for source, target in few for symbol in (*split(source)[0], *target.split(" "))]
    featured = sum(bool(split(source)[1]) for source, _ in few)
    return 2 * featured > len(few) and sum(map(len, letters)) < 1.5 * len(letters)


class Agreed:
    """Texts of a fitted `Seq2Seq` and of a `Spelt`, the likeliest by a weighted sum of their log-probabilities.

    The weights maximise the likelihood of the right texts among the options there are, on rows that the network held
    out and with counts of the other rows; then all rows are counted.
    """

    def __init__(self, network: Any) -> None:
        self.network = network

    def fit(self, sources: Sequence[str], targets: Sequence[str], held_out: Array) -> Agreed:
        """Learn from all rows, and the weights, float64 (2,), from those at the positions that were held out."""
        held = set(held_out.tolist())
        kept = [place for place in range(len(sources)) if place not in held]
        self.counts = Spelt().fit([sources[place] for place in kept], [targets[place] for place in kept])
        options, logs = self._options([sources[place] for place in sorted(held)], 0)
        right = [targets[place] for place in sorted(held)]
        known = [
            (own, names.index(text)) for own, names, text in zip(logs, options, right, strict=True) if text in names
        ]
        self.weights = _learnt([own for own, _ in known], [place for _, place in known])
        self.counts = Spelt().fit(sources, targets)
        return self

    def predict(self, sources: Sequence[str], *, width: int = 0) -> list[str]:
        """A text for each source; `width` is the network's beam (0: as it is used to)."""
        if not sources:
            return []
        options, logs = self._options(sources, width)
        return [names[int(np.argmax(own @ self.weights))] for own, names in zip(logs, options, strict=True)]

    def _options(self, sources: Sequence[str], width: int) -> tuple[list[list[str]], list[Array]]:
        """For each source, the texts there are, and both log-probabilities of each, float64 (texts, 2)."""
        counted = [dict(self.counts.answers(source)) for source in sources]
        written = self.network.predict(sources, width=width)
        options = [list(dict.fromkeys([text, *chances])) for text, chances in zip(written, counted, strict=True)]
        asked = [source for source, names in zip(sources, options, strict=True) for _ in names]
        flat = np.maximum(self.network.log_prob(asked, [text for names in options for text in names]), WORST)
        ends = np.cumsum([len(names) for names in options])[:-1]
        logs = [
            np.stack([own, np.log([chances.get(text, 0.0) + NAMED for text in names])], axis=1)
            for own, chances, names in zip(np.split(flat, ends), counted, options, strict=True)
        ]
        return options, logs


def _learnt(logs: Sequence[Array], right: Sequence[int]) -> Array:
    """The two weights, 0 or more, with the least loss, from the logs of each row's texts and the right one's place."""
    from scipy.optimize import minimize

    def loss(weights: Array) -> tuple[float, Array]:
        whole, slope = FIRM * len(logs) * weights @ weights, 2 * FIRM * len(logs) * weights
        for own, place in zip(logs, right, strict=True):
            raised = np.exp((scores := own @ weights) - scores.max())
            chances = raised / raised.sum()
            whole -= np.log(chances[place])
            slope = slope + chances @ own - own[place]
        return float(whole), slope

    found = minimize(loss, np.full(2, 0.5), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 2)
    return np.asarray(found.x, dtype=np.float64)
