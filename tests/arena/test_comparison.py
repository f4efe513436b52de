"""compare: the first ten minutes, in Python."""

import os
import stat

import pandas as pd
import pytest
from little import little_frame
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

import bakeoff
from bakeoff.errors import EntryError, TableError
from bakeoff.nouns import Role, Split
from bakeoff.tables import Settings


class Mine:
    """A stranger's class: no scikit-learn, no schema."""

    def fit(self, X, y):
        self.middle = X["size"].mean()
        return self

    def predict(self, X):
        return ["yes" if size > self.middle else "no" for size in X["size"]]


@pytest.fixture(scope="module")
def comparison():
    options = bakeoff.CompareOptions(baselines=("constant", "linear"))
    found = bakeoff.compare({"logistic": LogisticRegression(), "mine": Mine()}, little_frame(), "y", options=options)
    yield found
    found.close()


def test_the_board_ranks_the_given_estimators_and_the_baselines(comparison):
    ranked = {row.entry: row for row in comparison.board.rows}
    assert set(ranked) == {"constant", "linear", "logistic", "mine"}
    assert ranked["constant"].rank == 4
    assert all(row.mean.low <= row.mean.value <= row.mean.high for name, row in ranked.items() if name != "constant")
    assert "constant" in comparison.board.beyond["mine"]
    assert any("tabular_pipeline" in mark for mark in ranked["logistic"].marks)
    assert not any("tabular_pipeline" in mark for mark in ranked["mine"].marks)


def test_it_says_what_it_understood(comparison):
    said = "\n".join(comparison.explained)
    for part in (
        "size: numeric",
        "colour: categorical",
        "note: text",
        "classification of y into 2 classes",
        "300 rows to",
    ):
        assert part in said


def test_it_shows_itself_in_a_notebook_and_as_text(comparison):
    html = comparison._repr_html_()
    assert "<table" in html and "<svg" in html and "logistic" in html
    assert "logistic" in repr(comparison)


def test_the_frame_has_one_row_for_each_entry(comparison):
    frame = comparison.to_frame()
    assert list(frame["entry"]) == [row.entry for row in comparison.board.rows]
    assert list(frame["rank"]) == [row.rank for row in comparison.board.rows]
    assert frame["accuracy"].between(frame["accuracy_low"], frame["accuracy_high"]).all()
    assert frame.set_index("entry").loc["constant", "score"] == 0.0


def test_the_report_is_one_file_with_the_board(comparison, tmp_path):
    path = comparison.report(tmp_path / "out.html")
    text = path.read_text()
    assert "logistic" in text and "<svg" in text
    assert "http://" not in text.replace("http://www.w3.org", "") and 'src="http' not in text


def test_an_entry_can_be_taken_and_loaded_with_one_line(comparison, tmp_path):
    frame = little_frame(seed=9)
    path = comparison.take("mine", tmp_path / "mine.predictor")
    with bakeoff.load(path) as predictor:
        answers = predictor.predict(frame.drop(columns="y"))
        everything = little_frame()
        assert list(answers) == Mine().fit(everything, everything["y"]).predict(frame)
        assert predictor.predict_proba(frame).shape == (len(frame), 2)
        assert predictor.classes == ("no", "yes")
        with pytest.raises(TableError, match=r"lacks the column 'size'"):
            predictor.predict(frame[["weight", "colour", "note"]])
        with pytest.raises(TableError, match=r"'size'.*number"):
            predictor.predict(frame.assign(size="large"))


def test_a_loaded_predictor_answers_new_categories_and_gaps(comparison, tmp_path):
    path = comparison.take("linear", tmp_path / "linear.predictor")
    frame = little_frame(rows=12).drop(columns="y").assign(colour="ultraviolet")
    frame.loc[3, ["size", "note"]] = None
    with bakeoff.load(path) as predictor:
        answers = predictor.predict_proba(frame)
    assert answers.shape == (12, 2)
    assert answers.sum(axis=1) == pytest.approx(1.0)


def test_a_model_in_a_file_and_a_table_in_a_file(tmp_path):
    little_frame().to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "my_model.py").write_text(
        "from sklearn.neighbors import KNeighborsClassifier\nalgorithm = KNeighborsClassifier(3)\n"
    )
    options = bakeoff.CompareOptions(baselines=("constant",), keep=str(tmp_path / "kept"))
    found = bakeoff.compare([tmp_path / "my_model.py"], tmp_path / "data.csv", "y", options=options)
    assert [row.entry for row in found.board.rows] == ["my_model", "constant"]
    found.close()
    again = bakeoff.Challenge.open(tmp_path / "kept")
    assert again.run(bakeoff.RunRequest(entries=("my_model", "constant"))).ran == 0
    again.close()


