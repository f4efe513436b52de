"""The study's settings, as its file says them: every setting holds all that it is measured with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bakeoff.studies.study import Setting


@cache
def told() -> Mapping[str, Any]:
    """What stands in settings.toml."""
    return tomllib.loads(files(__package__).joinpath("settings.toml").read_text(encoding="utf-8"))


def verdicts() -> Mapping[str, float]:
    """What was agreed on before anything was measured."""
    found: Mapping[str, float] = told()["verdicts"]
    return found


def settings(quick: bool) -> list[Setting]:
    """All settings, one seed after another."""
    part = told()["quick" if quick else "full"]
    return [_setting(part, cell) for seed in part["seeds"] for cell in _cells(part, seed)]


@dataclass(frozen=True)
class Cell:
    """One network: which, how often each canary stands in its rows, of which kind, and how it is defended."""

    network: str
    repeats: int
    seed: int
    defence: str = "none"
    epsilon: float = 0.0
    kind: str = "pin"
    whole: bool = False

    @property
    def name(self) -> str:
        """For people."""
        words = [self.network, f"R={self.repeats}"]
        words += [self.defence] if self.defence != "none" else []
        words += [f"epsilon {self.epsilon:g}"] if self.epsilon else []
        words += [self.kind] if self.kind != "pin" else []
        words += ["whole vocabulary"] if self.whole else []
        return " ".join([*words, f"seed {self.seed}"])


def _cells(part: Mapping[str, Any], seed: int) -> Iterator[Cell]:
    one = part["defended"]
    for network in part["networks"]:
        yield from (Cell(network, repeats, seed) for repeats in part["repeats"])
    for defence, several in part["defences"].items():
        yield from (Cell(one, repeats, seed, defence) for repeats in several)
    for epsilon, several in part["private"].items():
        yield from (Cell(one, repeats, seed, "private", float(epsilon)) for repeats in several)
    for kind in part["kinds"]:
        yield from (Cell(one, repeats, seed, kind=kind) for repeats in (0, 10))
    if part["kinds"]:
        yield from (Cell(one, repeats, seed, whole=True) for repeats in (0, 100))


def _setting(part: Mapping[str, Any], cell: Cell) -> Setting:
    everything = told()
    values = {
        "set": everything["set"],
        "rows": part["rows"],
        "network": cell.network,
        "shape": everything["networks"][cell.network],
        "repeats": cell.repeats,
        "kind": cell.kind,
        "defence": cell.defence,
        "how": everything["defences"][cell.defence],
        "epsilon": cell.epsilon,
        "whole vocabulary": cell.whole,
        "search": everything["vocabulary" if cell.whole else "search"],
        "seed": cell.seed,
        **{name: everything[name] for name in ("version", "delta", "least", "canaries")},
    }
    return Setting(cell.name, values)
