"""What became of the claims, by thresholds that were agreed on before anything was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.fairness import AgreementSettings, Measure, agreement, typical_agreement
from bakeoff.fairness.correlations import LEAST, SPEARMAN
from bakeoff.studies.fairness_metrics.settings import verdicts
from bakeoff.studies.study import Claim, Result, Verdict

PAPER = "Cao et al. 2022, arXiv 2203.13928, abstract"
OURS = "this study"
YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
ALIGNED = ("occupations, tuned", "occupations, frozen")
PLANTED = "planted strength"
SETTINGS = AgreementSettings(permutations=5000, resamples=1000)

Values = dict[str, list[float]]  # by metric one value for each encoder


@dataclass(frozen=True)
class Matrix:
    """The metrics of all encoders that have them all, in one order; larger is more biased."""

    intrinsic: Values
    extrinsic: Values
    accuracy: Values  # of the classifier behind each extrinsic metric
    strength: list[float]

    @property
    def encoders(self) -> int:
        """How many there are."""
        return len(self.strength)

    def only(self, names: Sequence[str]) -> Values:
        """Some of the extrinsic metrics."""
        return {name: values for name, values in self.extrinsic.items() if name in names}


def matrix(results: Sequence[Result]) -> Matrix:
    """Of all results; a metric that some encoder has not is left out."""
    found: dict[str, Values] = {}
    for part in ("intrinsic", "extrinsic"):
        held = [one.figures[part] for one in results]
        names = [name for name in (held[0] if held else {}) if all(_bias(one, name) is not None for one in held)]
        found[part] = {name: [float(one[name]["bias"]) for one in held] for name in names}
    told = [one.figures["extrinsic"] for one in results]
    accuracy = {name: [float(one[name]["accuracy"]) for one in told] for name in found["extrinsic"]}
    return Matrix(found["intrinsic"], found["extrinsic"], accuracy, [one.setting.values["strength"] for one in results])


def _bias(figures: Mapping[str, Any], name: str) -> Any:
    return figures[name]["bias"] if name in figures else None


def claims(results: Sequence[Result]) -> list[Claim]:
    """Every claim with its verdict."""
    held = matrix(results)
    planted = {PLANTED: held.strength}
    return [
        _disagree("Intrinsic and extrinsic fairness metrics do not in general correlate", held, held.extrinsic),
        _disagree(
            "They do not even where groups and notion of bias are aligned (gender and occupations in both)",
            held,
            held.only(ALIGNED),
        ),
        _follow("Intrinsic metrics tell how strongly an association was planted", planted, held.intrinsic, held),
        _follow(
            "Gaps of classifiers of occupations tell how strongly an association was planted in their encoder",
            planted,
            held.only(ALIGNED),
            held,
        ),
    ]


def _few(held: Matrix, *sides: Values) -> str:
    if held.encoders < LEAST:
        return f"{held.encoders} encoders were measured, and below {LEAST} nothing is said of correlations."
    return "" if all(sides) else "No such metric was measured of all encoders."


def _disagree(claim: str, held: Matrix, extrinsic: Values) -> Claim:
    why = _few(held, held.intrinsic, extrinsic)
    if why:
        return Claim(claim, PAPER, OPEN, {"encoders": held.encoders}, why)
    told = verdicts()
    pairs = [one for one in agreement(held.intrinsic, extrinsic, None, SETTINGS) if one.metric == SPEARMAN]
    typical = typical_agreement(held.intrinsic, extrinsic, SETTINGS)
    together = [one for one in pairs if (one.value or 0.0) > 0 and one.p is not None and one.p < told["significant"]]
    share = len(together) / len(pairs)
    surely = typical.high is not None and typical.high < told["strong"]
    verdict = NO if share >= told["share"] else YES if surely else OPEN
    figures = {
        "encoders": held.encoders,
        "pairs": len(pairs),
        "positive with p below the threshold": len(together),
        "the same after Holm's correction": sum((one.adjusted or 1.0) < told["significant"] for one in together),
        "median Spearman": _plain(typical),
    }
    why = (
        f"Of {len(pairs)} pairs of metrics over {held.encoders} encoders {len(together)} go together (p < "
        f"{told['significant']:g} each; in general: at least {told['share']:.0%}); the median rank correlation is "
        f"{_words(typical)} (surely weak: below {told['strong']:g})."
    )
    return Claim(claim, PAPER, verdict, figures, why)


def _follow(claim: str, planted: Values, metrics: Values, held: Matrix) -> Claim:
    why = _few(held, metrics)
    if why or len(set(held.strength)) < 2:
        return Claim(
            claim, OURS, OPEN, {"encoders": held.encoders}, why or "Nothing was planted more or less strongly."
        )
    least = verdicts()["follows"]
    found = [one for one in agreement(planted, metrics, None, SETTINGS) if one.metric == SPEARMAN]
    named = dict(zip(metrics, found, strict=True))
    following = [name for name, one in named.items() if (one.value or 0.0) >= least and (one.low or 0.0) > 0]
    surely_not = [name for name, one in named.items() if one.high is None or one.high < least]
    verdict = YES if len(following) == len(named) else NO if surely_not else OPEN
    told = "; ".join(f"{name} {_words(one)}" for name, one in named.items())
    why = f"Rank correlations with the planted strength: {told} (to follow: at least {least:g}, and surely above 0)."
    return Claim(claim, OURS, verdict, {name: _plain(one) for name, one in named.items()}, why)


def _plain(one: Measure) -> dict[str, Any]:
    if one.value is None:
        return {"value": None, "reason": one.reason}
    assert one.low is not None and one.high is not None and one.p is not None
    return {"value": round(one.value, 3), "low": round(one.low, 3), "high": round(one.high, 3), "p": round(one.p, 4)}


def _words(one: Measure) -> str:
    return "cannot be told" if one.value is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
