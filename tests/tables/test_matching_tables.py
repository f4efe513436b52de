"""Matching tables come in from frames, files and folders, keep no trace of ids and order, and come back from disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matching_made import shop
from tables_made import picture

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import Settings, load, read_settings, write
from bakeoff.tables.matching.standardised import pair_frame, read_matching, standardise_matching


def told(data):
    """What a table says, whatever its order: the names of both records of each pair, its label and part."""
    names = (
        data.frame[["left_name", "right_name"]].astype(object).where(data.frame[["left_name", "right_name"]].notna())
    )
    return sorted(zip(map(str, names["left_name"]), map(str, names["right_name"]), data.frame["label"], strict=True))


def expected(given):
    right = given.left if given.right is None else given.right
    by_left = dict(zip(given.left["id"].astype(str), given.left["name"], strict=True))
    key = "id" if given.right is None else "sku"
    by_right = dict(zip(right[key].astype(str), right["name"], strict=True))
    return sorted(
        (str(by_left[str(a)]), str(by_right[str(b)]), label) for a, b, label in given.pairs.itertuples(index=False)
    )


def test_two_sides_become_records_without_ids_and_pairs_of_positions():
    given = shop()
    data = given.standard()
    sides = data.sides
    assert told(data) == expected(given)
    assert [column.name for column in sides.left_columns] == ["name", "price"]
    assert [column.name for column in sides.right_columns] == ["name", "price", "colour"]
    assert {column.name: str(column.type) for column in data.table.columns} == {
        "left_name": "text",
        "left_price": "numeric",
        "right_name": "text",
        "right_price": "numeric",
        "right_colour": "categorical",
        "label": "categorical",
    }
    assert data.target == "label" and data.settings.kind == "matching"
    positions = np.concatenate([sides.train, sides.test])
    pd.testing.assert_frame_equal(pair_frame(sides, positions), data.frame.drop(columns="label"))
    assert len(sides.train) + len(sides.test) == 180
    assert 0.2 < len(sides.test) / 180 < 0.3
    # Neither the records' nor the pairs' order is the one in which they were given.
    matches = positions[data.frame["label"].to_numpy() == 1]
    assert np.corrcoef(matches.T)[0, 1] < 0.4
    assert sides.left["name"].tolist() != given.left["name"].tolist()


def test_within_one_table_the_order_of_a_pair_tells_nothing():
    given = shop(within=True)
    data = given.standard()
    assert data.sides.right is None and data.sides.right_columns == ()
    positions = np.concatenate([data.sides.train, data.sides.test])
    assert (positions[:, 0] < positions[:, 1]).all()
    swapped = replace(given, pairs=given.pairs.rename(columns={"left_id": "right_id", "right_id": "left_id"}))
    assert swapped.standard().table.digest == data.table.digest
    assert len(told(data)) == 180


def test_the_digest_follows_records_pairs_labels_and_completeness_and_not_the_name_or_the_rule():
    given = shop()
    same = given.standard().table.digest
    assert given.standard(Settings(name="other", notes="n", ignore=("price",))).table.digest == same
    others = [
        replace(given, left=given.left.assign(price=given.left["price"] + 1)),
        replace(given, right=given.right.assign(colour="red")),
        replace(given, pairs=given.pairs.iloc[1:]),
        replace(given, pairs=given.pairs.assign(label=np.where(given.pairs.index == 1, 1, given.pairs["label"]))),
    ]
    digests = {made.standard(Settings(name="shop", split=Split("random"))).table.digest for made in others}
    assert len({same, *digests, given.standard(complete=True).table.digest}) == 6


def test_test_pairs_know_their_row_in_the_pairs_file_and_keep_it(tmp_path):
    given = shop()
    data = given.standard()
    asked = data.frame[data.parts == "test"].reset_index(drop=True)
    brought = given.pairs.iloc[data.sources - 1].reset_index(drop=True)
    left = dict(zip(given.left["id"].astype(str), given.left["name"], strict=True))
    assert [left[str(key)] for key in brought.iloc[:, 0]] == asked["left_name"].astype(str).tolist()
    assert brought.iloc[:, 2].tolist() == asked["label"].tolist()
    assert (np.diff(data.sources) < 0).any(), "the partner: the pairs were shuffled"
    folder = write(data, tmp_path / "shop", tmp_path / "truth")
    np.testing.assert_array_equal(load(folder, tmp_path / "truth").sources, data.sources)


def test_pairs_made_from_groups_come_from_no_row(tmp_path):
    groups = pd.DataFrame({"id": range(40), "group_id": [i // 2 for i in range(40)]})
    records = pd.DataFrame({"id": range(40), "name": [f"ware number {i // 2} {i % 3}" for i in range(40)]})
    assert standardise_matching(read_matching(records, pairs=groups)).sources is None


@pytest.mark.parametrize("within", [False, True])
def test_a_table_comes_back_from_disk_equal(tmp_path, within):
    data = shop(within=within).standard(
        Settings(name="shop", split=Split("stratified", public_share=0.5), ignore=("price",), complete=True)
    )
    write(data, tmp_path / "tables" / "shop", tmp_path / "truth")
    files = {path.name for path in (tmp_path / "tables" / "shop").iterdir()}
    assert ("right.parquet" in files) is not within
    back = load(tmp_path / "tables" / "shop", tmp_path / "truth")
    assert back.table == data.table
    pd.testing.assert_frame_equal(back.frame, data.frame)
    assert back.settings == data.settings and back.notes == data.notes and back.checked == data.checked
    assert back.sides.complete and back.settings.ignore == ("price",)
    np.testing.assert_array_equal(back.public, data.public)
    np.testing.assert_array_equal(back.sides.test, data.sides.test)
    left = pd.read_csv(tmp_path / "tables" / "shop" / "left.csv")
    assert left["record_id"].tolist() == list(range(len(left)))
    assert "label" not in pd.read_csv(tmp_path / "tables" / "shop" / "test.csv").columns
    assert "7001" not in (tmp_path / "tables" / "shop" / "left.csv").read_text()


def test_an_edited_type_or_role_holds_when_the_table_is_loaded(tmp_path):
    data = shop().standard()
    folder = write(data, tmp_path / "shop", tmp_path / "truth")
    toml = folder / "table.toml"
    toml.write_text(toml.read_text().replace('"right_colour" = "categorical"', '"right_colour" = "text, protected"'))
    back = load(folder, tmp_path / "truth")
    assert back.table.column("right_colour").type is ColumnType.TEXT
    assert back.table.column("right_colour").role is Role.PROTECTED
    assert back.table.digest != data.table.digest
    toml.write_text(toml.read_text().replace('"left_name" = "text"', '"left_name" = "numeric"'))
    with pytest.raises(TableError, match=r"Column 'left_name' cannot be numeric"):
        load(folder, tmp_path / "truth")


def test_records_may_have_pictures(tmp_path):
    given = shop(12)
    given = replace(given, left=given.left.assign(photo=[picture(i % 3) for i in range(11)] + [None]))
    data = given.standard()
    folder = write(data, tmp_path / "shop", tmp_path / "truth")
    back = load(folder, tmp_path / "truth")
    assert back.table.digest == data.table.digest
    assert len(list((folder / "images").iterdir())) == 3
    assert sorted(bytes(cell) for cell in back.sides.left["photo"] if cell is not None) == sorted(
        given.left["photo"].dropna()
    )


def test_types_are_found_from_both_sides_and_settings_may_name_one_side():
    given = shop()
    given.right["price"] = [f"{price:.0f} EUR" for price in given.right["price"]]
    types = {column.name: str(column.type) for column in given.standard().table.columns}
    assert types["left_price"] == types["right_price"] != "numeric"
    said = Settings(name="shop", types={"right_price": ColumnType.TEXT}, leave_out=("left_price",))
    columns = {column.name: str(column.type) for column in given.standard(said).table.columns}
    assert columns["right_price"] == "text" and "left_price" not in columns


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        (("left", "right"), ("left_id", "right_id", "label")),
        (("table_a", "table_b"), ("a_id", "b_id", "match")),
        (("tableA", "tableB"), ("ltable_id", "rtable_id", "gold")),
        (("left", "right"), ("first", "second", "verdict")),
    ],
)
def test_a_folder_is_found_by_the_names_in_use(tmp_path, files, pairs):
    given = shop()
    folder = tmp_path / "matched"
    folder.mkdir()
    given.left.to_csv(folder / f"{files[0]}.csv", index=False)
    given.right.to_parquet(folder / f"{files[1]}.parquet")
    named = given.pairs.set_axis(pairs, axis=1)
    named.iloc[:120].to_csv(folder / "train.csv", index=False)
    named.iloc[120:150].to_csv(folder / "valid.csv", index=False)
    named.iloc[150:].to_csv(folder / "test.csv", index=False)
    data = standardise_matching(read_matching(folder))
    assert data.table.name == "matched"
    assert data.split.method == "given"
    assert (len(data.sides.train), len(data.sides.test)) == (150, 30)
    assert sorted(label for _, _, label in expected(given)) == sorted(data.frame[data.target])


def test_a_folder_of_one_table_and_what_a_table_toml_says(tmp_path):
    given = shop(within=True)
    folder = tmp_path / "own"
    folder.mkdir()
    given.left.to_csv(folder / "records.csv", index=False)
    given.pairs.replace({"label": {1: "match", 0: "no match"}}).to_csv(folder / "pairs.csv", index=False)
    (folder / "table.toml").write_text(
        'kind = "matching"\nignore = ["colour"]\ncomplete = true\n[columns]\nid = "id"\n'
    )
    data = standardise_matching(read_matching(folder))
    assert data.sides.complete and data.settings.ignore == ("colour",)
    assert sum(data.frame["label"]) == 60


def test_a_folder_that_lacks_files_says_which(tmp_path):
    given = shop()
    folder = given.write(tmp_path / "shop")
    (folder / "pairs.csv").rename(folder / "train.csv")
    with pytest.raises(NotFound, match=r"holds no labelled pairs \(a file called pairs, or files train and test\)"):
        read_matching(folder)
    with pytest.raises(UsageError, match=r"needs labelled pairs; name them with --pairs"):
        read_matching(folder / "left.csv")


@pytest.mark.parametrize("words", [(1, 0), (True, False), ("Yes", "no"), ("match", "No match"), ("TRUE", "FALSE")])
def test_labels_may_be_said_in_many_ways(words):
    given = shop()
    said = given.pairs["label"].map({1: words[0], 0: words[1]})
    assert told(replace(given, pairs=given.pairs.assign(label=said)).standard()) == expected(given)


def test_ids_of_another_kind_of_number_are_the_same_ids(tmp_path):
    given = shop()
    given = replace(given, pairs=given.pairs.assign(left_id=given.pairs["left_id"].astype(float).astype(object)))
    given.left["id"] = given.left["id"].astype(str)
    assert told(given.standard()) == expected(shop())


def test_labelled_groups_become_pairs_within_each_labelling_set():
    records = shop(within=True).left.head(8)
    groups = pd.DataFrame(
        {
            "labeling_set_id": ["s1"] * 4 + ["s2"] * 3,
            "label": ["a", "a", "b", "b", "a", "c", "c"],
            "id": records["id"].tolist()[:7],
        }
    )
    raw = read_matching(records, pairs=groups, settings=Settings(name="shop", split=Split("random", seed=3)))
    data = standardise_matching(raw)
    assert len(data.frame) == 6 + 3
    assert data.frame["label"].sum() == 3
    whole = groups[["id", "label"]].rename(columns={"label": "group"})
    raw = read_matching(records, pairs=whole, settings=Settings(name="shop", split=Split("random")))
    assert len(standardise_matching(raw).frame) == 21


def test_the_published_sets_come_in_with_the_counts_that_are_documented(bakeoff_data):
    from bakeoff.tables.matching.sources import settings_for

    counts = {"beer": (450, 68, 91, 14), "itunes_amazon": (539, 132, 109, 27), "fodors_zagats": (946, 110, 189, 22)}
    for name, (pairs, matches, asked, found) in counts.items():
        data = standardise_matching(read_matching(bakeoff_data / name))
        about = json.loads((bakeoff_data / name / "about.json").read_text())
        assert (len(data.frame), int(data.frame["label"].sum())) == (pairs, matches)
        assert (len(data.labels("test")), int(data.labels("test").sum())) == (asked, found)
        sides = data.sides
        sizes = [about["files"][f"{side}.parquet"]["rows"] for side in ("table_a", "table_b")]
        assert [len(sides.left), len(sides.right)] == sizes
        assert not {"id"} & set(sides.left.columns)
        assert settings_for(bakeoff_data / name).kind == "matching"
        assert not data.settings.complete
    texts = " ".join(data.notes)
    assert "180 of 189 test pairs have a record that is in a training pair too, 147 of them both" in texts
    assert "One-to-one" in texts
    assert read_settings(bakeoff_data / "beer").types["ABV"] is ColumnType.TEXT
