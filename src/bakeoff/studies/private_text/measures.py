"""What is measured of a setting: what texts are still good for, and what an attacker learns of them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.nouns import Array
from bakeoff.studies.private_text.sets import Texts, private_of, public_of

Rewritten = tuple[Sequence[str], dict[str, Any], Any]  # texts, figures, and what replaced words


def measured(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """Figures of one setting, as JSON can hold them; NotFound where a set is not there."""
    if values["kind"] == "published":
        return _published(values)
    if values["kind"] == "ranks":
        return _ranks(values, data)
    train, test = private_of(values, data)
    began = time.process_time()
    if values["kind"] == "plain":
        return {**judged(values, train, train.texts, test), "CPU seconds": round(time.process_time() - began, 1)}
    rewrite = _words if values["kind"] == "words" else _codes
    rewritten, told, replacer = rewrite(values, train, data)
    cpu = round(time.process_time() - began, 1)
    return {**judged(values, train, rewritten, test, replacer), **told, "CPU seconds": cpu}


def judged(
    values: Mapping[str, Any], train: Texts, rewritten: Sequence[str], test: Texts, replacer: Any = None
) -> dict[str, Any]:
    """Accuracy on test texts as they are of what was learnt from rewritten ones, and how well those are recognised."""
    from bakeoff.privacy.texts import link_texts

    few = np.random.default_rng([values["seed"], 41]).permutation(len(rewritten))[: values["attack"]["linking"]]
    own, other = [train.texts[row] for row in few], [rewritten[row] for row in few]
    linked = link_texts(own, other, among=_among(values, few), replacer=replacer)
    found: dict[str, Any] = {
        "accuracy": _accuracy(rewritten, train.labels, test.texts, test.labels),
        "linked": linked.as_plain(),
        "example": [train.texts[0], rewritten[0]],
    }
    if len(train.authors):
        # Whoever asks has rewritten texts whose authors are known, and learns from those.
        half = len(rewritten) // 2
        known, asked = rewritten[:half], rewritten[half:]
        found["author"] = _accuracy(known, train.authors[:half], asked, train.authors[half:])
    return found


def _among(values: Mapping[str, Any], few: Array) -> int:
    return min(int(values["attack"]["among"]), len(few))


def _accuracy(texts: Sequence[str], labels: Array, asked: Sequence[str], truth: Array) -> dict[str, float]:
    """Of logistic regression on words and word pairs by TF-IDF, with its standard error and the largest class."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from bakeoff.privacy.texts.cutting import words_of

    reader = TfidfVectorizer(analyzer=lambda text: _grams(words_of(text)), sublinear_tf=True, min_df=2)
    told = reader.fit_transform(texts)
    model = LogisticRegression(C=10.0, max_iter=200).fit(told, labels)
    value = float((model.predict(reader.transform(asked)) == truth).mean())
    names, counts = np.unique(labels, return_counts=True)
    largest = float((truth == names[counts.argmax()]).mean())
    return {"value": value, "error": math.sqrt(value * (1 - value) / len(truth)), "largest class": largest}


def _grams(words: list[str]) -> list[str]:
    return [*words, *(f"{one} {other}" for one, other in pairwise(words))]


@lru_cache(maxsize=2)
def _vectors(names: tuple[str, ...], data: Path | None, how: tuple[tuple[str, int], ...]) -> Any:
    from bakeoff.privacy.texts import train_vectors

    return train_vectors(public_of(names, data), name=" and ".join(names), **dict(how))


def _words(values: Mapping[str, Any], train: Texts, data: Path | None) -> Rewritten:
    from bakeoff.privacy.texts import WordReplacer, guess_words

    public = tuple(values["about"]["public"])
    vectors = _vectors(public, data, tuple(values["vectors"].items()))
    replacer = WordReplacer(vectors, values["method"], values["epsilon"], seed=values["seed"])
    found = replacer.rewrite(train.texts)
    few = slice(values["attack"]["guessing"])
    guessed = guess_words(replacer, train.texts[few], found.texts[few], public_of(public, data))
    guarantee = found.guarantee
    told = {
        "guessed": guessed.as_plain(),
        "words": found.words,
        "unknown": found.unknown,
        "changed": found.changed,
        "vocabulary": len(vectors),
        "per word": guarantee.per_word,
        "nearest": guarantee.nearest,
        "typical": guarantee.typical,
    }
    return found.texts, told, replacer


