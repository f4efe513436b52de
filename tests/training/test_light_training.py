"""The room is light to import, and says what is missing where torch is."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules['torch'] = None\n"
LIGHT = """
import sys
import bakeoff.training
from bakeoff.training import Known, Preparation, Recipe, Clock, Source, DataStep, TableReader, Records, Temperature
dir(bakeoff.training)
print('torch' in sys.modules, 'transformers' in sys.modules)
"""


def said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_room_is_imported_without_torch():
    assert said(LIGHT) == "False False"


def test_the_check_can_fail():
    pytest.importorskip("torch")
    assert said("from bakeoff.training import fit\n" + LIGHT) == "True False"


def test_where_torch_is_missing_one_sentence_brings_it():
    code = WITHOUT + (
        "from bakeoff.errors import MissingExtra\n"
        "try:\n    from bakeoff.training import fit\nexcept MissingExtra as missing: print(missing)\n"
    )
    assert said(code) == (
        "This needs the package 'torch', which is not installed; install it with: pip install 'bakeoff[neural]'"
    )


def test_the_network_baseline_declines_where_torch_is_missing():
    code = WITHOUT + (
        "import pandas as pd\n"
        "from bakeoff.algorithms import Network\n"
        "from bakeoff.errors import Declined\n"
        "from bakeoff.nouns import Column, ColumnType, Schema\n"
        "schema = Schema((Column('a', ColumnType.NUMERIC),), 'classification', 't', 'auc', (0, 1), 0, 9.0)\n"
        "try:\n    Network().fit(pd.DataFrame({'a': [1.0, 2.0]}), [0, 1], schema=schema)\n"
        "except Declined as declined: print(declined)\n"
    )
    assert "'torch', which is not installed; install it with: pip install 'bakeoff[neural]'" in said(code)


def test_an_unknown_name_is_an_attribute_error():
    import bakeoff.training

    with pytest.raises(AttributeError, match=r"module 'bakeoff.training' has no attribute 'train'"):
        bakeoff.training.train  # noqa: B018
