"""Text tasks of every kind go through cells, the wall, judges and the board, and what is no answer is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from bakeoff import load
from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.answer_forms import read_lines, write_lines
from bakeoff.arena.scaffold import write_scaffold
from bakeoff.errors import Refused, UsageError
from bakeoff.nouns import LINES, NUMBERS, ColumnType, Outcome
from bakeoff.tasks import kind

NAMES = ("ada", "bob", "cleo", "dan", "eve")
PLACES = ("paris", "rome", "oslo", "new york")


def sentences(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        name, place = rng.choice(NAMES), str(rng.choice(PLACES)).split(" ")
        travels = rng.random() < 0.5
        words = [name, *(("goes", "to") if travels else ("lives", "in")), *place, f"since{rng.integers(9)}"]
        tags = ["B-who", "O", "O", "B-where", *["I-where"] * (len(place) - 1), "O"]
        found.append((words, tags, "travel" if travels else "home"))
    return found


def frame_of(asked):
    made = sentences()
    words = [" ".join(each[0]) for each in made]
    if asked == "language_model":
        return pd.DataFrame({"text": words})
    if asked == "generation":
        return pd.DataFrame({"source": words, "target": [text[::-1] for text in words]})
    if asked == "span":
        starts = [text.index(" ", text.index(" ") + 1) + 4 for text in words]
        ends = [text.rindex(" ") for text in words]
        answers = [{"text": [text[a:b]], "answer_start": [a]} for text, a, b in zip(words, starts, ends, strict=True)]
        told = [json.dumps(answer) for answer in answers]
        return pd.DataFrame({"context": words, "question": ["Where?"] * len(words), "answer": told})
    frame = pd.DataFrame({"tokens": words})
    if asked == "tagging":
        return frame.assign(tags=[" ".join(each[1]) for each in made])
    both = [json.dumps({"label": each[2], "tags": each[1]}) for each in made]
    return frame.assign(**{"intent+tags": both})


TARGETS = {
    "tagging": ("tags", {"tokens": ColumnType.TOKENS, "tags": ColumnType.TOKENS}),
    "joint": ("intent+tags", {"tokens": ColumnType.TOKENS, "intent+tags": ColumnType.ANNOTATION}),
    "span": ("answer", {"context": ColumnType.TEXT, "question": ColumnType.TEXT, "answer": ColumnType.ANNOTATION}),
    "generation": ("target", {"source": ColumnType.TEXT, "target": ColumnType.TEXT}),
    "language_model": ("text", {"text": ColumnType.TEXT}),
}
KINDS = tuple(TARGETS)

COUNTS = """
from collections import Counter, defaultdict
class Counts:
    def learn(self, tokens, tags):
        seen = defaultdict(Counter)
        for words, told in zip(tokens, tags):
            assert isinstance(words, list) and isinstance(told, list) and len(words) == len(told)
            for word, tag in zip(words, told):
                seen[word][tag] += 1
        self.best = {word: count.most_common(1)[0][0] for word, count in seen.items()}
    def tags(self, tokens):
        return [[self.best.get(word, "O") for word in words] for words in tokens]
"""
ENTRIES = {
    "tagging": COUNTS
    + """
class Model(Counts):
    def fit(self, X, y): self.learn(X["tokens"], y)
    def predict(self, X): return self.tags(X["tokens"])
""",
    "joint": COUNTS
    + """
class Model(Counts):
    def fit(self, X, y): self.learn(X["tokens"], y["tags"]); assert set(y["label"]) == {"home", "travel"}
    def predict(self, X):
        return ["travel" if "goes" in words else "home" for words in X["tokens"]], self.tags(X["tokens"])
""",
    "span": """
import numpy as np
class Model:
    def fit(self, X, y):
        for context, answer in zip(X["context"], y):
            start = answer["answer_start"][0]
            assert context[start:].startswith(answer["text"][0])
    def predict(self, X):
        starts = [c.index(" ", c.index(" ") + 1) + 4 for c in X["context"]]
        return np.array([[a, c.rindex(" ")] for a, c in zip(starts, X["context"])])
""",
    "generation": """
class Model:
    def fit(self, X, y): assert list(y) == [text[::-1] for text in X["source"]]
    def predict(self, X): return [text[::-1] for text in X["source"]]
""",
    "language_model": """
