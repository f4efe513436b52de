"""One network of the study: trained with its canaries, asked about test rows, and attacked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound
from bakeoff.nouns import Array
from bakeoff.privacy.budget import Budget
from bakeoff.privacy.extraction.blanks import Blanks, secret_of
from bakeoff.privacy.extraction.canaries import KINDS, Canary, deduplicated, inserted, make_canaries
from bakeoff.privacy.extraction.frozen import Frozen
from bakeoff.privacy.extraction.ranking import Exposure, exposure
from bakeoff.privacy.extraction.recovery import recovered
from bakeoff.privacy.extraction.relaxing import Relaxation, extract
from bakeoff.privacy.ledger import Ledger
from bakeoff.privacy.regime import PrivateSettings, PrivateSGD
from bakeoff.studies.canary.networks import Classifier, classifier
from bakeoff.training.encoders.tokens import words
from bakeoff.training.fitting import fit
from bakeoff.training.recipe import Recipe
from bakeoff.training.records import Ragged, Records
from bakeoff.training.seeding import seeded, threads

UNSEEN = "?"  # stands for every word that is not in the vocabulary; no word of a text is spelled so


@dataclass(frozen=True)
class Rows:
    """Training texts with labels, test texts with labels, and the vocabulary, taken from rows that are neither."""

    texts: list[str]
    labels: list[str]
    test: list[str]
    truth: list[str]
    vocabulary: list[str]
    classes: list[str]

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's words, from 1; a text without a word is one unseen word."""
        return [self.places.get(word, 1) for word in words(text)] or [1]

    @property
    def places(self) -> Mapping[str, int]:
        """The number of each word."""
        return {word: 1 + place for place, word in enumerate(self.vocabulary)}

    def records(self, texts: Sequence[str], labels: Sequence[str]) -> Records:
        """Texts as records with class numbers."""
        places = self.places
        codes = [[places.get(word, 1) for word in words(text)] or [1] for text in texts]
        targets = np.array([self.classes.index(label) for label in labels], dtype=np.int64)
        return Records({"text": {"tokens": Ragged.of(codes, np.int64)}}, len(codes), targets)


