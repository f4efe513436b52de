"""Encoders: how columns of one type are prepared, and which layers then read them.

An encoder has a part that learns from rows without torch (`learn`, `read`) and makes its layers when asked (`layers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from bakeoff.nouns import Array, Frame
from bakeoff.training.preparation import Preparation


@runtime_checkable
class Encoder(Protocol):
    """Reads columns of one type; `name` tells its parts from those of other encoders."""

    name: str

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """Take what is needed from training rows, or from what is known, and write every step down."""

    def read(self, X: Frame) -> Mapping[str, Array]:
        """Rows as arrays or Ragged lists, by part, one entry for each row."""

    def layers(self) -> Any:
        """A fresh torch module from a batch's parts to float32 (records, width), with an attribute `width`."""
