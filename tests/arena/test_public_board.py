"""Boards of the public and of the private test rows: what counts, what is said, and who was shaken up."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from little import little_frame
from rich.console import Console

from bakeoff.arena import Challenge, TableOptions
from bakeoff.arena.board_export import board_csv, board_json
from bakeoff.arena.board_text import board_text, versus_text
from bakeoff.arena.owner.slices import slices_between
from bakeoff.arena.ranking import compare_two, rank
from bakeoff.arena.report import report_page
from bakeoff.arena.scores import FOLDS, Kept
from bakeoff.errors import NotFound, UsageError
from bakeoff.nouns import Cell, CellResult, Entry, Finding, Level, Measurements, Outcome, Source, Split, Task
from bakeoff.tables import Settings
from bakeoff.tasks import kind

THESE = "on these tables"
DIVIDED = Split(public_share=0.3)


def task(name, split=DIVIDED):
    return Task(name, name, "d" * 64, "classification", "y", "accuracy", ("a", "b"), split, track="main")


def findings(parts):
    """Quality's findings of each part, of which the store keeps the order in which the judge made them."""
    found = [Finding("cost", "wall", 2.0)]
    for seed, (part, value) in enumerate(parts.items()):
        replicates = value + 0.01 * np.random.default_rng(seed).normal(size=FOLDS)
        own = Finding("quality", "accuracy", 0.5 + value / 2, split=part, n=100)
        found += [own, replace(own, value=value, variant="normalised", replicates=replicates)]
    return found


def kept(scores, part="test", split=DIVIDED):
    """What is kept where `scores` holds by (entry, task) the normalised score on each part."""
    names, tasks = (list(dict.fromkeys(key[place] for key in scores)) for place in (0, 1))
    entries = [Entry(name, Source("code", "m"), f"digest of {name}", f"team {name}") for name in names]
    cells = {(e.name, t, 0): Cell(e.name, e.digest, t, t, 0, "", "1") for e in entries for t in tasks}
    results = {
        cell.id: CellResult(cell, Outcome.DONE, level=Level.BUBBLEWRAP, measurements=Measurements(cpu=1.0))
        for cell in cells.values()
    }
    found = {cells[entry, name, 0].id: findings(parts) for (entry, name), parts in scores.items()}
    asked = [task(name, split if name != "whole" else Split()) for name in tasks]
    return Kept("made", entries, asked, 1, cells, results, found, {}, part=part)


def values(test, public, private):
    return {"test": test, "public": public, "private": private}


# One entry has fitted itself to the public rows.
PLANTED = {
    ("tuned", "t"): values(0.45, 0.9, 0.3),
    ("honest", "t"): values(0.6, 0.6, 0.6),
    ("weak", "t"): values(0.2, 0.2, 0.2),
}


def means(board):
    return {row.entry: round(row.mean.value, 6) for row in board.rows}


def drawn(thing, width=100):
    file = io.StringIO()
    console = Console(file=file, width=width)
    (board_text if hasattr(thing, "rows") else versus_text)(thing, console)
    return file.getvalue()


def test_a_board_counts_the_rows_of_its_part_alone():
    public, private, whole = (rank(kept(PLANTED, part), "main", THESE) for part in ("public", "private", "test"))
    assert means(public) == {"tuned": 0.9, "honest": 0.6, "weak": 0.2}
    assert means(private) == {"honest": 0.6, "tuned": 0.3, "weak": 0.2}
    assert means(whole) == {"honest": 0.6, "tuned": 0.45, "weak": 0.2}
    for board, value in ((public, 0.9), (private, 0.3), (whole, 0.45)):
        square = board.squares["tuned", "t"]
        assert square.score.value == value
        assert square.raw.value == square.figures["accuracy"].value == pytest.approx(0.5 + value / 2)
        assert square.figures["accuracy (normalised)"].value == value
        assert square.figures["cost: wall"].value == 2.0
    # The prizes are by what is shown.
    assert [row.team for row in public.prizes] == ["team tuned", "team honest", "team weak"]
    assert [row.team for row in private.prizes] == ["team honest", "team tuned", "team weak"]


