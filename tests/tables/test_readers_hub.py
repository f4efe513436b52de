"""Folders of Hugging Face `datasets`, repositories of the Hub, shards, and the library itself."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from readers_made import arrow, gathered
from tables_made import picture

from bakeoff import tables
from bakeoff.errors import MissingExtra, NotFound, TableError, UsageError
from bakeoff.tables.readers.formats import open_folder, open_table
from bakeoff.tables.readers.streams import Stream

NAMES = ["neg", "pos"]
LABELS = [0, 1, -1, 1]
CARD = """---
license: cc-by-4.0
configs:
- config_name: big
  data_files: big/*.parquet
- config_name: plain
  default: true
  data_files:
  - split: train
    path: plain/train-*
  - split: test
    path:
    - plain/test-00000-of-00001.parquet
---
# A card
"""


@pytest.fixture
def saved() -> Any:
    """A data set of the library's own making: texts, classes by number, lists of classes, and pictures."""
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=NAMES),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B"])),
            "image": datasets.Image(),
        }
    )
    pictures = [Image.open(io.BytesIO(picture(seed))) for seed in range(4)]
    cells = {"text": list("abcd"), "label": LABELS, "tags": [[0, 1], [], [1], [0]], "image": pictures}
    return datasets.Dataset.from_dict(cells, features=features)


def parts(path: Path | str) -> dict[str, pd.DataFrame]:
    return {part: gathered(stream) for part, stream in streams(path).items()}


def streams(path: Path | str) -> dict[str, Stream]:
    found = open_folder(path)
    assert found is not None
    return found


def write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def whole(table: pd.DataFrame) -> None:
    assert table["text"].tolist() == list("abcd")
    assert [None if pd.isna(cell) else cell for cell in table["label"]] == ["neg", "pos", None, "pos"]
    assert [[*cell] for cell in table["tags"]] == [["O", "B"], [], ["B"], ["O"]]
    assert all(cell["bytes"][1:4] == b"PNG" for cell in table["image"])


def test_a_saved_data_set_comes_with_class_names_and_pictures(saved: Any, tmp_path: Path) -> None:
    saved.save_to_disk(tmp_path / "one", num_shards=2)
    assert len(list((tmp_path / "one").glob("*.arrow"))) == 2
    whole(parts(tmp_path / "one")[""])
    info = json.loads((tmp_path / "one" / "dataset_info.json").read_text())
    info |= {"license": "mit", "citation": "A (2024)\n B"}
    (tmp_path / "one" / "dataset_info.json").write_text(json.dumps(info))
    said = streams(tmp_path / "one")[""].settings
    assert said is not None
    assert (said.licence, said.notes) == ("mit", "Cite: A (2024) B")
    saved.to_parquet(tmp_path / "t.parquet")
    whole(gathered(open_table(tmp_path / "t.parquet")))


def test_a_saved_dict_gives_parts_and_tells_of_others(saved: Any, tmp_path: Path) -> None:
    import datasets

    splits = {"train": saved.select([0, 2]), "validation": saved.select([1]), "test": saved.select([3])}
    datasets.DatasetDict({**splits, "unlabelled": saved}).save_to_disk(tmp_path / "dict")
    found = streams(tmp_path / "dict")
    read = {part: gathered(stream)["text"].tolist() for part, stream in found.items()}
    assert read == {"train": ["a", "c"], "valid": ["b"], "test": ["d"]}
    assert "the splits 'unlabelled' were left out" in found["train"].notes()[0]
    datasets.DatasetDict({"x": saved, "z": saved}).save_to_disk(tmp_path / "other")
    with pytest.raises(TableError, match="has the splits 'x' and 'z'; name one file, or call them train and test"):
        open_folder(tmp_path / "other")


def test_the_library_loads_a_repository_without_running_code(saved: Any, tmp_path: Path) -> None:
    folder = tmp_path / "repo" / "data"
    folder.mkdir(parents=True)
    saved.select([0, 1]).to_parquet(folder / "train-00000-of-00001.parquet")
    saved.select([2, 3]).to_parquet(folder / "test-00000-of-00001.parquet")
    by_hand = parts(tmp_path / "repo")
    by_library = parts(f"hf:{tmp_path / 'repo'}")
    assert list(by_hand) == ["train", "test"]
    for part, table in by_hand.items():
        other = by_library[part]
        assert other["text"].tolist() == table["text"].tolist()
        assert other["label"].isna().tolist() == table["label"].isna().tolist()
        assert [cell["bytes"] for cell in other["image"]] == [cell["bytes"] for cell in table["image"]]
        assert [[*cell] for cell in other["tags"]] == [[*cell] for cell in table["tags"]]
    with pytest.raises(TableError, match="has the parts 'train' and 'test', which make one table together"):
        open_table(f"hf:{tmp_path / 'repo'}")
    with pytest.raises(UsageError, match=r"'hf:.*none' cannot be loaded by the datasets library"):
        open_folder(f"hf:{tmp_path / 'none'}")


def test_the_library_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[hub\]'"):
        open_folder("hf:owner/name")


def test_a_card_names_the_files_of_each_split(tmp_path: Path) -> None:
    for place in range(2):
        write(tmp_path / f"plain/train-0000{place}-of-00002.parquet", pa.table({"n": [place]}))
    write(tmp_path / "plain/test-00000-of-00001.parquet", pa.table({"n": [2]}))
    write(tmp_path / "big/x.parquet", pa.table({"n": range(9)}))
    (tmp_path / "README.md").write_text(CARD)
    found = streams(tmp_path)
    assert found["train"].settings is not None
    assert found["train"].settings.licence == "cc-by-4.0"
    assert {part: gathered(stream)["n"].tolist() for part, stream in found.items()} == {"train": [0, 1], "test": [2]}
    assert "has the configurations 'big' and 'plain'; 'plain' was read." in found["train"].notes()[0]
    assert len(parts(f"{tmp_path}#big")[""]) == 9
    with pytest.raises(NotFound, match=r"has no configuration 'bigg' \(did you mean 'big'\?\)"):
        open_folder(f"{tmp_path}#bigg")
    (tmp_path / "README.md").write_text(CARD.replace("plain/train-*", "gone/*"))
    with pytest.raises(TableError, match=r"The card of .* names 'gone/\*', which is not in it"):
        open_folder(tmp_path)
    (tmp_path / "README.md").write_text(CARD.replace("- config_name: big", "- {"))
    with pytest.raises(TableError, match=r"The card README\.md of .* is not valid YAML"):
        open_folder(tmp_path)


def test_shards_are_read_in_order_and_columns_matched_by_name(tmp_path: Path) -> None:
    for place in range(12):
        table = arrow().slice(place * 3, 3)
        table = table.select(table.column_names[::-1]) if place % 2 else table
        write(tmp_path / f"train-{place:05d}-of-00012.parquet", table)
    write(tmp_path / "test-00000-of-00001-0123abcd.parquet", arrow().slice(36))
    read = parts(tmp_path)
    assert read["train"]["pieces"].tolist() == list(range(100, 136))
    (tmp_path / "table.toml").write_text('target = "kept"\n')
    raw = tables.read(tmp_path)
    assert raw.parts.tolist() == ["train"] * 36 + ["test"] * 4
    assert (raw.settings.target, raw.folder) == ("kept", tmp_path)
    assert read["test"]["pieces"].tolist() == list(range(136, 140))
    write(tmp_path / "train-00003-of-00012.parquet", arrow().drop_columns(["price"]))
    with pytest.raises(TableError, match=r"File 4 of '.*' lacks 'price'; write all with the same columns"):
        parts(tmp_path)
    write(tmp_path / "train-00003-of-00012.parquet", arrow().set_column(1, "pieces", [["many"] * 40]))
    with pytest.raises(TableError, match=r"File 4 of '.*' holds other types than the first .*; write them alike"):
        parts(tmp_path)


def test_shards_of_json_agree_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "t-00000-of-00002.jsonl").write_text('{"a": null, "b": 1}\n')
    (tmp_path / "t-00001-of-00002.jsonl").write_text('{"a": "x", "b": 1.5}\n{broken\n')
    stream = streams(tmp_path)[""]
    table = pa.Table.from_batches(stream.batches)
    assert table.to_pydict() == {"a": [None, "x"], "b": [1.0, 1.5]}
    assert "has 1 line without a JSON object" in stream.problems()[0]


def test_a_folder_of_plain_files_and_a_file_are_left_to_others(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", arrow())
    write(tmp_path / "test.parquet", arrow())
    (tmp_path / "README.md").write_text("# Only words\n")
    assert open_folder(tmp_path) is None
    assert open_folder(tmp_path / "train.parquet") is None
    assert open_folder(tmp_path / "nowhere") is None


def test_a_state_may_not_lead_out_of_its_folder(saved: Any, tmp_path: Path) -> None:
    saved.save_to_disk(tmp_path / "one")
    state = json.loads((tmp_path / "one" / "state.json").read_text())
    state["_data_files"] = [{"filename": "../secret.arrow"}]
    (tmp_path / "one" / "state.json").write_text(json.dumps(state))
    (tmp_path / "secret.arrow").write_bytes(b"x")
    with pytest.raises(TableError, match=r"names the file '\.\./secret\.arrow', which is not in it"):
        open_folder(tmp_path / "one")
