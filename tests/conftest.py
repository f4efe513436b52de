"""What every test may ask for."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from postgres_server import serving, why_no_postgresql

REPOSITORY = Path(__file__).parents[1]

os.environ.setdefault("MPLBACKEND", "Agg")
# A test must not fail on time alone, which on a busy machine an example's 200 ms are.
# And what is said of a change must not hang on the examples that chance drew for it: each test has its own, the same
# every time, and `make search` is what looks for others.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=300, print_blob=True)
hypothesis.settings.load_profile("fixed")


def _why_no_bubblewrap() -> str:
    from bakeoff.arena.wall.confinement import why_no_bubblewrap

    return why_no_bubblewrap()


def _why_no_chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found and importlib.util.find_spec("playwright"):
        return ""
    return "chromium and playwright are needed; install them with: apt install chromium; pip install playwright"


def _why_no_torch() -> str:
    found = importlib.util.find_spec("torch")
    return "" if found else "torch is not installed; install it with: pip install 'bakeoff[neural]'"


def _why_no(package: str, extra: str) -> str:
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        found = None
    return "" if found else f"{package} is not installed; install it with: pip install 'bakeoff[{extra}]'"


def _why_no_tabpfn() -> str:
    if why := _why_no("tabpfn", "tabpfn"):
        return why
    from bakeoff.algorithms.tabpfn_prior import found_weights
    from bakeoff.errors import Declined

    try:
        for regression in (False, True):
            found_weights(regression)
    except Declined as missing:
        return str(missing)
    return ""


CHECKS: dict[str, Callable[[], str]] = {
    "bubblewrap": _why_no_bubblewrap,
    "chromium": _why_no_chromium,
    "postgresql": why_no_postgresql,
    "torch": _why_no_torch,
    "catboost": lambda: _why_no("catboost", "catboost"),
    "xgboost": lambda: _why_no("xgboost", "xgboost"),
    "crfsuite": lambda: _why_no("pycrfsuite", "language"),
    "tokenizers": lambda: _why_no("tokenizers", "language"),
    "transformers": lambda: _why_no("transformers", "text"),
    "tabpfn": _why_no_tabpfn,
    "autogluon": lambda: _why_no("autogluon.tabular", "autogluon"),
    "sacrebleu": lambda: _why_no("sacrebleu", "language"),
    "rouge-score": lambda: _why_no("rouge_score", "language"),
    "dp-accounting": lambda: _why_no("dp_accounting", "privacy"),
    "prv-accountant": lambda: _why_no("prv_accountant", "dev"),
    "seqeval": lambda: _why_no("seqeval", "dev"),
}


def required() -> frozenset[str]:
    """The means whose absence fails a test instead of skipping it, from BAKEOFF_REQUIRE (comma separated)."""
    return frozenset(filter(None, os.environ.get("BAKEOFF_REQUIRE", "").split(",")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long checks out unless a mark expression asks for them, or a test is named outright."""
    if config.getoption("markexpr") or any("::" in word for word in config.args):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def require() -> Callable[[str], None]:
    """Call `require("bubblewrap")`: a test is skipped when it is missing, and fails when it was promised."""

    def check(name: str) -> None:
        why = CHECKS[name]()
        if why and name in required():
            pytest.fail(f"BAKEOFF_REQUIRE promises {name}, but: {why}")
        if why:
            pytest.skip(why)

    return check


@pytest.fixture(scope="session")
def bakeoff_data() -> Path:
    """The folder of public data sets: BAKEOFF_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("BAKEOFF_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        if "data" in required():
            pytest.fail(f"BAKEOFF_REQUIRE promises data, but there is no folder {folder}.")
        pytest.skip(f"there is no folder {folder}; set BAKEOFF_DATA to the public data sets")
    return folder


@pytest.fixture(scope="session")
def postgres(require: Callable[[str], None]) -> Iterator[str]:
    """The URL of a PostgreSQL server that runs while the tests do, with an empty database."""
    require("postgresql")
    with serving() as url:
        yield url
