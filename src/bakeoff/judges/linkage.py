"""Linkage: a matching task judged end to end, from two tables to links, candidates and clusters."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from bakeoff.judges.quality import spread, test_parts
from bakeoff.nouns import Answered, Array, Brief, Finding, Plan, digest
from bakeoff.stats.bootstrap import resample
from bakeoff.tasks import Score

KIND = "matching"
COUNTED = "counted over all records"
PAIRS_ALONE = "answers pairs, does not link tables"


class Linkage:
    """What a linkage entry linked, against the labelled pairs and the clusters that they make.

    One finding for each figure of `bakeoff.tasks.linkage.score_links`; an entry that answers pairs alone has none, with
    the reason, and tasks of other kinds have no findings. Bootstrap weights depend on the task alone.

    Where the test part is divided, the figures come once more for the public and for the private pairs, with the split
    `public` and `private`; links of the other part's pairs are neither right nor wrong. Figures of the public pairs
    follow from training and public labels alone, so that no number of submissions tells a private label through them:
    clusters, which any label may join, are left out.
    """

    name = "linkage"
    version = "2"

    def plan(self, brief: Brief) -> Plan:
        """Nothing: linking asks no rows."""
        return Plan()

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings on the links of all records."""
        from bakeoff.tasks.linkage import MEASURES, OF_PAIRS

        if answered.task.kind != KIND:
            return []
        whole = np.ones(len(answered.truth), dtype=bool)
        found = self._scored(answered, whole, answered.task.digest, MEASURES)
        for split, rows in test_parts(answered.public):
            measures = OF_PAIRS if split == "public" else MEASURES
            part = self._scored(answered, rows, digest([answered.task.digest, split]), measures)
            found += [replace(finding, split=split) for finding in part]
        return found

    def _scored(self, answered: Answered, rows: Array, key: str, measures: Collection[str]) -> list[Finding]:
        """Findings on some of the test pairs; the labels of the others are known where clusters are measured."""
        from bakeoff.tasks.linkage import MEASURES, score_links

        n = int(rows.sum())
        if answered.links is None or answered.sides is None:
            return [self._insufficient("link_f1", PAIRS_ALONE, n)]
        sides, truth = answered.sides, np.asarray(answered.truth)
        others = truth[~rows] if len(measures) == len(MEASURES) else np.zeros(len(rows) - n, dtype=int)
        asked = replace(sides, train=np.concatenate([sides.train, sides.test[~rows]]), test=sides.test[rows])
        labels = np.concatenate([np.asarray(answered.labels), others])
        scores = score_links(answered.links, asked, truth[rows], labels, resample(n, key))
        return [self._finding(name, MEASURES[name].title, scores[name], n) for name in measures]

    def _finding(self, metric: str, title: str, score: Score, n: int) -> Finding:
        if not math.isfinite(score.value):
            return self._insufficient(metric, f"{title} is undefined on these test pairs", n)
        low, high, reason = (None, None, COUNTED) if score.replicates is None else spread(score.replicates)
        return Finding(self.name, metric, score.value, low, high, n=n, reason=reason)

    def _insufficient(self, metric: str, reason: str, n: int) -> Finding:
        return Finding(self.name, metric, None, n=n, status="insufficient", reason=reason)
