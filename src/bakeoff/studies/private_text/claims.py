"""What became of the claims, by thresholds that were agreed on before anything was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from bakeoff.studies.private_text.settings import verdicts
from bakeoff.studies.study import Claim, Result, Verdict

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
ASGHAR = "Asghar et al. 2026, arXiv 2411.13784"
CARVALHO = "Carvalho et al. 2023, arXiv 2107.07928"
KRISHNA = "Krishna et al. 2021, EACL"
HABERNAL = "Habernal 2021, arXiv 2109.03175"
OURS = "this study"
Key = tuple[str, str, float]  # set, method, epsilon
Figures = Mapping[str, Any]


def claims(results: Sequence[Result]) -> list[Claim]:
    """All of them; inconclusive where figures lack."""
    table = by_key(results)
    return [
        _rarely_near(results),
        _mended(results),
        _far_better(table),
        _better_at_equal_attack(table),
        _published(results),
        _rewritten(results, table),
        _useful_and_hidden(results, table),
        _authors(results, table),
    ]


def by_key(results: Sequence[Result]) -> dict[Key, list[Figures]]:
    """Figures of replaced words and of codes (method "autoencoder"), a list of seeds for each."""
    found: dict[Key, list[Figures]] = {}
    for one in results:
        values = one.setting.values
        if values["kind"] in ("words", "codes"):
            key = (values["set"], values.get("method", "autoencoder"), values["epsilon"])
            found.setdefault(key, []).append(one.figures)
    return found


def plain_of(results: Sequence[Result]) -> dict[str, list[Figures]]:
    """Figures of texts as they were, by set."""
    found: dict[str, list[Figures]] = {}
    for one in results:
        if one.setting.values["kind"] == "plain":
            found.setdefault(one.setting.values["set"], []).append(one.figures)
    return found


def mean(figures: Sequence[Figures], name: str = "accuracy", what: str = "value") -> float:
    """Over seeds."""
    return sum(float(one[name][what]) for one in figures) / len(figures)


def _error(figures: Sequence[Figures]) -> float:
    """Of the mean over seeds, as if the seeds' test rows were the same: no smaller for more seeds."""
    return mean(figures, "accuracy", "error")


def _shares(results: Sequence[Result], method: str) -> dict[tuple[str, str], Figures]:
    """Where words go, by set and epsilon."""
    return {
        (one.setting.values["set"], epsilon): shares
        for one in results
        if one.setting.values["kind"] == "ranks" and one.setting.values["method"] == method
        for epsilon, shares in one.figures["shares"].items()
    }


def _turning(results: Sequence[Result]) -> dict[tuple[str, str], Figures]:
    """Where noise alone leaves some words as they are and changes some."""
    low, high = verdicts()["turning"]
    return {key: one for key, one in _shares(results, "laplace").items() if low <= one["itself"] <= high}


def _rarely_near(results: Sequence[Result]) -> Claim:
    claim = "Noise on a word's vector gives back the word itself or one far away, and hardly ever a near one"
    found = {
        f"{name} at {epsilon}": one["near"] / (1 - one["itself"]) for (name, epsilon), one in _turning(results).items()
    }
    if not found:
        return Claim(claim, ASGHAR, OPEN, {}, "No epsilon was measured at which some words change and some do not.")
    most, least = max(found.values()), min(found.values())
    verdict = YES if most <= verdicts()["rarely"] else NO if least >= verdicts()["often"] else OPEN
    why = f"Of the words that come out as others, {least:.0%} to {most:.0%} are near ones."
    return Claim(claim, ASGHAR, verdict, _rounded(found), why)


def _mended(results: Sequence[Result]) -> Claim:
    claim = "A rank drawn for the word that came out brings near words back"
    ranked = _shares(results, "ranked")
    found = {
        f"{key[0]} at {key[1]}": (ranked[key]["near"] + 1e-9) / (one["near"] + 1e-9)
        for key, one in _turning(results).items()
        if key in ranked
    }
    if not found:
        return Claim(claim, ASGHAR, OPEN, {}, "No epsilon was measured at which some words change and some do not.")
    more = verdicts()["more"]
    verdict = YES if min(found.values()) >= more else NO if max(found.values()) < more else OPEN
    why = f"Near words are {min(found.values()):.1f} to {max(found.values()):.1f} times as many as without it."
    return Claim(claim, ASGHAR, verdict, _rounded(found), why)


