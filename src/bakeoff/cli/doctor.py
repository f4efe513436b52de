"""What works on this machine, and the mend for what does not."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from bakeoff.cli.options import HERE, Folder, Json, print_json
from bakeoff.errors import BakeoffError, NotFound
from bakeoff.nouns import plain


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, whether it is well and needed, and the mend when it is not well."""

    name: str
    found: str
    well: bool = True
    mend: str = ""
    needed: bool = True


def doctor(
    challenge: Folder = HERE,
    strict: Annotated[bool, Option("--strict", help="Leave with 5 when bubblewrap does not work here.")] = False,
    as_json: Json = False,
) -> None:
    """Say what works here: the wall, the parts installed, the cores and the store."""
    checks = [_python(), _wall(), _cores(), _memory(), *_extras(), *_store(challenge)]
    if as_json:
        print_json({"well": all(check.well for check in checks if check.needed), "checks": plain(checks)})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(f"{'ok' if check.well else '--'}  {check.name:<{width}}  {check.found}")
            if check.mend:
                typer.echo(f"    {'':<{width}}  {check.mend}")
    if strict and not checks[1].well:
        from bakeoff.errors import ConfinementError

        raise ConfinementError(f"Entries cannot be confined by bubblewrap here: {checks[1].mend}.")


def _python() -> Check:
    import bakeoff

    return Check(
        "python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, Bakeoff {bakeoff.__version__}",
    )


def _wall() -> Check:
    from bakeoff.arena.wall.confinement import best_level, why_no_bubblewrap

    why = why_no_bubblewrap()
    return Check("wall", f"entries run at level {best_level()}", well=not why, mend=why)


def _cores() -> Check:
    from bakeoff.arena.runner import share_cores

    cores = share_cores()
    rest = "" if cores.house is None else ", the other cores for the house"
    return Check("cores", f"{cores.count} timed cell{'s' * (cores.count != 1)} at once{rest}")


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    return Check("memory", f"{memory.available >> 20} of {memory.total >> 20} MiB free")


def _extras() -> Iterator[Check]:
    """Each extra of the installed distribution, and whether all its packages are there."""
    from importlib.metadata import PackageNotFoundError, metadata, requires, version
    from re import match, search

    wanted: dict[str, list[str]] = {
        extra: [] for extra in metadata("bakeoff").get_all("Provides-Extra") or () if extra != "all"
    }
    for line in requires("bakeoff") or ():
        named = search(r"extra == ['\"]([\w-]+)['\"]", line)
        package = match(r"[\w.-]+", line)
        if named and package and named[1] in wanted:
            wanted[named[1]].append(package[0])
    for extra, names in wanted.items():
        missing = []
        for name in names:
            try:
                version(name)
            except PackageNotFoundError:
                missing.append(name)
        if names and missing:
            mend = f"pip install 'bakeoff[{extra}]'"
            yield Check(f"extra {extra}", f"without {', '.join(missing)}; optional", False, mend, needed=False)
        elif names:
            yield Check(f"extra {extra}", f"{', '.join(names)}", needed=False)


def _store(folder: Path) -> Iterator[Check]:
    from bakeoff.arena.challenge import Challenge

    try:
        with closing(Challenge.open(folder)) as opened:
            tasks, entries = opened.tasks(), opened.entries()
        yield Check("store", f"{opened.rules.title!r}: {len(tasks)} tasks, {len(entries)} entries")
    except NotFound:
        yield Check("store", f"no challenge in {folder.absolute()} or above it")
    except BakeoffError as error:
        yield Check("store", "cannot be opened", False, str(error))
