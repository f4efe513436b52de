"""Scoring text tasks with intervals against seqeval, sacrebleu and rouge-score.

    python bench/text_scores.py [--rows 10000] [--rounds 3]

Made sentences: tags of eight sorts of entity with a tenth of them wrong, and texts of 10 to 29 words with a fifth of
them wrong. Ours includes 200 bootstrap replicates of every metric. sacrebleu makes 200 replicates of its own;
seqeval and rouge-score make none. Least CPU seconds of the rounds, on one thread; nothing here fails on time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score

from bakeoff.nouns import Task
from bakeoff.stats import resample
from bakeoff.tasks import kind
from bakeoff.tasks.labels import objects

FOLDS = 200


def tagged(rows: int, rng: np.random.Generator) -> tuple[list[list[str]], list[list[str]]]:
    tags = ["O", *(f"{prefix}-{sort}" for sort in "abcdefgh" for prefix in "BI")]
    chances = [0.7, *[0.3 / 16] * 16]
    truth = [rng.choice(tags, rng.integers(5, 20), p=chances).tolist() for _ in range(rows)]
    return truth, [[str(rng.choice(tags)) if rng.random() < 0.1 else tag for tag in row] for row in truth]


def written(rows: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    words = [f"w{number}" for number in range(5_000)]
    chances = 1 / np.arange(1, 5_001)
    chances /= chances.sum()
    truth = [rng.choice(words, rng.integers(10, 30), p=chances).tolist() for _ in range(rows)]
    given = [[str(rng.choice(words)) if rng.random() < 0.2 else word for word in row] for row in truth]
    return [" ".join(row) for row in truth], [" ".join(row) for row in given]


def timed(call: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """The least CPU seconds of the rounds, and what came of the last."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        value = call()
        found.append(time.process_time() - start)
    return min(found), value


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=3)
    options = asked.parse_args()
    rng = np.random.default_rng(0)
    weights = resample(options.rows, "bench", folds=FOLDS)
    table = Table("metric", "ours, CPU s", "theirs, CPU s", "values apart", title=f"{options.rows:,} rows")

    def add(name: str, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
        (mine, value), (other, due) = timed(ours, options.rounds), timed(theirs, options.rounds)
        table.add_row(name, f"{mine:.2f}", f"{other:.2f}", f"{abs(value - due):.1e}")

    truth, given = tagged(options.rows, rng)
    tagging, task = kind("tagging"), Task("t", "t", "", "tagging", "y", "entity_f1")
    add(
        "four metrics of tags: seqeval",
        lambda: tagging.score(objects(truth), tagging.accept(given, task), task, weights)["entity_f1"].value,
        lambda: [score(truth, given) for score in (precision_score, recall_score, accuracy_score, f1_score)][-1],
    )
    texts, answers = written(options.rows, rng)
    references, lines = objects([text] for text in texts), objects(answers)
    generation, task = kind("generation"), Task("t", "t", "", "generation", "y", "chrf")
    scorer = RougeScorer(["rougeL"])
    for name, theirs in (
        ("bleu", lambda: BLEU().corpus_score(answers, [texts], n_bootstrap=FOLDS).score / 100),
        ("chrf", lambda: CHRF().corpus_score(answers, [texts], n_bootstrap=FOLDS).score / 100),
        (
            "rouge_l",
            lambda: float(
                np.mean([scorer.score(*pair)["rougeL"].fmeasure for pair in zip(texts, answers, strict=True)])
            ),
        ),
    ):
        package = "rouge-score" if name == "rouge_l" else "sacrebleu, 200 replicates"
        add(
            f"{name}: {package}",
            lambda name=name: generation.score(references, lines, task, weights, only=(name,))[name].value,
            theirs,
        )
    Console().print(table)


if __name__ == "__main__":
    main()
