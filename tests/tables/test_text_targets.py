"""Targets of tags, answers, references and texts: made of a table's columns, kept, and read back the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_texts import answered, tagged, told

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import (
    Settings,
    TableData,
    load,
    read,
    read_settings,
    settings_for,
    settings_toml,
    standardise,
    write,
)
from bakeoff.tables.columns import Columns

TOKENS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]) | st.just(" "), min_size=1, max_size=6)


def made(frame: pd.DataFrame, **said: Any) -> TableData:
    return standardise(read(frame, Settings(**said), name="made"))


def in_order(data: TableData, by: str) -> pd.DataFrame:
    return data.frame.sort_values(by).reset_index(drop=True)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(TOKENS.filter(str.strip), min_size=1, max_size=5), min_size=8, max_size=20))
def test_tokens_and_tags_are_as_many_whatever_stands_in_them(rows: list[list[str]]) -> None:
    tags = [[f"B-{len(word)}" for word in row] for row in rows]
    data = made(pd.DataFrame({"words": rows, "y": tags, "n": range(len(rows))}), target="y", kind="tagging")
    frame = in_order(data, "n")
    assert data.table.column("y").type is data.table.column("words").type is ColumnType.TOKENS
    assert [cell.split(" ") for cell in frame["words"]] == [[word.replace(" ", "\u00a0") for word in r] for r in rows]
    assert [cell.split(" ") for cell in frame["y"]] == tags


@pytest.mark.parametrize("form", ["lists", "texts", "json"])
def test_tags_are_the_same_however_they_are_written(form: str) -> None:
    plain = tagged(30)
    lists = plain.map(str.split)
    frame = {"lists": lists, "texts": plain, "json": lists.map(json.dumps)}[form]
    kind = "tagging" if form == "texts" else ""
    data = made(frame, target="tags", kind=kind)
    assert data.settings.kind == "tagging"
    pd.testing.assert_frame_equal(in_order(data, "tokens"), plain.sort_values("tokens").reset_index(drop=True))


def test_a_table_that_nobody_explained_is_asked_about_by_the_names_of_its_columns() -> None:
    assert made(tagged(30).map(str.split)).settings.kind == "tagging"
    frame = answered(30).drop(columns="part").rename(columns={"answer": "answers"})
    assert (found := made(frame)).settings.kind == "span" and found.target == "answers"
    with pytest.raises(TableError, match="has no target"):
        made(told(30).assign(other="x"))


def test_one_table_is_asked_in_three_ways() -> None:
    about = {"kind": ["classification", "tagging"], "target": ["intent", "tags"]}
    frame = tagged(40).map(str.split).assign(intent=["book", "find"] * 20)
    said = Settings(target="intent", targets=tuple(about["target"]), leave_out=("tags",))
    plain = standardise(read(frame, replace(said, kind="classification"), name="made"))
    assert [column.name for column in plain.table.columns] == ["tokens", "intent"]
    tags = standardise(read(frame, replace(said, kind="tagging"), name="made"))
    assert (tags.target, [column.name for column in tags.table.columns]) == ("tags", ["tokens", "tags"])
    joint = standardise(read(frame, replace(said, kind="joint"), name="made"))
    assert [column.name for column in joint.table.columns] == ["tokens", "intent+tags"]
    assert joint.table.column("intent+tags").type is ColumnType.ANNOTATION
    cell = joint.labels("train")[0]
    assert list(json.loads(cell)) == ["label", "tags"]
    named = standardise(read(frame, Settings(), name="made"), target="intent+tags")
    assert named.settings.kind == "joint"
    assert sorted(np.concatenate([named.labels("train"), named.labels("test")])) == sorted(
        np.concatenate([joint.labels("train"), joint.labels("test")])
    )
    assert [remark.text for remark in joint.remarks if remark.check == "reading"] == [
        "Part of the target 'intent+tags' or written after it, and so left out: 'intent' and 'tags'."
    ]


def test_an_about_json_with_two_targets_keeps_both(tmp_path: Path) -> None:
    fields = {"kind": ["classification", "tagging"], "target": ["intent", "tags"], "columns": {"tags": "tags"}}
    (tmp_path / "about.json").write_text(json.dumps(fields))
    said = read_settings(tmp_path)
    assert (said.kind, said.target, said.targets, said.leave_out) == (
        "classification",
        "intent",
        ("intent", "tags"),
        ("tags",),
    )
    (tmp_path / "again.toml").write_text(settings_toml(replace(said, lenient=False)))
    assert read_settings(tmp_path / "again.toml").targets == ("intent", "tags")


def test_other_layers_of_tags_are_left_out_unless_they_are_asked_for() -> None:
    frame = tagged(30).map(str.split)
    frame["pos"] = frame["tokens"].map(lambda words: ["X"] * len(words))
    frame["ids"] = frame["tokens"].map(lambda words: [1, 2])
    assert "pos" not in [column.name for column in made(frame, target="tags").table.columns]
    kept = made(frame, target="tags", types={"pos": ColumnType.TOKENS, "tokens": ColumnType.TOKENS})
    assert {"pos", "ids"} <= {column.name for column in kept.table.columns}


SPANS: dict[str, Any] = {
    "records": lambda frame: frame,
    "lists": lambda frame: frame.assign(
        answers=frame["answer"].map(lambda cell: json.loads(cell)["text"]),
        answer_starts=frame["answer"].map(lambda cell: json.loads(cell)["answer_start"]),
        answer=frame["answer"].map(lambda cell: json.loads(cell)["text"][0]),
    ),
    "one": lambda frame: frame.assign(
        answer_start=frame["answer"].map(lambda cell: json.loads(cell)["answer_start"][0]),
        answer=frame["answer"].map(lambda cell: json.loads(cell)["text"][0]),
        answer_end=9,
    ),
    "flattened": lambda frame: pd.DataFrame(
        {
            "passage": frame["context"],
            "query": frame["question"],
            "answer.text": frame["answer"].map(lambda cell: json.loads(cell)["text"]),
            "answer.answer_start": frame["answer"].map(lambda cell: json.loads(cell)["answer_start"]),
        }
    ),
    "unplaced": lambda frame: frame.assign(answer=frame["answer"].map(lambda cell: json.loads(cell)["text"][0])),
}


@pytest.mark.parametrize("form", SPANS)
def test_answers_are_the_same_however_they_are_written(form: str) -> None:
    plain = answered(30).drop(columns="part")
    data = made(SPANS[form](plain), target="answer", kind="span")
    assert [column.name for column in data.table.columns if column.role is Role.FEATURE] == ["context", "question"]
    assert data.table.column("answer").type is ColumnType.ANNOTATION
    for _, row in data.frame.iterrows():
        held = json.loads(row["answer"])
        assert list(held) == ["text", "answer_start"]
        (text,), (start,) = held.values()
        assert row["context"][start : start + len(text)] == text
    assert set(data.frame["question"]) == set(plain["question"])
    assert ("were found at their first place" in " ".join(data.notes)) == (form == "unplaced")


def test_a_question_may_have_no_answer_or_several() -> None:
    frame = answered(30).drop(columns="part")
    several = json.loads(frame.loc[1, "answer"])
    several = {key: values * 2 for key, values in several.items()}
    frame.loc[0, "answer"], frame.loc[1, "answer"] = '{"text": [], "answer_start": []}', json.dumps(several)
    data = made(frame, target="answer", kind="span")
    assert {json.dumps(several), '{"text": [], "answer_start": []}'} <= set(data.frame["answer"])


def test_references_begin_with_the_rows_own_and_say_nothing_twice() -> None:
    frame = pd.DataFrame(
        {
            "source": [f"say number {i} please" for i in range(20)],
            "target": [f"{i} it is" for i in range(20)],
            "references": [[f"it is {i}", f"{i} it is", f"it is {i}"] for i in range(20)],
            "form": [f"{i}it is" for i in range(20)],
        }
    )
    data = made(frame, target="target", kind="generation")
    assert [column.name for column in data.table.columns] == ["source", "target"]
    assert json.loads(data.labels("train")[0])[1] == "it is " + json.loads(data.labels("train")[0])[0].split()[0]
    assert {len(json.loads(cell)) for cell in data.frame["target"]} == {2}
    alone = made(frame.drop(columns="references"), target="target", kind="generation")
    assert (alone.table.column("target").type, "form" in alone.frame) == (ColumnType.TEXT, False)
    lists = made(frame[["source", "references"]], target="references", kind="generation")
    assert json.loads(in_order(lists, "source")["references"][0]) == ["it is 0", "0 it is"]
    frame.at[3, "references"] = ["it is 3", " "]
    with pytest.raises(TableError, match="holds an empty text in data row 4;"):
        made(frame, target="target", kind="generation")


def test_texts_of_digits_stay_texts(tmp_path: Path) -> None:
    rows = "".join(f"{n} and {n},{2 * n}.50\n" for n in range(20))
    (tmp_path / "sums.csv").write_text(f"source,target\n{rows}")
    data = standardise(read(tmp_path / "sums.csv", Settings(target="target", kind="generation")))
    assert {"0.50", "38.50"} <= set(data.frame["target"])


def test_texts_of_a_language_model_stay_as_they_are_and_may_stand_alone() -> None:
    texts = [f"  {i} lines\n\twith a tab, NA and ? " for i in range(20)]
    data = made(pd.DataFrame({"text": texts}), target="text", kind="language_model")
    assert sorted(data.frame["text"]) == sorted(texts)
    assert (len(data.rows("train")), list(data.rows("train"))) == (15, [])
    with pytest.raises(TableError, match="it needs a target and at least one other column"):
        made(pd.DataFrame({"text": texts}), target="text")


KINDS: dict[str, Any] = {
    "tagging": lambda: made(tagged(24), target="tags", kind="tagging"),
    "joint": lambda: made(tagged(24).assign(y=["a", "b"] * 12), target="y+tags", kind="joint"),
    "span": lambda: made(answered(24).drop(columns="part"), target="answer", kind="span"),
    "language_model": lambda: made(told(24), target="text", kind="language_model"),
    "generation": lambda: made(
        told(24).assign(y=[[str(i), f" {i}"] for i in range(24)]), target="y", kind="generation"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_reads_back_with_the_same_digest(tmp_path: Path, kind: str) -> None:
    data = KINDS[kind]()
    write(data, tmp_path / "made", tmp_path / "truth")
    again = load(tmp_path / "made", tmp_path / "truth")
    assert (again.table.digest, again.settings.kind) == (data.table.digest, kind)
    assert [(c.name, c.type, c.role) for c in again.table.columns] == [
        (c.name, c.type, c.role) for c in data.table.columns
    ]
    pd.testing.assert_frame_equal(again.frame, data.frame)
    texts = pd.read_csv(tmp_path / "made" / "train.csv", keep_default_na=False, dtype=str)
    assert texts[data.target].tolist() == list(data.labels("train"))
    assert data.target not in pd.read_csv(tmp_path / "made" / "test.csv")


def test_public_rows_are_drawn_without_a_look_at_the_order(tmp_path: Path) -> None:
    data = made(told(80), target="text", kind="language_model", split=Split("random", public_share=0.5))
    assert data.public is not None and data.public.sum() == 10
    assert data.public[:10].sum() < 10


@pytest.mark.parametrize(
    ("frame", "said", "told_"),
    [
        (pd.DataFrame({"a": ["x y"] * 9, "y": ["u"] * 9}), {"kind": "tagging", "target": "y"}, "tokens as many as"),
        (tagged(9), {"kind": "joint", "target": "tags"}, "has no column of labels; name it beside the tags as"),
        (tagged(9), {"kind": "span", "target": "tags"}, "has no column of contexts; call the one"),
        (pd.DataFrame({"context": ["a"], "y": ["a"]}), {"kind": "span", "target": "y"}, "has no column of questions"),
        (tagged(9), {"kind": "generation", "target": "nothing"}, "has no column of texts to be written"),
    ],
)
def test_a_table_without_what_its_target_is_made_of(frame: pd.DataFrame, said: dict[str, str], told_: str) -> None:
    with pytest.raises(TableError, match=told_):
        made(frame, **said)


def test_columns_on_disk_are_replaced_on_disk() -> None:
    frame = tagged(50)
    few = standardise(read(frame, Settings(target="tags", kind="tagging"), name="made", threshold=1))
    many = standardise(read(frame, Settings(target="tags", kind="tagging"), name="made"))
    assert few.cells.large and few.table.digest == many.table.digest
    cells = Columns.of(frame, 1)
    more = cells.with_columns({"tags": frame["tokens"]}, {"tokens": "words"})
    assert (more.names, cells.names) == (("words", "tags"), ("tokens", "tags"))
    assert list(more.column("tags")) == list(frame["tokens"]) != list(cells.column("tags"))


def test_a_folder_with_a_test_part_alone_says_so(tmp_path: Path) -> None:
    answered(30).drop(columns="part").to_parquet(tmp_path / "test.parquet")
    said = Settings(target="answer", kind="span")
    with pytest.raises(TableError, match="has a test part and no training part; put a train file beside it"):
        standardise(read(tmp_path, said))
    assert len(standardise(read(tmp_path / "test.parquet", said)).labels("test")) == 8
    assert len(standardise(read(tmp_path, said), split=Split("random")).labels("test")) == 8


REAL = {
    "snips": ("joint", 14_484, 700),
    "wnut17": ("tagging", 5_690, 1_287),
    "restaurant8k_span": ("span", 11_112, 3_477),
    "e2e_nlg": ("generation", 4_904, 630),
    "wikitext2_small": ("language_model", 4_026, 2_185),
}


@pytest.mark.parametrize("name", REAL)
def test_real_sets_are_taken_whole_and_with_few_remarks(name: str, bakeoff_data: Path) -> None:
    kind, rows, tests = REAL[name]
    folder = bakeoff_data / name
    data = standardise(read(folder, replace(settings_for(folder), kind=kind)))
    assert (len(data.parts), len(data.labels("test"))) == (rows, tests)
    assert len([remark for remark in data.remarks if remark.check != "reading"]) <= 4


@pytest.mark.parametrize("kind", ["joint", "span", "generation"])
@pytest.mark.parametrize("said", [True, False])
def test_a_target_that_was_made_before_is_taken_as_it_is(kind: str, said: bool) -> None:
    data = KINDS[kind]()
    types = {data.target: ColumnType.ANNOTATION}
    again = made(data.frame, target=data.target, kind=kind if said else "", types=types)
    assert again.settings.kind == kind
    names = list(data.frame)
    pd.testing.assert_frame_equal(
        again.frame.sort_values(names, ignore_index=True), data.frame.sort_values(names, ignore_index=True)
    )


def test_a_made_target_with_a_fault_is_told() -> None:
    frame = KINDS["joint"]().frame
    frame.loc[2, "y+tags"], frame.loc[4, "y+tags"] = '["a"]', '{"label": "a", "tags": ["O"]}'
    with pytest.raises(TableError, match="'y\\+tags' cannot be read in data row 3; write JSON such as") as told_:
        made(frame, target="y+tags", kind="joint")
    assert any("data row 5 has more or fewer (1 for" in problem for problem in told_.value.problems)
