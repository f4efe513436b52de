"""Entries as people hand them in: a file, a folder with entry.toml, a fitted-to-be object, or prediction files.

Nothing of an entry is ever imported here; its code is only hashed, copied and parsed.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path, PurePosixPath
from typing import Any

from bakeoff.arena.escaping import clean
from bakeoff.arena.house_code import MOST_READ, baseline_code, borrowed, hash_of, parsed
from bakeoff.arena.privacy_claims import read_claim
from bakeoff.errors import EntryError, NotFound, Refused, StoreError, UsageError
from bakeoff.nouns import ENTRY_PROTOCOL, Entry, Source, digest
from bakeoff.tasks import kinds

GROUP = "bakeoff.algorithms"
KNOWN = ("protocol", "name", "team", "algorithm", "predictions", "kinds", "parameters", "claims")
WORDS = ("name", "team", "algorithm", "predictions")
LARGEST = 256 << 20
LONGEST_NAME = 100
ANSWERS = (".csv", ".parquet")
SKIPPED = ("__pycache__", ".git", ".venv", ".ipynb_checkpoints")


def algorithm_points() -> list[EntryPoint]:
    """The entry points of all baselines, in order of name."""
    found = entry_points()
    groups = [group for group in found.groups if group == GROUP or group.startswith(f"{GROUP}.")]
    return sorted((point for group in groups for point in found.select(group=group)), key=lambda point: point.name)


def baselines(chosen: bool | Sequence[str] = True) -> list[Entry]:
    """The house's entries, and any other package's, from the entry-point group `bakeoff.algorithms`.

    Those in a group `bakeoff.algorithms.KIND` are for tasks of that kind alone. `chosen` is all, none, or those of
    these names; one that needs a package which is not installed takes part only when it is named. UsageError for a
    name that none has.
    """
    points = algorithm_points()
    for name in () if isinstance(chosen, bool) else chosen:
        baseline_point(name, points)
    taking_part = [point.name for point in points if _complete(point)] if chosen is True else chosen or ()
    hashed: dict[Path, str] = {}
    return [_baseline(point, hashed) for point in points if point.name in taking_part]


def baseline_point(name: str, points: Sequence[EntryPoint] = ()) -> EntryPoint:
    """The entry point of the baseline of this name, among all or those given; UsageError when none has it."""
    named = {point.name: point for point in points or algorithm_points()}
    if name not in named:
        near = difflib.get_close_matches(name, named, 1)
        mend = f"did you mean {near[0]!r}?" if near else f"baselines are {', '.join(named)}."
        raise UsageError(f"There is no baseline {name!r}; {mend}")
    return named[name]


def needed(point: EntryPoint) -> tuple[str, ...]:
    """The packages of the extras that an entry point names, as lines of a requirements file for this machine."""
    from packaging.requirements import Requirement

    found = []
    for one in map(Requirement, point.dist.requires or ()) if point.dist and point.extras else ():
        if one.marker and any(one.marker.evaluate({"extra": name}) for name in point.extras):
            one.marker = None
            found.append(str(one))
    return tuple(found)


def _complete(point: EntryPoint) -> bool:
    """Whether the packages of the extras that an entry point names are installed."""
    from packaging.requirements import Requirement

    return all(_is_installed(Requirement(package).name) for package in needed(point))


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _baseline(point: EntryPoint, hashed: dict[Path, str]) -> Entry:
    """The digest covers the package's version, all the code beside the module, and the rooms that it learns by."""
    package = point.dist.name if point.dist else point.module.partition(".")[0]
    made_of = [point.value, package, version(package) if point.dist else "", baseline_code(point.module, hashed)]
    kind = point.group.removeprefix(GROUP).strip(".")
    source = Source("baseline", point.name)
    return Entry(point.name, source, digest(made_of), team="", baseline=True, kinds=(kind,) if kind else ())


def read_entry(path: Path, *, name: str = "", team: str = "") -> Entry:
    """What lies at `path`: a Python file, or a folder with entry.toml, a single Python file, or prediction files.

    The entry's source folder is `path` itself. Raises NotFound or EntryError in one sentence.
    """
    if not path.exists():
        near = (
            difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*")], 1)
            if path.parent.exists()
            else []
        )
        raise NotFound(f"There is no entry at {path}" + (f"; did you mean {near[0]}?" if near else "."))
    try:
        return _read(path, name, team)
    except (RecursionError, MemoryError) as error:
        raise EntryError(f"{path} is nested too deeply, or is too large, to be read as an entry.") from error
    except OSError as error:
        raise EntryError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read(path: Path, name: str, team: str) -> Entry:
    if path.is_file():
        if path.suffix != ".py":
            raise EntryError(f"{path} is not a Python file; an entry is a .py file, or a folder with entry.toml.")
        _check_code(path, "")
        return _named(Source("code", _module(path), str(path)), {}, name or path.stem, team, {})
    files = _files(path)
    settings = _settings(path)
    named = name or settings.get("name") or path.name
    team = team or settings.get("team", "")
    source = _source(path, settings, files)
    made = _named(source, settings.get("parameters", {}), named, team, settings.get("claims", {}))
    return replace(made, kinds=_kinds(path, settings))


