"""What became of the claims, by thresholds that were agreed on before anything was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.privacy.extraction.allowance import CHANCE, allowed_bits
from bakeoff.privacy.extraction.canaries import KINDS
from bakeoff.studies.canary.pooled import Mean, Pooled, Way, pooled
from bakeoff.studies.canary.settings import told, verdicts
from bakeoff.studies.study import Claim, Result, Verdict

PAPER = "Parikh, Dupuy and Gupta 2022, arXiv 2203.13920, abstract"
OURS = "this study"
YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE
MOST = 100  # repetitions of the most often repeated canaries

Ways = Mapping[Way, Pooled]


def claims(results: Sequence[Result]) -> list[Claim]:
    """Every claim with its verdict."""
    ways = pooled(results)
    return [
        _control(ways),
        _half(ways),
        _leakiest(ways),
        _unseen_leak(ways),
        _together(ways),
        *(_lowers(ways, defence, what) for defence, what in LOWERING.items()),
        _deduplicated(ways),
        _private(ways),
        _unknowing(ways),
    ]


LOWERING = {
    "dropout": "Dropout",
    "stopping": "Early stopping",
    "letters": "Making words of their letters",
}


def _above(ways: Ways, way: Way) -> Mean | None:
    """The mean exposure above that of the control; None where one of both is not measured."""
    own, control = ways.get(way), ways.get(way.times(0))
    if own is None or control is None or own.bits is None or control.bits is None:
        return None
    return own.bits.minus(control.bits)


def _name(way: Way) -> str:
    trained = "" if way.trained == "none" else f", {way.trained}"
    return f"{way.network} at R = {way.repeats}{trained}"


def _control(ways: Ways) -> Claim:
    claim = "A network that never saw a code gives nothing of it away"
    surely = verdicts()["surely"]
    controls = {way: one for way, one in ways.items() if not way.repeats and one.bits is not None}
    if not controls:
        return Claim(claim, OURS, OPEN, {}, "No control was measured.")
    # The codes of a seed are the same in all its controls, so that networks do not add up to more evidence.
    means = [one.bits for one in controls.values() if one.bits is not None]
    value, error = sum(one.value for one in means) / len(means), sum(one.error for one in means) / len(means)
    exact = sum(found.exact for one in controls.values() for found in one.attacks.values())
    tries = sum(found.canaries for one in controls.values() for found in one.attacks.values())
    near = abs(value - CHANCE) <= surely * error
    few = exact / tries <= verdicts()["none"] / 5
    figures = {"mean exposure": Mean(value, error).plain(), "exact": exact, "of": tries}
    why = (
        f"Over {len(controls)} kinds of control the mean exposure is {value:.2f} bits ({CHANCE:.2f} by chance, one "
        f"standard error {error:.2f}), and {exact} of {tries} searches ended in the code."
    )
    verdict = YES if near and few else NO if abs(value - CHANCE) > 2 * surely * error or not few else OPEN
    return Claim(claim, OURS, verdict, figures, why)


def _half(ways: Ways) -> Claim:
    claim = "A white-box search gets half of the four-digit codes back whole (a convolution, R = 100)"
    own = ways.get(Way("convolution", MOST))
    if own is None:
        return Claim(claim, PAPER, OPEN, {}, "It was not measured.")
    found = own.attacks["relaxed"]
    low, high = found.interval
    half = verdicts()["half"]
    verdict = YES if found.share >= half else NO if high < half else OPEN
    figures = {"exact": found.exact, "canaries": found.canaries, "95 %": [round(low, 3), round(high, 3)]}
    figures["by attack"] = {name: one.exact for name, one in own.attacks.items()}
    why = f"{found.exact} of {found.canaries} codes came back whole (95 % interval {low:.2f} to {high:.2f})."
    return Claim(claim, PAPER, verdict, figures, why)


def _leakiest(ways: Ways) -> Claim:
    claim = "Of a code that was seen once, a convolution gives more away than the other networks"
    every = {way.network: one for way, one in ways.items() if way == Way(way.network, 1) and one.bits is not None}
    own = every.pop("convolution", None)
    if own is None or not every or own.bits is None:
        return Claim(claim, OURS, OPEN, {}, "There is nothing to compare.")
    ahead = {name: own.bits.minus(one.bits) for name, one in every.items() if one.bits is not None}
    surely = verdicts()["surely"]
    won = [name for name, one in ahead.items() if one.value > surely * one.error]
    lost = [name for name, one in ahead.items() if one.value < -surely * one.error]
    verdict = YES if len(won) == len(ahead) else NO if lost else OPEN
    why = f"Its mean exposure of {own.bits.value:.2f} bits is surely above that of {len(won)} of {len(ahead)} others."
    return Claim(claim, OURS, verdict, {name: one.plain() for name, one in ahead.items()}, why)


def _unseen_leak(ways: Ways) -> Claim:
    claim = "Where hardly a code comes back whole, exposure still shows that it was remembered (mean, BiLSTM, R = 100)"
    limits = verdicts()
    figures: dict[str, Any] = {}
    verdict = []
    for network in ("mean", "recurrent"):
        way = Way(network, MOST)
        above = _above(ways, way)
        if above is None:
            continue
        found = ways[way].attacks["relaxed"]
        figures[network] = {"exact": found.exact, "of": found.canaries, "bits above the control": above.plain()}
        least = above.value - limits["surely"] * above.error
        if found.share <= limits["few"] and least > limits["remembered"]:
            verdict.append(YES)
        elif found.interval[0] > limits["few"] or above.value + limits["surely"] * above.error < limits["remembered"]:
            verdict.append(NO)
        else:
            verdict.append(OPEN)
    if len(verdict) < 2:
        return Claim(claim, OURS, OPEN, figures, "Not both networks were measured.")
    both = YES if set(verdict) == {YES} else NO if NO in verdict else OPEN
    words = [
        f"{network}: {one['exact']} of {one['of']} codes, {one['bits above the control']['value']:.2f} bits above the "
        "control"
        for network, one in figures.items()
    ]
    return Claim(claim, OURS, both, figures, f"{'; '.join(words)}.")


def _together(ways: Ways) -> Claim:
    claim = "Dropout, early stopping and letters together leave nothing to get back (a convolution)"
    own = [(way, one) for way, one in ways.items() if way.defence == "together" and way.repeats]
    if not own:
        return Claim(claim, PAPER, OPEN, {}, "It was not measured.")
    way, one = own[-1]
    found, above = one.attacks["relaxed"], _above(ways, way)
    limit = verdicts()["none"]
    verdict = YES if found.share <= limit else NO if found.interval[0] > limit else OPEN
    figures: dict[str, Any] = {"exact": found.exact, "of": found.canaries, "tokens": round(found.tokens, 3)}
    why = f"{_name(way)}: {found.exact} of {found.canaries} codes came back whole"
    if above is not None:
        figures["bits above the control"] = above.plain()
        why += f", and the mean exposure is {above.value:.2f} bits above the control's"
    return Claim(claim, PAPER, verdict, figures, f"{why}.")


def _lowers(ways: Ways, defence: str, what: str) -> Claim:
    claim = f"{what} lowers the exposure of codes"
    own = [way for way in ways if way.defence == defence and way.repeats]
    plain = [Way(way.network, way.repeats) for way in own]
    if not own or plain[-1] not in ways:
        return Claim(claim, PAPER, OPEN, {}, "It was not measured beside the same network without it.")
    with_it, without = ways[own[-1]].bits, ways[plain[-1]].bits
    assert with_it is not None and without is not None
    less = without.minus(with_it)
    surely = verdicts()["surely"]
    verdict = YES if less.value > surely * less.error else NO if less.value < -surely * less.error else OPEN
    exact = ways[own[-1]].attacks["relaxed"]
    why = (
        f"{_name(own[-1])}: {with_it.value:.2f} bits, and {without.value:.2f} without it; still {exact.exact} of "
        f"{exact.canaries} codes came back whole."
    )
    return Claim(claim, PAPER, verdict, {"bits less": less.plain(), "exact": exact.exact, "of": exact.canaries}, why)


def _deduplicated(ways: Ways) -> Claim:
    claim = "Once every text stands there once, a code that was repeated is no more exposed than one seen once"
    own, once = ways.get(Way("convolution", MOST, "deduplicated")), ways.get(Way("convolution", 1))
    if own is None or once is None or own.bits is None or once.bits is None:
        return Claim(claim, OURS, OPEN, {}, "It was not measured beside codes that were seen once.")
    more = own.bits.minus(once.bits)
    limits = verdicts()
    verdict = YES if more.value <= limits["chance"] else NO
    if more.value > limits["chance"] >= more.value - limits["surely"] * more.error:
        verdict = OPEN
    why = (
        f"{own.bits.value:.2f} bits after, {once.bits.value:.2f} of codes seen once: what a network keeps of a single "
        "text is not touched by it."
    )
    return Claim(claim, OURS, verdict, {"bits more": more.plain()}, why)


def _private(ways: Ways) -> Claim:
    claim = "Private training with epsilon of 8 or less leaves a code that was seen once at chance"
    limits = verdicts()
    figures: dict[str, Any] = {}
    far, near = [], []
    for way in ways:
        if not way.epsilon or way.repeats != 1:
            continue
        # Controls are those of the largest epsilon: what was never seen is exposed alike whatever the noise.
        controls = [other for other in ways if other.epsilon and not other.repeats]
        own, control = ways[way].bits, ways[controls[0]].bits if controls else None
        if own is None or control is None:
            continue
        above, found = own.minus(control), ways[way].attacks["exhaustive"]
        name = f"epsilon {way.epsilon:g}"
        figures[name] = {"bits above the control": above.plain(), "exact": found.exact, "of": found.canaries}
        allowed = allowed_bits(way.epsilon, told()["delta"], KINDS[way.kind].space)
        figures[name]["bits that the guarantee allows"] = round(allowed, 2)
        if above.value - limits["surely"] * above.error > limits["chance"] or found.interval[0] > limits["none"]:
            far.append(name)
        elif above.value <= limits["chance"] and found.share <= limits["none"]:
            near.append(name)
    if not figures:
        return Claim(claim, OURS, OPEN, {}, "No private network was measured.")
    verdict = NO if far else YES if len(near) == len(figures) else OPEN
    words = [f"{one['bits above the control']['value']:+.2f} bits at {name}" for name, one in figures.items()]
    plain = ways.get(Way("convolution", 1))
    beside = ""
    if plain is not None and plain.bits is not None:
        beside = f"; without it the exposure is {plain.bits.value:.2f} bits"
    return Claim(claim, OURS, verdict, figures, f"Above the control: {', '.join(words)}{beside}.")


def _unknowing(ways: Ways) -> Claim:
    claim = "Whoever takes every word of the vocabulary for possible gets no code back (a convolution, R = 100)"
    own = ways.get(Way("convolution", MOST, whole=True))
    if own is None:
        return Claim(claim, OURS, OPEN, {}, "It was not measured.")
    limit = verdicts()["none"]
    best = max(own.attacks.values(), key=lambda one: one.exact)
    verdict = YES if best.exact == 0 else NO if best.interval[0] > limit else OPEN
    figures = {name: {"exact": one.exact, "tokens": round(one.tokens, 3)} for name, one in own.attacks.items()}
    words = [f"{name} {one.exact} of {one.canaries} ({one.tokens:.0%} of tokens)" for name, one in own.attacks.items()]
    return Claim(claim, OURS, verdict, figures, f"By attack: {', '.join(words)}.")
