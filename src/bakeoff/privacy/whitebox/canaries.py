"""How an audit is made, which coins it tosses, and how many of them it will guess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.audits import Gaussian, refuted

SEES = ("steps", "final")
MOST = 20_000  # canaries beyond which a bound gains little
FEWEST = 20  # canaries below which nothing can be shown
SHARES = (0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.75, 1.0)  # of the canaries, tried as numbers of guesses


@dataclass(frozen=True)
class Canaries:
    """So many canaries (0: as many as there is room for, up to 20,000), each in or out by a fair coin of its own.

    `kind` is the direction of their gradients: "dirac" (one weight each) or "random" (up to 64 weights each). `sees`
    is what the auditor is shown: every noisy sum ("steps") or only how the weights have changed in the end ("final").
    Coins come from the operating system; `seed` repeats them and the directions. UsageError for what cannot be.
    """

    count: int = 0
    kind: str = "dirac"
    sees: str = "steps"
    seed: int | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.count and self.count < FEWEST:
            raise UsageError(f"{self.count} canaries show nothing; take at least {FEWEST}, better 1,000 or more.")
        if self.sees not in SEES:
            raise UsageError(f"An auditor cannot see {self.sees!r}; it can see {' or '.join(map(repr, SEES))}.")
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"The confidence is {self.confidence}; it must be at least 0.5 and below 1, such as 0.95.")

    def tossed(self, room: int) -> tuple[Array, np.random.Generator]:
        """Which canaries are in, bool (canaries,), and the numbers that directions are made of.

        UsageError where there is room for fewer than were asked for, or than show anything.
        """
        count = self.count or min(MOST, room)
        if not FEWEST <= count <= room:
            raise UsageError(
                f"{count} gradient canaries are too many for this network, or too few to show anything: each takes a "
                f"weight of its own, which {room} have, and {FEWEST} are the least."
            )
        random = np.random.default_rng(self.seed)
        return random.random(count) < 0.5, random


def guesses_for(count: int, epsilon: float, delta: float, confidence: float) -> int:
    """The number of guesses with the highest bound if the claim is just true: it depends on no coin.

    As if the claim were that of a Gaussian mechanism with the same epsilon at delta, whose surest guesses are right so
    often as its curve allows; a standard deviation fewer are counted on.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    low, high = 1e-3, 50.0
    if not Gaussian(low).epsilon(delta) < epsilon < Gaussian(high).epsilon(delta):
        return max(1, count // 2)
    mu = float(brentq(lambda one: Gaussian(one).epsilon(delta) - epsilon, low, high, xtol=1e-4))
    best, found = 1, -1.0
    for share in SHARES:
        guesses = max(1, round(share * count))

        def beyond(edge: float, share: float = share) -> float:
            return float(ndtr(mu / 2 - edge) + ndtr(-mu / 2 - edge)) - share

        edge = brentq(beyond, 0.0, mu + 10.0) if share < 1 else 0.0
        right = float(ndtr(mu / 2 - edge)) / (float(ndtr(mu / 2 - edge)) + float(ndtr(-mu / 2 - edge)))
        expected = max(0, round(guesses * right - np.sqrt(guesses * right * (1 - right))))
        bound = refuted(expected, guesses, count, Gaussian, confidence)
        if found > 0 and bound < 0.9 * found:  # it has passed its height
            break
        if bound > found:
            best, found = guesses, bound
    return best


def right_guesses(scores: Array, inside: Array, guesses: int, centred: bool) -> int:
    """How many of the surest guesses are right: scores above 0 are guessed in, the others out, and the farther the
    surer. Where 0 means nothing of its own (`centred` is False) half of the guesses go to each end.
    """
    order = np.argsort(scores, kind="stable")
    if not centred:
        out, into = order[: guesses // 2], order[len(order) - (guesses - guesses // 2) :]
        return int((~inside[out]).sum() + inside[into].sum())
    surest = np.argsort(-np.abs(scores), kind="stable")[:guesses]
    return int(((scores[surest] > 0) == inside[surest]).sum())
