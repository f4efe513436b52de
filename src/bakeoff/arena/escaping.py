"""Strangers' words made safe to keep and to show: what an entry prints, its reasons, its notes and its names."""

from __future__ import annotations

WIDTH = 300  # characters of one line of a log that are shown


def clean(text: str, most: int) -> str:
    """A stranger's words made safe to keep and to show: no control characters, no broken Unicode, not too long.

    What turns the direction of writing round or takes no room is shown as a mark, too: it could make a line read as
    something else.
    """
    whole = text[-most:].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in whole)


def last_lines(log: str, lines: int) -> list[str]:
    """The last lines of a log, each safe to show and cut where it is too long."""
    kept = clean(log, 1 << 16).split("\n")
    while kept and not kept[-1].strip():
        kept.pop()
    return [line if len(line) <= WIDTH else f"{line[:WIDTH]}…" for line in kept[-lines:]]
