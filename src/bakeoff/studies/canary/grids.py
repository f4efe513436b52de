"""The study's figures as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bakeoff.studies.canary.pooled import Pooled, Way, pooled
from bakeoff.studies.study import Grid, Result

HEADS = (
    *("network", "trained", "R", "codes", "test accuracy", "exact, relaxed", "exact, best of all fillings"),
    *("tokens, relaxed", "as sets", "median rank", "exposure, bits (standard error)", "CPU s"),
)


def grids(results: Sequence[Result]) -> list[Grid]:
    """Networks, defences, other secrets, attacks and the whole vocabulary; those without a row are left out."""
    ways = pooled(results)
    plain = {way: one for way, one in ways.items() if way.kind == "pin" and not way.whole}
    made = [
        _grid("Networks", plain, lambda way: way.defence == "none"),
        _grid("Defences of the convolution", plain, lambda way: way.defence != "none"),
        _grid("Other secrets, in the convolution", ways, lambda way: way.kind != "pin"),
        _attacks(plain),
        _whole(ways),
    ]
    return [grid for grid in made if grid.rows]


def _grid(title: str, ways: dict[Way, Pooled], wanted: Callable[[Way], bool]) -> Grid:
    rows = [_row(way, one) for way, one in ways.items() if wanted(way)]
    return Grid(title, HEADS, rows)


def _row(way: Way, one: Pooled) -> list[str]:
    relaxed, best = one.attacks["relaxed"], one.attacks["exhaustive"]
    assert one.bits is not None
    trained = way.trained if way.kind == "pin" else way.kind
    return [
        *(way.network, trained, str(way.repeats), str(relaxed.canaries), f"{one.accuracy:.3f}"),
        *(f"{relaxed.exact}", f"{best.exact}", f"{relaxed.tokens:.3f}", f"{relaxed.sets:.3f}"),
        f"{median(one.ranks):,.0f}",
        f"{one.bits.value:.2f} ({one.bits.error:.2f})",
        f"{one.cpu:.0f}",
    ]


def _attacks(ways: dict[Way, Pooled]) -> Grid:
    names = list(dict.fromkeys(name for one in ways.values() for name in one.attacks))
    rows = [
        [way.network, way.trained, str(way.repeats), *(_told(one, name) for name in names)]
        for way, one in ways.items()
        if way.defence == "none"
    ]
    return Grid("Attacks: codes recovered exactly, and tokens", ("network", "trained", "R", *names), rows)


def _whole(ways: dict[Way, Pooled]) -> Grid:
    found = {way: one for way, one in ways.items() if way.whole}
    names = list(dict.fromkeys(name for one in found.values() for name in one.attacks))
    rows = [[way.network, str(way.repeats), *(_told(one, name) for name in names)] for way, one in found.items()]
    return Grid("Every word of the vocabulary a candidate", ("network", "R", *names), rows)


def _told(one: Pooled, name: str) -> str:
    found = one.attacks[name]
    return f"{found.exact}/{found.canaries}; {found.tokens:.2f}"
