"""Tables change by new versions, can be cited and taken elsewhere by their digest, and are not run after their day."""

from __future__ import annotations

import datetime
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from little import little_frame
from rich.console import Console

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.board_text import board_text
from bakeoff.arena.challenge_files import write_task
from bakeoff.arena.corrections import correct_table
from bakeoff.arena.versions import today
from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.tables import load
from bakeoff.tables.croissant import list_files

YESTERDAY = (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)).isoformat()


def test_a_table_of_a_known_name_is_refused_unless_it_replaces_the_former(challenge: Challenge) -> None:
    with pytest.raises(UsageError, match="already has a table 'little'; give this one another --name, or make it that"):
        challenge.add_table(little_frame(seed=1), TableOptions(name="little", target="y"))
    before = challenge.tasks()[0]
    challenge.add_table(little_frame(seed=1), TableOptions(name="little", target="y", replace=True))
    after = challenge.tasks()[0]
    assert before.table_digest != after.table_digest
    first, second = challenge.versions("little")
    assert (first.number, first.digest) == (1, before.table_digest)
    assert (second.number, second.digest, second.day) == (2, after.table_digest, today())


def test_cells_of_the_former_version_stay_and_those_of_the_new_one_are_due(challenge: Challenge) -> None:
    challenge.run(RunRequest(entries=("constant",)))
    assert not challenge.due(RunRequest(entries=("constant",)))
    kept = set(challenge.store.results())
    challenge.add_table(little_frame(seed=1), TableOptions(name="little", target="y", replace=True))
    assert len(challenge.due(RunRequest(entries=("constant",)))) == 1
    assert set(challenge.store.results()) == kept


def test_an_edited_table_toml_is_a_version_too(challenge: Challenge) -> None:
    toml = challenge.places.tables / "little" / "table.toml"
    before = challenge.tasks()[0].table_digest
    toml.write_text(toml.read_text().replace('"weight" = "numeric"', '"weight" = "numeric, protected"'))
    challenge.due()
    assert [version.digest == before for version in challenge.versions("little")] == [True, False]
    assert challenge.versions("little")[1].note == "table.toml was edited"


def test_an_exported_table_is_the_same_table_elsewhere(challenge: Challenge, tmp_path: Path) -> None:
    told = TableOptions(name="shop", target="y", terms="within the firm", expires="2990-01-01", public_share=0.5)
    challenge.add_table(little_frame(), told)
    folder = challenge.export_table("shop", tmp_path / "out" / "shop", with_truth=True)
    other = Challenge.create(tmp_path / "other")
    added = other.add_table(folder)
    mine, theirs = (each.data(next(t for t in each.tasks() if t.name == "shop")) for each in (challenge, other))
    assert added.table.digest == mine.table.digest == theirs.table.digest
    assert added.task.digest == mine.task.digest
    assert np.array_equal(mine.truth, theirs.truth) and np.array_equal(mine.public, theirs.public)
    assert other.cards()["shop"]["about"]["terms"] == "within the firm"
    other.close()


def test_an_export_without_truth_holds_no_test_target(challenge: Challenge, tmp_path: Path) -> None:
    folder = challenge.export_table("little", tmp_path / "out")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"train.parquet", "test.parquet", "train.csv", "test.csv", "croissant.json", "table.toml"} <= names
    assert not any("truth" in name for name in names)
    assert '"y"' not in (folder / "test.csv").read_text().splitlines()[0]
    with_truth = challenge.export_table("little", tmp_path / "whole", with_truth=True)
    assert (with_truth / "truth" / "little.parquet").is_file()
    with pytest.raises(UsageError, match="is there already; export to a new folder"):
        challenge.export_table("little", tmp_path / "out")


