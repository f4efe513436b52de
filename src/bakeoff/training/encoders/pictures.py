"""Image columns: each picture decoded and shrunk to one size."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.training.preparation import Preparation
from bakeoff.training.reading import cells


@dataclass(frozen=True)
class PictureStyle:
    """`side` pixels of the shrunk picture, `channels` of the first layer, `width` features of the picture."""

    side: int = 32
    channels: int = 16
    width: int = 64


class Pictures:
    """One image column; a missing or broken picture is its own sign."""

    def __init__(self, column: str, style: PictureStyle | None = None) -> None:
        self.column = column
        self.name = f"pictures of {column}"
        self.style = style or PictureStyle()

    def learn(self, X: Frame, preparation: Preparation) -> None:
        """Nothing: pixels have a known range."""
        preparation.public("pixels", self.column, 1, "0 to 255")

    def read(self, X: Frame) -> Mapping[str, Array]:
        """`pixels` uint8 (rows, 3, side, side), and `missing` bool (rows, 1)."""
        side = self.style.side
        pixels = np.zeros((len(X), 3, side, side), dtype=np.uint8)
        missing = np.ones((len(X), 1), dtype=bool)
        for i, cell in enumerate(cells(X, self.column)):
            shrunk = _shrunk(cell, side)
            if shrunk is not None:
                pixels[i], missing[i] = shrunk.transpose(2, 0, 1), False
        return {"pixels": pixels, "missing": missing}

    def layers(self) -> Any:
        """A small residual network."""
        from bakeoff.training.layers.pictures import PictureLayers

        return PictureLayers(self.style)


def _shrunk(cell: Any, side: int) -> Array | None:
    from PIL import Image, UnidentifiedImageError

    if not isinstance(cell, (bytes, bytearray, memoryview)):
        return None
    try:
        with Image.open(io.BytesIO(bytes(cell))) as picture:
            small = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return np.asarray(small)
