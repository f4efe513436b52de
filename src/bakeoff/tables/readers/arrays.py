"""Cells of other worlds as arrow arrays: Python values, types that differ between batches, and nested records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from bakeoff.tables.readers.streams import batch_of

PLAIN = frozenset({type(None), str, int, float, bool, bytes, datetime})
DEPTH = 8  # records within records that are taken apart


def array_of(values: Sequence[Any]) -> tuple[Any, bool]:
    """An arrow array of Python cells, and whether they were of several kinds, so that all had to become texts.

    Decimals become float64, days timestamps, identifiers and clock times texts; whole numbers beyond 64 bits make a
    column of texts, since nothing else would keep them.
    """
    import pyarrow as pa

    cells: Sequence[Any] = values
    if not set(map(type, cells)) <= PLAIN:
        cells = [cell if type(cell) in PLAIN else _plain(cell) for cell in cells]
    kinds = {kind for kind in set(map(type, cells)) if kind is not type(None)}
    if int in kinds and any(type(cell) is int and not -(2**63) <= cell < 2**63 for cell in cells):
        return pa.array([as_text(cell) for cell in cells], pa.large_string()), False
    try:
        if bool in kinds and len(kinds) > 1:
            raise TypeError("arrow would take some truth values for numbers")
        found = pa.array(cells, from_pandas=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        if kinds <= {int, float}:
            return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64()), False
        return pa.array([as_text(cell) for cell in cells], pa.large_string()), len(kinds) > 1
    settled = settled_type(found.type)
    return cast(found, settled), False


def settled_type(kind: Any) -> Any:
    """The arrow type in which a column is handed on: wide texts and bytes, float64 for decimals, no days.

    Lists of anything but texts, numbers and truth values become texts that hold JSON.
    """
    import pyarrow as pa
    from pyarrow import types

    if is_list(kind):
        inner = settled_type(kind.value_type)
        if types.is_nested(inner):
            return pa.large_string()
        return pa.large_list(pa.large_string() if types.is_null(inner) else inner)
    settled = {
        pa.large_string(): (types.is_string, types.is_string_view, types.is_time),
        pa.large_binary(): (types.is_binary, types.is_fixed_size_binary, types.is_binary_view),
        pa.float64(): (types.is_decimal, types.is_floating, types.is_uint64),
        pa.int64(): (types.is_integer,),
        pa.timestamp("us"): (types.is_date,),
    }
    return next((made for made, tests in settled.items() if any(test(kind) for test in tests)), kind)


def is_picture(kind: Any) -> bool:
    """Whether an arrow type is the record of bytes and path as which `datasets` keeps a picture."""
    from pyarrow import types

    return bool(types.is_struct(kind)) and {"bytes"} <= {field.name for field in kind} <= {"bytes", "path"}


def is_list(kind: Any) -> bool:
    """Whether an arrow type is any kind of list."""
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def merged(one: Any, other: Any) -> Any:
    """The type that holds the cells of two settled types, None when only texts can."""
    import pyarrow as pa
    from pyarrow import types

    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if types.is_timestamp(one) and types.is_timestamp(other) and (one.tz is None) == (other.tz is None):
        return pa.timestamp("us", tz=one.tz and "UTC")
    if is_list(one) and is_list(other):
        inner = merged(one.value_type, other.value_type)
        return pa.large_list(pa.large_string() if inner is None else inner)
    return None


def cast(array: Any, kind: Any) -> Any:
    """An array in a settled or merged type; what arrow cannot cast is written as text or JSON, cell by cell."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    if array.type == kind:
        return array
    if types.is_null(array.type):
        return pa.nulls(len(array), kind)
    plain = types.is_primitive(array.type) or types.is_string(array.type) or types.is_decimal(array.type)
    texts = types.is_large_string(kind)
    if (plain or not texts) and not (texts and types.is_temporal(array.type)):
        try:
            return pc.cast(array, kind, safe=not types.is_floating(kind))
        except pa.ArrowException:
            if not texts and not is_list(kind):
                raise
    cells = array.to_pylist()
    if texts:
        return pa.array([as_text(cell) for cell in cells], kind)
    return pa.array([cell if cell is None else [as_text(item) for item in cell] for cell in cells], kind)


def flattened(batch: Any) -> Any:
    """A batch in which each record (struct) column `a` is one column `a.b` for each of its fields, save pictures."""
    from pyarrow import types

    for _ in range(DEPTH):
        if not any(types.is_struct(field.type) and not is_picture(field.type) for field in batch.schema):
            break
        arrays, names = [], []
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if types.is_struct(array.type) and not is_picture(array.type):
                arrays += array.flatten()
                names += [f"{name}.{array.type.field(place).name}" for place in range(array.type.num_fields)]
            else:
                arrays.append(array)
                names.append(name)
        batch = batch_of(arrays, names) if arrays else batch.select([])
    return batch


def unnested(row: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """A mapping in which records within records are one field `a.b` each."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{under}.{key}" if under else str(key)
        if isinstance(value, dict) and name.count(".") < DEPTH:
            found.update(unnested(value, name))
        else:
            found[name] = value
    return found


def as_text(cell: Any) -> str | None:
    """A cell as the text it would have in a CSV file; lists and records as JSON."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return bytes(cell).decode("utf-8", "replace")
    if isinstance(cell, (list, tuple, dict)):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell.isoformat()) if hasattr(cell, "isoformat") else str(cell)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, set, frozenset, tuple)):
        kinds = {type(item) for item in value}
        if kinds & {dict, list, tuple}:
            return as_text(list(value))
        return list(value) if len(kinds) == 1 or kinds == {int, float} else [as_text(item) for item in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return next((make(value) for kind, make in MADE.items() if isinstance(value, kind)), value)


MADE: Mapping[type, Callable[[Any], Any]] = {
    Decimal: float,
    memoryview: bytes,
    UUID: str,
    time: str,
    dict: as_text,
    str: str,
}
