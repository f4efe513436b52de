"""From signals to the scores of all attacks, larger where a row looks more like a member of the target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bakeoff.nouns import Array
from bakeoff.privacy.attacks.lira import FORMS
from bakeoff.privacy.attacks.references import References, Side, first_known, references
from bakeoff.privacy.attacks.settings import AttackSettings, SignalScale


def score(inside: Array, signals: Array, settings: AttackSettings) -> Mapping[str, Array]:
    """The scores of every attack by name, each float64 (fits, rows), every fit in turn as the target.

    `loss` is the signal itself (Yeom et al. 2018, arXiv 1709.01604; attack P in Ye et al. 2022, arXiv 2111.09679). An
    attack that needs references is left out where no fit has one.
    """
    found = {name: np.empty_like(signals) for name in settings.attacks}
    rng = np.random.default_rng(settings.seed)
    chances = _chances(signals, settings.scale)
    for target, known in enumerate(references(inside, rng)):
        if not known.any:
            return {name: signals for name in settings.attacks if name == "loss"}
        for name in settings.attacks:
            if name == "loss":
                found[name][target] = signals[target]
            elif name in FORMS:
                found[name][target] = FORMS[name](signals[target], signals, known)
            else:
                ratio = _ratio(chances[target], chances, known, settings.a, online=name == "rmia")
                found[name][target] = _more_likely_than(ratio, settings.gamma)
    return found


def _chances(signals: Array, scale: SignalScale) -> Array:
    if scale is SignalScale.LOG_LIKELIHOOD:
        return np.exp(np.minimum(signals, 0.0))
    from scipy.special import expit

    return np.asarray(expit(signals))


def _ratio(target: Array, chances: Array, known: References, a: float, online: bool) -> Array:
    """How many times as likely the target finds each row as fits do on average.

    Zarifzadeh et al. 2024, arXiv 2312.03262, equation 3. Offline, fits that saw the row are guessed from those that did
    not: p = ((1 + a) p_out + (1 - a)) / 2, their appendix B.2.2.
    """
    absent = Side.of(chances, known.absent)
    guessed = ((1 + a) * absent.mean + 1 - a) / 2
    if online:
        present = Side.of(chances, known.present)
        usual = first_known((present.mean + absent.mean) / 2, guessed, present.mean, chances.mean())
    else:
        usual = first_known(guessed, ((1 + a) * absent.middle + 1 - a) / 2, chances.mean())
    return np.asarray(target / np.maximum(usual, 1e-300))


def _more_likely_than(ratio: Array, gamma: float) -> Array:
    """The share of rows, whether or not the target saw them, that each row beats by `gamma`, a tie counting half.

    Were only rows counted that the target never saw, as in the paper, which has others for it, a row's place among them
    would tell whether it is one. Rows that beat equally many stand in the order of their ratios.
    """
    held = np.sort(ratio)
    beaten = (
        np.searchsorted(held, ratio / gamma, side="left") + np.searchsorted(held, ratio / gamma, side="right")
    ) / 2
    return np.asarray((beaten + 0.4 * ratio / (1 + ratio)) / len(held))
