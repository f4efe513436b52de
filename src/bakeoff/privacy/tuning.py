"""A search over settings whose cost in privacy is accounted for: the best of a random number of private runs.

Trying settings one after the other on the same rows spends what all runs spend together. When the number of runs is
drawn at random before, never told, and only the best run is given back, little more is spent than by a single run
(Liu and Talwar 2019; Papernot and Steinke 2022, arXiv 2110.03620; Koskela, Redberg and Wang 2024, arXiv 2402.06701).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bakeoff.errors import UsageError
from bakeoff.privacy.entries import Entry, Kind
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.selection import halting

Setting = TypeVar("Setting")
Result = TypeVar("Result")

SHAPES = {"logarithmic": 0.0, "geometric": 1.0, "poisson": math.inf}
LONGEST = 100_000  # runs beyond which nobody waits, and which happen less often than anything counted here


@dataclass(frozen=True)
class Trial(Generic[Result]):
    """What one run came to: the fitted thing, and how good it is (greater is better).

    The score must be private too: made of public rows, or of training rows by a mechanism in the run's own ledger.
    """

    result: Result
    score: float


@dataclass(frozen=True)
class Tuned(Generic[Setting, Result]):
    """The setting, result and score of the best run; nothing is told of the others, nor how many there were.

    All three are None where a Poisson number of runs was drawn and was 0.
    """

    setting: Setting | None
    result: Result | None
    score: float | None


@dataclass(frozen=True)
class Repetitions:
    """How many runs there are: on average `mean`, drawn from the distribution called `shape`.

    "logarithmic" costs least privacy, mostly draws 1 and seldom very many; "geometric" lies between; "poisson" is the
    most concentrated and costs most. A number above 0 is the shape of a truncated negative binomial. UsageError for a
    mean below 1 or an unknown shape.
    """

    mean: float = 10.0
    shape: str | float = "logarithmic"

    def __post_init__(self) -> None:
        if not 1 <= self.mean < math.inf:
            raise UsageError(f"{self.mean} runs on average are asked for; a search makes at least 1.")
        if isinstance(self.shape, str) and self.shape not in SHAPES:
            raise UsageError(f"There is no distribution of runs called {self.shape!r}; there are {', '.join(SHAPES)}.")
        if not isinstance(self.shape, str) and not self.shape >= 0:
            raise UsageError(f"The shape of the number of runs is {self.shape}; it is a number of at least 0.")

    @property
    def number(self) -> float:
        """The shape as a number: 0 logarithmic, 1 geometric, infinity Poisson."""
        return SHAPES[self.shape] if isinstance(self.shape, str) else float(self.shape)

    def drawn(self, source: random.Random) -> int:
        """A number of runs; at least 1, but for a Poisson number."""
        if math.isinf(self.number):
            return _poisson(self.mean, source)
        return _truncated_negative_binomial(halting(self.mean, self.number), self.number, source)

    def entry(self, options: Iterable[Sequence[Entry]], name: str = "search") -> Entry:
        """What stands in a ledger for such a search, where each run does at most what one of `options` holds."""
        each = tuple(dict.fromkeys(_plain(option) for option in options))
        return Entry(Kind.SELECTED, name, mean=self.mean, shape=self.number, options=each)


def tune(
    settings: Sequence[Setting],
    run: Callable[[Setting, Ledger], Trial[Result]],
    ledger: Ledger,
    *,
    cost: Callable[[Setting], Iterable[Entry]],
    repetitions: Repetitions | None = None,
    seed: int | None = None,
) -> Tuned[Setting, Result]:
    """Run settings drawn at random, a random number of times, and give the best run back; its cost is in `ledger`.

    `run` fits with the setting it is given and writes every step down in the ledger it is given, which is empty.
    `cost` says beforehand what a run with a setting writes into its ledger; all settings count, whether they are drawn
    or not. A run that writes down anything else, or breaks its own ledger, breaks this one. Where `run` tells of its
    progress, nobody but the holder of the rows may see it. `seed` is for tests: a search whose draws can be repeated
    breaks the guarantee. UsageError where there are no settings; whatever `run` raises is passed on.
    """
    if not settings:
        raise UsageError("There is nothing to search: give at least one setting.")
    repetitions = repetitions or Repetitions()
    source = random.SystemRandom() if seed is None else random.Random(seed)
    if seed is not None:
        ledger.broke("the number of runs of the search was drawn from a known seed")
    planned = {place: tuple(cost(setting)) for place, setting in enumerate(settings)}
    ledger.add(repetitions.entry(planned.values()))
    best: tuple[Setting, Trial[Result]] | None = None
    for _ in range(repetitions.drawn(source)):
        place = source.randrange(len(settings))
        own = Ledger(ledger.unit, ledger.neighbours)
        trial = run(settings[place], own)
        _check(own, planned[place], ledger)
        if not math.isnan(trial.score) and (best is None or trial.score > best[1].score):
            best = settings[place], trial
    if best is None:
        return Tuned(None, None, None)
    return Tuned(best[0], best[1].result, best[1].score)


def _check(own: Ledger, planned: Iterable[Entry], ledger: Ledger) -> None:
    for why in own.broken:
        ledger.broke(why)
    if _counted(own.entries) != _counted(planned):
        done = ", ".join(str(entry) for entry in own.entries if entry.private) or "nothing"
        ledger.broke(f"a run of the search did something else than its cost says ({done})")


def _plain(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.private)


def _counted(entries: Iterable[Entry]) -> dict[tuple[object, ...], int]:
    """How often each mechanism is used, whatever it is called and in whatever order."""
    counts: dict[tuple[object, ...], int] = {}
    for entry in _plain(entries):
        key = (entry.kind, entry.rate, entry.sigma, entry.together, entry.epsilon, entry.delta)
        counts[key] = counts.get(key, 0) + entry.count
    return counts


def _poisson(mean: float, source: random.Random) -> int:
    """The number of unit-rate arrivals within `mean`."""
    passed, number = source.expovariate(1.0), 0
    while passed <= mean:
        number += 1
        passed += source.expovariate(1.0)
    return number


def _truncated_negative_binomial(halts: float, shape: float, source: random.Random) -> int:
    """By inversion: P(k + 1) / P(k) = (1 - halts) (k + shape) / (k + 1), from k = 1 on."""
    if halts >= 1:
        return 1
    going = 1 - halts
    if shape == 0:
        chance = going / -math.log(halts)
    else:
        chance = shape * going * halts**shape / -math.expm1(shape * math.log(halts))
    left, number = source.random() - chance, 1
    while left > 0 and number < LONGEST:
        chance *= going * (number + shape) / (number + 1)
        number += 1
        left -= chance
    return number
