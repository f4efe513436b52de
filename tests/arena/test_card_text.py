"""A table's card in a terminal and as a page: its plots, its findings, and nothing of a stranger's markup."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from PIL import Image
from rich.console import Console

from bakeoff.arena.card_text import BLOCKS, bars, card_text
from bakeoff.arena.card_words import pieces, quantity
from bakeoff.arena.report import card_html
from bakeoff.nouns import Split
from bakeoff.tables import Settings, card, read, standardise


def picture(colour: tuple[int, int, int]) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (20, 12), colour).save(held, format="PNG")
    return held.getvalue()


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame(
        {
            "photo": pd.Series([picture((200, 30, int(shade))) for shade in rng.integers(0, 255, n)], dtype=object),
            "size": rng.normal(size=n),
            "[bold]name": rng.choice(["<b>north</b>", "south", "\x1b[31meast"], n),
            "empty": ["same"] * n,
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // 4, unit="D"),
            "kept": rng.choice(["yes", "no"], n, p=[0.7, 0.3]),
        }
    )
    said = Settings(
        target="kept", split=Split("time", "sold"), licence="CC0", terms="within the firm", expires="2030-01-31"
    )
    said = Settings(**{**vars(said), "roles": {}})
    data = standardise(read(frame, said, name="shop"))
    return dict(json.loads(json.dumps(card(data), allow_nan=False)))


def shown(held: dict[str, Any], **console: Any) -> str:
    out = Console(file=io.StringIO(), width=150, **console)
    for each in card_text(held, out):
        out.print(each)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_the_terminal_card_says_what_the_table_holds(held: dict[str, Any]) -> None:
    text = shown(held)
    assert "shop  400 rows: 300 train, 100 test" in text
    assert "split time by sold" in text and "licence CC0" in text
    assert "expires 2030-01-31" in text and "terms within the firm" in text
    assert any(block in text for block in BLOCKS)
    assert "constant" in text and "'empty'" in text
    assert "[picture]" in text
    assert "Nothing found by:" in text and "drift: Train and test look alike" in text


def test_strangers_words_are_no_markup_and_no_escapes(held: dict[str, Any]) -> None:
    text = shown(held)
    assert "[bold]name" in text and "<b>north</b>" in text
    assert "\x1b" not in text


def test_pictures_are_drawn_where_colours_are() -> None:
    frame = pd.DataFrame(
        {"photo": [picture((250, 0, 0))] * 30 + [picture((0, 0, 250))] * 30, "y": ["a"] * 30 + ["b"] * 30}
    )
    data = standardise(read(frame, Settings(target="y"), name="flags"))
    made = json.loads(json.dumps(card(data)))
    text = shown(made, force_terminal=True, color_system="truecolor")
    assert "▀" in text and ("38;2;25" in text or "38;2;0;0;2" in text)
    assert "▀" not in shown(made)


def test_bars_follow_the_counts() -> None:
    assert bars([0, 1, 8, 4]) == " ▂█▅"
    assert bars([0, 0]) == "" and bars([3, 4], unicode=False) == ""


def test_the_page_escapes_and_tells_the_same(held: dict[str, Any], tmp_path: Path) -> None:
    page = card_html(held, tmp_path / "card.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;north&lt;/b&gt;" in page and "<b>north" not in page
    assert "\x1b" not in page
    assert str(escape(held["drift"]["told"])) in page
    for remark in held["remarks"]:
        assert f"<b>{remark['check']}:</b>" in page
    assert "within the firm" in page


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    """Numbers that are names, dates, pictures of several sizes and of one."""
    rng = np.random.default_rng(1)
    n = 200
    frame = pd.DataFrame(
        {
            "order": np.arange(10_001, 10_001 + n),
            "ean": rng.integers(4_006_381_000_000, 4_006_382_000_000, n),
            "postcode": rng.choice([80331, 10115], n),
            "paid": rng.integers(20_000, 2_000_000, n),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(n), unit="D"),
            "photo": pd.Series([sized(20 + i % 50, 10) for i in range(n)], dtype=object),
            "icon": pd.Series([picture((200, 30, int(shade))) for shade in rng.integers(0, 255, n)], dtype=object),
            "kept": rng.choice(["good", "bad"], n),
        }
    )
    data = standardise(read(frame, Settings(target="kept"), name="shop"))
    return dict(json.loads(json.dumps(card(data), allow_nan=False)))


def sized(wide: int, high: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (wide, high), (9, 9, 9)).save(held, format="PNG")
    return held.getvalue()


def test_numbers_that_are_names_read_as_names(shop: dict[str, Any], tmp_path: Path) -> None:
    page = card_html(shop, tmp_path / "card.html").read_text(encoding="utf-8")
    for text in (shown(shop), page):
        assert re.search(r"\b10\d{3} to 10\d{3}\b", text), "the range of a counter"
        assert re.search(r"\b40063\d{8} to 40063\d{8}\b", text)
        assert "10115" in text and "10,115" not in text
        assert re.search(r"\b\d{2,3},\d{3} to \d,\d{3},\d{3}\b", text), "amounts keep their thousands apart"
        assert "e+" not in text.replace("base64", "")[: text.find("<img")]
        assert "00:00:00" not in text and "2024-0" in text
    order = shop["examples"][0]["order"]
    assert re.search(rf"\b{order}\b", shown(shop)) and f">{order}<" in page


def test_pictures_have_a_plot_of_their_sizes(shop: dict[str, Any], tmp_path: Path) -> None:
    page = card_html(shop, tmp_path / "card.html").read_text(encoding="utf-8")
    text = shown(shop)
    line = {name: next(row for row in text.splitlines() if row.strip().startswith(name)) for name in ("photo", "icon")}
    assert re.search(r"longer side 20 to 6\d pixels", line["photo"])
    assert re.search(r"20 × 12 pixels each, \d+( to \d+)? bytes", line["icon"])
    assert all(any(block in told for block in BLOCKS) for told in line.values())
    assert page.count('class="histogram"') == len(shop["columns"])


def test_the_classes_of_a_terminal_have_a_heading(shop: dict[str, Any]) -> None:
    lines = shown(shop).splitlines()
    head = lines[lines.index(next(line for line in lines if line.startswith("Classes"))) + 1]
    assert head.split() == ["class", "train", "test"]
    train, test = (shop["target"]["counts"][part][0] for part in ("train", "test"))
    first = lines[lines.index(head) + 1]
    assert head.index("train") + len("train") == first.index(str(train)) + len(str(train))
    assert head.rindex("test") + len("test") == first.index(str(test), first.index(str(train)) + 3) + len(str(test))


INFORMS = {"check": "record ids", "text": "Identifiers that entries don't see: 'id'.", "column": "", "rows": []}
WARNS = {"check": "leakage of records", "text": "Use (--split records) for it.", "column": "", "rows": []}


def test_information_is_no_warning(held: dict[str, Any], tmp_path: Path) -> None:
    made = {**held, "remarks": [INFORMS, WARNS]}
    page = card_html(made, tmp_path / "card.html").read_text(encoding="utf-8")
    assert '<p class="note told"><b>record ids:</b>' in page
    assert '<p class="remark"><span><b>leakage of records:</b>' in page
    assert page.index("leakage of records:") < page.index("record ids:")
    text = shown(made, force_terminal=True, color_system="standard")
    informs, warns = (
        next(line for line in text.splitlines() if f"{each['check']}:" in line) for each in (INFORMS, WARNS)
    )
    assert "\x1b[2m" in informs and "\x1b[2m" not in warns


def test_an_option_is_not_broken(held: dict[str, Any], tmp_path: Path) -> None:
    page = card_html({**held, "remarks": [WARNS]}, tmp_path / "card.html").read_text(encoding="utf-8")
    assert 'Use (<span class="whole">--split records</span>) for it.' in page
    assert re.search(r"\.whole \{[^}]*white-space: nowrap", page)
    hostile = {**WARNS, "text": "<b>--id <i>x</i>"}
    told = card_html({**held, "remarks": [hostile]}, tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in told and "<i>x" not in told
    assert pieces("a --id COL b") == (("a ", False), ("--id COL", True), (" b", False))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (10_001.0, "10,001"),
        (2024.0, "2024"),
        (1e6, "1,000,000"),
        (4_006_381_333_931.0, "4006381333931"),
        (1234.56, "1235"),
        (12_345.6, "12,346"),
        (60.214, "60.21"),
        (0.001234, "0.001234"),
        (2.5e-7, "2.5e-07"),
        (1e300, "1e+300"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (12, "12"),
        (True, "True"),
        ("2024-01-01", "2024-01-01"),
        (float("nan"), "nan"),
    ],
)
def test_quantities(value: Any, said: str) -> None:
    assert quantity(value) == said


def test_a_name_has_no_thousands() -> None:
    assert quantity(80_331, name=True) == quantity(80_331.0, name=True) == "80331"
    assert quantity(1_234_567.25, 6) == "1,234,567"


def test_a_card_of_an_older_table_is_still_shown(held: dict[str, Any], tmp_path: Path) -> None:
    older = {
        key: value for key, value in held.items() if key not in ("remarks", "checked", "drift", "records", "sampled")
    }
    older["columns"] = [{key: value for key, value in column.items() if key != "trait"} for column in held["columns"]]
    assert held["notes"][0] in shown(older).replace("\n", " ").replace("  ", " ") or held["notes"][0][:60] in shown(
        older
    )
    assert "shop" in card_html(older, tmp_path / "older.html").read_text(encoding="utf-8")
