"""A large file is added in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

BENCH = Path(__file__).parents[2] / "bench"
ROWS = 700_000
BOUND = 900  # MiB, imports included; as Python objects the cells alone would take more


@pytest.mark.slow
def test_a_file_of_300_megabytes_is_added_in_less_memory_than_its_cells_take(tmp_path: Path) -> None:
    making = f"import table_add; table_add.make(table_add.Path({str(tmp_path / 'large.csv')!r}), {ROWS})"
    subprocess.run([sys.executable, "-c", making], cwd=BENCH, check=True)
    assert (tmp_path / "large.csv").stat().st_size > 290 * 2**20
    command = [sys.executable, str(BENCH / "table_add.py"), "--side", "bakeoff", str(tmp_path / "large.csv")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["peak"] < BOUND, found
    files = [pq.ParquetFile(tmp_path / "table" / f"{part}.parquet") for part in ("train", "test")]
    assert sum(file.metadata.num_rows for file in files) == ROWS
    assert all(file.metadata.row_group(0).num_rows <= 2**17 for file in files)
