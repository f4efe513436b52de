"""Tables that come with Croissant metadata: which files or records they are, and what is said of their columns.

A record set whose fields are plain columns of one file is read from that file; any other (archives, joins, regular
expressions, sets of files) goes through `mlcroissant`, the format's own library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.errors import NotFound, TableError
from bakeoff.extras import need
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables.readers.formats import SUFFIXES, open_table
from bakeoff.tables.readers.streams import Stream, batch_of
from bakeoff.tables.sentences import listed
from bakeoff.tables.settings import Settings

PARTS = {"train": "train", "valid": "valid", "validation": "valid", "val": "valid", "test": "test"}
TYPES = {
    "Float": ColumnType.NUMERIC,
    "ImageObject": ColumnType.IMAGE,
    "Date": ColumnType.DATETIME,
    "DateTime": ColumnType.DATETIME,
    "Boolean": ColumnType.CATEGORICAL,
}


@dataclass(frozen=True)
class Field:
    """One field of a record set: its name, its Croissant data type, and the file and column it is taken from."""

    name: str
    type: str
    file: str = ""
    column: str = ""
    said_type: str = ""
    said_role: str = ""


def is_croissant(path: Path) -> bool:
    """Whether a file is Croissant metadata: JSON-LD that says so in its first 64 KiB."""
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return b"mlcommons.org/croissant" in file.read(1 << 16)


def open_croissant(path: str | Path, record_set: str = "") -> dict[str, Stream]:
    """The records that a Croissant file describes, by part, each with the settings that it says of them.

    Record sets called train, validation and test are the parts; else the named or only one comes under an empty name.
    Raises NotFound for a missing file or record set, TableError for metadata that cannot be read, and MissingExtra
    where `mlcroissant` is needed.
    """
    path = Path(path)
    said = _parsed(path)
    sets = {_name(each): each for each in _list(said, "recordSet") if not _is_enumeration(each)}
    if not sets:
        raise TableError(f"{str(path)!r} describes no records (no recordSet); name its data file instead.")
    if record_set and record_set not in sets:
        raise NotFound(f"{str(path)!r} has no record set {record_set!r}; it has {listed(list(sets), 10)}.")
    parts = {PARTS[name.lower()]: name for name in sets if name.lower() in PARTS}
    if record_set:
        parts = {"": record_set}
    elif not {"train", "test"} <= set(parts):
        if len(sets) > 1:
            raise TableError(
                f"{str(path)!r} has several record sets ({listed(list(sets), 10)}); "
                f"name one: {path}#{next(iter(sets))}."
            )
        parts = {"": next(iter(sets))}
    fields = {part: _fields(sets[name]) for part, name in parts.items()}
    merged = {field.name: field for each in fields.values() for field in each}
    settings = _settings(said, list(merged.values()))
    streams = {part: _stream(path, said, parts[part], fields[part]) for part in parts}
    return {part: replace(stream, settings=settings, folder=path.parent) for part, stream in streams.items()}


def _parsed(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise NotFound(f"There is no Croissant file {str(path)!r}.")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise TableError(f"{str(path)!r} is not valid JSON: {fault}.") from fault
    if not isinstance(said, dict):
        raise TableError(f"{str(path)!r} must hold one JSON object that describes a data set.")
    return said


def _key(thing: Mapping[str, Any], key: str) -> Any:
    """A property with or without the prefix that some writers put before it."""
    return next((thing[name] for name in (key, f"cr:{key}", f"sc:{key}", f"ml:{key}") if name in thing), None)


def _list(thing: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = _key(thing, key)
    found = found if isinstance(found, list) else [found]
    return [each for each in found if isinstance(each, dict)]


def _text(thing: Mapping[str, Any], key: str) -> str:
    found = _key(thing, key)
    if isinstance(found, list):
        found = found[0] if found else ""
    if isinstance(found, dict):
        found = found.get("@value") or found.get("name") or found.get("@id")
    return found if isinstance(found, str) else ""


def _name(thing: Mapping[str, Any]) -> str:
    return (_text(thing, "name") or str(thing.get("@id", ""))).rsplit("/", 1)[-1]


def _is_enumeration(records: Mapping[str, Any]) -> bool:
    kinds = _key(records, "dataType")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return any(str(kind).rsplit(":", 1)[-1] in ("Split", "Enumeration", "Label") for kind in kinds) or bool(
        _key(records, "data")
    )


def _fields(records: Mapping[str, Any]) -> list[Field]:
    found = []
    for field in _list(records, "field"):
        kinds = _key(field, "dataType")
        kind = str((kinds[0] if kinds else "") if isinstance(kinds, list) else kinds or "")
        source = _key(field, "source")
        source = source if isinstance(source, dict) else {}
        extract = _key(source, "extract")
        extract = extract if isinstance(extract, dict) else {}
        plain = not set(source) & {"transform", "format", "fileSet", "cr:transform", "cr:format", "cr:fileSet"}
        plain = plain and not _list(field, "subField") and not _key(field, "repeated")
        file = _key(source, "fileObject")
        file = str(file.get("@id", "")) if isinstance(file, dict) else ""
        column = str(_key(extract, "column") or "")
        found.append(
            Field(
                _name(field),
                kind.rsplit("/", 1)[-1].rsplit(":", 1)[-1],
                file if plain else "",
                column if plain else "",
                str(field.get("bakeoff:type", "")),
                str(field.get("bakeoff:role", "")),
            )
        )
    return found


def _settings(said: Mapping[str, Any], fields: Sequence[Field]) -> Settings:
    types: dict[str, ColumnType] = {}
    roles: dict[str, Role] = {}
    for field in fields:
        if field.said_type in list(ColumnType):
            types[field.name] = ColumnType(field.said_type)
        elif field.type in TYPES:
            types[field.name] = TYPES[field.type]
        if field.said_role in list(Role) and field.said_role not in (Role.FEATURE, Role.TARGET):
            roles[field.name] = Role(field.said_role)
    target = str(said.get("bakeoff:target", ""))
    types.pop(target, None)
    return Settings(
        name=_text(said, "name"),
        target=target,
        kind=str(said.get("bakeoff:kind", "")),
        types=types,
        roles=roles,
        leave_out=tuple(field.name for field in fields if field.name == "row_id"),
        licence=_text(said, "license"),
        source=_text(said, "url") or _text(said, "isBasedOn"),
        notes=_text(said, "description"),
        terms=_text(said, "conditionsOfAccess"),
        expires=_text(said, "expires")[:10],
        lenient=True,
    )


def _stream(path: Path, said: Mapping[str, Any], name: str, fields: Sequence[Field]) -> Stream:
    files = {str(each.get("@id", "")): each for each in _list(said, "distribution")}
    used = {field.file for field in fields}
    if len(used) == 1 and all(field.column for field in fields):
        file = files.get(next(iter(used)), {})
        url = _text(file, "contentUrl")
        if url and not _key(file, "containedIn") and url.lower().split("?")[0].endswith(SUFFIXES):
            return _selected(open_table(_place(path, url)), fields)
    return _through_library(path, name, fields)


def _place(path: Path, url: str) -> str:
    if "://" in url:
        return url
    root = path.parent.resolve()
    place = (root / url).resolve()
    if not place.is_relative_to(root):
        raise TableError(f"{str(path)!r} names the file {url!r}, which lies outside of its folder; put it beside.")
    return str(place)


def _selected(stream: Stream, fields: Sequence[Field]) -> Stream:
    """The fields' columns of a file's stream, under the fields' names."""
    if missing := [field.column for field in fields if field.column not in stream.names]:
        raise TableError(
            f"The file lacks the column {listed(missing)} that its Croissant metadata names; it has "
            f"{listed(stream.names, 10)}."
        )
    places = [stream.names.index(field.column) for field in fields]
    names = tuple(field.name for field in fields)
    return replace(stream, names=names, batches=_chosen(stream.batches, places, names))


