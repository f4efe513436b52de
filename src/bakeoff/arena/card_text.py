"""A table's data card drawn for a terminal: a small plot per column, classes, example rows, drift and findings.

Names and cells are strangers' text: they reach the console without markup or control characters.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena import board_words as words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

Card = Mapping[str, Any]
BLOCKS = "▁▂▃▄▅▆▇█"
CLASSES = 12
BAR = 24
CELLS = 6  # columns of an example row that are shown
EXAMPLE_ROWS = 3
WIDTH, HEIGHT = 20, 10  # characters of a picture, each two pixels high


def card_text(card: Card, console: Console) -> list[RenderableType]:
    """What `console` prints to show a card, top to bottom."""
    from rich.padding import Padding
    from rich.text import Text

    unicode = console.encoding.lower().startswith("utf")
    shown: list[RenderableType] = [_headline(card), _facts(card), _columns(card, unicode)]
    if classes := _classes(card, unicode):
        shown += [Text("Classes", style="bold"), Padding(classes, (0, 0, 1, 0))]
    elif spread := _spread(card, unicode):
        shown += [Text("Target", style="bold"), Padding(spread, (0, 0, 1, 0))]
    shown += [Text("Example rows", style="bold"), _examples(card, console, unicode)]
    shown += [Text("Found", style="bold"), *_found(card)]
    return shown


def _headline(card: Card) -> Text:
    from rich.text import Text

    rows = card.get("rows", {})
    counts = [f"{rows[part]:,} {part}" for part in ("train", "test") if isinstance(rows.get(part), int)]
    if rows.get("public"):
        counts[-1] += f" ({rows['public']:,} public, {rows['private']:,} private)"
    said = Text(words.printable(str(card.get("name", ""))), style="bold")
    said.append(f"  {rows.get('all', 0):,} rows: {', '.join(counts)}", style="not bold")
    return said


def _facts(card: Card) -> Text:
    from rich.text import Text

    split, about, records = card.get("split", {}), card.get("about", {}), card.get("records", {})
    by = f" by {split['column']}" if split.get("column") else ""
    facts = [f"split {split.get('method', '')}{by}"]
    if records:
        right = f" and {records['right']:,}" if records.get("right") else ""
        facts.append(f"{records['left']:,}{right} records")
        if records.get("ignored"):
            facts.append(f"may differ in {', '.join(records['ignored'])}")
    facts += [f"{key} {about[key]}" for key in ("label", "licence", "expires", "terms") if about.get(key)]
    facts.append(f"sha256:{str(card.get('digest', ''))[:12]}")
    return Text(words.printable(" · ".join(facts)), style="dim")


def _columns(card: Card, unicode: bool) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD if unicode else box.ASCII, pad_edge=False)
    for head, right in (("column", False), ("type", False), ("role", False), ("missing", True), ("distinct", True)):
        grid.add_column(head, justify="right" if right else "left", overflow="fold")
    grid.add_column("values")
    grid.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
    more = "+" if card.get("sampled") else ""
    for column in card.get("columns", []):
        kind = column["type"] + (f", {column['trait']}" if column.get("trait") else "")
        missing = words.percent(column["missing"]) if column["missing"] else "-"
        plot, said = _plot(column, unicode)
        cells = (column["name"], kind, column["role"], missing, f"{column['distinct']:,}{more}", plot, said)
        grid.add_row(*(Text(words.printable(str(cell))) for cell in cells))
    return grid


def _plot(column: Card, unicode: bool) -> tuple[str, str]:
    """A column's values as a line of blocks, and in words."""
    if "bins" in column:
        edges = column["bins"]["edges"]
        return bars(column["bins"]["counts"], unicode), f"{_short(edges[0])} to {_short(edges[-1])}"
    if "words" in column:
        count = column["words"]
        about = f"{_short(count['mean'])} words on average, {count['longest']:,} at most"
        return bars(count["bins"]["counts"], unicode), about
    top = column.get("top", [])
    return bars([count for _, count in top], unicode), ", ".join(_short(value) for value, _ in top[:4])


