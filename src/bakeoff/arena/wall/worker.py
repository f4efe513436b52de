"""The inside of a box: a single-use interpreter that loads one algorithm, fits it once and answers.

It runs behind the wall beside the entry's own code, so nothing it says is trusted by the parent. Order: ready, load,
loaded, go, fitted, for a linkage entry link and links, then one answer for each ask. The clock starts at go; no data
are in the box before it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

from bakeoff.arena.wall import wire
from bakeoff.errors import Declined, EntryError, Refused
from bakeoff.nouns import Column, ColumnType, Frame, Role, Schema

FRAMES = ("numpy", "pandas", "pyarrow.parquet", "cloudpickle")
LIBRARIES = (
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.compose",
    "sklearn.neighbors",
    "sklearn.feature_extraction.text",
    "skrub",
    "lightgbm",
    "rapidfuzz",
    "PIL.Image",
)
WARM = {"learning": (*FRAMES, *LIBRARIES), "frames": FRAMES, "cold": ()}


def main() -> None:
    """Serve one cell: `python -m bakeoff.arena.wall.worker FOLDER ASKS ANSWERS PROCESSES WARM [ENVIRONMENT]`."""
    folder, asks, answers, processes = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    if processes:
        limit_processes(processes)
    if len(sys.argv) > 6:
        sys.path.insert(0, sys.argv[6])
    bring(*WARM[sys.argv[5]])
    worker = Worker(folder, answers, warm=sys.argv[5] != "cold")
    wire.write(answers, {"event": "ready"})
    with contextlib.suppress(EOFError):
        while (message := wire.read(asks))["do"] != "end":
            if not worker.serve(message):
                break


def bring(*names: str) -> None:
    """Import these where they are installed."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


