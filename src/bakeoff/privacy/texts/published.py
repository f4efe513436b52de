"""What the published form of ADePT really guarantees, by arithmetic and by an attack.

ADePT (Krishna, Gupta and Dupuy 2021, EACL) clips a text's code to an L2 norm of C and adds Laplace noise of scale
2 C / epsilon to each of its numbers, which would be right for an L1 norm of C. Two clipped codes may differ by
2 C sqrt(dimensions) in L1 (Habernal 2021, EMNLP, theorem 5.1), so epsilon is larger by that root.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.extras import need

SURE = 0.05


@dataclass(frozen=True)
class Published:
    """Of a claimed epsilon: `pure` is what holds with delta 0, `at_delta` the least that holds at `delta`."""

    claimed: float
    dimensions: int
    pure: float
    delta: float
    at_delta: float

    @property
    def factor(self) -> float:
        """How many times the claim what holds is."""
        return self.pure / self.claimed

    def as_plain(self) -> dict[str, Any]:
        """As what JSON can hold."""
        return {**asdict(self), "factor": self.factor}


def published_epsilon(claimed: float, dimensions: int, delta: float = 1e-5) -> Published:
    """What the published form guarantees where it claims `claimed` for codes of so many dimensions.

    `at_delta` is for two codes at opposite ends of the diagonal, by privacy loss distributions, and so a lower bound.
    UsageError where a number is out of range, MissingExtra without dp-accounting.
    """
    if not (claimed > 0 and math.isfinite(claimed)) or dimensions < 1:
        raise UsageError(f"An epsilon of {claimed} in {dimensions} dimensions cannot be; both are above 0.")
    if not 0 < delta < 1:
        raise UsageError(f"delta is {delta}; give a small probability above 0, such as 1e-5.")
    losses: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    root = math.sqrt(dimensions)
    # On the diagonal each number moves by 2 C / root against a scale of 2 C / epsilon.
    one = losses.from_laplace_mechanism(
        root / claimed, pessimistic_estimate=False, value_discretization_interval=1e-4, use_connect_dots=False
    )
    found = float(one.self_compose(dimensions).get_epsilon_for_delta(delta))
    return Published(claimed, dimensions, claimed * root, delta, found)


def attacked(claimed: float, dimensions: int, trials: int, seed: int, *, delta: float = 1e-5) -> float:
    """A lower bound at 95 % on the epsilon of the published form, from `trials` codes of each of two texts.

    Both codes are clipped, at opposite ends of the diagonal; a threshold on the likelihood ratio, chosen on half of
    the trials, is tried on the other half, where Clopper and Pearson's bounds on its two errors are taken.
    """
    from scipy.stats import beta

    random = np.random.default_rng([seed, 29])
    side = 1 / math.sqrt(dimensions)
    noise = random.laplace(scale=2 / claimed, size=(2, trials, dimensions))
    here, there = noise[0] + side, noise[1] - side
    # Rounded, since the last bits of what should be equal tell the two apart, which is another weakness than this one.
    ratios = [
        np.round(np.sum(np.abs(one + side) - np.abs(one - side), axis=1) * claimed / 2, 9) for one in (here, there)
    ]
    half = trials // 2
    tried = np.sort(ratios[1][:half])
    best, chosen = -math.inf, 0.0
    for share in (0.5, 0.1, 0.03, 0.01, 0.003):
        threshold = float(tried[min(half - 1, int((1 - share) * half))])
        right, wrong = (float((one[:half] >= threshold).mean()) for one in ratios)
        found = _log_ratio(right, max(wrong, 1 / half), delta)
        best, chosen = (found, threshold) if found > best else (best, chosen)
    rest = trials - half
    hits = int((ratios[0][half:] >= chosen).sum())
    alarms = int((ratios[1][half:] >= chosen).sum())
    least = float(beta.ppf(SURE / 2, hits, rest - hits + 1)) if hits else 0.0
    most = float(beta.ppf(1 - SURE / 2, alarms + 1, rest - alarms)) if alarms < rest else 1.0
    return max(0.0, _log_ratio(least, most, delta))


def _log_ratio(right: float, wrong: float, delta: float) -> float:
    return math.log((right - delta) / wrong) if right > delta else -math.inf
