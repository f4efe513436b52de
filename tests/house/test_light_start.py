"""Importing the package and asking for help load nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    *("torch", "transformers", "ray", "flwr", "pandas", "sklearn", "skrub", "lightgbm", "scipy", "numpy", "pyarrow"),
    *("matplotlib", "PIL", "sqlalchemy", "alembic", "jinja2", "fastapi", "starlette", "cloudpickle", "psutil"),
}
HELP = """
import sys
sys.argv = ["bakeoff", {arguments}]
from bakeoff.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
TELL = "\nimport sys; print(); print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running `code`."""
    done = subprocess.run([sys.executable, "-c", code + TELL], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def help_of(*arguments: str) -> str:
    return HELP.format(arguments=", ".join(map(repr, [*arguments, "--help"])))


@pytest.mark.parametrize(
    "code",
    [
        "import bakeoff",
        "import bakeoff.training",
        "import bakeoff; bakeoff.__version__; bakeoff.Schema; bakeoff.Declined; dir(bakeoff)",
        help_of(),
        help_of("compare"),
        help_of("board"),
        help_of("table", "add"),
    ],
    ids=["import", "training", "light names", "bakeoff", "compare", "board", "table add"],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded(code) & HEAVY == set()


@pytest.mark.parametrize("name", ["pandas", "sklearn", "numpy", "sqlalchemy"])
def test_the_check_sees_a_heavy_import(name):
    assert name in loaded(f"import bakeoff, {name}") & HEAVY
