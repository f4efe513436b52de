"""What a challenge provides for entries' code, and which confinement it asks for around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.arena.challenge_files import EnvironmentRules, Places, Rules
from bakeoff.errors import UsageError
from bakeoff.nouns import Entry, Level, digest

NOBODY_ELSES = ("baseline", "predictions")  # forms of entries that bring no code of strangers


@dataclass(frozen=True)
class Supplies:
    """Where an entry's packages come from, which models it may read, and behind what its code may run.

    `wheelhouse` is the one folder that packages are taken from, None for pip's own index; `sdists` says that what must
    be built before it can be installed may be. `seconds` and `mib` are what building one environment may take. `least`
    is L0, L1 or L2.
    """

    wheelhouse: Path | None = None
    sdists: bool = False
    models: Path | None = None
    seconds: float = EnvironmentRules.seconds
    mib: int = EnvironmentRules.mib
    least: str = Rules.least_level


def supplies(places: Places, rules: Rules) -> Supplies:
    """What challenge.toml provides; UsageError when a folder that it names is not there."""
    asked = rules.environments
    mends = {
        "wheelhouse": "make it, and fill it where there is a network: pip download -r requirements.txt -d {}",
        "models": "make it, or leave the key out",
    }
    found: dict[str, Path | None] = {}
    for key, mend in mends.items():
        given = getattr(asked, key)
        folder = (places.root / given) if given else None
        if folder is not None and not folder.is_dir():
            raise UsageError(
                f"{places.rules} gives {key} = {given!r}, but there is no such folder; {mend.format(folder)}"
            )
        found[key] = folder
    if asked.sdists and not asked.wheelhouse:
        raise UsageError(
            f"{places.rules} gives sdists = true without a wheelhouse; name the folder that holds them, "
            'wheelhouse = "DIR", since nothing is built from what a network gives.'
        )
    return Supplies(**found, sdists=asked.sdists, seconds=asked.seconds, mib=asked.mib, least=rules.least_level)


def refusal(entry: Entry, least: str, level: Level) -> str:
    """Why an entry's code may not run at `level` where `least` is asked for, with the mend; empty when it may."""
    if entry.source.form in NOBODY_ELSES or level.value[:2] >= least:
        return ""
    from bakeoff.arena.wall.confinement import why_not

    asked = next(level for level in Level if level.value.startswith(least))
    return (
        f"the challenge lets entries' code run at {asked.value} or better, and this machine has {level.value}: "
        f"{why_not(asked)}"
    )


def models_listing(folder: Path) -> Mapping[str, Any]:
    """The name of a folder of models, and the digest of a listing of its files with their sizes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = [[str(path.relative_to(folder)), path.stat().st_size] for path in files]
    return {"name": folder.name, "files": len(files), "digest": digest(listed)}
