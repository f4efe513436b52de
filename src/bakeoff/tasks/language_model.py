"""Language model: a probability for every character that may come next.

An entry learns from whole texts and is asked at places: a place is a text and a cut, the characters before the cut are
shown (at most the last 500) and the one behind it is asked for, `<end>` behind the last. So the truth is not in what
is asked, and no answer can be more certain than what it is given. The places of all test texts are drawn uniformly,
without replacement.

What is shown at one place holds the truth of those shortly before it. So places are asked in turns, each text's from
its beginning on, and an answer is given before anything is shown that holds its truth. There are at most 64 turns:
of places that follow each other so closely for longer, some are left out, until what is shown is new.

Labels are of two sorts. Training labels are whole texts; the codes of one are those of all its places, so there are
more codes than labels. Asked rows are labelled by `truths`: JSON text `{"next": "e", "of": [places, bytes, words]}`,
where `of` counts the places, the UTF-8 bytes and the words of all test texts. Perplexity per word and per byte divide
what is lost at the places asked by the bytes and the words that a place has on average. These are known exactly;
estimated from the same places they would more than double the error of the perplexity per word.

A text's end counts as one byte, as the line feed that ends a line does. Words are what blanks set apart.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from bakeoff.errors import TaskError
from bakeoff.nouns import NUMBERS, Array, Label, Task
from bakeoff.stats.bootstrap import Resample, draws
from bakeoff.tasks.classification import Classification
from bakeoff.tasks.kinds import Metric, Probes, Questions, Score
from bakeoff.tasks.labels import missing, missing_problems, objects, some
from bakeoff.tasks.scoring import SMALLEST, GroupSums

OTHER, END = "<other>", "<end>"
MOST_CHARACTERS = 1_000
CONTEXT = 500
PLACES = 4_000  # of the test texts that are asked
SPARSE = 16  # at most one place in so many is asked, which lets 64 turns reach through most texts
TURNS = 64
AFRESH = CONTEXT + 32  # characters from one place to the next whose context says nothing of it
ASKED = '{"next": '  # how the label of an asked place begins
BITS = np.log(2)
MOST_NATS = 700.0  # e to this is still a number


class LanguageModel:
    """The kind of task that asks for the next character of a text, with a probability for each that there is."""

    name = "language_model"
    answers = NUMBERS
    probes = Probes(
        withhold=False,
        ask=False,
        perturb=(),
        reason="a question is a place in a text and no row of the table, and a changed text may go on otherwise",
    )
    metrics: Mapping[str, Metric] = {
        metric.name: metric
        for metric in (
            Metric("bits_per_byte", "Bits per byte", False, 0.0, unit="bits"),
            Metric("perplexity_per_word", "Perplexity per word", False, 1.0, decimals=1),
            Metric("perplexity_per_byte", "Perplexity per byte", False, 1.0),
            Metric("accuracy", "Accuracy of the next character", True, 1.0),
        )
    }

    def default_metric(self, labels: Array) -> tuple[str, str]:
        """Bits per byte."""
        return "bits_per_byte", "it is alike for every cutting into words, and additive"

    def classes(self, labels: Array) -> tuple[Label, ...]:
        """The 1,000 commonest characters of the texts by frequency and code point, then `<other>` and `<end>`."""
        counts: Counter[str] = Counter()
        for text in labels:
            counts.update(str(text))
        commonest = sorted(counts, key=lambda character: (-counts[character], character))[:MOST_CHARACTERS]
        return (*commonest, OTHER, END)

    def check(self, task: Task, train_labels: Array, test_labels: Array) -> list[str]:
        """Missing texts, parts without any character, a single character, texts that look like labels of places."""
        parts = {"training": train_labels, "test": test_labels}
        problems = missing_problems(task.target, parts)
        for part, labels in parts.items():
            known = [str(label) for label in np.asarray(labels, dtype=object)[~missing(labels)]]
            if known and not any(known):
                problems.append(f"Target {task.target!r} has no character in any {part} row; give texts.")
            strange = [row for row, text in enumerate(known) if text.startswith(ASKED)]
            if strange:
                problems.append(
                    f"Target {task.target!r} begins with {ASKED!r} in {len(strange):,} {part} rows "
                    f"(positions {some(strange)}), which is kept for the house's own labels; drop these rows."
                )
        if len(task.classes) == 3:
            problems.append(
                f"Target {task.target!r} holds the single character {task.classes[0]!r} in all training rows, so there "
                "is nothing to learn; choose another column."
            )
        return problems

    def width(self, task: Task) -> int:
        """One number for each class."""
        return len(task.classes)

    def accept(self, answers: Array, task: Task) -> Array:
        """Probabilities (places, classes) that sum to 1; raises Refused as classification does."""
        return Classification().accept(answers, task)

    def encode(self, labels: Array, task: Task) -> Array:
        """What stands behind each place: float64 (places, 3), the class, and the bytes and words that a place has.

        Labels of places give one row each, and whole texts one for each place of theirs. The bytes and words of a place
        in a whole text are its own (1 where a word ends), those of an asked one the mean over all test texts. Raises
        TaskError where labels are missing.
        """
        if missing(labels).any():
            raise TaskError(f"Target {task.target!r} of {task.name!r} holds missing labels; check the table again.")
        texts = [str(label) for label in labels]
        if texts and all(text.startswith(ASKED) for text in texts):
            return _asked_codes(texts, task)
        return _text_codes(texts, task)

    def constants(self, train_codes: Array, task: Task) -> Mapping[str, Array]:
        """How often each class stands at a training place, each counted once more than it was seen."""
        counts = np.bincount(train_codes[:, 0].astype(np.int64), minlength=self.width(task)) + 1.0
        return dict.fromkeys(self.metrics, counts / counts.sum())

    def score(
        self,
        truth_codes: Array,
        answers: Array,
        task: Task,
        resample: Resample | None = None,
        only: Sequence[str] = (),
    ) -> dict[str, Score]:
        """Every metric of probabilities (places, classes) against codes (places, 3), or those in `only`.

        A probability of the truth below 1e-7 counts as that. A character that is no class costs what `<other>` was
        given. Accuracy takes the class with the highest probability, the first of equals.
        """
        groups = GroupSums(len(truth_codes), resample)
        codes = truth_codes[:, 0].astype(np.int64)
        nats = -np.log(np.clip(_picked(answers, codes), SMALLEST, 1.0))
        lost, many, words = (groups.sums(part) for part in (nats, truth_codes[:, 1], truth_codes[:, 2]))
        scores = {}
        for name in tuple(only) or tuple(self.metrics):
            if name == "accuracy":
                right = (answers.argmax(axis=1) == codes).astype(np.float64)
                scores[name] = groups.score(np.divide, groups.sums(right), groups.sizes)
            elif name == "bits_per_byte":
                scores[name] = groups.score(_bits, lost, many)
            else:
                scores[name] = groups.score(_perplexity, lost, words if name == "perplexity_per_word" else many)
        return scores

    def questions(self, truth: Array, key: bytes) -> Questions:
        """At most 4,000 places of the test texts, each with the characters before it."""
        texts = list(truth)
        rows, cuts = positions(texts, PLACES, key)
        asked = objects(question(texts[row], cut) for row, cut in zip(rows.tolist(), cuts.tolist(), strict=True))
        return Questions(rows, asked, truths(texts, rows, cuts), turns(rows, cuts))

    def repeat(self, constant: Array, codes: Array) -> Array:
        """The same probabilities for every place: (places, classes)."""
        return np.tile(constant, (len(codes), 1))

    def closeness(self, codes: Array, answers: Array, task: Task) -> Array:
        """The probability of the true character: float64 (places,)."""
        return _picked(answers, codes[:, 0].astype(np.int64))


def positions(texts: Sequence[str], most: int, key: bytes) -> tuple[Array, Array]:
    """At most `most` places of the texts, and one in 16, drawn uniformly: int64 texts (n,) and cuts (n,).

    A text of c characters has c + 1 places, the last before its end. The same texts, number and key give the same
    places, in the order of the texts. Some are left out of a text that would need more than 64 turns.
    """
    ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    rows, cuts = _drawn(ends, min(most, -(-total // SPARSE)), key)
    asked = turns(rows, cuts) < TURNS
    return rows[asked], cuts[asked]


def turns(rows: Array, cuts: Array) -> Array:
    """In which call each place may be asked, places in order: int64 (n,), from 0 to 63.

    A place whose context holds the truth of another comes in a later call than that. Those that come too late even for
    the last call have 64; `positions` gives none such.
    """
    turn = np.zeros(len(rows), dtype=np.int64)
    last, due = (-1, 0), 0  # the last place that is asked, and the turn of the next one
    for place, (row, cut) in enumerate(zip(rows.tolist(), cuts.tolist(), strict=True)):
        due = 0 if row != last[0] or cut - last[1] >= AFRESH else due
        turn[place] = due
        if due < TURNS:
            last, due = (row, cut), due + 1
    return turn


def _drawn(ends: Array, most: int, key: bytes) -> tuple[Array, Array]:
    """Places drawn uniformly without replacement, in order; `ends` (texts,) are sums of the texts' places."""
    total = int(ends[-1]) if len(ends) else 0
    if total <= most:
        chosen = np.arange(total)
    elif total <= 4 * most:
        chosen = np.sort(np.argsort(draws(key.hex(), "places", total, 2**31), kind="stable")[:most])
    else:
        drawn = draws(key.hex(), "places", 4 * most, total)
        first = np.sort(np.unique(drawn, return_index=True)[1])[:most]
        chosen = np.sort(drawn[first])
    rows = np.searchsorted(ends, chosen, side="right")
    starts = np.concatenate([[0], ends])[rows]
    return rows.astype(np.int64), chosen - starts


