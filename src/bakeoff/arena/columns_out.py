"""Columns of a table as raw buffers: taken apart inside a box, put together and checked by the parent.

A column crosses as a plain description of its type, the length of each buffer, and the buffers: validity bits, offsets,
fixed-size values, UTF-8. Only the types below can cross. Pictures cross as pixels, mixed cells as capped JSON lines.
The parent reads no format here: every length, offset and text is checked before anything else looks at it.
"""

from __future__ import annotations

import datetime
import decimal
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bakeoff.errors import Refused

PAYLOAD = 64 << 20  # bytes that one column of one piece may have
PIXELS = 16 * 10**6  # of one picture, four bytes each
PLAIN = (
    *("null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32"),
    *("float64", "date32", "date64", "large_string", "large_binary"),
)
UNITS = {
    "timestamp": ("s", "ms", "us", "ns"),
    "duration": ("s", "ms", "us", "ns"),
    "time32": ("s", "ms"),
    "time64": ("us", "ns"),
}
ZONE = re.compile(r"[A-Za-z0-9_+:/-]{1,64}")
MODES = ("L", "LA", "RGB", "RGBA")
DEEPEST = 4


def described(kind: Any) -> dict[str, Any]:
    """A pyarrow type in plain words; Refused for one that cannot cross."""
    from pyarrow import types

    name = str(kind)
    plain = {"halffloat": "float16", "float": "float32", "double": "float64"}.get(name, name)
    if types.is_date32(kind) or types.is_date64(kind):
        plain = "date32" if types.is_date32(kind) else "date64"
    if plain in PLAIN:
        return {"kind": plain}
    if types.is_timestamp(kind):
        return {"kind": "timestamp", "unit": kind.unit, "zone": kind.tz}
    if types.is_duration(kind) or types.is_time(kind):
        return {"kind": "duration" if types.is_duration(kind) else name[:6], "unit": kind.unit}
    if types.is_decimal128(kind):
        return {"kind": "decimal", "precision": kind.precision, "scale": kind.scale}
    if types.is_large_list(kind):
        return {"kind": "list", "item": described(kind.value_type)}
    if types.is_struct(kind):
        return {"kind": "struct", "fields": [[field.name, described(field.type)] for field in kind]}
    raise Refused(f"a column holds {name[:100]}, which cannot cross the wall; write it as text or numbers.")


def typed(said: object, depth: int = 0) -> Any:
    """The pyarrow type that plain words describe; Refused for any other words."""
    import pyarrow as pa

    if not isinstance(said, dict) or depth > DEEPEST:
        raise Refused("what came out of the box describes no column.")
    kind = said.get("kind")
    if kind in PLAIN:
        return getattr(pa, "bool_" if kind == "bool" else str(kind))()
    if kind in UNITS and said.get("unit") in UNITS[str(kind)]:
        zone = said.get("zone")
        if kind == "timestamp" and zone is not None:
            if not isinstance(zone, str) or not ZONE.fullmatch(zone):
                raise Refused("what came out of the box names no time zone.")
            return pa.timestamp(said["unit"], zone)
        return getattr(pa, str(kind))(said["unit"])
    precision, scale = said.get("precision"), said.get("scale")
    if kind == "decimal" and _whole(precision, 1, 38) and _whole(scale, -38, 38):
        return pa.decimal128(precision, scale)
    if kind == "list":
        return pa.large_list(typed(said.get("item"), depth + 1))
    fields = said.get("fields")
    named = isinstance(fields, list) and all(
        isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) for one in fields
    )
    if kind == "struct" and isinstance(fields, list) and named:
        return pa.struct([(name, typed(inner, depth + 1)) for name, inner in fields])
    raise Refused("what came out of the box describes a column that cannot cross.")


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


# Inside the box


def taken_apart(array: Any) -> tuple[dict[str, Any], bytes]:
    """One array (rows,) as a description and its raw bytes; Refused for what cannot cross."""
    import pyarrow as pa

    array = _plain(array)
    # Without an offset and without rows of which it is only a part.
    whole = pa.concat_arrays([array.take(pa.array(range(len(array)), pa.int64()))])
    said: dict[str, Any] = {"type": described(whole.type), "rows": len(whole), "buffers": []}
    held = io.BytesIO()
    for buffer in whole.buffers():
        said["buffers"].append(-1 if buffer is None else buffer.size)
        held.write(b"" if buffer is None else memoryview(buffer))
    return said, held.getvalue()


def _plain(array: Any) -> Any:
    """The array with types that cross in the place of those that mean the same."""
    import pyarrow as pa
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if types.is_string(kind):
        return array.cast(pa.large_string())
    if types.is_binary(kind) or types.is_fixed_size_binary(kind):
        return array.cast(pa.large_binary())
    if types.is_list(kind):
        return _plain(array.cast(pa.large_list(kind.value_type)))
    return fields_mapped(array, _plain) if types.is_struct(kind) else array


def fields_mapped(array: Any, change: Callable[[Any], Any]) -> Any:
    """A struct array with every field changed."""
    import pyarrow as pa

    flat = [change(child) for child in array.flatten()]
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(flat, names=[field.name for field in array.type], mask=mask)


def pixels(data: bytes) -> bytes:
    """A picture as mode, width, height and pixels; Refused for one that is too large, nothing for what is none."""
    from PIL import Image

    from bakeoff.tables.images import NotAnImage, _opened

    try:
        with _opened(data) as picture:
            if picture.width * picture.height > PIXELS:
                raise Refused(f"a picture has {picture.width} x {picture.height} pixels; {PIXELS:,} can cross.")
            clear = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
            mode = picture.mode if picture.mode in MODES else "RGBA" if clear else "RGB"
            shown: Image.Image = picture.convert(mode)
            size = shown.width.to_bytes(4, "little") + shown.height.to_bytes(4, "little")
            return bytes([MODES.index(mode)]) + size + shown.tobytes()
    except NotAnImage:
        return b""


