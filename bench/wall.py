"""What the wall costs: start-up by level and layer, compute inside against outside, and many tiny cells in a row.

    python bench/wall.py [--rounds 15] [--cells 1000]

Start-up is from asking for a box until code in it has spoken, and until all of it has been taken away. Compute is the
ratio of CPU seconds for the same work. The cells are whole ones, with data in and answers out, in boxes that skip the
imports of a real worker, so that the house's own part is what is left. Ways are timed in turn, so that a busy machine
strikes all alike; the tables are for reading, and nothing here fails on time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bakeoff.arena.cellrun import Call, Job, play
from bakeoff.arena.wall.box import PINNED, Opening, Way, open_by
from bakeoff.arena.wall.levels import layers, tried
from bakeoff.nouns import Level, Limits, Outcome

SAY = "import os, sys; os.write(int(sys.argv[-1]), b'.'); os.read(int(sys.argv[-2]), 1)"
BARE = Way(groups=False)
WORK = {
    "matrix product": "import numpy as np\na = np.ones((700, 700))\nfor _ in range(12): a @ a",
    "Python loop": "total = 0\nfor i in range(6_000_000): total += i * i",
    "system calls": "import os\nfor _ in range(300_000): os.stat('/usr')",
    "many files": (
        "import os, tempfile\nwith tempfile.TemporaryDirectory() as f:\n"
        "    for i in range(4000):\n        open(f'{f}/{i}', 'w').close()"
    ),
}
TIMED = "import time\nbegan = time.process_time()\n{work}\nsaid = str(time.process_time() - began).encode()\n"
TELL = "import os, sys\nos.write(int(sys.argv[-1]), said); os.read(int(sys.argv[-2]), 1)"
CELL = """
import json, os, sys
asks, answers = int(sys.argv[-2]), int(sys.argv[-1])
def say(message, data=b""):
    os.write(answers, json.dumps({**message, "bytes": len(data)}).encode() + b"\\n" + data)
say({"event": "ready"})
said = os.fdopen(asks)
for line in said:
    do = json.loads(line)["do"]
    if do == "ask":
        say({"event": "answers"}, bytes(8 * 20))
    else:
        say({"event": {"load": "loaded", "go": "fitted"}[do]})
