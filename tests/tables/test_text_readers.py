"""Files of text tasks: CoNLL, CoNLL-U, SQuAD's JSON and JSON Lines, alone and as the parts of a folder."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_texts import answered, tagged

from bakeoff.errors import NotFound, TableError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import Settings, TableData, read, standardise
from bakeoff.tables.readers.conll import is_conll
from bakeoff.tables.readers.formats import parse
from bakeoff.tables.readers.squad import is_squad

WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5)
SENTENCES = st.lists(
    st.lists(st.tuples(WORDS.filter(lambda w: w != "-DOCSTART-"), st.sampled_from(["O", "B-x", "I-x"])), min_size=1),
    min_size=1,
    max_size=12,
)


def conll(rows: list[list[tuple[str, ...]]], between: str = "\t") -> str:
    return "\n".join("".join(f"{between.join(word)}\n" for word in row) for row in rows)


def sentences(rows: int = 24) -> list[list[tuple[str, ...]]]:
    frame = tagged(rows)
    return [list(zip(a.split(), b.split(), strict=True)) for a, b in zip(frame["tokens"], frame["tags"], strict=True)]


@settings(deadline=None)
@given(SENTENCES, st.sampled_from(["\t", " "]), st.sampled_from(["\n", "\r\n"]))
def test_sentences_come_back_as_they_were_written(rows: Any, between: str, end: str) -> None:
    if between == " ":
        # A line that begins with a hash and a blank is told from a comment only by the width of other lines.
        rows = [[("a", "O"), *row] for row in rows]
    frame = parse(conll(rows, between).replace("\n", end).encode(), "made.conll")
    assert [list(cell) for cell in frame["tokens"]] == [[word for word, _ in row] for row in rows]
    assert [list(cell) for cell in frame["tags"]] == [[tag for _, tag in row] for row in rows]


def test_documents_comments_and_columns_are_told_apart() -> None:
    document = "-DOCSTART- -X- -X- O\n\n"
    text = f"{document}# a comment\nEU NNP I-NP B-ORG\n# NN I-NP O\n\n\n\n{document}Peter NNP I-NP B-PER"
    frame = parse(text.encode(), "made.bio")
    assert list(frame.columns) == ["tokens", "pos", "chunks", "tags"]
    assert [list(cell) for cell in frame["tokens"]] == [["EU", "#"], ["Peter"]]
    assert [list(cell) for cell in frame["tags"]] == [["B-ORG", "O"], ["B-PER"]]


UNIVERSAL = """# newdoc id = letters
# sent_id = one
# text = Vámonos al mar .
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
2.1\tx\tx\tX\tX\t_\t_\t_\t_\t_
3\t#\t#\tSYM\tS\t_\t1\tpunct\t_\t_

# sent_id = two
# text = Sí
1\tSí\tsí\tINTJ\tI\t_\t0\troot\t_\t_
"""


def test_words_of_conll_u_are_its_numbered_ones() -> None:
    frame = parse(UNIVERSAL.encode(), "made.conllu")
    names = ["tokens", "lemma", "tags", "xpos", "feats", "deprel", "text", "sent_id", "document"]
    assert list(frame.columns) == names
    assert [list(cell) for cell in frame["tokens"]] == [["Vamos", "nos", "#"], ["Sí"]]
    assert [list(cell) for cell in frame["tags"]] == [["VERB", "PRON", "SYM"], ["INTJ"]]
    assert frame["document"].tolist() == ["letters", "letters"]
    unlabelled = UNIVERSAL.replace("VERB", "_").replace("PRON", "_").replace("SYM", "_").replace("INTJ", "_")
    unlabelled = unlabelled.replace("\tX\tX\t", "\t_\tX\t")
    assert list(parse(unlabelled.encode(), "made.conllu")["tags"][0]) == ["V", "P", "S"]
    with pytest.raises(TableError, match=r"has 2 columns, and a CoNLL-U file has 10; call it \.conll"):
        parse(b"1\tb\n", "made.conllu")


def test_a_sentence_of_another_width_is_told_and_left_out(tmp_path: Path) -> None:
    rows = sentences()
    (tmp_path / "made.conll").write_text(conll([*rows[:3], [("only",)], *rows[3:]]))
    told = "has 1 sentence with lines of other widths .line \\d+ has 1 columns, not 2.; give each token as many"
    raw = read(tmp_path / "made.conll")
    with pytest.raises(TableError, match=told):
        raw.sound()
    assert raw.rows == len(rows)
    assert raw.numbers is not None and raw.numbers[:5].tolist() == [1, 2, 3, 5, 6]
    with pytest.raises(TableError, match="holds no sentence; a CoNLL file has a token and its tag on each line"):
        parse(b"\n\n# nothing\n", "made.iob")


def questions() -> list[dict[str, Any]]:
    rows = answered(24).to_dict("records")
    return [{**row, "answer": json.loads(row["answer"])} for row in rows]


def squad(rows: list[dict[str, Any]], **more: Any) -> str:
    """SQuAD's JSON with two paragraphs in each article, and a question in each."""

    def asked(row: dict[str, Any], number: int) -> dict[str, Any]:
        answers = [{"text": t, "answer_start": s} for t, s in zip(*row["answer"].values(), strict=True)]
        qas = [{"id": f"q{number}", "question": row["question"], "answers": answers, **more}]
        return {"context": row["context"], "qas": qas}

    pairs = [rows[at : at + 2] for at in range(0, len(rows), 2)]
    data = [
        {"title": f"article {at}", "paragraphs": [asked(row, 2 * at + one) for one, row in enumerate(pair)]}
        for at, pair in enumerate(pairs)
    ]
    return json.dumps({"version": "v2.0", "data": data})


