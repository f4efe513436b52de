"""Prediction files: an entry that hands in answers instead of code, one file for each task.

The file is `TASK.csv` or `TASK.parquet` with a column `row_id` and either one column for each class (probabilities)
or a column `prediction`: a class, a number, tags with a blank between, or a text. Joint tasks have the columns `label`
and `tags`. It is read behind the wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.errors import Declined, Refused
from bakeoff.nouns import LINES, Array, Frame

SUFFIXES = (".csv", ".parquet")


def read_predictions(code: Path, spec: Mapping[str, Any], rows_file: str, data: Path) -> Array:
    """Answers of shape (rows, width) in the order of the asked row ids.

    Raises Declined when there is no file for the task, Refused when it does not answer each asked row once.
    """
    import numpy as np
    import pandas as pd

    if spec.get("questions"):
        kind = str(spec.get("kind")).replace("_", " ")
        raise Declined(f"a {kind} is asked questions of the test texts that no file knows; hand in code.")
    asked = np.fromfile(data / rows_file, dtype=np.int64)
    path = next((p for p in (code / f"{spec['task']}.csv", code / f"{spec['task']}.parquet") if p.is_file()), None)
    if path is None:
        raise Declined(f"it holds no prediction file {spec['task']}.csv or {spec['task']}.parquet.")
    try:
        written: Any = {"dtype": str, "keep_default_na": False} if spec.get("answers") == LINES else {}
        frame = pd.read_csv(path, **written) if path.suffix == ".csv" else pd.read_parquet(path)
    except MemoryError:
        raise  # an outcome of its own: with a higher limit the file may well be read
    except Exception as error:
        raise Refused(f"{path.name} cannot be read: {error}") from error
    if "row_id" not in frame.columns:
        raise Refused(f"{path.name} has no column row_id; it has {', '.join(map(str, frame.columns[:8]))}.")
    if spec.get("answers") == LINES:
        frame["row_id"] = pd.to_numeric(frame["row_id"], errors="coerce")
    doubled = frame["row_id"][frame["row_id"].duplicated()]
    if len(doubled):
        raise Refused(f"{path.name} answers {len(doubled)} rows twice, row_id {doubled.iloc[0]} first.")
    frame = frame.set_index("row_id")
    missing = np.setdiff1d(asked, frame.index.to_numpy())
    if len(missing):
        raise Refused(f"{path.name} lacks {len(missing)} of {len(asked)} asked rows, row_id {missing[0]} first.")
    if spec.get("answers") == LINES:
        return _written(frame.loc[asked], path.name, spec["kind"])
    return _columns(frame.loc[asked], path.name, list(spec["classes"]))


def _written(frame: Frame, name: str, kind: str) -> Array:
    """Written answers as an object array (rows,): lists of tags, a label with its tags, or texts."""
    import numpy as np

    wanted = ("label", "tags") if kind == "joint" else ("prediction",)
    if lacking := [column for column in wanted if column not in frame.columns]:
        raise Refused(f"{name} has no column {lacking[0]}; it has {', '.join(map(str, frame.columns[:8]))}.")
    held = [[_cell(cell) for cell in frame[column]] for column in wanted]
    found = np.empty(len(frame), dtype=object)
    if kind == "joint":
        found[:] = [[label, _tags(tags)] for label, tags in zip(*held, strict=True)]
    else:
        found[:] = [_tags(cell) for cell in held[0]] if kind == "tagging" else held[0]
    return found


def _cell(cell: object) -> str:
    return " ".join(map(str, cell)) if hasattr(cell, "__iter__") and not isinstance(cell, str) else str(cell)


def _tags(cell: str) -> list[str]:
    return cell.split(" ") if cell else []


def _columns(frame: Frame, name: str, classes: list[Any]) -> Array:
    import numpy as np

    by_text = {str(column): column for column in frame.columns}
    if classes and all(str(label) in by_text for label in classes):
        try:
            return frame[[by_text[str(label)] for label in classes]].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise Refused(f"{name} holds a probability that is not a number: {error}") from error
    if "prediction" not in by_text:
        wanted = "a column prediction" + (", or one column for each class" if classes else "")
        raise Refused(f"{name} needs {wanted}; it has {', '.join(list(by_text)[:8])}.")
    if not classes:
        try:
            return frame["prediction"].to_numpy(dtype=np.float64).reshape(-1, 1)
        except (TypeError, ValueError) as error:
            raise Refused(f"{name} holds a prediction that is not a number: {error}") from error
    place = {str(label): i for i, label in enumerate(classes)}
    given = frame["prediction"].astype(str)
    unknown = sorted(set(given) - set(place))
    if unknown:
        raise Refused(f"{name} predicts {unknown[0]!r}, which is not a class of the task.")
    answers = np.zeros((len(frame), len(classes)))
    answers[np.arange(len(frame)), given.map(place).to_numpy()] = 1.0
    return answers
