"""What crosses the wall: the parent's code never unpickles, imports, runs or parses what an entry wrote."""

import ast
from pathlib import Path

import pytest

import bakeoff.arena

ARENA = Path(bakeoff.arena.__file__).parent
# What runs inside the box beside what strangers wrote; nothing of the parent's imports their work.
INSIDE = {
    *("wall/worker.py", "chores.py", "predictions.py", "uploads_inside.py", "unpacking.py", "sdists_inside.py"),
}
# Where the parent reads what the house itself wrote, or what the caller has asked for by name.
OWN = {
    ("__init__.py", "importlib.import_module"): "the room's own modules, by names that stand there",
    ("card_text.py", "PIL.Image.open"): "small pictures of a card, which the house has drawn",
    ("store/bundle.py", "zipfile.ZipFile"): "the organiser's own backup",
    ("unconfined.py", "pickle.loads"): "a predictor that the caller loads with confined=False",
    ("requirements.py", "zipfile.ZipFile"): "a wheel's metadata, capped; pip reads the wheel outside the box as well",
}
RICH = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads", "joblib.load"),
    *("marshal.load", "marshal.loads", "shelve.open", "dill.loads", "torch.load", "numpy.load", "runpy.run_path"),
    *("runpy.run_module", "importlib.import_module", "eval", "exec", "compile", "__import__"),
    *("zipfile.ZipFile", "tarfile.open", "PIL.Image.open", "yaml.load", "h5py.File"),
    *("pyarrow.parquet.read_table", "pyarrow.parquet.ParquetFile", "pyarrow.parquet.read_pandas"),
    *("pyarrow.ipc.open_file", "pyarrow.ipc.open_stream", "pyarrow.ipc.read_record_batch", "pyarrow.csv.read_csv"),
    *("pyarrow.deserialize", "pyarrow.json.read_json", "xml.etree.ElementTree.parse"),
}


def rich_calls(source: str) -> list[str]:
    """The full names of the calls in a module's code that parse a rich format or run what they read."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            words = ast.unparse(node.func).split(".")
            full = ".".join([names.get(words[0], words[0]), *words[1:]])
            if full in RICH or (full.startswith("pandas.read_")):
                found.append(full)
    return found


def modules() -> list[Path]:
    return [path for path in sorted(ARENA.rglob("*.py")) if str(path.relative_to(ARENA)) not in INSIDE]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ARENA)))
def test_the_parent_parses_nothing_rich(path):
    name = str(path.relative_to(ARENA))
    breaches = [call for call in rich_calls(path.read_text(encoding="utf-8")) if (name, call) not in OWN]
    assert breaches == []


@pytest.mark.parametrize(
    ("planted", "call"),
    [
        ("import pickle\ndef f(p): return pickle.load(p)", "pickle.load"),
        ("from pickle import loads as l\nl(b'')", "pickle.loads"),
        ("def f():\n    import cloudpickle as c\n    return c.loads(b'')", "cloudpickle.loads"),
        ("import pandas as pd\npd.read_parquet('x')", "pandas.read_parquet"),
        ("import pyarrow.parquet as pq\npq.read_table('x')", "pyarrow.parquet.read_table"),
        ("import pyarrow.ipc\npyarrow.ipc.open_file('x')", "pyarrow.ipc.open_file"),
        ("from PIL import Image\nImage.open('x')", "PIL.Image.open"),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", "numpy.load"),
        ("from importlib import import_module\nimport_module('x')", "importlib.import_module"),
        ("exec('x')", "exec"),
    ],
)
def test_a_planted_breach_is_found(planted, call):
    assert rich_calls(planted) == [call]


def test_what_is_excused_is_still_there():
    """An excuse that is no longer needed would cover the next breach."""
    assert {str(path.relative_to(ARENA)) for path in ARENA.rglob("*.py")} >= INSIDE
    for name, call in OWN:
        assert call in rich_calls((ARENA / name).read_text(encoding="utf-8"))


def test_the_parent_imports_no_module_that_runs_inside_for_its_work():
    """The reading functions of those modules are called in the box alone; constants and names may be shared."""
    doing = {"read_predictions", "load_code", "load_algorithm", "send_table", "send_picture", "send_wheel", "pieces"}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bakeoff.arena"):
                assert {alias.name for alias in node.names} & doing == set(), path.name
