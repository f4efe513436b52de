"""What Hugging Face `datasets` writes into the schema of its files: the names of classes kept as numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bakeoff.tables.readers.arrays import flattened, is_list
from bakeoff.tables.readers.streams import batch_of

KEY = b"huggingface"


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """For each column of a schema that holds classes, or lists of them, as numbers: the classes' names in order."""
    try:
        info = json.loads((metadata or {}).get(KEY, b"{}"))
        return named_features(info["info"]["features"])
    except (ValueError, KeyError, TypeError):
        return {}


def named_features(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """The classes of the features that are a ClassLabel, or a sequence of them."""
    classes = {column: _innermost(feature) for column, feature in features.items()}
    return {
        column: [str(name) for name in inner["names"]]
        for column, inner in classes.items()
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and inner.get("names")
    }


def _innermost(feature: Any) -> Any:
    if isinstance(feature, list) and len(feature) == 1:
        return _innermost(feature[0])
    inner = feature.get("feature") if isinstance(feature, dict) else None
    return _innermost(inner) if isinstance(inner, (dict, list)) else feature


def plainly(batches: Iterator[Any], classes: Mapping[str, list[str]]) -> Iterator[Any]:
    """Batches with classes by name, records taken apart (`a.b`) and dictionaries written out."""
    from pyarrow import types

    for batch in batches:
        arrays = [
            named(array, classes[name]) if name in classes else array
            for name, array in zip(batch.schema.names, batch.columns, strict=True)
        ]
        arrays = [array.dictionary_decode() if types.is_dictionary(array.type) else array for array in arrays]
        yield flattened(batch_of(arrays, batch.schema.names))


def named(array: Any, names: list[str]) -> Any:
    """Numbers of classes, or lists of them, as names; a number that is none of them (-1 says no label) is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_list(array.type):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        ends = pc.cumulative_sum(pc.cast(lengths, pa.int64()))
        offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
        mask = array.is_null() if array.null_count else None
        return pa.LargeListArray.from_arrays(offsets, named(pc.list_flatten(array), names), mask=mask)
    if not pa.types.is_integer(array.type):
        return array
    known = pc.and_(pc.greater_equal(array, 0), pc.less(array, len(names)))
    return pc.take(pa.array(names, pa.large_string()), pc.if_else(known, array, pa.nulls(len(array), array.type)))
