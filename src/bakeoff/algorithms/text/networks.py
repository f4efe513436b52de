"""What the network entries of text share: when they decline, their clock, their recipe and their threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bakeoff.algorithms.text.parameters import Estimator, budget_of, only, seed_of, threads_of
from bakeoff.errors import Declined, MissingExtra, UsageError
from bakeoff.extras import need
from bakeoff.nouns import Schema

with suppress(MissingExtra):  # imported with the entry, outside the clock; its absence is declined in fit
    need("torch._dynamo", "neural")  # what torch's optimisers would import when the first one is made

SHARE = 0.8  # of the time budget is for fitting: what is left is for answers
CLOCKS = {"wall": time.monotonic, "cpu": time.process_time}


@dataclass(frozen=True)
class Going:
    """What a fit may use: seed, threads and the clock that its time is taken from."""

    seed: int
    threads: int
    clock: Any
    private: Any = None  # a PrivateTexts, where the fit has a privacy budget

    def recipe(self, like: Any, epochs: int | None) -> Any:
        """A recipe like another, for these seed and threads."""
        from dataclasses import replace

        like = replace(like, seconds=self.clock.seconds, seed=self.seed, threads=self.threads)
        if self.private is not None:
            return self.private.recipe(like, epochs)
        return like if epochs is None else replace(like, epochs=epochs)

    def circumstances(self, recipe: Any) -> Any:
        """The clock, as a fit is given it, and the regime where it is a private one."""
        from bakeoff.training.sequences.circumstances import Circumstances

        if self.private is not None:
            return self.private.circumstances(recipe, self.clock)
        return Circumstances(clock=self.clock)


class NeuralEntry(Estimator):
    """An entry that fits a network of `bakeoff.training.sequences` within its time.

    `epochs` at most (None: as many as that kind of network is used to); `time_limit` in seconds goes before the
    schema's budget, of which four fifths are for fitting, and `clock` says whether they are of the wall or of the
    processor. With `privacy`, an epsilon or a `bakeoff.privacy.Budget`, the fit stays within it: afterwards `ledger_`
    holds what was spent and `claim_` what may be claimed.
    """

    time_limit: float | None
    clock: str
    random_state: int | None
    privacy: Any

    def started(self, kind: str, name: str, schema: Schema | None, rows: Any = None, owners: Any = None) -> Going:
        """Seed, threads, clock and budget; Declined without torch or for another kind of task.

        `rows` are the training rows, and `owners` whose each is, for a private fit.
        """
        from bakeoff.training.clock import Clock

        only(kind, schema, name)
        try:
            need("torch", "neural")
        except MissingExtra as missing:
            raise Declined(str(missing)) from missing
        if self.clock not in CLOCKS:
            raise UsageError(f"There is no clock {self.clock!r}; take wall or cpu.")
        clock = Clock(SHARE * budget_of(self.time_limit, schema), CLOCKS[self.clock])
        self.threads_ = threads_of(schema)
        private = None
        if self.privacy is not None:
            from bakeoff.algorithms.text.private_texts import PrivateTexts

            private = PrivateTexts.of(self.privacy, len(rows), rows, schema, owners)
        return Going(seed_of(self.random_state, schema), self.threads_, clock, private)

    def ended(self, model: Any, private: Any = None) -> None:
        """Keep how the fit went, whether the clock had a hand in it, and what a private one may claim."""
        self.history_ = model.history
        self.repeatable_ = not model.history.timed and private is None  # nobody can draw the noise again
        if private is not None:
            self.ledger_ = private.spending.ledger
            self.claim_ = private.spending.told(model.steps)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """As many threads inside as fit was given."""
        from bakeoff.training.seeding import threads

        with threads(self.threads_):
            yield
