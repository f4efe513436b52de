"""Entries for text tasks to start from, by kind: each runs as it is, and is made to be changed."""

from __future__ import annotations

COUNTING = '''

class Counted:
    """The tag that each word had most often."""

    def __init__(self, tokens, tags, lower=True):
        self.lower = lower
        seen = defaultdict(Counter)
        for words, told in zip(tokens, tags, strict=True):
            for word, tag in zip(words, told, strict=True):
                seen[self._word(word)][tag] += 1
        self.best = {word: found.most_common(1)[0][0] for word, found in seen.items()}
        self.unseen = Counter(tag for told in tags for tag in told).most_common(1)[0][0]

    def tags(self, tokens):
        return [[self.best.get(self._word(word), self.unseen) for word in words] for words in tokens]

    def _word(self, word):
        return word.lower() if self.lower else word
'''

TAGGING = (
    '''"""A Bakeoff entry that tags words: a class with fit and predict on a pandas DataFrame with lists of words."""

from collections import Counter, defaultdict
'''
    + COUNTING
    + '''

class Model:
    """The most frequent tag of each word; make it yours."""

    def __init__(self, lower=True):
        self.lower = lower

    def fit(self, X, y, schema):
        # y holds a list of tags for each row's list of words.
        (self.column, *_) = schema.of_type("tokens")
        self.counted = Counted(X[self.column], y, self.lower)
        return self

    def predict(self, X):
        return self.counted.tags(X[self.column])
'''
)

JOINT = (
    '''"""A Bakeoff entry that gives a sentence its label and its words their tags."""

from collections import Counter, defaultdict

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
'''
    + COUNTING
    + '''

class Model:
    """A linear classifier of the words for the label, the most frequent tag of each word; make it yours."""

    def __init__(self, C=20.0):
        self.C = C

    def fit(self, X, y, schema):
        # y has the columns label and tags, a list for each row's list of words.
        (self.column, *_) = schema.of_type("tokens")
        self.counted = Counted(X[self.column], y["tags"])
        words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\\S+")
        self.linear = make_pipeline(words, LogisticRegression(C=self.C, max_iter=200))
        self.linear.fit(self._texts(X), y["label"])
        return self

    def predict(self, X):
        labels = self.linear.predict(self._texts(X))
        return pd.DataFrame({"label": labels, "tags": self.counted.tags(X[self.column])})

    def _texts(self, X):
        return [" ".join(words) for words in X[self.column]]
'''
)

SPAN = '''"""A Bakeoff entry that answers questions by a piece of their context."""

import re


class Model:
    """The sentence that shares most words with the question; make it yours."""

    def __init__(self, longest=200):
        self.longest = longest

    def fit(self, X, y, schema):
        # y holds {"text": [...], "answer_start": [...]} for each row, the places of its right answers in the context.
        return self

    def predict(self, X):
        # Texts, or an array of the first character of each answer and the one after its last.
        pairs = zip(X["context"], X["question"], strict=True)
        return [self._answer(context, question) for context, question in pairs]

    def _answer(self, context, question):
        asked = set(re.findall(r"\\w+", question.lower()))
        sentences = re.split(r"(?<=[.!?])\\s+", context)
        return max(sentences, key=lambda one: len(asked & set(re.findall(r"\\w+", one.lower()))))[: self.longest]
'''

GENERATION = '''"""A Bakeoff entry that writes a text for each row."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


class Model:
    """What was written for the most similar source; make it yours."""

    def __init__(self, longest_gram=3):
        self.longest_gram = longest_gram

    def fit(self, X, y, schema):
        # y holds a text for each row.
        self.columns = schema.of_type("text")
        self.vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, self.longest_gram), sublinear_tf=True)
        self.sources = self.vectorizer.fit_transform(self._texts(X))
        self.targets = list(y)
        return self

    def predict(self, X):
        nearest = np.asarray((self.vectorizer.transform(self._texts(X)) @ self.sources.T).argmax(axis=1))
        return [self.targets[place] for place in nearest.ravel()]

    def _texts(self, X):
        return X[self.columns].astype(object).fillna("").astype(str).agg(" ".join, axis=1).tolist()
'''

LANGUAGE_MODEL = '''"""A Bakeoff entry that models a language: the probability of each next character."""

import numpy as np


class Model:
    """How often each character followed the one before it; make it yours."""

    def __init__(self, prior=0.1):
        self.prior = prior

    def fit(self, X, y, schema):
        # y holds whole texts. schema.classes are their characters, "<other>" for any else, and "<end>" after the last.
        self.column = schema.target
        self.places = {character: place for place, character in enumerate(schema.classes)}
        width = len(self.places)
        counts = np.full((width + 1, width), self.prior)  # the last row: at the beginning of a text
        for text in y:
            codes = [self._code(character) for character in text]
            np.add.at(counts, ([width, *codes], [*codes, self.places["<end>"]]), 1)
        self.chances = counts / counts.sum(axis=1, keepdims=True)
        return self

    def predict_proba(self, X):
        # Each row holds the characters so far, at the most the last 500 of them.
        return self.chances[[self._code(text[-1]) if text else -1 for text in X[self.column]]]

    def _code(self, character):
        return self.places.get(character, self.places["<other>"])
'''

# By kind: the code, and a parameter of it as entry.toml writes it.
SCAFFOLD_TEXTS = {
    "tagging": (TAGGING, "lower = true"),
    "joint": (JOINT, "C = 20.0"),
    "span": (SPAN, "longest = 200"),
    "generation": (GENERATION, "longest_gram = 3"),
    "language_model": (LANGUAGE_MODEL, "prior = 0.1"),
}