import numpy as np
class Model:
    def fit(self, X, y, *, schema):
        self.classes_ = schema.classes
        self.column = schema.target
        self.follow = np.full((len(self.classes_) + 1, len(self.classes_)), 0.1)
        self.place = {letter: place for place, letter in enumerate(self.classes_)}
        for text in y:
            before = len(self.classes_)
            for letter in [*text, "<end>"]:
                here = self.place[letter]
                self.follow[before, here] += 1
                before = here
    def predict_proba(self, X):
        last = [self.place.get(text[-1], len(self.classes_)) if text else len(self.classes_) for text in X[self.column]]
        rows = self.follow[last]
        return rows / rows.sum(axis=1, keepdims=True)
""",
}
MAIN = {
    "tagging": "entity_f1",
    "joint": "sentence_accuracy",
    "span": "token_f1",
    "generation": None,
    "language_model": "bits_per_byte",
}


@pytest.fixture
def opened(tmp_path):
    made = Challenge.create(tmp_path / "challenge", title="texts")
    text = made.places.rules.read_text()
    made.places.rules.write_text(text.replace("baselines = true", "baselines = false"))
    made = Challenge.open(made.places.root)
    yield made
    made.close()


def put_in(opened, tmp_path, asked, code, name="mine"):
    target, types = TARGETS[asked]
    if not opened.tasks():
        opened.add_table(frame_of(asked), TableOptions(name=asked, target=target, kind=asked, types=types))
    folder = tmp_path / name
    folder.mkdir()
    (folder / "model.py").write_text(code)
    opened.submit(folder)
    opened.run(RunRequest(entries=(name,)))
    return next(r for r in opened.store.results().values() if r.cell.entry == name)


@pytest.mark.parametrize("asked", KINDS)
def test_a_text_task_goes_the_whole_way(opened, tmp_path, asked):
    result = put_in(opened, tmp_path, asked, ENTRIES[asked])
    assert result.outcome is Outcome.DONE, (result.reason, result.log)
    (task,) = opened.tasks()
    assert MAIN[asked] in (task.metric, None)
    (board,) = opened.boards()
    (row,) = board.rows
    assert row.mean is not None and row.mean.value > (0.3 if asked == "language_model" else 0.95)
    assert kind(asked).answers == (NUMBERS if asked == "language_model" else LINES)
    found = opened.store.findings([result.cell.id])[result.cell.id]
    told = {finding.metric for _, finding in found if finding.judge == "quality"}
    assert set(kind(asked).metrics) <= told
    assert opened.judge(again=True) >= 1, "kept answers are read again as they were"


@pytest.mark.parametrize("asked", KINDS)
def test_a_text_predictor_is_taken_and_answers(opened, tmp_path, asked):
    put_in(opened, tmp_path, asked, ENTRIES[asked])
    place = opened.take("mine", asked, tmp_path / "taken")
    frame = frame_of(asked).head(3)
    with load(place) as predictor:
        if asked == "language_model":
            assert predictor.predict_proba(frame).shape == (3, len(predictor.classes))
        else:
            answers = predictor.predict(frame.drop(columns=TARGETS[asked][0]))
            truth = kind(asked).encode(frame[TARGETS[asked][0]].to_numpy(dtype=object), opened.tasks()[0])
            assert (
                kind(asked).closeness(truth, kind(asked).accept(answers, opened.tasks()[0]), opened.tasks()[0]) == 1
            ).all()


FORGED = """
import sys
main = sys.modules["__main__"]
def answer(self, message):
    rows = len(main.read_frame(self.folder / "data" / message["file"]))
    self.say("answers", {payload}, notes=[])
main.Worker.answer = answer
class Model:
    def fit(self, X, y): pass
    def predict(self, X): pass
