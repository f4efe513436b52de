"""Small made-up sentences, questions, pairs and texts, and networks of every kind that were fitted to them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from bakeoff.training import Recipe
from bakeoff.training.sequences.beam import BeamStyle
from bakeoff.training.sequences.joint import JointShape, JointTagger
from bakeoff.training.sequences.language import CausalLM, LanguageShape
from bakeoff.training.sequences.layers import TokenShape
from bakeoff.training.sequences.pieces import PieceStyle
from bakeoff.training.sequences.span import SpanReader
from bakeoff.training.sequences.span_network import SpanShape
from bakeoff.training.sequences.tagging import Tagger, TaggerShape
from bakeoff.training.sequences.words import WordStyle
from bakeoff.training.sequences.writer_network import WriterShape
from bakeoff.training.sequences.writing import Seq2Seq

VERBS, CITIES, DAYS = ("fly", "drive"), ("Bonn", "New York", "Oslo", "Rome"), ("Monday", "Friday")
RECIPE = Recipe(epochs=16, batch=4, rate=1e-2, clip=5.0, held_out=0.0, seed=1)
WORDS = WordStyle(embedding=12, affixes=8, characters=6, least=1, slots=512, unseen=0.0, dropout=0.0)


def reader(kind: str) -> TokenShape:
    return TokenShape(kind, width=16, heads=2, depth=1, dropout=0.0)


def sentences(count: int = 24, seed: int = 0):
    """Tokens, a label and tags of each, with lengths that differ."""
    rng = np.random.default_rng(seed)
    tokens, labels, tags = [], [], []
    for _ in range(count):
        verb, city = str(rng.choice(VERBS)), str(rng.choice(CITIES)).split(" ")
        own, marks = ["please", verb, "to", *city], ["O", "O", "O", "B-city", *["I-city"] * (len(city) - 1)]
        if rng.random() < 0.5:
            own, marks = [*own, "on", str(rng.choice(DAYS))], [*marks, "O", "B-day"]
        tokens.append(own)
        labels.append(verb)
        tags.append(marks)
    return tokens, labels, tags


def questions(count: int = 24, seed: int = 0):
    """Contexts, questions and answers as SQuAD has them."""
    rng = np.random.default_rng(seed)
    contexts, asked, answers = [], [], []
    for place in range(count):
        city, day = str(rng.choice(CITIES)), str(rng.choice(DAYS))
        context = f"Well, we fly to {city} on {day}{' afternoon' if place % 3 else ''}."
        text = city if place % 2 else day
        contexts.append(context)
        asked.append("Where to?" if place % 2 else "On which day?")
        answers.append({"text": [text], "answer_start": [context.index(text)]})
    return contexts, asked, answers


def pairs(count: int = 24, seed: int = 0):
    """Spelt words with a number, and their plural or singular."""
    rng = np.random.default_rng(seed)
    stems = ["".join(rng.choice(list("abc"), rng.integers(2, 5))) for _ in range(count)]
    plural = [place % 2 == 0 for place in range(count)]
    sources = [f"{' '.join(stem)} | {'PL' if many else 'SG'}" for stem, many in zip(stems, plural, strict=True)]
    return sources, [" ".join(stem + ("s" if many else "")) for stem, many in zip(stems, plural, strict=True)]


TEXTS = ["abab", "abababab", "ab" * 12, "", "abab"]


def taggers(kind: str, chain: bool) -> Tagger:
    return Tagger(TaggerShape(WORDS, reader(kind), chain))


def fitted(name: str, recipe: Recipe = RECIPE, around=None):
    """A network of this name, fitted; quickly, as tests want it."""
    tokens, labels, tags = sentences()
    kind = "transformer" if "transformer" in name else "recurrent"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if name.startswith("tagger"):
            return taggers(kind, "field" in name).fit(tokens, tags, recipe, around)
        if name.startswith("joint"):
            shape = JointShape(TaggerShape(WORDS, reader(kind)), dropout=0.0)
            return JointTagger(shape).fit(tokens, labels, tags, replace(recipe, epochs=2 * recipe.epochs), around)
        if name.startswith("span"):
            shape = SpanShape(WORDS, reader(kind), question=16)
            return SpanReader(shape).fit(*questions(), recipe, around)
        if name.startswith("writer"):
            beam = BeamStyle(3, 20, 0.6)
            shape = WriterShape(PieceStyle(), reader(kind), beam, embedding=16, width=24, dropout=0.0)
            return Seq2Seq(shape).fit(*pairs(), replace(recipe, epochs=2 * recipe.epochs), around)
        shape = LanguageShape(kind, embedding=8, width=16, heads=2, dropout=0.0, window=16)
        return CausalLM(shape).fit(TEXTS, replace(recipe, epochs=3 * recipe.epochs), around)


def answers(name: str, model, rows: slice = slice(None)):
    """What a fitted network answers to its made-up rows."""
    tokens, _, _ = sentences()
    if name.startswith(("tagger", "joint")):
        found = model.predict(tokens[rows])
        return list(zip(*found, strict=True)) if name.startswith("joint") else found
    if name.startswith("span"):
        contexts, asked, _ = questions()
        return [tuple(one) for one in model.predict(contexts[rows], asked[rows]).tolist()]
    if name.startswith("writer"):
        return model.predict(pairs()[0][rows])
    return [one.round(2).tolist() for one in model.next_characters(["", "a", "ab", "aba", "zz", "ab" * 30][rows])]


NAMES = (
    "tagger, recurrent, field",
    "tagger, transformer, softmax",
    "joint",
    "span",
    "span, transformer",
    "writer",
    "writer, transformer",
    "language",
    "language, transformer",
)
