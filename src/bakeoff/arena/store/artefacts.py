"""Kept bytes, each under its digest; a file appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bakeoff.errors import StoreError
from bakeoff.nouns import digest


class Artefacts:
    """A folder of immutable files named by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the artefact of this digest lies, whether or not it is there."""
        return self.folder / name[:2] / name

    def put(self, data: bytes) -> str:
        """Keep bytes and give their digest; written beside, synced and renamed, so a crash leaves no half file."""
        name = digest(data)
        path = self.path(name)
        if path.exists():
            return name
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of this digest; StoreError when they are missing or are no longer what they were."""
        try:
            data = self.path(name).read_bytes()
        except OSError as error:
            raise StoreError(
                f"The kept answers {name[:12]} are missing from {self.folder}; run the cell again."
            ) from error
        if digest(data) != name:
            raise StoreError(
                f"The kept answers {name[:12]} in {self.folder} were changed; delete the file and run again."
            )
        return data