def _kinds(path: Path, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of task that an entry is for; none where it says none, and so takes part everywhere."""
    given = settings.get("kinds", [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise EntryError(f'{path / "entry.toml"} gives kinds = {given!r}; it must be a list, kinds = ["tagging"].')
    for one in given:
        if one not in kinds():
            near = difflib.get_close_matches(one, kinds(), 1)
            mend = f"did you mean {near[0]!r}?" if near else f"kinds of task are {', '.join(kinds())}."
            raise EntryError(f"{path / 'entry.toml'} names the kind {one!r}, which there is not; {mend}")
    return tuple(given)


def object_entry(name: str, pickled: bytes, folder: Path) -> Entry:
    """An entry made of the caller's own pickled estimator, laid into `folder`."""
    check_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "object.pkl").write_bytes(pickled)
    return _named(Source("object", "object.pkl", str(folder)), {}, name, "", {})


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "entry.toml"
    if not path.exists():
        return {}
    _check_size(path)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EntryError(f"{path} is not valid TOML: {error}.") from error
    for key in settings:
        if key not in KNOWN:
            near = difflib.get_close_matches(key, KNOWN, 1)
            raise EntryError(f"{path} has an unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    if settings.get("protocol", ENTRY_PROTOCOL) != ENTRY_PROTOCOL:
        raise EntryError(f"{path} says protocol = {settings['protocol']!r}; this Bakeoff speaks {ENTRY_PROTOCOL}.")
    for key in ("parameters", "claims"):
        if not isinstance(settings.get(key, {}), dict):
            raise EntryError(f"{path} gives {key} = {settings[key]!r}; it must be a table, [{key}].")
        _check_values(path, key, settings.get(key, {}))
    try:
        read_claim(settings.get("claims"))
    except Refused as refused:
        raise EntryError(f"{path}: {refused}") from refused
    for key in WORDS:
        if not isinstance(settings.get(key, ""), str):
            raise EntryError(f'{path} gives {key} = {settings[key]!r}; it must be text, {key} = "...".')
    return settings


def _check_values(path: Path, key: str, value: object) -> None:
    """Refuse what JSON, which carries parameters to the worker, cannot hold: TOML's dates and times."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_values(path, f"{key}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            _check_values(path, key, inner)
    elif not isinstance(value, (str, int, float, bool)):
        named = clean(key, 200)
        raise EntryError(f"{path} gives {named} = {value}, a {type(value).__name__}; write it as text in quotes.")


def _source(path: Path, settings: Mapping[str, Any], files: list[Path]) -> Source:
    if "predictions" in settings:
        return Source("predictions", _predictions(path, settings["predictions"], files), str(path))
    if "algorithm" in settings:
        module, colon, attribute = settings["algorithm"].partition(":")
        parts = module.split(".")
        if not all(part.isidentifier() for part in (*parts, *([attribute] if colon else []))):
            raise EntryError(
                f"{path / 'entry.toml'} gives algorithm = {settings['algorithm']!r}; "
                'it must name a class of a module in the entry\'s folder, as in "model:Model".'
            )
        file = path.joinpath(*parts).with_suffix(".py")
        if file not in files:
            raise EntryError(f"{path / 'entry.toml'} names the module {module!r}, but there is no {file.name}.")
        _check_code(file, attribute)
        return Source("code", settings["algorithm"], str(path))
    code = [file for file in files if file.suffix == ".py" and file.parent == path]
    if len(code) == 1:
        _check_code(code[0], "")
        return Source("code", _module(code[0]), str(path))
    if not code and any(file.suffix in ANSWERS and file.parent == path for file in files):
        return Source("predictions", ".", str(path))
    raise EntryError(
        f'{path} has no entry.toml and {len(code)} Python files; add entry.toml with algorithm = "module:Class", '
        "or start from: bakeoff new entry DIR"
    )


def _predictions(path: Path, given: str, files: list[Path]) -> str:
    """The folder of prediction files inside the entry's own folder, as a plain relative path."""
    inner = PurePosixPath(given)
    folder = path / inner
    outside = not given or "\0" in given or "\\" in given or inner.is_absolute() or ".." in inner.parts
    if outside or not folder.resolve().is_relative_to(path.resolve()):
        raise EntryError(
            f"{path / 'entry.toml'} gives predictions = {given!r}; it must name a folder inside the entry's own."
        )
    if not folder.is_dir():
        raise EntryError(f"{path / 'entry.toml'} names a folder {given!r} that is not there.")
    if not any(file.parent == folder and file.suffix in ANSWERS for file in files):
        raise EntryError(f"{folder} holds no prediction files; put TASK.csv or TASK.parquet there for each task.")
    return str(inner)


def _module(file: Path) -> str:
    """The name that a file is imported by."""
    if "." in file.stem:
        raise EntryError(f"{file} cannot be imported for the dot in its name; call it {file.stem.split('.')[0]}.py.")
    return file.stem


def _check_size(file: Path) -> None:
    """Refuse what is too large to be parsed outside of a box."""
    size = file.stat().st_size
    if size > MOST_READ:
        raise EntryError(
            f"{file} has {size / 2**20:,.1f} MiB; code and settings may have {MOST_READ >> 20} MiB a file, "
            "so put data into files of their own."
        )


def _check_code(file: Path, attribute: str) -> None:
    """Refuse early what could never run, by parsing the code without running it."""
    _check_size(file)
    try:
        tree = parsed(file)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where, why = f", line {line}" if line else "", clean(str(error.args[0]), 200)
        raise EntryError(f"{file} is not valid Python{where}: {why}.") from error
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    dynamic = any(isinstance(node, (ast.ImportFrom, ast.If, ast.Try, ast.For, ast.With)) for node in tree.body)
    if attribute and attribute not in names and not dynamic:
        near = difflib.get_close_matches(attribute, names, 1)
        raise EntryError(f"{file} has no {attribute!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    if not attribute and not names:
        raise EntryError(f"{file} defines nothing to run; give it a class with fit and predict, or `algorithm = ...`.")


def _files(folder: Path) -> list[Path]:
    """An entry's own files; links are refused, since they could point at what the entry must not see."""
    files = []
    for path in sorted(folder.rglob("*")):
        if any(part in SKIPPED for part in path.relative_to(folder).parts):
            continue
        if path.is_symlink():
            raise EntryError(f"{path} is a link; an entry holds its files itself.")
        if not str(path.relative_to(folder)).isprintable():
            raise EntryError(f"{str(path)!r} has a name that cannot be printed; give the file a plain name.")
        if path.is_file():
            files.append(path)
    size = sum(path.stat().st_size for path in files)
    if size > LARGEST:
        raise EntryError(f"{folder} holds {size >> 20} MiB; an entry may hold {LARGEST >> 20} MiB.")
    return files


def check_name(name: str, noun: str = "an entry") -> None:
    """Refuse a name that could not stand on a board or in the name of a file."""
    plain_name = name and "/" not in name and name == name.strip() and name.isprintable() and name.strip(".")
    if not plain_name or len(name) > LONGEST_NAME:
        raise EntryError(f"{name[:LONGEST_NAME]!r} cannot name {noun}; use letters, digits, dots and dashes.")


def _named(source: Source, parameters: Mapping[str, Any], name: str, team: str, claims: Mapping[str, Any]) -> Entry:
    check_name(name)
    if team:
        check_name(team, "a team")
    root = Path(source.folder)
    files = [root] if root.is_file() else [file for file in _files(root) if file.name != "entry.toml"]
    code = [[file.name if root.is_file() else str(file.relative_to(root)), hash_of(file)] for file in files]
    environment = next((hash_of(file) for file in files if file == root / "requirements.txt"), "")
    made_of = [code, source.form, source.what, parameters, environment]
    # What an entry imports of a baseline is code that it does not hold; others keep the digest that they had.
    if source.form == "code" and (stands_on := borrowed(files, algorithm_points())):
        made_of.append(stands_on)
    return Entry(name, source, digest(made_of), team, dict(parameters), environment, dict(claims))


def keep_entry(entry: Entry, folder: Path) -> Entry:
    """Copy an entry's files to `folder`/DIGEST, where later changes to the original cannot reach them."""
    home = folder / entry.digest
    source = Path(entry.source.folder)
    if not home.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{entry.digest[:16]}-", dir=folder) as making:
            whole = Path(making) / "whole"
            _copy(source, whole)
            # Another process may keep the same entry at the same time; the first wins, and both are the same.
            with contextlib.suppress(OSError):
                whole.rename(home)
        if not home.exists():
            raise StoreError(f"The entry {entry.name!r} could not be kept in {folder}; is the disk full?")
    kept = Source(entry.source.form, entry.source.what, str(home))
    return replace(entry, source=kept)


def _copy(source: Path, whole: Path) -> None:
    whole.mkdir()
    for file in [source] if source.is_file() else _files(source):
        target = whole / (file.name if source.is_file() else file.relative_to(source))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
