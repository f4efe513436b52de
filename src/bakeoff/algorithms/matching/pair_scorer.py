"""The scorer of pairs: features of two records and of their rivals, and calibrated chances of a match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.algorithms.blocking import Blocker, record_texts
from bakeoff.algorithms.matching.blend import Blend, Curve, Lesson, calibrated, folds_of, held_out
from bakeoff.algorithms.matching.context import Context
from bakeoff.algorithms.matching.growing import Growth, Tables, same
from bakeoff.algorithms.matching.rivals import FEATURES as SECOND
from bakeoff.algorithms.matching.rivals import Rivals, rivals_of, second_look
from bakeoff.algorithms.matching.switch import ContextChoice, choose
from bakeoff.algorithms.pairwise import PairFeatures
from bakeoff.algorithms.records import pairs_of
from bakeoff.algorithms.thresholds import threshold
from bakeoff.errors import EntryError
from bakeoff.nouns import Array, Frame, Schema

AT_ONCE = 10_000  # pairs whose features are held at once
LARGEST = 250_000  # records of a table up to which rivals are looked at unasked
PLENTY = 10_000  # labelled pairs from which fewer models are averaged and fewer rivals scored
RIVALS = "(rivals)"


@dataclass(frozen=True)
class ScorerOptions:
    """How pairs are scored.

    `seed` and `threads`; `context` is auto (features of a pair's rivals in the whole tables, where they help on
    pairs held out), on or off; `effort` weighs accuracy against cost, 0 (cheap) to 1 (best). EntryError when one is
    not so.
    """

    seed: int = 0
    threads: int = 1
    context: str = "auto"
    effort: float = 0.5

    def __post_init__(self) -> None:
        if self.context not in {"auto", "on", "off"}:
            raise EntryError(f"context is {self.context!r}; give auto, on or off.")
        if not 0 <= self.effort <= 1:
            raise EntryError(f"effort is {self.effort!r}; give a number from 0 (cheap) to 1 (best).")

    @property
    def boosted(self) -> int:
        """Boosted models of the mean."""
        return 1 + round(4 * self.effort)

    @property
    def trees(self) -> int:
        """Trees of the forest beside them."""
        return round(200 * self.effort)

    @property
    def rivals(self) -> int:
        """Rivals of a record that are scored first, in each of two views."""
        return 2 + round(6 * self.effort)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Models of pairs, the curve that makes chances of their scores, and the chance for the largest expected F1."""

    blend: Blend
    curve: Curve
    threshold: float

    def chances(self, features: Array) -> Array:
        """Calibrated chances, float64 (pairs,)."""
        return self.curve(self.blend.scores(features))