def bars(counts: Sequence[float], unicode: bool = True) -> str:
    """Counts as one line of blocks, the tallest for the largest; empty where blocks cannot be shown."""
    most = max(counts, default=0)
    if most <= 0 or not unicode:
        return ""
    return "".join(" " if not count else BLOCKS[min(7, int(8 * count / most))] for count in counts)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _classes(card: Card, unicode: bool) -> RenderableType | None:
    from rich.table import Table
    from rich.text import Text

    target = card.get("target", {})
    names, counts = target.get("classes", []), target.get("counts", {})
    if not names:
        return None
    grid = Table.grid(padding=(0, 2))
    train, test = counts["train"], counts["test"]
    most, mark = max(1, *train), "█" if unicode else "#"
    for place, name in enumerate(names[:CLASSES]):
        bar = mark * max(1, round(BAR * train[place] / most))
        line = (str(name)[:40], f"{train[place]:,}", f"{test[place]:,}", bar)
        grid.add_row(
            *(Text(words.printable(cell), justify="right" if 0 < i < 3 else "left") for i, cell in enumerate(line))
        )
    if len(names) > CLASSES:
        grid.add_row(Text(f"and {len(names) - CLASSES:,} more", style="dim"))
    return grid


def _spread(card: Card, unicode: bool) -> RenderableType | None:
    from rich.table import Table

    target = card.get("target", {})
    edges = target.get("edges", [])
    if not edges:
        return None
    grid = Table.grid(padding=(0, 2))
    for part, counts in target.get("counts", {}).items():
        grid.add_row(part, bars(counts, unicode), f"{_short(edges[0])} to {_short(edges[-1])}")
    return grid


def _examples(card: Card, console: Console, unicode: bool) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    target = card.get("target", {}).get("name", "")
    kinds = {column["name"]: column["type"] for column in card.get("columns", [])}
    names = [name for name in kinds if name != target]
    # Pictures and texts tell a reader most of what a row is about.
    names.sort(key=lambda name: ("image", "text").index(kinds[name]) if kinds[name] in ("image", "text") else 2)
    names = [*names[:CELLS], *([target] if target in kinds else [])]
    grid = Table(box=box.SIMPLE_HEAD if unicode else box.ASCII)
    for name in names:
        grid.add_column(Text(words.printable(name)))
    colours = unicode and console.color_system == "truecolor"
    for row in card.get("examples", [])[:EXAMPLE_ROWS]:
        grid.add_row(*(_example(row.get(name), kinds[name] == "image", colours) for name in names))
    return grid


def _example(value: Any, image: bool, colours: bool) -> Text:
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    if image:
        return _picture(str(value)) if colours else Text("[picture]", style="dim")
    said = _short(value)
    return Text(words.printable(said if len(said) <= 120 else f"{said[:119]}…"))


def _picture(address: str) -> Text:
    """A thumbnail as half blocks: each character shows two pixels, one above the other."""
    from PIL import Image
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as opened:
        small = opened.convert("RGB")
        small.thumbnail((WIDTH, 2 * HEIGHT))
        pixels = np.asarray(small).tolist()
    drawn = Text()
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=False):
        for first, second in zip(upper, lower, strict=True):
            above, below = Color.from_rgb(*first), Color.from_rgb(*second)
            drawn.append("▀", Style(color=above, bgcolor=below))
        drawn.append("\n")
    return drawn


def _found(card: Card) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    remarks = card.get("remarks") or [{"check": "", "text": note} for note in card.get("notes", [])]
    drift = card.get("drift", {})
    lines = [(remark["check"], remark["text"]) for remark in remarks]
    lines += [("drift", drift["told"])] if drift.get("told") else []
    found: list[RenderableType] = []
    for check, text in lines:
        said = Text.assemble((f"{check}: " if check else "", "bold"), words.printable(text))
        found.append(Padding(said, (0, 0, 0, 2)))
    quiet = [name for name in card.get("checked", []) if name not in {remark["check"] for remark in remarks}]
    if quiet:
        found.append(Padding(Text(f"Nothing found by: {', '.join(quiet)}.", style="dim"), (0, 0, 0, 2)))
    return found
