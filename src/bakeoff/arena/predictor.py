"""Taking an entry home: fitted on all labels behind the wall, saved, and brought back behind the wall to answer.

The caller's process never unpickles what an entry wrote: a loaded predictor is a box that holds the model.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.arena.answer_forms import AnswerForm, form_from
from bakeoff.arena.confined import Confined
from bakeoff.arena.environments import USUAL, build_environment
from bakeoff.arena.linked import GROUPED, Linked, Sizes, accept, most_links, records_of
from bakeoff.arena.staging import SIDES, TaskData, labelled_pairs, questioning, worker_spec, write_records
from bakeoff.arena.supplies import Supplies, refusal
from bakeoff.arena.unconfined import Unconfined
from bakeoff.arena.wall.confinement import MODELS, Fittings, best_level
from bakeoff.arena.wall.worker import TARGET
from bakeoff.errors import ConfinementError, EntryError, NotFound, Refused, TableError, UsageError
from bakeoff.nouns import Array, Column, ColumnType, Entry, Frame, Limits, Visibility
from bakeoff.tables import write_rows

LARGEST_MODEL = 2 << 30
FORMAT = 1


def take(
    entry: Entry, data: TaskData, to: Path, limits: Limits, environments: Path, supplied: Supplies = USUAL
) -> Path:
    """Fit `entry` on training and test labels together and save the predictor in the folder `to`.

    A linkage entry on a matching task is fitted on the records and all labelled pairs.

    Raises Declined or EntryError when the entry does not fit, and when it holds prediction files instead of code;
    ConfinementError where the challenge asks for a better wall than there is.
    """
    if entry.source.form == "predictions":
        raise EntryError(f"{entry.name} holds prediction files; there is no algorithm in it to take.")
    if to.exists() and not (to / "predictor.json").exists():
        raise EntryError(f"{to} is there already and is not a predictor; choose another folder.")
    if why := refusal(entry, supplied.least, best_level()):
        raise ConfinementError(f"{entry.name} cannot be taken here: {why}")
    code = Path(entry.source.folder) if entry.source.folder else None
    environment = build_environment(code, environments.absolute(), supplied) if code and entry.environment else None
    spec = worker_spec(entry, data, 0, limits)
    with tempfile.TemporaryDirectory(prefix="bakeoff-take-") as folder:
        talk = _loaded(spec, code, Fittings(environment, supplied.models, limits.threads), limits)
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
    about["models"] = bool(supplied.models)
    about["columns"] = _named_types(data.asked)
    if links:
        about["records"] = {side: _named_types(data.record_columns(side)) for side in SIDES if side in files}
    _save(to.resolve(), model, code, about)
    return to


def _all_rows(data: TaskData, folder: Path) -> dict[str, Path]:
    """The training and test rows with all labels, as a file; without the test rows where those became questions."""
    import pandas as pd

    columns = [column.name for column in data.columns(Visibility.FIT)]
    if questioning(data.task) is not None:
        frame = data.train[columns].assign(**{TARGET: data.labels})
    else:
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


@dataclass(frozen=True)
class Loading:
    """How a predictor is brought back.

    `confined` keeps it behind the wall; without, its code and its pickle run in the caller's own process, with all that
    the caller may do. `models` is the folder of shared models that the entry was fitted with, `wheelhouse` the folder
    that its packages are taken from.
    """

    limits: Limits = field(default_factory=Limits)
    confined: bool = True
    models: Path | None = None
    wheelhouse: Path | None = None


def load(
    path: str | Path,
    limits: Limits | None = None,
    *,
    confined: bool = True,
    models: str | Path | None = None,
    wheelhouse: str | Path | None = None,
) -> Predictor:
    """A predictor that `take` saved, behind the wall; NotFound when there is none at `path`.

    With `confined=False` it runs in this process: faster, and with all the rights of whoever calls, so only for an
    entry that is trusted like code of one's own. `models` and `wheelhouse` are folders that its entry needs.
    """
    folder = Path(path).absolute()
    try:
        about = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotFound(f"There is no predictor at {folder}; make one with: bakeoff take ENTRY --on TABLE") from error
    if about.get("format") != FORMAT:
        raise EntryError(f"{folder} was saved in format {about.get('format')!r}; this Bakeoff reads {FORMAT}.")
    places = {"models": models, "wheelhouse": wheelhouse}
    for what, given in places.items():
        if given is not None and not Path(given).is_dir():
            raise NotFound(f"There is no folder {str(given)!r} to take {what} from.")
    if about.get("models") and models is None:
        raise UsageError(f"{about['entry']} was fitted with shared models; name their folder: load(..., models=DIR).")
    found = {what: None if given is None else Path(given) for what, given in places.items()}
    return Predictor(folder, about, Loading(limits or Limits(), confined, **found))


class Predictor:
    """A fitted entry that answers frames; it lives in a box, which starts with the first question."""

    def __init__(self, folder: Path, about: Mapping[str, Any], loading: Loading) -> None:
        self.folder = folder
        self.entry: str = about["entry"]
        self.task: str = about["task"]
        self.classes: tuple[Any, ...] = tuple(about["spec"]["classes"])
        self.columns = _columns(about["columns"])
        self.records = {side: _columns(columns) for side, columns in about.get("records", {}).items()}
        self._about = about
        self._loading = loading
        self._own: Unconfined | None = None
        self._talk: Confined | None = None
        self._end: Callable[[], object] | None = None
        self._asked = 0

    def __repr__(self) -> str:
        return f"<Predictor: {self.entry} on {self.task}, {len(self.columns)} columns>"

    def predict(self, frame: Frame) -> Array:
        """The most likely class of each row, the predicted number, or what was written; shape (rows,)."""
        answers = self._answers(frame)
        if self._form.is_written:
            return answers
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
        if not self._loading.confined:
            return _as_given(self._accepted(*self._here().links(rows["left"], rows.get("right")), sizes), sizes)
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
        if not self._loading.confined:
            return self._here().answers(rows, self._form)
        try:
            return self._asked_in_box(rows)
        except BaseException:
            # Whatever went wrong, what this box says next would answer another question.
            self.close()
            raise

    @property
    def _form(self) -> AnswerForm:
        return form_from(self._about["spec"])

    def _asked_in_box(self, rows: Frame) -> Array:
        talk = self._started()
        name = self._handed_in(talk, "ask", rows)
        data = talk.ask({"do": "ask", "file": name}, "answers", self._form.most(len(rows)))
        talk.take_back(name)
        try:
            return self._form.read(data, len(rows)).copy()
        except Refused as refused:
            raise EntryError(f"{self.entry} gave no answers: {refused}") from refused

    def _linked_in_box(self, rows: Mapping[str, Frame], sizes: Sizes) -> Linked:
        talk = self._started()
        names = {side: self._handed_in(talk, side, frame) for side, frame in rows.items()}
        most = most_links(sizes)
        message, data = talk.hear({"do": "link", "most": most, **names}, "links", max(24 * most, 8 * records_of(sizes)))
        for name in names.values():
            talk.take_back(name)
        return self._accepted(message.get("form"), data, sizes)

    def _accepted(self, form: object, data: bytes, sizes: Sizes) -> Linked:
        try:
            return accept(form, data, sizes)
        except Refused as refused:
            raise EntryError(f"{self.entry} gave no links: {refused}") from refused

    def _handed_in(self, talk: Confined, what: str, rows: Frame) -> str:
        """Hand rows in as a file and give its name."""
        self._asked += 1
        with tempfile.TemporaryDirectory(prefix="bakeoff-ask-") as folder:
            file = Path(folder) / f"{what}-{self._asked}.parquet"
            write_rows(rows, file)
            talk.hand_in(file)
        return file.name

    def _started(self) -> Confined:
        if self._talk is None:
            self._check_model()
            code = self.folder / "code"
            environment = None
            if self._about["requirements"]:
                supplied = Supplies(wheelhouse=self._loading.wheelhouse)
                environment = build_environment(code, self.folder / "environment", supplied)
            limits = self._loading.limits
            fittings = Fittings(environment, self._loading.models, limits.threads)
            talk = _loaded(self._about["spec"], code if code.exists() else None, fittings, limits)
            self._end = weakref.finalize(self, talk.close)
            talk.hand_in(self.folder / "model.pkl")
            talk.ask({"do": "restore", "file": "model.pkl"}, "fitted")
            talk.take_back("model.pkl")
            self._talk = talk
        return self._talk

    def _here(self) -> Unconfined:
        """The model in this process, which the caller has asked for."""
        if self._own is None:
            self._check_model()
            if self._about["requirements"]:
                raise EntryError(
                    f"{self.entry} has packages of its own; load it behind the wall, without confined=False."
                )
            if self._loading.models is not None:
                os.environ[MODELS] = str(self._loading.models.absolute())
            self._own = Unconfined(self.entry, self.folder)
        return self._own

    def _check_model(self) -> None:
        if not (self.folder / "model.pkl").is_file():
            raise NotFound(f"The predictor at {self.folder} holds no model.pkl; take the entry again.")


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


def _loaded(spec: Mapping[str, Any], code: Path | None, fittings: Fittings, limits: Limits) -> Confined:
    box = Confined(limits, fittings)
    box.load(spec, code)
    return box
