"""From the entries of a ledger to epsilon: privacy loss distributions, and Renyi divergences as a cross-check.

Every figure is an upper bound; a central-limit approximation, which is none, is not offered.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.privacy.entries import Entry, Kind, Neighbours

if TYPE_CHECKING:
    from bakeoff.privacy.loss_distributions import LossDistribution

REPORTED, SEARCHED = 1e-4, 1e-3  # grids of privacy loss: for a figure that is stated, and while sigma is looked for
INFLATION = 2e-3  # share of the loss's variance that a grid may add, which adds half as much to epsilon
CELLS = 2_000_000  # most cells of a grid, which bounds memory and time where epsilon is large
COARSE = 1e3  # epsilon above which the grid may be looser than Renyi divergences
FEW = 8  # different mechanisms up to which each is put on the finest grid
STATED, TRIED = 512, 32  # most different sigmas of a schedule that are told apart, for a figure and in a search
SMALLEST = 1e-10  # delta below which rounding in convolutions could count, and Renyi divergences are taken
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
    held = _checked(entries, delta, neighbours)
    if any(entry.noisy and not entry.sigma for entry in held):
        return math.inf
    chosen = [entry for entry in held if entry.kind is Kind.SELECTED]
    rest = gathered([entry for entry in held if entry.kind is not Kind.SELECTED], grid)
    if not chosen:
        return _composed_epsilon(rest, delta, neighbours, grid) if rest else 0.0
    from bakeoff.privacy.selection import selected_epsilon

    uses = sum(entry.count for entry in chosen)
    if not rest and uses == 1:
        found = [selected_epsilon(chosen[0], delta, neighbours, grid)]
    else:
        found = [
            _composed_epsilon(
                [*rest, *_as_pairs(chosen, share * delta / uses, neighbours, grid)], delta, neighbours, grid
            )
            for share in SHARES
        ]
    return min(*found, rdp_of(held, delta, neighbours=neighbours, quick=grid > REPORTED))


def rdp_of(
    entries: Iterable[Entry],
    delta: float,
    *,
    neighbours: Neighbours = Neighbours.ADD_OR_REMOVE,
    quick: bool = False,
) -> float:
    """Epsilon by Renyi divergences (Mironov 2017; conversion by Canonne, Kamath and Steinke 2020, proposition 12).

    Looser than `epsilon_of` and computed another way, so a cross-check of it; looser still with `quick`. UsageError
    and MissingExtra as there.
    """
    held = _checked(entries, delta, neighbours)
    if any(entry.noisy and not entry.sigma for entry in held):
        return math.inf
    from bakeoff.privacy.divergences import ORDERS, QUICK, divergences, told_outright

    left = delta - told_outright(held)
    if left <= 0:
        return math.inf
    renyi: Any = need("dp_accounting.rdp", "privacy")
    orders = QUICK if quick else ORDERS
    few = gathered(held, SEARCHED if quick else REPORTED)
    found, _ = renyi.compute_epsilon(list(orders), list(divergences(few, neighbours, orders)), left)
    return float(found)


def check_delta(delta: float) -> None:
    """UsageError where delta is no probability between 0 and 1."""
    if not 0 < delta < 1:
        raise UsageError(f"delta is {delta}; give a small probability above 0, such as 1e-5.")


def gathered(entries: Iterable[Entry], grid: float = REPORTED) -> list[Entry]:
    """The same mechanisms with fewer entries: equal ones once, and all sums over all rows as one."""
    counts: dict[Entry, int] = defaultdict(int)
    precision = 0.0
    for entry in alike(entries, grid):
        if entry.kind is Kind.RELEASED or (entry.kind is Kind.SAMPLED and entry.rate == 1):
            precision += entry.count * (entry.together / entry.sigma) ** 2
        else:
            counts[replace(entry, count=1)] += entry.count
    released = [Entry(Kind.RELEASED, "", sigma=1 / math.sqrt(precision))] if precision else []
    return released + [replace(entry, count=count) for entry, count in counts.items()]


def alike(entries: Iterable[Entry], grid: float = REPORTED) -> list[Entry]:
    """The same mechanisms without their names, and where very many sigmas differ with the least of similar ones.

    Less noise is never accounted for by more, so what they add up to is never understated.
    """
    held = [replace(entry, name="", detail="") for entry in entries]
    sigmas: dict[Entry, set[float]] = defaultdict(set)
    for entry in held:
        if entry.noisy:
            sigmas[replace(entry, sigma=1.0, count=1)].add(entry.sigma)
    most = STATED if grid <= REPORTED else TRIED
    least = {kind: _least_of_similar(found, most) for kind, found in sigmas.items() if len(found) > most}
    if not least:
        return held
    return [
        replace(entry, sigma=least.get(replace(entry, sigma=1.0, count=1), {}).get(entry.sigma, entry.sigma))
        for entry in held
    ]


def _least_of_similar(sigmas: Iterable[float], most: int) -> dict[float, float]:
    """For each sigma the least of those in its bucket, where `most` buckets span them all."""
    ordered = sorted(sigmas)
    width = math.log(ordered[-1] / ordered[0]) / most
    first: dict[int, float] = {}
    return {sigma: first.setdefault(int(math.log(sigma / ordered[0]) / width), sigma) for sigma in ordered}


def composed(entries: Sequence[Entry], neighbours: Neighbours, interval: float) -> Any:
    """The privacy loss distribution of these entries together, on a grid with that interval (dp-accounting's)."""
    from bakeoff.privacy.composition import as_library, of_library, together

    if len(entries) > FEW or interval >= SEARCHED:
        parts = [(distribution_of(entry, neighbours, interval), [entry.count]) for entry in entries]
        return as_library(together(parts, interval)[0], interval)
    whole = as_library(None, interval)
    for entry in entries:
        one = of_library(entry, neighbours, interval)
        if one is None:
            one = as_library(distribution_of(entry, neighbours, interval), interval)
        whole = whole.compose(one.self_compose(entry.count) if entry.count > 1 else one)
    return whole


def distribution_of(entry: Entry, neighbours: Neighbours, interval: float) -> LossDistribution:
    """The privacy loss distribution of one use of an entry's mechanism."""
    from bakeoff.privacy import loss_distributions as losses

    if entry.kind is Kind.SPENT:
        return losses.stated_pair(entry.epsilon, entry.delta, interval)
    if entry.kind is Kind.FIXED:
        return losses.fixed_size(entry.rate, entry.sigma, interval)
    if neighbours is Neighbours.REPLACE:
        # Several records of a unit count as if they were always drawn together, which is worse than each by itself.
        return losses.replaced(1 - (1 - entry.rate) ** entry.together, entry.sigma / entry.together, interval)
    return losses.added_or_removed(entry.rate, entry.sigma, entry.together, interval)


def interval_for(entries: Sequence[Entry], neighbours: Neighbours, grid: float) -> float:
    """The coarsest interval that adds little to epsilon; up to `grid`, or SEARCHED for a long schedule or large owners.

    Bounded from below by the number of cells that it takes.
    """
    losses = [(_spread(entry, neighbours), entry.count) for entry in entries]
    total = sum(count * spread**2 for spread, count in losses)

    def added(interval: float) -> float:
        # A loss far below the interval lies in three cells, with a variance of the interval times its mean size.
        return sum(count * min(interval**2 / 4, 0.8 * spread * interval) for spread, count in losses)

    dear = len(entries) > FEW or any(entry.together > FEW for entry in entries)
    interval = max(grid, SEARCHED) if dear else grid
    while added(interval) > INFLATION * total and interval > 1e-9:
        interval /= 2
    farthest = 2 * rdp_of([entry for entry in entries if entry.noisy], 1e-15, neighbours=neighbours, quick=True)
    farthest = min(farthest, total + 30 * math.sqrt(total))
    farthest += 2 * sum(entry.count * entry.epsilon for entry in entries)
    farthest = max(farthest, *(_reach(entry, neighbours) for entry in entries))
    return max(interval, min(farthest, 1e9) / CELLS)


def _reach(entry: Entry, neighbours: Neighbours) -> float:
    """About how far the losses of one use reach."""
    from bakeoff.privacy.loss_distributions import reach

    if entry.kind is Kind.SPENT:
        return 2 * entry.epsilon
    return reach(entry.rate, entry.sigma / (2 if neighbours is Neighbours.REPLACE else 1), entry.together)


def _spread(entry: Entry, neighbours: Neighbours) -> float:
    """About the standard deviation of one step's loss."""
    if entry.kind is Kind.SPENT:
        return entry.epsilon
    sigma = entry.sigma / (2 if neighbours is Neighbours.REPLACE else 1)
    if entry.rate == 1:
        return entry.together / sigma
    # As if all records of a unit were drawn together or none: only the order of magnitude counts here.
    drawn = -math.expm1(entry.together * math.log1p(-entry.rate))
    moved = max(1.0, entry.together * entry.rate)
    return drawn * math.sqrt(math.expm1(min((moved / sigma) ** 2, 50.0)))


def _checked(entries: Iterable[Entry], delta: float, neighbours: Neighbours) -> list[Entry]:
    """The entries that tell something."""
    check_delta(delta)
    held = [entry for entry in entries if entry.private and entry.rate > 0]
    for entry in held:
        if entry.kind is Kind.FIXED and neighbours is not Neighbours.REPLACE:
            raise UsageError(
                f"{entry.name!r} drew a sample of fixed size without replacement, which is accounted for where one "
                f"record is replaced; the ledger's neighbours are {neighbours.value!r}. Draw a Poisson sample, or "
                f"state the ledger for {Neighbours.REPLACE.value!r}."
            )
    return held


def _composed_epsilon(entries: Sequence[Entry], delta: float, neighbours: Neighbours, grid: float) -> float:
    if sum(entry.count * entry.delta for entry in entries) >= delta:
        return math.inf
    if delta < SMALLEST:
        return rdp_of(entries, delta, neighbours=neighbours)
    from bakeoff.privacy.composition import epsilon_at, together

    interval = interval_for(entries, neighbours, grid)
    if grid > REPORTED or len(entries) > FEW:
        parts = [(distribution_of(entry, neighbours, interval), [entry.count]) for entry in entries]
        found = epsilon_at(together(parts, interval)[0], delta)
    else:
        found = float(composed(entries, neighbours, interval).get_epsilon_for_delta(delta))
    # Where mass cut off from the tails is all of delta, or epsilon so large that cells are few, the other bound stands.
    return found if found < COARSE else min(found, rdp_of(entries, delta, neighbours=neighbours))


def _as_pairs(chosen: Sequence[Entry], delta: float, neighbours: Neighbours, grid: float) -> list[Entry]:
    """Selections, each stated as a pair of its epsilon at this delta and the delta."""
    from bakeoff.privacy.selection import selected_epsilon

    stated = []
    for entry in chosen:
        epsilon = selected_epsilon(entry, delta, neighbours, grid)
        if not math.isfinite(epsilon):
            return [Entry(Kind.SPENT, "", delta=1 - 1e-12)]
        stated.append(Entry(Kind.SPENT, "", entry.count, epsilon=epsilon, delta=delta))
    return stated
