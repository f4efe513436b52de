"""Linkage: a matching task judged end to end, from two tables to links, candidates and clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.judges.quality import spread
from bakeoff.nouns import Answered, Brief, Finding, Plan
from bakeoff.stats.bootstrap import resample
from bakeoff.tasks import Score

KIND = "matching"
COUNTED = "counted over all records"
PAIRS_ALONE = "answers pairs, does not link tables"


class Linkage:
    """What a linkage entry linked, against the labelled pairs and the clusters that they make.

    One finding for each figure of `bakeoff.tasks.linkage.score_links`; an entry that answers pairs alone has none, with
    the reason, and tasks of other kinds have no findings. Bootstrap weights depend on the task alone.
    """

    name = "linkage"
    version = "1"

    def plan(self, brief: Brief) -> Plan:
        """Nothing: linking asks no rows."""
        return Plan()

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """Findings on the links of all records."""
        from bakeoff.tasks.linkage import MEASURES, score_links

        if answered.task.kind != KIND:
            return []
        n = len(answered.truth)
        if answered.links is None or answered.sides is None:
            return [self._insufficient("link_f1", PAIRS_ALONE, n)]
        weights = resample(n, answered.task.digest)
        scores = score_links(answered.links, answered.sides, answered.truth, answered.labels, weights)
        return [self._finding(name, MEASURES[name].title, score, n) for name, score in scores.items()]

    def _finding(self, metric: str, title: str, score: Score, n: int) -> Finding:
        if not math.isfinite(score.value):
            return self._insufficient(metric, f"{title} is undefined on these test pairs", n)
        low, high, reason = (None, None, COUNTED) if score.replicates is None else spread(score.replicates)
        return Finding(self.name, metric, score.value, low, high, n=n, reason=reason)

    def _insufficient(self, metric: str, reason: str, n: int) -> Finding:
        return Finding(self.name, metric, None, n=n, status="insufficient", reason=reason)
