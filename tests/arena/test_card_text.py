"""A table's card in a terminal and as a page: its plots, its findings, and nothing of a stranger's markup."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from PIL import Image
from rich.console import Console

from bakeoff.arena.card_text import BLOCKS, bars, card_text
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


def test_a_card_of_an_older_table_is_still_shown(held: dict[str, Any], tmp_path: Path) -> None:
    older = {
        key: value for key, value in held.items() if key not in ("remarks", "checked", "drift", "records", "sampled")
    }
    older["columns"] = [{key: value for key, value in column.items() if key != "trait"} for column in held["columns"]]
    assert held["notes"][0] in shown(older).replace("\n", " ").replace("  ", " ") or held["notes"][0][:60] in shown(
        older
    )
    assert "shop" in card_html(older, tmp_path / "older.html").read_text(encoding="utf-8")
