"""A table on disk: Parquet and CSV with the same schema, its settings and card, and its truth kept elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.errors import TableError, UsageError
from bakeoff.nouns import Column, ColumnType, Split
from bakeoff.tables.cards import card
from bakeoff.tables.cells import convert, fingerprint, labels
from bakeoff.tables.columns import SPILL, Columns
from bakeoff.tables.croissant import FILE, Edition, list_files, write_croissant
from bakeoff.tables.images import Picture
from bakeoff.tables.memory import roomy
from bakeoff.tables.settings import Settings, read_settings, settings_toml
from bakeoff.tables.standard import TableData, assembled, with_public
from bakeoff.tables.standard_files import Kept, Rows, Said, there, write_rows, write_twin
from bakeoff.tables.types import infer_column

ROW_ID = "row_id"
PARTS = ("train", "test")
PUBLIC, SOURCE = "public", "source_row"
ONE_VALUED = (ColumnType.NUMERIC, ColumnType.CATEGORICAL)  # types of a target of quantities or classes
OURS = frozenset(
    {f"{name}.{kind}" for name in ("train", "test", "left", "right") for kind in ("parquet", "csv")}
    | {"table.toml", "card.json", "croissant.json", "images"}
)


def write(data: TableData, folder: str | Path, truth_folder: str | Path, edition: Edition | None = None) -> Path:
    """Write a table to `folder`, and the test rows' targets to `truth_folder/NAME.parquet`, readable by the owner only.

    A large table is written as Parquet alone, and `complete` makes its CSV files.

    The folder appears whole or not at all; an earlier table there is replaced. `edition` is what its Croissant metadata
    say of the version. Raises UsageError when the folder holds anything else. Returns the folder.
    """
    folder, truth_folder = Path(folder), Path(truth_folder)
    if folder.exists() and (strangers := sorted({path.name for path in folder.iterdir()} - OURS)):
        raise UsageError(f"{str(folder)!r} holds {strangers[0]!r}, which is not part of a table; name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with roomy(data.cells.large):
            _fill(data, making)
        write_croissant(making, data.table, data.settings, edition)
        making.chmod(0o755)
        _write_truth(data, truth_folder)
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return folder


def _fill(data: TableData, folder: Path) -> None:
    if data.sides is not None:
        from bakeoff.tables.matching.folders import write_matching

        write_matching(data, folder)
        _tell(data, folder)
        return
    # Arrow writes outside Python's lock, so that what is told of a large table is found while its parts are written.
    with ThreadPoolExecutor(3 if data.cells.large else 1) as pool:
        for one in [
            *(pool.submit(_write_part, data, part, folder) for part in PARTS),
            pool.submit(_tell, data, folder),
        ]:
            one.result()


def _tell(data: TableData, folder: Path) -> None:
    (folder / "table.toml").write_text(settings_toml(data.settings), encoding="utf-8")
    said = {"remarks": [asdict(remark) for remark in data.remarks], "checked": list(data.checked)}
    (folder / "card.json").write_text(json.dumps({**card(data), **said}, ensure_ascii=False), encoding="utf-8")


def _write_part(data: TableData, part: str, folder: Path) -> None:
    columns = [column for column in data.table.columns if part == "train" or column.name != data.target]
    # The CSV files of a large table cost a fifth of all adding, and are made when the table leaves the challenge.
    write_rows(Rows(data.cells, columns, ROW_ID, *data.span(part)), folder / part, twin=not data.cells.large)


def complete(folder: str | Path) -> None:
    """Write the CSV files that the folder of a large table lacks, and name them in its Croissant metadata."""
    folder = Path(folder)
    lacking = [path for path in sorted(folder.glob("*.parquet")) if not path.with_suffix(".csv").is_file()]
    for path in lacking:
        write_twin(path)
    if lacking and (folder / FILE).is_file():
        list_files(folder)


def public_name(target: str) -> str:
    """The name of the column that tells the public test rows in a truth file."""
    return PUBLIC if target != PUBLIC else f"{PUBLIC}_rows"


def source_name(target: str) -> str:
    """The name of the column that tells in a truth file where test rows stood in the file they came from."""
    return SOURCE if target != SOURCE else f"{SOURCE}_number"


def _write_truth(data: TableData, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    answers = pa.array(data.cells.cut(data.target, *data.span("test")), from_pandas=True)
    if pa.types.is_large_string(answers.type):
        answers = answers.cast(pa.string())
    held = {ROW_ID: np.arange(*data.span("test"), dtype=np.int64), data.target: answers}
    if data.public is not None:
        held[public_name(data.target)] = np.asarray(data.public, dtype=bool)
    if data.sources is not None:
        held[source_name(data.target)] = np.asarray(data.sources, dtype=np.int64)
    # Opened with its mode, so that at no moment somebody else can read it.
    handle, making = tempfile.mkstemp(prefix=f".{data.table.name}.", dir=folder)
    with os.fdopen(handle, "wb") as file:
        pq.write_table(pa.table(held), file)
    os.chmod(making, 0o600)
    os.replace(making, folder / f"{data.table.name}.parquet")


def load(folder: str | Path, truth_folder: str | Path, *, threshold: int = SPILL) -> TableData:
    """The table that `write` wrote, by what its table.toml says now: a type or role edited there holds.

    The digest is made anew, so it differs after such an edit. Pictures are not read, and a table of more than
    `threshold` bytes of cells is kept in a scratch folder, column by column. Raises NotFound when a file is missing and
    TableError when one is damaged, or when the folder and its truth do not belong together.
    """
    folder = Path(folder)
    if (folder / "left.parquet").is_file():
        from bakeoff.tables.matching.folders import load_matching

        return load_matching(folder, truth_folder)
    opened = Opened(folder, Path(truth_folder))
    return opened.completed(_restored(opened, folder, threshold))


class Opened:
    """The files of a table's folder and its truth, found to belong together.

    Raises NotFound when one is missing, and TableError when one is damaged or they do not belong together.
    """

    def __init__(self, folder: Path, truth_folder: Path) -> None:
        self.settings = read_settings(there(folder / "table.toml"))
        self.train, self.test = (Kept(folder / f"{part}.parquet", ROW_ID) for part in PARTS)
        self.truth = Kept(truth_folder / f"{self.settings.name}.parquet", ROW_ID)
        truth, target = self.truth, self.settings.target
        if target not in truth.names or not np.array_equal(truth.column(ROW_ID), self.test.column(ROW_ID)):
            raise TableError(
                f"The truth of table {self.settings.name!r} does not belong to {str(folder)!r}; add the table again."
            )
        if self.settings.split is None:
            raise TableError(f"The table.toml of {str(folder)!r} has no [split]; add the table again.")
        self.said = Said(folder)

    def completed(self, data: TableData) -> TableData:
        """The table with what the truth and the card tell beside its cells."""
        public, sources = (
            self.truth.column(name).to_numpy() if (name := named(self.settings.target)) in self.truth.names else None
            for named in (public_name, source_name)
        )
        data = with_public(data, public)
        return replace(data, sources=sources, remarks=self.said.remarks, checked=self.said.checked)


def _restored(opened: Opened, folder: Path, threshold: int) -> TableData:
    import pandas as pd

    settings, files = opened.settings, (opened.train, opened.test)
    parts = np.repeat(np.array(PARTS, dtype=object), [file.rows for file in files])
    names = [name for name in files[0].names if name not in (ROW_ID, *settings.leave_out)]
    images = [name for name in names if settings.types.get(name) is ColumnType.IMAGE and files[0].holds_bytes(name)]
    cells = Columns(len(parts), sum(file.size(images) for file in files) > threshold)
    pictures = [file.pictures(images) for file in files]
    columns, faults, prints = [], [], {}
    for name in names:
        if name in images:
            series = pd.concat([held[name] for held in pictures], ignore_index=True)
        else:
            tested = opened.truth if name == settings.target else files[1]
            series = pd.concat([files[0].column(name), tested.column(name)], ignore_index=True)
        column = opened.said.column(infer_column(name, series, settings, folder))
        standard, wrong = _standard(series, column, settings, folder)
        faults += [f"Column {name!r} cannot be {column.type}: it holds {reason}." for reason in wrong]
        columns.append(column)
        if not faults:
            cells.put(name, standard)
            prints[name] = fingerprint(standard)
    if faults:
        raise TableError(faults)
    return assembled(cells, parts, settings.split or Split(), columns, settings, prints)


def _standard(series: Any, column: Column, settings: Settings, folder: Path) -> tuple[Any, Iterable[str]]:
    if column.name == settings.target and column.type in ONE_VALUED:
        return (series.astype("float64") if column.type is ColumnType.NUMERIC else labels(series, ())), ()
    if column.type is ColumnType.IMAGE and series.map(lambda cell: cell is None or isinstance(cell, Picture)).all():
        return series, ()
    converted = convert(series, column.type, folder, ("",))
    return converted.series, converted.wrong
