"""The commands that put a challenge into one file, and bring it back."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.options import HERE, Folder, Json, print_json
from bakeoff.cli.progress import Interrupted
from bakeoff.errors import UsageError
from bakeoff.nouns import plain

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_File = Argument(metavar="FILE", help="The backup; a zip file.")
_Store = Option(metavar="URL", help="The database for its rows, which must be empty; else SQLite in the folder.")
_Artefacts = Option(metavar="PLACE", help="A folder or URL for the kept answers; else in the folder.")
_Fetch = Option("--artefacts-only", help="Bring back only lost answers of the challenge in DIR.")
_Aside = Option("--replace", help="Take the place of a challenge that is there, which is put aside.")
_To = Argument(metavar="DIR", help="A new folder; the challenge's own name when not given.", show_default=False)


def backup(
    file: Annotated[Path, Argument(metavar="FILE", help="Where it goes; a zip file, such as shop.zip.")],
    replace: Annotated[bool, Option("--replace", help="Write over a file that is there.")] = False,
    challenge: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Put a challenge into one file: tables, truth, secret, entries, results, answers."""
    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.store.backup import told_lost

    with closing(Challenge.open(challenge)) as opened, ByteBar("Nothing was written.") as watch:
        made = opened.backup(file, replace=replace, watch=watch)
    lost = told_lost(made.lost)
    for line in filter(None, (lost, *made.left_out)):
        typer.echo(f"bakeoff: {line}", err=True)
    if as_json:
        print_json(plain(made) | {"path": str(made.path)})
        return
    held = f"{counted(made.files, 'file')}, {counted(made.rows, 'row')}, {counted(made.artefacts, 'kept answer')}"
    typer.echo(f"{file}: {size(made.size)}, read back and whole; {held}.")
    typer.echo("It holds the truth and the secret, so only you may read it (mode 0600): keep it from contestants.")


def restore(
    file: Annotated[Path, _File],
    folder: Annotated[Path | None, _To] = None,
    store: Annotated[str, _Store] = "",
    artefacts: Annotated[str, _Artefacts] = "",
    replace: Annotated[bool, _Aside] = False,
    artefacts_only: Annotated[bool, _Fetch] = False,
    as_json: Json = False,
) -> None:
    """Bring a challenge back from a backup, or only its lost answers."""
    if artefacts_only:
        if store or artefacts or replace:
            raise UsageError("--artefacts-only brings back lost answers and nothing else; leave the other options out.")
        _fetch(file, folder or HERE, as_json)
        return
    from bakeoff.arena.challenge import Challenge
    from bakeoff.arena.store.restore import Wanted

    with ByteBar("Nothing was restored.") as watch:
        made = Challenge.restore(file, folder or "", Wanted(store, artefacts, replace), watch)
    if as_json:
        former = None if made.former is None else str(made.former)
        print_json(plain(made) | {"folder": str(made.folder), "former": former})
        return
    held = f"{counted(made.files, 'file')}, {counted(made.rows, 'row')}, {counted(made.artefacts, 'kept answer')}"
    typer.echo(f"Restored to {_near(made.folder)}: {held}.")
    if made.former is not None:
        typer.echo(f"What was there before is in {_near(made.former)}; remove it when you do not need it.")
    for remark in made.remarks:
        typer.echo(remark)
    typer.echo(f"Next: bakeoff doctor -C {_near(made.folder)}")


def _fetch(file: Path, folder: Path, as_json: bool) -> None:
    from bakeoff.arena.challenge import Challenge

    with closing(Challenge.open(folder)) as opened, ByteBar("What was brought back is kept.") as watch:
        fetched = opened.fetch_artefacts(file, watch)
    if as_json:
        print_json(plain(fetched))
        return
    if not fetched.mended and not fetched.lost:
        typer.echo("No kept answer is missing or damaged; nothing was changed.")
        return
    typer.echo(f"{counted(len(fetched.mended), 'kept answer')} brought back.")
    if fetched.lost:
        typer.echo(
            f"{len(fetched.lost)} more {'is' if len(fetched.lost) == 1 else 'are'} lost and not in this backup; "
            "bakeoff run makes them anew."
        )


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def size(number: float) -> str:
    """Bytes as a person says them."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _near(path: Path) -> str:
    """A path as it is seen from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


class ByteBar:
    """Shows on stderr how far reading and writing have come; nothing where that is no terminal."""

    def __init__(self, kept: str) -> None:
        self.kept = kept
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ByteBar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"Interrupted. {self.kept}") from None

    def __call__(self, doing: str, done: int, total: int) -> None:
        """So much is done of what is being done."""
        if self._progress is not None:
            if self._task is None:
                self._task = self._progress.add_task(doing)
            self._progress.update(self._task, description=doing, completed=done, total=total or None)
