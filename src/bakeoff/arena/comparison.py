"""The first ten minutes: estimators and a table in, a board out, without a challenge folder."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bakeoff.arena.board import Board, Versus
from bakeoff.arena.challenge import Challenge, RunRequest
from bakeoff.arena.entries import check_name, object_entry, read_entry
from bakeoff.arena.intake import Added, TableOptions
from bakeoff.arena.matrix import RunSummary, Watcher
from bakeoff.arena.submission import opened
from bakeoff.errors import EntryError, UsageError
from bakeoff.nouns import Entry, Frame, Limits

DEFAULT_SECONDS = 60.0


@dataclass(frozen=True)
class CompareOptions:
    """How to compare: seeds, limits of each cell, which baselines take part, and what is said of the table.

    `keep` names a folder that keeps the comparison as a challenge; `told` is called with what was understood of the
    table, before anything runs.
    """

    table: TableOptions = field(default_factory=TableOptions)
    seeds: int = 1
    limits: Limits = field(default_factory=lambda: Limits(seconds=DEFAULT_SECONDS))
    baselines: bool | Sequence[str] = True
    workers: int = 0
    keep: str = ""
    told: Callable[[Added], None] | None = None


class Comparison:
    """What `compare` found: it shows itself in a notebook, and has the board, a frame and a report."""

    def __init__(self, challenge: Challenge, added: Added, summary: RunSummary, folder: Any) -> None:
        self.challenge = challenge
        self.added = added
        self.summary = summary
        self._folder = folder
        self.board: Board = challenge.board()

    def __repr__(self) -> str:
        lines = [
            f"{row.rank if row.rank is not None else '-'}. {row.entry} "
            + (
                f"{row.mean.value:.3f} [{row.mean.low:.3f}, {row.mean.high:.3f}]"
                if row.mean and row.mean.low is not None
                else ""
            )
            for row in self.board.rows
        ]
        return f"<Comparison of {len(lines)} entries on {self.added.table.name}>\n" + "\n".join(lines)

    def _repr_html_(self) -> str:
        from bakeoff.arena.report import board_fragment

        return str(board_fragment(self.board))

    @property
    def explained(self) -> tuple[str, ...]:
        """What was understood of the table, in sentences."""
        columns = [f"{column.name}: {column.type.value} ({column.why})" for column in self.added.table.columns]
        return (*columns, *self.added.explained, *self.added.notes)

    def to_frame(self) -> Frame:
        """The board as a pandas frame, one row for each entry in board order."""
        import pandas as pd

        task = self.board.columns[0].task
        rows = []
        for row in self.board.rows:
            square = self.board.squares[row.entry, task.name]
            raw, score = square.raw, row.mean
            rows.append(
                {
                    "rank": row.rank,
                    "entry": row.entry,
                    "score": score.value if score else None,
                    "score_low": score.low if score else None,
                    "score_high": score.high if score else None,
                    task.metric: raw.value if raw else None,
                    f"{task.metric}_low": raw.low if raw else None,
                    f"{task.metric}_high": raw.high if raw else None,
                    "cpu_seconds": square.cpu,
                    "peak_mib": square.peak_mib,
                    "outcome": square.outcome.value if square.outcome else None,
                    "beats": ", ".join(self.board.beyond.get(row.entry, ())),
                    "marks": "; ".join((*row.marks, square.reason) if square.reason else row.marks),
                }
            )
        return pd.DataFrame(rows).astype({"rank": "Int64"})

    def versus(self, a: str, b: str) -> Versus:
        """Entry `a` against entry `b`."""
        return self.challenge.versus(a, b)

    def report(self, path: str | Path) -> Path:
        """Write the board as one HTML file."""
        return self.challenge.report(path)

    def take(self, entry: str, to: str | Path = "") -> Path:
        """Fit an entry on all labels and save the predictor; `bakeoff.load` brings it back."""
        return self.challenge.take(entry, self.added.task.name, to)

    def close(self) -> None:
        """Forget everything that was not kept."""
        self.challenge.close()
        if self._folder is not None:
            self._folder.cleanup()


def compare(
    entries: Any = (),
    data: Any = None,
    target: str = "",
    *,
    options: CompareOptions | None = None,
    watcher: Watcher | None = None,
) -> Comparison:
    """Run estimators and the baselines on one table, each in a confined cell, and rank them.

    `entries` is a mapping of names to scikit-learn estimators, classes or paths of entries, a sequence of paths, or one
    estimator; `data` is a pandas frame or a path. Raises TableError with all the table's problems, EntryError for what
    is not an entry.
    """
    options = options or CompareOptions()
    if data is None:
        raise EntryError("compare needs a table: compare({'mine': estimator}, frame, target='y').")
    if not options.baselines and not _named(entries):
        raise EntryError("There is nothing to compare; give a model, or let the baselines take part.")
    if options.keep and Path(options.keep).exists() and any(Path(options.keep).iterdir()):
        raise UsageError(f"{options.keep} is not empty; keep the comparison in a new folder.")
    folder = None if options.keep else tempfile.TemporaryDirectory(prefix="bakeoff-compare-")
    root = Path(options.keep) if folder is None else Path(folder.name) / "challenge"
    unpacked, made_here = ExitStack(), ExitStack()  # what is let go of in any case, and what is when nothing came of it
    if folder is not None:
        made_here.callback(folder.cleanup)
    try:
        named = _named(entries)
        checked = [(name, _checked(name, thing, unpacked)) for name, thing in named]
        # The challenge is made first, since it closes its private folder to others.
        challenge = Challenge.create(root, title=_title(data, options))
        made_here.callback(challenge.close)
        objects = challenge.places.private / "objects"
        made = [_entry(name, thing, objects) for name, thing in checked]
        chosen = _baselines(challenge, options.baselines)
        added = challenge.add_table(data, replace(options.table, target=target or options.table.target))
        if options.told is not None:
            options.told(added)
        for entry in made:
            challenge.hand_in(entry)
        request = RunRequest(
            tuple([*chosen, *(entry.name for entry in made)]), (), options.seeds, options.limits, options.workers
        )
        summary = challenge.run(request, watcher)
        challenge.rules = replace(challenge.rules, title=added.table.name, baselines=tuple(chosen) or False)
    except BaseException:
        made_here.close()
        raise
    finally:
        unpacked.close()
    return Comparison(challenge, added, summary, folder)


def _title(data: Any, options: CompareOptions) -> str:
    if options.table.name:
        return options.table.name
    return Path(str(data)).stem if isinstance(data, (str, Path)) else "comparison"


def _named(entries: Any) -> list[tuple[str, Any]]:
    if isinstance(entries, Mapping):
        return [(str(name), thing) for name, thing in entries.items()]
    if isinstance(entries, (str, Path)) or hasattr(entries, "fit"):
        entries = [entries]
    return [(_name(thing), thing) for thing in entries]


def _name(thing: Any) -> str:
    if isinstance(thing, (str, Path)):
        path = Path(thing)
        return path.stem if path.suffix == ".py" else ""
    made = thing if isinstance(thing, type) else type(thing)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", made.__name__).lower()


def _checked(name: str, thing: Any, unpacked: ExitStack) -> Entry | bytes:
    """The entry that lies at a path, an archive unpacked for as long as is asked, or an estimator pickled."""
    if isinstance(thing, (str, Path)):
        return read_entry(unpacked.enter_context(opened(Path(thing))), name=name)
    if not hasattr(thing, "fit") or not any(hasattr(thing, name) for name in ("predict", "predict_proba", "link")):
        raise EntryError(f"{name!r} is a {type(thing).__name__}; an entry needs fit and predict, or is a path to one.")
    check_name(name)
    return _pickled(name, thing)


def _entry(name: str, thing: Entry | bytes, folder: Path) -> Entry:
    return object_entry(name, thing, folder / name) if isinstance(thing, bytes) else thing


def _pickled(name: str, thing: Any) -> bytes:
    """The estimator as bytes for the worker, with the classes of the caller's own modules, which it cannot import."""
    import cloudpickle

    own = [module for module in list(sys.modules.values()) if _is_callers_own(module)]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(thing))
    except Exception as error:
        raise EntryError(f"{name!r} cannot be sent to a worker: {error}.") from error
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


def _is_callers_own(module: Any) -> bool:
    """Whether a module lies outside of the interpreter, the installed packages and Bakeoff itself."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or getattr(module, "__name__", "__main__") == "__main__":
        return False
    path = Path(file).resolve()
    homes = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))
    return not any(path.is_relative_to(Path(home).resolve()) for home in homes)


def _baselines(challenge: Challenge, chosen: bool | Sequence[str]) -> list[str]:
    known = [entry.name for entry in challenge.entries() if entry.baseline]
    if chosen is True:
        return known
    return [Challenge._named("baseline", name, known) for name in chosen] if chosen else []
