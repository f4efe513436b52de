"""CrowS-Pairs and StereoSet as published: counts of the sets, rows of models that need no weights, and exact oracles.

No published masked model is at hand, so its published figure is not made here. What is checked is all that lies between
a model's probabilities and its figure, on the published sentences, against the slow way that the authors describe.
"""

import difflib
import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest

from bakeoff.fairness import (
    Clusters,
    Tokens,
    Triples,
    crows_pairs,
    score_pairs,
    score_triples,
    stereoset,
)

# Nangia et al. 2020, table 1; stereo and antistereo as in the published file.
KINDS = {
    "race-color": 516,
    "gender": 262,
    "socioeconomic": 172,
    "nationality": 159,
    "religion": 105,
    "age": 87,
    "sexual-orientation": 84,
    "physical-appearance": 63,
    "disability": 60,
}
SPECIAL = ("<begin>", "<end>", "<mask>")


def words_of(text):
    return re.findall(r"\w+|[^\w\s]", text.lower())


class Chain:
    """A masked model that is exact: conditionals of a Markov chain of words, with its own ends around a text."""

    def __init__(self, texts, seed=0):
        self.words = [*SPECIAL, *sorted({word for text in texts for word in words_of(text)})]
        self.code = {word: place for place, word in enumerate(self.words)}
        self.mask, self.unknown = 2, None
        random = np.random.default_rng(seed)
        weights = random.exponential(size=(len(self.words), len(self.words)))
        for text in texts:
            codes = [self.code[word] for word in ("<begin>", *words_of(text), "<end>")]
            np.add.at(weights, (codes[:-1], codes[1:]), 5.0)
        weights[:, self.mask] = 0.0
        with np.errstate(divide="ignore"):
            self.step = np.log(weights / weights.sum(1, keepdims=True))

    def tokens(self, texts):
        found = []
        for text in texts:
            pieces = list(re.finditer(r"\w+|[^\w\s]", text.lower()))
            spans = ((0, 0), *(piece.span() for piece in pieces), (0, 0))
            found.append(Tokens((0, *(self.code[piece[0]] for piece in pieces), 1), spans))
        return found

    def log_probs(self, codes, asked):
        return [
            np.array([self.told(row, place)[code] for place, code in own])
            for row, own in zip(codes, asked, strict=True)
        ]

    def told(self, row, place):
        """log P of every word at one place given its neighbours, in closed form."""
        joint = self.step[row[place - 1]] + self.step[:, row[place + 1]]
        return joint - np.logaddexp.reduce(joint)

    def sentence(self, codes):
        return sum(self.step[one, other] for one, other in itertools.pairwise(codes))


def published_scores(model, first, second):
    """The published way, slowly: blocks of all codes, the first and the last left out, one mask at a time.

    The probability of a word is that of the sentence with it, among those of the sentence with every other word.
    """
    codes = [[model.code[word] for word in ("<begin>", *words_of(text), "<end>")] for text in (first, second)]
    kept = ([], [])
    for what, a, b, c, d in difflib.SequenceMatcher(None, *codes).get_opcodes():
        if what == "equal":
            kept[0].extend(range(a, b))
            kept[1].extend(range(c, d))
    scores = []
    for row, places in zip(codes, kept, strict=True):
        score = 0.0
        for place in places[1:-1]:
            all_words = [model.sentence([*row[:place], word, *row[place + 1 :]]) for word in range(len(model.words))]
            score += model.sentence(row) - np.logaddexp.reduce(all_words)
        scores.append(score)
    return scores


@pytest.fixture(scope="module")
def pairs(bakeoff_data):
    return pd.read_parquet(bakeoff_data / "crows_pairs/pairs.parquet")


def test_the_pairs_are_as_many_as_published(pairs):
    assert len(pairs) == 1508
    assert pairs["bias_type"].value_counts().to_dict() == KINDS
    assert pairs["stereo_antistereo"].value_counts().to_dict() == {"stereo": 1290, "antistereo": 218}


def test_published_sentences_are_scored_as_by_the_slow_way(pairs):
    chosen = pairs[pairs["sent_less"].str.contains("40s..", regex=False) | (pairs.index % 60 == 0)]
    more, less = chosen["sent_more"].tolist(), chosen["sent_less"].tolist()
    assert len(more) >= 26, "one of the sentences ends in two full stops, whose match the model's own end decides"
    model = Chain([*more, *less])
    found = score_pairs(model, more, less, chosen["bias_type"].tolist(), chosen["stereo_antistereo"].tolist())
    slow = np.array([published_scores(model, one, other) for one, other in zip(more, less, strict=True)])
    assert found.more == pytest.approx(slow[:, 0], abs=1e-9)
    assert found.less == pytest.approx(slow[:, 1], abs=1e-9)
    measures = {(one.family, one.group): one for one in crows_pairs(found)}
    for kind in set(chosen["bias_type"]):
        rows = slow[(chosen["bias_type"] == kind).to_numpy()]
        assert measures["kind", kind].value == pytest.approx(100 * np.mean(rows[:, 0] > rows[:, 1]))
    assert measures["", "all pairs"].value == pytest.approx(100 * np.mean(slow[:, 0] > slow[:, 1]))


@pytest.mark.parametrize(("liked", "figure"), [("sent_more", 100.0), ("sent_less", 0.0)])
def test_a_model_that_always_or_never_prefers_the_stereotype_is_told_so_in_every_kind(pairs, liked, figure):
    told = {text: float(column == liked) for column in ("sent_more", "sent_less") for text in pairs[column]}

    class Oracle:
        def log_prob(self, texts):
            return [told[text] for text in texts]

    apart = pairs[~pairs["sent_more"].isin(set(pairs["sent_less"])) & (pairs["sent_more"] != pairs["sent_less"])]
    found = crows_pairs(
        score_pairs(Oracle(), apart["sent_more"].tolist(), apart["sent_less"].tolist(), apart["bias_type"].tolist())
    )
    assert len(found) == 1 + len(KINDS)
    assert {one.value for one in found} == {figure}


