"""The data card says what a table holds, as plain values."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from tables_made import mixed

from bakeoff.nouns import Role
from bakeoff.tables import Settings, card, read, read_settings, standardise


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    said = Settings(target="kept", roles={"sex": Role.PROTECTED}, licence="CC0")
    data = standardise(read(mixed(), said, name="shop"))
    # What a page reads must survive JSON, so the tests read it from there.
    return dict(json.loads(json.dumps(card(data), allow_nan=False)))


def column(held: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(said for said in held["columns"] if said["name"] == name))


def test_columns_carry_type_role_reason_and_shape(held: dict[str, Any]) -> None:
    assert column(held, "sex")["role"] == "protected"
    assert column(held, "price")["why"] == "numbers"
    data = standardise(read(mixed(), Settings(target="kept"), name="shop"))
    train = data.frame[data.parts == "train"]
    assert sum(column(held, "price")["bins"]["counts"]) == train["price"].notna().sum()
    assert column(held, "brand")["missing"] == pytest.approx(train["brand"].isna().mean())
    assert dict(map(tuple, column(held, "brand")["top"])) == train["brand"].value_counts().to_dict()
    assert column(held, "story")["words"]["longest"] == train["story"].str.split().str.len().max()
    assert column(held, "sold")["bins"]["edges"][0].startswith("2024-01-0")
    assert column(held, "photo")["distinct"] == 5


def test_the_target_is_counted_in_each_part(held: dict[str, Any]) -> None:
    target = held["target"]
    assert target["name"] == "kept"
    assert sum(target["counts"]["train"]) == held["rows"]["train"] == 45
    assert sum(target["counts"]["test"]) == held["rows"]["test"] == 15
    quantity = card(
        standardise(read(pd.DataFrame({"a": range(80), "y": [i / 7 for i in range(80)]}), Settings(target="y")))
    )
    assert sum(quantity["target"]["counts"]["test"]) == 20
    assert len(quantity["target"]["edges"]) == len(quantity["target"]["counts"]["train"]) + 1


def test_examples_are_training_rows_with_small_pictures(held: dict[str, Any]) -> None:
    data = standardise(read(mixed(), Settings(target="kept"), name="shop"))
    assert len(held["examples"]) == 5
    for example, (_, row) in zip(held["examples"], data.frame.head(5).iterrows(), strict=True):
        assert example["kept"] == row["kept"]
        assert example["pieces"] == row["pieces"]
        assert example["photo"] is None or example["photo"].startswith("data:image/")
    assert any(example["photo"] for example in held["examples"])


def pictured(sizes: list[tuple[int, int]]) -> dict[str, Any]:
    held = []
    for size in sizes:
        out = io.BytesIO()
        Image.new("RGB", size).save(out, format="PNG")
        held.append(out.getvalue())
    labels = (["u", "v"] * len(sizes))[: len(sizes)]
    frame = pd.DataFrame({"photo": pd.Series(held, dtype=object), "y": labels})
    return column(card(standardise(read(frame, Settings(target="y")))), "photo")["sizes"]


def test_pictures_are_measured_by_their_longer_side() -> None:
    sizes = pictured([(10 + i, 40) for i in range(60)])
    assert sizes["of"] == "longer side" and sizes["height"] == [40, 40] and sizes["bins"]["edges"][0] == 40
    assert sizes["width"][0] < 30 and sizes["width"][1] > 60
    assert sum(sizes["bins"]["counts"]) == sizes["looked"] == 45


def test_pictures_of_one_size_are_measured_by_their_bytes() -> None:
    sizes = pictured([(12, 9)] * 20)
    assert sizes["of"] == "bytes" and (sizes["width"], sizes["height"]) == ([12, 12], [9, 9])
    assert sizes["bins"]["edges"][0] > 50


def test_no_more_pictures_are_read_than_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.tables import cards

    monkeypatch.setattr(cards, "PICTURES", 10)
    assert pictured([(10 + i, 40) for i in range(60)])["looked"] == 10
    monkeypatch.setattr(cards, "PICTURE_BYTES", 400)
    assert pictured([(10 + i, 40) for i in range(60)])["looked"] < 10


def test_days_have_no_time_and_times_keep_theirs() -> None:
    frame = pd.DataFrame({"day": pd.date_range("2024-03-01", periods=40), "y": ["u", "v"] * 20})
    frame["hour"] = frame["day"] + pd.Timedelta(hours=8, minutes=30)
    example = card(standardise(read(frame, Settings(target="y"))))["examples"][0]
    assert len(example["day"]) == 10 and example["hour"] == f"{example['day']} 08:30:00"


def test_long_whole_numbers_keep_every_digit() -> None:
    frame = pd.DataFrame({"weight": [4_006_381_333_931 + 7 * i * i for i in range(40)], "y": ["u", "v"] * 20})
    held = card(standardise(read(frame, Settings(target="y"))))
    assert column(held, "weight")["bins"]["edges"][0] in set(frame["weight"])


@pytest.mark.parametrize(
    "cells",
    [[1e308, -1e308] * 4, [5e-324, 0.0] * 4, [1.0000000000000002, 1.0] * 4, [1e300] * 8, [None] * 8, [3.0, None] * 4],
)
def test_histograms_stand_extreme_numbers(cells: list[float | None]) -> None:
    frame = pd.DataFrame({"x": pd.Series(cells, dtype="float64"), "y": ["u", "v"] * 4})
    data = standardise(read(frame, Settings(target="y")))
    said = card(data)
    assert json.dumps(said, allow_nan=False)
    bins = column(said, "x").get("bins", {"counts": []})
    assert sum(bins["counts"]) == data.frame.loc[data.parts == "train", "x"].notna().sum()


def test_every_public_classification_table_is_read_and_has_a_card(bakeoff_data: Path) -> None:
    folders = [path.parent for path in sorted(bakeoff_data.glob("*/about.json"))]
    folders = [folder for folder in folders if read_settings(folder).kind == "classification"]
    assert folders
    for folder in folders:
        data = standardise(read(folder))
        held = card(data)
        assert json.dumps(held, allow_nan=False)
        assert held["rows"]["test"] > 0
        declared = read_settings(folder).types
        for said in data.table.columns:
            if said.name in declared and said.name != data.target:
                assert said.type is declared[said.name]
