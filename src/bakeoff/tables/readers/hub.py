"""Tables as Hugging Face keeps them: saved by `datasets`, a repository of the Hub, shards of files, or by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.extras import need
from bakeoff.tables.readers.features import named_features, plainly
from bakeoff.tables.readers.listings import Listing, checked
from bakeoff.tables.readers.locations import REACH
from bakeoff.tables.readers.spool import chained
from bakeoff.tables.readers.streams import Stream, first_line
from bakeoff.tables.sentences import listed, near
from bakeoff.tables.settings import Settings
from bakeoff.tables.splits import PART_NAMES

Open = Callable[[Any], Stream]
SHARD = re.compile(r"^(?P<stem>.+?)-(?P<place>\d{5})-of-(?P<count>\d{5})(?:-[0-9a-f]+)?$")
FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
TYPED = (".parquet", ".csv", ".tsv", ".arrow", ".feather")  # each file of these says the types of all
ROWS = 10_000


def saved(listing: Listing, opened: Open) -> dict[str, Stream] | None:
    """The parts of a folder that `save_to_disk` wrote for a Dataset or a DatasetDict; None for any other folder."""
    if "dataset_dict.json" in listing.files:
        splits = _json(listing, "dataset_dict.json").get("splits") or []
        return _parts({str(split): _saved_part(listing.below(str(split)), opened) for split in splits}, listing.name)
    if "state.json" in listing.files and "dataset_info.json" in listing.files:
        return {"": _saved_part(listing, opened)}
    return None


def _saved_part(listing: Listing, opened: Open) -> Stream:
    state = _json(listing, "state.json")
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise TableError(f"{listing.name!r} keeps its rows apart from their order; save it after flatten_indices().")
    files = [checked(str(file["filename"]), listing) for file in state.get("_data_files") or []]
    if not files:
        raise TableError(f"{listing.name!r} has no data file; save it again with save_to_disk.")
    info = _json(listing, "dataset_info.json")
    return replace(_together(listing, files, opened), settings=_said(info, listing.name))


def _said(info: Mapping[str, Any], name: str) -> Settings:
    cite = " ".join(str(info.get("citation") or "").split())
    return Settings(
        licence=str(info.get("license") or ""),
        source=str(info.get("homepage") or ""),
        notes=f"Cite: {cite}" if cite else "",
        lenient=True,
    )


def repository(listing: Listing, opened: Open, endings: tuple[str, ...], config: str = "") -> dict[str, Stream] | None:
    """The parts of a Hub repository or of any folder of shards (`train-00000-of-00003.parquet`).

    A card (README.md) with `configs` names the files of each split; else they are told by their names. None where the
    folder has neither a card that names files nor shards.
    """
    card = _card(listing)
    data = {path: path for path in listing.files if listing.location(path).endings[0] in endings}
    configs = card.get("configs") if isinstance(card.get("configs"), list) else []
    named = [one for one in configs or [] if isinstance(one, dict) and one.get("data_files")]
    if named:
        chosen, note = _config(named, config, listing.name)
        files = _of_config(chosen, list(data), listing.name)
    else:
        files, note = _by_name(list(data)), ""
        if not any(SHARD.match(_stem(path, listing)) for path in data) and not _in_data(files):
            return None
    said = Settings(licence=_words(card.get("license")), lenient=True)
    parts = {split: replace(_together(listing, paths, opened), settings=said) for split, paths in files.items()}
    found = _parts(parts, listing.name)
    return {part: _noted(stream, note) for part, stream in found.items()} if note else found


def by_parts(listing: Listing, opened: Open, endings: tuple[str, ...]) -> dict[str, Stream] | None:
    """The parts of a folder that holds one file for each: `train.csv` and `test.csv`; else its only table."""
    data = [path for path in listing.files if "/" not in path and listing.location(path).endings[0] in endings]
    order = sorted(data, key=lambda path: endings.index(listing.location(path).endings[0]))
    files: dict[str, list[str]] = {}
    for path in order:
        files.setdefault(_stem(path, listing).lower(), [path])
    parts = {stem: paths for stem, paths in files.items() if stem in PART_NAMES}
    if "train" in parts and len(parts) > 1:
        return _parts({stem: _together(listing, paths, opened) for stem, paths in parts.items()}, listing.name)
    if len(files) == 1:
        return {"": _together(listing, next(iter(files.values())), opened)}
    if not files:
        raise NotFound(f"The folder {listing.name!r} holds no {', '.join(endings)} file.")
    raise TableError(
        f"The folder {listing.name!r} holds several tables ({listed(sorted(files))}); "
        "name the file, or call them train and test."
    )


def from_library(which: str, name: str) -> dict[str, Stream]:
    """The parts of a data set that the `datasets` library finds: `owner/name`, or `owner/name#config`.

    No code of the repository is run. Raises UsageError when it cannot be loaded.
    """
    datasets = need("datasets", "hub")
    path, _, config = which.partition("#")
    options: dict[str, Any] = {"streaming": True}
    if int(str(datasets.__version__).split(".", maxsplit=1)[0]) < 4:
        options["trust_remote_code"] = False
    try:
        found = datasets.load_dataset(path, config or None, **options)
    except Exception as fault:  # the library lets through those of every layer below it
        raise UsageError(f"{name!r} cannot be loaded by the datasets library: {first_line(fault)}; {REACH}.") from fault
    parts = {str(split): _streamed(rows, f"{name} ({split})", path) for split, rows in found.items()}
    return _parts(parts, name)


def _streamed(rows: Any, name: str, path: str) -> Stream:
    features = rows.features or rows._resolve_features().features
    info = {"license": rows.info.license, "homepage": rows.info.homepage, "citation": rows.info.citation}
    said = replace(_said(info, name), name=path.rstrip("/").rsplit("/", 1)[-1])

    def batches() -> Iterator[Any]:
        import pyarrow as pa

        kept = features.arrow_schema.remove_metadata()
        yielded = False
        try:
            for table in rows.with_format("arrow").iter(batch_size=ROWS):
                yielded = True
                yield from table.select(kept.names).combine_chunks().to_batches()
        except pa.ArrowException as fault:
            raise TableError(f"{name!r} cannot be read: {first_line(fault)}.") from fault
        if not yielded:
            yield pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in kept.types], schema=kept)

    classes = named_features(features.to_dict())
    names = next(plainly(iter(_empties(features.arrow_schema)), classes)).schema.names
    return Stream(tuple(names), plainly(batches(), classes), texts=False, settings=said)


def _empties(schema: Any) -> list[Any]:
    import pyarrow as pa

    return [pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], names=schema.names)]


def _parts(splits: Mapping[str, Stream], name: str) -> dict[str, Stream]:
    """Splits by the house's names of parts; one alone has an empty name, unknown ones are left out with a note."""
    if len(splits) == 1:
        return {"": next(iter(splits.values()))}
    named = {PART_NAMES[split.lower()]: stream for split, stream in splits.items() if split.lower() in PART_NAMES}
    known = {part: named[part] for part in dict.fromkeys(PART_NAMES.values()) if part in named}
    others = [split for split in splits if split.lower() not in PART_NAMES]
    if len(known) < 2 or "train" not in known:
        raise TableError(f"{name!r} has the splits {listed(list(splits))}; name one file, or call them train and test.")
    if not others:
        return known
    note = (
        f"Of {name!r}, the splits {listed(others)} were left out; only train, validation and test are parts of a table."
    )
    return {part: _noted(stream, note) if part == "train" else stream for part, stream in known.items()}


