"""What networks of texts take from data besides gradients, made public, asked privately, or left out.

Words are hashed. Labels, tags and pieces are those that pass a noisy threshold; a row with a label that did not pass is
left out, a tag that did not becomes O. Nothing is mixed in that was counted or fitted without a budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array, Role, Schema
from bakeoff.privacy.preparing import COUNT, Columns, Values, told
from bakeoff.privacy.quantiles import Sketch
from bakeoff.privacy.spending import Members, Spending
from bakeoff.training.preparation import Known
from bakeoff.training.recipe import Recipe

HASHED = 1 << 13  # numbers that words are hashed into
MOST = 16  # records of one owner, or pieces of one text, that are learnt from
STEPS = 24  # batches of an epoch
RATE = 3.0  # times the usual learning rate: batches are larger
TAGS, PIECES, COMMON = 8, 32, 64  # different ones that one row may tell of
LENGTH = "answer length"
OUTSIDE = "O"
Lists = list[list[str]]


@dataclass
class PrivateTexts:
    """A private fit of one network: its budget, whose each row is (None: its own), and what was told of the rows."""

    spending: Spending
    rows: int
    owners: Array | None = None
    most: int = 1
    records: int = 0

    @classmethod
    def of(cls, privacy: Any, rows: int, X: Any, schema: Schema | None, owners: Any) -> PrivateTexts:
        """UsageError where owners are to be protected and nobody says whose each row is."""
        spending = Spending(privacy)
        if spending.budget.unit != "owner":
            return cls(spending, rows)
        names = (
            [one.name for one in schema.columns if one.role is Role.OWNER and one.name in X.columns] if schema else []
        )
        if owners is None and not names:
            raise UsageError(
                "Owners are to be protected, and nothing says whose each row is; let entries see the owner column in "
                "fit, or give fit the owners of all rows as owners=."
            )
        held = np.asarray([str(one) for one in (X[names[0]] if owners is None else owners)])
        if len(held) != rows:
            raise UsageError(f"There are {rows} rows and {len(held)} owners; give one owner for each row.")
        return cls(spending, rows, np.unique(held, return_inverse=True)[1], MOST)

    def asked(
        self, values: dict[str, Values], numbers: dict[str, Array] | None = None
    ) -> tuple[dict[str, list[str]], dict[str, Sketch]]:
        """What was told of all rows, by name."""
        whose = Columns(units=self.owners, most=self.most)
        self.records, found, sketches = told(values, numbers or {}, whose, self.rows, self.spending.allowance)
        return found, sketches

    def known(self, **held: Any) -> Known:
        """What was told, as the networks are given it."""
        titles = {entry.name for entry in self.spending.ledger.entries}
        return Known(records=self.records, released=frozenset(titles), **held)

    def kept(self, rows: Sequence[int]) -> None:
        """Only these rows are learnt from."""
        if self.owners is not None:
            self.owners = self.owners[np.asarray(rows, dtype=np.int64)]

    def windows(self, pieces: Sequence[int]) -> None:
        """Each row is learnt from in so many pieces, which are bounded together."""
        own = np.arange(len(pieces)) if self.owners is None else self.owners
        self.owners, self.most = np.repeat(own, pieces), MOST

    def recipe(self, like: Recipe, epochs: int | None) -> Recipe:
        """Large batches, no held-out rows, no decay and no clipping but the regime's own."""
        size = int(np.clip(2 ** round(np.log2(max(self.records, 2) / STEPS)), 16, 1024))
        rate = RATE * like.rate
        return replace(like, epochs=epochs or like.epochs, batch=size, rate=rate, decay=0.0, clip=0.0, held_out=0.0)

    def circumstances(self, recipe: Recipe, clock: Any, clipping: Any = None) -> Any:
        """The private regime, and the clock."""
        from bakeoff.privacy.clipping import Automatic
        from bakeoff.training.sequences.circumstances import Circumstances

        members = Members(self.records, self.owners, self.most)
        return Circumstances(regime=self.spending.regime(recipe, members, clipping or Automatic()), clock=clock)


def labels_and_tags_asked(private: PrivateTexts, tags: Lists, labels: Sequence[str] | None = None) -> Known:
    """Which tags, and labels, there are."""
    values = {"tags": Values("tags of 'tags'", tags, TAGS)}
    if labels is not None:
        values["labels"] = Values("labels of 'labels'", [(label,) for label in labels])
    found, _ = private.asked(values)
    if not found["tags"]:
        found["tags"] = [OUTSIDE]
    if labels is not None and not found["labels"]:
        raise UsageError(
            "No label comes often enough to be told under this budget; take a greater epsilon, or more rows."
        )
    return private.known(categories=found)


def mended(tags: Lists, known: Known) -> Lists:
    """Tags with unknown ones as O, or as the most frequent one where there is no O, and an I- that begins as a B-."""
    names = known.categories["tags"]
    rest = OUTSIDE if OUTSIDE in names else names[0]
    out = []
    for one in tags:
        own: list[str] = []
        for given in one:
            tag = given if given in names else rest
            begin = f"B-{tag[2:]}"
            if tag.startswith("I-") and (not own or own[-1] not in (tag, begin)):
                tag = begin if begin in names else rest
            own.append(tag)
        out.append(own)
    return out


def plain_words(style: Any) -> Any:
    """Words hashed instead of counted; noise does what leaving out did."""
    return replace(style, hashed=HASHED, unseen=0.0, dropout=0.0)


__all__ = ["COUNT", "LENGTH", "PrivateTexts", "labels_and_tags_asked", "mended", "plain_words"]
