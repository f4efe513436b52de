"""One bar over the cells of a run, on stderr; where that is no terminal, only what a person should know."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from bakeoff.nouns import Cell, CellResult

NAMES_SHOWN = 3


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what is kept."""


class Bar:
    """Watches a run: `with Bar() as watch: challenge.run(what, watch)`.

    `declined` are the cells that declined, with their reasons, and `told` what was said meanwhile. Ctrl-C inside leaves
    as Interrupted, whose message says how many cells were finished.
    """

    def __init__(self, kept: str = "They are kept; the same command goes on from there.") -> None:
        self.kept = kept
        self.total = 0
        self.done = 0
        self.declined: list[CellResult] = []
        self.told: list[str] = []
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()  # lanes are threads
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        if console.is_terminal:
            times = (TimeElapsedColumn(), TextColumn("gone,"), TimeRemainingColumn(), TextColumn("to go"))
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("cells"), *times, TextColumn("{task.description}"))
            self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=4)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(f"Interrupted after {self.done} of {self.total} cells. {self.kept}") from None

    def start(self, total: int) -> None:
        """So many cells are due."""
        self.total = total
        if self._progress is not None:
            self._task = self._progress.add_task("warming up", total=total)

    def began(self, cell: Cell) -> None:
        """A cell has begun."""
        with self._lock:
            self._running[cell.id] = f"{cell.entry} on {cell.task}"
            self._show()

    def ended(self, result: CellResult) -> None:
        """A cell has ended, well or not."""
        with self._lock:
            self._running.pop(result.cell.id, None)
            self.done += 1
            if result.outcome.value == "declined":
                self.declined.append(result)
            self._show()

    def message(self, text: str) -> None:
        """Something a person should know meanwhile."""
        self.told.append(text)
        if self._progress is not None:
            self._progress.console.print(text, style="dim", markup=False, highlight=False)
        else:
            typer.echo(text, err=True)

    def _show(self) -> None:
        if self._progress is None or self._task is None:
            return
        names = list(self._running.values())
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        words = (", ".join(names[:NAMES_SHOWN]) + more).replace("[", "\\[")
        self._progress.update(self._task, completed=self.done, description=words)