def _noted(stream: Stream, note: str) -> Stream:
    return replace(stream, notes=lambda: [note, *stream.notes()])


def _together(listing: Listing, paths: list[str], opened: Open) -> Stream:
    locations = [listing.location(path) for path in paths]
    settle = any(location.endings[0] not in TYPED for location in locations)
    return chained([partial(opened, location) for location in locations], listing.name, settle)


def _stem(path: str, listing: Listing) -> str:
    name = path.rsplit("/", 1)[-1]
    format_, packing = listing.location(path).endings
    return name[: len(name) - len(format_) - len(packing)]


def _by_name(paths: list[str]) -> dict[str, list[str]]:
    """The files of each split, by a word in their names or folders; shards in order."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        words = re.split(r"[^a-z]+", re.sub(r"-\d{5}-of-\d{5}.*", "", path.lower()))
        split = next((word for word in reversed(words) if word in PART_NAMES), "")
        found.setdefault(split, []).append(path)
    if len(found) > 1:
        found.pop("", None)
    return found


def _in_data(files: Mapping[str, list[str]]) -> bool:
    """Whether the splits lie as the Hub's own folders do: `data/train.csv`, `train/part.parquet`."""
    return len(files) > 1 and all("/" in path for paths in files.values() for path in paths)


def _config(configs: list[Any], asked: str, name: str) -> tuple[Mapping[str, Any], str]:
    names = [str(one.get("config_name") or "default") for one in configs]
    if asked and asked not in names:
        raise NotFound(f"{name!r} has no configuration {asked!r}{near(asked, names)}.")
    default = next((place for place, one in enumerate(configs) if one.get("default") is True), None)
    place = (
        names.index(asked)
        if asked
        else default
        if default is not None
        else names.index("default")
        if "default" in names
        else 0
    )
    note = ""
    if not asked and len(names) > 1:
        note = f"{name!r} has the configurations {listed(names)}; {names[place]!r} was read."
    return configs[place], note


