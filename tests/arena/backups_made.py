"""A challenge to back up, and archives with other content."""

import json
import zipfile
from hashlib import sha256

import numpy as np
from little import little_frame

from bakeoff.arena import Challenge, TableOptions
from bakeoff.arena.store.bundle import MANIFEST
from bakeoff.arena.store.dump import RUNNING, dumps, snapshot
from bakeoff.nouns import Cell, CellResult, Finding, Outcome

MODEL = "from sklearn.linear_model import LogisticRegression\nalgorithm = LogisticRegression()\n"


def kept_result(challenge, seed, entry="e"):
    """Write a result with twenty findings, as a runner does."""
    answers = challenge.store.artefacts.put(b"answers of %d" % seed)
    result = CellResult(Cell(entry, "e" * 64, "little", "t" * 64, seed, "p", "1"), Outcome.DONE, answers=answers)
    numbers = np.array([0.1, 1 / 3, float("inf"), float("nan")])
    found = [Finding("quality", str(at), at / 3, -1e-300, None, replicates=numbers) for at in range(20)]
    challenge.store.save(result, {("quality", "1"): found})
    return result


def make_shop(folder):
    """A challenge with a table, a submission, a pick, a plan and results that were never run."""
    challenge = Challenge.create(folder / "shop", title="The shop “é”")
    challenge.add_table(little_frame(), TableOptions(name="little", target="y"))
    (folder / "mine.py").write_text(MODEL)
    challenge.submit(folder / "mine.py", team="us", picks=["little"])
    challenge.store.keep_plan("key", {"withheld": [1, 2], "none": None})
    for seed in range(3):
        kept_result(challenge, seed)
    challenge.store.leases.beat(challenge.store.leases.join())
    return challenge


def rows_of(challenge):
    """All rows of a challenge's store, as a backup writes them."""
    with snapshot(challenge.store.access) as connection:
        return {dump.table: list(dump.lines) for dump in dumps(connection) if dump.table not in RUNNING}


def files_of(challenge):
    root = challenge.places.root
    paths = [path for path in root.rglob("*") if path.is_file() and "store.db" not in path.name]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def folder_is_untouched(folder):
    return not folder.exists() and not list(folder.parent.glob(f".{folder.name}*"))


def rezipped(path, to, change):
    """An archive with other content: `change` takes a mapping of names to bytes, and may change the list too."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(held.pop(MANIFEST))
    infos = change(held, about) or {}
    for name in list(about["files"]):
        if name not in held:
            del about["files"][name]
    for name, data in held.items():
        if name in about["files"] or name not in about.get("unlisted", ()):
            about["files"][name] = {"size": len(data), "sha256": sha256(data).hexdigest()}
    about["files"] |= about.pop("promised", {})
    about.pop("unlisted", None)
    with zipfile.ZipFile(to, "w") as archive:
        for name, data in held.items():
            archive.writestr(infos.get(name, name), data)
        archive.writestr(MANIFEST, json.dumps(about))
    return to


def listed(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()