def question(text: str, cut: int) -> str:
    """What is shown of a text at a place: the last 500 characters before it."""
    return text[max(0, cut - CONTEXT) : cut]


def truths(texts: Sequence[str], rows: Array, cuts: Array) -> Array:
    """The labels of places: object (n,) of JSON text; `texts` are all that places were drawn from."""
    places = sum(len(text) + 1 for text in texts)
    many = sum(len(text.encode("utf-8", "surrogatepass")) + 1 for text in texts)
    words = sum(len(text.split()) for text in texts)
    return objects(
        json.dumps({"next": truth(texts[row], cut), "of": [places, many, words]}, ensure_ascii=False)
        for row, cut in zip(rows.tolist(), cuts.tolist(), strict=True)
    )


def truth(text: str, cut: int) -> str:
    """The character behind a place, `<end>` at the text's end."""
    return text[cut] if cut < len(text) else END


def _asked_codes(labels: Sequence[str], task: Task) -> Array:
    place = {label: code for code, label in enumerate(task.classes)}
    codes = np.empty((len(labels), 3))
    for row, label in enumerate(labels):
        held = json.loads(label)
        places, many, words = held["of"]
        codes[row] = place.get(held["next"], place[OTHER]), many / places, words / places
    return codes


def _text_codes(texts: Sequence[str], task: Task) -> Array:
    """The codes of all places of the texts: float64 (places, 3)."""
    place = {label: code for code, label in enumerate(task.classes)}
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    ends = np.cumsum(sizes + 1) - 1
    at_end = np.zeros(int((sizes + 1).sum()), dtype=bool)
    at_end[ends] = True
    signs = np.full(len(at_end), ord("\n"), dtype=np.int64)
    signs[~at_end] = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    found, inverse = np.unique(signs, return_inverse=True)
    characters = [chr(sign) for sign in found]
    class_of = np.array([place.get(character, place[OTHER]) for character in characters], dtype=np.float64)
    size_of = np.array([len(character.encode("utf-8", "surrogatepass")) for character in characters], dtype=np.float64)
    blank_of = np.array([character.isspace() for character in characters], dtype=bool)
    codes = np.empty((len(signs), 3))
    codes[:, 0] = np.where(at_end, place[END], class_of[inverse])
    codes[:, 1] = size_of[inverse]
    blank = blank_of[inverse] | at_end
    codes[:, 2] = blank & ~np.concatenate([[True], blank[:-1]])
    return codes


def _picked(answers: Array, codes: Array) -> Array:
    """The answer of each row in the column of its code (rows,)."""
    chances: Array = answers[np.arange(len(codes)), codes]
    return chances


def _bits(nats: Array, many: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return nats / (BITS * many)


def _perplexity(nats: Array, many: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.exp(np.minimum(nats / many, MOST_NATS))
