"""What is wrong with the machine, the wall, a challenge and its store, and the mend for it."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from bakeoff.cli.backup import ByteBar
from bakeoff.cli.options import HERE, Folder, Json, print_json
from bakeoff.nouns import plain

if TYPE_CHECKING:
    from bakeoff.arena.diagnosis import Check

SOMETHING_WRONG = 1
COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}
_Mend = Option("--mend", help="Take away what ended processes left, and set permissions right.")
_Quick = Option("--quick", help="Leave out what reads the whole store and every kept answer.")
_Strict = Option("--strict", help="Leave with 5 when bubblewrap does not work here.")


def doctor(
    challenge: Folder = HERE,
    mend: Annotated[bool, _Mend] = False,
    quick: Annotated[bool, _Quick] = False,
    strict: Annotated[bool, _Strict] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with the machine, the wall, the challenge and its store."""
    from bakeoff.arena.diagnosis import WRONG, examine

    checks: list[Check] = []
    with ByteBar("Nothing was changed." if not mend else "What was mended stays so.") as watch:
        for check in examine(challenge, mend=mend, quick=quick, watch=watch):
            checks.append(check)
    wrong = sum(check.state == WRONG for check in checks)
    if as_json:
        print_json({"well": not wrong, "checks": plain(checks)})
    else:
        show(checks)
    if strict:
        _need_bubblewrap()
    if wrong:
        raise typer.Exit(SOMETHING_WRONG)


def show(checks: list[Check]) -> None:
    """The checks under what they are about, each with its mend below, and how many there are to mend."""
    from rich.padding import Padding
    from rich.text import Text

    from bakeoff.cli.showing import console

    out = console()
    width = max(len(check.name) for check in checks)
    indent = 2 + len("warning") + 2 + width + 2
    about = ""
    for check in checks:
        if check.about != about:
            out.print(Text(check.about, style="bold"))
            about = check.about
        head = Text.assemble("  ", (f"{check.state:<7}", COLOURS[check.state]), f"  {check.name:<{width}}  ")
        # Hanging lines, so that a long one stays in its column.
        found = [Text(line) for line in _wrapped(check.found, out.width - indent)]
        mend = [Text(line, style="dim") for line in _wrapped(check.mend, out.width - indent)]
        out.print(Text.assemble(head, *found[:1]))
        for line in (*found[1:], *mend):
            out.print(Padding(line, (0, 0, 0, indent), expand=False))
    counts = {state: sum(check.state == state for check in checks) for state in COLOURS}
    warnings = f"{counts['warning'] or 'no'} warning{'s' * (counts['warning'] != 1)}"
    said = f"{counts['wrong']} wrong, {warnings}" if counts["wrong"] else f"Nothing is wrong; {warnings}"
    out.print(f"{said}.", highlight=False)


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, max(30, width), break_long_words=False, break_on_hyphens=False)


def _need_bubblewrap() -> None:
    from bakeoff.arena.wall.confinement import why_no_bubblewrap
    from bakeoff.errors import ConfinementError

    if why := why_no_bubblewrap():
        raise ConfinementError(f"Entries cannot be confined by bubblewrap here: {why}.")