def test_what_is_kept_is_closed_to_others_and_nothing_is_kept_of_what_is_no_entry(tmp_path):
    kept = tmp_path / "kept"
    options = bakeoff.CompareOptions(baselines=("constant",), keep=str(kept))
    for name, thing in (("x", 3), ("../x", Mine())):
        with pytest.raises(EntryError, match=r"an entry needs fit and predict|cannot name an entry"):
            bakeoff.compare({"mine": Mine(), name: thing}, little_frame(), "y", options=options)
        assert not kept.exists()
    found = bakeoff.compare({"mine": Mine()}, little_frame(), "y", options=options)
    assert {row.entry for row in found.board.rows} == {"mine", "constant"}
    assert stat.S_IMODE((kept / ".bakeoff").stat().st_mode) == 0o700
    found.close()


def test_a_test_share_alone_leaves_the_seed_of_the_split(tmp_path):
    little_frame().to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "table.toml").write_text('target = "y"\n[split]\nmethod = "random"\nseed = 7\n')
    splits = []
    for said in ({}, {"test_share": 0.5}, {"seed": 3}, {"test_share": 0.5, "seed": 3}):
        challenge = bakeoff.Challenge.create(tmp_path / f"challenge-{len(splits)}")
        split = challenge.add_table(tmp_path / "data.csv", bakeoff.TableOptions(**said)).task.split
        splits.append((split.method, split.test_share, split.seed))
        challenge.close()
    assert splits == [("random", 0.25, 7), ("random", 0.5, 7), ("random", 0.25, 3), ("random", 0.5, 3)]


def test_another_way_to_split_does_not_take_over_the_column_of_the_old_one(tmp_path):
    frame = little_frame().assign(team=[f"t{i % 40}" for i in range(400)])
    frame["day"] = pd.date_range("2020-01-01", periods=400).astype(str)
    said = Settings(roles={"day": Role.TIME, "team": Role.OWNER}, split=Split("owner", "team"))
    challenge = bakeoff.Challenge.create(tmp_path / "challenge")
    options = bakeoff.TableOptions(name="daily", target="y", split="time", settings=said)
    split = challenge.add_table(frame, options).task.split
    assert (split.method, split.column) == ("time", "day")
    challenge.close()


def test_a_regression_is_understood(tmp_path):
    frame = little_frame()
    frame["price"] = frame["size"] * 3.7 + frame["weight"] + 0.123
    options = bakeoff.CompareOptions(baselines=("constant", "linear", "boosted"))
    found = bakeoff.compare({}, frame, "price", options=options)
    assert found.board.rows[0].entry in ("linear", "boosted")
    assert found.board.columns[0].task.metric == "rmse"
    assert found.board.rows[0].mean.value > 0.5
    found.close()


@pytest.mark.parametrize(
    ("entries", "frame", "error", "message"),
    [
        ({"x": 3}, little_frame(), EntryError, "'x' is a int; an entry needs fit and predict"),
        ({}, little_frame().assign(y="yes"), TableError, "single class 'yes'"),
        ({}, little_frame().rename(columns={"y": "yy"}), TableError, "'y'"),
        ({}, little_frame()[["y"]], TableError, "(?i)column"),
        ({}, None, EntryError, "compare needs a table"),
    ],
    ids=["no entry", "one class", "no target", "one column", "no table"],
)
def test_bad_input_is_one_clear_error(entries, frame, error, message):
    with pytest.raises(error, match=message):
        bakeoff.compare(entries, frame, "y")


def test_nothing_stays_open_of_a_comparison_that_could_not_be_held(tmp_path):
    def open_stores():
        seen = (os.readlink(one.path) for one in os.scandir("/proc/self/fd") if os.path.lexists(one.path))
        return [path for path in seen if str(tmp_path) in path]

    def compared(name, frame):
        options = bakeoff.CompareOptions(baselines=("constant",), keep=str(tmp_path / name))
        return bakeoff.compare({}, frame, "y", options=options)

    with pytest.raises(TableError):
        compared("bad", little_frame().assign(y="yes"))
    assert open_stores() == []
    found = compared("good", little_frame())
    assert open_stores()
    found.close()
    assert open_stores() == []


def test_an_estimator_that_reads_numbers_and_gaps_is_not_wrapped_when_the_table_suits_it():
    frame = little_frame()[["size", "weight", "y"]]
    frame.loc[::7, "size"] = None
    options = bakeoff.CompareOptions(baselines=("constant",))
    found = bakeoff.compare({"hgb": HistGradientBoostingClassifier(max_iter=20)}, frame, "y", options=options)
    (row,) = [row for row in found.board.rows if row.entry == "hgb"]
    assert row.marks == ()
    assert row.mean.value > 0.3
    found.close()


def test_a_table_of_text_only():
    frame = pd.DataFrame({"text": little_frame()["note"], "y": little_frame()["y"]})
    found = bakeoff.compare({}, frame, "y", options=bakeoff.CompareOptions(baselines=("constant", "linear")))
    assert found.board.rows[0].entry == "linear"
    assert found.board.rows[0].mean.value > 0.9
    found.close()
