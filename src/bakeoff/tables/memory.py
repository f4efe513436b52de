"""Arrow's memory while a large table is worked on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

KEPT, USUAL = 10_000, 1_000  # milliseconds for which jemalloc keeps memory that was given back; Arrow's default
_turn = threading.Lock()
_former: list[Any] = []  # the pool that each one inside found; the last to leave takes the first


@contextmanager
def roomy(large: bool) -> Iterator[None]:
    """Within it, memory that Arrow has given back is kept for what it asks for next, where the table is `large`.

    The blocks of columns come and go by the thousand, and each time the system clears their pages anew. A memory pool
    chosen in the environment (ARROW_DEFAULT_MEMORY_POOL) stays, and so does Arrow's own where it has no jemalloc.
    """
    import pyarrow as pa

    suited = _pool() if large else None
    if suited is None:
        yield
        return
    with _turn:
        _former.append(pa.default_memory_pool())
        pa.set_memory_pool(suited)
        pa.jemalloc_set_decay_ms(KEPT)
    try:
        yield
    finally:
        with _turn:
            pa.set_memory_pool(_former.pop())
            if not _former:
                pa.jemalloc_set_decay_ms(USUAL)


def _pool() -> Any:
    import pyarrow as pa

    if os.environ.get("ARROW_DEFAULT_MEMORY_POOL"):
        return None
    try:
        return pa.jemalloc_memory_pool()
    except NotImplementedError:
        return None
