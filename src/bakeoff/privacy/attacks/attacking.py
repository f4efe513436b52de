"""All attacks on a fit matrix at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.attacks import measuring
from bakeoff.privacy.attacks.references import fixed_rows
from bakeoff.privacy.attacks.report import Attacked, AttackReport, Measured
from bakeoff.privacy.attacks.scoring import score
from bakeoff.privacy.attacks.settings import AttackSettings, SignalScale
from bakeoff.privacy.attacks.signals import signals_of


def attack(
    inside: Array,
    signals: Array | None = None,
    *,
    answers: Array | None = None,
    labels: Array | None = None,
    rows: Array | None = None,
    settings: AttackSettings | None = None,
) -> AttackReport:
    """How well members are told from others by what fits answer; every fit in turn is the target.

    `inside` bool (fits, rows) says on which rows each fit was trained; for each row that must have been decided by a
    fair coin, as `plan_halves` does. Either `signals` float (fits, rows), larger where a row looks more like a member
    (`signals_of`, `number_signals`, `closeness_signals`), or `answers`, probabilities (fits, rows, classes), with
    `labels`, class numbers (rows,). Scores of all targets are pooled. Only the places `rows` are told apart, by default
    all that a coin decided. UsageError for shapes that disagree, nan, fewer than two fits, or a fit without members or
    without others.
    """
    settings = settings or AttackSettings()
    inside = np.asarray(inside)
    if inside.ndim != 2 or inside.dtype != bool:
        raise UsageError(f"inside has the shape {inside.shape} of {inside.dtype}; give true and false as (fits, rows).")
    if len(inside) < 2 or not inside.shape[1]:
        raise UsageError(f"inside has {len(inside)} fits and {inside.shape[1]} rows; an attack needs at least 2 fits.")
    if answers is not None and settings.scale is not SignalScale.LOG_ODDS:
        raise UsageError("Answers become log odds; leave out settings.scale, or give signals.")
    found = _signals(inside, signals, answers, labels)
    audited = np.flatnonzero(~fixed_rows(inside)) if rows is None else _places(rows, inside.shape[1])
    left = inside.shape[1] - len(audited)
    inside, found = np.ascontiguousarray(inside[:, audited]), np.ascontiguousarray(found[:, audited])
    _check(inside)
    scores = score(inside, found, settings)
    if not scores:
        raise UsageError("No fit can serve as a reference for another; name the attack loss, or give more fits.")
    return _report(inside, audited, scores, settings, left)


def _signals(inside: Array, signals: Array | None, answers: Array | None, labels: Array | None) -> Array:
    if (signals is None) == (answers is None) or (answers is None) != (labels is None):
        raise UsageError("Give either signals, or answers together with labels.")
    found = signals_of(answers, labels) if answers is not None else np.asarray(signals, dtype=np.float64)
    if found.shape != inside.shape:
        raise UsageError(f"inside has the shape {inside.shape} and signals {found.shape}; both are (fits, rows).")
    if not np.isfinite(found).all():
        raise UsageError("Signals hold nan or infinity; give a number for every fit and row.")
    return found


def _places(rows: Array, count: int) -> Array:
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (count,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows) or rows.min() < 0 or rows.max() >= count:
        raise UsageError(f"rows must be places from 0 to {count - 1}, or true and false for each of {count:,} rows.")
    return np.unique(rows)


def _check(inside: Array) -> None:
    alone = np.flatnonzero(inside.all(axis=1) | ~inside.any(axis=1))
    if alone.size:
        kind = "inside" if inside[alone[0]].all() else "outside"
        raise UsageError(f"All rows are {kind} fit {alone[0]}; an attack needs rows of both kinds in every fit.")


def _report(
    inside: Array, audited: Array, scores: Mapping[str, Array], settings: AttackSettings, left: int
) -> AttackReport:
    fprs, level = settings.fprs, settings.level
    pooled = measuring.pool(inside, settings.draws, settings.seed)
    member = inside.ravel()
    why = measuring.reasons(member, fprs)
    draws = measuring.replicates(list(scores.values()), pooled, fprs)
    values, attacks = np.empty((len(scores), 1 + len(fprs))), {}
    for place, (name, held) in enumerate(scores.items()):
        flat = held.ravel()
        values[place] = [measuring.area(flat, member), *measuring.hits(flat, member, fprs)]
        auc, *tpr = measuring.measured(values[place], draws[place], pooled, level, why)
        attacks[name] = Attacked(name, auc, dict(zip(fprs, tpr, strict=True)), held)
    most = [
        Measured(None, reason=reason)
        if reason
        else measuring.strongest(values[:, place], draws[:, :, place].T, pooled, level)
        for place, reason in enumerate(why)
    ]
    best = list(scores)[int(values[:, 0].argmax())]
    chosen = Attacked(best, most[0], dict(zip(fprs, most[1:], strict=True)), scores[best])
    notes = []
    if alone := [name for name in settings.attacks if name not in scores]:
        notes.append(f"No fit can serve as a reference for another, so there is no {', '.join(alone)}.")
    if not pooled.resamples_fits:
        notes.append("With so few independent fits the intervals tell of other rows, not of other fits.")
    if left:
        notes.append(f"{left:,} rows that no coin decided were left out.")
    return AttackReport(attacks, chosen, inside, audited, level, tuple(notes))
