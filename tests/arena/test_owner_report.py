"""What a table's owner gets after a run, on a table with planted facts."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.board import Estimate
from bakeoff.arena.board_export import board_json
from bakeoff.arena.corrections import correct_table
from bakeoff.arena.judging import judges
from bakeoff.arena.owner.answers import KeptAnswers, kept_answers
from bakeoff.arena.owner.curve import Curve, forecast
from bakeoff.arena.owner.errors import label_errors
from bakeoff.arena.owner.headroom import headroom
from bakeoff.arena.owner.report import report_json, write_errors
from bakeoff.arena.owner.slices import slices_between
from bakeoff.arena.owner.text import owner_text, slices_text
from bakeoff.arena.owner.words import alike, gain_or_loss, moved
from bakeoff.arena.report.owner_page import owner_page
from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType
from bakeoff.stats.learning import next_doubling
from bakeoff.tasks import kind

HALF = """
import numpy as np
class Model:
    def __init__(self, half, sure=0.95): self.half, self.sure = half, sure
    def fit(self, X, y): self.classes_ = np.unique(y)
    def predict_proba(self, X):
        knows = np.isin(X["half"], self.half.split("+"))
        up = np.where(X["signal"] > 0, self.sure, 1 - self.sure) + 0.02 * np.tanh(X["other"])
        up = np.where(knows, up, 0.5 + 0.01 * np.tanh(X["other"]))
        return np.stack([1 - up, up], axis=1)
class Mine(Model):
    def __init__(self): super().__init__({given})
"""
COUNTED = """
import numpy as np
class Model:
    def fit(self, X, y):
        self.classes_, self.means = np.unique(y), {}
        for shop, label in zip(X["shop"], y):
            self.means.setdefault(shop, []).append(label == self.classes_[1])
    def predict_proba(self, X):
        up = np.array([(sum(self.means.get(s, [])) + 0.5) / (len(self.means.get(s, [])) + 1) for s in X["shop"]])
        return np.stack([1 - up, up], axis=1)
"""


def planted_frame(rows=1200, seed=0):
    """The signal's sign is the class, but for labels that were flipped (5 %, as the `id` says)."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, 1, rows)
    flipped = rng.random(rows) < 0.05
    return pd.DataFrame(
        {
            "half": np.where(rng.random(rows) < 0.5, "left", "right"),
            "signal": signal,
            "other": rng.normal(0, 1, rows),
            "note": [f"word {'and more ' * int(k)}here" for k in rng.integers(0, 6, rows)],
            "id": [f"{row} {'flipped' if wrong else 'right'}" for row, wrong in enumerate(flipped)],
            "y": np.where((signal > 0) ^ flipped, "up", "down"),
        }
    )


def shops_frame(rows=1000, seed=1):
    """Every one of 300 shops has a class of its own, so that each must have been seen."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 300, rows)
    return pd.DataFrame(
        {
            "shop": [f"shop {s}" for s in shop],
            "size": rng.normal(0, 1, rows),
            "y": np.where(rng.random(300) < 0.5, "no", "yes")[shop],
        }
    )


def hand_in(challenge, folder, name, code):
    (folder / name).mkdir()
    (folder / name / "model.py").write_text(code)
    (folder / name / "entry.toml").write_text(
        f'name = "{name}"\nalgorithm = "model:{"Mine" if "Mine" in code else "Model"}"\n'
    )
    challenge.submit(folder / name)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A challenge that has run: two that know a half each, two that know all, and one that counts shops."""
    folder = tmp_path_factory.mktemp("owner")
    made = Challenge.create(folder / "challenge", title="planted")
    text = made.places.rules.read_text().replace("baselines = true", 'baselines = ["constant"]')
    made.places.rules.write_text(text.replace('reference = "linear"', 'reference = "constant"'))
    made = Challenge.open(made.places.root)
    made.add_table(planted_frame(), TableOptions(name="planted", target="y", id="id"))
    made.add_table(shops_frame(), TableOptions(name="shops", target="y", types={"shop": ColumnType.CATEGORICAL}))
    for name, given in (
        ("lefty", '"left"'),
        ("righty", '"right"'),
        ("all", '"left+right"'),
        ("same", '"left+right", 0.85'),
    ):
        hand_in(made, folder, name, HALF.replace("{given}", given))
    hand_in(made, folder, "counted", COUNTED)
    made.run(RunRequest(entries=("lefty", "righty", "all", "same", "constant"), tasks=("planted",)))
    made.run(RunRequest(entries=("counted",), tasks=("shops",)))
    yield made
    made.close()


