"""Memorisation: are training rows answered better than rows like them that were withheld?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from bakeoff.nouns import LINES, Answered, Array, Brief, Finding, Plan, Probe, Visibility
from bakeoff.stats.intervals import difference_of_means, difference_of_shares
from bakeoff.tasks import kind

LEAST_ROWS = 1_000
SHARE = 0.1
STAY = 2  # rows of each class that never become canaries, so that no coin can take a class away
FEWEST = 20


class Memorisation:
    """Quality on canaries that were in training against canaries that were not.

    A canary is a training row without a twin; an independent fair coin keeps or withholds it, and all are asked alike,
    so any gap comes from having been trained on. The gap is of the true class's probability (and of accuracy), of
    the negative absolute error in standard deviations of the training target, or, where answers are written, of how
    close each comes to the truth.
    """

    name = "memorisation"
    version = "1"

    def plan(self, brief: Brief) -> Plan:
        """At most a tenth of the training rows as canaries; none, with the reason, where there are too few."""
        rows, probes = len(brief.labels), kind(brief.task.kind).probes
        if not (probes.withhold and probes.ask):
            return Plan(reason=probes.reason)
        if rows < LEAST_ROWS:
            return Plan(reason=f"under {LEAST_ROWS:,} training rows")
        canaries = self._canaries(brief, min(int(SHARE * rows), brief.budget))
        if len(canaries) < FEWEST:
            return Plan(reason=f"only {len(canaries)} training rows can be canaries, and {FEWEST} are needed")
        withheld = generator(brief.key, "coins").integers(0, 2, len(canaries)).astype(bool)
        # The order comes from a generator of its own: it must say nothing about the coins.
        order = generator(brief.key, "order").permutation(len(canaries))
        return Plan(
            withhold=tuple(int(row) for row in np.sort(canaries[withheld])),
            ask=tuple(Probe(int(row)) for row in canaries[order]),
        )

    def _canaries(self, brief: Brief, most: int) -> Array:
        seen = [
            column.name
            for column in brief.table.columns
            if column.name in brief.train.columns and brief.task.see.get(column.role) is Visibility.BOTH
        ]
        if not seen:
            return np.array([], dtype=int)
        alone = ~brief.train[seen].duplicated(keep=False).to_numpy()
        order = generator(brief.key, "rows").permutation(len(alone))
        order = order[alone[order]]
        if brief.task.classes:
            order = order[_spared(np.asarray(brief.labels), order)]
        return np.sort(order[: max(0, most)])

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """The gap with Welch's interval, and for classes the accuracy gap with Newcombe's."""
        asked = kind(answered.task.kind)
        written = asked.answers == LINES
        metrics = ("gap", "accuracy_gap") if answered.task.classes and not written else ("gap",)
        if not answered.plan.ask or len(answered.probes) != len(answered.plan.ask):
            reason = answered.plan.reason or "no canaries were asked"
            return [self._insufficient(metric, reason) for metric in metrics]
        rows = np.array([probe.row for probe in answered.plan.ask])
        kept = ~np.isin(rows, np.array(answered.plan.withhold, dtype=int))
        if min(kept.sum(), (~kept).sum()) < 2:
            reason = f"{kept.sum()} canaries were kept and {(~kept).sum()} withheld; two of each are needed"
            return [self._insufficient(metric, reason, len(rows)) for metric in metrics]
        labels = asked.encode(answered.labels, answered.task)
        answers = asked.accept(answered.probes, answered.task)
        if written:
            return [self._gap("gap", asked.closeness(labels[rows], answers, answered.task), kept)]
        if not answered.task.classes:
            sd = float(np.std(labels))
            if sd == 0:
                return [self._insufficient("gap", "the training target never changes", len(rows))]
            return [self._gap("gap", -np.abs(answers[:, 0] - labels[rows]) / sd, kept)]
        chances = answers[np.arange(len(rows)), labels[rows]]
        right = answers.argmax(axis=1) == labels[rows]
        value, low, high = difference_of_shares(right[kept], right[~kept])
        accuracy = Finding(self.name, "accuracy_gap", value, low, high, split="canaries", n=len(rows))
        return [self._gap("gap", chances, kept), accuracy]

    def _gap(self, metric: str, scores: Array, kept: Array) -> Finding:
        value, low, high = difference_of_means(scores[kept], scores[~kept])
        return Finding(self.name, metric, value, low, high, split="canaries", n=len(scores))

    def _insufficient(self, metric: str, reason: str, n: int = 0) -> Finding:
        return Finding(self.name, metric, None, split="canaries", n=n, status="insufficient", reason=reason)


def generator(key: bytes, purpose: str) -> np.random.Generator:
    """A judge's own random generator for one purpose, the same for the same key."""
    seed = hashlib.sha256(key + purpose.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(seed, "big")))


def _spared(labels: Array, order: Array) -> Array:
    """Which places of `order` may be canaries so that STAY rows of every class are never one."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    places = np.empty(len(order), dtype=int)
    seen = np.zeros(len(counts), dtype=int)
    for place, code in enumerate(codes[order]):
        places[place] = seen[code]
        seen[code] += 1
    allowed: Array = places < (counts - STAY)[codes[order]]
    return allowed
