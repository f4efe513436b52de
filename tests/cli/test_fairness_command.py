"""The command fairness, as a person meets it."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A table of people with its answers in it, and the same answers as probabilities in a file of their own."""
    folder = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(0)
    group = random.choice(["a", "b", "c"], 900)
    true = random.random(900) < 0.4
    share = np.clip(0.3 + 0.4 * true + 0.15 * (group == "c") + random.normal(0, 0.15, 900), 0, 1)
    frame = pd.DataFrame({"group": group, "old": random.integers(0, 2, 900), "y": np.where(true, "yes", "no")})
    answers = pd.DataFrame({"no": 1 - share, "yes": share})
    frame.assign(prediction=np.where(share > 0.5, "yes", "no")).to_csv(folder / "people.csv", index=False)
    answers.to_csv(folder / "answers.csv", index=False)
    shuffled = random.permutation(900)[:600]
    answers.iloc[shuffled].assign(row_id=shuffled).to_parquet(folder / "some.parquet", index=False)
    return folder


def test_a_table_with_its_answers_is_shown_group_by_group(say, people, tmp_path):
    words = ("fairness", people / "people.csv", "--target", "y", "--by", "group", "--by", "old")
    said = say(*words, "--plot", tmp_path / "groups.png", "--reference", "group=a")
    assert said.out.startswith("900 rows\n")
    for word in ("group & old", "largest -", "gap by chance", "p, corrected", "equalised odds gap by group", "b - a"):
        assert word in said.out, word
    assert (tmp_path / "groups.png").stat().st_size > 10_000
    told = say(*words, "--json").json
    assert told["rows"] == 900
    gap = next(
        one
        for one in told["measures"]
        if (one["metric"], one.get("family"), one["group"]) == ("false positive rate", "group", "largest - smallest")
    )
    assert gap["between"][0] == "c"
    assert gap["low"] > 0
    assert gap["adjusted"] < 0.05


def test_answers_in_a_file_of_their_own_are_ranked_and_may_be_of_some_rows(say, people):
    words = ("fairness", people / "people.csv", "--target", "y", "--by", "group", "--positive", "yes")
    whole = say(*words, "--answers", people / "answers.csv").out
    assert "BPSN AUC over groups" in whole
    assert "calibration error of group c" in whole
    some = say(*words, "--answers", people / "some.parquet", "--json").json
    assert some["rows"] == 600
    frame, answers = pd.read_csv(people / "people.csv"), pd.read_parquet(people / "some.parquet")
    kept = frame.loc[answers["row_id"]].reset_index(drop=True)
    right = (answers["yes"] > 0.5) == (kept["y"] == "yes")
    found = next(one for one in some["measures"] if (one["metric"], one["group"]) == ("accuracy", "b"))
    assert found["value"] == pytest.approx(right[kept["group"] == "b"].mean())


def test_numbers_are_compared_by_their_errors(say, tmp_path):
    random = np.random.default_rng(0)
    group = random.choice(["a", "b"], 300)
    true = random.normal(size=300)
    frame = pd.DataFrame({"group": group, "y": true, "prediction": true + (group == "b") + random.normal(size=300) / 5})
    frame.to_csv(tmp_path / "t.csv", index=False)
    said = say("fairness", tmp_path / "t.csv", "--target", "y", "--by", "group").out
    assert "mean error" in said
    assert "root mean" in said


def test_protected_columns_of_a_table_that_declares_them_are_taken(say, people, tmp_path):
    frame = pd.read_csv(people / "people.csv")
    frame.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "table.toml").write_text('target = "y"\nprotected = ["group"]\n')
    assert "equalised odds gap by group" in say("fairness", tmp_path).out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "Which column holds the true labels?"),
        (("--target", "y"), "By which columns are people to be compared?"),
        (("--target", "z", "--by", "group"), "There is no column 'z'; there are group, old, y, prediction."),
        (("--target", "y", "--by", "group", "--reference", "a"), "give COL=GROUP"),
        (("--target", "y", "--by", "group", "--plot", "no/such/folder.png"), "lies in a folder that is not there"),
        (("--target", "y", "--by", "group", "--plot", "groups.docx"), "let it end in .png or .svg or .pdf"),
        (("--target", "y", "--by", "group", "--metric", "speed"), "no fairness metric called 'speed'"),
        (("--target", "y", "--by", "group", "--positive", "maybe"), "There is no class 'maybe'"),
        (("--target", "y", "--by", "group", "--identities"), "other values than 0 and 1"),
    ],
)
def test_what_does_not_fit_is_one_sentence(say, people, words, why):
    said = say("fairness", people / "people.csv", *words, code=2)
    assert why in said.err
    assert said.err.count("\n") <= 2


