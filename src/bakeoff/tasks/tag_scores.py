"""Tags of tokens: which entities they mark, and how many of them are found.

Entities are read as conlleval and seqeval's default mode read them: a tag is a prefix (its first character: B, I, O, E
or S) and a type; a change of type, or an I after an O, begins an entity too, so that tags which break the rules of BIO
still mark something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from bakeoff.errors import Refused
from bakeoff.nouns import Array, Task
from bakeoff.stats.bootstrap import Resample
from bakeoff.tasks.kinds import Metric, Score
from bakeoff.tasks.scoring import GroupSums

OUTSIDE = "O"
ENTITY = re.compile(r"[BIES]-.")  # how a tag begins that marks a part of an entity

TAG_METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("entity_f1", "Entity F1", True, 1.0),
        Metric("entity_precision", "Entity precision", True, 1.0),
        Metric("entity_recall", "Entity recall", True, 1.0),
        Metric("token_accuracy", "Token accuracy", True, 1.0),
        Metric("sentence_accuracy", "Sentence accuracy", True, 1.0),
    )
}


def marks_entities(tags: Sequence[str] | set[str]) -> bool:
    """Whether any of the tags is of a part of an entity (B-, I-, E-, S-), as opposed to plain tags such as NOUN."""
    return any(ENTITY.match(tag) for tag in tags)


def entities(tags: Sequence[Sequence[str]]) -> list[list[tuple[str, int, int]]]:
    """The entities of each sequence of tags as (type, first token, last token), in order."""
    names, codes, rows, starts = _joined(tags)
    found: list[list[tuple[str, int, int]]] = [[] for _ in tags]
    types = [_type(name) for name in names]
    kinds = sorted(set(types))
    for kind, begin, end in zip(*_chunks(names, codes, kinds), strict=True):
        row = int(rows[end])
        found[row].append((kinds[kind], int(begin - starts[row]), int(end - starts[row])))
    return found


def tag_counts(truth: Array, answers: Array, task: Task) -> Array:
    """Counts of each row: float64 (rows, 6).

    The columns: entities found with their type and both ends right, entities answered, entities true, tokens tagged
    rightly, tokens, and 1 where all tags are right. Raises Refused where a row's tags are more or fewer than its
    tokens.
    """
    sizes = np.fromiter(map(len, truth), dtype=np.int64, count=len(truth))
    given = np.fromiter(map(len, answers), dtype=np.int64, count=len(answers))
    wrong = np.flatnonzero(sizes != given)
    if len(wrong):
        row = int(wrong[0])
        raise Refused(
            f"Answers to {task.name!r} give {given[row]:,} tags for the {sizes[row]:,} tokens of row {row} "
            f"(and {len(wrong) - 1:,} more rows are off); give one tag for each token."
        )
    rows = len(truth)
    names, codes, place, _ = _joined([*truth, *answers])
    kinds = sorted({_type(name) for name in names})
    half = len(codes) // 2  # both halves are laid out alike
    keys, owners = [], []
    for part in (codes[:half], codes[half:]):
        kind, begin, end = _chunks(names, part, kinds)
        key, first = np.unique((begin * (half + 1) + end) * len(kinds) + kind, return_index=True)
        keys.append(key)
        owners.append(place[:half][end[first]])
    right = np.isin(keys[1], keys[0], assume_unique=True)
    token = codes != 0  # the sign between rows
    hits = token[:half] & (codes[:half] == codes[half:])
    counts = np.empty((rows, 6))
    counts[:, 0] = np.bincount(owners[1][right], minlength=rows)
    counts[:, 1] = np.bincount(owners[1], minlength=rows)
    counts[:, 2] = np.bincount(owners[0], minlength=rows)
    counts[:, 3] = np.bincount(place[:half][hits], minlength=rows)
    counts[:, 4] = sizes
    counts[:, 5] = counts[:, 3] == sizes
    return counts


def score_tags(
    truth: Array, counts: Array, wanted: Sequence[str], resample: Resample | None, *, entity_metrics: bool
) -> dict[str, Score]:
    """The wanted metrics of `tag_counts` (rows, 6); nan for those of entities where `entity_metrics` is False."""
    groups = GroupSums(len(truth), resample)
    hits, answered, true, right, tokens, whole = (groups.sums(counts[:, column]) for column in range(6))
    scores = {}
    for name in wanted:
        if name in ("token_accuracy", "sentence_accuracy"):
            parts = (right, tokens) if name == "token_accuracy" else (whole, groups.sizes)
            scores[name] = groups.score(_share, *parts)
        elif entity_metrics:
            scores[name] = groups.score(ENTITY_STATISTICS[name], hits, answered, true)
        else:
            scores[name] = Score(np.nan)
    return scores


def constant_tags(truth: Array) -> dict[str, str]:
    """For each metric the best tag to give every token, by the counts of training tags (rows,).

    A tag repeated makes entities of one token each (B-, S-) or of a whole row (I-, and E- of one token each), so the
    entities that it finds are those of one token, or those that are a whole row.
    """
    tags = list(chain.from_iterable(truth))
    names, counts = np.unique(np.array(tags, dtype=object).astype(str), return_counts=True)
    commonest = str(names[counts.argmax()])
    best = dict.fromkeys(TAG_METRICS, commonest)
    uniform: dict[str, int] = {}
    for row in truth:
        if len(row) and len(set(row)) == 1:
            uniform[row[0]] = uniform.get(row[0], 0) + 1
    if uniform:
        best["sentence_accuracy"] = max(sorted(uniform), key=lambda tag: uniform[tag])
    marking = [str(name) for name in names if ENTITY.match(name)]
    if marking:
        best |= _constant_entities(truth, marking, len(tags))
    return best


def _constant_entities(truth: Array, marking: Sequence[str], tokens: int) -> dict[str, str]:
    single: dict[str, int] = {}
    whole: dict[str, int] = {}
    true = 0
    for row, found in zip(truth, entities(list(truth)), strict=True):
        true += len(found)
        for kind, begin, end in found:
            if begin == end:
                single[kind] = single.get(kind, 0) + 1
            if end - begin + 1 == len(row):
                whole[kind] = whole.get(kind, 0) + 1
    figures: dict[str, dict[str, float]] = {name: {} for name in ENTITY_STATISTICS}
    for tag in marking:
        hits, answered = (whole, len(truth)) if tag[0] == "I" else (single, tokens)
        hit = hits.get(_type(tag), 0)
        for name, statistic in ENTITY_STATISTICS.items():
            figures[name][tag] = float(statistic(np.float64(hit), np.float64(answered), np.float64(true)))
    return {name: max(sorted(figures[name]), key=figures[name].__getitem__) for name in figures}


def _joined(tags: Sequence[Sequence[str]]) -> tuple[list[str], Array, Array, Array]:
    """All tags in one line, an `O` with the code 0 after each row: (names, codes, row of each, starts of rows)."""
    codes_of: dict[str, int] = {}
    sizes = np.fromiter(map(len, tags), dtype=np.int64, count=len(tags))
    flat = np.array([codes_of.setdefault(tag, len(codes_of) + 1) for tag in chain.from_iterable(tags)], dtype=np.int64)
    rows = np.repeat(np.arange(len(tags)), sizes + 1)
    ends = np.cumsum(sizes + 1) - 1
    codes = np.zeros(len(rows), dtype=np.int64)
    inside = np.ones(len(rows), dtype=bool)
    inside[ends] = False
    codes[inside] = flat
    return [OUTSIDE, *codes_of], codes, rows, ends - sizes


def _type(tag: str) -> str:
    """What the tag marks: the part after the first hyphen behind the prefix; `_` where there is none."""
    return tag[1:].split("-", maxsplit=1)[-1] or "_"


def _chunks(names: Sequence[str], codes: Array, kinds: Sequence[str]) -> tuple[Array, Array, Array]:
    """Every chunk in a line of tags that ends with an `O`: (type, first, last) as int64 (chunks,) each."""
    if not len(codes):
        return (np.zeros(0, dtype=np.int64),) * 3
    prefix = np.array([ord(name[0]) for name in names])[codes]
    number = {kind: code for code, kind in enumerate(kinds)}
    kind = np.array([number[_type(name)] for name in names])[codes]
    before = np.concatenate([[ord(OUTSIDE)], prefix[:-1]])
    kind_before = np.concatenate([[-1], kind[:-1]])
    B, I, E, S, O, dot = (ord(sign) for sign in "BIESO.")  # noqa: E741
    other = kind != kind_before
    ends = np.isin(before, (E, S)) | (np.isin(before, (B, I)) & np.isin(prefix, (B, S, O)))
    ends |= ~np.isin(before, (O, dot)) & other
    begins = np.isin(prefix, (B, S)) | (np.isin(before, (E, S, O)) & np.isin(prefix, (E, I)))
    begins |= ~np.isin(prefix, (O, dot)) & other
    latest = np.maximum.accumulate(np.where(begins, np.arange(len(codes)), 0))
    last = np.flatnonzero(ends) - 1
    return kind[last], latest[last], last


def _share(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return part / whole


def _precision(hits: Array, answered: Array, true: Array) -> Array:
    """Precision; 0 where nothing was answered, undefined where there is nothing to find."""
    precision = np.divide(hits, answered, out=np.zeros_like(hits), where=answered > 0)
    return np.where(true > 0, precision, np.nan)


def _recall(hits: Array, answered: Array, true: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return hits / true


def _f1(hits: Array, answered: Array, true: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.where(true > 0, 2 * hits / (answered + true), np.nan)


ENTITY_STATISTICS = {"entity_f1": _f1, "entity_precision": _precision, "entity_recall": _recall}