"""


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("b'[]\\n' * (rows + 1)", "lines of answers were asked for"),
        ("b'[]\\n' * rows + b'[]'", "lines of answers were asked for"),
        ("b'[\\n' * rows", "no line of JSON"),
        ("b'\\xff\\xfe\\n' * rows", "no line of JSON"),
        ("(b'[' * 20000 + b'\\n') * rows", "Answer 0"),
        ("b'[\"O\"]\\n' * rows", "tags"),
        ("b'{}\\n' * rows", "Answer"),
        ("b'NaN\\n' * rows", "Answer"),
    ],
)
def test_what_is_no_answer_is_refused(opened, tmp_path, payload, reason):
    result = put_in(opened, tmp_path, "tagging", FORGED.format(payload=payload))
    assert result.outcome is Outcome.REFUSED
    assert reason in result.reason


@pytest.mark.parametrize(
    ("asked", "predict", "reason"),
    [
        ("tagging", "[['O'] for _ in range(len(X))]", "a tag for each"),
        ("tagging", "[['O']]", "one for each"),
        ("joint", "[['home']]", "a pair of labels and tags"),
        ("span", "[(0, 10**6)] * len(X)", "in the"),
        ("span", "[7] * len(X)", "a text, or start and end"),
        ("generation", "[7] * len(X)", "where a text belongs"),
        ("generation", "['a']", "one for each"),
    ],
)
def test_an_entry_is_told_what_is_wrong_with_its_answers(opened, tmp_path, asked, predict, reason):
    code = f"class Model:\n    def fit(self, X, y): pass\n    def predict(self, X): return {predict}\n"
    result = put_in(opened, tmp_path, asked, code)
    assert result.outcome is Outcome.REFUSED
    assert reason in result.reason


@pytest.mark.parametrize("asked", KINDS)
def test_a_fresh_entry_for_a_text_task_runs_as_it_is(opened, tmp_path, asked):
    write_scaffold(tmp_path / "fresh", kind=asked)
    target, types = TARGETS[asked]
    opened.add_table(frame_of(asked), TableOptions(name=asked, target=target, kind=asked, types=types))
    opened.submit(tmp_path / "fresh")
    opened.run(RunRequest(entries=("fresh",)))
    (result,) = opened.store.results().values()
    assert result.outcome is Outcome.DONE, (result.reason, result.log)


def test_a_long_generation_is_cut_and_said(opened, tmp_path):
    code = "class Model:\n    def fit(self, X, y): pass\n    def predict(self, X): return ['a' * 10**6] * len(X)\n"
    result = put_in(opened, tmp_path, "generation", code)
    assert result.outcome is Outcome.DONE
    assert "answers cut at the longest that is allowed" in result.notes


def test_a_classifier_declines_a_text_task(opened, tmp_path):
    code = "from sklearn.dummy import DummyClassifier\nalgorithm = DummyClassifier()\n"
    result = put_in(opened, tmp_path, "tagging", code)
    assert result.outcome is Outcome.DECLINED
    assert "tagging" in result.reason


def test_a_prediction_file_of_tags(opened, tmp_path):
    put_in(opened, tmp_path, "tagging", ENTRIES["tagging"])
    frame = frame_of("tagging")
    test = opened.data(opened.tasks()[0])
    by_tokens = dict(zip(frame["tokens"], frame["tags"], strict=True))
    folder = tmp_path / "file"
    folder.mkdir()
    tags = [by_tokens[tokens] for tokens in test.test["tokens"]]
    pd.DataFrame({"row_id": test.row_ids, "prediction": tags}).to_csv(folder / "tagging.csv", index=False)
    opened.submit(folder)
    opened.run(RunRequest(entries=("file",)))
    result = next(r for r in opened.store.results().values() if r.cell.entry == "file")
    assert result.outcome is Outcome.DONE, result.reason
    rows = {row.entry: row.mean.value for row in opened.boards()[0].rows}
    assert rows["file"] == 1.0


def test_reports_and_slices_say_why_they_leave_text_tasks_out(opened, tmp_path):
    from bakeoff.arena.owner.report import owner_report
    from bakeoff.arena.owner.slices import slices_between

    put_in(opened, tmp_path, "tagging", ENTRIES["tagging"])
    put_in(opened, tmp_path, "tagging", ENTRIES["tagging"] + "\n# again\n", name="other")
    with pytest.raises(UsageError, match="task of tagging"):
        owner_report(opened, "tagging")
    (told,) = slices_between(opened, "mine", "other")
    assert "not yet compared row by row" in told.verdict


def test_lines_come_back_as_they_went():
    answers = [["B-a", "O"], "two\nlines  é ☃", {"label": None}, 1.5, ""]
    assert list(read_lines(write_lines(answers), len(answers), 1000)) == answers
    with pytest.raises(Refused, match="takes"):
        read_lines(write_lines(["a" * 99]), 1, 50)
