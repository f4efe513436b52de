"""A source of any format as one stream of record batches: which reader reads what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bakeoff.errors import TableError, UsageError
from bakeoff.nouns import Frame
from bakeoff.tables.readers.locations import Location, Readable, shown
from bakeoff.tables.readers.streams import Stream, frame_of
from bakeoff.tables.sentences import listed

__all__ = ["SUFFIXES", "Stream", "open_folder", "open_table", "parse", "shown"]

DELIMITERS = {".csv": "", ".txt": "", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
ARROW = (".arrow", ".feather", ".ipc")
LINES = (".jsonl", ".ndjson")
SHEETS = (".xlsx", ".xlsm")
CONLL = (".conll", ".conllu", ".bio", ".iob", ".iob2")
TEXTS = (*DELIMITERS, *LINES, ".json", ".arff", *CONLL)
# What a folder is searched for; where it holds the same table twice, the first is read. Texts (.txt) and .json lie
# beside tables for other ends, so they are read only when they are named.
SUFFIXES = (".parquet", ".csv", ".tsv", ".tab", ".psv", *ARROW, *LINES, *SHEETS, ".arff", *CONLL)
READ = "CSV (.csv, .tsv), Parquet, Arrow (.arrow, .feather), JSON (.jsonl, .json), Excel (.xlsx), CoNLL or ARFF"


def open_table(source: str | Path, name: str = "", query: str = "") -> Stream:
    """The table at a path, a URL, a database, `openml:NUMBER` or `hf:OWNER/NAME`; `name` is how messages call it.

    `query` is a SELECT for a database. Raises NotFound for what is not there, UsageError for a format that is not read,
    MissingExtra where a package is missing, TableError for a file that cannot be read.
    """
    from bakeoff.tables.readers.queries import is_database, read_database

    text = str(source)
    if query and not is_database(text):
        raise UsageError(f"A query is asked of a database, but {shown(text)!r} is none; name it as a database URL.")
    if is_database(text):
        return read_database(text, query, name)
    if text.startswith("openml:"):
        from bakeoff.tables.readers.openml import read_openml

        return read_openml(text.removeprefix("openml:"), name or text)
    if text.startswith("hf:"):
        parts = open_folder(text, name) or {}
        if len(parts) > 1:
            raise TableError(f"{name or text!r} has the parts {listed(list(parts))}, which make one table together.")
        return next(iter(parts.values()))
    return _of_file(Location.of(source, name))


def open_folder(source: str | Path, name: str = "") -> dict[str, Stream] | None:
    """The parts (train, valid, test) of a folder of Hugging Face, of shards, at a URL, or of Croissant metadata.

    `FOLDER#NAME` names a configuration of its card.
    A table without parts has an empty name. None where the source is no folder, or a local one of plain files.
    """
    from bakeoff.tables.readers import hub, listings
    from bakeoff.tables.readers.croissant_import import is_croissant, open_croissant
    from bakeoff.tables.readers.queries import is_database

    text = str(source)
    described, _, record_set = text.partition("#")
    if is_croissant(Path(described)):
        return open_croissant(described, record_set)
    if text.startswith("hf:"):
        return hub.from_library(text.removeprefix("hf:"), name or text)
    if text.startswith("openml:") or is_database(text):
        return None
    place, config = Location.of(source, name).source, ""
    if "#" in str(place) and not Path(str(place)).exists():
        folder, _, config = str(place).rpartition("#")
        place = Path(folder) if isinstance(place, Path) else folder
    if isinstance(place, Path):
        listing = listings.local(place, name) if place.is_dir() else None
    else:
        listing = listings.remote(str(place), name)
    if listing is None:
        return None
    parts = hub.saved(listing, _of_file) or hub.repository(listing, _of_file, SUFFIXES, config)
    return parts if parts is not None or isinstance(place, Path) else hub.by_parts(listing, _of_file, SUFFIXES)


def parse(data: bytes, name: str) -> Frame:
    """The frame in a file's bytes; cells of CSV and TSV come as texts, with an empty cell for an empty one.

    Raises TableError, naming the file, for what cannot be read, and UsageError for another format.
    """
    stream = _of_file(Location(data, name))
    batches = list(stream.batches)
    if problems := stream.problems():
        raise TableError(problems)
    return frame_of(batches, stream.names)


def is_part(path: Path) -> bool:
    """Whether a file called train or test belongs to a table although its ending does not tell: JSON, or CoNLL."""
    location = Location.of(path)
    ending = location.endings[0]
    return ending == ".json" or (ending == ".txt" and _holds_tags(location))


def _holds_tags(location: Location) -> bool:
    from bakeoff.tables.readers.conll import HEAD, is_conll

    return is_conll(location.unpacked()[0].read(HEAD))


def _of_file(location: Location) -> Stream:
    ending, packing = location.endings
    stream = None if packing else _seekable(location, ending)
    if stream is None and (packing or ending in TEXTS):
        file, inner = location.unpacked()
        stream = _texts(file, location, Location(Path(inner), inner).endings[0])
    if stream is None:
        packed = f" inside its {packing} packing" if packing and ending else ""
        raise UsageError(f"{location.name!r} is not a format Bakeoff reads{packed}; save it as {READ}.")
    return replace(stream, folder=location.folder) if location.folder is not None else stream


def _seekable(location: Location, ending: str) -> Stream | None:
    from bakeoff.tables.readers.columnar import read_arrow, read_parquet

    if ending == ".parquet":
        return read_parquet(location)
    if ending in ARROW:
        return read_arrow(location)
    if ending in SHEETS:
        from bakeoff.tables.readers.sheets import read_sheet

        return read_sheet(location)
    return None


def _texts(file: Readable, location: Location, ending: str) -> Stream | None:
    name = location.name
    if ending in CONLL:
        from bakeoff.tables.readers.conll import read_conll

        return read_conll(file, name, ending)
    if ending == ".txt" and _holds_tags(location):
        from bakeoff.tables.readers.conll import read_conll

        return read_conll(file, name)
    if ending in DELIMITERS:
        from bakeoff.tables.readers.delimited import read_delimited

        return read_delimited(file, name, DELIMITERS[ending], lambda: location.unpacked()[0])
    if ending in (*LINES, ".json"):
        from bakeoff.tables.readers.json_lines import read_json

        return read_json(file, name)
    if ending == ".arff":
        from bakeoff.tables.readers.arff import read_arff

        return read_arff(file, name)
    return None
