"""Taking an entry home: fitted on all labels behind the wall, saved, and brought back behind the wall to answer.

The caller's process never unpickles what an entry wrote: a loaded predictor is a box that holds the model.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.cellrun import LOAD_SECONDS, READY_SECONDS
from bakeoff.arena.environments import build_environment
from bakeoff.arena.linked import GROUPED, Linked, Sizes, accept, most_links, records_of
from bakeoff.arena.staging import SIDES, TaskData, labelled_pairs, worker_spec, write_records
from bakeoff.arena.wall.confinement import Fittings, best_level, open_box
from bakeoff.arena.wall.conversation import Conversation, Ended
from bakeoff.arena.wall.worker import TARGET
from bakeoff.errors import Declined, EntryError, NotFound, Refused, TableError
from bakeoff.nouns import Array, Column, ColumnType, Entry, Frame, Limits, Outcome, Visibility
from bakeoff.tables import write_rows

LARGEST_MODEL = 2 << 30
FORMAT = 1


def take(entry: Entry, data: TaskData, to: Path, limits: Limits, environments: Path) -> Path:
    """Fit `entry` on training and test labels together and save the predictor in the folder `to`.

    A linkage entry on a matching task is fitted on the records and all labelled pairs.

    Raises Declined or EntryError when the entry does not fit, and when it holds prediction files instead of code.
    """
    if entry.source.form == "predictions":
        raise EntryError(f"{entry.name} holds prediction files; there is no algorithm in it to take.")
    if to.exists() and not (to / "predictor.json").exists():
        raise EntryError(f"{to} is there already and is not a predictor; choose another folder.")
    code = Path(entry.source.folder) if entry.source.folder else None
    environment = build_environment(code, environments.absolute()) if code and entry.environment else None
    spec = worker_spec(entry, data, 0, limits)
    with tempfile.TemporaryDirectory(prefix="bakeoff-take-") as folder:
        talk = _Talk(spec, code, Fittings(environment, threads=limits.threads), limits)
        try:
            links = data.sides is not None and talk.loaded.get("links") is True
            files = _all_records(data, Path(folder)) if links else _all_rows(data, Path(folder))
            for file in files.values():
                talk.hand_in(file)
            talk.ask({"do": "go", **{what: file.name for what, file in files.items()}}, "fitted")
            model = talk.ask({"do": "save"}, "model", LARGEST_MODEL)
        finally:
            talk.close()
    about = {"format": FORMAT, "entry": entry.name, "digest": entry.digest, "task": data.task.name}
    about |= {"rows": len(data.labels) + len(data.truth), "spec": spec, "requirements": bool(environment)}
    about["columns"] = _named_types(data.columns(Visibility.BOTH))
    if links:
        about["records"] = {side: _named_types(data.record_columns(side)) for side in SIDES if side in files}
    _save(to.resolve(), model, code, about)
    return to


def _all_rows(data: TaskData, folder: Path) -> dict[str, Path]:
    """The training and test rows with all labels, as a file."""
    import pandas as pd

    columns = [column.name for column in data.columns(Visibility.FIT)]
    frame = pd.concat([data.train[columns], data.test[columns]], ignore_index=True)
    frame[TARGET] = np.concatenate([data.labels, data.truth])
    write_rows(frame, folder / "all.parquet")
    return {"file": folder / "all.parquet"}


def _all_records(data: TaskData, folder: Path) -> dict[str, Path]:
    """The records and all labelled pairs, as files."""
    assert data.sides is not None
    written = {side: write_records(data, side, folder) for side in SIDES}
    positions = np.concatenate([data.sides.train, data.sides.test])
    write_rows(labelled_pairs(positions, np.concatenate([data.labels, data.truth])), folder / "pairs.parquet")
    files = {side: file for side, file in written.items() if file is not None}
    return {**files, "pairs": folder / "pairs.parquet"}


def _named_types(columns: Sequence[Column]) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.type.value} for column in columns]


def _save(to: Path, model: bytes, code: Path | None, about: Mapping[str, Any]) -> None:
    """Write a predictor beside `to` and swap it in whole, so that nothing of an older one stays."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent, ignore_cleanup_errors=True) as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        new.mkdir()
        (new / "model.pkl").write_bytes(model)
        if code is not None:
            shutil.copytree(code, new / "code")
        (new / "predictor.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        if to.exists():
            to.rename(old)
        try:
            new.rename(to)
        except OSError:
            if old.exists():
                old.rename(to)
            raise


def load(path: str | Path, limits: Limits | None = None) -> Predictor:
    """A predictor that `take` saved, behind the wall; NotFound when there is none at `path`."""
    folder = Path(path).absolute()
    try:
        about = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotFound(f"There is no predictor at {folder}; make one with: bakeoff take ENTRY --on TABLE") from error
    if about.get("format") != FORMAT:
        raise EntryError(f"{folder} was saved in format {about.get('format')}; this Bakeoff reads {FORMAT}.")
    return Predictor(folder, about, limits or Limits())


class Predictor:
    """A fitted entry that answers frames; it lives in a box, which starts with the first question."""

    def __init__(self, folder: Path, about: Mapping[str, Any], limits: Limits) -> None:
        self.folder = folder
        self.entry: str = about["entry"]
        self.task: str = about["task"]
        self.classes: tuple[Any, ...] = tuple(about["spec"]["classes"])
        self.columns = _columns(about["columns"])
        self.records = {side: _columns(columns) for side, columns in about.get("records", {}).items()}
        self._about = about
        self._limits = limits
        self._talk: _Talk | None = None
        self._end: Callable[[], object] | None = None
        self._asked = 0

    def __repr__(self) -> str:
        return f"<Predictor: {self.entry} on {self.task}, {len(self.columns)} columns>"

    def predict(self, frame: Frame) -> Array:
        """The most likely class of each row, or the predicted number; shape (rows,)."""
        answers = self._answers(frame)
        return np.asarray(self.classes, dtype=object)[answers.argmax(axis=1)] if self.classes else answers[:, 0]

    def predict_proba(self, frame: Frame) -> Array:
        """Class probabilities of shape (rows, classes), in the order of `classes`; EntryError for a regression."""
        if not self.classes:
            raise EntryError(f"{self.entry} predicts numbers; it has no classes. Use predict.")
        return self._answers(frame)

    def link(self, left: Frame, right: Frame | None = None) -> Any:
        """The links between the records of two frames, or within one, as the entry gives them.

        A frame with `left`, `right` (positions) and `score`, each pair once; or one group id per record, in an array
        for one table and a tuple of two for two. EntryError for an entry that answers pairs alone.
        """
        if not self.records:
            raise EntryError(f"{self.entry} answers pairs, it does not link tables. Use predict or predict_proba.")
        frames = {side: frame for side, frame in zip(SIDES, (left, right), strict=True) if frame is not None}
        if frames.keys() != self.records.keys():
            told = "the records of two tables" if "right" in self.records else "one table, its duplicates"
            raise EntryError(f"{self.entry} was fitted to link {told}; give it {len(self.records)} of them.")
        rows = {side: _conformed(frame, self.records[side], f"{side} frame") for side, frame in frames.items()}
        sizes = len(left), None if right is None else len(right)
        try:
            linked = self._linked_in_box(rows, sizes)
        except BaseException:
            self.close()
            raise
        return _as_given(linked, sizes)

    def close(self) -> None:
        """End the box; the next question starts another."""
        self._talk = None
        if self._end is not None:
            self._end()
            self._end = None

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _answers(self, frame: Frame) -> Array:
        if self.records:
            raise EntryError(f"{self.entry} links tables, it does not answer single pairs. Use link.")
        rows = _conformed(frame, self.columns, "frame")
        width = max(1, len(self.classes))
        try:
            data = self._asked_in_box(rows, len(rows) * width * 8)
        except BaseException:
            # Whatever went wrong, what this box says next would answer another question.
            self.close()
            raise
        return np.frombuffer(data, dtype=np.float64).reshape(len(rows), width).copy()

    def _asked_in_box(self, rows: Frame, due: int) -> bytes:
        talk = self._started()
        name = self._handed_in(talk, "ask", rows)
        data = talk.ask({"do": "ask", "file": name}, "answers", due)
        talk.take_back(name)
        if len(data) != due:
            raise EntryError(f"{self.entry} gave {len(data)} bytes of answers to {len(rows)} rows; {due} were due.")
        return data

    def _linked_in_box(self, rows: Mapping[str, Frame], sizes: Sizes) -> Linked:
        talk = self._started()
        names = {side: self._handed_in(talk, side, frame) for side, frame in rows.items()}
        most = most_links(sizes)
        message, data = talk.hear({"do": "link", "most": most, **names}, "links", max(24 * most, 8 * records_of(sizes)))
        for name in names.values():
            talk.take_back(name)
        try:
            return accept(message.get("form"), data, sizes)
        except Refused as refused:
            raise EntryError(f"{self.entry} gave no links: {refused}") from refused

    def _handed_in(self, talk: _Talk, what: str, rows: Frame) -> str:
        """Hand rows in as a file and give its name."""
        self._asked += 1
        with tempfile.TemporaryDirectory(prefix="bakeoff-ask-") as folder:
            file = Path(folder) / f"{what}-{self._asked}.parquet"
            write_rows(rows, file)
            talk.hand_in(file)
        return file.name

    def _started(self) -> _Talk:
        if self._talk is None:
            if not (self.folder / "model.pkl").is_file():
                raise NotFound(f"The predictor at {self.folder} holds no model.pkl; take the entry again.")
            code = self.folder / "code"
            environment = None
            if self._about["requirements"]:
                environment = build_environment(code, self.folder / "environment")
            fittings = Fittings(environment, threads=self._limits.threads)
            talk = _Talk(self._about["spec"], code if code.exists() else None, fittings, self._limits)
            self._end = weakref.finalize(self, talk.close)
            talk.hand_in(self.folder / "model.pkl")
            talk.ask({"do": "restore", "file": "model.pkl"}, "fitted")
            talk.take_back("model.pkl")
            self._talk = talk
        return self._talk


def _columns(told: Sequence[Mapping[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(column["name"], ColumnType(column["type"])) for column in told)


def _conformed(frame: Frame, columns: Sequence[Column], what: str) -> Frame:
    from bakeoff.tables import conform

    missing = [column.name for column in columns if column.name not in frame.columns]
    if missing:
        raise TableError([f"The {what} lacks the column {name!r}, which the predictor needs." for name in missing])
    return conform(frame, columns).reset_index(drop=True)


def _as_given(linked: Linked, sizes: Sizes) -> Any:
    """Links as a frame, or group ids as arrays."""
    import pandas as pd

    if linked.form == GROUPED:
        left, right = linked.values[: sizes[0]], linked.values[sizes[0] :]
        return left if sizes[1] is None else (left, right)
    positions = linked.values[:, :2].astype(np.int64)
    return pd.DataFrame({"left": positions[:, 0], "right": positions[:, 1], "score": linked.values[:, 2]})


class _Talk:
    """One box that holds one algorithm, and plain errors instead of outcomes."""

    def __init__(self, spec: Mapping[str, Any], code: Path | None, fittings: Fittings, limits: Limits) -> None:
        self.box = open_box(best_level(), fittings)
        self.limits = limits
        self.talk = Conversation(self.box, limits, house=not self.box.own_packages)
        try:
            self._wait("ready", 0, READY_SECONDS)
            self.box.group.cap_memory(limits.memory_mib)
            self.talk.house = False
            if code is not None:
                shutil.copytree(code, self.box.folder / "code", dirs_exist_ok=True)
            self.loaded, _ = self._wait("loaded", 0, LOAD_SECONDS, {"do": "load", "spec": dict(spec)})
        except BaseException:
            self.close()
            raise

    def hand_in(self, file: Path) -> None:
        shutil.copyfile(file, self.box.folder / "data" / file.name)

    def take_back(self, name: str) -> None:
        """Take a handed-in file out of the box again."""
        (self.box.folder / "data" / name).unlink(missing_ok=True)

    def ask(self, message: Mapping[str, Any], event: str, payload: int = 0) -> bytes:
        """What comes with the event that answers a message."""
        return self.hear(message, event, payload)[1]

    def hear(self, message: Mapping[str, Any], event: str, payload: int = 0) -> tuple[dict[str, Any], bytes]:
        """The event that answers a message, and what comes with it."""
        return self._wait(event, payload, self.limits.seconds, message)

    def _wait(
        self, event: str, payload: int, seconds: float, message: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        self.talk.allow(seconds, importing=event in ("ready", "loaded"))
        try:
            if message is not None:
                self.talk.tell(message)
            return self.talk.wait(event, payload)
        except Ended as ended:
            self.talk.finish_log()
            self.close()
            kind = Declined if ended.outcome is Outcome.DECLINED else EntryError
            tail = self.talk.log_tail(5) if ended.outcome is Outcome.FAILED else ""
            raise kind(f"The entry {ended.outcome.value}: {ended.reason}" + (f"\n{tail}" if tail else "")) from None

    def close(self) -> None:
        self.box.close()
