"""From the entries of a ledger to epsilon: privacy loss distributions, and Renyi divergence as a cross-check.

Every figure is an upper bound; a central-limit approximation, which is none, is not offered. The privacy loss
distribution (PLD) of each mechanism is put on a grid so that its privacy curve is never understated (Doroshenko et al.
2022, "Connect the Dots", arXiv 2207.04380) and composed by convolution, by the package dp-accounting.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.privacy.entries import Entry, Kind, Neighbours

REPORTED, SEARCHED = 1e-4, 1e-3  # grids of privacy loss: for a figure that is stated, and while sigma is looked for
INFLATION = 2e-3  # share of the loss's variance that a grid may add, which adds half as much to epsilon
CELLS = 2_000_000  # most cells of a grid, which bounds memory and time where epsilon is large
ORDERS = (*(1 + tenth / 10 for tenth in range(1, 100)), *range(11, 64), 72, 80, 96, 128, 192, 256, 512, 1024)
FEW_ORDERS = (1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)
SHARES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)  # of delta, tried for what can only be stated as a pair


def epsilon_of(
    entries: Iterable[Entry],
    delta: float,
    *,
    neighbours: Neighbours = Neighbours.ADD_OR_REMOVE,
    grid: float = REPORTED,
) -> float:
    """Epsilon of these entries together at `delta`, by privacy loss distributions; infinite where there is no noise.

    `grid` is the coarsest interval of privacy loss; a finer one is taken where the losses of single steps are small,
    and a coarser one where epsilon is large. UsageError where delta is not between 0 and 1 or where an entry is not
    defined for these neighbours; MissingExtra without dp-accounting.
    """
    check_delta(delta)
    held = [entry for entry in entries if entry.private]
    _check_neighbours(held, neighbours)
    if not held:
        return 0.0
    if any(entry.noisy and not entry.sigma and entry.rate for entry in held):
        return math.inf
    chosen = [entry for entry in held if entry.kind is Kind.SELECTED]
    rest = [entry for entry in held if entry.kind is not Kind.SELECTED]
    if not chosen:
        return _composed_epsilon(rest, delta, neighbours, grid)
    return min(_with_pairs(chosen, rest, delta, share, neighbours, grid) for share in (SHARES if rest else (1.0,)))


def rdp_of(
    entries: Iterable[Entry],
    delta: float,
    *,
    neighbours: Neighbours = Neighbours.ADD_OR_REMOVE,
    orders: Sequence[float] = ORDERS,
) -> float:
    """Epsilon by Renyi divergences (Mironov 2017; conversion by Canonne, Kamath and Steinke 2020, proposition 12).

    Looser than `epsilon_of` and computed another way, so a cross-check of it. A SPENT entry's delta is taken from
    `delta`, its epsilon counts by randomised response's divergence, which no pure mechanism exceeds.
    """
    check_delta(delta)
    held = [entry for entry in entries if entry.private]
    _check_neighbours(held, neighbours)
    left = delta - sum(entry.count * entry.delta for entry in held if entry.kind is Kind.SPENT)
    if left <= 0:
        return math.inf
    renyi: Any = need("dp_accounting.rdp", "privacy")
    found, _ = renyi.compute_epsilon(list(orders), list(_divergences(held, neighbours, orders)), left)
    return float(found)


def check_delta(delta: float) -> None:
    """UsageError where delta is no probability between 0 and 1."""
    if not 0 < delta < 1:
        raise UsageError(f"delta is {delta}; give a small probability above 0, such as 1e-5.")


def _check_neighbours(entries: Iterable[Entry], neighbours: Neighbours) -> None:
    for entry in entries:
        if entry.kind is Kind.FIXED and neighbours is not Neighbours.REPLACE:
            raise UsageError(
                f"{entry.name!r} drew a sample of fixed size without replacement, which is accounted for where one "
                f"record is replaced; the ledger's neighbours are {neighbours.value!r}. Draw a Poisson sample, or "
                f"state the ledger for {Neighbours.REPLACE.value!r}."
            )


def _halved(neighbours: Neighbours) -> float:
    # Who replaces a contribution takes one away and adds another: the sum moves by twice the bound.
    return 0.5 if neighbours is Neighbours.REPLACE else 1.0


def _gathered(entries: Iterable[Entry]) -> tuple[float, Counter[tuple[Kind, float, float]]]:
    """The sum of 1 / sigma^2 of what was released over all rows, and how often each other mechanism was used."""
    released, others = 0.0, Counter[tuple[Kind, float, float]]()
    for entry in entries:
        if entry.kind is Kind.RELEASED or (entry.noisy and entry.rate == 1):
            released += entry.count / entry.sigma**2
        elif entry.kind is Kind.SPENT:
            others[entry.kind, entry.epsilon, entry.delta] += entry.count
        elif entry.rate:
            others[entry.kind, entry.rate, entry.sigma] += entry.count
    return released, others


def _composed_epsilon(entries: Sequence[Entry], delta: float, neighbours: Neighbours, grid: float) -> float:
    if sum(entry.count * entry.delta for entry in entries) >= delta:
        return math.inf
    interval = _interval(entries, neighbours, grid)
    found = float(composed(entries, neighbours, interval).get_epsilon_for_delta(delta))
    # Mass that is cut off from the tails counts as delta; where delta is as small as that, the other bound stands.
    return found if math.isfinite(found) else rdp_of(entries, delta, neighbours=neighbours)


def composed(entries: Iterable[Entry], neighbours: Neighbours, interval: float) -> Any:
    """The privacy loss distribution of these entries together, on a grid with that interval (dp-accounting's)."""
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    released, others = _gathered(entries)
    whole = pld.identity(value_discretization_interval=interval)
    if released:
        whole = whole.compose(_gaussian(1 / math.sqrt(released), 1.0, neighbours, interval))
    for (kind, first, second), count in others.items():
        one = (
            _pair(first, second, interval) if kind is Kind.SPENT else _drawn(kind, first, second, neighbours, interval)
        )
        whole = whole.compose(one.self_compose(count))
    return whole


def _gaussian(sigma: float, rate: float, neighbours: Neighbours, interval: float) -> Any:
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    relation: Any = need("dp_accounting.privacy_accountant", "privacy").NeighboringRelation
    return pld.from_gaussian_mechanism(
        sigma,
        value_discretization_interval=interval,
        sampling_prob=rate,
        neighboring_relation=relation.REPLACE_ONE if neighbours is Neighbours.REPLACE else relation.ADD_OR_REMOVE_ONE,
    )


def _drawn(kind: Kind, rate: float, sigma: float, neighbours: Neighbours, interval: float) -> Any:
    if kind is Kind.SAMPLED:
        return _gaussian(sigma, rate, neighbours, interval)
    raise UsageError("A sample of fixed size is accounted for by Renyi divergences alone; ask for rdp.")


def _pair(epsilon: float, delta: float, interval: float) -> Any:
    pld: Any = need("dp_accounting.pld.privacy_loss_distribution", "privacy")
    common: Any = need("dp_accounting.pld.common", "privacy")
    # 0.01 / 1e-4 is a little above 100 in floating point, and would be put one cell too high.
    stated = common.DifferentialPrivacyParameters(epsilon * (1 - 1e-12), delta)
    return pld.from_privacy_parameters(stated, interval)


def _interval(entries: Sequence[Entry], neighbours: Neighbours, grid: float) -> float:
    """The coarsest interval up to `grid` that adds little, bounded from below by the number of cells."""
    released, others = _gathered(entries)
    losses = [(1 / math.sqrt(released) ** -1, 1)] if released else []
    for (kind, first, second), count in others.items():
        if kind is Kind.SPENT:
            spread = first
        else:
            spread = first * math.sqrt(math.expm1(min(1 / (second * _halved(neighbours)) ** 2, 50.0)))
        losses.append((spread, count))
    total = sum(count * spread**2 for spread, count in losses)

    def added(interval: float) -> float:
        # A loss far below the interval lies in three cells, with a variance of the interval times its mean size.
        return sum(count * min(interval**2 / 4, 0.8 * spread * interval) for spread, count in losses)

    interval = grid
    while added(interval) > INFLATION * total and interval > 1e-9:
        interval /= 2
    farthest = 2 * rdp_of([entry for entry in entries if entry.noisy], 1e-15, neighbours=neighbours, orders=FEW_ORDERS)
    farthest += 2 * sum(count * first for (kind, first, _), count in others.items() if kind is Kind.SPENT)
    return max(interval, min(farthest, 1e9) / CELLS)


def _divergences(entries: Iterable[Entry], neighbours: Neighbours, orders: Sequence[float]) -> Any:
    """Renyi divergences of these entries together, one for each order."""
    import numpy as np

    base: Any = need("dp_accounting", "privacy")
    renyi: Any = need("dp_accounting.rdp", "privacy")
    relation = base.NeighboringRelation
    found = np.zeros(len(orders))
    for entry in entries:
        if entry.kind is Kind.SPENT:
            found += entry.count * _pure(entry.epsilon, orders)
            continue
        accountant = renyi.RdpAccountant(
            list(orders), relation.REPLACE_ONE if entry.kind is Kind.FIXED else relation.ADD_OR_REMOVE_ONE
        )
        accountant.compose(_event(entry, neighbours), entry.count)
        found += accountant.rdp
    return found


def _event(entry: Entry, neighbours: Neighbours) -> Any:
    base: Any = need("dp_accounting", "privacy")
    noise = base.GaussianDpEvent(entry.sigma * _halved(neighbours))
    if entry.kind is Kind.RELEASED or entry.rate == 1:
        return noise
    if entry.kind is Kind.SAMPLED:
        return base.PoissonSampledDpEvent(entry.rate, noise)
    raise UsageError(f"{entry.name!r} is no mechanism that Renyi divergences are known of here.")


def _pure(epsilon: float, orders: Sequence[float]) -> Any:
    """Renyi divergence of randomised response, the worst of all pure mechanisms (Mironov 2017, proposition 5)."""
    import numpy as np

    order = np.asarray(orders, dtype=float)
    with np.errstate(over="ignore"):
        worst = np.logaddexp(order * epsilon, (1 - order) * epsilon) - np.logaddexp(0.0, epsilon)
    return worst / (order - 1)


def _with_pairs(
    chosen: Sequence[Entry], rest: Sequence[Entry], delta: float, share: float, neighbours: Neighbours, grid: float
) -> float:
    raise UsageError("Selection is not accounted for yet.")
