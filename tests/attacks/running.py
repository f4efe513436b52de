"""Runs attacks: through the house's own runner at one level, or in a plain interpreter before a careless house."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from attacking import ENTRIES, Attack, Told
from scene import Scene
from uploads import read_plainly

from bakeoff.arena import RunRequest
from bakeoff.arena.runner import Cores, LocalRunner
from bakeoff.nouns import Level, Limits, Outcome

LIMITS = Limits(seconds=10, memory_mib=700, log_mib=2, processes=40)
PLAIN = Path(__file__).parent / "plain.py"
UNPICKLE = """
import pickle, sys
sys.path.insert(0, sys.argv[1] + "/code")
pickle.load(open(sys.argv[1] + "/model.pkl", "rb"))
"""
MOST_HELD = 64 << 20
PATIENCE = 20
ENDLESS = ("never_ends", "hangs_up")


class WatchedRunner(LocalRunner):
    """The local runner with one lane; after each cell, when its box is closed, the scene is looked at."""

    def __init__(self, level: Level, scene: Scene) -> None:
        super().__init__(workers=1, level=level)
        timed, house = (self.cores.lanes[0], self.cores.house)
        if level is Level.PROCESS and len(timed) == len(house):
            # Both levels run at once, and neither warms its spares where the other's cells run.
            timed, house = house, timed
        self.cores = Cores((timed,), house)
        self.scene = scene
        self.signs: dict[str, set[str]] = {}

    def _cell(self, due: Any, *rest: Any) -> None:
        super()._cell(due, *rest)
        seen = self.scene.signs(due.cell.entry) | marked_strangers()
        self.signs[due.cell.entry] = self.signs.get(due.cell.entry, set()) | seen


def marked_strangers(patience: float = 3.0) -> set[str]:
    """Whether a process with a box's mark has left the tree of this process, and stays when all has had time to end."""
    end = time.monotonic() + patience
    while found := _strangers():
        if time.monotonic() > end:
            for process in found:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            return {"process left"}
        time.sleep(0.1)
    return set()


def _strangers() -> list[psutil.Process]:
    prefix, found = f"bakeoff-box-{os.getpid()}-", []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            marked = process.environ().get("BAKEOFF_BOX", "").startswith(prefix)
            if marked and os.getpid() not in {one.pid for one in process.parents()}:
                found.append(process)
    return found


def given_to(attack: Attack, scene: Scene) -> dict[str, Any]:
    """An entry's parameters: what the row gives it, and its token."""
    return {**attack.given(scene), "token": scene.token(attack.name)}


def hand_in(attack: Attack, scene: Scene) -> None:
    """Submit the entry as its team would: a folder with entry.toml."""
    folder = scene.folder / "handed-in" / attack.name
    folder.mkdir(parents=True)
    if attack.make is not None:
        attack.make(scene, folder)
        scene.challenge.submit(folder, name=attack.name)
        return
    for module in (attack.module, "hostile"):
        (folder / f"{module}.py").write_text((ENTRIES / f"{module}.py").read_text())
    lines = [f"{name} = {json.dumps(value)}" for name, value in given_to(attack, scene).items()]
    settings = [f'name = "{attack.name}"', f'algorithm = "{attack.module}:Model"', "[parameters]", *lines]
    (folder / "entry.toml").write_text("\n".join(settings) + "\n")
    scene.challenge.submit(folder)


def run_behind_the_wall(attacks: Sequence[Attack], level: Level, scene: Scene) -> dict[str, Told]:
    """Run all of them as cells, an honest entry last, in one run of the house; gives what came of each."""
    for attack in attacks:
        hand_in(attack, scene)
    names = [*(attack.name for attack in attacks), "constant"]
    matrix, cells, _ = scene.challenge._matrix(RunRequest(entries=tuple(names)), None)
    runner = WatchedRunner(level, scene)
    summary = matrix.run(cells, LIMITS, runner)
    results = {result.cell.entry: result for result in scene.challenge.store.results().values()}
    honest = results.get("constant")
    went_on = honest is not None and honest.outcome is Outcome.DONE
    told = {}
    for name in names:
        signs = frozenset(runner.signs.get(name, {"never ended"}))
        troubles = [trouble for trouble in summary.troubles if trouble.startswith(f"{name} ")]
        if name not in results:
            told[name] = Told(fell=" ".join(troubles) or "no result", went_on=went_on, signs=signs)
            continue
        result = results[name]
        words = "\n".join([result.log, result.reason, *result.notes])
        accepted = result.outcome is Outcome.DONE
        told[name] = Told(words, result.outcome, result.reason, accepted, " ".join(troubles), went_on, signs)
    return told