def _far_better(table: Mapping[Key, Sequence[Figures]]) -> Claim:
    claim = "At the same epsilon the truncated exponential mechanism keeps texts far more useful than Laplace noise"
    ahead, sure = {}, 0
    for (name, method, epsilon), figures in table.items():
        other = table.get((name, "laplace", epsilon))
        if method == "truncated" and other:
            ahead[f"{name} at {epsilon:g}"] = gained = mean(figures) - mean(other)
            sure += gained > verdicts()["surely"] * math.hypot(_error(figures), _error(other))
    if not ahead:
        return Claim(claim, CARVALHO, OPEN, {}, "No pair was measured.")
    far = sum(gained >= verdicts()["better"] for gained in ahead.values())
    lost = sum(gained <= -verdicts()["better"] for gained in ahead.values())
    verdict = YES if 2 * min(far, sure) > len(ahead) and not lost else NO if 2 * far < len(ahead) else OPEN
    why = (
        f"In {far} of {len(ahead)} pairs accuracy is at least {verdicts()['better']:g} higher, in {sure} surely so; in "
        f"{lost} it is as much lower."
    )
    return Claim(claim, CARVALHO, verdict, _rounded(ahead), why)


def _better_at_equal_attack(table: Mapping[Key, Sequence[Figures]]) -> Claim:
    claim = "The truncated exponential mechanism is better also where as many words can be guessed"
    found = {}
    for name in dict.fromkeys(key[0] for key in table):
        one, other = _curve(table, name, "truncated"), _curve(table, name, "laplace")
        if not one or not other:
            continue
        low, high = max(one[0][0], other[0][0]), min(one[-1][0], other[-1][0])
        if low < high:
            steps = [low + (high - low) * step / 20 for step in range(21)]
            found[name] = sum(_at(one, at) - _at(other, at) for at in steps) / len(steps)
    if not found:
        return Claim(claim, OURS, OPEN, {}, "The two were not measured where attacks succeed as often.")
    ahead = verdicts()["ahead"]
    verdict = YES if min(found.values()) >= ahead else NO if max(found.values()) < ahead else OPEN
    why = "On average over what both reach, accuracy is " + ", ".join(
        f"{gained:+.3f} on {name}" for name, gained in found.items()
    )
    return Claim(claim, OURS, verdict, _rounded(found), f"{why} beside Laplace noise.")


def _curve(table: Mapping[Key, Sequence[Figures]], name: str, method: str) -> list[tuple[float, float]]:
    """Success of guessing and accuracy, by rising success."""
    return sorted(
        (mean(figures, "guessed"), mean(figures))
        for (own, how, _), figures in table.items()
        if (own, how) == (name, method)
    )


def _at(curve: Sequence[tuple[float, float]], at: float) -> float:
    """Accuracy where guessing succeeds so often, between the two nearest that were measured."""
    for (left, low), (right, high) in pairwise(curve):
        if left <= at <= right:
            return low + (high - low) * (at - left) / (right - left) if right > left else max(low, high)
    return curve[-1][1] if at > curve[-1][0] else curve[0][1]


def _published(results: Sequence[Result]) -> Claim:
    claim = "The published auto-encoder's epsilon is at least six times what it claims"
    found = {
        one.setting.values["dimensions"]: one.figures for one in results if one.setting.values["kind"] == "published"
    }
    if not found:
        return Claim(claim, HABERNAL, OPEN, {}, "It was not measured.")
    factors = {size: one["factor"] for size, one in found.items()}
    shown = max(one["attack, epsilon at least"] / one["claimed"] for one in found.values())
    verdict = YES if min(factors.values()) >= verdicts()["factor"] - 1e-9 and shown > 1 else NO if shown <= 1 else OPEN
    figures = {
        f"{size} dimensions": _rounded({name: one[name] for name in ("factor", "at_delta", "attack, epsilon at least")})
        for size, one in found.items()
    }
    why = (
        f"With {min(factors)} to {max(factors)} numbers in a code it is {min(factors.values()):.1f} to "
        f"{max(factors.values()):.1f} times the claim; an attack on outputs shows at least {shown:.2f} times."
    )
    return Claim(claim, HABERNAL, verdict, figures, why)