def test_the_private_board_tells_who_was_shaken_up():
    board = rank(kept(PLANTED, "private"), "main", THESE)
    assert [(row.entry, row.rank, row.public_rank) for row in board.rows] == [
        ("honest", 1, 2),
        ("tuned", 2, 1),
        ("weak", 3, 3),
    ]
    assert [(row.team, row.rank, row.public_rank) for row in board.prizes][:2] == [
        ("team honest", 1, 2),
        ("team tuned", 2, 1),
    ]
    text = drawn(board)
    assert "public\n" not in text and "public mean" in text
    assert any("honest" in line and "2 ↑1" in line for line in text.splitlines())
    assert any("tuned" in line and "1 ↓1" in line for line in text.splitlines())
    assert "tuned: public rank 1 ↓1" in drawn(board, 70)
    assert "Public rank" in report_page(board, {})
    for part in ("public", "test"):
        other = rank(kept(PLANTED, part), "main", THESE)
        assert {row.public_rank for row in other.rows} == {None}
        assert "public rank" not in drawn(other) and "Public rank" not in report_page(other, {})


@pytest.mark.parametrize("part", ["public", "private", "test"])
def test_the_title_says_which_rows_are_shown(part):
    board = rank(kept(PLANTED, part), "main", THESE)
    said = {"test": "on all test rows"}.get(part, f"on the {part} test rows")
    assert drawn(board).splitlines()[0] == f"made, {said}"
    assert f'<h1>made<span class="shown">, {said}</span></h1>' in report_page(board, {})
    told = board_json(board)
    assert told["part"] == part and [each["part"] for each in told["tasks"]] == [part]
    lines = list(csv.DictReader(io.StringIO(board_csv(board))))
    assert {line["test_rows"] for line in lines} == {part}
    assert any(line["public_rank"] for line in lines) is (part == "private")


def test_where_nothing_is_divided_nothing_is_said():
    board = rank(kept({key: {"test": 0.5} for key in PLANTED}, "public", Split()), "main", THESE)
    assert drawn(board).splitlines()[0] == "made"
    assert means(board) == {"tuned": 0.5, "honest": 0.5, "weak": 0.5}
    assert "test rows" not in drawn(board)


def test_a_task_that_is_not_divided_counts_whole_and_is_marked():
    scores = PLANTED | {(name, "whole"): {"test": 0.4} for name in ("tuned", "honest", "weak")}
    board = rank(kept(scores, "public"), "main", THESE)
    assert means(board)["tuned"] == pytest.approx((0.9 + 0.4) / 2)
    assert {column.task.name: column.part for column in board.columns} == {"t": "public", "whole": "test"}
    assert "whole is not divided: all its test rows count" in drawn(board)
    assert "whole is not divided: all its test rows count" in report_page(board, {})
    lines = list(csv.DictReader(io.StringIO(board_csv(board))))
    assert {line["task"]: line["test_rows"] for line in lines if line["part"] == "task"} == {
        "t": "public",
        "whole": "test",
    }


def test_a_cell_without_findings_of_the_part_is_not_judged_yet():
    board = rank(kept(PLANTED | {("old", "t"): {"test": 0.9}}, "public"), "main", THESE)
    row = next(row for row in board.rows if row.entry == "old")
    assert row.rank is None
    assert row.marks == ("not judged yet: 1 of 1 tasks",)


def test_one_against_another_is_on_the_part_too():
    for part, winner in (("public", "tuned"), ("private", "honest")):
        found = compare_two(kept(PLANTED, part), "tuned", "honest", THESE)
        assert found.duels[0].winner == winner
        assert found.part == part
        assert f"on the {part} test rows" in drawn(found)
    assert "test rows" not in drawn(compare_two(kept(PLANTED), "tuned", "honest", THESE))


