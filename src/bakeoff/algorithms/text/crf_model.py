"""A linear-chain conditional random field by CRFsuite, kept as bytes so that it can be pickled."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import Declined, MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array

# What an iteration of L-BFGS costs for each token: tags squared for the chain, and as much for each tag as FEATURES
# steps of it; measured on sets of 13 and 72 tags.
FEATURES, SPEED = 60, 2.5e8
SHARE = 0.4  # of the time budget that L-BFGS may take
FEWEST = 20  # iterations below which the averaged perceptron does better
Features = list[list[str]]


@dataclass(frozen=True)
class CRFOptions:
    """How weights are found.

    `algorithm` lbfgs (`c1`, `c2` weigh the absolute and the squared weights), ap (averaged perceptron, which keeps no
    probabilities and is many times faster), or auto: lbfgs for spans in BIO, ap otherwise.
    """

    algorithm: str = "auto"
    iterations: int = 60
    passes: int = 8
    c1: float = 0.05
    c2: float = 0.01
    least: int = 1


def crfsuite() -> Any:
    """The package; Declined when it is not installed."""
    try:
        return need("pycrfsuite", "language")
    except MissingExtra as missing:
        raise Declined(str(missing)) from missing


def algorithm_for(tags: Iterable[Iterable[str]]) -> str:
    """lbfgs for spans in BIO, ap for tags that every token has its own of."""
    known = {tag for given in tags for tag in given}
    return "lbfgs" if any(tag[:2] in ("B-", "I-") for tag in known) else "ap"


def within(options: CRFOptions, tags: list[list[str]], budget: float) -> CRFOptions:
    """The algorithm chosen, with no more iterations than a budget in seconds has room for (0: any number).

    It follows from the numbers of tokens and tags alone, so the same rows and budget give the same weights.
    """
    chosen = algorithm_for(tags) if options.algorithm == "auto" else options.algorithm
    if chosen != "lbfgs" or not budget:
        return replace(options, algorithm=chosen)
    known = len({tag for given in tags for tag in given})
    each = sum(map(len, tags)) * known * (known + FEATURES) / SPEED
    iterations = min(options.iterations, int(SHARE * budget / max(each, 1e-9)))
    if options.algorithm == "auto" and iterations < min(FEWEST, options.iterations):
        return replace(options, algorithm="ap")
    return replace(options, algorithm=chosen, iterations=max(1, iterations))


class CRF:
    """A fitted chain: the best tags of a sentence, and the probability of each tag at each place."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._open: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "_open": None}

    @property
    def _tagger(self) -> Any:
        if self._open is None:
            self._open = crfsuite().Tagger()
            self._open.open_inmemory(self.model)
        return self._open

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags it knows, in its own order."""
        return tuple(self._tagger.labels())

    def best(self, features: Features) -> list[str]:
        """The most probable tags of one sentence (Viterbi)."""
        return list(self._tagger.tag(features)) if features else []

    def marginals(self, features: Features) -> Array:
        """P(tag at place), float64 (tokens, tags)."""
        tags = self.tags
        if not features:
            return np.zeros((0, len(tags)))
        self._tagger.set(features)
        return np.array([[self._tagger.marginal(tag, place) for tag in tags] for place in range(len(features))])


def learnt(features: Iterable[Features], tags: list[list[str]], options: CRFOptions, seed: int) -> CRF:
    """Learn from sentences; the same seed gives the same weights (CRFsuite shuffles by the C library's numbers)."""
    trainer = crfsuite().Trainer(verbose=False)
    chosen = algorithm_for(tags) if options.algorithm == "auto" else options.algorithm
    trainer.select(chosen, "crf1d")
    if chosen == "lbfgs":
        bounds = {"max_iterations": options.iterations, "c1": options.c1, "c2": options.c2}
    else:
        bounds = {"max_iterations": options.passes}
    trainer.set_params({**bounds, "feature.possible_transitions": False, "feature.minfreq": options.least})
    for told, given in zip(features, tags, strict=True):
        if given:
            trainer.append(told, given)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).srand(seed % 2**31)
    with tempfile.TemporaryDirectory(prefix="crf-") as folder:
        path = Path(folder) / "model"
        trainer.train(str(path))
        return CRF(path.read_bytes())