def _codes(values: Mapping[str, Any], train: Texts, data: Path | None) -> Rewritten:
    from bakeoff.extras import need

    need("torch", "privacy")
    need("dp_accounting", "privacy")
    from bakeoff.privacy.texts import TextCoder
    from bakeoff.privacy.texts.code_network import CodeShape
    from bakeoff.training.recipe import Recipe

    how = values["coder"]
    shape = CodeShape(*(how[name] for name in ("dimensions", "embedding", "width", "hide", "longest")))
    recipe = Recipe(
        epochs=how["epochs"], batch=how["batch"], rate=how["rate"], decay=1e-3, held_out=0.0, seed=values["seed"]
    )
    names = tuple(values["about"]["public"])
    public = public_of(names, data)
    some = np.random.default_rng([values["seed"], 43]).permutation(len(public))[: how["texts"]]
    coder = TextCoder(values["epsilon"], values["delta"], shape=shape, seed=values["seed"])
    coder.fit([public[row] for row in some], name=" and ".join(names), recipe=recipe)
    found = coder.rewrite(train.texts)
    # With a seed nothing is guaranteed, and so no epsilon told; this is what it is without one.
    stated = coder.at(values["epsilon"], values["delta"]).ledger().epsilon(values["delta"])
    same = float(np.mean([one == other for one, other in zip(found.texts, train.texts, strict=True)]))
    return found.texts, {"text epsilon": stated, "spread": coder.spread, "returned": same}, None


def _ranks(values: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """By epsilon, how often a word comes out as itself, as a near one, or one far away; words as often as in text."""
    from collections import Counter

    from bakeoff.privacy.texts.chance import Chance
    from bakeoff.privacy.texts.cutting import words_of
    from bakeoff.privacy.texts.mechanisms import mechanism_of

    public = public_of(tuple(values["public"]), data)
    vectors = _vectors(tuple(values["public"]), data, tuple(values["vectors"].items()))
    counts = Counter(word for text in public for word in words_of(text) if word in vectors.places)
    random = np.random.default_rng(47)
    names = list(counts)
    chances = np.array([counts[name] for name in names], dtype=np.float64)
    drawn = random.choice(len(names), values["draws"], p=chances / chances.sum())
    points = np.array([vectors.places[names[place]] for place in drawn], dtype=np.int64)
    found = {}
    for epsilon in values["epsilons"]:
        outcomes = mechanism_of(values["method"], vectors, epsilon).draw(points, Chance(53))
        itself, near = _near(vectors, points, outcomes, values["near"])
        found[f"{epsilon:g}"] = {"itself": itself, "near": near, "far": 1 - itself - near}
    return {"shares": found, "vocabulary": len(vectors), "draws": values["draws"]}


def _near(vectors: Any, points: Array, outcomes: Array, near: int) -> tuple[float, float]:
    itself = outcomes == points
    moved = np.flatnonzero(~itself)
    among = 0
    for part in vectors.parts(len(moved)):
        rows = moved[part]
        apart = vectors.distances(vectors.matrix[points[rows]])
        apart[np.arange(len(rows)), points[rows]] = np.inf
        last = np.partition(apart, near - 1, axis=1)[:, near - 1]
        among += int((apart[np.arange(len(rows)), outcomes[rows]] <= last).sum())
    return float(itself.mean()), among / len(points)


def _published(values: Mapping[str, Any]) -> dict[str, Any]:
    from bakeoff.privacy.texts import published_epsilon
    from bakeoff.privacy.texts.published import attacked

    found = published_epsilon(values["epsilon"], values["dimensions"], values["delta"])
    least = attacked(values["epsilon"], values["dimensions"], values["trials"], 0, delta=values["delta"])
    return {**found.as_plain(), "attack, epsilon at least": least}
