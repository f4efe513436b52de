"""The deeper audit of privacy: fits on halves of the rows that attack each other, and one with inserted canaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.judges.inserted import MISLABELLED, STRANGE, kind_of, plan_inserted
from bakeoff.judges.membership import by_class, class_sizes, scale_of, signals_for, was_inside, without_twins
from bakeoff.judges.memorisation import generator
from bakeoff.judges.privacy_findings import FIGURES, JUDGE, Audited, bounded, insufficient, separation
from bakeoff.nouns import Answered, Array, Brief, Finding, Plan, Probe, digest
from bakeoff.privacy.attacks import AttackReport, AttackSettings, Measured, attack, plan_halves
from bakeoff.privacy.attacks.references import complements
from bakeoff.privacy.audits import Tally, against_others, pooled, tally, weakest
from bakeoff.tasks import kind

FITS, QUICK_FITS = 16, 2
LEAST_ROWS = 200
MOST_ROWS = 10_000  # rows that are attacked; the coins of the others fall all the same
HALVES, INSERTED = "halves", "inserted"
APART = 30  # canaries of a kind from which on they are guessed apart from the other kind
SURE = 20  # rows of a class from which on coins are fair and independent to one in 2^18
STRONGEST = "strongest"


def plan_fits(brief: Brief, quick: bool) -> Mapping[str, Plan]:
    """The audit cells by name; a plan with nothing but a reason where rows may not be asked, or are too few."""
    rows = without_twins(brief.table, brief.train, brief.task)
    if reason := _not_audited(brief, rows):
        return {HALVES: Plan(reason=reason)}
    labels = np.asarray(brief.labels) if by_class(brief.task) else None
    fits = QUICK_FITS if quick else FITS
    inside = plan_halves(len(brief.labels), labels, fits, generator(brief.key, "halves"))
    chosen = generator(brief.key, "audited").permutation(rows)[:MOST_ROWS]
    # Only a row that is its class's only one has no coin; which others are asked must not hang on theirs.
    ask = tuple(Probe(int(row)) for row in chosen[class_sizes(brief)[chosen] > 1])
    plans = {f"{HALVES} {fit + 1:02d}": Plan(tuple(map(int, np.flatnonzero(~inside[fit]))), ask) for fit in range(fits)}
    return plans if quick else plans | {INSERTED: plan_inserted(brief)}


def _not_audited(brief: Brief, rows: Array) -> str:
    probes = kind(brief.task.kind).probes
    if not (probes.withhold and probes.ask):
        return probes.reason
    if len(rows) < LEAST_ROWS:
        return f"{len(rows)} training rows have no twin among the others, and {LEAST_ROWS} are needed"
    return ""


def judge_fits(audited: Mapping[str, Answered]) -> Sequence[Finding]:
    """Every finding of the cells that ended well."""
    found: list[Finding] = []
    bounds: list[Audited] = []
    asked = {name: cell for name, cell in audited.items() if cell.plan.ask and len(cell.probes) == len(cell.plan.ask)}
    halves = [asked[name] for name in sorted(asked) if name.startswith(HALVES)]
    try:
        found += _attacked(halves, bounds)
    except UsageError as error:
        found += insufficient(FIGURES, str(error), HALVES)
    if INSERTED in asked:
        found += _inserted(asked[INSERTED], bounds)
    return [*found, *bounded(bounds)]


def _attacked(halves: Sequence[Answered], bounds: list[Audited]) -> Iterator[Finding]:
    if len(halves) < QUICK_FITS:
        yield from insufficient(FIGURES, f"{len(halves)} fits on halves of the rows ended well; 2 are needed", HALVES)
        return
    task, asked = halves[0].task, kind(halves[0].task.kind)
    rows = np.array([probe.row for probe in halves[0].plan.ask])
    codes = asked.encode(np.asarray(halves[0].labels)[rows], task)
    signals = signals_for(task, codes, [one.probes for one in halves])
    inside = np.stack([was_inside(one.plan, rows, len(one.labels)) for one in halves])
    settings = AttackSettings(seed=int(digest([task.digest, JUDGE])[:8], 16), scale=scale_of(signals, task))
    yield from _figures(attack(inside, signals, settings=settings, rows=np.arange(len(rows))))
    counted = _counted(inside, signals, codes if by_class(task) else None)
    if counted is not None:
        bounds.append((HALVES, weakest(halves[fit].result.claim for fit in _independent(inside)), counted))


def _figures(report: AttackReport) -> Iterator[Finding]:
    named = [*report.attacks.items(), (STRONGEST, report.strongest)]
    for name, found in named:
        yield _figure("auc", name, found.auc, report)
        for fpr, measured in found.tpr.items():
            yield _figure(f"tpr at {100 * fpr:g} % fpr", name, measured, report)


def _figure(metric: str, attack_name: str, found: Measured, report: AttackReport) -> Finding:
    status = "insufficient" if found.value is None else "ok"
    told = (f"{report.fits} fits", *report.notes) if attack_name == STRONGEST and found.value is not None else ()
    reason = found.reason or ". ".join(note.rstrip(".") for note in told)
    return Finding(
        JUDGE, metric, found.value, found.low, found.high, attack_name, "", HALVES, report.rows, status, reason
    )


def _independent(inside: Array) -> list[int]:
    """Fits of which no two share coins: of two that have each other's other rows, the first."""
    return [fit for fit, other in enumerate(complements(inside)) if other < 0 or other > fit]


def _counted(inside: Array, signals: Array, codes: Array | None) -> Tally | None:
    """What one attacker counts who sees all independent fits: together they are one mechanism with all their coins.

    Complements are left out, as their coins are not their own, and so are rows of small classes, whose coins were
    thrown again where all fell alike. Signals are compared with those of the other fits, whose coins stay unseen.
    """
    fits = _independent(inside)
    sure = np.ones(inside.shape[1], dtype=bool) if codes is None else np.bincount(codes)[codes] >= SURE
    if len(fits) < QUICK_FITS or sure.sum() < SURE:
        return None
    compared, known = against_others(signals[fits][:, sure]), inside[fits][:, sure]
    return pooled(tally(one, coins, seed=fit) for fit, (one, coins) in enumerate(zip(compared, known, strict=True)))


def _inserted(answered: Answered, bounds: list[Audited]) -> Iterator[Finding]:
    """The canaries of both kinds: guessed apart, as they look different to an attacker, and counted together."""
    plan, task = answered.plan, answered.task
    made = [plan.offered[probe.row] for probe in plan.ask]
    inside = np.isin([probe.row for probe in plan.ask], np.array(plan.insert, dtype=int))
    labels = np.array([one.label for one in made], dtype=np.asarray(answered.labels).dtype)
    signals = signals_for(task, kind(task.kind).encode(labels, task), [answered.probes])[0]
    kinds = np.array([kind_of(one) for one in made])
    parts = [kinds == name for name in (MISLABELLED, STRANGE)]
    for name, mine in zip((MISLABELLED, STRANGE), parts, strict=True):
        for finding in separation(signals[mine], inside[mine], INSERTED):
            yield replace(finding, variant=name)
    if min(int(mine.sum()) for mine in parts) < APART:
        parts = [np.ones(len(made), dtype=bool)]
    counted = pooled(tally(signals[mine], inside[mine]) for mine in parts)
    bounds.append((INSERTED, answered.result.claim, counted))