def found(data: TableData) -> dict[str, Any]:
    return {row["question"]: json.loads(row["answers"]) for row in data.frame.to_dict("records")}


def test_squads_questions_are_rows_with_their_articles_for_owners(tmp_path: Path) -> None:
    rows = questions()
    (tmp_path / "made.json").write_text(squad(rows))
    data = standardise(read(tmp_path / "made.json"))
    assert (data.settings.kind, data.target) == ("span", "answers")
    assert data.table.column("title").role is Role.OWNER and data.table.column("id").role is Role.ID
    assert found(data) == {row["question"]: row["answer"] for row in rows}
    (tmp_path / "none.json").write_text(squad(rows, is_impossible=True))
    assert list(found(standardise(read(tmp_path / "none.json"))).values()) == [{"text": [], "answer_start": []}] * 24


def test_squads_faults_are_told_with_their_place(tmp_path: Path) -> None:
    held = json.loads(squad(questions()))
    held["data"][1]["paragraphs"][0]["qas"][0]["answers"][0].pop("text")
    (tmp_path / "made.json").write_text(json.dumps(held))
    with pytest.raises(TableError, match=r"has 1 questions without .*'data\[1\].paragraphs\[0\].qas\[0\]'"):
        read(tmp_path / "made.json").sound()
    (tmp_path / "made.json").write_text('{"data": [{"rows": []}]}')
    with pytest.raises(TableError, match="whose items have no 'paragraphs', so it is not SQuAD's"):
        read(tmp_path / "made.json")
    (tmp_path / "made.json").write_text(squad(questions())[:-9])
    with pytest.raises(TableError, match="is no whole JSON"):
        read(tmp_path / "made.json")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'{"data": [{"title": ', True),
        (b' {\n"version": "1.1", "n": 3, "data":[ {', True),
        (b'{"data": [1, 2]}\n', False),
        (b'{"a": "\\"data\\": [{"}\n', False),
        (b'{"row": {"data": [{}]}}\n', False),
    ],
)
def test_squads_json_is_told_by_its_first_letters(head: bytes, expected: bool) -> None:
    assert is_squad(head) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EU B-ORG\nrejects O\n\nPeter B-PER\nsays O\n", True),
        ("EU B-ORG\nrejects O\nPeter B-PER\nsays O\n", False),
        ("a b\nc d\n\ne f\ng h\n", False),
        ("EU B-ORG\nrejects O\n\nPeter said B-PER\nsays O\n", False),
        ("yes O\nno O\n\nyes O\nno O\n", False),
    ],
)
def test_texts_hold_tags_where_they_look_like_nothing_else(text: str, expected: bool) -> None:
    assert is_conll(text.encode()) is expected


def test_records_of_json_lines_are_tags_and_answers(tmp_path: Path) -> None:
    rows = sentences()
    lines = [{"tokens": [w for w, _ in row], "ner_tags": [t for _, t in row]} for row in rows]
    (tmp_path / "tags.jsonl").write_text("\n".join(map(json.dumps, lines)))
    data = standardise(read(tmp_path / "tags.jsonl", Settings(target="ner_tags")))
    assert data.table.column("ner_tags").type is ColumnType.TOKENS and data.settings.kind == "tagging"
    asked = [{**row, "answers": row.pop("answer")} for row in questions()]
    (tmp_path / "spans.jsonl").write_text("\n".join(map(json.dumps, asked)))
    assert found(standardise(read(tmp_path / "spans.jsonl"))) == {row["question"]: row["answers"] for row in asked}


@pytest.mark.parametrize("form", ["conll", "conll.gz", "txt", "json", "jsonl"])
def test_files_called_train_and_test_make_one_table(tmp_path: Path, form: str) -> None:
    rows, asked = sentences(24), questions()
    for part, some in (("train", slice(0, 12)), ("dev", slice(12, 16)), ("test", slice(16, 24))):
        said = {"json": squad(asked[some]), "jsonl": "\n".join(map(json.dumps, asked[some]))}.get(form)
        data = (said or conll(rows[some], " ")).encode()
        (tmp_path / f"{part}.{form}").write_bytes(gzip.compress(data) if form.endswith(".gz") else data)
    given_ = Settings(target="answer", kind="span") if form == "jsonl" else Settings()
    data = standardise(read(tmp_path, given_))
    assert (data.split.method, len(data.labels("train")), len(data.labels("test"))) == ("given", 16, 8)
    assert data.settings.kind == ("span" if form.startswith("json") else "tagging")


def test_texts_without_tags_are_no_parts_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a story\nof two lines\n")
    with pytest.raises(NotFound, match="holds no"):
        read(tmp_path)
