"""Frames with cells of every type, gaps included, and encoders that have learnt from them."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.nouns import Array, Frame
from bakeoff.training.encoders.categories import Categories
from bakeoff.training.encoders.dates import Dates
from bakeoff.training.encoders.numeric import Numeric, NumericStyle
from bakeoff.training.encoders.pictures import Pictures, PictureStyle
from bakeoff.training.encoders.texts import Bag, BagStyle, Sequence, SequenceStyle
from bakeoff.training.preparation import Preparation

WORDS = ("amber", "birch", "cedar", "dune", "elm", "fern", "gorse", "heath", "!", "é")

SMALL = {"embedding": 8, "width": 12, "least": 1, "dropout": 0.0}


def png(shade: int, rng: np.random.Generator) -> bytes:
    pixels = np.clip(rng.normal(shade, 20, (9, 7, 3)), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def sentence(rng: np.random.Generator, most: int = 12) -> str:
    return " ".join(rng.choice(WORDS, rng.integers(0, most)))


def frame(rows: int, seed: int = 0, gaps: float = 0.2) -> Frame:
    """Two columns of numbers and one of every other type; about `gaps` of the cells are missing."""
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "size": rng.normal(100, 20, rows),
            "weight": rng.exponential(3, rows),
            "colour": rng.choice(["red", "green", "blue"], rows).astype(object),
            "when": pd.Timestamp("2020-02-29") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "note": [sentence(rng) for _ in range(rows)],
            "photo": [png(int(shade), rng) for shade in rng.integers(0, 255, rows)],
        }
    )
    for name in made.columns:
        made.loc[rng.random(rows) < gaps, name] = None
    return made


ENCODERS = {
    "numbers, piecewise": lambda: Numeric(["size", "weight"]),
    "numbers, periodic": lambda: Numeric(["size", "weight"], NumericStyle("periodic")),
    "numbers, linear": lambda: Numeric(["size", "weight"], NumericStyle("linear")),
    "dates": lambda: Dates(["when"]),
    "categories": lambda: Categories(["colour"]),
    "hashed categories": lambda: Categories(["colour"], slots=8),
    "bag": lambda: Bag("note", BagStyle(least=1, dropout=0.0)),
    "hashed bag": lambda: Bag("note", BagStyle(slots=64, dropout=0.0)),
    "convolution": lambda: Sequence("note", SequenceStyle("convolution", **SMALL)),
    "recurrent": lambda: Sequence("note", SequenceStyle("recurrent", **SMALL)),
    "transformer": lambda: Sequence("note", SequenceStyle("transformer", **SMALL)),
    "pictures": lambda: Pictures("photo", PictureStyle(side=8, channels=8, width=6)),
}


def learnt(name: str, rows: int = 60, preparation: Preparation | None = None):
    encoder = ENCODERS[name]()
    encoder.learn(frame(rows), preparation or Preparation())
    return encoder


def shaken(module, torch):
    """The module with weights that are all different, so that nothing hides behind a zero."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.4)
    return module.eval()


def labels_of(rows: Frame) -> Array:
    """Classes that most columns tell something of."""
    size = rows["size"].fillna(100).to_numpy()
    red = (rows["colour"] == "red").to_numpy()
    amber = rows["note"].fillna("").str.contains("amber").to_numpy()
    score = (size - 100) / 20 + 1.5 * red + 1.5 * amber
    return np.where(score > 0.8, "yes", "no").astype(object)
