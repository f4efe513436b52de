"""Entries for text tasks on public sets: the kinds' own metrics, CPU seconds, and whether a set's goal is reached.

An entry is fitted on a set's training and validation rows (networks hold out their own part of these), and only then
are the test rows opened and asked once; nothing is chosen on test rows. Its budget is `--seconds` of CPU on one thread,
given to networks as their time limit. A language model is asked at 4,000 places of the test texts. Goals are those of
reference figures measured before this code was written; "below ngram" is the n-gram entry's figure of the same run.
FILE of --json is written after each entry, and what is in it is not run again.
Run: python bench/text_tasks.py [--sets snips ...] [--entries crf ...] [--seconds 600] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from bakeoff.arena.entries import algorithm_points
from bakeoff.nouns import Column, ColumnType, Role, Schema, Task
from bakeoff.tasks.kinds import kind
from bakeoff.tasks.language_model import positions, question, truths

HOME = Path(os.environ.get("BAKEOFF_DATA") or Path(__file__).parents[2] / "shared" / "data")
PLACES = 4_000
TYPES = {"tokens": ColumnType.TOKENS}


@dataclass(frozen=True)
class Asked:
    """A set's kind of task, the metrics to show, and the least or most that each is to come to."""

    kind: str
    shown: tuple[str, ...]
    above: tuple[tuple[str, float], ...] = ()
    below: tuple[tuple[str, float], ...] = ()


JOINT = ("label_accuracy", "slot_f1", "sentence_accuracy")
SPAN = ("exact_match", "token_f1")
WRITTEN = ("bleu", "chrf", "rouge_l", "exact_match")
LANGUAGE = ("bits_per_byte", "perplexity_per_word", "accuracy")
SETS = {
    "snips": Asked("joint", JOINT, (("label_accuracy", 0.97), ("slot_f1", 0.90))),
    "ud_ewt_pos": Asked("tagging", ("token_accuracy",), (("token_accuracy", 0.94),)),
    "atis": Asked("joint", JOINT, (("slot_f1", 0.93),)),
    "inflection_de": Asked("generation", ("exact_match",), (("exact_match", 0.90),)),
    "wnut17": Asked("tagging", ("entity_f1", "token_accuracy"), (("entity_f1", 0.152),)),
    "restaurant8k_span": Asked("span", SPAN, (("exact_match", 0.115), ("token_f1", 0.430))),
    "squadshifts_wiki": Asked("span", SPAN, (("exact_match", 0.014), ("token_f1", 0.220))),
    "tiny_shakespeare": Asked("language_model", LANGUAGE, below=(("bits_per_byte", 2.411),)),
    "webnlg": Asked("generation", WRITTEN),
    "wikitext2_small": Asked("language_model", LANGUAGE),
    "hwu64": Asked("joint", JOINT, (("label_accuracy", 0.849),)),
    "fb_mtod_en": Asked("joint", JOINT, (("label_accuracy", 0.985),)),
    "e2e_nlg": Asked("generation", WRITTEN),
}


def read(name: str, *parts: str) -> pd.DataFrame:
    """The rows of these parts, lists as Python's own."""
    frames = [pd.read_parquet(HOME / name / f"{part}.parquet") for part in parts]
    rows = pd.concat(frames, ignore_index=True)
    for column in rows.columns:
        if len(rows) and isinstance(rows[column].iloc[0], np.ndarray):
            rows[column] = [list(cell) for cell in rows[column]]
    return rows


def targets(asked: Asked, rows: pd.DataFrame, references: bool) -> np.ndarray:
    """Targets as they stand in a table: text, or JSON text."""
    if asked.kind == "tagging":
        found = [" ".join(tags) for tags in rows.tags]
    elif asked.kind == "joint":
        found = [json.dumps({"label": one, "tags": tags}) for one, tags in zip(rows.intent, rows.tags, strict=True)]
    elif asked.kind == "span":
        pairs = zip(rows.answers, rows.answer_starts, strict=True)
        found = [json.dumps({"text": text, "answer_start": [int(at) for at in starts]}) for text, starts in pairs]
    elif asked.kind == "generation" and references and "references" in rows:
        pairs = zip(rows.target, rows.references, strict=True)
        found = [json.dumps([own, *(one for one in every if one != own)]) for own, every in pairs]
    else:
        found = list(rows.target if asked.kind == "generation" else rows.text)
    out = np.empty(len(found), dtype=object)
    out[:] = found
    return out


def features(asked: Asked, rows: pd.DataFrame) -> pd.DataFrame:
    columns = {"tagging": ["tokens"], "joint": ["tokens"], "span": ["context", "question"], "generation": ["source"]}
    return rows[columns.get(asked.kind, [])]


def schema_of(asked: Asked, rows: pd.DataFrame, labels: np.ndarray, args) -> tuple[Schema, Task]:
    judge = kind(asked.kind)
    classes = judge.classes(labels)
    shown = features(asked, rows).columns
    columns = tuple(Column(name, TYPES.get(name, ColumnType.TEXT), Role.FEATURE) for name in shown)
    target = "text" if asked.kind == "language_model" else "target"
    longest = judge.longest(labels) if hasattr(judge, "longest") else 0
    task = Task("bench", "bench", "", asked.kind, target, asked.shown[0], classes, longest=longest)
    return Schema(columns, asked.kind, target, asked.shown[0], classes, args.seed, args.seconds, 1), task


