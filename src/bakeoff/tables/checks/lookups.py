"""Truth that can be looked up: in the order of the file, in identifiers, and in the names of picture files.

Bakeoff shuffles rows, hides identifiers and names pictures by their content, so entries see none of it; but whoever
has the source can answer without learning anything, and an identifier kept as a feature gives the answer to all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.nouns import Array, Column, ColumnType, Role
from bakeoff.tables.checks.evidence import (
    LEAST,
    SIGMAS,
    Evidence,
    Telling,
    by_answers,
    by_order,
    by_values,
    coded,
    is_ordered,
    numbered,
)
from bakeoff.tables.checks.leaks import naming
from bakeoff.tables.remarks import Remark

HALF = 0.5  # of the way from the constant to perfect: nothing that should tell nothing tells as much
SORTED = 0.95  # rank correlation of a quantity with its place in the file from which the file is sorted by it


def file_order(evidence: Evidence) -> Iterator[Remark]:
    """A file whose rows are sorted, or lie in blocks, by the target."""
    order, parts = _as_filed(evidence.examined.order), evidence.examined.raw_parts
    truth = evidence.truth[order]
    files = None if parts is None else parts[evidence.examined.order][order]
    if len(truth) < LEAST:
        return
    if evidence.classes:
        answers = np.concatenate([[-1], truth[:-1]])
        if files is not None:
            answers[1:][files[1:] != files[:-1]] = -1
        told = by_answers(answers, truth)
        found = told.reaches(HALF)
        how = f"the class of a row is that of the row before it in {float((answers == truth).mean()):.0%} of the rows"
    else:
        from scipy.stats import rankdata

        first = np.ones(len(truth), bool) if files is None else files == files[0]
        ranks = rankdata(truth[first])
        together = float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]) if np.ptp(ranks) > 0 else 0.0
        found = abs(together) >= SORTED and abs(together) * np.sqrt(len(ranks)) >= SIGMAS
        how = f"rank correlation {together:.2f} with the row's place"
    if found:
        name = evidence.target.name
        yield evidence.remark(
            "file order",
            f"The file is sorted by the target {name!r} ({how}); Bakeoff shuffles the rows, but shuffle the source as "
            "well, or keep it private.",
            name,
        )


def _as_filed(order: Array) -> Array:
    """The places (n,) of the standard rows in the order of the file, from the raw row of each (n,)."""
    places = np.full(int(order.max(initial=-1)) + 1, -1)
    # Many times faster than sorting.
    places[order] = np.arange(len(order))
    return places[places >= 0]


def telling_ids(evidence: Evidence, column: Column, series: Any) -> Iterator[Remark]:
    """An identifier whose number, letters or length tell the target."""
    if column.role is not Role.ID and not (column.role is Role.FEATURE and column.trait == "id-like"):
        return
    clue, told = _best(_clues(column, evidence.cells[column.name]), evidence)
    if told.reaches(HALF):
        hidden = "entries don't see it, but whoever has the source can look the truth up; " * (column.role is Role.ID)
        yield evidence.remark(
            "telling ids",
            f"The identifier {column.name!r} tells the target {evidence.target.name!r} by its {clue} "
            f"({_told(evidence, told)}); {hidden}number the rows anew{'' if hidden else ' or leave it out'}.",
            column.name,
        )


def picture_names(evidence: Evidence) -> Iterator[Remark]:
    """File or folder names of pictures that name the class or tell it."""
    import pandas as pd

    for name, paths in evidence.examined.image_names.items():
        held = pd.Series(paths[evidence.sample], dtype=object).fillna("").astype(str).str.replace("\\", "/")
        pieces = held.str.rpartition("/")
        clues = {"folder": coded(pieces[0]), "ending": coded(held.str.lower().str.extract(r"\.(\w+)$", expand=False))}
        clues |= _text_clues(pieces[2].str.replace(r"\.\w+$", "", regex=True), "file ")
        clue, told = _best(clues, evidence)
        named = naming(held, evidence.classes, evidence.sampled_truth)
        if named.reaches(HALF) and named.skill > told.skill - 0.05:
            clue, told = "path, which names the class", named
        if told.reaches(HALF):
            yield evidence.remark(
                "picture names",
                f"The files of column {name!r} tell the target {evidence.target.name!r} by their {clue} "
                f"({_told(evidence, told)}); Bakeoff names pictures by their content, but keep the source private or "
                "rename its files.",
                name,
            )


def _told(evidence: Evidence, told: Telling) -> str:
    if not evidence.classes:
        return f"R2 {told.skill:.2f}"
    base = float(np.bincount(evidence.sampled_truth).max()) / len(evidence.sample)
    return f"right in {base + told.skill * (1 - base):.0%} of the rows, the constant in {base:.0%}"


def _best(clues: dict[str, Array], evidence: Evidence) -> tuple[str, Telling]:
    """The clue that tells most, and how well; whole numbers are looked up, others set against thresholds."""
    truth = evidence.sampled_truth
    found = {
        clue: by_values(values, truth) if values.dtype.kind == "i" else by_order(values, truth)
        for clue, values in clues.items()
        if len(np.unique(values)) > 1
    }
    best = max(found, key=lambda clue: found[clue].skill, default="")
    return best, found.get(best, Telling())


def _clues(column: Column, cells: Any) -> dict[str, Array]:
    if is_ordered(column):
        return {"number": numbered(cells)}
    if column.type is ColumnType.IMAGE:
        return {}
    return _text_clues(cells.astype(object).where(cells.notna(), "").astype(str))


def _text_clues(texts: Any, whose: str = "") -> dict[str, Array]:
    import pandas as pd

    number = pd.to_numeric(texts.str.extract(r"(\d{1,15})\D*$", expand=False), errors="coerce")
    clues = {
        f"{whose}letters": coded(texts.str.replace(r"\d+", "0", regex=True)),
        f"{whose}first letters": coded(texts.str[:2]),
        f"{whose}length": texts.str.len().to_numpy(np.int64),
    }
    if number.notna().mean() > 0.5:
        clues[f"{whose}number"] = number.to_numpy(np.float64)
    return clues
