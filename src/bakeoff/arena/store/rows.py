"""Records as the rows that keep them, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bakeoff.arena.store.schema import CELL_FIELDS
from bakeoff.nouns import Cell, CellResult, Claim, Entry, Finding, Level, Limits, Measurements, Outcome, Source, plain

# JSON has no word for these numbers, and PostgreSQL holds to that; a parameter may still be one of them.
NUMBER = "bakeoff:number"


def result_row(result: CellResult) -> dict[str, Any]:
    """A result as its row, but for when and under which token it was saved."""
    row = {name: getattr(result.cell, name) for name in CELL_FIELDS}
    row |= {name: plain(getattr(result, name)) for name in ("answers", "limits", "measurements")}
    row |= {"reason": storable(result.reason), "log": storable(result.log)}
    row |= {"outcome": result.outcome.value, "level": result.level.value, "id": result.cell.id}
    row |= {"claim": None if result.claim is None else plain(result.claim)}
    return row | {"made_with": plain(result.made_with), "notes": [storable(note) for note in result.notes]}


def result_from(row: Any) -> CellResult:
    """A result back from its row."""
    return CellResult(
        cell=Cell(**{name: row[name] for name in CELL_FIELDS}),
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        log=row["log"],
        answers=row["answers"],
        level=Level(row["level"]),
        limits=Limits(**row["limits"]),
        measurements=Measurements(**row["measurements"]),
        made_with=row["made_with"],
        notes=tuple(row["notes"]),
        claim=Claim(**row["claim"]) if row["claim"] else None,
    )


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as its row, but for its cell, judge and place."""
    words = (*(getattr(finding, name) for name in ("metric", "variant", "split", "status", "reason")), finding.group)
    row: dict[str, Any] = dict(
        zip(("metric", "variant", "split", "status", "reason", "grp"), map(storable, words), strict=True)
    )
    for name in ("value", "low", "high"):
        number = getattr(finding, name)
        row[name] = None if number is None else float(number)
    replicates = finding.replicates
    row["replicates"] = None if replicates is None else np.asarray(replicates, dtype="<f8").tobytes()
    return row | {"n": int(finding.n)}


def entry_from(body: Mapping[str, Any]) -> Entry:
    """An entry back from its kept body."""
    return Entry(**{**body, "source": Source(**body["source"]), "kinds": tuple(body.get("kinds", ()))})


def storable(text: str) -> str:
    """A stranger's text without what databases refuse: half characters and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def as_json(thing: Any) -> str:
    """JSON that every database takes; `from_json` gives back the same."""
    try:
        return json.dumps(thing, allow_nan=False)
    except ValueError:
        return json.dumps(_sayable(thing), allow_nan=False)


def from_json(text: str) -> Any:
    """What `as_json` was given, also from stores that wrote NaN as such."""
    return json.loads(text, object_hook=lambda said: float(said[NUMBER]) if said.keys() == {NUMBER} else said)


def _sayable(thing: Any) -> Any:
    if isinstance(thing, float) and not math.isfinite(thing):
        return {NUMBER: str(thing)}
    if isinstance(thing, dict):
        return {key: _sayable(value) for key, value in thing.items()}
    return [_sayable(item) for item in thing] if isinstance(thing, (list, tuple)) else thing