def test_a_large_table_gets_its_csv_files_when_it_is_exported(challenge: Challenge, tmp_path: Path) -> None:
    whole = challenge.export_table("little", tmp_path / "whole")
    # As a large table lies in a challenge: without CSV files.
    home = challenge.places.tables / "little"
    for part in ("train", "test"):
        (home / f"{part}.csv").unlink()
    list_files(home)
    assert "text/csv" not in (home / "croissant.json").read_text()
    made = challenge.export_table("little", tmp_path / "made")
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (whole, made)]
    assert contents[0] == contents[1] and "train.csv" in contents[1]
    assert not (home / "train.csv").exists()


def test_a_former_version_is_exported_and_cited_by_its_number(challenge: Challenge, tmp_path: Path) -> None:
    first = challenge.tasks()[0].table_digest
    challenge.add_table(
        little_frame(rows=500), TableOptions(name="little", target="y", replace=True, notes="more rows")
    )
    old = challenge.export_table("little", tmp_path / "old", number=1, with_truth=True)
    assert load(old, old / "truth").table.digest == first
    assert challenge.citation("little", number=1) == f"little, version 1, 400 rows, sha256:{first}"
    assert challenge.citation("little").startswith("little, version 2, 500 rows, sha256:")
    said = json.loads((challenge.places.tables / "little" / "croissant.json").read_text())
    assert said["version"] == "2.0.0" and said["datePublished"] == today()
    with pytest.raises(NotFound, match="has no version 3; it has 1 to 2"):
        challenge.citation("little", number=3)


def test_nothing_is_run_on_a_table_after_its_day(challenge: Challenge) -> None:
    challenge.add_table(little_frame(seed=2), TableOptions(name="gone", target="y", expires=YESTERDAY))
    seen: list[str] = []

    class Watcher:
        def start(self, total: int) -> None: ...
        def began(self, cell: object) -> None: ...
        def ended(self, result: object) -> None: ...
        def message(self, text: str) -> None:
            seen.append(text)

    request = RunRequest(entries=("constant",))
    summary = challenge.run(request, Watcher())
    assert summary.ran == 1 and not challenge.due(request)
    assert seen == [f"The table 'gone' expired on {YESTERDAY}, so nothing is run on it; ask its owner for a later day."]
    note = next(column.note for column in challenge.board().columns if column.task.name == "gone")
    assert f"expired on {YESTERDAY}" in note
    for forbidden in (
        lambda: challenge.run(RunRequest(entries=("constant",), tasks=("gone",))),
        lambda: challenge.take("constant", "gone"),
    ):
        with pytest.raises(UsageError, match="expired on"):
            forbidden()


def test_a_table_is_run_on_its_last_day(challenge: Challenge) -> None:
    challenge.add_table(little_frame(seed=2), TableOptions(name="last", target="y", expires=today()))
    assert challenge.run(RunRequest(entries=("constant",), tasks=("last",))).ran == 1


def test_a_new_version_says_what_changed_and_what_it_does_not_take_over(challenge: Challenge) -> None:
    first = challenge.add_table(
        little_frame(120), TableOptions(name="shop", target="y", metric="macro_f1", terms="in house")
    )
    assert not any(line.startswith("version:") for line in first.explained)
    frame = little_frame(140).assign(extra=range(140)).drop(columns="note")
    added = challenge.add_table(frame, TableOptions(name="shop", target="y", owner="colour", replace=True))
    note = "rows 120 -> 140; column extra new; column note gone; role of colour feature -> owner"
    assert f"version: 2 ({note})" in added.explained
    assert [version.note for version in challenge.versions("shop")] == ["", note]
    lost = "Not carried over from the former version: metric, terms; say so again where it holds."
    assert [line for line in added.notes if "carried over" in line] == [lost]
    again = challenge.add_table(frame, TableOptions(name="shop", target="y", owner="colour", replace=True))
    assert "version: 2 still; the content is the same" in again.explained
    assert len(challenge.versions("shop")) == 2
    with pytest.raises(NotFound, match=r"There is no table 'shp' to replace; did you mean --name 'shop'\?"):
        challenge.add_table(frame, TableOptions(name="shp", target="y", replace=True))


