"""Scoring a large table with intervals against scikit-learn without them.

    python bench/scoring.py [--rows 1000000] [--classes 20] [--rounds 3]

Accuracy, macro-F1, log loss and AUC (one against the rest, macro) of probabilities rounded to six digits, so that there
are ties. Ours includes the checks of the answers, the bootstrap weights and 200 replicates of every metric; times are
the best of the rounds, taken in turn in one process. The table is for reading: nothing here fails on time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from bakeoff.nouns import Task
from bakeoff.stats import interval, resample
from bakeoff.tasks import Score, kind

METRICS = ("accuracy", "macro_f1", "log_loss", "auc")


def probabilities(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), truth] += 1.5
    raised = np.exp(logits)
    answers = np.round(raised / raised.sum(axis=1, keepdims=True), 6)
    return truth, answers / answers.sum(axis=1, keepdims=True)


def theirs(truth: np.ndarray, answers: np.ndarray) -> dict[str, tuple[float, float]]:
    """Value and seconds of each metric by scikit-learn."""
    calls: dict[str, Callable[[], float]] = {
        "accuracy": lambda: accuracy_score(truth, answers.argmax(axis=1)),
        "macro_f1": lambda: f1_score(truth, answers.argmax(axis=1), average="macro"),
        "log_loss": lambda: log_loss(truth, answers),
        "auc": lambda: roc_auc_score(truth, answers, multi_class="ovr", average="macro"),
    }
    found = {}
    for name, call in calls.items():
        start = time.perf_counter()
        value = call()
        found[name] = (value, time.perf_counter() - start)
    return found


def ours(truth: np.ndarray, answers: np.ndarray, task: Task, only: tuple[str, ...]) -> tuple[dict[str, Score], float]:
    """Scores with replicates, and seconds; the weights are drawn anew each time."""
    resample.cache_clear()
    asked = kind("classification")
    start = time.perf_counter()
    accepted = asked.accept(answers, task)
    scores = asked.score(truth, accepted, task, resample(len(truth), task.digest), only)
    return scores, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    wish = parser.parse_args()
    truth, answers = probabilities(wish.rows, wish.classes)
    task = Task("bench", "bench", "", "classification", "y", "auc", classes=tuple(range(wish.classes)))
    their_processor, our_processor = [], []
    their_times: dict[str, list[float]] = {name: [] for name in METRICS}
    our_times: dict[str, list[float]] = {name: [] for name in (*METRICS, "all four")}
    for _ in range(wish.rounds):
        start = time.process_time()
        scores, seconds = ours(truth, answers, task, METRICS)
        our_processor.append(time.process_time() - start)
        our_times["all four"].append(seconds)
        for name in METRICS:
            our_times[name].append(ours(truth, answers, task, (name,))[1])
        start = time.process_time()
        values = theirs(truth, answers)
        their_processor.append(time.process_time() - start)
        for name in METRICS:
            their_times[name].append(values[name][1])
    print(
        f"{wish.rows:,} rows x {wish.classes} classes, best of {wish.rounds}; ours with 200 replicates of each metric\n"
    )
    print(f"{'metric':10} {'scikit-learn':>13} {'ours':>9} {'ratio':>8} {'apart by':>10}   value and 95 % interval")
    for name in METRICS:
        best, own = min(their_times[name]), min(our_times[name])
        low, high = interval(scores[name].replicates)
        apart = abs(values[name][0] - scores[name].value)
        shown = f"{scores[name].value:.6f} [{low:.6f}, {high:.6f}]"
        print(f"{name:10} {best:>11.3f} s {own:>7.3f} s {best / own:>7.1f}x {apart:>10.1e}   {shown}")
    best, own = sum(min(times) for times in their_times.values()), min(our_times["all four"])
    print(f"{'all four':10} {best:>11.3f} s {own:>7.3f} s {best / own:>7.1f}x")
    best, own = min(their_processor), min(our_processor)
    print(f"{'processor':10} {best:>11.3f} s {own:>7.3f} s {best / own:>7.1f}x   seconds of all threads, all four")


if __name__ == "__main__":
    main()
