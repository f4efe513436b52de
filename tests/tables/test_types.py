"""How the type of a column is found from its cells."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tables_made import picture

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import Settings, infer_types, read, read_settings, standardise

MANY = 200
COLUMNS: dict[str, tuple[list[Any], ColumnType]] = {
    "floats": ([i / 7 for i in range(MANY)], ColumnType.NUMERIC),
    "whole numbers": (list(range(MANY)), ColumnType.NUMERIC),
    "decimals": ([decimal.Decimal(i) / 4 for i in range(MANY)], ColumnType.NUMERIC),
    "truth values": ([i % 3 == 0 for i in range(MANY)], ColumnType.CATEGORICAL),
    "truth values with gaps": ([True, None] * (MANY // 2), ColumnType.CATEGORICAL),
    "few words": (["red", "dark green"] * (MANY // 2), ColumnType.CATEGORICAL),
    "long choices": (["not at all likely to do so", "very likely to do so"] * (MANY // 2), ColumnType.CATEGORICAL),
    "hashes": ([f"u{i * 7919:x}" for i in range(MANY)], ColumnType.CATEGORICAL),
    "versions": ([f"1.{i}.4" for i in range(MANY)], ColumnType.CATEGORICAL),
    "sentences": ([f"the {i}th thing that was said about it" for i in range(MANY)], ColumnType.TEXT),
    "titles": ([f"Return {i}" for i in range(MANY)], ColumnType.TEXT),
    "times": (list(pd.date_range("2024", periods=MANY)), ColumnType.DATETIME),
    "days": ([datetime.date(2024, 1, 1 + i % 31) for i in range(MANY)], ColumnType.DATETIME),
    "iso dates": ([f"2024-01-{1 + i % 31:02d}" for i in range(MANY)], ColumnType.DATETIME),
    "iso times": ([f"2024-01-{1 + i % 31:02d}T10:00:00Z" for i in range(MANY)], ColumnType.DATETIME),
    "day first": ([f"{1 + i % 31}/01/2024" for i in range(MANY)], ColumnType.DATETIME),
    "written out": ([f"Jan {1 + i % 31}, 2024" for i in range(MANY)], ColumnType.DATETIME),
    "ages": (["18-29", "30-44"] * (MANY // 2), ColumnType.CATEGORICAL),
    "lists": ([["a", "b"], []] * (MANY // 2), ColumnType.TOKENS),
    "pictures": ([picture(0), None] * (MANY // 2), ColumnType.IMAGE),
    "nothing": ([None] * MANY, ColumnType.CATEGORICAL),
}


@pytest.mark.parametrize("what", COLUMNS)
def test_cells_tell_the_type(what: str) -> None:
    cells, kind = COLUMNS[what]
    column = infer_types(pd.DataFrame({"x": cells}))[0]
    assert column.type is kind
    assert column.role is Role.FEATURE
    assert column.why


def test_missing_marks_do_not_hide_dates() -> None:
    frame = pd.DataFrame({"x": ["2024-01-01", "?", "2024-02-03", "NA"] * 10})
    assert infer_types(frame)[0].type is ColumnType.DATETIME


def test_image_paths_are_images_only_where_the_files_are(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(0))
    frame = pd.DataFrame({"x": ["a.png", "b.png"] * 10})
    assert infer_types(frame, None, tmp_path)[0].type is ColumnType.IMAGE
    assert infer_types(frame, None, tmp_path / "elsewhere")[0].type is ColumnType.CATEGORICAL


def test_the_first_pictures_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "last.png").write_bytes(picture(0))
    frame = pd.DataFrame({"x": [*(f"{i}.png" for i in range(80)), "last.png"]})
    assert infer_types(frame, None, tmp_path)[0].type is ColumnType.IMAGE


@pytest.mark.parametrize(
    ("cell", "says"),
    [("red", "single words"), ("quite red", "one or two words each"), ("a b c d e", "about 5 words each")],
)
def test_why_is_said_in_plain_words(cell: str, says: str) -> None:
    assert infer_types(pd.DataFrame({"x": [cell] * 30}))[0].why == f"1 different in 30, {says}"


def test_numbers_named_like_codes_are_names_and_unlike_ones_identifiers() -> None:
    frame = pd.DataFrame({"shop_id": [1, 2] * 30, "customer id": range(60), "paid": [1, 2] * 30, "said": range(60)})
    found = {column.name: (column.type, column.role) for column in infer_types(frame)}
    assert found == {
        "shop_id": (ColumnType.CATEGORICAL, Role.FEATURE),
        "customer id": (ColumnType.CATEGORICAL, Role.ID),
        "paid": (ColumnType.NUMERIC, Role.FEATURE),
        "said": (ColumnType.NUMERIC, Role.FEATURE),
    }


def test_what_is_declared_holds() -> None:
    said = Settings(target="y", types={"a": ColumnType.CATEGORICAL}, roles={"a": Role.PROTECTED})
    columns = infer_types(pd.DataFrame({"a": [1.5] * 30, "y": [0, 1] * 15}), said)
    assert (columns[0].type, columns[0].role, columns[0].why) == (ColumnType.CATEGORICAL, Role.PROTECTED, "declared")
    assert columns[1].role is Role.TARGET


@pytest.mark.parametrize(
    ("cells", "kind", "type_"),
    [
        ([0, 1] * 50, "", ColumnType.CATEGORICAL),
        (list(range(10)) * 10, "", ColumnType.CATEGORICAL),
        (list(range(100)), "", ColumnType.NUMERIC),
        ([1, 2, 3], "", ColumnType.NUMERIC),
        ([0.5, 1.5] * 50, "", ColumnType.NUMERIC),
        (["0.5", "b"] * 50, "", ColumnType.CATEGORICAL),
        ([0, 1] * 50, "regression", ColumnType.NUMERIC),
        ([0.5, 1.5] * 50, "classification", ColumnType.CATEGORICAL),
    ],
)
def test_a_target_is_classes_or_a_quantity(cells: list[Any], kind: str, type_: ColumnType) -> None:
    column = infer_types(pd.DataFrame({"y": cells}), Settings(target="y", kind=kind))[0]
    assert column.type is type_


TRAITS: dict[str, tuple[list[Any], str, str]] = {
    "truth values": ([True, False] * 30, "boolean", "true or false"),
    "truth values with gaps": ([True, None, False] * 20, "boolean", "true or false"),
    "yes and no": (["yes", "no ", "?"] * 20, "boolean", "true or false, written as 'no' and 'yes'"),
    "ja and nein": (["Ja", "nein"] * 30, "boolean", "true or false, written as 'Ja' and 'nein'"),
    "0 and 1": ([0, 1] * 30, "boolean", "numbers; only 0 and 1, so true or false"),
    "0 and 1 with gaps": ([0.0, 1.0, None] * 20, "boolean", "numbers; only 0 and 1, so true or false"),
    "f and m": (["f", "m"] * 30, "", "2 different in 60, single words"),
    "1 and 2": ([1, 2] * 30, "", "numbers"),
    "one value": (["CH", None] * 30, "constant", "1 different in 30, single words"),
    "one number": ([3] * 60, "constant", "numbers; one value only"),
    "no value": ([None] * 60, "constant", "no value at all"),
    "a counter": ([f"n{i}" for i in range(60)], "id-like", "60 different in 60, single words"),
    "row numbers": (list(range(7, 67)), "id-like", "numbers; counting up, each value once"),
    "measured": ([i * i for i in range(60)], "", "numbers"),
    "unlike": ([f"n{i}" for i in range(59)] + ["n5"], "", "59 different in 60, single words"),
}


@pytest.mark.parametrize("what", TRAITS)
def test_a_trait_is_named_and_explained(what: str) -> None:
    cells, trait, why = TRAITS[what]
    column = infer_types(pd.DataFrame({"x": cells}))[0]
    assert (column.trait, column.why) == (trait, why)


@pytest.mark.parametrize("cells", [['["a", "b c"]', "[]"], ["['a', 'b c']", "[]"], [["a", "b c"], []]])
def test_lists_are_tokens_however_they_are_written(cells: list[Any]) -> None:
    frame = pd.DataFrame({"x": cells * 30, "y": ["u", "v", "v"] * 20})
    data = standardise(read(frame, Settings(target="y")))
    assert data.table.columns[0].type is ColumnType.TOKENS
    assert set(data.frame["x"].dropna()) == {"a b\u00a0c"}  # a blank within a token is a hard one
    broken = frame["x"].where(frame.index > 0, "[a, b")
    assert infer_types(pd.DataFrame({"x": broken}))[0].type is not ColumnType.TOKENS


def test_dates_that_read_both_ways_are_told_and_can_be_declared(tmp_path: Path) -> None:
    both = pd.DataFrame({"when": ["03/04/2025", "05/06/2025"] * 20, "y": ["u", "v", "v", "u"] * 10})
    column = infer_types(both)[0]
    assert column.why == "dates written as %m/%d/%Y; day first would read them all too"
    for cells in (["13/04/2025", "05/06/2025"], ["03/14/2025", "05/06/2025"], ["03/03/2025", "05/05/2025"]):
        assert "day first would" not in infer_types(pd.DataFrame({"when": cells}))[0].why
    (tmp_path / "table.toml").write_text('target = "y"\n[columns]\nwhen = "datetime, day first, time"\n')
    both.to_csv(tmp_path / "data.csv", index=False)
    data = standardise(read(tmp_path))
    assert data.table.column("when").why == "declared, day first"
    assert sorted(set(data.frame["when"].astype(str))) == ["2025-04-03", "2025-06-05"]
    assert data.table.column("when").role is Role.TIME
    (tmp_path / "table.toml").write_text('target = "y"\n[columns]\nwhen = "day last"\n')
    with pytest.raises(TableError, match=r"'day last', which is no type or role \(did you mean 'day first'\?\)"):
        read(tmp_path)


def test_a_declared_order_of_dates_names_the_cells_that_break_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"when": ["03/04/2025", "05/16/2025", "07/08/2025"] * 5, "y": ["u", "v", "v"] * 5})
    with pytest.raises(
        TableError, match="is datetime, but data rows 2, 5, 8, 11 and 14 hold '05/16/2025' where a date"
    ):
        standardise(read(frame, Settings(target="y", types={"when": ColumnType.DATETIME}, dates={"when": "day first"})))


def classification_folders(data: Path) -> list[Path]:
    folders = sorted(path.parent for path in data.glob("*/about.json"))
    return [folder for folder in folders if read_settings(folder).kind == "classification"]


def test_inference_agrees_with_what_public_tables_declare(bakeoff_data: Path) -> None:
    agreed, differ = 0, []
    for folder in classification_folders(bakeoff_data):
        declared = read_settings(folder)
        raw = read(folder, Settings(target=declared.target))
        for column in infer_types(raw.frame, raw.settings, raw.folder):
            if column.name in declared.types and column.type is declared.types[column.name]:
                agreed += 1
            elif column.name in declared.types:
                differ.append((folder.name, column))
    assert agreed >= 100
    assert len(differ) <= 0.03 * agreed, differ
