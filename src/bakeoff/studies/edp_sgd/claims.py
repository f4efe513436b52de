"""What became of the paper's claims, by thresholds that were agreed on before anything was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.studies.edp_sgd.settings import verdicts
from bakeoff.studies.study import Claim, Result, Verdict

PAPER = "Dupuy et al. 2021, arXiv 2107.14586, abstract"
OURS = "this study"
YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Measured:
    """A number with one standard error."""

    value: float
    error: float

    def minus(self, other: Measured) -> Measured:
        """The difference of two that were measured apart."""
        return Measured(self.value - other.value, math.hypot(self.error, other.error))

    def plain(self) -> dict[str, float]:
        """As figures."""
        return {"value": round(self.value, 4), "error": round(self.error, 4)}


Case = tuple[str, str, str]  # set, model, metric
Table = Mapping[tuple[Case, str, float], Measured]  # by case, method and asked epsilon


def mean(found: Sequence[Measured]) -> Measured:
    """Over seeds: the test rows' error and that between seeds, added as if they were apart."""
    count = len(found)
    value = sum(one.value for one in found) / count
    rows = sum(one.error**2 for one in found) / count**2
    between = sum((one.value - value) ** 2 for one in found) / max(1, count - 1) / count
    return Measured(value, math.sqrt(rows + between))


def scores(results: Sequence[Result]) -> Table:
    """Quality by case, method and epsilon, the mean over seeds."""
    found: dict[tuple[Case, str, float], list[Measured]] = defaultdict(list)
    for values, figures in _of(results, "quality"):
        for metric, score in figures["scores"].items():
            case = (values["set"], values["model"], metric)
            found[case, values["method"], values["epsilon"]].append(Measured(score["value"], score["error"]))
    return {key: mean(ones) for key, ones in found.items()}


def areas(results: Sequence[Result]) -> Table:
    """The area under the attack's curve by case, method and epsilon, the mean over seeds."""
    found: dict[tuple[Case, str, float], list[Measured]] = defaultdict(list)
    for values, figures in _of(results, "quality"):
        case = (values["set"], values["model"], "attack")
        attack = figures["attack"]
        found[case, values["method"], values["epsilon"]].append(Measured(attack["area"], attack["error"]))
    return {key: mean(ones) for key, ones in found.items()}


def claims(results: Sequence[Result]) -> list[Claim]:
    """Every claim with its verdict."""
    table = scores(results)
    return [
        _faster(results),
        _competitive(table),
        _guarantee(results),
        _practical(areas(results)),
        _equal_honest(table),
        _record_speed(results),
        _variant(table, "record-layerwise", "Scaling the clip by layer improves models at equal epsilon"),
        _variant(table, "record-decay", "Noise that falls from epoch to epoch improves models at equal epsilon"),
    ]


