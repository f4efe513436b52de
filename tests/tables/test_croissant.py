"""Croissant metadata: the format's own library validates and reads what is written, and described tables come in."""

from __future__ import annotations

import hashlib
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tables_made import mixed

from bakeoff.errors import NotFound, TableError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import Settings, TableData, read, standardise, write
from bakeoff.tables.croissant import CONTEXT, Edition, citation, write_croissant
from bakeoff.tables.readers.croissant_import import is_croissant, open_croissant

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def data() -> TableData:
    said = Settings(
        target="kept", roles={"sex": Role.PROTECTED}, licence="CC0-1.0", terms="within the firm", expires="2031-05-01"
    )
    return standardise(read(mixed(), said, name="shop"))


@pytest.fixture(scope="module")
def folder(data: TableData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write(data, tmp_path_factory.mktemp("croissant") / "shop", tmp_path_factory.mktemp("truth"))
    write_croissant(made, data.table, data.settings, Edition(2, "2026-01-31"))
    return made


def test_the_formats_own_library_finds_no_fault_and_reads_the_rows(data: TableData, folder: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    described = mlcroissant.Dataset(folder / "croissant.json")
    assert described.metadata.issues.report() == ""
    assert str(described.metadata.version) == "2.0.0"
    first = next(iter(described.records("train")))
    row = data.frame.iloc[0]
    assert first["train/brand"].decode() == row["brand"] or pd.isna(row["brand"])
    assert first["train/row_id"] == 0 and first["train/kept"].decode() == row["kept"]
    assert sum(1 for _ in described.records("test")) == int((data.parts == "test").sum())
    pictures = [record["train/photo"] for record in itertools.islice(described.records("train"), 20)]
    assert any(hasattr(picture, "size") for picture in pictures)


def test_a_damaged_description_would_be_refused(folder: Path, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    said = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    said["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "other.parquet"
    (tmp_path / "croissant.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(tmp_path / "croissant.json")


def test_the_description_tells_digest_terms_and_no_truth(data: TableData, folder: Path) -> None:
    said = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    assert said["identifier"] == f"sha256:{data.table.digest}"
    assert said["conditionsOfAccess"] == "within the firm" and said["expires"] == "2031-05-01"
    assert said["citeAs"] == citation(data.table, data.settings, 2)
    assert data.table.digest in said["citeAs"] and "version 2" in said["citeAs"]
    fields = {records["name"]: [field["name"] for field in records["field"]] for records in said["recordSet"]}
    assert "kept" in fields["train"] and "kept" not in fields["test"]
    for file in said["distribution"]:
        if file["@type"] == "cr:FileObject":
            assert file["sha256"] == hashlib.sha256((folder / file["contentUrl"]).read_bytes()).hexdigest()


def test_what_was_written_is_read_back_with_types_and_roles(data: TableData, folder: Path) -> None:
    assert is_croissant(folder / "croissant.json") and not is_croissant(folder / "card.json")
    streams = open_croissant(folder / "croissant.json")
    assert set(streams) == {"train", "test"}
    settings = streams["train"].settings
    assert settings.target == "kept" and settings.licence == "CC0-1.0" and settings.expires == "2031-05-01"
    assert settings.roles == {"sex": Role.PROTECTED}
    assert settings.types["photo"] is ColumnType.IMAGE and settings.types["story"] is ColumnType.TEXT
    rows = sum(batch.num_rows for batch in streams["train"].batches)
    assert rows == int((data.parts == "train").sum())


def described(tmp_path: Path, distribution: list[Any], source: Any, **more: Any) -> Path:
    fields = [
        {"@type": "cr:Field", "@id": f"rows/{name}", "name": name, "dataType": kind, "source": source(name)}
        for name, kind in (("score", "sc:Float"), ("label", "sc:Text"))
    ]
    said = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "marks",
        "description": "marks of two kinds",
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "url": "https://example.org/marks",
        "distribution": distribution,
        "recordSet": [{"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields}],
    }
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps({**said, **more}), encoding="utf-8")
    return path


def file_of(path: Path, kind: str, **more: Any) -> dict[str, Any]:
    said = {"@type": "cr:FileObject", "@id": path.name, "name": path.name, "contentUrl": path.name}
    said |= {"encodingFormat": kind, "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""}
    return {**said, **more}


def cells(stream: Any) -> pd.DataFrame:
    import pyarrow as pa

    return pa.Table.from_batches(list(stream.batches)).to_pandas()


def test_plain_columns_are_read_from_their_file_under_the_fields_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("LABEL,id,SCORE\nyes,1,0.5\nno,2,\n", encoding="utf-8")
    path = described(
        tmp_path,
        [file_of(tmp_path / "a.csv", "text/csv")],
        lambda name: {"fileObject": {"@id": "a.csv"}, "extract": {"column": name.upper()}},
    )
    streams = open_croissant(path)
    settings = streams[""].settings
    assert streams[""].texts and cells(streams[""]).to_dict("list") == {"score": ["0.5", ""], "label": ["yes", "no"]}
    assert settings.types == {"score": ColumnType.NUMERIC} and settings.source == "https://example.org/marks"


def test_a_described_table_comes_in_like_any_other(tmp_path: Path) -> None:
    rows = "".join(f"{'yes' if i % 3 else 'no'},{i},{i / 7}\n" for i in range(60))
    (tmp_path / "a.csv").write_text("label,id,score\n" + rows, encoding="utf-8")
    path = described(
        tmp_path,
        [file_of(tmp_path / "a.csv", "text/csv")],
        lambda name: {"fileObject": {"@id": "a.csv"}, "extract": {"column": name}},
    )
    for source in (path, f"{path}#rows"):
        data = standardise(read(source), target="label")
        assert [column.name for column in data.table.columns] == ["score", "label"]
        assert data.table.name == "marks" and len(data.frame) == 60
        assert data.table.about["licence"].endswith("by/4.0/")
        assert data.frame["score"].sum() == pytest.approx(sum(i / 7 for i in range(60)))


def test_archives_and_expressions_go_through_the_formats_library(tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("inner/a.csv", "label,score\nyes-1,0.5\nno-2,\n")
    inner = {"@type": "cr:FileObject", "@id": "a.csv", "name": "a.csv", "contentUrl": "inner/a.csv", "sha256": "-"}
    inner |= {"containedIn": {"@id": "a.zip"}, "encodingFormat": "text/csv"}
    clean = {"regex": "([a-z]+).*"}
    path = described(
        tmp_path,
        [file_of(tmp_path / "a.zip", "application/zip"), inner],
        lambda name: {
            "fileObject": {"@id": "a.csv"},
            "extract": {"column": name},
            **({"transform": clean} if name == "label" else {}),
        },
    )
    streams = open_croissant(path)
    found = cells(streams[""])
    assert found["label"].tolist() == ["yes", "no"]
    assert found["score"].tolist()[0] == 0.5 and found["score"].isna().tolist() == [False, True]


def test_an_archive_is_never_taken_for_another_of_its_name(tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant")
    for folder, label in ((tmp_path / "one", "yes"), (tmp_path / "two", "no")):
        folder.mkdir()
        with zipfile.ZipFile(folder / "a.zip", "w") as packed:
            packed.writestr("a.csv", f"label,score\n{label},0.5\n")
        inner = {"@type": "cr:FileObject", "@id": "a.csv", "name": "a.csv", "contentUrl": "a.csv", "sha256": "-"}
        inner |= {"containedIn": {"@id": "a.zip"}, "encodingFormat": "text/csv"}
        packed_file = file_of(folder / "a.zip", "application/zip")
        path = described(
            folder,
            [packed_file, inner],
            lambda name: {"fileObject": {"@id": "a.csv"}, "extract": {"column": name}},
        )
        streams = open_croissant(path)
        assert cells(streams[""])["label"].tolist() == [label]


def test_faults_are_one_sentence_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no Croissant file"):
        open_croissant(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(TableError, match="is not valid JSON"):
        open_croissant(tmp_path / "broken.json")
    outside = described(
        tmp_path,
        [{**file_of(tmp_path / "x.csv", "text/csv"), "contentUrl": "../secret.csv"}],
        lambda name: {"fileObject": {"@id": "x.csv"}, "extract": {"column": name}},
    )
    with pytest.raises(TableError, match="lies outside of its folder; put it beside"):
        open_croissant(outside)
    (tmp_path / "x.csv").write_text("score\n1\n", encoding="utf-8")
    lacking = described(
        tmp_path,
        [file_of(tmp_path / "x.csv", "text/csv")],
        lambda name: {"fileObject": {"@id": "x.csv"}, "extract": {"column": name}},
    )
    with pytest.raises(TableError, match="lacks the column 'label' that its Croissant metadata names; it has 'score'"):
        open_croissant(lacking)
    with pytest.raises(NotFound, match="has no record set 'row'; it has 'rows'"):
        open_croissant(lacking, "row")
