"""How a pair of records looks in a terminal, and the keys by which it is answered."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

import typer

from bakeoff.arena.escaping import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from bakeoff.algorithms.matching.labelling import Labelling
    from bakeoff.algorithms.matching.proposals import Proposal

LONGEST = 600  # signs of a cell that are shown
KEYS = "y a match, n none, u unsure, b back, q quit"
ANSWERS: dict[str, bool | None] = {"y": True, "n": False, "u": None}
WHY = {
    "alike": "chosen by likeness",
    "uncertain": "the model is unsure",
    "random": "drawn at random, for the estimate",
    "disputed": "labelled both ways",
}
TOLD_EACH = 10
WORD = re.compile(r"\w+|\W+")


def cell_text(cell: Any) -> str:
    """A cell as a person reads it, without control characters; missing ones are empty."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or str(cell) in ("NaT", "<NA>"):
        return ""
    if isinstance(cell, (bytes, bytearray)):
        return f"[picture, {len(cell):,} bytes]"
    if isinstance(cell, float):
        return f"{cell:.10g}"
    if isinstance(cell, (list, tuple)) or type(cell).__name__ == "ndarray":
        return clean(" ".join(map(str, cell)), 10**6)[:LONGEST]
    text = clean(str(cell), 10**6)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def differing(one: str, other: str) -> tuple[Text, Text]:
    """Two cells with the words marked that the other lacks."""
    from rich.text import Text

    sides = []
    for text, across in ((one, other), (other, one)):
        known = {word.casefold() for word in WORD.findall(across)}
        marked = Text()
        for word in WORD.findall(text):
            lacks = word.strip() and (word[0].isalnum() or word[0] == "_") and word.casefold() not in known
            marked.append(word, "bold yellow" if lacks and across else "")
        sides.append(marked)
    return sides[0], sides[1]


@contextmanager
def by_keys(keys: IO[str]) -> Iterator[None]:
    """Let a terminal give each key at once while this lasts; what was typed before it begins stays to be read."""
    if not keys.isatty() or not _on_unix():
        yield
        return
    import termios

    before = termios.tcgetattr(keys)
    now = termios.tcgetattr(keys)
    now[3] &= ~(termios.ICANON | termios.ECHO)  # Ctrl-C goes on interrupting
    termios.tcsetattr(keys, termios.TCSANOW, now)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


def _on_unix() -> bool:
    return find_spec("termios") is not None


def single_key(keys: IO[str]) -> str:
    """The next key, lower case; q where the input ends."""
    if not _on_unix():
        return typer.getchar().lower()[:1]
    pressed = os.read(keys.fileno(), 1)
    return "q" if pressed in (b"", b"\x04") else pressed.decode("ascii", "replace").lower()


class Dialogue:
    """Asks pair after pair, from a terminal by single keys or from a pipe by lines, and says how it goes."""

    def __init__(self, labelling: Labelling, out: Console, count: int, keys: IO[str]) -> None:
        self.labelling, self.out, self.count, self.keys = labelling, out, count, keys
        self.given = 0
        self.onward = False

    def run(self) -> None:
        """Until as many are answered as were wanted, the labels say enough, or somebody quits."""
        with by_keys(self.keys):
            self._run()

    def _run(self) -> None:
        waiting: list[Proposal] = []
        typer.echo(f"Keys: {KEYS}.")
        while not (self.count and self.given >= self.count) and not self._enough():
            if not waiting:
                waiting = self.labelling.propose(1)
            if not waiting:
                typer.echo("Every pair that is worth a look is labelled.")
                break
            said = self._ask(waiting[0])
            if said == "q":
                break
            if said == "b":
                last = self.labelling.back()
                if last is None:
                    typer.echo("Nothing was answered yet in this run.")
                else:
                    self.given -= 1
                    waiting.insert(0, last)
                continue
            self.labelling.answer(waiting.pop(0), ANSWERS[said])
            self.given += 1
            if self.given % TOLD_EACH == 0:
                self._tell()
        self._tell()
        if self.labelling.file.rows:
            typer.echo(f"Labels are in {self.labelling.file.path}.")

    def _enough(self) -> bool:
        """Whether to stop since the labels say enough, which a person at a terminal may overrule."""
        if self.count or self.onward or not (why := self.labelling.enough()):
            return False
        typer.echo(f"The labels say enough: {why}.")
        if not self.keys.isatty():
            return True
        typer.echo("Press y to go on, another key to end.")
        self.onward = self._key() == "y"
        return not self.onward

    def _ask(self, proposal: Proposal) -> str:
        """Show a pair and wait for one of the keys; q at the end of the input."""
        self._show(proposal)
        while True:
            key = self._key()
            if key in ANSWERS or key in ("b", "q"):
                return key
            if key.strip():
                typer.echo(f"Keys: {KEYS}.")

    def _key(self) -> str:
        if self.keys.isatty():
            return single_key(self.keys)
        line = self.keys.readline()
        return line.strip().lower()[:1] if line else "q"

    def _show(self, proposal: Proposal) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        left, right = self.labelling.ids(proposal)
        chance = f", chance {proposal.chance:.2f}" if not math.isnan(proposal.chance) else ""
        number = len(self.labelling.file.rows) + 1
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for head in ("", clean(left, 100), clean(right, 100)):
            grid.add_column(Text(head))
        for name, one, other in self.labelling.cells(proposal):
            texts = cell_text(one), cell_text(other)
            if any(texts):
                grid.add_row(Text(clean(name, 60), style="dim"), *differing(*texts))
        self.out.print(Text(f"Pair {number}: {WHY[proposal.why]}{chance}", style="bold"))
        self.out.print(grid)
        self.out.print(Text("match? [y/n/u/b/q]"))

    def _tell(self) -> None:
        file, found = self.labelling.file, self.labelling.found
        matches = sum(bool(row.label) for row in file.rows.values())
        line = f"{len(file.rows):,} labels, {matches:,} matches"
        if file.unsure:
            line += f", {len(file.unsure):,} unsure"
        if found is not None:
            line += f"; F1 of all candidates, held out: {found.f1} from {found.pairs} drawn at random"
        typer.echo(f"{line}.")
