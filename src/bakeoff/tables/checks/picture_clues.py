"""What the files of pictures tell beside their pixels: size, format, and what cameras and programs write into them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.nouns import ColumnType
from bakeoff.tables.checks.evidence import Evidence, Telling, by_order, by_values, coded
from bakeoff.tables.checks.leaks import naming
from bakeoff.tables.remarks import Remark

BYTES = "size in bytes"
SAMPLE = 2_000  # pictures that are opened
TELLS = 0.5  # skill from which metadata tell the target; nothing that is not in the pixels should
LARGE = 0.9  # skill from which the bytes of a file do; much to see makes a larger file as well
TAGS = {
    270: "ImageDescription",
    271: "Make",
    272: "Model",
    305: "Software",
    306: "DateTime",
    315: "Artist",
    36867: "DateTimeOriginal",
    37510: "UserComment",
    33432: "Copyright",
}


def picture_metadata(evidence: Evidence) -> Iterator[Remark]:
    """Dimensions, format, bytes or EXIF entries of pictures that tell the class."""
    for column in evidence.features:
        if column.type is not ColumnType.IMAGE:
            continue
        cells = evidence.cells[column.name]
        places = np.flatnonzero(cells.notna().to_numpy(dtype=bool))
        places = places[:: -(-len(places) // SAMPLE)] if len(places) else places
        found = _tellings([_metadata(cells.iloc[place]) for place in places], evidence, places)
        if not found:
            continue
        # The size in bytes follows from format and dimensions, so it is named only when it tells more.
        clue, told = max(found, key=lambda pair: (round(pair[1].skill, 2), pair[0] != BYTES))
        base = float(np.bincount(evidence.sampled_truth).max()) / len(evidence.sample) if evidence.classes else 0.0
        right = base + told.skill * (1 - base)
        how = (
            f"right in {right:.0%} of the rows, the constant in {base:.0%}"
            if evidence.classes
            else f"R2 {told.skill:.2f}"
        )
        yield evidence.remark(
            "picture metadata",
            f"The {clue} of the pictures in {column.name!r} tells the target {evidence.target.name!r} ({how}); save "
            "all pictures anew in one format and size, without metadata.",
            column.name,
        )


def _tellings(seen: list[dict[str, Any]], evidence: Evidence, places: Any) -> list[tuple[str, Telling]]:
    import pandas as pd

    truth = evidence.sampled_truth[places]
    found = []
    for clue in dict.fromkeys(name for one in seen for name in one):
        values = pd.Series([one.get(clue) for one in seen], dtype=object)
        if clue == BYTES:
            told, wanted = by_order(values.to_numpy(np.float64), truth), LARGE
        else:
            told, wanted = by_values(coded(values.map(str, na_action="ignore")), truth), TELLS
            if evidence.classes and not told.reaches(wanted):
                told = naming(values, evidence.classes, truth)
        if told.reaches(wanted):
            found.append((clue, told))
    return found


def _metadata(cell: Any) -> dict[str, Any]:
    """What a picture's file says beside its pixels, without decoding them."""
    from PIL import Image

    data = picture_bytes(cell)
    held: dict[str, Any] = {BYTES: len(data)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                held |= {"shape in pixels": picture.size, "format": f"{picture.format} {picture.mode}"}
                exif = picture.getexif()
                tags = {**exif, **exif.get_ifd(0x8769)}
                held |= {f"EXIF entry {word}": tags[tag] for tag, word in TAGS.items() if tags.get(tag)}
                texts = {key: text for key, text in picture.info.items() if isinstance(text, str)}
                held |= {f"text {key!r}": text for key, text in texts.items()}
                comment = picture.info.get("comment")
                if isinstance(comment, bytes):
                    held["comment"] = comment.decode("utf-8", errors="replace")
    except (OSError, ValueError, SyntaxError):
        return held
    return held


def picture_bytes(cell: Any) -> bytes:
    """The bytes of an image cell, whether it holds them or can read them."""
    return bytes(cell.read()) if hasattr(cell, "read") else bytes(cell)
