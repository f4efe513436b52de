"""Adding a large CSV file against pandas reading the same file: rows per second, and peak memory.

    python bench/table_add.py [--rows 5000000] [--keep FOLDER]

The table has 30 columns: whole numbers, measurements with gaps, categories, short texts, dates and a target. Adding is
all that `bakeoff table add` does: reading, types, every check, the split, the digest, and writing Parquet. The CSV
files of a large table are made by `bakeoff table export`; what that takes is shown too, and counts in no ratio. Each
side runs in a fresh process on the same warm file; CPU seconds are those of all its threads, user and system, imports
included, and memory is the largest resident set that the process ever had. pandas is asked as anybody would,
`pd.read_csv(path)`: since 3.1 it reads a large file with a thread for each core, so it is also shown with one thread
(`mode.max_threads`). Seconds of either side begin after pandas and pyarrow are imported. The table is for reading:
nothing here fails on time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

CHUNK = 250_000
NAMES = "river stone copper window garden winter orange silver engine market letter forest bridge candle harbour meadow"
WORDS = np.array(NAMES.split())
PLACES = np.array([f"place {i}" for i in range(400)])
GROUPS = [np.array([f"{word}-{i}" for i in range(many)]) for word, many in zip(WORDS, (2, 5, 12, 40, 90), strict=False)]


def make(path: Path, rows: int, seed: int = 0) -> None:
    """A CSV file of `rows` rows and 30 columns; the target follows from three of them, with noise."""
    import pyarrow as pa
    from pyarrow import csv

    writer = None
    for chunk, start in enumerate(range(0, rows, CHUNK)):
        rng = np.random.default_rng([seed, chunk])
        n = min(CHUNK, rows - start)
        columns: dict[str, pa.Array] = {}
        for i in range(6):
            columns[f"count_{i}"] = pa.array(rng.integers(0, 10 ** (i + 1), n))
        for i in range(9):
            values = np.round(rng.normal(size=n) * 10**i, 4)
            columns[f"measure_{i}"] = pa.array(values, mask=rng.random(n) < 0.02 * i)
        for name, group in zip(WORDS, GROUPS, strict=False):
            columns[f"{name}_kind"] = pa.array(rng.choice(group, n))
        columns["place"] = pa.array(rng.choice(PLACES, n), mask=rng.random(n) < 0.1)
        for i in range(4):
            picked = WORDS[rng.integers(0, len(WORDS), (n, 5 + i))]
            columns[f"words_{i}"] = pa.array([" ".join(line) for line in picked])
        days = np.datetime64("2015-01-01") + rng.integers(0, 3650, (3, n))
        for i in range(3):
            columns[f"day_{i}"] = pa.array(days[i].astype(str))
        columns["moment"] = pa.array((days[0].astype("datetime64[s]") + rng.integers(0, 86_400, n)).astype(str))
        score = columns["measure_0"].to_numpy(zero_copy_only=False) + rng.normal(size=n)
        columns["outcome"] = pa.array(np.array(["low", "middle", "high"])[np.digitize(score, [-0.7, 0.7])])
        table = pa.table(columns)
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def add(path: Path) -> dict[str, float]:
    """Seconds of each step of adding the table."""
    import pandas  # noqa: F401
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from bakeoff.tables import Settings, read, standardise, write

    times, start = {}, time.perf_counter()
    raw = read(path, Settings(target="outcome"))
    times["read"] = time.perf_counter() - start
    data = standardise(raw)
    del raw
    times["standardise"] = time.perf_counter() - start - times["read"]
    write(data, path.parent / "table", path.parent / "truth")
    times["write"] = time.perf_counter() - start - times["read"] - times["standardise"]
    return times


def pandas(path: Path, threads: int | None = None) -> dict[str, float]:
    """Seconds in which pandas reads the file, with as many threads as it thinks right or as are given."""
    import pandas as pd
    import pyarrow as pa  # noqa: F401

    if threads is not None:
        if "mode.max_threads" not in pd.describe_option(_print_desc=False):
            return {}
        pd.set_option("mode.max_threads", threads)
    start = time.perf_counter()
    pd.read_csv(path)
    return {"read": time.perf_counter() - start}


def csv_files(path: Path) -> dict[str, float]:
    """Seconds of making the CSV files of the table that was added, with their digests."""
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from bakeoff.tables.folders import complete

    start = time.perf_counter()
    complete(path.parent / "table")
    return {"write": time.perf_counter() - start}


SIDES = {"pandas": pandas, "one thread": partial(pandas, threads=1), "bakeoff": add, "csv files": csv_files}


def peak() -> float:
    """The largest resident set of this process in MiB."""
    try:
        # What getrusage tells begins with the memory of the process that started this one.
        told = Path("/proc/self/status").read_text(encoding="ascii")
        return float(next(line.split()[1] for line in told.splitlines() if line.startswith("VmHWM"))) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(side: str, path: Path) -> dict[str, float]:
    """One side in a process of its own: seconds of each step, seconds in all, and the peak in MiB."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, str(path)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--rows", type=int, default=5_000_000)
    words.add_argument("--keep", type=Path, help="a folder for the file and the table, kept afterwards")
    words.add_argument("--side", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    said = words.parse_args()
    if said.side:
        times = SIDES[said.side[0]](Path(said.side[1]))
        used = resource.getrusage(resource.RUSAGE_SELF)
        told = {"seconds": sum(times.values()), "cpu": used.ru_utime + used.ru_stime, "peak": peak()}
        print(json.dumps({**times, **told}))
        return
    with tempfile.TemporaryDirectory(prefix="bakeoff-bench-") as scratch:
        folder = said.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "large.csv"
        if not path.is_file():
            subprocess.run(
                [sys.executable, "-c", f"import table_add; table_add.make(table_add.Path({str(path)!r}), {said.rows})"],
                cwd=Path(__file__).parent,
                check=True,
            )
        print(f"{said.rows:,} rows x 30 columns, {path.stat().st_size / 2**20:,.0f} MiB of CSV")
        sides = {side: measured(side, path) for side in SIDES}
        for side, found in sides.items():
            if not found["seconds"]:
                continue
            steps = ", ".join(f"{k} {v:.1f}" for k, v in found.items() if k not in ("seconds", "cpu", "peak"))
            print(
                f"{side:10} {found['seconds']:8.1f} s {said.rows / found['seconds']:12,.0f} rows/s "
                f"{found['cpu']:8.1f} CPU s {found['peak']:8,.0f} MiB at most   ({steps})"
            )
        for side in ("pandas", "one thread"):
            if sides[side]["seconds"]:
                ratios = (sides["bakeoff"][key] / sides[side][key] for key in ("seconds", "cpu"))
                print("ratio to {}: {:.2f} of seconds, {:.2f} of CPU seconds".format(side, *ratios))


if __name__ == "__main__":
    main()