def test_a_corrected_truth_goes_on_with_the_same_rows_alone(challenge: Challenge) -> None:
    data = challenge.data(challenge.tasks()[0])
    row, label = int(data.row_ids[0]), "no" if data.truth[0] == "yes" else "yes"
    correct_table(challenge, "little", pd.DataFrame({"row_id": [row], "corrected": [label]}))
    assert "; truth corrected: 1 row" in challenge.citation("little")
    with pytest.raises(TableError, match=r"^The one corrected label of 'little' is what the truth says already"):
        correct_table(challenge, "little", pd.DataFrame({"row_id": [row], "corrected": [label]}))
    same = challenge.add_table(little_frame(), TableOptions(name="little", target="y", replace=True))
    assert challenge.tasks()[0].truth == same.task.truth == 1
    assert not any("corrected" in line for line in same.notes)
    other = challenge.add_table(little_frame(seed=1), TableOptions(name="little", target="y", replace=True))
    assert challenge.tasks()[0].truth == 0
    assert any(line.startswith("The former version's truth was corrected in 1 row, which") for line in other.notes)
    write_task(challenge.places, replace(challenge.tasks()[0], truth=5))
    with pytest.raises(NotFound, match=r"^Truth 5 of 'little' is not there; it has 0 to 1\."):
        challenge.board()


def test_a_removed_table_is_kept_and_can_come_back(challenge: Challenge) -> None:
    challenge.add_table(little_frame(80), TableOptions(name="spare", target="y"))
    spare = next(task for task in challenge.tasks() if task.name == "spare")
    challenge.run(RunRequest(entries=("constant",), tasks=("spare",)))
    kept = challenge.remove_table("spare")
    assert kept == challenge.places.private / "versions" / "spare" / "1"
    assert [task.name for task in challenge.tasks()] == ["little"]
    assert not (challenge.places.tables / "spare").exists()
    assert not (challenge.places.truth / "spare.parquet").exists()
    assert load(kept, kept / "truth").table.digest == spare.table_digest
    assert len(challenge.store.results()) == 1
    with pytest.raises(NotFound, match="There is no table 'spare'"):
        challenge.remove_table("spare")
    assert challenge.add_table(kept).task.digest == spare.digest
    assert [version.number for version in challenge.versions("spare")] == [1]
    assert challenge.due(RunRequest(entries=("constant",), tasks=("spare",))) == []


def test_two_tables_may_hold_the_same(challenge: Challenge) -> None:
    challenge.add_table(little_frame(), TableOptions(name="twin", target="y"))
    assert [table.name for table in challenge.tables()] == ["little", "twin"]


def test_a_citation_tells_the_terms_and_the_last_day(challenge: Challenge) -> None:
    added = challenge.add_table(
        little_frame(80), TableOptions(name="lent", target="y", terms="in house", expires="2990-01-01")
    )
    said = f"lent, version 1, 80 rows, sha256:{added.table.digest}; terms: in house; may be run until 2990-01-01"
    assert challenge.citation("lent") == said
    assert challenge.expires() == {"lent": "2990-01-01"}


def test_an_expired_table_freezes_no_ranking(challenge: Challenge) -> None:
    added = challenge.add_table(little_frame(seed=2), TableOptions(name="gone", target="y", expires=YESTERDAY))
    assert any(f"expired on {YESTERDAY}" in line for line in added.notes)
    with pytest.raises(UsageError, match=f"No entry answered 'gone' before it expired on {YESTERDAY}"):
        challenge.owner_report("gone")
    challenge.run()
    board = challenge.board()
    assert sorted(row.rank for row in board.rows) == [1, 2]
    assert not any("not complete" in mark for row in board.rows for mark in row.marks)
    gone = next(column for column in board.columns if column.task.name == "gone")
    assert gone.reason == f"its table expired on {YESTERDAY}, and not every entry has met it"
    console = Console(width=100, record=True, file=io.StringIO())
    board_text(board, console)
    assert f"gone is not averaged: its table expired on {YESTERDAY}" in console.export_text()