def boxes_left() -> list[str]:
    """Folders, control groups and processes of this process's boxes that are still there, each with its box's mark."""
    prefix = f"bakeoff-box-{os.getpid()}-"
    left = [str(path) for path in Path(tempfile.gettempdir()).glob(f"{prefix}*")]
    # What is listed may go meanwhile, other tests' boxes too, which a walk passes over and a glob does not.
    groups = ((top, name) for top, below, _ in os.walk("/sys/fs/cgroup") for name in below)
    left += [os.path.join(top, name) for top, name in groups if name.startswith(prefix)]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (mark := process.environ().get("BAKEOFF_BOX", "")).startswith(prefix):
                left.append(f"process {process.pid} of {mark}")
    return left


# The partner


def run_plainly(attack: Attack, scene: Scene) -> Told:
    """Run the same code in a plain interpreter, before a house that believes what it is told."""
    if attack.way is not None and attack.way.plainly is not None:
        other: Told = attack.way.plainly(attack, scene)
        return other
    if attack.make is not None:
        return read_plainly(attack, scene)
    home = scene.folder / "plain" / attack.name
    (home / "code").mkdir(parents=True)
    (home / "data").mkdir()
    for module in (attack.module, "hostile"):
        (home / "code" / f"{module}.py").write_text((ENTRIES / f"{module}.py").read_text())
    (home / "parameters.json").write_text(json.dumps(given_to(attack, scene)))
    read, write = os.pipe()
    with open(scene.truth, "rb") as truth, open(home / "log", "wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-I", str(PLAIN), str(home / "code"), attack.module, str(home / "parameters.json")]
            + ([str(home / "model.pkl")] if attack.module == "predictor_that_acts" else []),
            env={**os.environ, "TMPDIR": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(write, truth.fileno()),
            start_new_session=True,
        )
    os.close(write)
    said = _listen(read, child)
    told = Told((home / "log").read_text(errors="replace"))
    told.went_on = "THE NEXT ENTRY RUNS" in told.text
    told.accepted, told.fell = believe(said)
    told.fell = told.fell or lay_ready(home)
    told.signs = frozenset(scene.signs(attack.name))
    shutil.rmtree(home)
    return told


def _listen(pipe: int, child: subprocess.Popen[bytes]) -> bytes:
    """All that a child says until it ends or patience does; its group is ended then."""
    said = bytearray()

    def read() -> None:
        while data := os.read(pipe, 1 << 20):
            if len(said) <= MOST_HELD:
                said.extend(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(2 if child.args[4] in ENDLESS else PATIENCE)  # type: ignore[index]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    reader.join(5)
    os.close(pipe)
    return bytes(said)


def believe(said: bytes) -> tuple[bool, str]:
    """What a house does that trusts its entries: take any message, with as many bytes as it announces.

    Gives whether something was accepted, and what the house fell over.
    """
    if len(said) > MOST_HELD:
        return False, "its memory was full of one line"
    try:
        while said:
            line, _, said = said.partition(b"\n")
            header: Mapping[str, Any] = json.loads(line)
            held = bytearray(header["bytes"])
            held[:] = said[: len(held)]
            if header["event"] != "fitted":
                return True, ""
            said = said[len(held) :]
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return False, f"{type(error).__name__}: {error}"
    return False, ""


def lay_ready(home: Path) -> str:
    """Write the next questions where the entry will look for them, and unpickle what it fitted; why that failed."""
    (home / "questions").write_text("the questions")
    try:
        shutil.copyfile(home / "questions", home / "data" / "call-0.parquet")
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    if (home / "model.pkl").exists():
        subprocess.run([sys.executable, "-I", "-c", UNPICKLE, str(home)], check=True)
    return ""