def task_named(challenge, name):
    return next(task for task in challenge.tasks() if task.name == name)


@pytest.fixture(scope="module")
def halves(ran):
    """What is kept of the two that know a half each, and of the constant."""
    kept = kept_answers(ran, task_named(ran, "planted"))
    known = {"lefty", "righty", "constant"}
    entries = tuple(entry for entry in kept.entries if entry.name in known)
    return KeptAnswers(kept.data, entries, {key: each for key, each in kept.answers.items() if key[0] in known})


@pytest.fixture(scope="module")
def whole(ran):
    """The report on the planted table, before anything was corrected."""
    return ran.owner_report("planted")


def flips(challenge):
    data = challenge.data(task_named(challenge, "planted"))
    return dict(zip(map(int, data.row_ids), data.test["id"].str.endswith("flipped").tolist(), strict=True))


def test_two_that_know_different_halves_leave_headroom_and_an_oracle_leaves_none(halves, whole):
    apart = headroom(halves)
    assert apart.found
    assert apart.gain.low > 0.1
    assert apart.verdict.endswith("there is headroom.")
    assert sum(apart.shares[name] for name in ("lefty", "righty")) > 0.9
    assert not whole.headroom.found
    assert whole.headroom.verdict.endswith("no headroom can be seen beyond noise.")
    assert abs(whole.headroom.gain.value) < 0.01
    assert whole.entries[0].entry in ("all", "same")


def test_flipped_labels_are_found(ran, whole):
    flipped = flips(ran)
    found = [doubt.example.row_id for doubt in whole.errors.doubts]
    assert set(whole.errors.entries) == {"all", "same"}
    right = sum(flipped[row_id] for row_id in found)
    assert right == len(found), "precision"
    assert right >= 0.9 * sum(flipped.values()), "recall"
    assert whole.errors.expected.low <= sum(flipped.values()) <= whole.errors.expected.high
    assert whole.errors.doubts[0].example.cells["note"].startswith("word")


def test_without_two_strong_entries_labels_are_not_checked(halves):
    alone = KeptAnswers(
        halves.data, halves.entries, {key: each for key, each in halves.answers.items() if key[0] != "righty"}
    )
    alone = KeptAnswers(alone.data, tuple(entry for entry in alone.entries if entry.name != "righty"), alone.answers)
    found = label_errors(alone)
    assert found.doubts == ()
    assert found.verdict.startswith(
        "Labels were not checked: two distinct entries that are clearly better than a constant"
    )


def test_the_planted_slice_is_named_first_and_equal_entries_have_none(ran, whole):
    found = next(each for each in slices_between(ran, "all", "lefty") if each.task == "planted")
    first = found.slices[0]
    assert first.slice == "half is right"
    assert first.difference.low > 0.3
    assert abs(first.rest) < 0.02
    assert len(first.examples) == 3
    assert all(row.cells["half"] == "right" and set(row.answers) == {"all", "lefty"} for row in first.examples)
    assert found.verdict.startswith("all is ahead of lefty most where half is right: by ")
    assert whole.slices.slices == ()
    assert whole.slices.verdict.startswith(f"{whole.slices.a} and {whole.slices.b} differ beyond noise on none of ")
    other = next(each for each in slices_between(ran, "all", "lefty") if each.task == "shops")
    assert other.reason == "all and lefty have no answers here"


