"""A table of OpenML by its number or name: the data, its target, its columns' types and its licence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables.readers.arff import read_arff
from bakeoff.tables.readers.downloads import Download
from bakeoff.tables.readers.locations import Location, shown
from bakeoff.tables.readers.streams import Stream, first_line
from bakeoff.tables.settings import Settings

SERVER = "https://www.openml.org/api/v1"
VARIABLE = "OPENML_SERVER"
ANSWER_LIMIT = 64 << 20
KINDS = {"nominal": ColumnType.CATEGORICAL, "numeric": ColumnType.NUMERIC, "date": ColumnType.DATETIME}


def read_openml(which: str, name: str) -> Stream:
    """The data set `which`, a number or a name (its newest active version), with what OpenML says of it as settings.

    The server is that of the environment variable OPENML_SERVER (its API's root), else openml.org. Raises NotFound for
    an unknown data set, UsageError when the server cannot be reached or its answer not be used.
    """
    number = which if which.isdecimal() else _number_of(which)
    about = _asked(f"data/{number}", name, "data_set_description")
    features = _listed(_asked(f"data/features/{number}", name, "data_features", "feature"))
    stream = _rows(about, name)
    return replace(stream, settings=_settings(about, features, number))


def _rows(about: Mapping[str, Any], name: str) -> Stream:
    """The rows: from Parquet where OpenML has it, else from ARFF."""
    from bakeoff.tables.readers.columnar import read_parquet

    parquet = str(about.get("parquet_url") or about.get("minio_url") or "")
    if parquet.endswith((".pq", ".parquet")):
        try:
            return read_parquet(Location(_safe(parquet, name), name))
        except NotFound:
            pass  # not every set has been converted
    return read_arff(Download(_safe(str(about.get("url") or ""), name), name), name)


def _settings(about: Mapping[str, Any], features: list[Any], number: str) -> Settings:
    targets = _names(about.get("default_target_attribute"))
    row_ids = set(_names(about.get("row_id_attribute")))
    ignored = set(_names(about.get("ignore_attribute")))
    types: dict[str, ColumnType] = {}
    for feature in features:
        column = str(feature["name"])
        row_ids |= {column} if _true(feature.get("is_row_identifier")) else set()
        ignored |= {column} if _true(feature.get("is_ignore")) else set()
        if feature.get("data_type") in KINDS:
            types[column] = KINDS[feature["data_type"]]
    target = targets[0] if targets else ""
    left_out = [column for column in (*targets[1:], *sorted(ignored - row_ids)) if column != target]
    cite = "; ".join(_names(about.get("citation"), part="")) or f"OpenML data set {number}"
    return Settings(
        name=str(about.get("name") or number),
        target=target,
        types={column: kind for column, kind in types.items() if column not in left_out},
        roles={column: Role.ID for column in sorted(row_ids) if column != target and column not in left_out},
        leave_out=tuple(dict.fromkeys(left_out)),
        licence=str(about.get("licence") or ""),
        source=f"https://www.openml.org/d/{number}",
        notes=f"OpenML {number}, version {about.get('version', '?')}. Cite: {' '.join(cite.split())}",
        lenient=True,
    )


def _names(said: Any, part: str = ",") -> list[str]:
    """A field that is a list, a text, or a text of several names."""
    if not said:
        return []
    if isinstance(said, list):
        return [str(item) for item in said]
    return [piece.strip().strip('"') for piece in str(said).split(part)] if part else [str(said)]


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _true(said: Any) -> bool:
    return str(said).lower() == "true"


def _number_of(name: str) -> str:
    path = f"data/list/data_name/{quote(name, safe='')}/status/active"
    sets = _listed(_asked(path, f"openml:{name}", "data", "dataset"))
    return str(max(sets, key=lambda one: (int(one.get("version", 0)), int(one["did"])))["did"])


def _server() -> str:
    base = (os.environ.get(VARIABLE) or SERVER).rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        raise UsageError(f"{VARIABLE} is {base!r}; it must be the URL of an OpenML API, such as {SERVER}.")
    return base


def _safe(url: str, name: str) -> str:
    # The address comes from an answer, and must not lead to this machine's files.
    if urlsplit(url).scheme not in ("http", "https"):
        raise TableError(f"OpenML gives no address for the rows of {name!r}.")
    return url


def _asked(path: str, name: str, *keys: str) -> Any:
    """What OpenML's answer holds under the keys."""
    data = _fetched(f"{_server()}/json/{path}", name)
    try:
        found = json.loads(data)
        for key in keys:
            found = found[key]
    except (KeyError, TypeError) as fault:
        raise UsageError(f"OpenML's answer about {name!r} is not what was expected: it lacks {fault}.") from fault
    except ValueError as fault:
        raise UsageError(f"OpenML's answer about {name!r} is not JSON ({first_line(fault)}); try later.") from fault
    return found


def _fetched(url: str, name: str) -> bytes:
    try:
        return Download(url, shown(url)).read(ANSWER_LIMIT)
    except NotFound as missing:
        raise NotFound(f"OpenML has no data set {name!r}.") from missing
