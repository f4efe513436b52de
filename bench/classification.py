"""The multimodal baseline on public classification tables: log loss, accuracy and CPU seconds, beside its own members.

Each set is fitted on its training rows, and only then are the test rows opened and asked once; nothing is chosen on
test rows. The budget is `--seconds` of CPU on one thread (`--clock wall` for seconds of the clock). With --peer FILE,
as bench/peers_classification.py writes it, log loss is divided by the peer's; sets that are not in it are divided by
the figures of AutoGluon 1.6.3 medium_quality tuned for log loss (60 s on 2 quiet cores) where there are any. --folds 5
judges by cross-validation within the training rows instead, and never opens the test rows; with --without the given
members are left out. FILE of --json is written after each set, and sets in it are not run again.
Run: python bench/classification.py [--sets ikea_category ...] [--seconds 120] [--json FILE] [--peer FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from bakeoff.algorithms import Multimodal
from bakeoff.algorithms.multimodal.roster import ROSTER
from bakeoff.nouns import ColumnType, Role, Schema
from bakeoff.tables import read, standardise

HOME = Path(os.environ.get("BAKEOFF_DATA") or Path(__file__).parents[2] / "shared" / "data")
TABLES = (
    *("midwest_survey_region", "imdb_is_drama", "ikea_category", "bigfoot_class", "tmdb_genre"),
    *("google_play_category", "netflix_rating", "houses_price_band", "womens_clothing_rating"),
    *("videogame_genre", "open_payments_status", "adult", "compas_two_year"),
)
TEXTS = (
    *("trec6", "agnews_small", "sst2", "banking77", "hatexplain", "meld"),
    *("snips", "atis", "hwu64", "newsgroups20", "clinc150", "fb_mtod_en"),
)
QUIET = {
    "midwest_survey_region": {"log_loss": 1.145, "accuracy": 0.6084},
    "imdb_is_drama": {"log_loss": 0.4588, "accuracy": 0.81},
    "ikea_category": {"log_loss": 0.4793, "accuracy": 0.8414},
    "bigfoot_class": {"log_loss": 0.3679, "accuracy": 0.8577},
    "tmdb_genre": {"log_loss": 1.6123, "accuracy": 0.4914},
    "google_play_category": {"log_loss": 2.1422, "accuracy": 0.4118},
    "netflix_rating": {"log_loss": 1.1226, "accuracy": 0.572},
}


def judged(chances, classes, truth) -> dict[str, float]:
    places = {label: place for place, label in enumerate(classes)}
    codes = np.array([places.get(label, -1) for label in truth.tolist()])
    sure = np.where(codes < 0, 0.0, chances[np.arange(len(codes)), codes])
    losses = -np.log(np.clip(sure, 1e-7, 1.0))
    right = chances.argmax(axis=1) == codes
    root = np.sqrt(len(codes))
    return {
        "log_loss": float(losses.mean()),
        "log_loss_error": float(losses.std() / root),
        "accuracy": float(right.mean()),
        "accuracy_error": float(right.std() / root),
    }


def fitted(data, rows, labels, args):
    unseen = {ColumnType.IMAGE} if args.without_pictures else set()
    columns = tuple(c for c in data.table.columns if c.role is not Role.TARGET and c.type not in unseen)
    classes = tuple(np.unique(labels).tolist())
    schema = Schema(columns, "classification", data.target, "log_loss", classes, args.seed, args.seconds, 1)
    members = tuple(name for name in ROSTER if name not in args.without)
    model = Multimodal(time_limit=args.seconds, members=members, clock=args.clock)
    return model.fit(rows, labels, schema=schema)


def alone(model, rows, truth) -> dict[str, dict[str, float]]:
    asked = model.views_.read(rows)
    found = {}
    for member in model.ensemble_.members:
        chances = np.exp(member.outputs(asked).astype(np.float64))
        found[member.name] = judged(chances, model.classes_.tolist(), truth)
    return found


def measured(name: str, args) -> dict[str, object]:
    data = standardise(read(HOME / name))
    rows, labels = data.rows("train"), data.labels("train")
    if args.folds:
        return crossed(data, rows, labels, args)
    cpu, wall = time.process_time(), time.perf_counter()
    model = fitted(data, rows, labels, args)
    fit_cpu, fit_wall = time.process_time() - cpu, time.perf_counter() - wall
    asked, truth = data.rows("test"), data.labels("test")
    cpu = time.process_time()
    chances = model.predict_proba(asked)
    answer_cpu = time.process_time() - cpu
    return {
        **judged(chances, model.classes_.tolist(), truth),
        "held_out": model.score_,
        "cpu_seconds": fit_cpu + answer_cpu,
        "fit_wall": fit_wall,
        "rows_per_second": len(asked) / max(answer_cpu, 1e-9),
        "members": {one.name: [one.score, one.weight, one.seconds, one.remark] for one in model.members_},
        "alone": alone(model, asked, truth),
        "more": str(model.what_more_time_would_bring_),
    }


def crossed(data, rows, labels, args) -> dict[str, object]:
    from sklearn.model_selection import StratifiedKFold

    classes = np.unique(labels)
    chances = np.zeros((len(rows), len(classes)))
    cpu = time.process_time()
    folds = StratifiedKFold(args.folds, shuffle=True, random_state=args.seed)
    for learnt, held in folds.split(np.zeros(len(labels)), labels):
        model = fitted(data, rows.iloc[learnt].reset_index(drop=True), labels[learnt], args)
        places = np.searchsorted(classes, model.classes_)
        chances[np.ix_(held, places)] = model.predict_proba(rows.iloc[held])
    found = judged(chances, classes.tolist(), labels)
    return {**found, "cpu_seconds": time.process_time() - cpu, "members": {}, "alone": {}}


def peer_of(name: str, peers) -> dict[str, float] | None:
    return peers.get(name) or QUIET.get(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[*TABLES, *TEXTS])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--without", nargs="*", default=[], help="members that take no part")
    parser.add_argument("--without-pictures", action="store_true", help="image columns are not shown")
    parser.add_argument("--folds", type=int, default=0, help="cross-validate within the training rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peer", type=Path)
    args = parser.parse_args()
    kept = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    for name in args.sets:
        if name in kept:
            continue
        with threadpool_limits(1):
            kept[name] = measured(name, args)
        one = kept[name]
        print(name, f"{one['log_loss']:.4f} {one['accuracy']:.4f} {one['cpu_seconds']:.0f} CPU s", flush=True)
        if args.json:
            args.json.write_text(json.dumps(kept, indent=1))
    show({name: kept[name] for name in args.sets}, json.loads(args.peer.read_text()) if args.peer else {})


def show(kept, peers) -> None:
    shown = Table(title="Multimodal: log loss and accuracy with standard errors, beside its best member and the peer")
    for head in ("set", "log loss", "accuracy", "CPU s", "best member alone", "peer", "ratio", "accuracy gained"):
        shown.add_column(head, justify="left" if head == "set" else "right")
    ratios, gains = [], []
    for name, one in kept.items():
        best = min(one["alone"].items(), key=lambda item: item[1]["log_loss"], default=None)
        peer = peer_of(name, peers)
        if peer:
            ratios.append(one["log_loss"] / peer["log_loss"])
            gains.append(one["accuracy"] - peer["accuracy"])
        shown.add_row(
            name,
            f"{one['log_loss']:.4f} ({one['log_loss_error']:.4f})",
            f"{one['accuracy']:.4f} ({one['accuracy_error']:.4f})",
            f"{one['cpu_seconds']:.0f}",
            f"{best[0]} {best[1]['log_loss']:.4f}" if best else "-",
            f"{peer['log_loss']:.4f}" if peer else "-",
            f"{ratios[-1]:.3f}" if peer else "-",
            f"{gains[-1]:+.4f}" if peer else "-",
        )
    Console(width=160).print(shown)
    if ratios:
        below = sum(ratio < 1 for ratio in ratios)
        print(
            f"Log loss below the peer's on {below} of {len(ratios)}, mean ratio {np.mean(ratios):.3f}; "
            f"accuracy {np.mean(gains):+.4f} on average, least {min(gains):+.4f}."
        )


if __name__ == "__main__":
    main()
