"""The demo's tables: real ones that come with scikit-learn, and views of the made product catalogue."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.nouns import Array, ColumnType, Frame, Role, Split
from bakeoff.tables.settings import Settings

if TYPE_CHECKING:
    from bakeoff.tables.made.catalogue_listings import Duplicates

LICENCE = "BSD-3-Clause (as shipped with scikit-learn)"


@dataclass(frozen=True)
class Sample:
    """One table of the demo: raw cells, the settings that say what they are, and a note for its card.

    `label` is real or made; `about` holds a made table's ceiling as `metric` and `value`, and is empty otherwise.
    `pairs` are the labelled pairs of a table whose records are to be matched.
    """

    name: str
    frame: Frame
    settings: Settings
    label: str = "real"
    note: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    pairs: Frame | None = None


def samples() -> list[Sample]:
    """All tables of the demo, four real and five made, two of these to be matched; the same at every call."""
    return [*_real(), *_made(), *_matched()]


def _real() -> list[Sample]:
    from sklearn import datasets

    wine, cancer, diabetes = datasets.load_wine(), datasets.load_breast_cancer(), datasets.load_diabetes(scaled=False)
    return [
        _digits(datasets.load_digits()),
        _bundled("wine", wine, "cultivar", "which of three growers' wines, from thirteen chemical measurements"),
        _bundled("breast_cancer", cancer, "diagnosis", "benign or malignant, from measurements of cell nuclei"),
        _bundled("diabetes", diabetes, "progression", "progression of the disease one year after the measurements"),
    ]


def _digits(bundle: Any) -> Sample:
    frame = _column("picture", [_digit(pixels) for pixels in bundle.images])
    frame["digit"] = bundle.target
    types = {"picture": ColumnType.IMAGE}
    note = "handwritten digits, as pictures alone"
    settings = Settings(
        "digits",
        "digit",
        types,
        kind="classification",
        label="real",
        licence=LICENCE,
        source="scikit-learn load_digits",
        notes=note,
    )
    return Sample("digits", frame, settings, note=note)


def _column(name: str, cells: list[bytes]) -> Frame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(cells, dtype=object)})


def _digit(pixels: Array) -> bytes:
    from PIL import Image

    grey = np.clip(255 - pixels * (255 / 16), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(grey).resize((32, 32), Image.Resampling.BICUBIC).save(out, format="PNG")
    return out.getvalue()


def _bundled(name: str, bundle: Any, target: str, note: str) -> Sample:
    import pandas as pd

    frame = pd.DataFrame(bundle.data, columns=[str(column) for column in bundle.feature_names])
    classes = getattr(bundle, "target_names", None)
    frame[target] = bundle.target if classes is None else np.array([str(c) for c in classes])[bundle.target]
    kind = "regression" if classes is None else "classification"
    source = f"scikit-learn load_{name}"
    settings = Settings(name, target, kind=kind, label="real", licence=LICENCE, source=source, notes=note)
    return Sample(name, frame, settings, note=note)


_TYPES = {
    "title": ColumnType.TEXT,
    "description": ColumnType.TEXT,
    "brand": ColumnType.CATEGORICAL,
    "colour": ColumnType.CATEGORICAL,
    "weight_g": ColumnType.NUMERIC,
    "price": ColumnType.NUMERIC,
    "listed_on": ColumnType.DATETIME,
    "buyers": ColumnType.CATEGORICAL,
    "seller": ColumnType.CATEGORICAL,
    "picture": ColumnType.IMAGE,
}
_ROLES = {"listed_on": Role.TIME, "buyers": Role.PROTECTED, "seller": Role.OWNER}


def _made() -> list[Sample]:
    by_seller, by_time = Split("owner", "seller"), Split("time", "listed_on")
    return [
        _view("product_category", "category", by_seller, (1500, 1)),
        _view("product_returns", "returns", by_seller, (1400, 2)),
        _view("product_price", "price", by_time, (1000, 3)),
    ]


_NOTES = {
    "category": "text tells the use, the picture the object, and most categories need both",
    "returns": "returns are high after a warning about the size, and where the picture's colour is not the listed one",
    "price": "object, use and brand make the price, which rises from year to year",
}


def _view(name: str, target: str, split: Split, drawn: tuple[int, int]) -> Sample:
    from bakeoff.tables.made.catalogue import catalogue

    frame, ceilings = catalogue(*drawn)
    ceiling = ceilings[target]
    # The other answers would tell more of a product than its row does, and the ceiling would not hold.
    frame = frame.drop(columns=[other for other in ("category", "returns") if other != target])
    note = f"made catalogue: {_NOTES[target]}; {ceiling.note}"
    settings = Settings(
        name,
        target,
        {column: kind for column, kind in _TYPES.items() if column != target},
        dict(_ROLES),
        split=split,
        kind="regression" if target == "price" else "classification",
        metric=ceiling.metric,
        label="made",
        licence="CC0-1.0",
        source="bakeoff.tables.made.catalogue",
        notes=note,
    )
    about = {"metric": ceiling.metric, "value": ceiling.value}
    return Sample(name, frame, settings, "made", note, about)


_RECORD_TYPES = {
    "title": ColumnType.TEXT,
    "description": ColumnType.TEXT,
    "brand": ColumnType.CATEGORICAL,
    "colour": ColumnType.CATEGORICAL,
    "size": ColumnType.CATEGORICAL,
    "weight_g": ColumnType.NUMERIC,
    "price": ColumnType.NUMERIC,
}


def _matched() -> list[Sample]:
    from bakeoff.tables.made.catalogue_listings import duplicates, variants

    alike = "listings of one article (the same model, colour and size), worded by different sellers"
    models = "listings of one model in whatever colour and size, worded by different sellers"
    return [
        _pairs_of("product_duplicates", duplicates(seed=4), alike),
        _pairs_of("product_variants", variants(seed=5), models, ignored=("colour", "size")),
    ]


def _pairs_of(name: str, made: Duplicates, what: str, ignored: tuple[str, ...] = ()) -> Sample:
    matches = int(made.pairs["label"].sum())
    note = f"made catalogue: {what}; of {len(made.pairs):,} labelled pairs {matches:,} match"
    settings = Settings(
        name,
        "label",
        dict(_RECORD_TYPES),
        {"id": Role.ID},
        split=Split("records"),
        kind="matching",
        label="made",
        licence="CC0-1.0",
        source="bakeoff.tables.made.catalogue_listings",
        notes=note,
        ignore=ignored,
        complete=True,
    )
    return Sample(name, made.records, settings, "made", note, pairs=made.pairs)
