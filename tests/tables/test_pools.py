"""Memory that Arrow gives back is kept while a large table is worked on, and no longer."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bakeoff.tables.memory import roomy


def test_a_large_table_is_worked_on_in_a_pool_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    if "jemalloc" not in pa.supported_memory_backends():
        pytest.skip("this Arrow has no jemalloc")
    former = pa.default_memory_pool().backend_name
    with roomy(False):
        assert pa.default_memory_pool().backend_name == former
    first, second = roomy(True), roomy(True)
    for one in (first, second):
        one.__enter__()
        assert pa.default_memory_pool().backend_name == "jemalloc"
    first.__exit__(None, None, None)
    # Another table is still being worked on.
    assert pa.default_memory_pool().backend_name == "jemalloc"
    second.__exit__(None, None, None)
    assert pa.default_memory_pool().backend_name == former
    with pytest.raises(ValueError, match="stop"), roomy(True):
        raise ValueError("stop")
    assert pa.default_memory_pool().backend_name == former


def test_a_pool_that_somebody_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "system")
    former = pa.default_memory_pool().backend_name
    with roomy(True):
        assert pa.default_memory_pool().backend_name == former
