"""A table's own word lists go from table.toml through cells to the judge, the board's page and its JSON."""

import shutil

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.challenge_files import read_task
from bakeoff.arena.report.fairness import group_panels
from bakeoff.errors import TableError, TaskError

WORDS = ("χριστιανός", "μουσουλμάνος")
TOML = 'target = "y"\n[swaps]\nenglish = false\n"πίστη" = [["χριστιανός", "μουσουλμάνος"], ["εκκλησία", "τζαμί"]]\n'
GREEDY = """
import numpy as np
class Model:
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        assert "swaps" not in str(X.columns)
    def predict_proba(self, X):
        share = np.where(X["note"].str.contains("μουσουλμάνος"), 0.9, 0.2)
        return np.column_stack([1 - share, share])
    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]
"""


@pytest.fixture
def greek(tmp_path):
    """A folder with a table of Greek notes and their table.toml."""
    random = np.random.default_rng(0)
    who = random.choice(WORDS, 300)
    folder = tmp_path / "greek"
    folder.mkdir()
    notes = [f"Ο {word} δάσκαλος ήρθε στις {hour} και μίλησε" for word, hour in zip(who, range(300), strict=True)]
    y = np.where(random.random(300) < 0.3 + 0.4 * (who == WORDS[1]), "no", "yes")
    pd.DataFrame({"note": notes, "y": y}).to_csv(folder / "greek.csv", index=False)
    (folder / "table.toml").write_text(TOML, encoding="utf-8")
    return folder


@pytest.fixture
def opened(tmp_path):
    made = Challenge.create(tmp_path / "challenge", title="lists")
    text = made.places.rules.read_text()
    made.places.rules.write_text(text.replace("baselines = true", 'baselines = ["constant"]'))
    made = Challenge.open(made.places.root)
    yield made
    made.close()


def twins(challenge):
    results = challenge.store.results()
    found = challenge.store.findings(results)
    return {
        (results[cell].cell.entry, one.group, one.metric): one
        for cell in results
        for _, one in found[cell]
        if one.split == "twins" and not one.variant
    }


def first_line(challenge, entry):
    """What the first line of an entry's fairness panels is about."""
    return next(line.name for panel in group_panels(challenge.board(), entry, {}) for line in panel.lines)


def test_greek_words_reach_the_judge_the_board_and_the_page(opened, greek, tmp_path):
    added = opened.add_table(greek, TableOptions(name="greek"))
    assert "swapped in twins: πίστη (2 rows of 2 words); no English words of gender" in added.explained
    assert not any("swaps." in note for note in added.notes)
    entry = tmp_path / "greedy"
    entry.mkdir()
    (entry / "model.py").write_text(GREEDY, encoding="utf-8")
    opened.submit(entry)
    assert opened.run(RunRequest()).outcomes == {"done": 2}
    found = twins(opened)
    greedy = found["greedy", "text: πίστη", "share of changed answers"]
    assert (greedy.value, greedy.status) == (1.0, "ok")
    assert greedy.n >= 60
    assert found["constant", "text: πίστη", "share of changed answers"].value == 0.0, "the partner"
    assert {group for _, group, _ in found} == {"text: πίστη"}
    assert first_line(opened, "greedy") == "text: πίστη"
    assert "text: πίστη" in opened.report(tmp_path / "board.html").read_text(encoding="utf-8")


def test_lists_edited_in_the_challenge_make_cells_due_and_others_do_not(opened, greek):
    opened.add_table(greek, TableOptions(name="greek"))
    toml, task = opened.places.tables / "greek" / "table.toml", opened.places.tasks / "greek.toml"
    assert read_task(task) == opened.tasks()[0]
    assert list(opened.tasks()[0].swaps.lists) == ["πίστη"]
    assert opened.run(RunRequest()).ran == 1
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text.replace("πίστη", "θρησκεία"), encoding="utf-8")
    assert opened.run(RunRequest()).ran == 1
    assert {group for _, group, _ in twins(opened)} == {"text: πίστη", "text: θρησκεία"}
    assert first_line(opened, "constant") == "text: θρησκεία"
    assert opened.run(RunRequest()).ran == 0, "the partner"
    task.write_text(task.read_text(encoding="utf-8").replace('"τζαμί"', '"εκκλησία"'), encoding="utf-8")
    with pytest.raises(TaskError, match="'εκκλησία' on two sides"):
        read_task(task)


def test_lists_without_a_hit_are_remarked_on_when_the_table_comes_in(opened, greek):
    (greek / "table.toml").write_text(TOML.replace("χριστιανός", "βουδιστής").replace(WORDS[1], "σιίτης"))
    added = opened.add_table(greek, TableOptions(name="greek"))
    assert any(
        note.startswith("swaps.πίστη: 0 of 75 test rows hold one of its words and 20 are needed")
        for note in added.notes
    )
    (greek / "table.toml").write_text(TOML + '[columns]\nnote = "categorical"\n')
    added = opened.add_table(greek, TableOptions(name="names"))
    assert any("swapped nowhere" in note for note in added.notes)
    (greek / "table.toml").write_text(TOML.replace('"τζαμί"', '"a b"'))
    with pytest.raises(TableError, match="'a b', which is no single word"):
        opened.add_table(greek, TableOptions(name="wrong"))


def test_lists_travel_with_the_table_and_through_a_confined_reading(opened, greek, tmp_path):
    opened.add_table(greek, TableOptions(name="greek", confined=True))
    lists = opened.tasks()[0].swaps
    assert lists.lists["πίστη"][0] == WORDS
    out = opened.export_table("greek", tmp_path / "out", with_truth=True)
    shutil.rmtree(greek)
    opened.add_table(out, TableOptions(name="greek", replace=True))
    assert opened.tasks()[0].swaps == lists
