"""A little table for tests."""

import numpy as np
import pandas as pd


def little_frame(rows=400, seed=0):
    """Two numbers, a category and a text that tell the class, and nothing more."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    return pd.DataFrame(
        {
            "size": y + rng.normal(0, 0.6, rows),
            "weight": rng.normal(0, 1, rows),
            "colour": np.where(rng.random(rows) < 0.7, np.where(y, "red", "blue"), "green"),
            "note": [
                f"item {i} is {'large and heavy' if k else 'small and light'} on day {i % 7}" for i, k in enumerate(y)
            ],
            "y": np.where(y, "yes", "no"),
        }
    )
