"""AutoGluon on the public classification tables: the figures that the house's own classifier is held against.

AutoGluon needs pandas 2 and so packages of its own, put before Bakeoff's; one process for each set:

    python -m venv peers; peers/bin/pip install 'autogluon.tabular[lightgbm,catboost,xgboost]'
    PYTHONPATH=peers/lib/python3.11/site-packages python bench/peers_classification.py --json FILE

Each set is read by one process and fitted by another, which opens the test rows when its fit has ended; AutoGluon is
tuned for log loss, and nothing else is chosen. The budget is `--seconds` on `--threads` cores. On a machine that does
other work as well, AutoGluon's clock counts what it has used instead of what has gone by (`--clock cpu`, the default):
one second for each `--threads` seconds of CPU, so that its time limit means the same core-seconds everywhere. Phases on
one core get the core-seconds that they would waste on idle cores. FILE is written after each set, and sets in it are
not run again: {set: {accuracy, log_loss, cpu_seconds, wall, versions, ...}}; log loss clips at 1e-7.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

HOME = Path(os.environ.get("BAKEOFF_DATA") or Path(__file__).parents[2] / "shared" / "data")
TABLES = (
    "midwest_survey_region imdb_is_drama ikea_category bigfoot_class tmdb_genre google_play_category netflix_rating",
    "houses_price_band womens_clothing_rating videogame_genre open_payments_status adult compas_two_year",
)
TEXTS = ("trec6 agnews_small sst2 banking77 hatexplain meld snips atis hwu64 newsgroups20 clinc150 fb_mtod_en",)
PACKAGES = ("autogluon.tabular", "lightgbm", "catboost", "xgboost-cpu", "scikit-learn", "pandas", "numpy")
SMALLEST = 1e-7
PARTS = ("train", "test")


def prepare(name: str, folder: Path) -> None:
    """Write the standard table's parts, and what an entry would be told of it."""
    from bakeoff.nouns import Role, plain
    from bakeoff.tables import read, standardise

    data = standardise(read(HOME / name))
    columns = [column for column in data.table.columns if column.role is not Role.TARGET]
    classes = np.unique(data.labels("train")).tolist()
    (folder / "schema.json").write_text(json.dumps({"columns": plain(columns), "classes": classes}))
    for part in PARTS:
        data.rows(part).to_pickle(folder / f"{part}.pkl")
        np.save(folder / f"{part}.npy", data.labels(part), allow_pickle=True)


def part_of(folder: Path, part: str):
    import pandas as pd

    return pd.read_pickle(folder / f"{part}.pkl"), np.load(folder / f"{part}.npy", allow_pickle=True)


def used() -> float:
    """CPU seconds of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def run_by_cpu(threads: int) -> None:
    """Let time.time, by which AutoGluon keeps its limits, count CPU seconds over threads from now on."""
    began, already = time.time(), used()
    time.time = lambda: began + (used() - already) / threads


def measure(folder: Path, args: argparse.Namespace) -> dict[str, object]:
    """Fit, and only then open the test part; the figures, and the answers beside the parts."""
    if args.clock == "cpu":
        run_by_cpu(args.threads)
    from bakeoff.algorithms.autogluon_stack import AutoGluon
    from bakeoff.nouns import Column, ColumnType, Role, Schema

    told = json.loads((folder / "schema.json").read_text())
    columns = tuple(Column(one["name"], ColumnType(one["type"]), Role(one["role"])) for one in told["columns"])
    classes = tuple(told["classes"])
    schema = Schema(columns, "classification", "target", "log_loss", classes, args.seed, args.seconds, args.threads)
    rows, labels = part_of(folder, "train")
    cpu, wall = used(), time.perf_counter()
    model = AutoGluon(args.preset, share=1.0).fit(rows, labels, schema=schema)
    fit_cpu, fit_wall = used() - cpu, time.perf_counter() - wall
    asked, truth = part_of(folder, "test")
    answers = np.zeros((len(asked), len(classes)))
    places = {label: place for place, label in enumerate(classes)}
    answers[:, [places[label] for label in model.classes_.tolist()]] = model.predict_proba(asked)
    spent, passed = used() - cpu, time.perf_counter() - wall
    codes = np.array([places.get(label, -1) for label in truth.tolist()])
    sure = np.where(codes < 0, 0.0, answers[np.arange(len(codes)), codes])
    losses = -np.log(np.clip(sure, SMALLEST, 1.0))
    np.savez_compressed(folder / "answers.npz", answers=answers, truth=codes, classes=np.array(classes, dtype=str))
    return {
        "accuracy": float((answers.argmax(axis=1) == codes).mean()),
        "log_loss": float(losses.mean()),
        "log_loss_error": float(losses.std() / np.sqrt(len(losses))),
        "cpu_seconds": spent,
        "fit_cpu_seconds": fit_cpu,
        "wall": passed,
        "fit_wall": fit_wall,
        "models": model.predictor_.model_names(),
        "weights": model.predictor_.info()["model_info"][model.predictor_.model_best].get("model_weights", {}),
        "settings": {"preset": args.preset, "seconds": args.seconds, "threads": args.threads, "clock": args.clock},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def step(name: str, folder: Path, doing: str) -> None:
    """Do one part of the work in a process of its own."""
    words = [sys.executable, __file__, *sys.argv[1:], "--doing", doing, "--of", name, "--folder", str(folder)]
    subprocess.run(words, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=" ".join((*TABLES, *TEXTS)).split())
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--preset", default="medium_quality")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--answers", type=Path, help="folder for the answers of each set")
    for hidden in ("--doing", "--of", "--folder"):
        parser.add_argument(hidden, default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.doing == "prepare":
        prepare(args.of, Path(args.folder))
    elif args.doing == "measure":
        found = measure(Path(args.folder), args)
        (Path(args.folder) / "found.json").write_text(json.dumps(found))
    else:
        run_all(args)


def run_all(args: argparse.Namespace) -> None:
    kept = json.loads(args.json.read_text()) if args.json.exists() else {}
    for name in args.sets:
        if name in kept:
            continue
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            try:
                step(name, folder, "prepare")
                step(name, folder, "measure")
            except subprocess.CalledProcessError as error:
                print(name, "failed:", error, file=sys.stderr, flush=True)
                continue
            kept[name] = json.loads((folder / "found.json").read_text())
            if args.answers:
                args.answers.mkdir(parents=True, exist_ok=True)
                (folder / "answers.npz").rename(args.answers / f"{name}.npz")
        args.json.write_text(json.dumps(kept, indent=1))
        one = kept[name]
        figures = f"{one['accuracy']:.4f} {one['log_loss']:.4f} {one['cpu_seconds']:.0f} CPU s {one['wall']:.0f} s"
        print(name, figures, flush=True)


if __name__ == "__main__":
    main()
