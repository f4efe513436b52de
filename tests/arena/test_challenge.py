"""A challenge: what is due, what is kept, what judges see, and who is ranked."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from little import little_frame

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.judging import judges
from bakeoff.arena.matrix import Silent, is_due
from bakeoff.errors import NotFound, TaskError, UsageError
from bakeoff.nouns import Cell, CellResult, Limits, Outcome

CONSTANT_HALF = """
import numpy as np
class Model:
    def fit(self, X, y): self.classes_ = np.unique(y)
    def predict_proba(self, X): return np.full((len(X), 2), 0.5)
"""

SLOW = """
import time
import numpy as np
class Model:
    def fit(self, X, y):
        time.sleep({seconds})
        self.classes_ = np.unique(y)
    def predict_proba(self, X): return np.full((len(X), 2), 0.5)
"""


class Ended(Silent):
    def __init__(self):
        self.cells = []

    def ended(self, result):
        self.cells.append((result.cell.entry, result.cell.task, result.cell.seed))


def test_running_again_runs_only_what_is_due(challenge, hand_in):
    first = challenge.run()
    assert (first.ran, first.kept, first.outcomes) == (2, 0, {"done": 2})
    second = challenge.run()
    assert (second.ran, second.kept) == (0, 2)
    hand_in("half", CONSTANT_HALF)
    watch = Ended()
    assert challenge.run(watcher=watch).ran == 1
    assert watch.cells == [("half", "little", 0)]
    hand_in("half", CONSTANT_HALF + "# another version\n")
    assert [cell.entry for cell in challenge.due()] == ["half"]
    assert len(challenge.due(RunRequest(seeds=2))) == 4


def test_their_entries_on_our_tasks(challenge, hand_in):
    challenge.add_table(little_frame(seed=1), TableOptions(name="ours", target="y"))
    hand_in("theirs", CONSTANT_HALF)
    watch = Ended()
    challenge.run(RunRequest(entries=("theirs",), tasks=("ours",)), watch)
    assert watch.cells == [("theirs", "ours", 0)]
    with pytest.raises(NotFound, match=r"There is no task 'our'; did you mean 'ours'\?"):
        challenge.run(RunRequest(tasks=("our",)))
    with pytest.raises(NotFound, match=r"There is no entry 'x'; entries here are constant, linear, theirs"):
        challenge.run(RunRequest(entries=("x",)))


@pytest.mark.parametrize(
    ("outcome", "limits", "again", "due"),
    [
        (Outcome.DONE, Limits(seconds=99), True, False),
        (Outcome.DECLINED, Limits(seconds=99), True, False),
        (Outcome.FAILED, Limits(), False, False),
        (Outcome.FAILED, Limits(), True, True),
        (Outcome.REFUSED, Limits(), True, True),
        (Outcome.TIMED_OUT, Limits(seconds=10), False, False),
        (Outcome.TIMED_OUT, Limits(seconds=11), False, True),
        (Outcome.TIMED_OUT, Limits(seconds=10, memory_mib=9999), False, False),
        (Outcome.OUT_OF_MEMORY, Limits(seconds=99, memory_mib=100), False, False),
        (Outcome.OUT_OF_MEMORY, Limits(seconds=10, memory_mib=101), False, True),
    ],
)
def test_what_is_due_again(outcome, limits, again, due):
    kept = CellResult(Cell("e", "e", "t", "t", 0, "", "1"), outcome, limits=Limits(seconds=10, memory_mib=100))
    assert is_due(kept, limits, again) is due
    assert is_due(None, limits)


def test_a_raised_limit_runs_a_timed_out_cell_again(challenge, hand_in):
    hand_in("slow", SLOW.format(seconds=3))
    request = RunRequest(entries=("slow",), limits=Limits(seconds=1))
    assert challenge.run(request).outcomes == {"timed out": 1}
    assert challenge.run(request).ran == 0
    assert challenge.run(replace(request, limits=Limits(seconds=30))).outcomes == {"done": 1}


def test_judges_read_kept_answers_without_running(challenge):
    challenge.run()
    before = challenge.store.findings(challenge.store.results())
    with challenge.store._begin() as connection:
        for table in ("findings", "judged"):
            connection.exec_driver_sql(f"delete from {table}")
    assert challenge.board().rows[0].rank is None, "the partner: without findings nothing is ranked"
    assert challenge.judge() == 2 * len(judges())
    after = challenge.store.findings(challenge.store.results())
    assert {
        cell: [(finding.metric, finding.variant, finding.value, finding.low) for _, finding in found]
        for cell, found in after.items()
    } == {
        cell: [(finding.metric, finding.variant, finding.value, finding.low) for _, finding in found]
        for cell, found in before.items()
    }
    assert challenge.run().ran == 0
    assert challenge.judge() == 0
    assert challenge.judge(again=True) == 2 * len(judges())


def test_the_same_seed_gives_the_same_answers(challenge, tmp_path):
    challenge.run(RunRequest(entries=("linear",)))
    (first,) = challenge.store.results().values()
    challenge.store.close()
    for path in challenge.places.private.glob("store.db*"):
        path.unlink()
    again = Challenge.open(challenge.places.root)
    again.run(RunRequest(entries=("linear",)))
    (second,) = again.store.results().values()
    again.close()
    assert first.cell.id == second.cell.id
    assert first.answers == second.answers


def test_one_cell_with_one_more_seed_does_not_unrank_the_others(challenge):
    challenge.run()
    challenge.run(RunRequest(entries=("linear",), seeds=2))
    board = challenge.board()
    assert {row.entry: row.rank for row in board.rows} == {"linear": 1, "constant": 2}
    assert board.squares["linear", "little"].seeds_done == 1
    challenge.run(RunRequest(seeds=2))
    assert challenge.board().squares["linear", "little"].seeds_done == 2


def test_editing_a_tables_types_makes_its_next_version(challenge):
    challenge.run()
    path = challenge.places.tables / "little" / "table.toml"
    before = challenge.tasks()[0].table_digest
    text = path.read_text()
    path.write_text(text + "\n")
    assert challenge.run().ran == 0, "the partner: an edit that changes nothing makes nothing due"
    assert '"colour" = "categorical"' in text
    path.write_text(text.replace('"colour" = "categorical"', '"colour" = "text"'))
    again = Challenge.open(challenge.places.root)
    assert again.run().ran == 2
    assert again.tasks()[0].table_digest != before
    assert all(row.rank for row in again.board().rows)
    again.close()


def test_answers_that_were_lost_are_due_again_and_stop_nobody(challenge):
    challenge.run()
    lost = next(r for r in challenge.store.results().values() if r.cell.entry == "linear")
    challenge.store.artefacts.path(lost.answers).unlink()
    watch = Messages()
    assert challenge.judge(watch, again=True) == len(judges())
    assert "linear on little could not be judged" in watch.said[0]
    assert [cell.entry for cell in challenge.due()] == ["linear"]
    assert challenge.run().ran == 1


class Messages(Silent):
    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


def test_an_unfinished_row_is_marked_and_not_ranked(challenge, hand_in):
    challenge.run()
    challenge.add_table(little_frame(seed=1), TableOptions(name="second", target="y"))
    challenge.run(RunRequest(entries=("constant",)))
    board = challenge.board()
    ranks = {row.entry: row.rank for row in board.rows}
    assert ranks == {"constant": 1, "linear": None}
    linear = next(row for row in board.rows if row.entry == "linear")
    assert linear.mean is None
    assert linear.marks[0] == "not complete: 1 of 2 tasks"
    assert board.squares["linear", "second"].outcome is None


def test_a_declined_task_counts_as_the_constant_and_is_marked(challenge, hand_in):
    hand_in(
        "shy", "from bakeoff import Declined\n" + CONSTANT_HALF.replace("self.classes_", "raise Declined('no'); self.c")
    )
    challenge.run()
    board = challenge.board()
    shy = next(row for row in board.rows if row.entry == "shy")
    assert (shy.mean.value, shy.marks) == (0.0, ("1 declined",))
    assert board.squares["shy", "little"].score.reason == "counts as the constant"
    assert board.rows[0].entry == "linear"
    assert board.better["linear"]["shy"] == 1.0
    assert "shy" in board.beyond["linear"]


def test_a_prize_row_takes_the_final_picks_and_counts_what_is_missing_as_the_constant(challenge, tmp_path):
    challenge.add_table(little_frame(seed=1), TableOptions(name="second", target="y"))
    for name, code in (("good", GOOD), ("half", CONSTANT_HALF)):
        (tmp_path / f"{name}.py").write_text(code)
    challenge.submit(tmp_path / "good.py", team="red", picks=("little",))
    challenge.submit(tmp_path / "half.py", team="red")
    challenge.run()
    board = challenge.board()
    (prize,) = board.prizes
    squares = [board.squares["good", "little"].score.value, board.squares["half", "second"].score.value]
    assert prize.entry == "red"
    assert prize.mean.value == pytest.approx(np.mean(squares))
    assert prize.marks == ("picks: good, half",)
    challenge.add_table(little_frame(seed=2), TableOptions(name="third", target="y"))
    (prize,) = challenge.board().prizes
    assert prize.mean.value == pytest.approx(sum(squares) / 3)
    assert prize.marks[1] == "1 of 3 tasks count as the constant"
    with pytest.raises(NotFound, match="There is no task 'fourth'"):
        challenge.submit(tmp_path / "good.py", team="red", picks=("fourth",))


GOOD = """
from sklearn.ensemble import RandomForestClassifier
algorithm = RandomForestClassifier(n_estimators=30)
"""


def test_a_plain_estimator_is_wrapped_and_the_board_says_so(challenge, tmp_path):
    (tmp_path / "forest30.py").write_text(GOOD)
    challenge.submit(tmp_path / "forest30.py")
    challenge.run(RunRequest(entries=("forest30", "constant", "linear")))
    (row,) = [row for row in challenge.board().rows if row.entry == "forest30"]
    assert row.mean.value > 0.5
    assert any("tabular_pipeline" in mark for mark in row.marks)


def test_answers_that_are_all_right_do_not_look_certain(challenge, tmp_path):
    challenge.submit(predictions(challenge, tmp_path / "oracle"))
    challenge.run()
    board = challenge.board()
    oracle = next(row for row in board.rows if row.entry == "oracle")
    assert oracle.mean.value == 1.0
    assert 0.85 < oracle.mean.low < 0.97
    assert board.squares["oracle", "little"].score.low == pytest.approx(oracle.mean.low)


def test_versus_says_per_table_who_wins_and_whether_beyond_noise(challenge):
    challenge.run()
    found = challenge.versus("linear", "constant")
    (duel,) = found.duels
    assert (duel.winner, duel.beyond_noise, found.p_better) == ("linear", True, 1.0)
    assert duel.difference.value == pytest.approx(duel.a.value - duel.b.value)
    assert challenge.versus("constant", "linear").p_better == 0.0
    with pytest.raises(UsageError, match="cannot be compared with itself"):
        challenge.versus("linear", "linear")


def test_an_empty_challenge_and_a_missing_one_say_what_to_do(tmp_path):
    with pytest.raises(NotFound, match=r"make a challenge with: bakeoff new challenge DIR"):
        Challenge.open(tmp_path)
    made = Challenge.create(tmp_path / "c")
    with pytest.raises(UsageError, match="bring one in with: bakeoff table add"):
        made.run()
    with pytest.raises(UsageError, match="already holds a challenge"):
        Challenge.create(tmp_path / "c")
    made.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 3", r"unknown key 'seed'; did you mean 'seeds'\?"),
        ("seeds = 0", r"seeds = 0; it must be a whole number of at least 1"),
        ("[limits]\nsecond = 3", r"unknown limit 'second'; did you mean 'seconds'\?"),
        ("[limits]\nseconds = -3", r"seconds = -3; it must be a number above 0"),
        ("title = ", r"is not valid TOML"),
        ("protocol = 2", r"of another protocol; this Bakeoff speaks 1"),
    ],
)
def test_faults_in_challenge_toml_are_one_sentence(tmp_path, text, message):
    Challenge.create(tmp_path / "c")
    (tmp_path / "c" / "challenge.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        Challenge.open(tmp_path / "c")


def test_a_task_file_reads_back_equal_and_names_its_faults(challenge):
    from bakeoff.arena.challenge_files import read_task, write_task

    (task,) = challenge.tasks()
    odd = replace(task, name="odd", classes=('quo"te', "back\\slash", "né\n"), target='a "b"')
    write_task(challenge.places, odd)
    path = challenge.places.tasks / "odd.toml"
    assert read_task(path) == odd
    path.write_text(path.read_text().replace("metric =", "metrik ="))
    with pytest.raises(TaskError, match=r"unknown key 'metrik'; did you mean 'metric'\?"):
        read_task(path)


RUNNING = """
import sys
from bakeoff.arena import Challenge
Challenge.open(sys.argv[1]).run()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_stopped_run_loses_nothing_that_was_finished(challenge, hand_in, how):
    for number in range(3):
        hand_in(f"slow{number}", SLOW.format(seconds=1.0) + f"# {number}\n")
    run = subprocess.Popen([sys.executable, "-c", RUNNING, str(challenge.places.root)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(challenge.store.results()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    children = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=False).stdout.split()
    os.kill(run.pid, how)
    run.communicate(timeout=60)
    kept = challenge.store.results()
    assert 3 <= len(kept) < 5
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{child}") for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{child}") for child in children), "boxes outlive the run"
    rest = challenge.run()
    assert rest.ran == 5 - len(kept)
    assert all(result.outcome is Outcome.DONE for result in challenge.store.results().values())


