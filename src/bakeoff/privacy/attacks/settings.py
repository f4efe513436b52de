"""What is tried in an attack, and at which rates of false alarms it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bakeoff.errors import UsageError

ATTACKS = (
    *("loss", "lira", "lira_per_row", "lira_shrunk"),
    *("lira_offline", "lira_offline_per_row", "rmia", "rmia_offline"),
)


class SignalScale(StrEnum):
    """What signals are: log odds of an answer being right, or log likelihoods, which are at most 0."""

    LOG_ODDS = "log odds"
    LOG_LIKELIHOOD = "log likelihood"


@dataclass(frozen=True)
class AttackSettings:
    """Which attacks are tried, all of which the figures of the strongest one pay for.

    `fprs` are the rates of false alarms at which hits are counted, `level` the confidence of intervals, `draws` the
    replicates behind them, `seed` theirs. `scale` says what given signals are. `a` is RMIA's share of an absent row's
    probability in a present one's (offline), `gamma` how many times as likely a row must have become as another.
    UsageError for a name or a number that cannot be.
    """

    attacks: tuple[str, ...] = ATTACKS
    fprs: tuple[float, ...] = (0.01, 0.001)
    level: float = 0.95
    draws: int = 1000
    seed: int = 0
    scale: SignalScale = SignalScale.LOG_ODDS
    a: float = 0.3
    gamma: float = 1.0

    def __post_init__(self) -> None:
        if self.scale not in list(SignalScale):
            raise UsageError(f"scale is {self.scale!r}; signals are {' or '.join(SignalScale)}.")
        object.__setattr__(self, "scale", SignalScale(self.scale))
        strange = [name for name in self.attacks if name not in ATTACKS]
        if strange or not self.attacks:
            what = f"There is no attack {strange[0]!r}" if strange else "No attack is named"
            raise UsageError(f"{what}; name some of {', '.join(ATTACKS)}.")
        for name in ("level", *("fprs",) * len(self.fprs)):
            for value in self.fprs if name == "fprs" else (self.level,):
                if not 0 < value < 1:
                    raise UsageError(f"{name} holds {value!r}; give a number between 0 and 1.")
        if not 0 <= self.a <= 1:
            raise UsageError(f"a is {self.a!r}; RMIA's a is from 0 to 1, such as 0.3.")
        if not self.gamma >= 1:
            raise UsageError(f"gamma is {self.gamma!r}; RMIA's gamma is at least 1.")
        if self.draws < 100:
            raise UsageError(f"draws is {self.draws!r}; an interval needs at least 100 replicates.")