def test_a_learning_curve_rises_unranked(ran, whole):
    before = board_json(ran.board())
    missing = ran.owner_report("shops")
    assert missing.curve.due == 2
    assert missing.curve.next is None
    assert "bakeoff table report shops --curve" in missing.curve.verdict
    report = ran.owner_report("shops", curve=True)
    (counted,) = report.curve.curves
    assert (counted.entry, counted.chosen) == ("counted", "best")
    values = [point.score.value for point in counted.points]
    assert values == sorted(values)
    assert values[-1] > values[0] + 0.1
    assert [point.share for point in counted.points] == [0.25, 0.5, 1.0]
    assert report.curve.last.low > 0
    assert report.answer.startswith("More labels would help: twice the labelled rows would bring about ")
    after = board_json(ran.board())
    assert {**after, "made_with": ""} == {**before, "made_with": ""}, "no board meets these cells"
    assert ran.owner_report("shops", curve=True).curve.due == 0
    assert len(ran.store.results()) == 8, "nothing was run twice"


def test_corrected_truth_is_judged_without_running(ran, whole, tmp_path):
    task = task_named(ran, "planted")
    flipped = flips(ran)
    assert write_errors(ran, whole, tmp_path / "errors.csv") == len(whole.errors.doubts)
    errors = pd.read_csv(tmp_path / "errors.csv")
    assert errors["corrected"].isna().all()
    with pytest.raises(TableError, match=r"No row has a label in the column 'corrected'"):
        correct_table(ran, "planted", tmp_path / "errors.csv")
    errors["corrected"] = [
        s if flipped[r] else None for r, s in zip(errors["row_id"], errors["suggested"], strict=True)
    ]
    errors.to_csv(tmp_path / "errors.csv", index=False)
    results = ran.store.results()
    table_digest, digest = task.table_digest, task.digest
    score = {row.entry: row.score.value for row in whole.entries}
    made = correct_table(ran, "planted", tmp_path / "errors.csv", who="Ann", why="looked at them")
    assert (made.correction.number, made.correction.who, made.correction.why) == (1, "Ann", "looked at them")
    assert len(made.correction.labels) == len(errors)
    assert made.judged == 5 * len(judges())
    assert ran.store.results() == results, "no cell was run"
    task = task_named(ran, "planted")
    assert (task.truth, task.table_digest, task.digest) == (1, table_digest, digest)
    versions = {version for found in ran.store.findings(results).values() for version, _ in found}
    assert {"+truth.1" in version for version in versions} == {True, False}, "the former findings are kept"
    report = ran.owner_report("planted")
    for each in report.entries[:2]:
        assert each.score.value > score[each.entry]
    assert report.corrections[0].labels == made.correction.labels
    column = next(column for column in ran.board().columns if column.task.name == "planted")
    assert column.note == f"truth corrected: {len(errors)} rows"
    square = ran.board().squares["all", "planted"]
    assert square.raw.value == pytest.approx(next(row.score.value for row in report.entries if row.entry == "all"))
    assert ran.judge() == 0
    assert ran.due(RunRequest(entries=("all",), tasks=("planted",))) == []
    with pytest.raises(TableError, match=r"are what the truth says already; nothing was changed"):
        correct_table(ran, "planted", tmp_path / "errors.csv")