class Worker:
    """Does what the parent asks, one message at a time, and turns every error into an outcome."""

    def __init__(self, folder: Path, answers: int, warm: bool = False) -> None:
        self.folder = folder
        self.out = answers
        self.warm = warm
        self.model: Any = None
        self.spec: dict[str, Any] = {}

    def serve(self, message: Mapping[str, Any]) -> bool:
        """Do one thing; False when the cell has ended by it."""
        doings: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "load": self.load,
            "go": self.fit,
            "link": self.link,
            "ask": self.answer,
            "save": self.save,
            "restore": self.restore,
            "read": self.read_predictions,
            "chore": self.chore,
        }
        try:
            doings[message["do"]](message)
            return True
        except Declined as declined:
            self.say("declined", reason=str(declined))
        except Refused as refused:
            self.say("refused", reason=str(refused))
        except MemoryError:
            self.say("memory", reason="an allocation was refused at the memory limit")
        except EntryError as error:
            self.say("failed", reason=str(error))
        except BaseException as error:
            traceback.print_exc()
            self.say("failed", reason="".join(traceback.format_exception_only(error)).strip())
        return False

    def say(self, event: str, payload: bytes = b"", **more: Any) -> None:
        """Send one message out, its words cut to what the parent takes."""
        if "reason" in more:
            more["reason"] = more["reason"][-2000:]
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        wire.write(self.out, {"event": event, **more}, payload)

    def load(self, message: Mapping[str, Any]) -> None:
        """Import the entry's code and make the algorithm; there are no data yet."""
        self.spec = message["spec"]
        limit_memory(self.spec["memory_mib"])
        links = False
        if self.spec["form"] != "predictions":
            algorithm = load_algorithm(self.spec, self.folder / "code")
            if self.warm and hasattr(algorithm, "get_params"):
                bring("skrub")  # which the adapter may put around it, when the clock runs
            links = self.spec.get("records") is not None and callable(getattr(algorithm, "link", None))
            self.model = adapt(algorithm, schema_of(self.spec, records=links))
        self.say("loaded", links=links, answers=bool(getattr(self.model, "asks", True)))

    def fit(self, message: Mapping[str, Any]) -> None:
        """Fit on the training rows, or on the records and the labelled pairs."""
        if "pairs" in message:
            pairs = read_frame(self.folder / "data" / message["pairs"])
            self.model.fit(*self.records(message), pairs)
        else:
            frame = read_frame(self.folder / "data" / message["file"])
            target = frame.pop(TARGET).to_numpy()
            self.model.fit(frame, target)
        self.say("fitted", notes=self.notes(), claim=self.claim())

    def records(self, message: Mapping[str, Any]) -> tuple[Frame, Frame | None]:
        """The left and right records; there are no right ones where the pairs are duplicates within one table."""
        left, right = (message.get(side) for side in ("left", "right"))
        data = self.folder / "data"
        return read_frame(data / str(left)), read_frame(data / right) if right else None

    def link(self, message: Mapping[str, Any]) -> None:
        """Send the links as raw float64, or the group ids as raw int64."""
        import numpy as np

        # Not at the top of the file: it imports numpy, which must come from the entry's own environment if it has one.
        from bakeoff.arena.linked import SCORED, too_many

        form, found = self.model.link(*self.records(message))
        if form == SCORED and len(found) > message["most"]:
            raise Refused(too_many(len(found), message["most"]))
        kind = np.float64 if form == SCORED else np.int64
        self.say("links", np.ascontiguousarray(found, dtype=kind).tobytes(), form=form, notes=self.notes())

    def answer(self, message: Mapping[str, Any]) -> None:
        """Answer the rows of one call as raw float64."""
        frame = read_frame(self.folder / "data" / message["file"])
        self.send_answers(self.model.answers(frame), rows=len(frame))

    def notes(self) -> list[str]:
        """What the adapter or the entry says of itself so far, within what one line may hold."""
        return [str(note)[:NOTE] for note in getattr(self.model, "notes", ())][:NOTES]

    def claim(self) -> dict[str, Any] | None:
        """What the fitted algorithm says of its privacy in `claim_`, as words and numbers; None where it has none."""
        given = getattr(getattr(self.model, "model", None), "claim_", None)
        if given is None:
            return None
        if not isinstance(given, Mapping):
            raise Refused(f"its claim_ is a {type(given).__name__}; it must be a mapping with epsilon and delta.")
        claim = list(given.items())[:NOTES]
        return {str(key)[:NOTE]: float(said) if isinstance(said, Real) else str(said)[:NOTE] for key, said in claim}

    def send_answers(self, answers: Any, rows: int) -> None:
        """Send answers of shape (rows, width), or one line of JSON for each row, or say why they are none."""
        import numpy as np

        # Not at the top of the file, as `link` says too.
        from bakeoff.arena.answer_forms import form_from

        form = form_from(self.spec)
        if form.is_written:
            if len(answers) != rows:
                raise Refused(f"{rows} answers were asked for, {len(answers)} came.")
            self.say("answers", form.pack(answers), notes=self.notes())
            return
        array = np.ascontiguousarray(answers, dtype=np.float64)
        width = form.width
        array = array.reshape(-1, 1) if array.ndim == 1 else array
        if array.shape != (rows, width):
            raise Refused(f"{rows} rows x {width} columns of answers were asked for, {array.shape} came.")
        self.say("answers", array.tobytes(), notes=self.notes())

    def save(self, message: Mapping[str, Any]) -> None:
        """Send the fitted model out as bytes that only a box will ever unpickle."""
        import cloudpickle

        self.say("model", cloudpickle.dumps(self.model))

    def restore(self, message: Mapping[str, Any]) -> None:
        """Bring a saved model back."""
        import pickle

        self.model = pickle.loads((self.folder / "data" / message["file"]).read_bytes())
        self.say("fitted", notes=[])

    def read_predictions(self, message: Mapping[str, Any]) -> None:
        """Read a prediction file behind the wall, so that the parent never parses what a stranger wrote."""
        from bakeoff.arena.predictions import read_predictions

        answers = read_predictions(self.folder / "code", self.spec, message["rows_file"], self.folder / "data")
        self.send_answers(answers, rows=len(answers))

    def chore(self, message: Mapping[str, Any]) -> None:
        """Do work behind the wall that belongs to no cell: unpacking, reading uploads, looking files through."""
        from bakeoff.arena.chores import CHORES

        CHORES[message["chore"]](self, message)


