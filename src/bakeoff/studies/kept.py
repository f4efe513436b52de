"""Results on disk: one JSON file for each setting, whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bakeoff.errors import StoreError, UsageError
from bakeoff.studies.study import Result, Setting


class Kept:
    """A folder of results. Several processes may write into one; a result is replaced, never half written."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{str(folder)!r} is a file; name a folder for the results of the study.")
        self.folder = folder

    def _file(self, setting: Setting) -> Path:
        return self.folder / f"{setting.digest[:32]}.json"

    def has(self, setting: Setting) -> bool:
        """Whether this very setting was measured."""
        return self._file(setting).exists()

    def find(self, settings: Sequence[Setting]) -> Iterator[Result]:
        """The results of those settings that were measured; StoreError where a file is no result."""
        for setting in settings:
            path = self._file(setting)
            if not path.exists():
                continue
            try:
                plain = json.loads(path.read_text(encoding="utf-8"))
                result = Result(setting, plain["figures"], float(plain["seconds"]), plain["made_with"])
            except (ValueError, KeyError, TypeError) as broken:
                raise StoreError(
                    f"{str(path)!r} holds no result of a study ({broken}); remove it, and it is measured again."
                ) from broken
            yield result

    def keep(self, result: Result) -> None:
        """Write a result down; StoreError when the folder cannot be written to."""
        path = self._file(result.setting)
        plain = {
            "setting": result.setting.name,
            "values": dict(result.setting.values),
            "figures": dict(result.figures),
            "seconds": round(result.seconds, 3),
            "made_with": dict(result.made_with),
        }
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
            os.replace(beside, path)
        except OSError as failed:
            raise StoreError(f"The result cannot be kept in {str(self.folder)!r}: {failed}.") from failed
