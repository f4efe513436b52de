"""Entries as people hand them in: a file, a folder with entry.toml, a fitted-to-be object, or prediction files.

Nothing of an entry is ever imported here; its code is only hashed, copied and parsed.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import shutil
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Any

from bakeoff.errors import EntryError, NotFound
from bakeoff.nouns import ENTRY_PROTOCOL, Entry, Source, digest

KNOWN = ("protocol", "name", "team", "algorithm", "predictions", "parameters", "claims")
LARGEST = 256 << 20
SKIPPED = ("__pycache__", ".git", ".venv", ".ipynb_checkpoints")

SCAFFOLD_MODEL = '''"""A Bakeoff entry: any class with fit and predict_proba (or predict) on a pandas DataFrame."""

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from skrub import tabular_pipeline


class Model:
    """skrub's features and scikit-learn's gradient boosting; make it yours."""

    def __init__(self, learning_rate=0.1):
        self.learning_rate = learning_rate

    def fit(self, X, y, schema):
        # schema tells the columns' types, the classes, the seed and the time budget; leave it out if you need none.
        boosting = HistGradientBoostingRegressor if schema.kind == "regression" else HistGradientBoostingClassifier
        images = schema.of_type("image")
        self.seen = [name for name in X.columns if name not in images]
        learner = boosting(learning_rate=self.learning_rate, random_state=schema.seed)
        self.pipeline = tabular_pipeline(learner).fit(X[self.seen], y)
        self.classes_ = getattr(self.pipeline, "classes_", None)
        return self

    def predict(self, X):
        return self.pipeline.predict(X[self.seen])

    def predict_proba(self, X):
        return self.pipeline.predict_proba(X[self.seen])
'''

SCAFFOLD_TOML = """protocol = 1
name = "{name}"
team = "{team}"
algorithm = "model:Model"

[parameters]
learning_rate = 0.1