def _of_config(config: Mapping[str, Any], paths: list[str], name: str) -> dict[str, list[str]]:
    files = config["data_files"]
    folder = str(config.get("data_dir") or "").strip("/")
    if not isinstance(files, list) or not all(isinstance(one, dict) for one in files):
        files = [{"split": "train", "path": files}]
    found: dict[str, list[str]] = {}
    for one in files:
        patterns = one.get("path") if isinstance(one.get("path"), list) else [one.get("path")]
        wanted = [f"{folder}/{pattern}" if folder else str(pattern) for pattern in patterns]
        wanted = [pattern.replace("**/", "*").removeprefix("./") for pattern in wanted]
        matched = [path for path in sorted(paths) if any(fnmatchcase(path, pattern) for pattern in wanted)]
        if not matched:
            raise TableError(f"The card of {name!r} names {listed(wanted)}, which is not in it; copy the folder again.")
        found.setdefault(str(one.get("split") or "train"), []).extend(matched)
    return found


def _card(listing: Listing) -> Mapping[str, Any]:
    front = FRONT.match(listing.text("README.md"))
    if not front or not re.search(r"(?m)^(configs|license):", front[1]):
        return {}
    if "\nconfigs:" not in f"\n{front[1]}":
        licence = re.search(r"(?m)^license:[ \t]*(\S.*)$", front[1])
        return {"license": licence[1].strip().strip("'\"")} if licence else {}
    yaml = need("yaml", "hub")
    try:
        said = yaml.safe_load(front[1])
    except yaml.YAMLError as fault:
        raise TableError(f"The card README.md of {listing.name!r} is not valid YAML: {first_line(fault)}.") from fault
    return said if isinstance(said, dict) else {}


def _words(said: Any) -> str:
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said or "")


def _json(listing: Listing, path: str) -> Mapping[str, Any]:
    try:
        said = json.loads(listing.text(path) or "{}")
    except ValueError as fault:
        raise TableError(f"{path!r} in {listing.name!r} is not valid JSON ({first_line(fault)}).") from fault
    return said if isinstance(said, dict) else {}