TARGET = "__bakeoff_target__"
NOTE, NOTES = 200, 20


def limit_memory(mib: int) -> None:
    """Refuse allocations beyond `mib` MiB in this process; the parent watches the whole tree."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (mib << 20, mib << 20))


def limit_processes(most: int) -> None:
    """Refuse more than `most` processes and threads of this user, where the kernel counts them in here alone."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def read_frame(path: Path) -> Frame:
    """One Parquet file as the frame an entry sees; the index holds the opaque row ids."""
    import pyarrow.parquet as pq

    return pq.read_table(path, use_threads=False).to_pandas(use_threads=False)


def schema_of(spec: Mapping[str, Any], records: bool = False) -> Schema:
    """The schema that the parent sent along, of the rows, or of the records behind a matching task's pairs."""
    columns = tuple(
        Column(c["name"], ColumnType(c["type"]), Role(c["role"]), c.get("why", ""), c.get("trait", ""))
        for c in spec["records" if records else "columns"]
    )
    return Schema(
        columns=columns,
        kind=spec["kind"],
        target=spec["target"],
        metric=spec["metric"],
        classes=tuple(spec["classes"]),
        seed=spec["seed"],
        time_budget=spec["time_budget"],
        threads=spec["threads"],
        fit_only=() if records else tuple(spec["fit_only"]),
        ignored=tuple(spec.get("ignored", ())),
    )


def adapt(algorithm: Any, schema: Schema) -> Any:
    """Put the installed adapters (entry points `bakeoff.adapters`) around an algorithm."""
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group="bakeoff.adapters"), key=lambda point: point.name):
        algorithm = point.load()(algorithm, schema)
    return algorithm


def load_algorithm(spec: Mapping[str, Any], code: Path) -> Any:
    """The algorithm itself: from an entry point, a pickle of the caller's own, or a module in the code folder."""
    if spec["form"] == "object":
        import pickle

        return pickle.loads((code / spec["what"]).read_bytes())
    if spec["form"] == "baseline":
        from bakeoff.arena.entries import algorithm_points

        (point,) = [point for point in algorithm_points() if point.name == spec["what"]]
        made = point.load()
    else:
        made = load_code(spec["what"], code)
    if isinstance(made, type) or (callable(made) and not hasattr(made, "fit")):
        return made(**spec["parameters"])
    return made.set_params(**spec["parameters"]) if spec["parameters"] else made


def load_code(what: str, code: Path) -> Any:
    """The object `module:attribute` names in the code folder; without an attribute, the module's one algorithm."""
    sys.path.insert(0, str(code))
    os.chdir(code)
    module_name, _, attribute = what.partition(":")
    module = importlib.import_module(module_name)
    if not attribute:
        attribute = "algorithm" if hasattr(module, "algorithm") else only(module)
    if not hasattr(module, attribute):
        raise EntryError(f"{module_name}.py has no {attribute!r}; give entry.toml an algorithm that is there.")
    return getattr(module, attribute)


def only(module: ModuleType) -> str:
    """The name of the module's one object with fit and predict, or else of its one such class; EntryError for none."""
    able = {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and hasattr(thing, "fit")
        and any(hasattr(thing, method) for method in ("predict", "predict_proba", "link"))
    }
    classes = [name for name, thing in able.items() if isinstance(thing, type) and thing.__module__ == module.__name__]
    # Two names of one object are one object.
    objects = list({id(able[name]): name for name in reversed(able) if not isinstance(able[name], type)}.values())
    if len(objects) == 1 or (not objects and len(classes) == 1):
        return (objects or classes)[0]
    found = sorted([*classes, *objects])
    if not found:
        raise EntryError(
            f"{module.__name__}.py holds no class or object with fit and predict; "
            "define one, or name what is to run: algorithm = model"
        )
    raise EntryError(
        f"{module.__name__}.py holds {len(found)} classes and objects with fit and predict ({', '.join(found)}); "
        f"write which is to run: algorithm = {found[0]}"
    )


if __name__ == "__main__":
    main()
