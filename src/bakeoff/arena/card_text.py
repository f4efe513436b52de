"""A table's data card drawn for a terminal: a small plot per column, classes, example rows, drift and findings.

Names and cells are strangers' text: they reach the console without markup or control characters.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.arena import board_words as words
from bakeoff.arena import card_words
from bakeoff.arena.card_words import Card

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

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
    elif several := _several(card, unicode):
        shown += [Text("Target", style="bold"), *(Padding(each, (0, 0, 1, 0)) for each in several)]
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
        missing = words.percent(column["missing"]) if column["missing"] else "-"
        counts, said = card_words.plotted(column)
        plot = bars(counts, unicode)
        said = said if unicode else said.replace("×", "x")
        kind = card_words.kind_of(column)
        cells = (column["name"], kind, column["role"], missing, f"{column['distinct']:,}{more}", plot, said)
        grid.add_row(*(Text(words.printable(str(cell))) for cell in cells))
    return grid


def bars(counts: Sequence[float], unicode: bool = True) -> str:
    """Counts as one line of blocks, the tallest for the largest; empty where blocks cannot be shown."""
    most = max(counts, default=0)
    if most <= 0 or not unicode:
        return ""
    return "".join(" " if not count else BLOCKS[min(7, int(8 * count / most))] for count in counts)


def _classes(card: Card, unicode: bool) -> RenderableType | None:
    target = card.get("target", {})
    names, counts = target.get("classes", []), target.get("counts", {})
    if not names:
        return None
    return _counted(card_words.Counted("class", names, counts["train"], counts["test"], 0), unicode)


def _several(card: Card, unicode: bool) -> list[RenderableType]:
    """What a target of several values holds: figures, counts, spreads, and rows with their marks."""
    from rich.table import Table
    from rich.text import Text

    facts, plots = card_words.target_facts(card), card_words.target_plots(card)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("", "train", "test"):
        grid.add_column(Text(head, style="dim"), justify="right" if head else "left")
    for fact in facts:
        grid.add_row(*(Text(words.printable(cell)) for cell in fact))
    spread = Table.grid(padding=(0, 2))
    for title, ends, counts in plots if unicode else ():
        for part, held in counts.items():
            spread.add_row(*(Text(words.printable(cell)) for cell in (title, part, bars(held), ends)))
    shown: list[RenderableType] = [grid] if facts else []
    shown += [_counted(group, unicode) for group in card_words.target_groups(card)]
    shown += [spread] if spread.row_count else []
    return [*shown, *map(_marked, card_words.target_marked(card))]


def _marked(row: Sequence[tuple[str, str]]) -> Text:
    """A row's text with what is marked in it, each mark behind its piece."""
    from rich.text import Text

    said = Text()
    for piece, mark in row:
        said.append(words.printable(piece), "bold underline" if mark else "")
        said.append(f" [{words.printable(mark)}] " if mark else " ", "dim")
    return said


def _counted(group: card_words.Counted, unicode: bool) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    names, train, test = group.names, group.train, group.test
    most, mark = max(1, *train), "█" if unicode else "#"
    for head in (group.of, "train", "test", ""):
        grid.add_column(Text(head, style="dim"), justify="right" if head in ("train", "test") else "left")
    for place, name in enumerate(names[:CLASSES]):
        bar = mark * max(bool(train[place]), round(BAR * train[place] / most))
        line = (str(name)[:40], f"{train[place]:,}", f"{test[place]:,}", bar)
        grid.add_row(*(Text(words.printable(cell)) for cell in line))
    if (left := len(names) - CLASSES + group.more) > 0:
        grid.add_row(Text(f"and {left:,} more", style="dim"))
    return grid


def _spread(card: Card, unicode: bool) -> RenderableType | None:
    from rich.table import Table

    target = card.get("target", {})
    edges = target.get("edges", [])
    if not edges:
        return None
    grid = Table.grid(padding=(0, 2))
    for part, counts in target.get("counts", {}).items():
        grid.add_row(part, bars(counts, unicode), card_words.span(edges))
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
    named = {column["name"] for column in card.get("columns", []) if card_words.is_name(column)}
    colours = unicode and console.color_system == "truecolor"
    for row in card.get("examples", [])[:EXAMPLE_ROWS]:
        cells: list[Text] = []
        for name in names:
            if kinds[name] == "image":
                cells.append(_shown(row.get(name), colours))
            else:
                cells.append(_example(row.get(name), name in named))
        grid.add_row(*cells)
    return grid


def _shown(value: Any, colours: bool) -> Text:
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    return _picture(str(value)) if colours else Text("[picture]", style="dim")


def _example(value: Any, name: bool) -> Text:
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    said = card_words.quantity(value, 6, name=name)
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

    remarks, drift = card_words.remarks(card), card.get("drift", {})
    lines = [remark for remark in remarks if not remark[2]]
    lines += [("drift", drift["told"], not drift.get("differs"))] if drift.get("told") else []
    lines += [remark for remark in remarks if remark[2]]
    found: list[RenderableType] = []
    for check, text, informs in lines:
        said = Text.assemble((f"{check}: " if check else "", "" if informs else "bold"), words.printable(text))
        said.stylize("dim" if informs else "")
        found.append(Padding(said, (0, 0, 0, 2)))
    quiet = [name for name in card.get("checked", []) if name not in {check for check, *_ in remarks}]
    if quiet:
        found.append(Padding(Text(f"Nothing found by: {', '.join(quiet)}.", style="dim"), (0, 0, 0, 2)))
    return found
