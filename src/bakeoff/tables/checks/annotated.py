"""What a reader should know of targets of several values: tags out of order or new in test, texts seen twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from bakeoff.nouns import Array, ColumnType
from bakeoff.tables.annotations import JOINT, LANGUAGE_MODEL, SPAN, TAGGING, labels_of, tags_of
from bakeoff.tables.checks.coincidence import words_alone
from bakeoff.tables.checks.duplicates import CHANCE, SHARE, hashed
from bakeoff.tables.checks.evidence import Evidence
from bakeoff.tables.checks.tag_schemes import TAG, is_bio, stray
from bakeoff.tables.remarks import Remark
from bakeoff.tables.sentences import listed

UNLIKELY = 1e-3  # chance that all questions without an answer fall into one part of a table divided at random


def is_tagged(evidence: Evidence) -> bool:
    """Whether the target holds tags."""
    return evidence.data.settings.kind in (TAGGING, JOINT)


def is_answered(evidence: Evidence) -> bool:
    """Whether the target holds answers in a context."""
    return evidence.data.settings.kind == SPAN


def is_modelled(evidence: Evidence) -> bool:
    """Whether the target is plain text."""
    return evidence.data.settings.kind == LANGUAGE_MODEL


def _tags(evidence: Evidence) -> list[list[str]]:
    kind = evidence.data.settings.kind
    return [tags_of(kind, cell) for cell in evidence.data.column(evidence.target.name)]


def tag_scheme(evidence: Evidence) -> Iterator[Remark]:
    """Tags of a BIO scheme that go on with what never began, and tags that are none of the scheme."""
    tags = _tags(evidence)
    counts = Counter(tag for row in tags for tag in row)
    name = evidence.target.name
    if not is_bio(counts):
        return
    begun = np.array([stray(row) for row in tags], dtype=bool).nonzero()[0]
    if len(begun):
        yield evidence.remark(
            "tag scheme",
            f"The target {name!r} has {len(begun):,} {'row' if len(begun) == 1 else 'rows'} with an I- tag that no B- "
            f"or I- of its type comes before, {evidence.where(begun)}; it is taken to begin an entity, as IOB1 has it: "
            "write B- there if all others do.",
            name,
            begun,
        )
    strange = sorted((tag for tag in counts if not TAG.fullmatch(tag)), key=lambda tag: (-counts[tag], tag))
    if strange:
        held = set(strange)
        places = np.array([not held.isdisjoint(row) for row in tags], dtype=bool).nonzero()[0]
        yield evidence.remark(
            "tag scheme",
            f"The target {name!r} holds {listed(strange)} among tags such as B-x, I-x and O, in "
            f"{evidence.where(places)}; write O, or B- and I- before the type.",
            name,
            places,
        )


def unseen_tags(evidence: Evidence) -> Iterator[Remark]:
    """Tags, and labels of joint tasks, that test has and train lacks, so that nobody can learn them."""
    tags, name = _tags(evidence), evidence.target.name
    test = evidence.data.tested
    known = {tag for row, asked in zip(tags, test, strict=True) if not asked for tag in row}
    yield from _unseen(evidence, "tag", test, [[tag for tag in row if tag not in known] for row in tags])
    if evidence.data.settings.kind == JOINT:
        labels = labels_of(evidence.data.column(name)).to_numpy(dtype=object)
        learnt = set(labels[~test])
        yield from _unseen(evidence, "label", test, [[label] if label not in learnt else [] for label in labels])


def _unseen(evidence: Evidence, what: str, test: Array, new: list[list[str]]) -> Iterator[Remark]:
    places = np.array([bool(one) for one in new], dtype=bool) & test
    rows = places.nonzero()[0]
    if not len(rows):
        return
    counts = Counter(one for row in rows for one in new[row])
    names = [name for name, _ in counts.most_common()]
    yield evidence.remark(
        "unseen tags",
        f"The target {evidence.target.name!r} has the {what}{'s' if len(names) > 1 else ''} {listed(names)} in test "
        f"and never in train, in {len(rows):,} test {'row' if len(rows) == 1 else 'rows'}: {evidence.where(rows)}; "
        "they cannot be learnt: bring training rows that have them, or leave these rows out.",
        evidence.target.name,
        rows,
    )


def unanswered(evidence: Evidence) -> Iterator[Remark]:
    """Questions without an answer in train alone, or in test alone, more than chance would leave there."""
    empty = evidence.data.column(evidence.target.name).str.startswith('{"text": []').to_numpy(dtype=bool)
    test = evidence.data.tested
    shares = {part: float(empty[here].mean()) for part, here in (("train", ~test), ("test", test)) if here.any()}
    if len(shares) < 2 or not empty.any() or all(shares.values()):
        return
    has, lacks = ("train", "test") if shares["train"] else ("test", "train")
    if (1 - empty.mean()) ** int((test if lacks == "test" else ~test).sum()) > UNLIKELY:
        return
    places = empty.nonzero()[0]
    yield evidence.remark(
        "unanswered",
        f"{len(places):,} questions have no answer in their context, all of them in {has} and none in {lacks}: "
        f"{evidence.where(places)}; have such questions in both parts, or in none.",
        evidence.target.name,
        places,
    )


def repeated_texts(evidence: Evidence) -> Iterator[Remark]:
    """Test texts of a language model that train has as well, word for word, too long to be alike by chance."""
    name = evidence.target.name
    texts = evidence.data.column(name)
    test = evidence.data.tested
    hashes = hashed(texts)
    chance = words_alone(texts.str.count(r"\S+").to_numpy(np.float64))
    twice = test & np.isin(hashes, hashes[~test]) & (len(texts) ** 2 * chance <= CHANCE)
    places, tests = twice.nonzero()[0], int(test.sum())
    if len(places) and len(places) >= SHARE * tests and evidence.target.type is ColumnType.TEXT:
        yield evidence.remark(
            "repeated texts",
            f"{len(places):,} of {tests:,} test texts {'is' if len(places) == 1 else 'are'} in train too, word for "
            f"word: {evidence.where(places)}; remove them from one part.",
            name,
            places,
        )
