"""How the type of a column is found from its cells."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tables_made import picture

from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import Settings, infer_types, read, read_settings

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
