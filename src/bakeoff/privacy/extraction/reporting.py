"""Canaries tried on a network, beside the same network without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from bakeoff.errors import UsageError
from bakeoff.privacy.extraction.allowance import CHANCE
from bakeoff.privacy.extraction.blanks import Blanks, Encode, secret_of
from bakeoff.privacy.extraction.canaries import Canary
from bakeoff.privacy.extraction.frozen import Frozen
from bakeoff.privacy.extraction.ranking import MOST, Exposure, exposure
from bakeoff.privacy.extraction.recovery import Recovery, recovered
from bakeoff.privacy.extraction.relaxing import Relaxation, extract

ALONE = "Without a control nothing tells what is remembered from what is biased."


@dataclass(frozen=True)
class Found:
    """What one network gives away of some canaries: what the search recovered, and each canary's exposure."""

    recovery: Recovery
    exposures: tuple[Exposure, ...]

    @property
    def bits(self) -> tuple[float, float]:
        """The mean exposure, and one standard error of it by the spread between canaries."""
        own = np.array([one.bits for one in self.exposures])
        return float(own.mean()), float(own.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else CHANCE

    @property
    def median_rank(self) -> float:
        """The middle one of the true secrets' ranks."""
        return float(np.median([one.rank for one in self.exposures]))

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        bits, error = self.bits
        told = {"mean exposure, bits": round(bits, 4), "exposure error": round(error, 4)}
        every = [one.as_plain() for one in self.exposures]
        return {**self.recovery.as_plain(), **told, "median rank": self.median_rank, "exposures": every}


@dataclass(frozen=True)
class Report:
    """What a network gives away of canaries, and what the control does that never saw them; prints as a table.

    `compared` is what an attacker finds who holds the control too and ranks fillings by the difference of both: no
    search, the best of all fillings. A figure above chance in the control is no memory but a bias: digits that speak
    for a class, or an attack that errs.
    """

    found: Found
    control: Found | None = None
    compared: Found | None = None
    remarks: tuple[str, ...] = field(default=())

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        parts = {"network": self.found, "network less control": self.compared, "control": self.control}
        told = {name: None if one is None else one.as_plain() for name, one in parts.items()}
        return {**told, "remarks": list(self.remarks)}

    def __str__(self) -> str:
        exact, tokens, sets = self.found.recovery.chance
        head = ("", "exact", "tokens", "as sets", "median rank", "exposure, bits")
        space = self.found.exposures[0].space
        even = ("chance", f"{exact:.4f}", f"{tokens:.2f}", f"{sets:.2f}", f"{space / 2:,.0f}", f"{CHANCE:.2f}")
        rows = [head, _row("network", self.found)]
        rows += [_row("network less control", self.compared)] if self.compared is not None else []
        rows += [_row("control", self.control)] if self.control is not None else []
        rows.append(even)
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        lines = ["  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, *self.remarks])


def report(
    network: nn.Module | Frozen,
    canaries: Sequence[Canary],
    encode: Encode,
    *,
    labels: Mapping[Any, int] | Sequence[Any],
    control: nn.Module | Frozen | None,
    relaxation: Relaxation | None = None,
) -> Report:
    """Search for each canary's secret and rank it, in a network that learnt the canaries and in a `control` without.

    `encode` gives the numbers of a text's tokens; `labels` the classes in the network's order, or their numbers by
    name. A network that is not called with token numbers, or has several embeddings, is given as `Frozen`. `control` is
    the same network trained on the same rows without the canaries; None leaves it out, and the report says so.
    UsageError where canaries differ in their secret's length or candidates, or a label is unknown.
    """
    if not canaries:
        raise UsageError("There is no canary to look for; make some with make_canaries.")
    if len({(len(one.secret), one.candidates) for one in canaries}) > 1:
        raise UsageError("The canaries differ in candidates or in the length of their secret; report each kind apart.")
    numbers = _numbers(labels)
    strange = [one.label for one in canaries if one.label not in numbers]
    if strange:
        raise UsageError(f"The canaries' label {strange[0]!r} is none of {', '.join(map(str, numbers))}.")
    blanks = [Blanks.of(one, encode, numbers[one.label]) for one in canaries]
    secrets = [tuple(secret_of(one, encode).tolist()) for one in canaries]
    frozen, beside = _frozen(network), None if control is None else _frozen(control)
    found = tried(frozen, blanks, secrets, relaxation)
    if beside is None:
        return Report(found, remarks=(ALONE,))
    return Report(found, tried(beside, blanks, secrets, relaxation), _compared(frozen, beside, blanks, secrets))


def tried(
    frozen: Frozen,
    blanks: Sequence[Blanks],
    secrets: Sequence[Sequence[int]],
    relaxation: Relaxation | None = None,
    most: int = MOST,
) -> Found:
    """Search and rank secrets (places,) of texts with blanks in one network."""
    guesses = extract(frozen, blanks, relaxation=relaxation)
    own = recovered([one.tokens for one in guesses], secrets, len(blanks[0].candidates))
    ranks = [exposure(frozen, one, secret, most=most) for one, secret in zip(blanks, secrets, strict=True)]
    return Found(own, tuple(ranks))


def _compared(frozen: Frozen, beside: Frozen, blanks: Sequence[Blanks], secrets: Sequence[Sequence[int]]) -> Found:
    both = zip(blanks, secrets, strict=True)
    ranks = [exposure(frozen, one, secret, reference=beside) for one, secret in both]
    return Found(recovered([one.best for one in ranks], secrets, len(blanks[0].candidates)), tuple(ranks))


def _frozen(network: nn.Module | Frozen) -> Frozen:
    return network if isinstance(network, Frozen) else Frozen(network)


def _numbers(labels: Mapping[Any, int] | Sequence[Any]) -> Mapping[Any, int]:
    if isinstance(labels, Mapping):
        return labels
    return {label: number for number, label in enumerate(labels)}


def _row(name: str, found: Found) -> tuple[str, ...]:
    own = found.recovery
    bits, error = found.bits
    return (
        name,
        f"{own.exact}/{own.canaries}",
        f"{own.tokens:.2f} ({own.tokens_error:.2f})",
        f"{own.sets:.2f} ({own.sets_error:.2f})",
        f"{found.median_rank:,.0f}",
        f"{bits:.2f} ({error:.2f})",
    )
