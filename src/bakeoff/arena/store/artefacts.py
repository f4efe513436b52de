"""Kept bytes, each under its digest, on a local disk or wherever fsspec reaches; checked whenever they are read."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from bakeoff.arena.store.shelves import LocalShelf, Shelf, shelf
from bakeoff.errors import BakeoffError, StoreError
from bakeoff.nouns import digest

FETCH = "bakeoff restore FILE --artefacts-only"
FULL = (errno.ENOSPC, errno.EDQUOT)
SHOWN = 12  # digits of a digest in a message


class ArtefactLost(StoreError):
    """Kept bytes are missing or damaged; they can be made anew, or brought back from a backup."""


def artefacts_place(said: str, root: Path) -> str | Path:
    """Where a challenge in `root` keeps artefacts when challenge.toml says `artefacts = said`; empty says nothing."""
    if not said:
        return root / ".bakeoff" / "artefacts"
    return said if "://" in said else root / Path(said).expanduser()


class Artefacts:
    """Immutable bytes named by their SHA-256, in a folder or at an fsspec URL; opened when first used."""

    def __init__(self, place: str | Path) -> None:
        self.place = place
        self._swept = False
        self._lock = threading.Lock()

    @cached_property
    def _shelf(self) -> Shelf:
        return shelf(self.place)

    @property
    def where(self) -> str:
        """The place as one may show it, without a password."""
        return self._shelf.where

    def path(self, name: str) -> Path:
        """Where the artefact of this digest lies on the local disk, whether or not it is there."""
        if not isinstance(self._shelf, LocalShelf):
            raise StoreError(f"The artefacts at {self.where} are not on a local disk, so they have no path.")
        return self._shelf.path(name)

    def put(self, data: bytes) -> str:
        """Keep bytes and give their digest; they appear whole or not at all, also when others keep the same ones.

        StoreError when the disk is full or the place cannot be reached; nothing is left half written.
        """
        name = digest(data)
        with self._said("take the answers of a cell", "the cell stays due, so run again when that is mended"):
            if not self._swept:
                with self._lock:
                    self._swept = True
                # Tidying up must never stand in the way of what is to be kept.
                with contextlib.suppress(Exception):
                    self._shelf.sweep()
            if self._shelf.size(name) != len(data) or not self._holds(name):
                self._shelf.write(name, data)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of this digest; ArtefactLost when they are missing or are no longer what they were.

        Damaged ones are put aside, so that their cell is due again.
        """
        with self._said("give kept answers back", "try again when it can be reached"):
            try:
                data = self._shelf.read(name)
            except FileNotFoundError as error:
                raise ArtefactLost(
                    f"The kept answers {name[:SHOWN]} are missing from {self.where}; "
                    f"run again to make them anew, or bring them back with: {FETCH}"
                ) from error
            if digest(data) != name:
                self._put_aside(name)
                raise ArtefactLost(
                    f"The kept answers {name[:SHOWN]} in {self.where} were changed, so they were put aside; "
                    f"run again to make them anew, or bring them back with: {FETCH}"
                )
        return data

    def has(self, name: str) -> bool:
        """Whether the artefact of this digest is there; a file that was cut off to nothing is not.

        StoreError when that cannot be known, since a place that is out of reach has lost nothing.
        """
        with self._said("say what it holds", "try again when it can be reached"):
            return bool(self._shelf.size(name)) or (name == digest(b"") and self._shelf.size(name) == 0)

    def sound(self, name: str) -> bool:
        """Whether the artefact is there and holds what its name says; reads it whole."""
        with self._said("say what it holds", "try again when it can be reached"):
            return self._holds(name)

    def damaged(self, names: Iterable[str], step: Callable[[str], object] = str) -> dict[str, str]:
        """Of these artefacts, those that are `missing` or `damaged`; `step` is called with each name after it."""
        found = {}
        for name in names:
            if not self.sound(name):
                found[name] = "damaged" if self.has(name) else "missing"
            step(name)
        return found

    def mend(self, name: str, data: bytes) -> bool:
        """Put sound bytes in the place of a missing or damaged artefact; False when they are not what `name` says."""
        if digest(data) != name:
            return False
        self.put(data)
        return True

    def put_aside(self, name: str) -> None:
        """Take a damaged artefact out of the way, into the folder `aside`; its cell is due again."""
        with self._said("put a damaged file aside", "try again when it can be reached"):
            self._shelf.put_aside(name)

    def sizes(self) -> dict[str, int]:
        """All artefacts that are there with their sizes in bytes."""
        with self._said("say what it holds", "try again when it can be reached"):
            return self._shelf.sizes()

    def remove(self, name: str) -> None:
        """Take an artefact away that nothing names any more."""
        with self._said("let go of a file", "try again when it can be reached"):
            self._shelf.remove(name)

    def age(self, name: str) -> float | None:
        """Seconds since a local artefact was written; None where that is not known."""
        return self._shelf.age(name) if isinstance(self._shelf, LocalShelf) else None

    def aside(self) -> list[str]:
        """The artefacts that were put aside."""
        with self._said("say what it holds", "try again when it can be reached"):
            return self._shelf.aside()

    def partial(self) -> list[str]:
        """What writers that are gone have left half written."""
        with self._said("say what it holds", "try again when it can be reached"):
            return self._shelf.partial()

    def sweep(self) -> int:
        """Take away what writers that are gone have left half written, and say how much it was."""
        with self._said("be tidied up", "try again when it can be reached"):
            return self._shelf.sweep()

    def _holds(self, name: str) -> bool:
        try:
            return digest(self._shelf.read(name)) == name
        except FileNotFoundError:
            return False

    def _put_aside(self, name: str) -> None:
        # Another reader may have done it, or this one may only read.
        with contextlib.suppress(Exception):
            self._shelf.put_aside(name)

    @contextmanager
    def _said(self, what: str, mend: str) -> Iterator[None]:
        """Turn whatever a disk or a network's library raises into one sentence."""
        try:
            yield
        except BakeoffError:
            raise
        except Exception as error:
            if getattr(error, "errno", None) in FULL:
                raise StoreError(
                    f"The disk of the artefacts at {self.where} is full; free some space and run again, "
                    "what was finished before is kept."
                ) from error
            said = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0] or type(error).__name__
            raise StoreError(
                f"The place of artefacts {self.where} cannot {what}: {said.rstrip('.')}; {mend}."
            ) from error
