"""Posts of HateXplain and the madlibs: classifiers that differ in how they meet identity words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import NotFound
from bakeoff.fairness.patterns import by_identities
from bakeoff.fairness.rankings import AREAS, NAMED, RankSettings, compare_rankings
from bakeoff.fairness.swaps import Attribute, variants
from bakeoff.nouns import Array, Frame
from bakeoff.studies.prediction_sensitivity.learners import Classifier
from bakeoff.studies.prediction_sensitivity.measured import Asked, Tokens, accuracy, area, figures
from bakeoff.training.encoders.tokens import words

MASK = "someone"
HALF = 0.5


@dataclass(frozen=True)
class Posts:
    """Training, status and test posts as frames with `text` and `toxic`, and the identities that are swapped."""

    train: Frame
    status: Frame
    test: Frame
    identities: Attribute

    def named(self, text: str) -> bool:
        """Whether a text holds an identity word."""
        return any(self.identities.value_of(word) for word in words(text))


def real(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Quality, bias on posts and on madlibs, and every measure of one classifier."""
    posts = posts_of(values, data)
    model, status = fitted(values, posts)
    asked = asked_of(values, posts)
    test = [words(text) for text in posts.test["text"]]
    toxic = posts.test["toxic"].to_numpy()
    named = posts.test["named"].to_numpy()
    told = {
        **figures(model, status, asked),
        "accuracy": accuracy(model, test, toxic),
        "AUC": area(model, test, toxic),
        **_means(values, posts, model.probabilities(test)[:, 1]),
        **_madlibs(values, data, model),
    }
    found = {name: round(value, 6) for name, value in told.items()}
    return {"figures": found, "status": round(area(status, test, named), 4), "texts": len(asked.texts)}


def posts_of(values: Mapping[str, Any], data: Path | None) -> Posts:
    """The set's official parts; NotFound where it is not there."""
    if data is None or not (data / "hatexplain").is_dir():
        raise NotFound("There is no data set 'hatexplain'; name the folder of public sets with --data DIR.")
    import pandas as pd

    identities = Attribute("identity", values["words"])
    parts = []
    for name in ("train", "val", "test"):
        frame = pd.read_parquet(data / "hatexplain" / f"{name}.parquet")
        frame["toxic"] = (frame["label"] != "normal").astype(np.int64)
        if name != "train":
            said = frame["targets_majority"].fillna("").str.split("|")
            frame["named"] = [int(bool(set(one) & set(values["communities"]))) for one in said]
        parts.append(frame)
    train, status, test = parts
    return Posts(train, status, test, identities)


def fitted(values: Mapping[str, Any], posts: Posts) -> tuple[Classifier, Classifier]:
    """The classifier of a variant, and the model that tells whether a post is about one of the communities."""
    texts, labels = _trained(values["variant"], posts, np.random.default_rng([values["seed"], 11]))
    model = Classifier(values["model"], values["shape"], values["seed"]).fit(texts, labels)
    about = [words(text) for text in posts.status["text"]]
    status = Classifier(values["model"], values["shape"], values["seed"] + 1)
    return model, status.fit(about, posts.status["named"].to_numpy())


def _trained(variant: str, posts: Posts, random: np.random.Generator) -> tuple[list[list[str]], Array]:
    """Training posts as a variant has them.

    `masked` hides every identity word, `half` those of half the posts, `skewed` leaves out harmless posts with such a
    word, and `augmented` adds to each post with one the same post with another identity.
    """
    texts, labels = posts.train["text"].tolist(), posts.train["toxic"].to_numpy()
    named = np.array([posts.named(text) for text in texts])
    if variant == "skewed":
        kept = ~(named & (labels == 0))
        return [words(text) for text, keep in zip(texts, kept, strict=True) if keep], labels[kept]
    if variant == "augmented":
        more = np.flatnonzero(named)
        twins = [other_identity(texts[row], posts.identities, random) for row in more]
        return [words(text) for text in [*texts, *twins]], np.concatenate([labels, labels[more]])
    share = {"plain": 0.0, "half": HALF, "masked": 1.0}[variant]
    hidden = named & (random.random(len(texts)) < share)
    return [_masked(text, posts) if hide else words(text) for text, hide in zip(texts, hidden, strict=True)], labels