class PairScorer:
    """Calibrated chances that two records match, learnt from labelled pairs of positions in their tables."""

    def __init__(self, schema: Schema, options: ScorerOptions | None = None) -> None:
        self.options = options or ScorerOptions()
        self.schema = replace(schema, seed=self.options.seed, threads=self.options.threads)

    def fit(
        self, left: Frame, right: Frame | None, positions: Array, matches: Array, weights: Array | None = None
    ) -> PairScorer:
        """Learn from labelled pairs of `left` and `right` (None: pairs within `left`).

        `positions` int64 (pairs, 2), `matches` bool (pairs,), `weights` float (pairs,) or None. Afterwards
        `held_out_` float64 (pairs,) are calibrated chances of the training pairs from models that had not seen them,
        `threshold_` is the chance from which calling pairs matches has the largest expected F1, `context_` tells
        whether features of rivals are used, and `alone_` is what is left without them.
        Declined when no column is left to compare.
        """
        matches = np.asarray(matches, dtype=bool)
        positions = np.asarray(positions, dtype=np.int64).reshape(-1, 2)
        self.constant_ = float(matches.mean()) if len(matches) else 0.0
        self.held_out_, self.threshold_ = np.full(len(matches), self.constant_), 0.5
        self._given: tuple[Frame, Frame | None, list[list[str]]] | None = None
        self._searched: tuple[Tables, Blocker] | None = None
        self._fitted: Fitted | None = None
        self.alone_: Fitted | None = None
        self.features_ = PairFeatures(aligned=True)
        alike = self.features_.fit_transform(pairs_of(left, right, positions), self.schema)
        self._folds = folds_of(matches, self.options.seed)
        if not self._folds:
            self.context_ = ContextChoice(False, "too few labelled pairs of a kind")
            return self
        lesson = Lesson(alike, matches, weights)
        scores = held_out(self._blend, lesson, self._folds)
        curve, chances = calibrated(scores, matches, self.options.seed)
        self.alone_ = Fitted(self._blend().fit(lesson), curve, threshold(curve(scores), matches))
        self._fitted, self.held_out_, self.threshold_ = self.alone_, chances, self.alone_.threshold
        self.context_ = self._untried(left, right)
        if self.context_.on:
            self._with_rivals(left, right, positions, lesson)
        return self

    def _blend(self) -> Blend:
        # More pairs make single models steadier and dearer, so that fewer of them are averaged.
        boosted = max(1, round(self.options.boosted * self._share))
        return Blend(self.schema, boosted, round(self.options.trees * self._share))

    @property
    def _share(self) -> float:
        return min(1.0, PLENTY / max(1, len(self.held_out_)))

    def _untried(self, left: Frame, right: Frame | None) -> ContextChoice:
        if self.options.context != "auto":
            return ContextChoice(self.options.context == "on", "as asked")
        largest = max(len(left), 0 if right is None else len(right))
        if largest > LARGEST:
            return ContextChoice(False, f"a table of {largest} records is larger than {LARGEST}")
        return ContextChoice(True, "to be tried")

    def _with_rivals(self, left: Frame, right: Frame | None, positions: Array, lesson: Lesson) -> None:
        """Learn features of rivals too, and keep them where they help on held-out pairs or were asked for."""
        self._open(left, right)
        rivals = self._rivals(positions)
        at = rivals.places(positions)
        known = self._seen(left, right, rivals.pairs, (at, lesson.features))
        wide = replace(lesson, features=known[at])
        second = np.zeros((len(positions), SECOND), dtype=np.float32)
        for learnt, held in self._folds:
            first = self._first().fit(wide.part(learnt))
            second[held] = self._second(positions[held], rivals, first.scores(known))
        whole = replace(wide, features=np.hstack([wide.features, second]))
        scores = held_out(self._blend, whole, self._folds)
        curve, chances = calibrated(scores, lesson.matches, self.options.seed)
        tried = choose(self.held_out_, chances, lesson.matches, positions[:, 0])
        if self.options.context == "on":
            tried = replace(tried, on=True, reason=f"as asked; {tried.reason}")
        self.context_ = tried
        if tried.on:
            self._first_look = self._first().fit(wide)
            self._fitted = Fitted(self._blend().fit(whole), curve, threshold(curve(scores), lesson.matches))
            self.held_out_, self.threshold_ = chances, self._fitted.threshold

    def _rivals(self, positions: Array) -> Rivals:
        nearest = max(2, round(self.options.rivals * self._share))
        return rivals_of(self._context.views_, positions, self._context.apart_, nearest)

    def _first(self) -> Blend:
        return Blend(self.schema, 1, 0)

    def _open(self, left: Frame, right: Frame | None) -> None:
        """Read the tables for their rivals, unless they were the last ones read."""
        if self._given is not None and self._given[0] is left and self._given[1] is right:
            return
        texts = record_texts(left, right, self.schema)
        if self._given is None or texts != self._given[2]:
            name = None if self._given is None else self._context.name_
            self._context: Context = Context(self.schema, name).fit(left, right)
        self._given = (left, right, texts)

    def _seen(
        self, left: Frame, right: Frame | None, positions: Array, given: tuple[Array, Array] | None = None
    ) -> Array:
        """Features of pairs themselves and of their standing, float32 (pairs, features).

        `given` are rows whose features of the pairs themselves are known already, and these.
        """
        alike = np.empty((len(positions), len(self.features_.columns_)), dtype=np.float32)
        unknown = np.ones(len(positions), dtype=bool)
        if given is not None:
            alike[given[0]], unknown[given[0]] = given[1], False
        rest = np.flatnonzero(unknown)
        for start in range(0, len(rest), AT_ONCE):
            some = rest[start : start + AT_ONCE]
            alike[some] = self.features_.transform(pairs_of(left, right, positions[some]))
        return np.hstack([alike, self._context.standing(positions).astype(np.float32)])

    def _second(self, positions: Array, rivals: Rivals, chances: Array) -> Array:
        return second_look(positions, rivals, chances, self._context.views_[0])

    def chances(self, left: Frame, right: Frame | None, positions: Array) -> Array:
        """Calibrated chances of a match, float64 (pairs,), for pairs int64 (pairs, 2) of these or of other tables.

        With features of rivals a pair's chance depends on its tables, and never on which other pairs are asked.
        """
        if self._fitted is None:
            return np.full(len(positions), self.constant_)
        parts = [self._fitted.chances(features) for features in self._asked(left, right, positions)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def chances_alone(self, pairs: Frame) -> Array:
        """Calibrated chances float64 (pairs,) of a frame of `left_*` and `right_*` columns, without any rivals."""
        if self.alone_ is None or not len(pairs):
            return np.full(len(pairs), self.constant_)
        return self.alone_.chances(self.features_.transform(pairs))

    def contributions(self, left: Frame, right: Frame | None, positions: Array) -> dict[str, Array]:
        """What each column adds to the boosted models' log-odds of pairs int64 (pairs, 2): arrays float64 (pairs,).

        TreeSHAP values (Lundberg et al., 2020) summed by column; rivals stand apart, and a constant is left out.
        """
        if self._fitted is None:
            return {}
        asked = [self._fitted.blend.contributions(features) for features in self._asked(left, right, positions)]
        if not asked:
            return {name: np.zeros(0) for name in self.features_.columns_}
        found = np.vstack(asked)
        sums: dict[str, Array] = {}
        for name, part in zip(self._names(found.shape[1]), found.T, strict=True):
            sums[name] = sums.get(name, np.zeros(len(found))) + part
        return sums

    def _asked(self, left: Frame, right: Frame | None, positions: Array) -> Iterator[Array]:
        """Features of asked pairs, some at a time."""
        positions = np.asarray(positions, dtype=np.int64).reshape(-1, 2)
        if self.context_.on and len(positions):
            self._open(left, right)
        for start in range(0, len(positions), AT_ONCE):
            some = positions[start : start + AT_ONCE]
            if self.context_.on:
                rivals = self._rivals(some)
                known = self._seen(left, right, rivals.pairs)
                second = self._second(some, rivals, self._first_look.scores(known))
                yield np.hstack([known[rivals.places(some)], second.astype(np.float32)])
            else:
                yield self.features_.transform(pairs_of(left, right, some))

    def _names(self, width: int) -> list[str]:
        """The column of each feature."""
        return [*self.features_.columns_, *[RIVALS] * (width - len(self.features_.columns_))]

    def importance(self) -> dict[str, float]:
        """How much each column lessened the loss (summing to 1), largest first; features of rivals stand apart."""
        if self._fitted is None:
            return {}
        found = self._fitted.blend.gains()
        gains: dict[str, float] = defaultdict(float)
        for name, gain in zip(self._names(len(found)), found, strict=True):
            gains[name] += float(gain)
        total = sum(gains.values()) or 1.0
        return {name: gain / total for name, gain in sorted(gains.items(), key=lambda item: -item[1])}

    def candidates(self, left: Frame, right: Frame | None, k: int = 10, growth: Growth | None = None) -> Frame:
        """The k nearest right records of each left one, as Blocker.candidates gives them."""
        if self._searched is None or not same((left, right), self._searched[0]):
            self._searched = (left, right), Blocker(self.schema).fit(left, right)
        return self._searched[1].candidates(k, growth)

    def grown(self, growth: Growth) -> PairScorer:
        """The same scorer for tables that grew; what was read of the records that were there is kept."""
        made = copy(self)
        if self._searched is not None and growth.follows(self._searched[0]):
            made._searched = growth.after, self._searched[1].grown(growth)
        if self._given is not None and growth.follows(self._given[:2]):
            made._context = self._context.grown(growth)
            new = record_texts(*growth.alone, self.schema)
            made._given = (*growth.after, [[*old, *more] for old, more in zip(self._given[2], new, strict=True)])
        return made