def learnt(asked: Asked, rows: pd.DataFrame, labels: np.ndarray):
    judge = kind(asked.kind)
    return judge.learnt(labels) if hasattr(judge, "learnt") else labels


def measured(name: str, entry: str, args) -> dict[str, object]:
    """One entry on one set: its metrics and CPU seconds."""
    asked, judge = SETS[name], kind(SETS[name].kind)
    rows = read(name, "train", "valid")
    labels = targets(asked, rows, references=False)
    schema, task = schema_of(asked, rows, labels, args)
    model = POINTS[entry].load()()
    if "clock" in model.get_params():
        model.set_params(clock="cpu")
    began = time.process_time()
    model.fit(features(asked, rows), learnt(asked, rows, labels), schema=schema)
    fitted = time.process_time()
    test = read(name, "test")
    if asked.kind == "language_model":
        texts = list(test.text)
        at = positions(texts, PLACES, b"bench")
        truth = truths(texts, *at)
        asked_rows = pd.DataFrame({"text": [question(texts[row], cut) for row, cut in zip(*at, strict=True)]})
    else:
        truth, asked_rows = targets(asked, test, references=True), features(asked, test)
    began_asking = time.process_time()
    answers = answered(asked, model, asked_rows)
    ended = time.process_time()
    scores = judge.score(judge.encode(truth, task), judge.accept(answers, task), task, only=asked.shown)
    return {
        **{metric: float(score.value) for metric, score in scores.items()},
        "fit_cpu": fitted - began,
        "answer_cpu": ended - began_asking,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "timed": not getattr(model, "repeatable_", True),
        "seed": args.seed,
        "seconds": args.seconds,
    }


def answered(asked: Asked, model, rows: pd.DataFrame) -> np.ndarray:
    """Answers in the form that the kind accepts."""
    if asked.kind == "language_model":
        return model.predict_proba(rows)
    given = model.predict(rows)
    if asked.kind == "joint":
        given = [[label, list(tags)] for label, tags in zip(*given, strict=True)]
    elif asked.kind == "span" and getattr(given, "ndim", 1) == 2:
        given = [text[begin:end] for text, (begin, end) in zip(rows.context, given, strict=True)]
    out = np.empty(len(given), dtype=object)
    for place, one in enumerate(given):
        out[place] = one
    return out


def reached(name: str, entry: str, kept) -> str:
    """The set's goals with yes or no behind each."""
    asked, found = SETS[name], kept[f"{name}/{entry}"]
    goals = [(f"{metric} >= {goal:g}", found[metric] >= goal) for metric, goal in asked.above]
    goals += [(f"{metric} < {goal:g}", found[metric] < goal) for metric, goal in asked.below]
    counted = kept.get(f"{name}/ngram")
    if asked.kind == "language_model" and entry != "ngram" and counted:
        goals.append(("below ngram", found["perplexity_per_word"] < counted["perplexity_per_word"]))
    return ", ".join(f"{goal}: {'yes' if holds else 'no'}" for goal, holds in goals)


def show(kept, chosen) -> None:
    shown = Table(title="Entries for text tasks: fitted on train and validation rows, asked once for the test rows")
    for head in ("set", "entry", "figures", "fit CPU s", "answer CPU s", "goals"):
        shown.add_column(head, justify="right" if "CPU" in head else "left", overflow="fold")
    for name, entry in chosen:
        one = kept[f"{name}/{entry}"]
        if "error" in one:
            shown.add_row(name, entry, str(one["error"]), "", "", "")
            continue
        figures = ", ".join(f"{metric} {one[metric]:.4g}" for metric in SETS[name].shown)
        seconds = (f"{one['fit_cpu']:.0f}", f"{one['answer_cpu']:.0f}")
        shown.add_row(name, entry, figures, *seconds, reached(name, entry, kept))
    Console(width=190).print(shown)


def of_kind(name: str) -> list[str]:
    return [point.name for point in POINTS.values() if point.group == f"bakeoff.algorithms.{SETS[name].kind}"]


POINTS = {point.name: point for point in algorithm_points() if point.value.startswith("bakeoff.algorithms.text.")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--entries", nargs="+", default=list(POINTS), choices=list(POINTS))
    parser.add_argument("--seconds", type=float, default=600.0, help="CPU seconds of an entry on a set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    kept = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    chosen = [(name, entry) for name in args.sets for entry in of_kind(name) if entry in args.entries]
    for name, entry in chosen:
        key = f"{name}/{entry}"
        if key not in kept:
            with threadpool_limits(1):
                kept[key] = measured(name, entry, args)
            print(key, {metric: round(value, 4) for metric, value in kept[key].items()}, flush=True)
            if args.json:
                args.json.write_text(json.dumps(kept, indent=1))
    show(kept, chosen)


if __name__ == "__main__":
    main()
