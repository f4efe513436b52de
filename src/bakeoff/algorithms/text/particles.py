"""Particles that stand before a word in its lemma and behind it in some of its forms: `zumachen`, `macht zu`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

BLANK = "_"  # what stands for a blank in a spelt word
REST = 3  # letters that a word must have behind its particle
SURE = 0.02  # the odds that a word divides although a form that would show it does not


class Row(NamedTuple):
    """A word, the features of one of its forms, and that form."""

    lemma: str
    features: str
    form: str


class Division(NamedTuple):
    """A word as a particle (empty: none) and the rest, and how likely it is divided like this."""

    particle: str
    rest: str
    chance: float


class Particles:
    """Which words divide, by what training rows show; how likely others do is counted by particle and rest."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.known = Counter(particle for row in rows if (particle := _moved(row)))
        self._lengths = sorted({len(particle) for particle in self.known}, reverse=True)
        self.divided: dict[str, tuple[str, str]] = {}
        for row in rows:
            for particle, rest in self.divisions(row.lemma):
                if row.form.endswith(BLANK + particle):
                    self.divided[row.lemma] = (particle, rest)
        self._lemmas = {row.lemma for row in rows}
        self._rests = Counter(rest for _, rest in self.divided.values())
        self._apart = _rates(rows, self.divided)
        self._count(rows)

    def _count(self, rows: Sequence[Row]) -> None:
        """How often words that could divide do and do not, of those with a form that would show it."""
        self._counts: dict[tuple[str, bool], list[int]] = {}
        for lemma in dict.fromkeys(row.lemma for row in rows if self.apart(row.features) > 0.5):
            own = self.divided.get(lemma, ("", ""))[0]
            for particle, rest in self.divisions(lemma):
                for name in (_kind(particle, lemma), ""):
                    self._counts.setdefault((name, self._heard_of(rest, lemma)), [0, 0])[particle == own] += 1

    def _heard_of(self, rest: str, lemma: str) -> bool:
        return rest in self._lemmas or self._rests[rest] > (lemma in self.divided)

    def divisions(self, lemma: str) -> Iterator[tuple[str, str]]:
        """Particle and rest in every way there is, the longest first; words with a blank divide at the last one."""
        if BLANK in lemma[1:-1]:
            place = lemma.rindex(BLANK, 1, len(lemma) - 1)
            yield lemma[:place], lemma[place + 1 :]
            return
        for length in self._lengths:
            if len(lemma) >= length + REST and lemma[:length] in self.known:
                yield lemma[:length], lemma[length:]

    def apart(self, features: str) -> float:
        """How often words that divide have their particle behind a form of these features; 0 where none was seen."""
        return self._apart.get(features, 0.0)

    def likely(self, lemma: str, seen: Mapping[str, str]) -> list[Division]:
        """How a word may divide, `seen` being its known forms by features; the chances sum to 1."""
        if lemma in self.divided:
            return [Division(*self.divided[lemma], 1.0)]
        found, left = [], 1.0
        doubt = SURE ** sum(self.apart(features) > 0.5 for features in seen)
        for particle, rest in self.divisions(lemma):
            heard = self._heard_of(rest, lemma)
            stays, moves = self._counts.get((_kind(particle, lemma), heard), (0, 0))
            every = self._counts.get(("", heard), (0, 0))
            chance = (moves + (every[1] + 0.5) / (sum(every) + 1)) / (stays + moves + 1)
            chance = chance * doubt / (chance * doubt + 1 - chance)
            found.append(Division(particle, rest, left * chance))
            left *= 1 - chance
        return [*found, Division("", lemma, left)]


def bare(form: str, particle: str) -> str | None:
    """A form without its particle, which stands behind it or before it; None where it has none."""
    if form.endswith(BLANK + particle):
        return form[: -len(BLANK + particle)]
    for start in (particle + BLANK, particle):
        if form.startswith(start):
            return form[len(start) :]
    return None


def _moved(row: Row) -> str:
    """What stands behind a blank in a form and before its lemma; empty where nothing does."""
    for place in [at for at, letter in enumerate(row.form) if letter == BLANK]:
        behind = row.form[place + 1 :]
        if behind and row.lemma.startswith(behind) and len(row.lemma) >= len(behind) + REST:
            return behind
    return ""


def _rates(rows: Sequence[Row], divided: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """By features, how often words that divide have their particle behind the form."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row.lemma in divided:
            counts[row.features][row.form.endswith(BLANK + divided[row.lemma][0])] += 1
    return {features: behind / (behind + other) for features, (other, behind) in counts.items()}


def _kind(particle: str, lemma: str) -> str:
    """What a particle is counted as: itself, or any before a blank."""
    return BLANK if BLANK in lemma[1:-1] else particle
