"""The standard form: types, shuffling, digests, and all problems of a table at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tables_made import mixed, picture

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import Settings, TableData, read, standardise


def of(frame: pd.DataFrame, target: str = "y", **said: Any) -> TableData:
    return standardise(read(frame, Settings(target=target, **said)))


def problems(frame: pd.DataFrame, target: str = "y", **said: Any) -> tuple[str, ...]:
    """The problems of a table, without the last line on what else could be mended."""
    with pytest.raises(TableError) as raised:
        of(frame, target, **said)
    return tuple(one for one in raised.value.problems if not one.startswith("So that all can be mended at once"))


def labelled(**columns: Any) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({**columns, "y": [("u", "v")[i % 2] for i in range(rows)]})


def test_every_type_has_its_standard_form() -> None:
    data = of(mixed(), "kept", roles={"seller": Role.OWNER, "sex": Role.PROTECTED})
    text = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"
    assert {name: str(dtype) for name, dtype in data.frame.dtypes.items()} == {
        "price": "float64",
        "pieces": "int64",
        "brand": text,
        "story": text,
        "sold": "datetime64[us]",
        "photo": "object",
        "seller": text,
        "sex": text,
        "kept": text,
    }
    assert [column.type for column in data.table.columns][:6] == [
        ColumnType.NUMERIC,
        ColumnType.NUMERIC,
        ColumnType.CATEGORICAL,
        ColumnType.TEXT,
        ColumnType.DATETIME,
        ColumnType.IMAGE,
    ]
    assert {column.name: column.role for column in data.table.columns if column.role is not Role.FEATURE} == {
        "seller": Role.OWNER,
        "sex": Role.PROTECTED,
        "kept": Role.TARGET,
    }
    assert data.frame[["price", "brand", "story", "sold", "photo"]].isna().sum().tolist() == [1] * 5
    assert data.table.rows == 60


def test_training_rows_come_first_and_no_row_is_lost_or_changed() -> None:
    frame = mixed()
    data = of(frame, "kept")
    assert data.parts.tolist() == ["train"] * 45 + ["test"] * 15
    given = frame.assign(key=frame["story"].fillna("none")).set_index("key")
    held = data.frame.assign(key=data.frame["story"].fillna("none")).set_index("key").loc[given.index]
    for name in ("price", "pieces", "seller", "sold", "kept"):
        assert held[name].astype(str).tolist() == given[name].astype(str).tolist()
    assert data.rows("test").shape == (15, 8)
    assert data.labels("train").tolist() == data.frame["kept"].tolist()[:45]


def test_the_order_of_rows_tells_nothing_about_the_order_given() -> None:
    frame = labelled(a=np.arange(400))
    order = of(frame).frame["a"].to_numpy()
    train, test = order[:300], order[300:]
    for part in (train, test):
        assert abs(np.corrcoef(np.arange(len(part)), part)[0, 1]) < 0.2
    assert (order == of(frame).frame["a"]).all()
    # A sorted part is what the bound above would notice.
    assert np.corrcoef(np.arange(300), np.sort(train))[0, 1] > 0.9


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["a", " b", "a ", "b"] * 5, ["a", "b"]),
        ([1, 2, 1, 2] * 5, [1, 2]),
        ([1.0, 2.0, 1.0, 2.0] * 5, [1, 2]),
        ([True, False] * 10, ["False", "True"]),
        (["01", "1"] * 10, ["01", "1"]),
    ],
)
def test_labels_are_native_texts_or_whole_numbers(cells: list[Any], form: list[Any]) -> None:
    data = of(pd.DataFrame({"a": range(20), "y": cells}))
    found = [*data.labels("train").tolist(), *data.labels("test").tolist()]
    assert sorted(set(found)) == form
    assert {type(label) for label in found} == {type(form[0])}


def test_a_quantity_is_float_even_when_whole() -> None:
    data = of(pd.DataFrame({"a": range(100), "y": range(100)}))
    assert data.labels("test").dtype == np.float64
    assert data.split.method == "random"


def test_text_only_and_image_only_tables_work() -> None:
    words = labelled(text=[f"this is text number {i} of many" for i in range(40)])
    assert [column.type for column in of(words).table.columns] == [ColumnType.TEXT, ColumnType.CATEGORICAL]
    pictures = labelled(photo=[picture(i) for i in range(40)])
    assert of(pictures).table.columns[0].type is ColumnType.IMAGE


def test_lists_become_tokens_apart_by_spaces() -> None:
    data = of(labelled(words=[["a", "b"], []] * 20))
    assert data.table.columns[0].type is ColumnType.TOKENS
    assert sorted(set(data.frame["words"].dropna())) == ["a b"]


ONE = {
    "no such target": (
        labelled(price=[1, 2]),
        {"target": "pric"},
        "has no column 'pric' to be the target (did you mean 'price'?)",
    ),
    "no such target in a wide table": (
        labelled(**{f"c{i}": [1, 2] for i in range(20)}),
        {"target": "outcome"},
        "give --target one of its columns: 'c0', 'c1', 'c2', 'c3', 13 more, 'c17', 'c18', 'c19', 'y'.",
    ),
    "no target named": (labelled(a=[1, 2]), {"target": ""}, "has no target; name the column to be predicted"),
    "one column": (
        pd.DataFrame({"y": ["u", "v"]}),
        {},
        "has one column, 'y'; it needs a target and at least one other",
    ),
    "no rows": (labelled(a=[]), {}, "has columns but no rows"),
    "repeated names": (pd.DataFrame([[1, 2, "u"]], columns=["a", "a", "y"]), {}, "the column name 'a' more than once"),
    "missing labels": (
        pd.DataFrame({"a": range(5), "y": ["u", None, "v", "?", "u"]}),
        {},
        "The target 'y' is missing in 2 of 5 rows: data rows 2 and 4 have no value",
    ),
    "missing quantities": (
        pd.DataFrame({"a": range(50), "y": [np.nan, *np.linspace(0, 1, 49)]}),
        {},
        "The target 'y' is missing in 1 of 50 rows: data row 1 has no value",
    ),
    "no label at all": (pd.DataFrame({"a": [1, 2], "y": [None, None]}), {}, "has no value in any row; choose another"),
    "words for numbers": (
        labelled(a=["1", "x", "?", "y"]),
        {"types": {"a": ColumnType.NUMERIC}},
        "Column 'a' is numeric, but data rows 2 and 4 hold 'x' and 'y' where a number should be",
    ),
    "words for dates": (
        labelled(a=["2024-01-01", "soon", None, "2024-01-03"]),
        {"types": {"a": ColumnType.DATETIME}},
        "Column 'a' is datetime, but data row 2 holds 'soon' where a date should be",
    ),
    "words for a quantity": (
        pd.DataFrame({"a": range(4), "y": ["1", "2", "three", "4"]}),
        {"kind": "regression"},
        "Column 'y' is numeric, but data row 3 holds 'three' where a number should be",
    ),
    "not images": (
        labelled(a=[picture(0), b"words", None, picture(1)]),
        {},
        "Column 'a' should hold images, but data row 2 is not an image; mend these cells",
    ),
    "half an image": (
        labelled(a=[picture(0, 64)[:500], picture(1)] * 2),
        {},
        "each of data rows 1 and 3 is a damaged image",
    ),
    "repeated identifiers": (
        labelled(a=[7, 7, 8, 9]),
        {"roles": {"a": Role.ID}},
        "The identifier 'a' repeats values: data row 2 repeats an earlier one",
    ),
    "no owner column": (
        labelled(a=[1, 2]),
        {"split": Split("owner")},
        "A split by owner needs a column with the role 'owner'",
    ),
    "no time column": (
        labelled(when=[1, 2]),
        {"split": Split("time", "wen")},
        "no column 'wen' to split by (did you mean 'when'?)",
    ),
    "times that are names": (
        labelled(when=["p", "q"] * 10),
        {"split": Split("time", "when")},
        "The time column 'when' is categorical; a split by time needs dates or numbers",
    ),
    "nothing left": (labelled(a=[1, 2]), {"leave_out": ("a",)}, "has no column left beside the target 'y'"),
    "a name that is ours": (labelled(row_id=[1, 2]), {}, "has a column 'row_id', a name that Bakeoff keeps for itself"),
    "an unknown column": (
        labelled(brand=[1, 2]),
        {"types": {"brnd": ColumnType.TEXT}},
        "has no column 'brnd', which --type brnd=text (or table.toml) names (did you mean 'brand'?).",
    ),
    "a wrong part": (
        labelled(a=range(4), part=["train", "test", "both", "train"]),
        {"split": Split("given", "part")},
        "The column 'part' should say 'train' or 'test' in each row",
    ),
}


@pytest.mark.parametrize("case", ONE)
def test_each_problem_is_one_sentence(case: str) -> None:
    frame, said, says = ONE[case]
    found = problems(frame, **said)
    assert len(found) == 1
    assert says in found[0]
    assert found[0].endswith(".")


def test_all_problems_come_at_once() -> None:
    frame = pd.DataFrame({"id": [1, 1, 2, 3], "n": ["1", "x", "2", "3"], "p": [b"no"] * 4, "y": ["u", None, "v", "u"]})
    found = problems(frame, types={"n": ColumnType.NUMERIC, "zz": ColumnType.TEXT}, roles={"id": Role.ID})
    for says in ("'zz'", "'n' is numeric", "'p' should hold images", "'id' repeats", "'y' is missing"):
        assert sum(says in problem for problem in found) == 1, says
    assert len(found) == 5


def test_labels_that_train_lacks_are_an_error_of_a_given_split(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n1,u\n2,v\n")
    (tmp_path / "test.csv").write_text("a,y\n3,u\n4,w\n5,w\n")
    says = r"The test part has 2 rows of the class 'w', which train does not have; move rows of these classes to train"
    with pytest.raises(TableError, match=says):
        standardise(read(tmp_path), target="y")
    # A published split (about.json) is taken less those rows, and that is said.
    (tmp_path / "about.json").write_text('{"target": "y"}')
    data = standardise(read(tmp_path))
    assert data.labels("test").tolist() == ["u"]
    assert "which train does not have; these rows are left out." in data.notes[0]


def test_a_test_file_without_the_target_is_said_to_lack_it(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n1,u\n2,v\n")
    (tmp_path / "test.csv").write_text("a\n3\n4\n")
    with pytest.raises(
        TableError, match=r"The target 'y' has no value in any row of test, so these rows cannot be scored"
    ):
        standardise(read(tmp_path), target="y")
    (tmp_path / "test.csv").write_text("a,y\n")
    with pytest.raises(TableError, match="The test part has no rows"):
        standardise(read(tmp_path), target="y")


def test_validation_rows_join_train_and_partial_columns_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n1,u\n2,v\n")
    (tmp_path / "valid.csv").write_text("a,y,b\n3,u,1\n")
    (tmp_path / "test.csv").write_text("a,y,b\n4,u,1\n")
    data = standardise(read(tmp_path), target="y")
    assert sorted(data.rows("train")["a"]) == [1, 2, 3]
    assert list(data.frame.columns) == ["a", "y"]
    assert data.split.method == "given"
    assert "Not in every file of the table, and so left out: 'b'." in data.notes


def test_a_column_may_give_the_parts_and_a_named_split_goes_before_files(tmp_path: Path) -> None:
    frame = labelled(a=range(6), part=["Train", "val", "test", "train", "test", "train"])
    data = of(frame, split=Split("given", "part"))
    assert sorted(data.rows("test")["a"]) == [2, 4]
    assert "part" not in data.frame
    (tmp_path / "train.csv").write_text("a,y\n" + "1,u\n2,v\n" * 6)
    (tmp_path / "test.csv").write_text("a,y\n3,u\n4,v\n")
    assert (standardise(read(tmp_path), target="y", split=Split(test_share=0.5)).parts == "test").sum() == 7


def digest_of(frame: pd.DataFrame, **said: Any) -> str:
    return of(frame, "kept", **said).table.digest


def test_the_digest_covers_content_types_roles_and_split_and_nothing_else() -> None:
    frame = mixed()
    digest = digest_of(frame)
    assert digest == digest_of(frame.copy(), name="another", notes="words", licence="CC0")
    changes = [
        digest_of(frame.assign(pieces=frame["pieces"].replace(frame["pieces"].iloc[3], 99))),
        digest_of(frame.assign(story=frame["story"].str.replace("line 7 ", "line 7"))),
        digest_of(frame.assign(photo=[picture(9), *frame["photo"].iloc[1:]])),
        digest_of(frame, types={"brand": ColumnType.TEXT}),
        digest_of(frame, roles={"sex": Role.PROTECTED}),
        digest_of(frame, split=Split(seed=1)),
        digest_of(frame, split=Split(test_share=0.3)),
        digest_of(frame.rename(columns={"sex": "gender"})),
    ]
    assert len({digest, *changes}) == len(changes) + 1


def test_cells_do_not_run_together_in_the_digest() -> None:
    one = of(labelled(a=["ab", "c"] * 10), types={"a": ColumnType.TEXT})
    other = of(labelled(a=["a", "bc"] * 10), types={"a": ColumnType.TEXT})
    gone = of(labelled(a=["ab", None] * 10), types={"a": ColumnType.TEXT})
    assert len({one.table.digest, other.table.digest, gone.table.digest}) == 3


def test_notes_tell_what_a_reader_should_know() -> None:
    rows = 60
    frame = pd.DataFrame(
        {
            "same": [1] * rows,
            "counter": range(rows),
            "copy": ["U", "V"] * (rows // 2),
            "who": ["p", "q", "q"] * (rows // 3),
            "big": [np.inf, *np.linspace(0, 1, rows - 1)],
            "y": ["u", "v"] * (rows // 2),
        }
    )
    notes = "\n".join(of(frame, roles={"who": Role.OWNER}).notes)
    for says in (
        "Column 'same' has one value or none",
        "Column 'counter' is different in every row",
        "Column 'copy' follows from the target 'y' and may give it away",
        "15 of 15 test rows belong to an owner in 'who' who is in train too",
        "Column 'big' has 1 infinite numbers, taken as missing",
    ):
        assert says in notes
    quiet = of(mixed().drop(columns=["seller", "photo"]), "kept").notes
    assert [note.split(",")[0] for note in quiet] == ["The test part has 15 rows"]


def test_an_asked_target_goes_before_the_settings_own() -> None:
    frame = mixed()
    raw = read(frame, Settings(target="kept"))
    data = standardise(raw, target="sex")
    assert data.target == "sex"
    assert "kept" not in data.frame
    assert standardise(replace(raw, settings=Settings(target="sex"))).target == "sex"
