"""Tables that the tests of this room make for themselves."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd


def picture(seed: int, size: int = 12, form: str = "PNG") -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, format=form)
    return held.getvalue()


def mixed(rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """A frame with every column type, missing cells in each, awkward texts, an owner and a protected column."""
    generator = np.random.default_rng(seed)
    texts = [f'line {i} says,\nwith "quotes" and {"é" * (i % 3)} ; a lone\rreturn' for i in range(rows)]
    frame = pd.DataFrame(
        {
            "price": generator.normal(size=rows).round(3),
            "pieces": generator.integers(0, 90, rows),
            "brand": generator.choice(["North Star", "Ox", "01"], rows),
            "story": texts,
            "sold": pd.Timestamp("2024-01-01 08:30") + pd.to_timedelta(generator.permutation(rows), "D"),
            "photo": [picture(i % 5) for i in range(rows)],
            "seller": generator.choice([f"s{i}" for i in range(9)], rows),
            "sex": generator.choice(["f", "m"], rows),
            "kept": generator.choice(["yes", "no"], rows),
        }
    )
    frame["photo"] = frame["photo"].astype(object)
    for place, name in enumerate(["price", "brand", "story", "sold", "photo"]):
        frame.loc[place + 1, name] = None
    return frame