# The probe contract, seen from an entry

COUNTING = """
import numpy as np
class Model:
    def fit(self, X, y):
        raise RuntimeError(f"ROWS {len(X)} {X['x'].duplicated().sum()}")
    def predict(self, X): pass
"""

MEMORISING = """
import numpy as np
class Model:
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen = dict(zip(X["x"].round(9), y))
    def predict_proba(self, X):
        answers = np.full((len(X), 2), 0.5)
        for i, x in enumerate(X["x"].round(9)):
            if x in self.seen:
                answers[i] = self.classes_ == self.seen[x]
        return answers
"""


@pytest.fixture
def noise(tmp_path):
    """A challenge on 1,600 rows of pure noise, enough for canaries."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=1600), "y": rng.choice(["a", "b"], 1600)})
    made = Challenge.create(tmp_path / "noise")
    made.add_table(frame, TableOptions(name="noise", target="y"))
    yield made
    made.close()


def test_canaries_are_withheld_and_memorising_shows(noise, tmp_path):
    for name, code in (("counting", COUNTING), ("memorising", MEMORISING), ("honest", CONSTANT_HALF)):
        (tmp_path / f"{name}.py").write_text(code)
        noise.submit(tmp_path / f"{name}.py")
    noise.run(RunRequest(entries=("counting", "memorising", "honest")))
    results = {result.cell.entry: result for result in noise.store.results().values()}
    rows = int(results["counting"].reason.split()[2])
    training = 1200
    assert 0.90 * training < rows < 0.99 * training, "about half of a tenth is withheld"
    plan = noise._matrix(RunRequest(), None)[0].plan(noise.tasks()[0], 0)
    assert rows == training - len(plan.withheld)
    found = {
        entry: {
            f.metric: f for _, f in noise.store.findings([result.cell.id])[result.cell.id] if f.judge == "memorisation"
        }
        for entry, result in results.items()
    }
    gap = found["memorising"]["gap"]
    assert gap.value == pytest.approx(0.5)
    assert gap.low > 0.4
    assert found["honest"]["gap"].value == pytest.approx(0.0)


def test_answers_that_depend_on_the_batch_are_recorded(challenge, hand_in):
    hand_in(
        "batchy",
        CONSTANT_HALF.replace("np.full((len(X), 2), 0.5)", "np.tile([len(X) / 9999, 1 - len(X) / 9999], (len(X), 1))"),
    )
    hand_in("steady", CONSTANT_HALF)
    challenge.run(RunRequest(entries=("batchy", "steady")))
    seen = {r.cell.entry: r.measurements.batch_dependent for r in challenge.store.results().values()}
    assert seen == {"batchy": True, "steady": False}
    marks = {row.entry: row.marks for row in challenge.board().rows}
    assert "answers depend on the batch" in marks["batchy"]
    assert "answers depend on the batch" not in marks["steady"]


# Prediction files


def predictions(challenge, folder, change=lambda frame: frame):
    data = challenge.data(challenge.tasks()[0])
    frame = pd.DataFrame({"row_id": data.row_ids, "prediction": data.truth})
    folder.mkdir()
    change(frame).to_csv(folder / "little.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("change", "outcome", "reason"),
    [
        (lambda frame: frame, Outcome.DONE, ""),
        (lambda frame: frame.sample(frac=1, random_state=0), Outcome.DONE, ""),
        (lambda frame: frame.iloc[1:], Outcome.REFUSED, "lacks 1 of 100 asked rows"),
        (lambda frame: pd.concat([frame, frame.iloc[:1]]), Outcome.REFUSED, "answers 1 rows twice"),
        (lambda frame: frame.assign(prediction="maybe"), Outcome.REFUSED, "predicts 'maybe', which is not a class"),
        (lambda frame: frame.rename(columns={"row_id": "id"}), Outcome.REFUSED, "has no column row_id"),
        (lambda frame: frame[["row_id"]].assign(yes=0.9, no=0.4), Outcome.REFUSED, "(?i)sum"),
    ],
    ids=["whole", "shuffled", "short", "doubled", "unknown class", "no ids", "no probabilities"],
)
def test_a_prediction_file_is_read_behind_the_wall(challenge, tmp_path, change, outcome, reason):
    challenge.submit(predictions(challenge, tmp_path / "filed", change))
    challenge.run(RunRequest(entries=("filed",)))
    (result,) = challenge.store.results().values()
    assert result.outcome is outcome, result.reason
    assert (not reason and not result.reason) or __import__("re").search(reason, result.reason), result.reason
    assert result.level.value == "L0 prediction file"
    if outcome is Outcome.DONE:
        found = {f.metric: f for _, f in challenge.store.findings([result.cell.id])[result.cell.id]}
        assert found["accuracy"].value == 1.0
        assert found["gap"].status == found["cpu"].status == "insufficient"
