"""New records matched against records that are matched already, whose groups stay as they are."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bakeoff.algorithms.matching import onetoone
from bakeoff.algorithms.matching.clusters import Rules
from bakeoff.algorithms.matching.evidence import Evidence, confidences, grouped
from bakeoff.algorithms.matching.growing import Growth
from bakeoff.algorithms.matching.tradeoff import gains
from bakeoff.algorithms.records import SIDES
from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame

if TYPE_CHECKING:
    from bakeoff.algorithms.matching.matcher import Matcher


class Matched:
    """Tables whose records have groups; `groups` int64 (records,) are the left ones' and then the right ones'."""

    def __init__(self, matcher: Matcher, left: Frame, right: Frame | None, groups: Array) -> None:
        self.matcher, self.left, self.right, self.groups = matcher, left, right, groups
        # Copies keep what was read of these tables when the matcher reads others.
        self.finder = copy(matcher.finder_)
        self.scorer = self.finder if matcher.scorer_ is matcher.finder_ else copy(matcher.scorer_)

    def add(self, records: Frame, side: str) -> Frame:
        """Match new records, as `Matcher.match_new` says, and keep them.

        UsageError for a side that there is not, or records without a column of that side.
        """
        table = self._table(side)
        lacking = [str(name) for name in table.columns if name not in records.columns]
        if len(lacking) == len(table.columns):
            raise UsageError(f"The new records have none of the columns {', '.join(lacking[:5])} of the {side} table.")
        old = len(table)
        known: Frame = records.reindex(columns=table.columns)
        tables = {"left": self.left, "right": self.right, side: pd.concat([table, known], ignore_index=True)}
        left, right = tables["left"], tables["right"]
        growth = Growth((self.left, self.right), (left, right), SIDES.index(side))
        finder = self.finder.grown(growth)
        scorer = finder if self.scorer is self.finder else self.scorer.grown(growth)
        found = finder.candidates(left, right, self.matcher.k_, growth)[list(SIDES)].to_numpy(dtype=np.int64)
        rights = None if right is None else len(right)
        evidence = Evidence(found, scorer.chances(left, right, found), len(left), rights)
        fixed = self._fixed(side, len(records))
        new = np.flatnonzero(fixed < 0)
        if right is not None and self.matcher.one_to_one_.on:
            evidence = self._free(evidence, side, old)

        def ask(positions: Array) -> Array:
            return np.asarray(scorer.chances(left, right, positions))

        rules = Rules(fixed=fixed, largest=self.matcher.max_group)
        made, evidence = grouped(evidence, self.matcher.threshold_, rules, ask)
        groups = self._named(made, fixed)
        frame = self._told(groups, fixed, evidence, new)
        self.left, self.right, self.groups = left, right, groups
        self.finder, self.scorer = finder, scorer
        return frame

    def _table(self, side: str) -> Frame:
        if side not in ("left", "right") or (side == "right" and self.right is None):
            there = "left or right" if self.right is not None else "left, since one table was matched"
            raise UsageError(f"side is {side!r}; say {there}.")
        return self.left if side == "left" else self.right

    def _fixed(self, side: str, more: int) -> Array:
        """The group of each old record in the new numbering, -1 for a new record."""
        blank = np.full(more, -1, dtype=np.int64)
        at = len(self.left) if side == "left" else len(self.groups)
        return np.concatenate([self.groups[:at], blank, self.groups[at:]])

    def _free(self, evidence: Evidence, side: str, old: int) -> Evidence:
        """Where links are one to one: a new record's best partner among those that have none yet."""
        across = 1 if side == "left" else 0
        width = int(self.groups.max(initial=-1)) + 1
        sizes = np.bincount(self.groups, minlength=max(width, 1))
        cut = len(self.left)
        partners = self.groups[cut:] if across else self.groups[:cut]
        open_ = sizes[partners] == 1
        free = open_[evidence.positions[:, across]]
        positions, chances = evidence.positions[free], evidence.chances[free]
        stays = onetoone.kept(positions, chances, self.matcher.threshold_)
        return replace(evidence, positions=positions[stays], chances=chances[stays])

    def _named(self, made: Array, fixed: Array) -> Array:
        """Group ids: old groups keep theirs, new ones go on counting."""
        names: dict[int, int] = dict(zip(made[fixed >= 0].tolist(), fixed[fixed >= 0].tolist(), strict=True))
        following = int(fixed.max(initial=-1)) + 1
        for group in made[fixed < 0].tolist():
            if group not in names:
                names[group] = following
                following += 1
        return np.array([names[group] for group in made.tolist()], dtype=np.int64)

    def _told(self, groups: Array, fixed: Array, evidence: Evidence, new: Array) -> Frame:
        ends = evidence.ends()
        worth: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for (one, other), gain in zip(ends.tolist(), gains(evidence.chances, self.matcher.threshold_), strict=True):
            for here, there in ((one, other), (other, one)):
                if fixed[here] < 0 <= fixed[there]:
                    worth[here][int(fixed[there])] += float(gain)
        old = set(fixed[fixed >= 0].tolist())
        also = [
            tuple(sorted(group for group, gain in worth[node].items() if gain > 0 and group != groups[node]))
            for node in new.tolist()
        ]
        return pd.DataFrame(
            {
                "position": np.arange(len(new)),
                "group_id": groups[new],
                "confidence": confidences(groups, evidence)[new],
                "joined": [int(group) in old for group in groups[new]],
                "also": pd.Series(also, dtype=object),
            }
        )