def mixed(cells: Sequence[Any]) -> bytes:
    """Cells of several kinds as one JSON line each; Refused for a cell of a kind that cannot cross."""
    lines = []
    for cell in cells:
        if cell is None or isinstance(cell, (bool, str)):
            told: list[Any] = ["plain", cell]
        elif isinstance(cell, int):
            told = ["int", str(cell)]
        elif isinstance(cell, float):
            told = ["float", cell.hex()]
        elif isinstance(cell, decimal.Decimal):
            told = ["decimal", str(cell)]
        elif isinstance(cell, (datetime.datetime, datetime.date, datetime.time)):
            told = [type(cell).__name__.lower().replace("timestamp", "datetime"), cell.isoformat()]
        else:
            raise Refused(f"a cell holds a {type(cell).__name__}, which cannot cross the wall; write it as text.")
        lines.append(json.dumps(told))
    return "\n".join(lines).encode("ascii")


# The parent's side


def put_together(said: Mapping[str, Any], data: bytes, rows: int) -> Any:
    """The pyarrow array (rows,) of a description and raw bytes; Refused when anything about it is not as it must be."""
    import pyarrow as pa

    kind = typed(said.get("type"))
    lengths = said.get("buffers")
    if said.get("rows") != rows or not isinstance(lengths, list) or len(lengths) > 1000:
        raise Refused("a column came out of the box with other rows than were told.")
    if not all(_whole(length, -1, len(data)) for length in lengths):
        raise Refused("a column came out of the box with buffers of no length.")
    if sum(length for length in lengths if length > 0) != len(data):
        raise Refused("a column came out of the box with bytes that belong to no buffer.")
    buffers, at = [], 0
    for length in lengths:
        # A copy each, so that every buffer begins where the machine reads numbers from.
        buffers.append(None if length < 0 else pa.py_buffer(data[at : at + length]))
        at += max(length, 0)
    try:
        array, left = _array(kind, rows, buffers)
        if left:
            raise Refused("a column came out of the box with more buffers than its type has.")
        array.validate(full=True)
        if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
            array.to_pandas()  # not every number is a day
    except Refused:
        raise
    except Exception as error:  # pyarrow says in many ways that lengths, offsets, texts or days are wrong
        raise Refused("a column came out of the box damaged.") from error
    return array


def _array(kind: Any, rows: int, buffers: list[Any]) -> tuple[Any, list[Any]]:
    """The array of the first buffers, and the buffers that are left."""
    import pyarrow as pa
    from pyarrow import types

    count = kind.num_buffers
    own, left = buffers[:count], buffers[count:]
    if len(own) < count:
        raise Refused("a column came out of the box with fewer buffers than its type has.")
    children = []
    if types.is_large_list(kind):
        inner = _last_offset(own[1], rows)
        child, left = _array(kind.value_type, inner, left)
        children = [child]
    elif types.is_struct(kind):
        for field in kind:
            child, left = _array(field.type, rows, left)
            children.append(child)
    return pa.Array.from_buffers(kind, rows, own, children=children), left


def _last_offset(buffer: Any, rows: int) -> int:
    """How many items a list column has by its last offset; Refused where that is not there."""
    import numpy as np

    if buffer is None or buffer.size != 8 * (rows + 1):
        raise Refused("a column of lists came out of the box without its offsets.")
    last = int(np.frombuffer(buffer, dtype=np.int64)[-1])
    if not 0 <= last <= PAYLOAD:
        raise Refused("a column of lists came out of the box with offsets that lead nowhere.")
    return last


def picture(data: bytes) -> bytes:
    """A PNG made of pixels; what was no picture inside is none here. Refused for another size than is told."""
    from PIL import Image

    if not data:
        return b""
    size = int.from_bytes(data[1:5], "little"), int.from_bytes(data[5:9], "little")
    mode = MODES[data[0]] if data[0] < len(MODES) else ""
    if not mode or not 0 < size[0] * size[1] <= PIXELS or len(data) != 9 + size[0] * size[1] * len(mode):
        raise Refused("a picture came out of the box with other pixels than its size tells.")
    held = io.BytesIO()
    Image.frombytes(mode, size, data[9:]).save(held, "PNG", compress_level=1)
    return held.getvalue()


def unmixed(data: bytes, rows: int) -> list[Any]:
    """The cells of JSON lines; Refused when they are not those of `rows` rows."""
    makers: dict[str, Any] = {
        "int": int,
        "float": float.fromhex,
        "decimal": decimal.Decimal,
        "datetime": datetime.datetime.fromisoformat,
        "date": datetime.date.fromisoformat,
        "time": datetime.time.fromisoformat,
    }
    lines = data.split(b"\n") if rows else []
    cells: list[Any] = []
    try:
        for line in lines:
            kind, value = json.loads(line)
            plain = kind == "plain" and (value is None or isinstance(value, (bool, str)))
            cells.append(value if plain else makers[kind](value if isinstance(value, str) else None))
    except (ValueError, TypeError, KeyError, RecursionError, ArithmeticError) as error:
        raise Refused("a cell came out of the box damaged.") from error
    if len(cells) != rows:
        raise Refused("a column came out of the box with other rows than were told.")
    return cells