def measured(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Train one network on one thread and attack it; figures as JSON can hold them."""
    rows = rows_of(values, data)
    made = canaries_of(values, rows.classes)
    texts, labels = inserted(rows.texts, rows.labels, made[values["kind"]], values["repeats"])
    if values["how"]["deduplicated"]:
        texts, labels = deduplicated(texts, labels)
    began = time.process_time()
    with threads(1):
        with seeded(values["seed"]):
            network = classifier(values, rows.vocabulary, len(rows.classes))
        epsilon, epochs = _trained(values, network, rows.records(texts, labels))
        trained = time.process_time()
        told = _attacked(values, rows, network, made[values["kind"]])
        ended = time.process_time()
        test = rows.records(rows.test, rows.truth)
        assert isinstance(test.targets, np.ndarray)
        accuracy = float((answers(network, test) == test.targets).mean())
    return {
        "training rows": len(texts),
        "vocabulary": len(rows.vocabulary),
        "epochs": epochs,
        "accuracy": round(accuracy, 4),
        "test rows": len(rows.test),
        "epsilon": epsilon,
        **told,
        "CPU seconds": {"training": round(trained - began, 2), "attacks": round(ended - trained, 2)},
    }


def rows_of(values: Mapping[str, Any], data: Path | None) -> Rows:
    """The rows of a setting; NotFound where the set is not there. The words of every kind of canary are known."""
    import pandas as pd

    if data is None:
        raise NotFound("This study reads public data sets; name their folder with --data DIR.")
    folder = data / values["set"]
    if not folder.is_dir():
        raise NotFound(f"There is no data set {values['set']!r} in {str(data)!r}; name another folder with --data DIR.")
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    order = np.random.default_rng([values["seed"], 5]).permutation(len(train))
    some, others = train.iloc[np.sort(order[: values["rows"]])], train.iloc[order[values["rows"] :]]
    counts = Counter(word for text in others["text"] for word in set(words(str(text))))
    public = sorted(word for word, count in counts.items() if count >= values["least"])
    made = [word for kind in KINDS.values() for word in kind.words()]
    return Rows(
        texts=[str(text) for text in some["text"]],
        labels=[str(label) for label in some["intent"]],
        test=[str(text) for text in test["text"]],
        truth=[str(label) for label in test["intent"]],
        vocabulary=list(dict.fromkeys([UNSEEN, *public, *made])),
        classes=sorted({*map(str, train["intent"]), *map(str, test["intent"])}),
    )


def canaries_of(values: Mapping[str, Any], classes: Sequence[str]) -> dict[str, list[Canary]]:
    """The seed's canaries of every kind: the same ones whatever the network, the defence and the repetitions."""
    return {
        name: make_canaries(name, classes, values["canaries"], np.random.default_rng([values["seed"], 17, place]))
        for place, name in enumerate(KINDS)
    }


def answers(network: Classifier, records: Records) -> Array:
    """The class of each record, int64 (records,)."""
    import torch

    network.eval()
    found = np.zeros(len(records), dtype=np.int64)
    with torch.inference_mode():
        for begin in range(0, len(records), 256):
            positions = np.arange(begin, min(begin + 256, len(records)))
            batch = records.batch(positions)
            found[positions] = network(batch.inputs["text"]["tokens"]).argmax(1).numpy()
    return found


def _trained(values: Mapping[str, Any], network: Classifier, records: Records) -> tuple[float | None, int]:
    """Fit the network; the epsilon that its ledger states, and the epochs there were."""
    how = values["how"]
    recipe = Recipe(
        epochs=how["epochs"],
        batch=min(how["batch"], len(records)),
        rate=how["rate"],
        decay=0.0,
        clip=0.0,
        schedule="constant",
        warm_up=0.0,
        held_out=how["held_out"],
        patience=1,
        seed=values["seed"],
        threads=1,
    )
    if not values["epsilon"]:
        return None, len(fit(network, records, recipe).history.epochs)
    ledger = Ledger()
    ledger.public("vocabulary", "words of rows that are not trained on, and those of the canaries' kinds")
    ledger.public("classes", "the schema's")
    budget = Budget(values["epsilon"], values["delta"])
    settings = PrivateSettings()
    regime = PrivateSGD.within(budget, ledger, records=len(records), recipe=recipe, settings=settings)
    ledger.public("number of records", "taken as public")
    fitted = fit(network, records, recipe, regime=regime)
    return ledger.epsilon(values["delta"]), len(fitted.history.epochs)


def _attacked(values: Mapping[str, Any], rows: Rows, network: Classifier, canaries: Sequence[Canary]) -> dict[str, Any]:
    frozen = Frozen(network, network.words)
    if values["whole vocabulary"]:
        return _unknowing(values, rows, frozen, canaries)
    blanks = [Blanks.of(one, rows.encode, rows.classes.index(one.label)) for one in canaries]
    secrets = [secret_of(one, rows.encode).tolist() for one in canaries]
    candidates = len(blanks[0].candidates)
    search = dict(values["search"])
    sweeps = search.pop("sweeps")
    ways: dict[str, dict[str, Any]] = {
        "relaxed": {},
        "Gumbel": {"gumbel": True},
        "log-odds": {"objective": "log-odds"},
        "swept": {"sweeps": sweeps},
    }
    attacks = {}
    for name, way in ways.items():
        guesses = extract(frozen, blanks, relaxation=Relaxation(**search, **way, seed=values["seed"]))
        attacks[name] = recovered([one.tokens for one in guesses], secrets, candidates).as_plain()
    ranks = [exposure(frozen, one, secret) for one, secret in zip(blanks, secrets, strict=True)]
    attacks["exhaustive"] = recovered([one.best for one in ranks], secrets, candidates).as_plain()
    return {"attacks": attacks, "exposure": _exposed(ranks)}


def _exposed(ranks: Sequence[Exposure]) -> dict[str, Any]:
    return {
        "bits": [round(one.bits, 4) for one in ranks],
        "ranks": [round(one.rank, 1) for one in ranks],
        "tied": [one.tied for one in ranks],
        "space": ranks[0].space,
    }


def _unknowing(values: Mapping[str, Any], rows: Rows, frozen: Frozen, canaries: Sequence[Canary]) -> dict[str, Any]:
    """The attacker who takes every word of the vocabulary for possible; no rank, since there are too many fillings."""
    search = dict(values["search"])
    some = canaries[: search.pop("canaries")]
    sweeps = search.pop("sweeps")
    every: Array = np.arange(2, 1 + len(rows.vocabulary))
    blanks = [Blanks.of(one, rows.encode, rows.classes.index(one.label), candidates=every) for one in some]
    secrets = [secret_of(one, rows.encode).tolist() for one in some]
    attacks = {}
    ways: dict[str, dict[str, Any]] = {"relaxed": {}, "Gumbel": {"gumbel": True}, "swept": {"sweeps": sweeps}}
    for name, way in ways.items():
        guesses = extract(frozen, blanks, relaxation=Relaxation(**search, **way, seed=values["seed"]))
        attacks[name] = recovered([one.tokens for one in guesses], secrets, len(every)).as_plain()
    return {"attacks": attacks, "exposure": None}