def _chosen(batches: Iterator[Any], places: Sequence[int], names: Sequence[str]) -> Iterator[Any]:
    for batch in batches:
        yield batch_of([batch.column(place) for place in places], names)


def _through_library(path: Path, name: str, fields: Sequence[Field]) -> Stream:
    """The record set as `mlcroissant` gives it, in a process of its own.

    The library keeps what it unpacks in one folder for all data sets, under the archive's name; two archives of one
    name would be taken for each other. A process can be given a folder that is its own.
    """
    need("mlcroissant", "croissant")
    return Stream(tuple(field.name for field in fields), _record_batches(path, name, fields), texts=False)


def _record_batches(path: Path, name: str, fields: Sequence[Field]) -> Iterator[Any]:
    import pyarrow as pa

    with tempfile.TemporaryDirectory(prefix="bakeoff-croissant-") as folder:
        made = Path(folder) / "records.arrow"
        asked = json.dumps([[field.name, field.type] for field in fields])
        command = [sys.executable, "-m", "bakeoff.tables.readers.croissant_records", str(path), name, asked, str(made)]
        environment = {**os.environ, "CROISSANT_CACHE": str(Path(folder) / "cache")}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            said = ran.stderr.strip().splitlines()
            raise TableError(f"The records {name!r} of {str(path)!r} cannot be read: {said[-1] if said else 'killed'}.")
        with pa.OSFile(str(made)) as file:
            reader = pa.ipc.open_file(file)
            for place in range(reader.num_record_batches):
                yield reader.get_batch(place)
