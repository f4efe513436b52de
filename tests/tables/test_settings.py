"""What table.toml and about.json say, and the faults of a table.toml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bakeoff.errors import NotFound, TableError
from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import Settings, read_settings, settings_toml

TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXT.filter(bool)
SPLITS = some.builds(
    Split,
    some.sampled_from(["given", "stratified", "random", "owner", "time"]),
    TEXT,
    some.floats(0.01, 0.99),
    some.integers(0, 9),
)


@settings(max_examples=150, deadline=None)
@given(said=some.data())
def test_settings_read_back_equal(tmp_path_factory: pytest.TempPathFactory, said: some.DataObject) -> None:
    names = said.draw(some.lists(NAMES, unique=True, min_size=4, max_size=6))
    types = {name: said.draw(some.sampled_from(list(ColumnType))) for name in names[1:3]}
    roles = {
        name: said.draw(some.sampled_from([Role.ID, Role.OWNER, Role.TIME, Role.PROTECTED])) for name in names[2:4]
    }
    given_settings = Settings(
        name=said.draw(TEXT),
        target=names[0],
        types=types,
        roles=roles,
        leave_out=tuple(names[4:]),
        split=said.draw(some.none() | SPLITS),
        kind=said.draw(some.sampled_from(["", "classification", "regression"])),
        metric=said.draw(TEXT),
        label=said.draw(some.sampled_from(["", "real", "made"])),
        images=said.draw(TEXT),
        missing=tuple(said.draw(some.lists(TEXT, max_size=3))),
        notes=said.draw(TEXT),
    )
    path = tmp_path_factory.mktemp("settings") / "table.toml"
    path.write_text(settings_toml(given_settings), encoding="utf-8")
    assert read_settings(path) == given_settings


def test_every_fault_of_a_table_toml_is_told_with_the_nearest_known_word(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(
        'targt = "y"\nlabel = "fake"\nname = 3\n[split]\nmethod = "lucky"\ntest_share = 2\nsead = 1\n'
        '[columns]\na = "numerical"\nb = "text, protectd"\n'
    )
    with pytest.raises(TableError) as raised:
        read_settings(path)
    message = str(raised.value)
    for says in (
        "In table.toml: the key 'targt' is not known (did you mean 'target'?).",
        "column 'a' is said to be 'numerical', which is no type or role (did you mean 'numeric'?).",
        "column 'b' is said to be 'protectd', which is no type or role (did you mean 'protected'?).",
        "label is 'fake'; it must be one of real, made.",
        "name is 3; it must be a text.",
        "split.method is 'lucky'; it must be one of given, stratified, random, owner, time, records.",
        "split.test_share is 2; it must be a number between 0 and 1.",
        "the key split.sead is not known (did you mean 'seed'?).",
    ):
        assert says in message
    assert len(raised.value.problems) == 8


def test_files_that_are_not_toml_or_json_are_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "table.toml").write_text("target = ")
    with pytest.raises(TableError, match="is not valid TOML"):
        read_settings(tmp_path)
    (tmp_path / "about.json").write_text("[1]")
    with pytest.raises(TableError, match="must hold named fields, not list"):
        read_settings(tmp_path / "about.json")
    with pytest.raises(NotFound, match="no settings file"):
        read_settings(tmp_path / "other.toml")


def about(folder: Path, **fields: object) -> Settings:
    (folder / "about.json").write_text(json.dumps(fields))
    return read_settings(folder)


def test_about_json_is_read_leniently(tmp_path: Path) -> None:
    said = about(
        tmp_path,
        kind=["classification", "tagging"],
        target=["tags", "intent", "mood"],
        owner="speaker",
        protected=["sex"],
        columns={
            "age": "numeric, protected",
            "note": "text (short; free words)",
            "kept": "boolean: row kept by the published analysis",
            "tags": "tags",
            "intent": "categorical",
            "mood": "categorical",
            "again": "label-like (leaks the target)",
            "row": "id",
            "odd": "json list of lists",
        },
        commit={"a/b": "123"},
        surprise=1,
    )
    assert said.target == "intent"
    assert set(said.leave_out) == {"tags", "mood", "again"}
    assert said.kind == "classification"
    assert said.types == {
        "age": ColumnType.NUMERIC,
        "note": ColumnType.TEXT,
        "kept": ColumnType.CATEGORICAL,
        "intent": ColumnType.CATEGORICAL,
    }
    assert said.roles == {"age": Role.PROTECTED, "row": Role.ID, "speaker": Role.OWNER, "sex": Role.PROTECTED}
    assert said.lenient


def test_another_target_puts_the_former_one_aside(tmp_path: Path) -> None:
    said = about(tmp_path, target=["sentiment", "emotion"], kind=["classification"])
    other = said.asking("emotion")
    assert (other.target, other.leave_out) == ("emotion", ("sentiment",))
    assert other.kind == ""
    assert said.asking("sentiment") is said
    assert Settings(kind="regression", metric="mae").asking("y") == Settings(
        target="y", kind="regression", metric="mae"
    )


def test_rows_are_real_or_made_only_where_somebody_said_so(tmp_path: Path) -> None:
    assert Settings().label == ""
    assert "label" not in settings_toml(Settings(target="y"))
    (tmp_path / "table.toml").write_text('target = "y"')
    assert read_settings(tmp_path / "table.toml").label == ""
    assert about(tmp_path, target="y").target == "y"
    assert read_settings(tmp_path / "about.json").label == "real"
    about(tmp_path, target="y", label="made")
    assert read_settings(tmp_path / "about.json").label == "made"


def test_a_folder_without_settings_gives_empty_ones(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()