def _of(results: Sequence[Result], kind: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return [(one.setting.values, one.figures) for one in results if one.setting.values["kind"] == kind]


def _ratios(results: Sequence[Result], method: str, against: str = "plain") -> dict[str, float]:
    found = {}
    for values, figures in _of(results, "speed"):
        seconds = figures["CPU seconds per step"]
        if method in seconds and against in seconds:
            found[f"{values['model']} at {values['batch']}"] = seconds[method] / seconds[against]
    return found


def _faster(results: Sequence[Result]) -> Claim:
    claim = "Micro-batches give private training without significant degradation in training time"
    return _within(claim, PAPER, _ratios(results, "micro-batch"), "times the plain step")


def _record_speed(results: Sequence[Result]) -> Claim:
    claim = "Bounding every record, by book-keeping, takes no significantly longer than clipping micro-batches"
    return _within(claim, OURS, _ratios(results, "record", "micro-batch"), "times the micro-batch step")


def _within(claim: str, source: str, ratios: Mapping[str, float], what: str) -> Claim:
    most = verdicts()["slower"]
    if not ratios:
        return Claim(claim, source, OPEN, {}, "No step was timed.")
    low, high = min(ratios.values()), max(ratios.values())
    verdict = YES if high <= most else NO if low > most else OPEN
    where = [name for name, ratio in ratios.items() if ratio > most]
    beyond = f"; above {most:g} for {', '.join(where)}" if where and verdict is OPEN else ""
    why = f"A step took {low:.2f} to {high:.2f} {what} (significant: above {most:g}){beyond}."
    return Claim(claim, source, verdict, {name: round(ratio, 3) for name, ratio in ratios.items()}, why)


def _loosest(table: Table, method: str) -> dict[Case, float]:
    """For each case the largest epsilon at which the method was fitted."""
    found: dict[Case, float] = {}
    for case, own, epsilon in table:
        if own == method:
            found[case] = max(epsilon, found.get(case, 0.0))
    return found


def _competitive(table: Table) -> Claim:
    claim = "Micro-batches yield competitive models"
    close, surely = verdicts()["close"], verdicts()["surely"]
    lost = {}
    for case, epsilon in _loosest(table, "micro-claimed").items():
        if (case, "plain", 0.0) in table:
            lost[case] = table[case, "plain", 0.0].minus(table[case, "micro-claimed", epsilon])
    if not lost:
        return Claim(claim, PAPER, OPEN, {}, "No model was fitted both ways.")
    far = [case for case, one in lost.items() if one.value - surely * one.error > close]
    near = [case for case, one in lost.items() if one.value <= close]
    verdict = NO if 2 * len(far) >= len(lost) else YES if len(near) == len(lost) else OPEN
    why = (
        f"At the largest claimed epsilon, {len(near)} of {len(lost)} models come within {close:g} of the plain one, "
        f"and {len(far)} surely fall short of it."
    )
    return Claim(claim, PAPER, verdict, _told(lost), why)


def _guarantee(results: Sequence[Result]) -> Claim:
    claim = "The epsilon claimed for clipped means of micro-batches holds"
    accounted = [figures for _, figures in _of(results, "accounted")]
    attacked = [figures for _, figures in _of(results, "attacked")]
    if not accounted and not attacked:
        return Claim(claim, PAPER, OPEN, {}, "It was neither accounted for nor attacked.")
    figures: dict[str, Any] = {}
    why = []
    verdict = OPEN
    if accounted:
        figures["accounted"] = dict(accounted[0])
        stated, true = accounted[0]["claimed"], accounted[0]["honest"]
        why.append(
            f"Where {stated:.2f} is claimed, a record changes a sum by twice the clip, which makes it {true:.1f}"
        )
        verdict = YES if true <= stated else OPEN
    if attacked:
        figures["attacked"] = dict(attacked[0])
        least, stated = attacked[0]["micro-batch"]["epsilon at least"], attacked[0]["claimed"]
        why.append(
            f"one step that claims {stated:g} was attacked and has at least {least:.2f} (every record clipped: "
            f"{attacked[0]['record']['epsilon at least']:.2f})"
        )
        verdict = NO if least > stated else verdict
    return Claim(claim, PAPER, verdict, figures, f"{'; '.join(why)}.")


def _practical(table: Table) -> Claim:
    claim = "Even a loose epsilon gives practical protection against membership inference"
    surely, gained = verdicts()["surely"], verdicts()["gained"]
    kept = {}
    for case, epsilon in _loosest(table, "micro-claimed").items():
        plain = table.get((case, "plain", 0.0))
        # Where the plain model gives nothing away, nothing can be gained.
        if plain is not None and plain.value - 0.5 > surely * plain.error:
            kept[case] = (plain, table[case, "micro-claimed", epsilon])
    if not kept:
        return Claim(claim, PAPER, OPEN, {}, "The attack told nothing of the members of a plain model.")
    good = [
        case for case, (plain, private) in kept.items() if private.value - 0.5 <= (1 - gained) * (plain.value - 0.5)
    ]
    verdict = YES if len(good) == len(kept) else NO if not good else OPEN
    figures = {
        _name(case): {"plain": plain.plain(), "private": private.plain()} for case, (plain, private) in kept.items()
    }
    why = (
        f"In {len(good)} of {len(kept)} models that the attack sees through, at least {gained:.0%} of its advantage is "
        "gone; one threshold on the loss was tried, which can accuse and never acquit."
    )
    return Claim(claim, PAPER, verdict, figures, why)


def _equal_honest(table: Table) -> Claim:
    claim = "At equal honest epsilon, clipping every record gives better models than clipping micro-batches"
    won = {}
    for case, method, epsilon in table:
        if method == "micro-honest" and (case, "record", epsilon) in table:
            ahead = table[case, "record", epsilon].minus(table[case, "micro-honest", epsilon])
            won[(*case[:2], f"{case[2]} at {epsilon:g}")] = ahead
    return _better(claim, OURS, won)


def _variant(table: Table, method: str, claim: str) -> Claim:
    won = {}
    for case, own, epsilon in table:
        if own == method and (case, "record", epsilon) in table:
            won[(*case[:2], f"{case[2]} at {epsilon:g}")] = table[case, own, epsilon].minus(
                table[case, "record", epsilon]
            )
    return _better(claim, f"{PAPER.removesuffix(', abstract')}, as used there", won)


def _better(claim: str, source: str, won: Mapping[Case, Measured]) -> Claim:
    surely = verdicts()["surely"]
    if not won:
        return Claim(claim, source, OPEN, {}, "No pair of models was fitted.")
    better = sum(one.value > surely * one.error for one in won.values())
    worse = sum(one.value < -surely * one.error for one in won.values())
    verdict = YES if 2 * better > len(won) and not worse else NO if 2 * worse > len(won) else OPEN
    why = f"Of {len(won)} pairs {better} are surely better and {worse} surely worse."
    return Claim(claim, source, verdict, _told(won), why)


def _name(case: Case) -> str:
    return ", ".join(case)


def _told(found: Mapping[Case, Measured]) -> dict[str, Any]:
    return {_name(case): one.plain() for case, one in found.items()}
