"""Linkage entries behind the wall: what they are handed, what they may answer, and what is kept of it."""

import json
import re

import numpy as np
import pytest
from little_records import asked, little_records, matrix, written

from bakeoff.arena.answer_forms import AnswerForm
from bakeoff.arena.entries import baselines, read_entry
from bakeoff.arena.judging import unpack
from bakeoff.arena.linked import GROUPED, SCORED, answer_pairs
from bakeoff.arena.predictor import load, take
from bakeoff.arena.runner import LocalRunner
from bakeoff.arena.scaffold import write_scaffold
from bakeoff.errors import EntryError, TableError
from bakeoff.nouns import Limits, Outcome

LIMITS = Limits(seconds=30, memory_mib=900)
HEAD = """
import json
from pathlib import Path
import numpy as np
import pandas as pd

def numbers(records):
    return records["title"].str.extract(r"number (\\d+)")[0].astype(int).to_numpy()

class Model:
    def fit(self, left, right, pairs, schema):
        self.learnt = sorted(map(tuple, pairs.to_numpy().tolist()))
        self.schema = schema

    def found(self, left, right):
        a, b = numbers(left), numbers(left if right is None else right)
        rows, columns = np.nonzero(a[:, None] == b[None, :])
        return rows, columns
"""
SCORES = """
    def link(self, left, right):
        rows, columns = self.found(left, right)
        return pd.DataFrame({"left": columns if right is None else rows, "right": rows if right is None else columns,
                             "score": 0.9, "more": "words"})
"""
GROUPS = """
    def link(self, left, right):
        ids = numbers(left) if right is None else (numbers(left).astype(str), numbers(right).astype(str))
        return ids
"""
CHANCES = """
    def predict_proba(self, X):
        a, b = numbers(self.left.iloc[X["left"]]), numbers(self.right.iloc[X["right"]])
        assert [t.split(" ", 1)[1] for t in X["left_title"]] == [f"number {n} north" for n in a]
        p = np.where(a == b, 0.8, 0.1)
        return np.column_stack([1 - p, p])
"""
REMEMBERS = SCORES.replace("rows, columns =", "self.left, self.right = left, right\n        rows, columns =")
SPY = """
    def files(self):
        return {p.name: list(pd.read_parquet(p).columns) for p in sorted(Path("/cell/data").glob("*.parquet"))}

    def link(self, left, right):
        self.before = self.files()
        return pd.DataFrame({"left": [], "right": [], "score": []})

    def predict_proba(self, X):
        seen = {"before": self.before, "learnt": self.learnt, "ignored": self.schema.ignored, "files": self.files(),
                "columns": [c.name for c in self.schema.columns], "asked": list(X.columns)}
        raise RuntimeError("SPY " + json.dumps(seen, default=int))
"""
FRAME = "    def link(self, left, right):\n        return pd.DataFrame({})\n"


def wrong(frame):
    return HEAD + FRAME.format(frame)


WRONG = {
    "outside": (
        wrong("{'left': [0, 60], 'right': [0, 0], 'score': 1.0}"),
        r"link 1 names the left record 60; .* 59",
    ),
    "many": (
        wrong("{'left': np.zeros(12001), 'right': 0, 'score': 1.0}"),
        "it linked 12,001 pairs where 12,000 are allowed; give the best 200 for each record",
    ),
}


@pytest.fixture(scope="module")
def two():
    return asked(little_records())


@pytest.fixture(scope="module")
def one():
    return asked(little_records(name="own", one=True))


@pytest.fixture(scope="module")
def run(two, one, tmp_path_factory):
    """All entries on a table pair and on one table, run once: results by (entry, task), and the matrix."""
    folder = tmp_path_factory.mktemp("linkage")
    codes = {"scores": HEAD + SCORES, "groups": HEAD + GROUPS}
    write_scaffold(folder / "fresh", linkage=True)
    both = [written(folder, name, code) for name, code in codes.items()]
    both += [*baselines(["constant"]), read_entry(folder / "fresh")]
    spies = {"chances": HEAD + REMEMBERS + CHANCES, "spy": HEAD + SPY}
    spies |= {name: code for name, (code, _) in WRONG.items()}
    alone = [written(folder, name, code) for name, code in spies.items()]
    held = matrix(folder, two, one)
    cells = held.cells([*both, *alone], [two.task], 1) | held.cells(both, [one.task], 1)
    summary = held.run(cells, LIMITS, LocalRunner())
    assert summary.troubles == ()
    results = {(cell.entry, cell.task): held.store.results()[cell.id] for cell in cells}
    yield held, cells, results
    held.store.close()


def answers(run, data, entry):
    held, _, results = run
    result = results[entry, data.task.name]
    assert result.outcome is Outcome.DONE, (result.reason, result.log)
    answers = held.store.artefacts.get(result.answers)
    return unpack(answers, held.plan(data.task, 0), len(data.truth), AnswerForm(width=2))


def figures(run, data, entry):
    held, _, results = run
    cell = results[entry, data.task.name].cell
    return {(f.judge, f.metric, f.variant): f for _, f in held.store.findings([cell.id])[cell.id]}