# A whole challenge


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A divided table and a whole one, run with two baselines, in a challenge that shows the public rows."""
    made = Challenge.create(tmp_path_factory.mktemp("public") / "challenge", title="little")
    text = made.places.rules.read_text().replace("baselines = true", 'baselines = ["constant", "linear"]')
    assert '# shows = "public"' in text
    made.places.rules.write_text(text.replace('# shows = "public"', 'shows = "public"'))
    made = Challenge.open(made.places.root)
    settings = Settings(split=Split(test_share=0.4, public_share=0.4))
    divided = little_frame().drop(columns="note")
    made.add_table(divided, TableOptions(name="divided", target="y", settings=settings))
    made.add_table(little_frame(200, seed=1), TableOptions(name="whole", target="y"))
    made.run()
    yield made
    made.close()


def figure_of(challenge, rows):
    """The linear baseline's accuracy on some rows of the divided table, from its kept answers."""
    asked = next(each for each in challenge.tasks() if each.name == "divided")
    data = challenge.data(asked)
    result = next(
        result
        for result in challenge.store.results().values()
        if (result.cell.entry, result.cell.task) == ("linear", "divided")
    )
    answers = np.frombuffer(challenge.store.artefacts.get(result.answers), "<f8").reshape(-1, 2)[: len(data.truth)]
    codes = kind(asked.kind).encode(data.truth, asked)
    return float(np.mean(answers.argmax(axis=1)[rows(data)] == codes[rows(data)]))


def test_a_challenge_shows_the_public_rows_and_then_the_private_ones(opened):
    masks = {
        "public": lambda data: data.public,
        "private": lambda data: ~data.public,
        "test": lambda data: np.ones(len(data.truth), bool),
    }
    boards = {part: opened.board(part=part) for part in masks}
    for part, mask in masks.items():
        assert boards[part].squares["linear", "divided"].raw.value == pytest.approx(figure_of(opened, mask))
        assert all(row.rank for row in boards[part].rows)
    assert len({board.squares["linear", "divided"].raw.value for board in boards.values()}) == 3
    assert len({board.squares["linear", "whole"].raw.value for board in boards.values()}) == 1
    shown = opened.board()
    assert (shown.part, shown.notice) == ("public", "")
    assert means(shown) == means(boards["public"])
    secret = "For the organiser's eyes: challenge.toml shows the public test rows alone."
    assert boards["private"].notice == boards["test"].notice == secret
    assert secret in drawn(boards["private"])
    assert opened.versus("linear", "constant").part == "public"


def test_a_part_that_nobody_knows_is_named(opened):
    with pytest.raises(NotFound, match=r"There is no part 'pubic'; did you mean 'public'\?"):
        opened.board(part="pubic")
    rules = opened.places.rules
    text = rules.read_text()
    rules.write_text(text.replace('shows = "public"', 'shows = "everything"'))
    with pytest.raises(UsageError, match=r"shows = 'everything'; it must be one of \"test\", \"public\", \"private\""):
        Challenge.open(opened.places.root)
    rules.write_text(text)


def test_the_public_rows_are_no_secret_of_the_task_but_of_the_truth(opened):
    asked = next(each for each in opened.tasks() if each.name == "divided")
    assert asked.split.public_share == 0.4
    assert opened.data(asked).public.sum() == 64
    assert opened.data(next(each for each in opened.tasks() if each.name == "whole")).public is None


def test_slices_of_two_entries_are_of_the_rows_that_the_board_shows(tmp_path):
    """Entries that differ on private rows alone show no slice while the public board is on."""
    challenge = Challenge.create(tmp_path / "challenge")
    rules = challenge.places.rules
    rules.write_text(rules.read_text().replace("baselines = true", "baselines = false"))
    challenge = Challenge.open(challenge.places.root)
    challenge.add_table(little_frame(600), TableOptions(name="little", target="y", public_share=0.5, test_share=0.5))
    data = challenge.data(challenge.tasks()[0])
    classes = list(challenge.tasks()[0].classes)
    right = np.array([classes.index(label) for label in data.truth])
    wrong_in_private = np.where(data.public, right, 1 - right)
    for name, answer in (("right", right), ("private", wrong_in_private)):
        folder = tmp_path / name
        folder.mkdir()
        lines = [f"{row},{classes[code]}" for row, code in zip(data.row_ids, answer, strict=True)]
        (folder / "little.csv").write_text("\n".join(["row_id,prediction", *lines]) + "\n")
        challenge.submit(folder, name=name)
    challenge.run()
    shown = {
        part: slices_between(challenge, "right", "private", part=part)[0] for part in ("test", "public", "private")
    }
    assert shown["public"].overall.value == 0 and not shown["public"].slices
    assert shown["private"].overall.value == 1 and shown["private"].slices
    assert 0.3 < shown["test"].overall.value < 0.7
    challenge.rules = replace(challenge.rules, shows="public")
    assert slices_between(challenge, "right", "private")[0].overall.value == 0
    challenge.close()
