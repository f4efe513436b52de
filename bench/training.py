"""The network baseline beside linear and boosted on public tables: log loss, accuracy and CPU seconds.

Each is fitted on the training rows and asked the test rows once; nothing is chosen on test rows. With --device cuda the
network is fitted on the GPU, and its wall seconds are the ones to compare.
Run: python bench/training.py [--sets adult ...] [--methods linear boosted network] [--device cpu] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from bakeoff.algorithms import Boosted, Linear, Network, adapt
from bakeoff.nouns import Role, Schema
from bakeoff.tables import read, standardise

HOME = Path(os.environ.get("BAKEOFF_DATA") or Path(__file__).parents[2] / "shared" / "data")
SETS = (
    "midwest_survey_region",
    "imdb_is_drama",
    "ikea_category",
    "bigfoot_class",
    "google_play_category",
    "adult",
)
METHODS = {"linear": Linear, "boosted": Boosted, "network": Network}


def measured(data, algorithm, args) -> dict[str, float]:
    columns = tuple(column for column in data.table.columns if column.role is not Role.TARGET)
    classes = tuple(np.unique(data.labels("train")).tolist())
    schema = Schema(columns, "classification", data.target, "log_loss", classes, args.seed, args.seconds, args.threads)
    wall, cpu = time.perf_counter(), time.process_time()
    adapted = adapt(algorithm, schema).fit(data.rows("train"), data.labels("train"))
    fitted = time.perf_counter()
    answers = adapted.answers(data.rows("test"))
    asked = time.perf_counter()
    truth = data.labels("test")
    places = {label: place for place, label in enumerate(classes)}
    codes = np.array([places[label] for label in truth.tolist()])
    sure = np.clip(answers[np.arange(len(codes)), codes], 1e-7, 1.0)
    return {
        "log_loss": float(-np.log(sure).mean()),
        "error": float(np.log(sure).std() / np.sqrt(len(sure))),
        "accuracy": float((answers.argmax(axis=1) == codes).mean()),
        "cpu": time.process_time() - cpu,
        "fit": fitted - wall,
        "predict": asked - fitted,
        "epochs": sum(len(member.history.epochs) for member in getattr(adapted.model, "members_", ())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--texts", default="bag")
    parser.add_argument("--numbers", default="piecewise")
    parser.add_argument("--seconds", type=float, default=120.0, help="time budget of each fit")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    shown = Table(title=f"Log loss (standard error), accuracy, CPU seconds; device {args.device}, {platform.machine()}")
    for head in ("set", "method", "log loss", "accuracy", "CPU s", "fit s", "predict s", "epochs"):
        shown.add_column(head, justify="left" if head in ("set", "method") else "right")
    kept = []
    for name in args.sets:
        data = standardise(read(HOME / name))
        for method in args.methods:
            made = METHODS[method]()
            if method == "network":
                made = Network(texts=args.texts, numbers=args.numbers, device=args.device, mixed=args.mixed)
            with threadpool_limits(args.threads):
                found = measured(data, made, args)
            kept.append({"set": name, "method": method, **found})
            loss = f"{found['log_loss']:.4f} ({found['error']:.4f})"
            figures = [f"{found[key]:.1f}" for key in ("cpu", "fit", "predict")]
            shown.add_row(name, method, loss, f"{found['accuracy']:.4f}", *figures, str(found["epochs"]))
            print(name, method, loss, f"{found['accuracy']:.4f}", *figures, found["epochs"], flush=True)
    Console(width=140).print(shown)
    if args.json:
        args.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
