"""A taken predictor in the caller's own process, for an entry that is trusted like code of one's own.

This is the one place where what an entry wrote is unpickled outside a box, and only where the caller has asked for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.answer_forms import AnswerForm
from bakeoff.errors import EntryError, Refused
from bakeoff.nouns import Array


class Unconfined:
    """The fitted model itself, with its code on the import path from now on; it answers as the box would."""

    def __init__(self, entry: str, folder: Path) -> None:
        import pickle

        self.entry = entry
        code = folder / "code"
        if code.is_dir():
            _check_free(entry, code)
            if str(code) not in sys.path:
                sys.path.insert(0, str(code))
        try:
            self.model: Any = pickle.loads((folder / "model.pkl").read_bytes())
        except Exception as error:  # unpickling runs the entry's own code
            raise EntryError(f"{entry} could not be loaded into this process: {error}.") from error

    def answers(self, rows: Any, form: AnswerForm) -> Array:
        """Answers to a frame of rows in the form that is due."""
        if form.is_written:
            try:
                return form.read(form.pack(self.model.answers(rows)), len(rows))
            except Refused as refused:
                raise EntryError(f"{self.entry} gave no answers: {refused}") from refused
        width = form.width
        found = np.ascontiguousarray(self.model.answers(rows), dtype=np.float64)
        found = found.reshape(-1, 1) if found.ndim == 1 else found
        if found.shape != (len(rows), width):
            raise EntryError(f"{self.entry} gave answers of shape {found.shape}; {(len(rows), width)} was due.")
        return found

    def links(self, left: Any, right: Any) -> tuple[Any, bytes]:
        """The form of the links between records, and the links as raw numbers."""
        from bakeoff.arena.linked import SCORED

        form, found = self.model.link(left, right)
        kind = np.float64 if form == SCORED else np.int64
        return form, np.ascontiguousarray(found, dtype=kind).tobytes()


def _check_free(entry: str, code: Path) -> None:
    """EntryError when a module of the entry's would be taken for another of its name that is loaded already."""
    for file in sorted(code.glob("*.py")):
        held = getattr(sys.modules.get(file.stem), "__file__", None)
        if file.stem in sys.modules and (held is None or not os.path.samefile(held, file)):
            raise EntryError(
                f"{entry} has a module {file.name}, and another of that name is loaded in this process already; "
                "load it behind the wall, without confined=False."
            )
