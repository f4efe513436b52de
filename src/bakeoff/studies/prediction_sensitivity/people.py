"""Whether people who were shown a prediction found it unfair, beside the sensitivity of that prediction.

The paper's judgements are not public. Anybody's own can be given in the folder of data, as `FILE` in `FOLDER`: `text`,
`predicted` (1 where people were told that the text was called toxic, else 0), and `unfair`, the share of people who
found that unfair.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound, UsageError
from bakeoff.fairness.swaps import Attribute
from bakeoff.nouns import Array
from bakeoff.studies.prediction_sensitivity.measured import ACCUMULATED, SWAPPED, Asked, by_row
from bakeoff.studies.prediction_sensitivity.posts import fitted, other_identity, posts_of
from bakeoff.training.encoders.tokens import words

FOLDER, FILE = "prediction_sensitivity_judgements", "judgements.parquet"
COLUMNS = ("text", "predicted", "unfair")
LEAST, DRAWS = 50, 2000


def people(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Rank correlations of both measures with judgements, over texts that this classifier answers as people were told.

    NotFound without judgements, UsageError where too few of them are of answers that this classifier gives.
    """
    held = _judgements(data)
    posts = posts_of(values, data)
    model, _ = fitted(values, posts)
    asked, kept = _asked(values, posts.identities, held["text"].tolist())
    own = model.probabilities(asked.texts)[:, 1] > 0.5
    same = own == (held["predicted"].to_numpy()[kept] == 1)
    if same.sum() < LEAST:
        raise UsageError(f"{int(same.sum())} judgements are of answers that this classifier gives; {LEAST} are needed.")
    unfair = held["unfair"].to_numpy(dtype=np.float64)[kept][same]
    measures = {name: one[same] for name, one in by_row(model, asked).items()}
    return compared(measures, unfair, values["seed"])


def compared(measures: Mapping[str, Array], unfair: Array, seed: int) -> dict[str, Any]:
    """Each measure's rank correlation with the judgements, and their difference with its interval."""
    random = np.random.default_rng([seed, 14])
    picked = random.integers(0, len(unfair), (DRAWS, len(unfair)))
    values = {name: float(_correlations(one[None], unfair[None])[0]) for name, one in measures.items()}
    first, second = (_correlations(measures[name][picked], unfair[picked]) for name in (ACCUMULATED, SWAPPED))
    low, high = np.quantile(first - second, [0.025, 0.975])
    return {"correlations": values, "difference": [float(low), float(high)], "judgements": len(unfair)}


def _correlations(one: Array, other: Array) -> Array:
    """Spearman's of each row, 0 where one of the two is the same everywhere: float64 (rows,)."""
    from scipy.stats import rankdata

    first, second = (rankdata(side, axis=1) for side in (one, other))
    first, second = (side - side.mean(1, keepdims=True) for side in (first, second))
    below = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.asarray(np.divide((first * second).sum(1), below, out=np.zeros(len(one)), where=below > 0))


def _judgements(data: Path | None) -> Any:
    if data is None or not (data / FOLDER / FILE).exists():
        raise NotFound(
            f"There are no judgements of people; give your own as {FOLDER}/{FILE} with {', '.join(COLUMNS)}."
        )
    import pandas as pd

    held = pd.read_parquet(data / FOLDER / FILE)
    missing = [name for name in COLUMNS if name not in held.columns]
    if missing:
        raise UsageError(f"The judgements have no column {missing[0]!r}; give {', '.join(COLUMNS)}.")
    return held


def _asked(values: Mapping[str, Any], identities: Attribute, texts: list[str]) -> tuple[Asked, Array]:
    kept = [place for place, text in enumerate(texts) if any(identities.value_of(word) for word in words(text))]
    random = np.random.default_rng(12)
    others = [[words(other_identity(texts[row], identities, random)) for row in kept] for _ in range(values["swaps"])]
    known = [words(texts[row]) for row in kept]
    return Asked(known, lambda word: identities.value_of(word) is not None, others), np.array(kept, dtype=np.int64)