def test_wrong_corrections_are_all_named(ran, whole):
    data = ran.data(task_named(ran, "planted"))
    test = int(data.row_ids[0])
    frame = pd.DataFrame({"row_id": [0, 10**6, test, test], "corrected": ["up", "up", "sideways", "up"]})
    with pytest.raises(TableError) as caught:
        correct_table(ran, "planted", frame)
    assert caught.value.problems == (
        "Row 0 is a training row, which entries have learned from; correct it in the table itself and bring that in "
        "as a new version.",
        "row_id 1000000 is no row of the table 'planted'; take the ids from its report.",
        f"Row {test} is to become 'sideways', which is not one of 'down', 'up'.",
    )
    with pytest.raises(TableError, match=r"need the columns 'row_id' and 'corrected'; there are 'row', 'y'"):
        correct_table(ran, "planted", pd.DataFrame({"row": [1], "y": ["up"]}))
    with pytest.raises(UsageError, match=r"There is no file 'none.csv'"):
        correct_table(ran, "planted", "none.csv")
    with pytest.raises(NotFound, match=r"There is no table 'plant'; did you mean 'planted'\?"):
        ran.owner_report("plant")


def test_it_can_be_read_as_text_json_and_page(ran, whole):
    console = Console(width=120, record=True, file=io.StringIO())
    owner_text(whole, console)
    slices_text(slices_between(ran, "all", "lefty"), console)
    said = console.export_text()
    assert whole.answer[:25] in said
    assert "half is right" in said
    told = json.loads(json.dumps(report_json(whole), allow_nan=False))
    assert told["headroom"]["gain"]["low"] == whole.headroom.gain.low
    assert "replicates" not in json.dumps(told)
    page = owner_page(whole)
    assert whole.errors.doubts[0].suggested in page
    assert page.count("<svg") >= 1
    assert "<script src" not in page and "http://" not in page.replace("http://www.w3.org", "")


def test_a_table_that_nobody_has_answered(tmp_path):
    made = Challenge.create(tmp_path / "new")
    made.add_table(shops_frame(200), TableOptions(name="shops", target="y"))
    with pytest.raises(UsageError, match=r"No entry has answered 'shops' yet; run the challenge first: bakeoff run"):
        made.owner_report("shops")
    made.close()


def test_a_flat_curve_has_no_forecast(halves):
    rows, noise = np.array([30, 60, 120]), np.random.default_rng(0).normal(0, 0.03, (3, 200))
    scores = np.array([0.750, 0.700, 0.742])
    made = forecast(halves, Curve(()), "mine", 120, next_doubling(rows, scores, scores[:, None] + noise))
    assert made.next is None and made.replicates is None
    assert made.verdict.startswith("The curve of mine is flat within noise: the last doubling of its rows, to 120, bro")
    assert made.verdict.endswith(" in accuracy. There is no forecast of the next.")
    scores = np.array([0.5, 0.7, 0.8])
    made = forecast(halves, Curve(()), "mine", 120, next_doubling(rows, scores, scores[:, None] + noise / 10))
    assert made.next.low > 0
    assert made.verdict.startswith("mine still learns: ")


def test_a_loss_is_called_one_and_a_sentence_has_one_precision():
    gain = Estimate(-0.0083, -0.02, 0.004)
    assert gain_or_loss(gain, 3) == "a loss of 0.008 [-0.004, 0.020]"
    accuracy, rmse = kind("classification").metrics["accuracy"], kind("regression").metrics["rmse"]
    assert moved(accuracy, gain, 3) == "lost 0.008 [-0.004, 0.020] in accuracy"
    assert moved(rmse, gain, 3, "would bring", "would lose") == "would bring 0.008 [-0.004, 0.020] more RMSE"
    assert moved(rmse, Estimate(2.0, 1.0, 3.0), 1) == "brought 2.0 [1.0, 3.0] less RMSE"
    assert alike(Estimate(0.733, 0.6, 0.8), gain) == 3


def test_rows_can_be_found_in_the_file_that_was_brought(whole, ran, tmp_path):
    write_errors(ran, whole, tmp_path / "errors.csv")
    errors = pd.read_csv(tmp_path / "errors.csv")
    brought = planted_frame().iloc[errors["source_row"] - 1]
    assert brought["other"].to_numpy() == pytest.approx(errors["other"].to_numpy(), rel=1e-5)
    doubt = whole.errors.doubts[0].example
    assert doubt.place == f"{doubt.row_id} ({errors['source_row'][0]} in its file)"
