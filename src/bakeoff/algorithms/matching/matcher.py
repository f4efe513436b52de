"""The matcher: duplicates in one table and links of two, with what users of matching services expect of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.algorithms.matching import onetoone, sifted_scorer
from bakeoff.algorithms.matching.clusters import Rules
from bakeoff.algorithms.matching.estimates import estimate
from bakeoff.algorithms.matching.evidence import Evidence, group_frame, grouped
from bakeoff.algorithms.matching.known import Labels, labels_for
from bakeoff.algorithms.matching.onetoone import OneToOne, Partners
from bakeoff.algorithms.matching.pair_model import two_columns
from bakeoff.algorithms.matching.pair_scorer import PairScorer, ScorerOptions
from bakeoff.algorithms.matching.sifted_scorer import SiftedScorer
from bakeoff.algorithms.matching.tradeoff import best_chance, checked_share
from bakeoff.algorithms.records import only_matching
from bakeoff.algorithms.thresholds import moved
from bakeoff.errors import EntryError, UsageError
from bakeoff.nouns import Array, Frame, Schema

UNCHECKED = 0.5  # times precision_recall: the least chance that is called a match without labels
SHARED = 0.2  # of labelled matches, from which "auto" does not try one-to-one links
RIVALS = 3  # nearest records that may take a pair's partner
ROWS = ("left", "right")


class Matcher:
    """Finds which records are of one thing.

    `precision_recall` 0 to 1 weighs precision in the weighted harmonic mean that sets the threshold: 0.5 is the best
    F1, towards 1 precision, towards 0 recall (van Rijsbergen's alpha, `tradeoff.f_alpha`). `effort` 0 to 1 weighs
    accuracy against cost: candidates for each record (5 at 0, 10 at 0.5, 20 at 1) and what the scorer does.
    `one_to_one` True gives each record one partner at most, "auto" where held-out labels say that this helps.
    `enforce_labels` lets the labels given hold in links and groups. `ignore` names columns in which records may differ
    and still match, besides the schema's. `max_group` bounds the records of a group; 0 does not. `random_state` goes
    before the schema's seed. UsageError for a value outside these.
    """

    def __init__(
        self,
        *,
        precision_recall: float = 0.5,
        effort: float = 0.5,
        one_to_one: bool | str = "auto",
        enforce_labels: bool = False,
        ignore: Sequence[str] = (),
        max_group: int = 0,
        random_state: int | None = None,
    ) -> None:
        self.precision_recall = checked_share("precision_recall", precision_recall)
        self.effort = checked_share("effort", effort)
        self.one_to_one = onetoone.checked(one_to_one)
        self.enforce_labels = bool(enforce_labels)
        self.ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        if isinstance(max_group, bool) or not isinstance(max_group, int) or max_group < 0:
            raise UsageError(f"max_group is {max_group!r}; give a number of records, or 0 for any.")
        self.max_group = max_group
        self.random_state = random_state

    def fit(
        self, left: Frame, right: Frame | None = None, pairs: Any = None, *, schema: Schema | None = None
    ) -> Matcher:
        """Learn from records and labelled pairs; `right` None seeks duplicates within `left`.

        `pairs` is a frame of `left`, `right` (positions), `label` and perhaps `weight` (how many pairs one drawn at
        random stands for), the path of a file with the records' ids, as `bakeoff label` writes it, or None: without two
        labels of either kind the chances come from the records alone. Declined when the task is no matching or there is
        no column to compare; EntryError for pairs that name no record, and with `enforce_labels` for labels that
        contradict each other.
        """
        schema = schema or Schema((), "matching", "label", "f1", (), 0, 0.0)
        only_matching(schema, "matcher")
        ignored = tuple(dict.fromkeys((*schema.ignored, *self.ignore)))
        seed = schema.seed if self.random_state is None else self.random_state
        self.schema_ = replace(schema, ignored=ignored, seed=seed)
        self.labels_ = labels_for(pairs, left, right, self.schema_)
        self.classes_ = self.labels_.classes
        self.left_, self.right_ = left, right
        self.k_ = round(5 * 4**self.effort)
        self._rules = self._enforced()
        self.learnt_ = self.labels_.rarer >= 2
        self.scorer_ = self._scorer(left, right)
        self.learnt_ = self.learnt_ and self.scorer_.held_out_ is not None
        self.partners_: Partners | None = None
        self._settle()
        self.repeatable_ = True
        return self

    def _enforced(self) -> Rules:
        if not self.enforce_labels:
            return Rules(largest=self.max_group)
        self.labels_.check_agreement()
        blank = Evidence(np.zeros((0, 2), dtype=np.int64), np.zeros(0), *self._sizes(self.left_, self.right_))
        together, apart = (blank.ends(pairs) for pairs in self.labels_.lists())
        rules = Rules(together=together, apart=apart, largest=self.max_group)
        grouped(blank, 0.5, rules, lambda positions: np.zeros(len(positions)))  # contradictions are told at once
        return rules

    def _sizes(self, left: Frame, right: Frame | None) -> tuple[int, int | None]:
        return len(left), None if right is None else len(right)

    def _scorer(self, left: Frame, right: Frame | None) -> Any:
        from bakeoff.algorithms.matching.unlabelled import Unlabelled
        from bakeoff.algorithms.matching.vectors import Vectors, picture_columns, vector_columns

        labels, schema = self.labels_ if self.learnt_ else None, self.schema_
        vectors, pictures = vector_columns(schema, left, right), picture_columns(schema, left, right)
        shared = {name for name in left.columns if right is None or name in right.columns} - set(schema.ignored)
        seen = bool(shared) and shared <= {*vectors, *pictures}  # nothing to compare but embeddings and pictures
        made = Vectors(schema, vectors, pictures).fit(left, right, labels) if vectors or seen else None
        self.finder_: Any = made
        if made is not None and (labels is None or (vectors and seen)):
            return made
        if labels is None:
            self.finder_ = Unlabelled(schema).fit(left, right)
            return self.finder_
        options = ScorerOptions(seed=schema.seed, threads=schema.threads, effort=self.effort)
        kind: Any = SiftedScorer if sifted_scorer.is_large(left, right, self.k_) else PairScorer
        scorer = kind(schema, options).fit(left, right, labels.positions, labels.matches)
        if not seen:
            self.finder_ = scorer
        if made is not None and not seen and _loss(made.held_out_, labels) < _loss(scorer.held_out_, labels):
            self.finder_ = made
            return made
        return scorer

    def _settle(self) -> None:
        """Threshold, one-to-one and estimates, from held-out chances or else from the candidates' own."""
        labels = self.labels_
        weights, self.estimates_ = labels.weights, None
        if self.learnt_:
            held = self.scorer_.held_out_
            self.threshold_ = best_chance(held, self.precision_recall, weights)
        else:
            evidence = self._evidence(self.left_, self.right_, self.k_)
            self.expected_ = evidence.chances
            # Where everything is unlikely, the best expected F1 would still call the likeliest pair a match.
            least = UNCHECKED * self.precision_recall
            self.threshold_ = max(best_chance(evidence.chances, self.precision_recall), least, 1e-3)
        self.one_to_one_ = self._one_to_one()
        if self.learnt_:
            if self.partners_ is not None:
                held = np.where(self.partners_.taken(labels.positions, held), self._lowered(held), held)
            self.held_out_ = held
            self.estimates_ = estimate(held, labels.matches, self.threshold_, weights, labels.positions[:, 0])

    def _lowered(self, chances: Array) -> Array:
        """Chances of pairs whose record has another partner: in their order, all below the threshold."""
        return np.asarray(chances * self.threshold_ * 0.999)

    def _one_to_one(self) -> OneToOne:
        if self.right_ is None:
            if self.one_to_one is True:
                self._rules = replace(self._rules, largest=2)
                return OneToOne(False, "within one table groups hold two records at most")
            return OneToOne(False, "one table")
        if self.one_to_one is False:
            return OneToOne(False, "asked for")
        if not self.learnt_:
            found = self._evidence(self.left_, self.right_, self.k_)
            asked = OneToOne(True, "asked for")
            told = (
                asked
                if self.one_to_one is True
                else onetoone.unlabelled(found.positions, found.chances, self.threshold_)
            )
            self._take_partners(found, told)
            return told
        share = onetoone.several(self.labels_.lists()[0])
        if self.one_to_one == "auto" and share > SHARED:
            return OneToOne(False, f"{share:.0%} of the labelled matches share a record with another")
        found = self._evidence(self.left_, self.right_, RIVALS)
        # A labelled pair's own chance would be one that it was learnt from.
        found = _replaced(found, self.labels_.positions, self.scorer_.held_out_)
        told = OneToOne(True, "asked for")
        self._take_partners(found, told)
        if self.one_to_one == "auto" and self.partners_ is not None:
            held = self.scorer_.held_out_
            taken = self.partners_.taken(self.labels_.positions, held)
            told = onetoone.validated(held >= self.threshold_, taken, self.labels_.matches)
            if not told.on:
                self.partners_ = None
        return told

    def _take_partners(self, found: Evidence, told: OneToOne) -> None:
        if told.on and found.rights is not None:
            sizes = (found.lefts, found.rights)
            self.partners_ = Partners(found.positions, found.chances, self.threshold_, sizes)

    def _evidence(self, left: Frame, right: Frame | None, k: int) -> Evidence:
        found = self.finder_.candidates(left, right, k)[list(ROWS)].to_numpy(dtype=np.int64)
        return Evidence(found, self.scorer_.chances(left, right, found), *self._sizes(left, right))

    def _knows(self, left: Frame, right: Frame | None) -> bool:
        """Whether these are the tables that it was fitted on."""
        if (right is None) != (self.right_ is None):
            return False
        given, own = [left, right], [self.left_, self.right_]
        try:
            return all(a is b or (len(a) == len(b) and a.equals(b)) for a, b in zip(given, own, strict=True))
        except ValueError:  # cells that are arrays cannot be compared as one truth
            return False

    def _check_fitted(self) -> None:
        if not hasattr(self, "scorer_"):
            raise UsageError("This Matcher has learnt nothing yet; call fit(left, right, pairs) first.")

    def _gathered(self, left: Frame, right: Frame | None) -> tuple[Evidence, Rules]:
        """The candidates' evidence with the labels in it where they hold, and the rules that go with the tables."""
        self._check_fitted()
        evidence = self._evidence(left, right, self.k_)
        if self.enforce_labels and self._knows(left, right):
            return evidence.told(self.labels_.positions, self.labels_.matches), self._rules
        return evidence, Rules(largest=self._rules.largest)

    def link(self, left: Frame, right: Frame | None = None) -> Frame:
        """Every candidate with its score: a frame of `left`, `right` (positions) and `score`, a match from 0.5."""
        import pandas as pd

        evidence, _ = self._gathered(left, right)
        chances = evidence.chances
        if self.one_to_one_.on and right is not None:
            forced = evidence.chances == 1.0 if self.enforce_labels else None
            stays = onetoone.kept(evidence.positions, chances, self.threshold_, forced)
            chances = np.where(stays, chances, np.minimum(chances, self._lowered(chances)))
        scores = moved(chances, self.threshold_)
        frame = pd.DataFrame(evidence.positions, columns=list(ROWS)).assign(score=scores)
        return frame.sort_values(["left", "score", "right"], ascending=[True, False, True], ignore_index=True)

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities of pairs, float64 (pairs, 2), the match last; a match from 0.5.

        Pairs of the fitted tables are asked by their positions, the columns `left` and `right`; else the records are
        read from the columns `left_*` and `right_*`, and nothing is known of their rivals.
        """
        self._check_fitted()
        if set(ROWS) <= set(X.columns):
            positions = X[list(ROWS)].to_numpy(dtype=np.int64)
            if self.right_ is None:
                positions = np.sort(positions, axis=1)
            chances = self.scorer_.chances(self.left_, self.right_, positions)
            if self.partners_ is not None:
                taken = self.partners_.taken(positions, chances)
                chances = np.where(taken, np.minimum(chances, self._lowered(chances)), chances)
            if self.enforce_labels:
                chances = _told(chances, positions, self.labels_)
        else:
            chances = self._alone(X)
        return two_columns(moved(chances, self.threshold_))

    def _alone(self, X: Frame) -> Array:
        sides = [[name for name in X.columns if str(name).startswith(f"{side}_")] for side in ROWS]
        if not all(sides):
            raise EntryError(
                "The matcher is asked for pairs by the columns left and right (positions in the fitted tables), or by "
                "the records themselves in columns left_* and right_*; give one of these."
            )
        if hasattr(self.scorer_, "chances_alone"):
            return np.asarray(self.scorer_.chances_alone(X))
        asked = []
        for place in range(len(X)):
            row = X.iloc[[place]]
            tables = [row[names].rename(columns=lambda name: name.partition("_")[2]) for names in sides]
            asked.append(self.scorer_.chances(tables[0], tables[1], np.zeros((1, 2), dtype=np.int64)))
        return np.concatenate(asked) if asked else np.zeros(0)

    def predict(self, X: Frame) -> Array:
        """Labels of pairs, as `predict_proba` asks for them."""
        called = (self.predict_proba(X)[:, 1] >= 0.5).astype(int)
        return self.classes_[called]

    def groups(self, left: Frame | None = None, right: Frame | None = None) -> Frame:
        """The group of each record; without tables, of those that it was fitted on.

        A frame with a row for each record: `side` (left or right, where there are two), `position`, `group_id` (int64
        from 0), `size`, and `confidence` (0 to 1): the share of the group's pairs that can be expected to match, or of
        a record alone the chance that none of its candidates matches. New records are matched against it afterwards.
        """
        from bakeoff.algorithms.matching.incremental import Matched

        self._check_fitted()
        if left is None:
            left, right = self.left_, self.right_
        evidence, rules = self._gathered(left, right)
        if self.one_to_one_.on and right is not None:
            forced = evidence.chances == 1.0 if self.enforce_labels else None
            stays = onetoone.kept(evidence.positions, evidence.chances, self.threshold_, forced)
            only = np.where(stays, evidence.chances, np.minimum(evidence.chances, self._lowered(evidence.chances)))
            called = replace(evidence, positions=evidence.positions[stays], chances=only[stays])
            groups, _ = grouped(called, self.threshold_, rules, lambda pairs: np.zeros(len(pairs)))
        else:
            groups, evidence = grouped(
                evidence, self.threshold_, rules, lambda pairs: self.scorer_.chances(left, right, pairs)
            )
        self.matched_ = Matched(self, left, right, groups)
        return group_frame(groups, evidence)

    def match_new(self, records: Frame, side: str = "left") -> Frame:
        """Match new records against those that `groups` has matched, which stay as they are.

        `side` says which table they are of, where there are two. A frame with a row for each new record: `position`,
        `group_id`, `confidence`, `joined` (whether the group was there before) and `also`, a tuple of the other groups
        that it would join, which are left apart. The records count as matched afterwards. UsageError when nothing was
        matched yet.
        """
        if not hasattr(self, "matched_"):
            raise UsageError("Nothing is matched yet that new records could join; call groups(left, right) first.")
        return self.matched_.add(records, side)

    def explain(self, left_position: int, right_position: int) -> Frame:
        """What speaks for and against a pair of the fitted tables, strongest first.

        A frame of `what` (a column, or what is compared over the whole record), `log_odds` (above 0: for a match), and
        the two cells, `left` and `right`, where it is a column.
        """
        from bakeoff.algorithms.matching.report import explained

        return explained(self, left_position, right_position)

    def importance(self) -> dict[str, float]:
        """How much each column helped, largest first; they sum to 1."""
        return dict(self.scorer_.importance())

    def report(self) -> str:
        """What was learnt from how many labels, how good it is, and what it rests on, for a terminal."""
        from bakeoff.algorithms.matching.report import report_text

        return report_text(self)

    def plot(self, path: Any) -> str:
        """Draw the precision-recall curve of the held-out pairs into a .svg or .png file; the path.

        UsageError where there are no labels to draw it from.
        """
        from bakeoff.algorithms.matching.report import draw_curve

        return draw_curve(self, path)


def _loss(chances: Any, labels: Labels) -> float:
    """The log loss of held-out chances."""
    held = np.clip(np.asarray(chances, dtype=np.float64), 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(labels.matches, held, 1 - held)).mean())


def _told(chances: Array, positions: Array, labels: Labels) -> Array:
    """Chances with those of labelled pairs as they were labelled."""
    known = {pair: match for pair, match in zip(map(tuple, labels.positions.tolist()), labels.matches, strict=True)}
    return np.array(
        [known.get((one, other), chance) for (one, other), chance in zip(positions.tolist(), chances, strict=True)],
        dtype=np.float64,
    )


def _replaced(evidence: Evidence, positions: Array, chances: Array) -> Evidence:
    """Evidence with other chances for some of its pairs."""
    known = dict(zip(evidence.keys(positions).tolist(), chances.tolist(), strict=True))
    own = evidence.keys(evidence.positions).tolist()
    held = np.array([known.get(key, chance) for key, chance in zip(own, evidence.chances, strict=True)])
    return replace(evidence, chances=held.astype(np.float64))