def _rewritten(results: Sequence[Result], table: Mapping[Key, Sequence[Figures]]) -> Claim:
    claim = "Texts rewritten by a private auto-encoder keep their use for a task downstream"
    plain = plain_of(results)
    most = verdicts()["private"]
    lost = {
        f"{name} at {epsilon:g}": mean(plain[name]) - mean(figures)
        for (name, method, epsilon), figures in table.items()
        if method == "autoencoder" and epsilon <= most and name in plain
    }
    if not lost:
        return Claim(claim, KRISHNA, OPEN, {}, f"No auto-encoder was measured at an epsilon of {most:g} or less.")
    close = verdicts()["close"]
    verdict = YES if max(lost.values()) <= close else NO if min(lost.values()) > close else OPEN
    why = (
        f"With the corrected noise, at epsilon {most:g} or less, accuracy falls by {min(lost.values()):.3f} to "
        f"{max(lost.values()):.3f}."
    )
    return Claim(claim, KRISHNA, verdict, _rounded(lost), why)


def _useful_and_hidden(results: Sequence[Result], table: Mapping[Key, Sequence[Figures]]) -> Claim:
    claim = "Some way of rewriting keeps texts useful while they can hardly be found again"
    plain = plain_of(results)
    sets = [name for name in plain if any(key[0] == name for key in table)]
    if not sets:
        return Claim(claim, OURS, OPEN, {}, "Nothing was measured beside texts as they were.")
    found: dict[str, Any] = {}
    for name in sets:
        good = {
            f"{method} at {epsilon:g}": {
                "lost": round(mean(plain[name]) - mean(figures), 4),
                "linked": round(mean(figures, "linked"), 4),
            }
            for (own, method, epsilon), figures in table.items()
            if own == name
            and mean(figures, "linked") <= verdicts()["linked"]
            and mean(plain[name]) - mean(figures) <= verdicts()["close"]
        }
        found[name] = good
    some = [name for name in sets if found[name]]
    verdict = YES if len(some) == len(sets) else NO if not some else OPEN
    why = f"On {len(some)} of {len(sets)} sets there is one: {', '.join(some) or 'none'}."
    return Claim(claim, OURS, verdict, found, why)


def _authors(results: Sequence[Result], table: Mapping[Key, Sequence[Figures]]) -> Claim:
    claim = "Rewriting hides authors more than meaning"
    plain = plain_of(results)
    found = {}
    for (name, method, epsilon), figures in table.items():
        if name not in plain or "author" not in plain[name][0] or "author" not in figures[0]:
            continue
        kept = {
            what: (mean(figures, what) - mean(figures, what, "largest class"))
            / max(mean(plain[name], what) - mean(plain[name], what, "largest class"), 1e-9)
            for what in ("accuracy", "author")
        }
        if kept["accuracy"] >= verdicts()["meaning"]:
            found[f"{name} {method} at {epsilon:g}"] = kept["accuracy"] - kept["author"]
    if not found:
        why = "Nowhere was half of what the meaning could be told by kept."
        return Claim(claim, OURS, OPEN, {}, why)
    more = sum(one > 0 for one in found.values())
    verdict = YES if 3 * more >= 2 * len(found) else NO if 3 * more <= len(found) else OPEN
    why = f"In {more} of {len(found)} settings that keep meaning, authors lose a greater share of what tells them."
    return Claim(claim, OURS, verdict, _rounded(found), why)


def _rounded(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(one), 4) for name, one in found.items()}
