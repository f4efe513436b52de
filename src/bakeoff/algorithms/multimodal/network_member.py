"""The network member: the encoders, trunk and loop of `bakeoff.training`, one network for each fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal.target import as_logs, mean_outputs
from bakeoff.algorithms.multimodal.views import Asked
from bakeoff.algorithms.multimodal.work import Behind, Deadline, Trained, Work
from bakeoff.algorithms.table_network import SEEDS, batch_for, encoders_for, shape_for
from bakeoff.nouns import Array, Frame
from bakeoff.training.clock import Clock

EPOCHS = 18
LIKELY = 12  # epochs after which many fits have ended, and after which one that is cut short has learnt most
SEEING = 2_000  # rows from which pictures are read beside other columns
TRIED = 500  # rows that are prepared to tell how long all will take
READING = 0.25  # of the time left, at most, for preparing rows
INSIDE = 0.1  # of a fold's learnt rows tell when to stop


@dataclass(frozen=True)
class NetworkModel:
    """What reads rows, and the network of each fold."""

    reader: Any
    networks: tuple[Any, ...]
    width: int

    def outputs(self, asked: Asked, fold: int | None = None) -> Array:
        """Logarithms of probabilities, or scaled numbers; float32 (rows, width)."""
        from bakeoff.training.seeding import threads

        records = self.reader.read(asked.rows.frame)
        with threads(1):
            some = self.networks if fold is None else [self.networks[fold]]
            return mean_outputs([as_logs(one.outputs(records), self.width) for one in some], self.width > 1)


class NetworkMember:
    """A small network for any mix of columns; there where torch is installed."""

    name = "network"

    def installed(self) -> bool:
        """Whether torch is there."""
        return find_spec("torch") is not None

    def _prepared(self, work: Work) -> tuple[Any, Any]:
        """A reader that has learnt from all rows, and their records."""
        if "records" not in work.shared:
            from bakeoff.training.preparation import Preparation
            from bakeoff.training.reader import TableReader

            frame = work.views.frame
            reader = TableReader(_encoders(work.views.columns, frame)).learn(frame, Preparation())
            values = work.target.values
            targets = values if work.target.classes is not None else values.astype(np.float32)
            work.shared["records"] = reader, reader.read(frame, targets)
        reader, records = work.shared["records"]
        return reader, records

    def estimate(self, work: Work, clock: Clock) -> float:
        """From a few steps: of the likely epochs where there is time for all, and otherwise of all.

        What an estimate may be wrong by then takes epochs, and no rows: with a quarter of the rows left out the
        held-out loss on videogame_genre was 1.06 in place of 0.91.
        """
        from bakeoff.training.fitting import fit

        reading = self._reading(work, clock)
        if reading > READING * clock.left():
            return reading / READING * 10
        _, records = self._prepared(work)
        recipe = self._recipe(work, len(work.folds.learnt[0]), 0)
        some = records.take(work.folds.learnt[0][: recipe.batch * 4])
        recipe = replace(recipe, epochs=1, held_out=0.0)
        fit(self._network(work, 0), some.take(np.arange(min(2, len(some)))), recipe)  # the first fit of all loads torch
        began = clock.elapsed()
        fit(self._network(work, 0), some, recipe)
        each = (clock.elapsed() - began) / len(some)
        epoch = each * len(work.folds.learnt[0]) * len(work.folds)
        return epoch * (EPOCHS if EPOCHS * epoch > clock.left() else LIKELY)

    def _reading(self, work: Work, clock: Clock) -> float:
        """Seconds that preparing all rows will take, from some."""
        from bakeoff.training.preparation import Preparation
        from bakeoff.training.reader import TableReader

        rows = len(work.target.values)
        if "records" in work.shared or rows <= 2 * TRIED:
            return 0.0
        some = work.views.frame.iloc[:: rows // TRIED]
        began = clock.elapsed()
        TableReader(_encoders(work.views.columns, some)).learn(some, Preparation()).read(some)
        return (clock.elapsed() - began) * rows / len(some)

    def _recipe(self, work: Work, rows: int, fold: int) -> Any:
        from bakeoff.training.recipe import Recipe

        return Recipe(
            epochs=EPOCHS,
            batch=batch_for(rows),
            seed=work.seed + SEEDS * fold,
            threads=work.threads,
            held_out=INSIDE,
            patience=4,
        )

    def _network(self, work: Work, fold: int) -> Any:
        from bakeoff.training.heads import ClassHead, NumberHead
        from bakeoff.training.network import TableNetwork
        from bakeoff.training.seeding import seeded

        reader, _ = self._prepared(work)
        rows = len(work.target.values)
        shape = shape_for(rows)
        with seeded(work.seed + SEEDS * fold):
            if work.target.classes is None:
                head: Any = NumberHead(shape.width, 0.0, 1.0)
            else:
                head = ClassHead(shape.width, tuple(range(work.target.width)))
            return TableNetwork(reader.encoders, shape, head)

    def fit(self, work: Work, deadline: Deadline) -> Trained | Behind:
        """A network for each fold."""
        from bakeoff.training.fitting import fit
        from bakeoff.training.seeding import threads

        reader, records = self._prepared(work)
        folds, width = work.folds, work.target.width
        out = np.zeros((len(records), width), dtype=np.float32)
        networks = []
        cut = False
        for k in range(len(folds)):
            clock = deadline.part(1 / (len(folds) - k)).as_clock()
            recipe = self._recipe(work, len(folds.learnt[k]), k)
            found = fit(self._network(work, k), records.take(folds.learnt[k]), recipe, clock=clock)
            cut = cut or found.history.timed
            networks.append(found.network)
            with threads(1):
                out[folds.held[k]] = as_logs(found.network.outputs(records.take(folds.held[k])), width)
            loss = float(work.target.losses(out[folds.held[k]], folds.held[k]).mean())
            if k == 0 and work.behind(loss):
                return Behind(loss)
        return Trained(NetworkModel(reader, tuple(networks), width), out[folds.rows], cut)


def _encoders(columns: Columns, X: Frame) -> list[Any]:
    """An encoder for each kind of column; pictures where there are rows enough to learn to see from."""
    from bakeoff.training.encoders.pictures import Pictures

    found = encoders_for(columns, X)
    # On few rows a network that learns to see takes most of the time and sees nothing.
    seen = columns.image if len(X) >= SEEING or not found else ()
    return [*found, *(Pictures(name) for name in seen)]