@pytest.mark.parametrize("entry", ["scores", "groups"])
@pytest.mark.parametrize("table", ["two", "one"])
def test_links_answer_the_pairs_and_are_judged_end_to_end(run, request, table, entry):
    data = request.getfixturevalue(table)
    kept = answers(run, data, entry)
    sure = 0.9 if entry == "scores" else 1.0
    assert np.allclose(kept.test[:, 1], sure * data.truth)
    assert kept.linked is not None and kept.linked.form == {"scores": SCORED, "groups": GROUPED}[entry]
    if entry == "scores":
        # The one-table entry links each record to itself and each pair both ways, of which one link is left.
        assert kept.linked.values.shape == (40, 3)
        assert table == "two" or (kept.linked.values[:, 0] < kept.linked.values[:, 1]).all()
    found = figures(run, data, entry)
    assert found["quality", "f1", ""].value == 1.0
    for metric in ("link_f1", "candidate_recall", "b_cubed_f1", "cluster_f1"):
        assert found["linkage", metric, ""].value == 1.0, metric
    assert run[2][entry, data.task.name].measurements.wall > 0


def test_an_entry_that_answers_pairs_stands_beside_with_the_reason(run, two):
    found = figures(run, two, "constant")
    assert found["quality", "f1", ""].value is not None
    finding = found["linkage", "link_f1", ""]
    assert (finding.status, finding.reason) == ("insufficient", "answers pairs, does not link tables")
    assert answers(run, two, "constant").linked is None


@pytest.mark.parametrize("table", ["two", "one"])
def test_the_entry_to_start_from_links_as_it_is(run, request, table):
    data = request.getfixturevalue(table)
    found = figures(run, data, "fresh")
    assert found["linkage", "candidate_recall", ""].value > 0.9
    assert found["linkage", "link_f1", ""].value > 0.5


def test_predict_proba_is_asked_the_pairs_where_a_linkage_entry_has_it(run, two):
    kept = answers(run, two, "chances")
    assert np.allclose(kept.test[:, 1], np.where(two.truth == 1, 0.8, 0.1))
    assert np.allclose(answer_pairs(kept.linked, two.sides.test, two.sizes)[:, 1], 0.9 * two.truth)


def test_what_is_no_link_is_refused_with_a_sentence(run, two):
    results = run[2]
    for name, (_, reason) in WRONG.items():
        got = results[name, two.task.name]
        assert got.outcome is Outcome.REFUSED and re.search(reason, got.reason), (name, got.reason, got.log)
        assert got.answers == ""


def test_neither_the_test_pairs_nor_hidden_columns_are_there_before_the_links(run, two):
    seen = json.loads(run[2]["spy", two.task.name].reason.split("SPY ")[1])
    assert seen["before"] == {
        "left.parquet": ["title", "price"],
        "pairs.parquet": ["left", "right", "label"],
        "right.parquet": ["title", "price"],
    }
    learnt = {(left, right) for left, right, _ in seen["learnt"]}
    assert learnt == set(map(tuple, two.sides.train.tolist()))
    assert not learnt & set(map(tuple, two.sides.test.tolist()))
    assert seen["columns"] == ["title", "price"] and seen["ignored"] == []


def test_no_file_of_test_pairs_holds_their_labels(run, two):
    seen = json.loads(run[2]["spy", two.task.name].reason.split("SPY ")[1])
    calls = {name: columns for name, columns in seen["files"].items() if name.startswith("pairs-")}
    assert len(calls) == 1, "one call is handed in at a time"
    assert list(calls.values()) == [seen["asked"]]
    assert seen["asked"] == ["left_title", "left_price", "right_title", "right_price", "left", "right"]


def test_kept_links_are_judged_again_without_running(run, two):
    held, cells, _ = run

    def told():
        found = held.store.findings([cell.id for cell in cells])
        return {
            cell: sorted(repr((f.judge, f.metric, f.variant, f.value, f.low)) for _, f in found[cell]) for cell in found
        }

    before = told()
    assert held.judge(cells, again=True) > 0
    assert told() == before
    assert held.due(cells, LIMITS) == []


def test_a_taken_linkage_entry_links_new_records_behind_the_wall(two, tmp_path):
    entry = written(tmp_path, "scores", HEAD + SCORES)
    taken = take(entry, two, tmp_path / "home", LIMITS, tmp_path / "environments")
    left, right = two.sides.left.iloc[:7].drop(columns="shop"), two.sides.right
    with load(taken, LIMITS) as mine:
        found = mine.link(left.assign(more="passed over"), right)
        assert list(found.columns) == ["left", "right", "score"]
        known = two.sides.left["title"].str.extract(r"(\d+)")[0][:7].isin(right["title"].str.extract(r"(\d+)")[0])
        assert set(found["left"]) == set(np.flatnonzero(known))
        with pytest.raises(TableError, match="The right frame lacks the column 'price', which the predictor needs"):
            mine.link(left, right[["title"]])
        with pytest.raises(EntryError, match="was fitted to link the records of two tables; give it 2 of them"):
            mine.link(left)
        with pytest.raises(EntryError, match=r"links tables, it does not answer single pairs\. Use link"):
            mine.predict(two.test)
        assert len(mine.link(left, right)) == len(found)


def test_a_taken_grouping_gives_group_ids_and_a_taken_classifier_answers_pairs(two, one, tmp_path):
    (baseline,) = baselines(["constant"])
    for data, entry in ((one, written(tmp_path, "groups", HEAD + GROUPS)), (two, baseline)):
        take(entry, data, tmp_path / f"{entry.name}.predictor", LIMITS, tmp_path / "environments")
    with load(tmp_path / "groups.predictor", LIMITS) as mine:
        ids = mine.link(one.sides.left)
        assert ids.shape == (100,) and len(set(ids.tolist())) == 60
    with load(tmp_path / "constant.predictor", LIMITS) as mine:
        assert mine.predict_proba(two.test).shape == (len(two.truth), 2)
        with pytest.raises(EntryError, match="answers pairs, it does not link tables"):
            mine.link(two.sides.left, two.sides.right)
