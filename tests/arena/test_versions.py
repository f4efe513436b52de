"""Tables change by new versions, can be cited and taken elsewhere by their digest, and are not run after their day."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import pytest
from little import little_frame

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.versions import today
from bakeoff.errors import NotFound, UsageError
from bakeoff.tables import load

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
