"""The tabpfn baseline: TabPFN, a network that learns a table by reading it, with weights that lie on this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.algorithms.constant import Constant
from bakeoff.algorithms.peers import Coded, Target, columns_for, library
from bakeoff.errors import Declined, MissingExtra
from bakeoff.extras import need
from bakeoff.nouns import Array, Frame, Schema

with suppress(MissingExtra):  # imported with the entry, outside the clock; its absence is declined in fit
    need("tabpfn", "tabpfn")

MODELS = "BAKEOFF_MODELS"  # the folder of shared models, inside a box
ENDINGS = (".ckpt", ".safetensors")
BOTH = "v3.5"  # from here on one file answers classes and quantities
# Rows, features and classes that each version was made for, as its makers say.
LIMITS = {"v2": (10_000, 500, 10), "v2.5": (50_000, 2_000, 10), "v2.6": (50_000, 2_000, 10)}


class TabPFN:
    """TabPFN on numbers, categories as codes, and encoded texts; nothing is ever downloaded.

    Declined where the package or its weights are missing (in words that say where they belong), for a table of images
    alone, and for more rows, features or classes than the weights were made for. `model` names a file of weights; the
    time budget cannot cut it short. `parameters` are TabPFN's own.
    """

    def __init__(self, model: str = "", **parameters: Any) -> None:
        self.model = model
        self.parameters = parameters

    def fit(self, X: Frame, y: Array, *, schema: Schema) -> TabPFN:
        """Let the network read the training rows."""
        columns = columns_for("tabpfn", X, schema)
        library("tabpfn", "tabpfn")
        target = Target.of(y, schema)
        weights = Path(self.model) if self.model else found_weights(target.classes is None)
        if target.classes is not None:
            self.classes_ = target.classes
        self.features_ = Coded(columns, schema.seed)
        features = self.features_.fit_transform(X)
        # TabPFN stops with an error at a table that tells nothing.
        nothing = (
            target.single or not (np.nan_to_num(features, nan=np.inf) != np.nan_to_num(features[0], nan=np.inf)).any()
        )
        self.constant_ = Constant().fit(X, y, schema=schema) if nothing else None
        if self.constant_ is None:
            check_limits(weights, len(features), features.shape[1], target.classes)
            self._learn(features, target, weights, schema)
        return self

    def _learn(self, features: Array, target: Target, weights: Path, schema: Schema) -> None:
        import tabpfn
        import torch

        from bakeoff.training.seeding import threads

        made = tabpfn.TabPFNRegressor if target.classes is None else tabpfn.TabPFNClassifier
        self.model_ = made(
            model_path=str(weights),
            device="cpu",
            random_state=schema.seed % 2**31,
            categorical_features_indices=[at for at, kind in enumerate(self.features_.types) if kind == "c"],
            # In half precision an answer depends on the rows that are asked with it.
            inference_precision=torch.float32,
            **{"fit_mode": "fit_with_cache", "n_estimators": 4, **self.parameters},
        )
        with threads(schema.threads):
            try:
                self.model_.fit(features, target.values)
            except (ValueError, RuntimeError) as error:
                if any(word in str(error) for word in ("samples", "features", "classes")):
                    raise Declined(f"TabPFN: {str(error).splitlines()[0]}") from error
                raise

    def _ask(self, method: str, X: Frame) -> Array:
        from bakeoff.training.seeding import threads

        with threads(1):
            return np.asarray(getattr(self.model_, method)(self.features_.transform(X)), dtype=np.float64)

    def predict_proba(self, X: Frame) -> Array:
        """Probabilities, float64 (rows, classes_)."""
        if self.constant_ is not None:
            return self.constant_.predict_proba(X)
        told = self._ask("predict_proba", X)
        return told / told.sum(axis=1, keepdims=True)

    def predict(self, X: Frame) -> Array:
        """Labels or numbers."""
        if hasattr(self, "classes_"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return self._ask("predict", X) if self.constant_ is None else self.constant_.predict(X)


def places() -> list[Path]:
    """The folders where weights may lie: the challenge's shared models, and TabPFN's own folder."""
    found = []
    if shared := os.environ.get(MODELS):
        found += [Path(shared) / "tabpfn", Path(shared)]
    own = os.environ.get("TABPFN_MODEL_CACHE_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [*found, Path(own) if own else Path(cache) / "tabpfn"]


def found_weights(regression: bool) -> Path:
    """The weights on this machine for a kind of task, those of the highest version; Declined when there are none."""
    wanted = "regressor" if regression else "classifier"
    for place in places():
        with suppress(OSError):
            fitting = [
                path
                for path in sorted(place.iterdir())
                if path.name.startswith("tabpfn")
                and path.suffix in ENDINGS
                and (wanted in path.name or BOTH in path.name)
            ]
            if fitting:
                return max(fitting, key=lambda path: (_version(path), "default" in path.name))
    raise Declined(
        f"TabPFN's weights are not on this machine, and nothing is downloaded here: put tabpfn-v2-{wanted}.ckpt, or a "
        f"later one, into {places()[0]}; its makers keep it at huggingface.co/Prior-Labs, under a licence of their own."
    )


def _version(weights: Path) -> str:
    """For example v2.5; plain v2 where the name says none."""
    named = [part for part in weights.stem.split("-") if part[:1] == "v" and part[1:2].isdigit()]
    return named[0] if named else "v2"


def check_limits(weights: Path, rows: int, features: int, classes: Array | None) -> None:
    """Declined where a table has more than the weights were made for, as far as that is known here."""
    asked = {"training rows": rows, "features": features, "classes": 0 if classes is None else len(classes)}
    for (what, count), most in zip(asked.items(), LIMITS.get(_version(weights), ()), strict=False):
        if count > most:
            raise Declined(f"TabPFN {_version(weights)} takes up to {most:,} {what}, and this table has {count:,}.")