"""


def program(code: str, packages: bool = False) -> tuple[str, ...]:
    return (sys.executable, "-I", *(() if packages else ("-S",)), "-c", code)


def ways(level: Level) -> dict[str, Way]:
    """The level without any layer, with each by itself, and with all that hold here."""
    best = tried(level).way
    if best is None:
        return {}
    found = {"bare": BARE, "+ seccomp": replace(BARE, seccomp=best.seccomp)}
    if level is Level.PROCESS:
        found["+ Landlock"] = replace(BARE, landlock=best.landlock)
    found["+ control groups"] = replace(BARE, groups=True)
    if best.user:
        found["+ own user, own mounts"] = replace(BARE, user=True, mounts=True)
    return {**found, "all": best}


def opened(level: Level, way: Way) -> tuple[float, float]:
    began = time.perf_counter()
    box = open_by(Opening(level, way, program=program(SAY)))
    os.read(box.answers, 1)
    spoke = time.perf_counter()
    box.close()
    return spoke - began, time.perf_counter() - spoke


def plain() -> tuple[float, float]:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
    return time.perf_counter() - began, 0.0


def start_up(rounds: int, levels: list[Level]) -> Table:
    shown = Table(title=f"Start-up and end of a box (milliseconds, median of {rounds}; goal: all layers at most 60)")
    for head in ("level", "layers", "until it speaks", "largest", "until it is gone"):
        shown.add_column(head, justify="left" if head in ("level", "layers") else "right")
    timed: dict[tuple[str, str], Callable[[], tuple[float, float]]] = {("", "an interpreter, no wall"): plain}
    for level in levels:
        for name, way in ways(level).items():
            timed[level.value[:2], name] = lambda level=level, way=way: opened(level, way)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in timed}
    for _ in range(rounds + 1):
        for key, measure in timed.items():
            found[key].append(measure())
    for (level_name, name), seconds in found.items():
        starts, ends = zip(*seconds[1:], strict=True)
        figures = (statistics.median(starts), max(starts), statistics.median(ends))
        shown.add_row(level_name, name, *(f"{1000 * figure:.0f}" for figure in figures))
    return shown


def burned(level: Level | None, work: str) -> float:
    code = TIMED.format(work=work)
    if level is None:
        # As many threads as inside, and temporary files in memory as there.
        variables = {"TMPDIR": "/dev/shm"} | dict.fromkeys(PINNED, "1")
        command = program(code + "print(said.decode())", True)
        told = subprocess.run(command, capture_output=True, check=True, text=True, env=variables)
        return float(told.stdout)
    way = tried(level).way
    assert way is not None
    box = open_by(Opening(level, way, program=program(code + TELL, True)))
    try:
        return float(os.read(box.answers, 100))
    finally:
        box.close()


def compute(rounds: int, levels: list[Level]) -> Table:
    shown = Table(title=f"CPU seconds for the same work, inside over outside (median of {rounds} pairs; goal: 1.0)")
    shown.add_column("work")
    shown.add_column("outside, s", justify="right")
    for level in levels:
        shown.add_column(level.value, justify="right")
    for name, work in WORK.items():
        outside: list[float] = []
        ratios: dict[Level, list[float]] = {level: [] for level in levels}
        for _ in range(rounds):
            outside.append(burned(None, work))
            for level in levels:
                ratios[level].append(burned(level, work) / outside[-1])
        shown.add_row(
            name, f"{statistics.median(outside):.2f}", *(f"{statistics.median(r):.2f}" for r in ratios.values())
        )
    return shown


def many_cells(level: Level, cells: int, folder: Path) -> list[str]:
    way = tried(level).way
    assert way is not None
    train, rows = folder / "train.parquet", folder / "call-0.parquet"
    train.write_bytes(os.urandom(20_000))
    rows.write_bytes(os.urandom(5_000))
    job = Job({"memory_mib": 1000}, None, train, (Call(rows, 20, 1.0),), 1, Limits(seconds=60, memory_mib=1000))
    house, sizes, took, files = psutil.Process(), [], [], []
    for _ in range(cells):
        began = time.perf_counter()
        box = open_by(Opening(level, way, program=program(CELL)))
        try:
            played = play(box, job, time.monotonic())
        finally:
            box.close()
        assert played.outcome is Outcome.DONE, played.reason
        took.append(time.perf_counter() - began)
        sizes.append(house.memory_info().rss / 2**20)
        files.append(house.num_fds())
    warm = min(50, cells // 2)
    return [
        level.value,
        str(cells),
        f"{sum(took):.0f}",
        f"{1000 * statistics.median(took):.0f}",
        f"{sizes[warm]:.1f} to {sizes[-1]:.1f}",
        f"{files[warm]} to {files[-1]}",
    ]


def main() -> None:
    """Print the three tables, and what the levels hold here."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=15)
    asked.add_argument("--cells", type=int, default=1000)
    options = asked.parse_args()
    console = Console(width=160)
    levels = [level for level in (Level.PROCESS, Level.BUBBLEWRAP) if tried(level).way is not None]
    for level in levels:
        console.print(json.dumps({level.value: layers(level)}), soft_wrap=True)
    console.print(start_up(options.rounds, levels))
    console.print(compute(max(3, options.rounds // 3), levels))
    for level in levels:
        shown = Table(title="Whole cells one after the other, without a worker's imports (one lane)")
        for head in ("level", "cells", "seconds", "a cell, ms (median)", "the house's memory, MiB", "open files"):
            shown.add_column(head, justify="right")
        with tempfile.TemporaryDirectory() as folder:
            shown.add_row(*many_cells(level, options.cells, Path(folder)))
        console.print(shown)


if __name__ == "__main__":
    main()
