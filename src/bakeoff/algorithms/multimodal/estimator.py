"""The multimodal baseline: one estimator for any mix of columns, within a budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.algorithms.multimodal.asked_for import SHARE, Question, Wishes, as_frame
from bakeoff.algorithms.multimodal.decision import decided, leaning
from bakeoff.algorithms.multimodal.ensemble import Course, Ensemble, Fitting
from bakeoff.algorithms.multimodal.folds import Folds
from bakeoff.algorithms.multimodal.importance import Sample, importance
from bakeoff.algorithms.multimodal.roster import roster
from bakeoff.algorithms.multimodal.sizing import rows_that_fit
from bakeoff.algorithms.multimodal.target import Target
from bakeoff.algorithms.multimodal.told import MemberTold, more_time
from bakeoff.algorithms.multimodal.told import plot as plotted
from bakeoff.algorithms.multimodal.told import report as reported
from bakeoff.algorithms.multimodal.views import Views
from bakeoff.algorithms.multimodal.work import Work
from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame, Schema
from bakeoff.tasks import kind
from bakeoff.training.clock import Clock

FEWEST = 6  # rows below which nothing is learnt but the constant
CLOCKS = ("wall", "cpu")
PARAMETERS = ("time_limit", "threads", "metric", "members", "random_state", "clock", "privacy")


class Multimodal:
    """An ensemble of linear models, boosted and extremely random trees, networks and more, for classes or numbers.

    `time_limit` is in seconds (0: none; by default most of a schema's budget, or 120), by the wall clock or, with
    `clock="cpu"`, by the CPU time of this process; `threads` at most; `metric` names what a decision for one label is
    made for; `members` restricts which members may take part. After fit: `classes_`, `members_`, `score_` (the loss on
    rows that were held out), `what_more_time_would_bring_`, `repeatable_`.

    With `privacy`, an epsilon or a `bakeoff.privacy.Budget`, only members take part whose whole path is accounted, with
    no row held out (`score_` is None): `members_` tells who sat out and why, `ledger_` what was spent, `claim_` what
    may be claimed.
    """

    def __init__(
        self,
        time_limit: float | None = None,
        threads: int | None = None,
        metric: str | None = None,
        members: tuple[str, ...] | None = None,
        random_state: int | None = None,
        clock: str = "wall",
        privacy: Any = None,
    ) -> None:
        self.time_limit = time_limit
        self.threads = threads
        self.metric = metric
        self.members = members
        self.random_state = random_state
        self.clock = clock
        self.privacy = privacy

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What it was made with, by name."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **parameters: Any) -> Multimodal:
        """Change what it was made with; ValueError for a name that there is not."""
        for name, value in parameters.items():
            if name not in PARAMETERS:
                raise ValueError(f"Multimodal has no parameter {name!r}; it has {', '.join(PARAMETERS)}.")
            setattr(self, name, value)
        return self

    def fit(self, X: Frame, y: Array, *, schema: Schema | None = None, owners: Any = None) -> Multimodal:
        """Learn from training rows; without a schema, types are told from the frame and classes from the labels.

        `owners` tells whose each row is, for a private fit that protects owners. UsageError for a clock, a metric or a
        member that there is not, a time below 0, and rows without targets.
        """
        self._check()
        clock = _clock(self.clock)
        X, y = as_frame(X), np.asarray(y)
        if not len(y) or len(X) != len(y):
            raise UsageError(f"As many targets as rows are needed, at least one, and not {len(y)} for {len(X)} rows.")
        if self.privacy is not None:
            return self._fit_privately(X, y, schema, owners, clock)
        wishes = Wishes(self.time_limit, self.threads, self.metric, self.random_state)
        question = Question.of(X, y, schema, wishes)
        clock.seconds = question.seconds
        target = Target.of_classes(y) if question.classes else Target.of_numbers(y)
        columns = question.by_type(X)
        self.rows_ = len(X)
        some = rows_that_fit(X, columns, clock, question.seed)
        if len(some) < len(X):
            X, target = X.iloc[some], target.taken(some)
        self.learnt_rows_ = len(X)
        members, absent = roster(columns, len(X), target, self.members)
        views = Views(X, columns, question.seed)
        folds = Folds.of(target.values, question.classes, question.seed)
        fitting = Fitting(Work(views, target, folds, question.seed, question.threads), clock)
        ensemble = fitting.run(
            members if len(X) >= FEWEST and (target.width > 1 or not question.classes) else members[:1]
        )
        self._keep(question, target, fitting, ensemble)
        self._sample = Sample.of_training(X, target, folds, question.seed)
        self._tell(ensemble, fitting.course, absent)
        views.let_go()
        self.seconds_ = clock.elapsed()
        return self

    def _check(self) -> None:
        if self.clock not in CLOCKS:
            raise UsageError(f"There is no clock {self.clock!r}; there are {', '.join(CLOCKS)}.")
        if self.time_limit is not None and not self.time_limit >= 0:
            raise UsageError(f"time_limit is {self.time_limit!r}; give seconds, or 0 for no limit.")
        known = [name for asked in ("classification", "regression") for name in kind(asked).metrics]
        if self.metric is not None and self.metric not in known:
            raise UsageError(f"There is no metric {self.metric!r}; there are {', '.join(known)}.")

    def _fit_privately(self, X: Frame, y: Array, schema: Schema | None, owners: Any, clock: Clock) -> Multimodal:
        from bakeoff.algorithms.multimodal.private_fit import NOTHING_MORE, fit_privately

        if schema is not None:
            schema = replace(
                schema,
                threads=self.threads or schema.threads,
                seed=schema.seed if self.random_state is None else self.random_state,
            )
            clock.seconds = SHARE * schema.time_budget if self.time_limit is None else self.time_limit
        found = fit_privately(as_frame(X), y, schema, (self.privacy, owners, self.members), clock)
        self.private_, self.ledger_, self.claim_ = found.ensemble, found.ledger, found.claim
        if found.classes is not None:
            self.classes_ = found.classes
        self.members_, self.what_more_time_would_bring_ = found.told, NOTHING_MORE
        self.score_: float | None = None
        self.columns_ = schema.columns if schema is not None else ()
        self.rows_ = self.learnt_rows_ = found.records
        self.repeatable_, self.why_not_repeatable_ = False, "nobody can draw the noise again"
        self.seconds_ = clock.elapsed()
        return self

    def _outputs(self, X: Frame) -> Array:
        if not hasattr(self, "ensemble_"):
            raise UsageError("This Multimodal has learnt nothing yet; call fit(X, y) first.")
        return self.ensemble_.outputs(self.views_.read(as_frame(X)))

    def _keep(self, question: Question, target: Target, fitting: Fitting, ensemble: Ensemble) -> None:
        self.question_, self.target_, self.views_ = question, target, fitting.work.views
        self.ensemble_ = ensemble.needed()
        self.columns_ = question.columns
        if target.classes is not None:
            self.classes_ = target.classes
            truth = target.values[fitting.rows]
            self.shares_ = np.bincount(target.values) / len(target.values)
            self.leaning_ = leaning(question.metric, np.exp(ensemble.held_out.astype(np.float64)), truth)

    def _tell(self, ensemble: Ensemble, course: Course, absent: dict[str, str]) -> None:
        weights = {
            member.name: float(weight) for member, weight in zip(ensemble.members, ensemble.weights, strict=True)
        }
        told = [
            MemberTold(name, course.seconds[name], self._in_unit(score), weights[name], course.remarks.get(name, ""))
            for name, score in ensemble.scores.items()
        ]
        told += [
            MemberTold(name, course.seconds[name], self._in_unit(loss), 0.0, course.remarks[name])
            for name, loss in course.behind.items()
        ]
        told += [
            MemberTold(name, wanted, None, 0.0, course.remarks[name])
            for name, wanted in course.unfitted.items()
            if name not in ensemble.scores
        ]
        self.members_ = tuple(told + [MemberTold(name, 0.0, None, 0.0, why) for name, why in absent.items()])
        self.score_ = self._in_unit(ensemble.loss)
        self.what_more_time_would_bring_ = more_time(course.unfitted, course.losses)
        thin = ["some of the rows"] if self.learnt_rows_ < self.rows_ else []
        short = [*thin, *course.cut, *(name for name in course.unfitted if name not in course.cut)]
        self.repeatable_ = not short
        self.why_not_repeatable_ = f"time ran short for {', '.join(short)}" if short else ""

    def _in_unit(self, loss: float) -> float:
        return loss if self.target_.classes is not None else float(np.sqrt(loss)) * self.target_.spread

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        if hasattr(self, "private_"):
            return self.private_.answers(as_frame(X))
        found = np.exp(self._outputs(X))
        return found / found.sum(axis=1, keepdims=True)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if hasattr(self, "private_"):
            answers = self.private_.answers(as_frame(X))
            return self.classes_[answers.argmax(axis=1)] if hasattr(self, "classes_") else answers[:, 0]
        if hasattr(self, "classes_"):
            return self.classes_[decided(self.predict_proba(X), self.shares_, self.leaning_)]
        outputs = self._outputs(X)
        return outputs[:, 0] * self.target_.spread + self.target_.centre

    def importance(self, X: Frame | None = None, y: Array | None = None, *, seconds: float = 30.0) -> dict[str, float]:
        """By column, largest first: how much the loss rises when that column is shuffled.

        On the rows given with their targets, else on some training rows, each answered by models that had not seen it.
        """
        if hasattr(self, "private_"):
            raise UsageError("A private fit keeps no row to explain itself by; it has no importance and no picture.")
        sample = self._sample
        if X is not None:
            if y is None:
                raise UsageError("Importance on rows of your own needs their targets y beside X.")
            values = np.asarray(y)
            if self.target_.classes is not None:
                values = np.searchsorted(self.classes_, values)
            else:
                values = (values.astype(np.float64) - self.target_.centre) / self.target_.spread
            sample = Sample(as_frame(X), values, np.full(len(values), -1))
        return importance(self, sample, seconds)

    def report(self) -> str:
        """The fit in words: members, scores, weights, and what more time would bring."""
        return reported(self)

    def plot(self, path: str) -> None:
        """A picture of the members' weights and the columns' importance, written to a file such as `fit.png`."""
        plotted(self, self.importance(), path)


def _clock(name: str) -> Clock:
    import time

    return Clock(now=time.process_time if name == "cpu" else time.monotonic)