@pytest.fixture(scope="module")
def clusters(bakeoff_data):
    """The published gender clusters whose sentences are their context with one word in it, as `Clusters`, by target."""
    frame = pd.read_parquet(bakeoff_data / "stereoset/intrasentence_gender_race.parquet")
    frame = frame[(frame["bias_type"] == "gender") & frame["score_gpt2"].notna()]
    made = []
    for _, rows in frame.groupby("cluster_id", sort=True):
        context = rows["context"].iloc[0]
        before, _, after = context.partition("BLANK")
        fits = [
            re.fullmatch(f"{re.escape(before)}([a-z]+){re.escape(after)}", text, re.IGNORECASE)
            for text in rows["sentence"]
        ]
        if all(fits) and re.findall(r"\w*BLANK\w*", context) == ["BLANK"]:
            word = {label: fit[1].lower() for label, fit in zip(rows["gold_label"], fits, strict=True)}
            made.append(
                (rows["target"].iloc[0], context, word["stereotype"], word["anti-stereotype"], word["unrelated"])
            )
    assert len(made) > 200
    return made


class Cloze:
    """A masked model that knows one log-probability for each context and word; its words are whole."""

    def __init__(self, likes):
        self.likes = likes
        self.words, self.mask, self.unknown = ["<unknown>", "<mask>"], 1, 0

    def tokens(self, texts):
        found = []
        for text in texts:
            pieces = list(re.finditer(r"\w+|[^\w\s]", text.lower()))
            self.words += [piece[0] for piece in pieces if piece[0] not in self.words]
            codes = tuple(self.words.index(piece[0]) for piece in pieces)
            found.append(Tokens(codes, tuple(piece.span() for piece in pieces)))
        return found

    def log_probs(self, codes, asked):
        out = []
        for row, own in zip(codes, asked, strict=True):
            context = tuple("BLANK" if code == self.mask else self.words[code] for code in row)
            out.append(np.array([self.likes[context, self.words[code]] for _, code in own]))
        return out


def scored_by(clusters, scores):
    """The figures of a masked model that gives each cluster's stereotype, anti and unrelated word these scores."""
    likes = {}
    for (_, context, *words), told in zip(clusters, scores, strict=True):
        key = tuple("BLANK" if word == "blank" else word for word in words_of(context))
        likes |= {(key, word): one for word, one in zip(words, told, strict=True)}
    sides = [list(side) for side in zip(*clusters, strict=True)]
    found = stereoset(score_triples(Cloze(likes), Clusters(*sides)), draws=50)
    return [one.value for one in found]


def distinct(clusters):
    """Those whose context and words no other cluster has, so that a table can answer each."""
    seen, found = set(), []
    for one in clusters:
        key = tuple(words_of(one[1]))
        if key not in seen and len(set(one[2:])) == 3:
            seen.add(key)
            found.append(one)
    return found


def test_rows_of_models_that_need_no_weights_are_the_published_ones(clusters):
    """Nadeem et al. 2021, section 6: the ideal model has 100, 50 and 100, the stereotyped one icat 0."""
    every = distinct(clusters)
    assert scored_by(every, [(-1.0, -2.0, -9.0)] * len(every)) == [100.0, 100.0, 0.0]
    # Half of an odd number of clusters is none, so each target keeps an even number.
    targets = sorted({one[0] for one in every})
    even = [rows for name in targets for rows in [[one for one in every if one[0] == name]]]
    even = [one for rows in even for one in rows[: len(rows) // 2 * 2]]
    ideal = [((-1.0, -2.0, -9.0), (-2.0, -1.0, -9.0))[place % 2] for place in range(len(even))]
    assert scored_by(even, ideal) == [100.0, 50.0, 100.0]


def test_a_random_model_has_fifty_in_all_three_on_average(clusters):
    random = np.random.default_rng(0)
    targets = [one[0] for one in clusters]
    drawn = np.array(
        [
            [one.value for one in stereoset(Triples(targets, *random.normal(size=(3, len(targets)))), draws=2)]
            for _ in range(200)
        ]
    )
    error = drawn.std(0, ddof=1) / math.sqrt(len(drawn))
    assert np.all(np.abs(drawn.mean(0)[:2] - 50.0) < 5.5 * error[:2])
    assert 46.0 < drawn[:, 2].mean() < 50.0, "the smaller of ss and 100 - ss lies below 50 unless ss is exactly 50"


@pytest.mark.parametrize(
    ("model", "figures"),
    [
        ("gpt2-large", (95.32, 65.29, 66.17)),
        ("bert-base-cased", (82.50, 61.48, 63.56)),
        ("roberta-base", (71.36, 54.21, 65.35)),
    ],
)
def test_official_scores_of_masked_models_give_their_official_figures(bakeoff_data, model, figures):
    frame = pd.read_parquet(bakeoff_data / "stereoset/intrasentence_gender_race.parquet")
    frame = frame[(frame["bias_type"] == "gender") & frame[f"score_{model}"].notna()]
    wide = frame.pivot(index=["cluster_id", "target"], columns="gold_label", values=f"score_{model}")
    sides = (wide[label].to_numpy() for label in ("stereotype", "anti-stereotype", "unrelated"))
    found = stereoset(Triples(wide.index.get_level_values("target").tolist(), *sides), draws=50)
    assert [round(one.value, 2) for one in found] == list(figures)
