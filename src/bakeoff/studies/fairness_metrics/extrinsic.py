"""What classifiers that were tuned from an encoder do to groups, each metric turned so that larger is more biased."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.fairness import (
    Settings,
    Wanted,
    by_attributes,
    by_identities,
    compare_groups,
    count,
    gender,
    word_swap_sensitivity,
)
from bakeoff.fairness.swapping import SwapSettings
from bakeoff.nouns import Array
from bakeoff.studies.fairness_metrics.corpora import madlibs, posts, sentiment
from bakeoff.studies.fairness_metrics.planting import JOBS, biographies
from bakeoff.training.fitting import fit
from bakeoff.training.layers.texts import mean
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Batch, Records
from bakeoff.training.seeding import seeded, threads
from bakeoff.training.sequences.batches import SequenceNetwork, gathered

IDENTITIES = (
    *("female", "male", "gay", "lesbian", "straight", "transgender", "black", "white", "asian", "muslim", "christian"),
    *("jewish", "old", "young", "blind", "deaf"),
)
GAP, FPR = "largest - smallest", "false positive rate"
FEW = 200  # resamples of a gap


class TunedNetwork(SequenceNetwork):
    """A masked language model's features, their mean over the text, and a linear layer."""

    def __init__(self, inner: Any, classes: int) -> None:
        super().__init__()
        self.inner = inner
        self.out = nn.Linear(inner.reader.width, classes)

    def logits(self, batch: Batch) -> Tensor:
        """Of each class, (records, classes)."""
        found, there = self.inner.hidden(batch)
        return self.out(mean(found.float(), there))

    def losses(self, batch: Batch) -> Tensor:
        """The cross entropy of each record."""
        return functional.cross_entropy(self.logits(batch), batch.targets.long(), reduction="none")


class Tuned:
    """A classifier of texts: a copy of the encoder that learns on, and a layer on top."""

    def __init__(self, model: Any, texts: Sequence[str], truth: Array, how: Mapping[str, Any], seed: int) -> None:
        self.model = model
        with seeded(seed):
            self.network = TunedNetwork(copy.deepcopy(model.network), int(truth.max()) + 1)
        recipe = Recipe(how["epochs"], how["batch"], how["rate"], clip=5.0, held_out=0.0, seed=seed)
        fit(self.network, self._read(texts, truth.astype(np.int64)), recipe)

    def _read(self, texts: Sequence[str], truth: Array | None = None) -> Records:
        held = self.model.records(list(texts))
        return Records(held.parts, len(held), truth)

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Probabilities float64 (texts, classes)."""

        def answer(batch: Batch) -> list[Array]:
            return list(self.network.logits(batch).double().softmax(1).numpy())

        with threads(1):
            return np.array(gathered(self.network, self._read(texts), answer))


class Frozen:
    """A classifier of texts: a logistic regression of the encoder's vectors, which stay as they are."""

    def __init__(self, model: Any, texts: Sequence[str], truth: Array) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.model = model
        self.inner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        self.inner.fit(model.encode(list(texts)), truth)

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Probabilities float64 (texts, classes)."""
        return np.asarray(self.inner.predict_proba(self.model.encode(list(texts))))


def extrinsic(model: Any, values: Mapping[str, Any], data: Path | None) -> dict[str, dict[str, Any]]:
    """By metric: `bias`, the `accuracy` of the classifier it was measured of, and more where there is more."""
    found: dict[str, dict[str, Any]] = {}
    if "occupations" in values["tasks"]:
        found |= _occupations(model, values)
    if "sentiment" in values["tasks"]:
        found |= _sentiment(model, values, data)
    if "toxicity" in values["tasks"]:
        found |= _toxicity(model, values, data)
    return found


def _occupations(model: Any, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    given = values["occupations"]
    train = biographies(given["train"], given["skew"], given["clear"], 1000 + values["seed"])
    test = biographies(given["test"], 0.5, given["clear"], 999)  # the same for all encoders
    names = np.array(JOBS)
    made: dict[str, Tuned | Frozen] = {
        "occupations, tuned": Tuned(model, train.texts, train.jobs, values["tuning"], values["seed"]),
        "occupations, frozen": Frozen(model, train.texts, train.jobs),
    }
    found = {}
    for name, classifier in made.items():
        told = classifier.predict_proba(test.texts).argmax(1)
        table = count(names[test.jobs], names[told], by_attributes({"gender": test.genders}), classes=JOBS)
        report = compare_groups(table, Settings(Wanted(("true positive rate",)), draws=FEW))
        gaps = [report.find(f"true positive rate of {job!r}", GAP, "gender").value for job in JOBS]
        told_gaps = [gap for gap in gaps if gap is not None]
        found[name] = {"bias": float(np.mean(told_gaps)), "accuracy": float((told == test.jobs).mean())}
    return found


def _sentiment(model: Any, values: Mapping[str, Any], data: Path | None) -> dict[str, dict[str, Any]]:
    train, test = sentiment(data, values["sentiment"]["train"], values["seed"])
    classifier = Tuned(model, train.texts, train.truth, values["tuning"], values["seed"])
    moved, flipped = word_swap_sensitivity(classifier.predict_proba, test.texts, gender(), SwapSettings(draws=FEW))
    accuracy = float((classifier.predict_proba(test.texts).argmax(1) == test.truth).mean())
    told = {"bias": moved.value, "accuracy": accuracy, "neutral": moved.expected, "flipped": flipped.value}
    return {"sentiment, swapped words": {**told, "texts": moved.n}}


def _toxicity(model: Any, values: Mapping[str, Any], data: Path | None) -> dict[str, dict[str, Any]]:
    train, test = posts(data, values["toxicity"]["train"], values["seed"])
    classifier = Tuned(model, train.texts, train.truth, values["tuning"], values["seed"])
    accuracy = float((classifier.predict_proba(test.texts).argmax(1) == test.truth).mean())
    asked, named = madlibs(data, values["toxicity"]["asked"], IDENTITIES)
    scores = classifier.predict_proba(asked.texts)[:, 1]
    # Made sentences are short and all much alike; the half with the higher scores is called toxic.
    told = scores > np.median(scores)
    found = {}
    for name, some in (("female and male", IDENTITIES[:2]), ("all identities", IDENTITIES)):
        grouped = by_identities({one: named[one] for one in some if named[one].any()})
        report = compare_groups(count(asked.truth, told, grouped), Settings(Wanted((FPR,), "True"), draws=FEW))
        gap = report.find(FPR, GAP)
        found[f"toxicity, {name}"] = {"bias": gap.value, "accuracy": accuracy, "low": gap.low, "high": gap.high}
    return found
