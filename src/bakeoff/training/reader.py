"""A table's encoders together: from a frame to Records."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Frame
from bakeoff.training.encoders import Encoder
from bakeoff.training.preparation import Preparation
from bakeoff.training.records import Records


class TableReader:
    """Some encoders that learn from the same rows and read the same frames."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        names = [encoder.name for encoder in encoders]
        if not names:
            raise UsageError("A network needs at least one encoder; give one for each kind of column to be read.")
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UsageError(f"Two encoders are called {sorted(twice)[0]!r}; give one encoder all columns of its type.")
        self.encoders = tuple(encoders)

    def learn(self, X: Frame, preparation: Preparation) -> TableReader:
        """Let every encoder learn from training rows, each step written into the preparation."""
        for encoder in self.encoders:
            encoder.learn(X, preparation)
        return self

    def read(self, X: Frame, targets: Array | None = None) -> Records:
        """Rows as records, with targets as a head made them."""
        return Records({encoder.name: encoder.read(X) for encoder in self.encoders}, len(X), targets)
