"""Work that a box does beside the cells, each chore named by the message that asks for it.

This runs inside the box, on what strangers wrote; the parent's side of each chore lies in the module that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Mouth(Protocol):
    """What a chore needs of the worker: the box's folder, and a way to say something."""

    folder: Any

    def say(self, event: str, payload: bytes = b"", **more: Any) -> None:
        """Send one message out."""


def unpack(worker: Mouth, message: Mapping[str, Any]) -> None:
    """Send the files of an archive out, a piece at a time; the first piece of each carries its name."""
    from bakeoff.arena.unpacking import pieces

    for name, piece in pieces(worker.folder / "data" / message["file"]):
        worker.say("piece", piece, **({"name": name} if name else {}))
    worker.say("piece", done=True)


def predictions(worker: Mouth, message: Mapping[str, Any]) -> None:
    """Read one prediction file, and send its answers, or say why it would be refused."""
    from bakeoff.arena.answer_forms import form_from
    from bakeoff.arena.predictions import read_predictions
    from bakeoff.errors import Declined, Refused

    try:
        answers = read_predictions(worker.folder / "code", message, message["rows"], worker.folder / "data")
    except (Declined, Refused) as refused:
        worker.say("answers", problem=str(refused)[:500])
        return
    worker.say("answers", form_from(message).pack(answers))


def table(worker: Mouth, message: Mapping[str, Any]) -> None:
    """Read a table, and send its columns out."""
    from bakeoff.arena.uploads_inside import send_table

    send_table(worker, message)


def picture(worker: Mouth, message: Mapping[str, Any]) -> None:
    """Decode a picture, and send its pixels out."""
    from bakeoff.arena.uploads_inside import send_picture

    send_picture(worker, message)


def build(worker: Mouth, message: Mapping[str, Any]) -> None:
    """Build an sdist, and send its wheel out."""
    from bakeoff.arena.sdists_inside import send_wheel

    send_wheel(worker, message)


CHORES: Mapping[str, Callable[[Mouth, Mapping[str, Any]], None]] = {
    "unpack": unpack,
    "predictions": predictions,
    "table": table,
    "picture": picture,
    "build": build,
}
