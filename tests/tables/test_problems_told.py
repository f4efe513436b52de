"""What a user is told when something is amiss: what else could be mended at once, and by which option."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted_tables import sound

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import Settings, read, read_settings, standardise, write
from bakeoff.tables.matching.standardised import read_matching, standardise_matching
from bakeoff.tables.splits import PRECISION


def problems(source: Any, target: str = "y", **said: Any) -> tuple[str, ...]:
    with pytest.raises(TableError) as raised:
        standardise(read(source, Settings(target=target, **said)))
    return raised.value.problems


def test_what_could_be_mended_besides_is_the_last_line() -> None:
    frame = sound().astype({"weight": object, "y": object})
    frame.loc[4, "y"] = None
    frame.loc[11, "weight"] = "71,5"
    frame.loc[[49, 59, 69], "y"] = "lost"
    frame["code"] = [f"c{i}" for i in range(len(frame))]
    first, last = problems(frame)
    assert "missing in 1 of 400 rows: data row 5 has no value" in first
    assert last.startswith("So that all can be mended at once, this is remarked besides: Column 'weight' holds numbers")
    for says in ("data row 12 holds '71,5'", "'lost' (3), in data rows 50, 60 and 70", "hide it with --id code"):
        assert says in last
    assert "No test row" not in last
    # The same without a target that could be looked at; and nothing where there is nothing to be said.
    assert "data row 12 holds '71,5'" in problems(frame, "z")[-1]
    assert len(problems(sound().assign(y=[None, *sound()["y"][1:]]))) == 1


def test_what_was_decided_while_reading_is_told_with_the_problems(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("shop;y\nMüller;u\nOx;\n".encode("cp1252"))
    assert "was read as Windows-1252" in problems(tmp_path / "t.csv")[-1]
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"About this file": ["made by hand"]}).to_excel(book, sheet_name="Read me", index=False)
        sound().to_excel(book, sheet_name="Sales", index=False)
    told = problems(tmp_path / "t.xlsx")
    assert "has one column" in told[0]
    assert "has 2 sheets ('Read me' and 'Sales'); the first was read, name another as t.xlsx#Sales." in told[-1]


@pytest.mark.parametrize("method", ["owners", "stratify", "zzz"])
def test_an_unknown_split_is_named_with_those_there_are(method: str) -> None:
    (told,) = problems(sound(), split=Split(method))
    guess = {"owners": " (did you mean 'owner'?)", "stratify": " (did you mean 'stratified'?)"}.get(method, "")
    assert told.startswith(f"There is no split {method!r}{guess}")
    assert told.endswith("; a table can be split given, stratified, random, by owner or by time.")


def test_a_column_that_is_not_there_is_named_with_the_option() -> None:
    roles = {"kunden": Role.OWNER, "no": Role.ID, "when": Role.TIME, "sex": Role.PROTECTED}
    told = problems(sound(), roles=roles, types={"prize": ColumnType.TEXT}, leave_out=("gone",))
    for name, how in {
        "kunden": "--owner (or table.toml)",
        "no": "--id (or table.toml)",
        "when": "--time-column (or table.toml)",
        "sex": "--protected (or table.toml)",
        "prize": "--type prize=text (or table.toml)",
        "gone": "leave_out in table.toml",
    }.items():
        assert any(f"has no column {name!r}, which {how} names" in one for one in told), told


def test_names_asked_for_as_a_quantity_are_said_to_be_names() -> None:
    frame = sound().assign(y=["ja", "nein"] * 200)
    told = "The target 'y' holds names ('ja' and 'nein'), no numbers, so it cannot be a quantity; "
    asked = "leave --kind (kind in table.toml) out, or ask for classification."
    assert problems(frame, kind="regression")[0] == told + asked
    declared = "declare it categorical, or leave its type out."
    assert problems(frame, types={"y": ColumnType.NUMERIC})[0] == told + declared
    # A few texts among numbers are cells to be mended.
    few = frame.assign(y=["ja", *map(str, range(399))])
    assert "data row 1 holds 'ja' where a number should be" in problems(few, kind="regression")[0]


def test_a_quantity_asked_for_as_classes_gives_no_warning() -> None:
    frame = sound().assign(y=np.random.default_rng(3).normal(size=400).round(4))
    frame = pd.concat([frame, frame], ignore_index=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = standardise(read(frame, Settings(target="y", kind="classification")))
    assert data.table.column("y").type is ColumnType.CATEGORICAL


@pytest.mark.parametrize(
    ("rows", "said", "looked"), [(300, {}, False), (300, {"precision": 0.3}, True), (40, {}, True)]
)
def test_precision_is_looked_at_only_where_it_is_asked_for(rows: int, said: dict[str, Any], looked: bool) -> None:
    data = standardise(read(sound(rows), Settings(target="y", **said)))
    assert (PRECISION in data.checked) is looked


def test_an_export_without_its_truth_is_told_to_be_one(tmp_path: Path) -> None:
    write(standardise(read(sound(), Settings(target="y", name="shop"))), tmp_path / "shop", tmp_path / "truth")
    with pytest.raises(TableError) as raised:
        standardise(read(tmp_path / "shop"))
    assert raised.value.problems == (
        "The table was exported without its truth: its test rows have no 'y'; export it again with --with-truth.",
    )
    records = pd.DataFrame({"id": range(80), "name": [f"lamp {i % 40}" for i in range(80)]})
    pairs = pd.DataFrame({"left_id": range(40), "right_id": [i + 40 - i % 2 for i in range(40)], "label": [1, 0] * 20})
    data = standardise_matching(read_matching(records, pairs=pairs, settings=Settings(name="lamps")))
    write(data, tmp_path / "lamps", tmp_path / "truth")
    with pytest.raises(TableError, match="exported without its truth: its test rows have no 'label'; export it again"):
        read_matching(tmp_path / "lamps")
    # Somebody's own folder with such a column is none of Bakeoff's.
    shutil.rmtree(tmp_path / "shop" / "images", ignore_errors=True)
    (tmp_path / "shop" / "card.json").unlink()
    with pytest.raises(TableError, match="has a column 'row_id'"):
        standardise(read(tmp_path / "shop"))


def test_a_settings_file_that_cannot_be_read_says_what_may_be_wrong(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    for text, says in {
        b'target = "y\nkind = "regression"\n': "(at line 1, column 12); a quote may not be closed there.",
        b"target = y\n": 'correct it there: a line is key = "text", and a section [columns].',
        b'target = "\xff"\n': "; save it as UTF-8.",
    }.items():
        path.write_bytes(text)
        with pytest.raises(TableError) as raised:
            read_settings(path)
        assert raised.value.problems[0].endswith(says), raised.value.problems
