"""The page of attacks: a table that is written from what was observed, and read back to be compared with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from attacking import Attack

BEGIN, END = "<!-- from the tests: begin -->", "<!-- from the tests: end -->"
COLUMNS = ("L2, root", "L2, user", "L1, root", "L1, user")
UNSEEN = "not tried"
HELD, LOST = "held", "**not held**"


@dataclass(frozen=True)
class Seen:
    """What was observed at one level by one kind of user: the wall's layers, and whether each attack was held."""

    layers: tuple[str, ...]
    held: Mapping[str, bool]


def column(level: str, root: bool) -> str:
    """The column of a level, started by root or by an ordinary user."""
    return f"{level}, {'root' if root else 'user'}"


def told_layers(page: str) -> dict[str, tuple[str, ...]]:
    """The layers with which each column was observed."""
    return {name: tuple(said.split(", ")) for name, said in re.findall(r"^- \*\*(L\d, \w+)\*\*: (.*)\.$", page, re.M)}


def told_cells(page: str) -> dict[str, dict[str, str]]:
    """What the table says of each attack in each column."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|([^\n]*)\|$", page, re.M)
    return {name: dict(zip(COLUMNS, (cell.strip() for cell in cells.split("|")), strict=True)) for name, cells in rows}


def told_plainly(page: str) -> dict[str, str]:
    """What the table says of each attack without a wall."""
    return dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", page, re.M))


def write(page: Path, attacks: Sequence[Attack], plainly: Mapping[str, str], seen: Mapping[str, Seen]) -> None:
    """Write what was observed into the page; what this run has not observed stays as it is."""
    text = page.read_text(encoding="utf-8")
    layers, cells, plainly = told_layers(text), told_cells(text), told_plainly(text) | dict(plainly)
    layers |= {name: one.layers for name, one in seen.items()}
    lines = [f"- **{name}**: {', '.join(layers[name])}." for name in COLUMNS if name in layers]
    lines += [
        "",
        f"| Attack | It tries | Without a wall | {' | '.join(COLUMNS)} |",
        f"|---|---|---|{'---|' * len(COLUMNS)}",
    ]
    for attack in attacks:
        words = cells.get(attack.name, {})
        words |= {name: HELD if one.held[attack.name] else LOST for name, one in seen.items()}
        told = " | ".join(words.get(name, UNSEEN) for name in COLUMNS)
        lines.append(f"| `{attack.name}` | {attack.tries} | {plainly.get(attack.name, UNSEEN)} | {told} |")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


def differences(page: str, attacks: Sequence[Attack], seen: Mapping[str, Seen]) -> list[str]:
    """Where the page does not say what was observed; a column observed with other layers is not compared."""
    layers, cells = told_layers(page), told_cells(page)
    wrong = [f"{attack.name} is missing" for attack in attacks if attack.name not in cells]
    wrong += [f"{name} is no attack" for name in cells.keys() - {attack.name for attack in attacks}]
    for name, one in seen.items():
        if layers.get(name) != one.layers:
            continue
        for attack, held in one.held.items():
            told = cells.get(attack, {}).get(name, UNSEEN)
            if told != (HELD if held else LOST):
                wrong.append(f"{attack} at {name}: the page says {told}, and it was {'held' if held else 'not held'}")
    return wrong
