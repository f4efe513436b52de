"""Which pairs a person should look at next, so that few labels teach much and the estimates stay honest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.algorithms.blocking import Blocker
from bakeoff.algorithms.matching.estimates import Estimates, estimate
from bakeoff.algorithms.matching.tradeoff import best_chance
from bakeoff.algorithms.pairwise import PairFeatures
from bakeoff.algorithms.records import pairs_of
from bakeoff.nouns import Array, Frame, Schema

CANDIDATES = 10
RECORDS = 20_000  # left records whose candidates are looked at
SHARES = (0.25, 0.75, 1.5, 3.0)  # strata end after so many pairs for each left record, likest first
OF_STRATUM = 600  # pairs of each stratum that may be proposed
RANDOM_EACH = 4  # of so many pairs proposed one is drawn at random
TREES = 150
LEAST = 3  # labels of either kind from which a model is asked
SHORTLIST = 40
FOLDS = 5
WIDTH = 0.1  # of the F1's interval, from which labels say enough
SETTLED = 0.02  # share of called pairs that may still change
ENOUGH = 40
WHY = ("alike", "uncertain", "random", "disputed")


@dataclass(frozen=True)
class Proposal:
    """A pair to look at: positions, why it was chosen, the model's chance (nan: no model yet), and its weight.

    `why` is alike (chosen for its likeness, near or far), uncertain, random or disputed; `weight` is how many
    candidates a pair drawn at random stands for, 0 for others.
    """

    left: int
    right: int
    why: str
    chance: float = float("nan")
    weight: float = 0.0

    @property
    def pair(self) -> tuple[int, int]:
        """Both positions."""
        return self.left, self.right


class Pool:
    """The candidate pairs that may be proposed, with their features and strata.

    Candidates are sorted by likeness and cut into strata; of each, OF_STRATUM pairs drawn at random may be proposed.
    The same tables give the same pool.
    """

    def __init__(self, left: Frame, right: Frame | None, schema: Schema) -> None:
        rng = np.random.default_rng(0)
        asked = np.arange(len(left)) if len(left) <= RECORDS else np.sort(rng.permutation(len(left))[:RECORDS])
        blocker, found = candidates_of(left, right, schema, asked)
        likeness = found[:, 2]
        if len(found):
            standing = blocker.standing(found[:, :2].astype(np.int64))
            likeness = standing[:, 0] + np.minimum(standing[:, 1], standing[:, 4])
        found = found[np.argsort(-likeness, kind="stable")]
        ends = [round(share * len(asked)) for share in SHARES]
        parts = [part for part in np.split(found[:, :2].astype(np.int64), ends) if len(part)]
        drawn = [np.sort(rng.permutation(len(part))[:OF_STRATUM]) for part in parts]
        empty = [np.zeros((0, 2), dtype=np.int64)]
        local = np.vstack([*empty, *(part[chosen] for part, chosen in zip(parts, drawn, strict=True))])
        self.stratum = np.repeat(np.arange(len(parts)), [len(chosen) for chosen in drawn]).astype(np.int64)
        self.sizes = np.array([len(part) for part in parts], dtype=np.float64) * len(left) / max(1, len(asked))
        self.positions = _global(local, asked, right is None)
        self.features = _features(left, right, self.positions, local, (blocker, schema))
        self.place = {pair: at for at, pair in enumerate(map(tuple, self.positions.tolist()))}

    def __len__(self) -> int:
        return len(self.positions)


def candidates_of(left: Frame, right: Frame | None, schema: Schema, asked: Array) -> tuple[Blocker, Array]:
    """The candidates of some left records: a blocker, and (pairs, 3) of places in it and the cosine.

    Of one large table the records asked are matched against all of it, and places on the left are those in `asked`.
    """
    if right is None and len(asked) < len(left):
        blocker = Blocker(schema).fit(left.iloc[asked].reset_index(drop=True), left)
        found = blocker.candidates(CANDIDATES + 1)[["left", "right", "score"]].to_numpy(dtype=np.float64)
        return blocker, found[asked[found[:, 0].astype(np.int64)] != found[:, 1]]
    part = left if len(asked) == len(left) else left.iloc[asked].reset_index(drop=True)
    blocker = Blocker(schema).fit(part, right)
    return blocker, blocker.candidates(CANDIDATES)[["left", "right", "score"]].to_numpy(dtype=np.float64)


def _global(local: Array, asked: Array, within: bool) -> Array:
    positions = np.column_stack([asked[local[:, 0]], local[:, 1]]).astype(np.int64)
    return np.sort(positions, axis=1) if within else positions


def _features(left: Frame, right: Frame | None, positions: Array, local: Array, by: tuple[Blocker, Schema]) -> Array:
    if not len(positions):
        return np.zeros((0, 1))
    alike = PairFeatures().fit_transform(pairs_of(left, right, positions), by[1])
    return np.hstack([alike, by[0].standing(local)])


class Proposer:
    """Proposes pairs of a pool: by likeness first, then those that a committee of trees is unsure of.

    One in RANDOM_EACH is drawn at random, the same number from every stratum, whatever the model says: they alone
    count for the estimates, each weighed by the size of its stratum. `seed` sets the order of these.
    """

    def __init__(self, pool: Pool, seed: int = 0) -> None:
        self.pool = pool
        rng = np.random.default_rng([seed, 1])
        places = [np.flatnonzero(pool.stratum == stratum) for stratum in range(len(pool.sizes))]
        self._random = [rng.permutation(part).tolist() for part in places]
        self._spread = [rng.permutation(part).tolist() for part in places]
        self._turn = 0
        self.model: Any = None
        self.chances: Array = np.full(len(pool), np.nan)
        self._calls: list[tuple[int, Array]] = []

    def learn(self, labels: Mapping[tuple[int, int], bool]) -> bool:
        """Fit the committee to all labelled pairs of the pool; False while a kind has less than LEAST labels."""
        places, matches = self._known(labels)
        if min(matches.sum(), (~matches).sum(), len(matches)) < LEAST:
            return False
        self.model = _committee().fit(self.pool.features[places], matches)
        self.chances = self.model.predict_proba(self.pool.features)[:, 1]
        self._calls.append((len(places), self.chances >= 0.5))
        return True

    def _known(self, labels: Mapping[tuple[int, int], bool]) -> tuple[Array, Array]:
        found = [(self.pool.place[pair], match) for pair, match in labels.items() if pair in self.pool.place]
        places = np.array([place for place, _ in found], dtype=np.int64)
        return places, np.array([match for _, match in found], dtype=bool)

    def propose(self, count: int, seen: set[tuple[int, int]], asked: int) -> list[Proposal]:
        """Up to `count` pairs that are not among `seen`; `asked` is how many were labelled before."""
        chosen: list[int] = []
        proposals = []
        left_out = {self.pool.place[pair] for pair in seen if pair in self.pool.place}
        for number in range(asked, asked + count):
            drawn = number % RANDOM_EACH == RANDOM_EACH - 1
            place, why = self._next(drawn, left_out, chosen)
            if place is None:
                break
            chosen.append(place)
            left_out.add(place)
            weight = float(self.pool.sizes[self.pool.stratum[place]]) if why == "random" else 0.0
            left, right = self.pool.positions[place].tolist()
            proposals.append(Proposal(left, right, why, float(self.chances[place]), weight))
        return proposals

    def _next(self, drawn: bool, left_out: set[int], chosen: list[int]) -> tuple[int | None, str]:
        if drawn:
            return self._of_strata(self._random, left_out), "random"
        if self.model is None:
            return self._of_strata(self._spread, left_out), "alike"
        return self._uncertain(left_out, chosen), "uncertain"

    def _of_strata(self, orders: list[list[int]], left_out: set[int]) -> int | None:
        """The next pair of the stratum whose turn it is."""
        for _ in range(len(orders)):
            order = orders[self._turn % len(orders)]
            self._turn += 1
            place = next((place for place in order if place not in left_out), None)
            if place is not None:
                return place
        return None

    def _uncertain(self, left_out: set[int], chosen: list[int]) -> int | None:
        """Of the pairs nearest to even odds the one least like those chosen in this round."""
        open_ = np.array([place not in left_out for place in range(len(self.pool))], dtype=bool)
        if not open_.any():
            return None
        near = np.where(open_, np.abs(self.chances - 0.5), np.inf)
        short = np.argsort(near, kind="stable")[: min(SHORTLIST, int(open_.sum()))]
        if not chosen:
            return int(short[0])
        features = np.nan_to_num(self.pool.features)
        spread = features.std(axis=0) + 1e-9
        apart = np.stack([np.abs((features[short] - features[place]) / spread).mean(axis=1) for place in chosen])
        # How unsure, times how new: a pair like one just chosen would tell the same again.
        return int(short[np.argmax((0.55 - near[short]) * np.minimum(apart.min(axis=0), 1.0))])

    def estimate(
        self, labels: Mapping[tuple[int, int], bool], weights: Mapping[tuple[int, int], float]
    ) -> Estimates | None:
        """Figures of the candidates from the pairs drawn at random, by trees that did not see them; None while few."""
        from sklearn.model_selection import StratifiedKFold

        places, matches = self._known(labels)
        rarer = int(min(matches.sum(), (~matches).sum())) if len(matches) else 0
        weight = np.array([weights.get(tuple(self.pool.positions[place].tolist()), 0.0) for place in places])
        if rarer < LEAST or not (weight > 0).any():
            return None
        held = np.zeros(len(places))
        features = self.pool.features[places]
        for learnt, kept in StratifiedKFold(min(FOLDS, rarer), shuffle=True, random_state=0).split(features, matches):
            held[kept] = _committee().fit(features[learnt], matches[learnt]).predict_proba(features[kept])[:, 1]
        drawn = weight > 0
        at = best_chance(held[drawn], 0.5, weight[drawn])
        return estimate(held, matches, at, weight, self.pool.positions[places][:, 0])

    def enough(self, found: Estimates | None) -> str:
        """Why the labels say enough, or an empty sentence."""
        if not self._calls or self._calls[-1][0] < ENOUGH:
            return ""
        if found is not None and found.f1.high - found.f1.low <= WIDTH:
            return f"the F1 is known to within {found.f1.high - found.f1.low:.2f}"
        count, called = self._calls[-1]
        before = next((calls for labels, calls in reversed(self._calls) if labels <= count - ENOUGH), None)
        if before is None:
            return ""
        changed = (called != before).sum() / max(1, called.sum())
        if changed <= SETTLED:
            return f"the last {ENOUGH} labels changed {changed:.1%} of what is called a match"
        return ""


def _committee() -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(TREES, min_samples_leaf=2, class_weight="balanced", random_state=0, n_jobs=1)