def _masked(text: str, posts: Posts) -> list[str]:
    return [MASK if posts.identities.value_of(word) else word for word in words(text)]


def other_identity(text: str, identities: Attribute, random: np.random.Generator) -> str:
    """The text with all of its identities made one that is not in it, where there is one."""
    found = variants(text, identities)
    there = {identities.value_of(word) for word in words(text)}
    names = [name for name in found if name not in there]
    return found[names[int(random.integers(len(names)))]].text if names else text


def asked_of(values: Mapping[str, Any], posts: Posts) -> Asked:
    """Test posts with an identity word, and so many counterparts of each; the same for all classifiers."""
    texts = [text for text in posts.test["text"] if posts.named(text)][: values["tested"]]
    random = np.random.default_rng(12)
    others = [[words(other_identity(text, posts.identities, random)) for text in texts] for _ in range(values["swaps"])]
    return Asked([words(text) for text in texts], lambda word: posts.identities.value_of(word) is not None, others)


def _means(values: Mapping[str, Any], posts: Posts, scores: Array) -> dict[str, float]:
    """Generalised means of the areas over the communities that posts are about, against posts about others."""
    said = posts.test["targets_majority"].fillna("").str.split("|").tolist()
    held = {name: np.array([name in one for one in said]) for name in values["communities"]}
    held = {name: rows for name, rows in held.items() if rows.any()}
    found = compare_rankings(
        posts.test["toxic"].to_numpy(), scores, by_identities(held), RankSettings(background=NAMED, draws=1)
    )
    return {
        f"mean {one.metric}": one.value
        for one in found
        if one.metric in AREAS and one.group.startswith("general") and one.value is not None
    }


def _madlibs(values: Mapping[str, Any], data: Path | None, model: Classifier) -> dict[str, float]:
    """How unlike harmless phrases fare by the identity they name: false positives, and the spread of scores."""
    phrases, toxic, about = _phrases(data, values["madlibs"])
    scores = model.probabilities(phrases)[:, 1]
    harmless = toxic == 0
    whole = float((scores[harmless] > HALF).mean())
    rates, means = [], []
    for identity in np.unique(about):
        own = scores[harmless & (about == identity)]
        rates.append(float((own > HALF).mean()))
        means.append(float(own.mean()))
    return {
        "false positive equality difference": float(np.abs(np.array(rates) - whole).sum()),
        "spread of scores": float(np.std(means)),
        "AUC of madlibs": area(model, phrases, toxic),
    }


@cache
def _phrases(data: Path | None, most: int) -> tuple[Tokens, Array, Array]:
    """Phrases as tokens, whether they are toxic, and the identity that each names; NotFound without the set."""
    if data is None or not (data / "toxicity_madlibs").is_dir():
        raise NotFound("There is no data set 'toxicity_madlibs'; name the folder of public sets with --data DIR.")
    import pandas as pd

    frame = pd.read_parquet(data / "toxicity_madlibs" / "sentences.parquet")
    named = identities_of(frame["phrase"].tolist())
    about = np.array([_about(phrase, named) for phrase in frame["phrase"]])
    rows = np.flatnonzero(about != "")
    rows = np.random.default_rng(13).permutation(rows)[:most]
    toxic = (frame["toxicity"].to_numpy()[rows] == "toxic").astype(np.int64)
    return [words(phrase) for phrase in frame["phrase"].to_numpy()[rows]], toxic, about[rows]


def identities_of(phrases: Sequence[str]) -> list[str]:
    """The identities of the templates: whatever is hugged in one of them, longest first."""
    found = {phrase.removeprefix("hug ") for phrase in phrases if phrase.startswith("hug ")}
    return sorted(found, key=lambda name: (-len(name), name))


def _about(phrase: str, named: Sequence[str]) -> str:
    held = f" {phrase} "
    return next((name for name in named if f" {name} " in held), "")
