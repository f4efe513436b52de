"""Croissant: a table's metadata as JSON-LD that other tools read, and tables that come with such metadata.

Written to the Croissant format specification 1.0 (MLCommons). What it has no words for (a column's type and role here,
the target, the digest) stands under the prefix `bakeoff:`, which other readers pass over.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.nouns import Column, ColumnType, Table
from bakeoff.tables.settings import Settings

FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PREFIX = "urn:bakeoff:"
PARQUET = ".parquet"
FORMATS = {PARQUET: "application/x-parquet", ".csv": "text/csv"}
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "bakeoff": PREFIX,
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True)
class Edition:
    """What a description says of a table beside its files: the version's number and the day it was made (ISO 8601)."""

    number: int = 1
    day: str = ""


def write_croissant(folder: Path, table: Table, settings: Settings, edition: Edition | None = None) -> Path:
    """Write `croissant.json` beside the Parquet and CSV files of a table in standard form; gives its path.

    Each Parquet file becomes a record set of its own name; the CSV files and pictures are listed beside.
    """
    edition = edition or Edition()
    described = {column.name: column for column in table.columns}
    said: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": table.name,
        "description": settings.notes or f"The table {table.name} in standard form.",
        "version": f"{edition.number}.0.0",
        "identifier": f"sha256:{table.digest}",
        "citeAs": citation(table, settings, edition.number),
        "distribution": _distribution(folder),
        "recordSet": [_records(path, described, settings.target) for path in _files(folder) if path.suffix == PARQUET],
        "bakeoff:kind": settings.kind or "",
        "bakeoff:target": settings.target,
    }
    said |= {key: value for key, value in _beside(settings, edition).items() if value}
    return _told(said, folder)


def list_files(folder: Path) -> Path:
    """Name the files that lie beside a `croissant.json` by now in it, with their digests; gives its path."""
    said = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return _told({**said, "distribution": _distribution(folder)}, folder)


def _told(said: Mapping[str, Any], folder: Path) -> Path:
    path = folder / FILE
    path.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in FORMATS)


def _distribution(folder: Path) -> list[dict[str, Any]]:
    """The table's files with their digests, and its pictures."""
    files = _files(folder)
    with ThreadPoolExecutor(min(len(files), os.cpu_count() or 1) or 1) as pool:
        return [*pool.map(_file, files), *_pictures(folder)]


def citation(table: Table, settings: Settings, number: int = 1) -> str:
    """How to cite one version of a table: name, version, rows, source, licence and the digest of its content."""
    source = f", from {settings.source}" if settings.source else ""
    licence = f", {settings.licence}" if settings.licence else ""
    return f"{table.name}, version {number}, {table.rows:,} rows{source}{licence}, sha256:{table.digest}"


def _beside(settings: Settings, edition: Edition) -> Mapping[str, str]:
    source = settings.source
    return {
        "license": settings.licence,
        "url": source if "://" in source else "",
        "isBasedOn": source if "://" not in source else "",
        "conditionsOfAccess": settings.terms,
        "expires": settings.expires,
        "datePublished": edition.day,
    }


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        hashed = hashlib.file_digest(file, "sha256")
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": FORMATS[path.suffix],
        "sha256": hashed.hexdigest(),
    }


def _pictures(folder: Path) -> list[dict[str, Any]]:
    if not (folder / "images").is_dir():
        return []
    kind = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".bmp": "image/bmp", ".tif": "image/tiff"}
    kind |= {".webp": "image/webp"}
    found = sorted({path.suffix for path in (folder / "images").iterdir() if path.suffix in kind})
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"images{suffix}",
            "name": f"images{suffix}",
            "encodingFormat": kind[suffix],
            "includes": f"images/*{suffix}",
        }
        for suffix in found
    ]


def _records(path: Path, columns: Mapping[str, Column], target: str) -> dict[str, Any]:
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    fields = []
    for field in schema:
        said: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{path.stem}/{field.name}",
            "name": field.name,
            "dataType": _data_type(field.type, columns.get(field.name)),
            "source": {"fileObject": {"@id": path.name}, "extract": {"column": field.name}},
        }
        column = columns.get(field.name)
        if column is not None:
            said |= {"description": column.why, "bakeoff:type": str(column.type), "bakeoff:role": str(column.role)}
        fields.append({key: value for key, value in said.items() if value})
    return {"@type": "cr:RecordSet", "@id": path.stem, "name": path.stem, "field": fields}


def _data_type(arrow: Any, column: Column | None) -> str:
    import pyarrow as pa

    if column is not None and column.type is ColumnType.IMAGE:
        return "sc:ImageObject"
    if pa.types.is_integer(arrow):
        return "sc:Integer"
    if pa.types.is_floating(arrow):
        return "sc:Float"
    if pa.types.is_boolean(arrow):
        return "sc:Boolean"
    return "sc:DateTime" if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow) else "sc:Text"