def test_answers_that_do_not_fit_are_told(say, people, tmp_path):
    words = ("fairness", people / "people.csv", "--target", "y", "--by", "group", "--answers", tmp_path / "a.csv")
    pd.DataFrame({"prediction": ["yes"] * 5}).to_csv(tmp_path / "a.csv", index=False)
    assert "There are 5 answers and 900 rows" in say(*words, code=2).err
    pd.DataFrame({"row_id": [0, 900], "prediction": ["yes"] * 2}).to_csv(tmp_path / "a.csv", index=False)
    assert "row_id 900 is none of 0 to 899" in say(*words, code=2).err
    pd.DataFrame({"row_id": [3, 3], "prediction": ["yes"] * 2}).to_csv(tmp_path / "a.csv", index=False)
    assert "some row_id comes twice" in say(*words, code=2).err
    pd.DataFrame({"guess": ["yes"] * 900}).to_csv(tmp_path / "a.csv", index=False)
    assert "neither a column 'prediction' nor one for each class (no, yes)" in say(*words, code=2).err
    pd.DataFrame({"no": [0.5] * 900, "yes": [1.5] * 900}).to_csv(tmp_path / "a.csv", index=False)
    assert "outside of 0 to 1" in say(*words, code=2).err
    pd.DataFrame({"prediction": ["high", "low"] * 450}).to_csv(tmp_path / "a.csv", index=False)
    assert "The predictions (high, low) are none of the true labels (no, yes)" in say(*words, code=2).err


def test_whole_numbers_are_classes_however_they_are_written(say, people, tmp_path):
    frame = pd.read_csv(people / "people.csv").assign(y=lambda held: (held["y"] == "yes").astype(int))
    guessed = (frame.pop("prediction") == "yes").astype(int)
    frame.to_parquet(tmp_path / "people.parquet", index=False)
    words = ("fairness", tmp_path / "people.parquet", "--target", "y", "--by", "group", "--answers")
    plain, floats, scores = (tmp_path / f"{name}.parquet" for name in ("plain", "floats", "scores"))
    pd.DataFrame({"prediction": guessed}).to_parquet(plain)
    pd.DataFrame({"prediction": guessed.astype(float)}).to_parquet(floats)
    pd.DataFrame({"prediction": guessed * 0.8 + 0.1}).to_parquet(scores)
    assert say(*words, floats, "--json").json == say(*words, plain, "--json").json
    assert "accuracy" in say(*words, floats).out
    assert "holds 2 classes; give classes, or a column of probabilities" in say(*words, scores, code=2).err
    stars = frame.assign(y=np.arange(900) % 5)
    stars.to_parquet(tmp_path / "people.parquet", index=False)
    assert "mean error" in say(*words, scores).out, "of five whole numbers a half may be predicted"


def test_a_protected_number_with_many_values_is_put_into_quarters_as_the_judge_does(say, people, tmp_path):
    frame = pd.read_csv(people / "people.csv").assign(old=np.arange(900) % 60 + 20)
    frame.to_csv(tmp_path / "people.csv", index=False)
    told = say("fairness", tmp_path / "people.csv", "--target", "y", "--by", "old", "--json").json["measures"]
    groups = {one["group"] for one in told if one["family"] == "old" and one["metric"] == "accuracy" and "n" in one}
    assert {"up to 34.8", "34.8 to 49.5", "49.5 to 64.2", "above 64.2"} <= groups


def test_several_classes_and_attributes_stay_readable(say, people, tmp_path):
    random = np.random.default_rng(0)
    frame = pd.read_csv(people / "people.csv").assign(y=random.choice(["a", "b", "c"], 900))
    frame["prediction"] = random.choice(["a", "b", "c"], 900)
    frame.to_csv(tmp_path / "people.csv", index=False)
    said = say("fairness", tmp_path / "people.csv", "--target", "y", "--by", "group").out
    assert said.count("largest -") >= 4, "a grid for every five metrics"
    assert "…" not in said
    whole = say(
        *("fairness", people / "people.csv", "--target", "y", "--by", "group", "--by", "old"),
        *("--answers", people / "answers.csv"),
    ).out
    for family in ("group", "old", "group & old"):
        assert f"BPSN AUC over groups by {family} (generalised mean)" in whole