# What you promise about the entry, for example: epsilon = 3.0, delta = 1e-5, unit = "record"
[claims]
"""


def baselines() -> list[Entry]:
    """The house's entries, and any other package's, from the entry-point group `bakeoff.algorithms`."""
    points = sorted(entry_points(group="bakeoff.algorithms"), key=lambda point: point.name)
    return [_baseline(point) for point in points]


def _baseline(point: EntryPoint) -> Entry:
    """The digest covers the package's version and the module's own file, found without importing it."""
    package = point.dist.name if point.dist else point.module.partition(".")[0]
    spec = importlib.util.find_spec(point.module)
    code = Path(spec.origin).read_bytes() if spec and spec.origin else b""
    made_of = [point.value, package, version(package) if point.dist else "", hashlib.sha256(code).hexdigest()]
    return Entry(point.name, Source("baseline", point.name), digest(made_of), team="", baseline=True)


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
    if path.is_file():
        if path.suffix != ".py":
            raise EntryError(f"{path} is not a Python file; an entry is a .py file, or a folder with entry.toml.")
        _check_code(path, "")
        return _named(Source("code", path.stem, str(path)), {}, name or path.stem, team, {})
    files = _files(path)
    settings = _settings(path)
    named = name or settings.get("name") or path.name
    team = team or settings.get("team", "")
    source = _source(path, settings, files)
    return _named(source, settings.get("parameters", {}), named, team, settings.get("claims", {}))


def object_entry(name: str, pickled: bytes, folder: Path) -> Entry:
    """An entry made of the caller's own pickled estimator, laid into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "object.pkl").write_bytes(pickled)
    return _named(Source("object", "object.pkl", str(folder)), {}, name, "", {})


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "entry.toml"
    if not path.exists():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EntryError(f"{path} is not valid TOML: {error}.") from error
    for key in settings:
        if key not in KNOWN:
            near = difflib.get_close_matches(key, KNOWN, 1)
            raise EntryError(f"{path} has an unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    if settings.get("protocol", ENTRY_PROTOCOL) != ENTRY_PROTOCOL:
        raise EntryError(f"{path} says protocol = {settings['protocol']}; this Bakeoff speaks {ENTRY_PROTOCOL}.")
    for key in ("parameters", "claims"):
        if not isinstance(settings.get(key, {}), dict):
            raise EntryError(f"{path} gives {key} = {settings[key]!r}; it must be a table, [{key}].")
    return settings


def _source(path: Path, settings: Mapping[str, Any], files: list[Path]) -> Source:
    if "predictions" in settings:
        if not (path / str(settings["predictions"])).is_dir():
            raise EntryError(f"{path / 'entry.toml'} names a folder {settings['predictions']!r} that is not there.")
        return Source("predictions", str(settings["predictions"]), str(path))
    if "algorithm" in settings:
        module, _, attribute = str(settings["algorithm"]).partition(":")
        file = path / (module.replace(".", "/") + ".py")
        if not file.exists():
            raise EntryError(f"{path / 'entry.toml'} names the module {module!r}, but there is no {file.name}.")
        _check_code(file, attribute)
        return Source("code", str(settings["algorithm"]), str(path))
    code = [file for file in files if file.suffix == ".py" and file.parent == path]
    if len(code) == 1:
        _check_code(code[0], "")
        return Source("code", code[0].stem, str(path))
    if not code and any(file.suffix in (".csv", ".parquet") for file in files):
        return Source("predictions", ".", str(path))
    raise EntryError(
        f'{path} has no entry.toml and {len(code)} Python files; add entry.toml with algorithm = "module:Class", '
        "or start from: bakeoff new entry DIR"
    )


def _check_code(file: Path, attribute: str) -> None:
    """Refuse early what could never run, by parsing the code without running it."""
    try:
        parsed = ast.parse(file.read_bytes(), filename=file.name)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise EntryError(f"{file} is not valid Python{f', line {line}' if line else ''}: {error.args[0]}.") from error
    names = set()
    for node in parsed.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    dynamic = any(isinstance(node, (ast.ImportFrom, ast.If, ast.Try, ast.For, ast.With)) for node in parsed.body)
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
        if path.is_file():
            files.append(path)
    size = sum(path.stat().st_size for path in files)
    if size > LARGEST:
        raise EntryError(f"{folder} holds {size >> 20} MiB; an entry may hold {LARGEST >> 20} MiB.")
    return files


def _named(source: Source, parameters: Mapping[str, Any], name: str, team: str, claims: Mapping[str, Any]) -> Entry:
    if not name or "/" in name or name != name.strip() or not name.isprintable():
        raise EntryError(f"{name!r} cannot name an entry; use letters, digits, dots and dashes.")
    root = Path(source.folder)
    files = [root] if root.is_file() else [file for file in _files(root) if file.name != "entry.toml"]
    code = [[file.name if root.is_file() else str(file.relative_to(root)), _hash(file)] for file in files]
    environment = next((_hash(file) for file in files if file == root / "requirements.txt"), "")
    made_of = [code, source.form, source.what, parameters, environment]
    return Entry(name, source, digest(made_of), team, dict(parameters), environment, dict(claims))


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def keep_entry(entry: Entry, folder: Path) -> Entry:
    """Copy an entry's files to `folder`/DIGEST, where later changes to the original cannot reach them."""
    home = folder / entry.digest
    source = Path(entry.source.folder)
    if not home.exists():
        beside = folder / f"{entry.digest}.partial"
        shutil.rmtree(beside, ignore_errors=True)
        if source.is_file():
            beside.mkdir(parents=True)
            shutil.copyfile(source, beside / source.name)
        else:
            for file in _files(source):
                target = beside / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        beside.rename(home)
    kept = Source(entry.source.form, entry.source.what, str(home))
    return Entry(entry.name, kept, entry.digest, entry.team, entry.parameters, entry.environment, entry.claims)


def write_scaffold(folder: Path, team: str = "") -> None:
    """A new entry that runs as it is, to start from; NotFound when its folder is taken."""
    if folder.exists() and any(folder.iterdir()):
        raise EntryError(f"{folder} is not empty; give the new entry a folder of its own.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(SCAFFOLD_MODEL, encoding="utf-8")
    (folder / "entry.toml").write_text(SCAFFOLD_TOML.format(name=folder.name, team=team), encoding="utf-8")
    (folder / "requirements.txt").write_text(
        "# Packages beyond the house's own, one a line; resolved once and mounted read-only.\n", encoding="utf-8"
    )
