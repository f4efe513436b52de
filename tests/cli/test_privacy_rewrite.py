"""A file of texts is written anew in its own form, with a guarantee that says no more than holds."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

PUBLIC = [
    f"{verb} a {thing} in {place} for {who}"
    for verb in ("book", "find", "show")
    for thing in ("table", "hotel", "song", "film")
    for place in ("rome", "oslo", "lima")
    for who in ("two", "us", "ann")
]
TEXTS = ["Book a table in Oslo, for two!", "Find Xaver 4729", "", "show a film; in rome"]


@pytest.fixture
def public(tmp_path):
    path = tmp_path / "public.txt"
    path.write_text("\n".join(PUBLIC), encoding="utf-8")
    return path


def rows_of(path, separator):
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=separator))


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_keeps_all_but_its_texts(say, tmp_path, public, suffix, separator):
    path = tmp_path / f"notes{suffix}"
    with open(path, "w", encoding="utf-8-sig", newline="") as lines:
        writer = csv.writer(lines, delimiter=separator)
        writer.writerows([["id", "said", "kind"], *([str(row), text, 'a "b",\tc'] for row, text in enumerate(TEXTS))])
    said = say("privacy", "rewrite", path, "--column", "said", "--public", public, "--epsilon", 6)
    found = rows_of(tmp_path / f"notes.private{suffix}", separator)
    assert [row["id"] for row in found] == ["0", "1", "2", "3"] and {row["kind"] for row in found} == {'a "b",\tc'}
    assert "xaver" not in found[1]["said"] and "4729" not in found[1]["said"] and found[2]["said"] == ""
    words = {word for text in PUBLIC for word in text.split()}
    assert set("".join(one for one in found[0]["said"] if one not in ",!").split()) <= words
    assert found[0]["said"].count(",") == 1 and found[0]["said"].endswith("!")
    assert "Metric differential privacy of each word, which is weaker than epsilon" in said.out
    assert "in the vectors 'public.txt'" in said.out and "not for release" in said.out
    assert "Not rewritten, and not protected: id, kind." in said.err
    assert "Book a table in Oslo" in said.out  # an example, before and after
    assert path.read_text(encoding="utf-8-sig").count("Oslo") == 1


def test_plain_lines_need_no_column_and_json_is_for_programs(say, tmp_path, public):
    path = tmp_path / "notes.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    out = tmp_path / "out.txt"
    told = say("privacy", "rewrite", path, "--public", public, "--output", out, "--method", "density", "--json").json
    assert told["output"] == str(out)
    figures = told["columns"]["text"]
    assert figures["texts"] == 4 and figures["words"] == 15 and figures["unknown"] == pytest.approx(2 / 15, abs=1e-4)
    guarantee = figures["guarantee"]
    assert guarantee["kind"] == "metric differential privacy of each word" and guarantee["broken"] == []
    assert guarantee["per_word"] == pytest.approx(guarantee["epsilon"] * guarantee["farthest"], rel=1e-5)
    lines = out.read_text(encoding="utf-8").split("\n")
    assert len(lines) == 5 and lines[2] == "" and lines[4] == ""


def test_json_lines_keep_what_is_nested_and_several_columns_are_rewritten(say, tmp_path, public):
    path = tmp_path / "notes.jsonl"
    rows = [{"a": text, "b": None if place else text, "more": {"n": place}} for place, text in enumerate(TEXTS)]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    words = ("--column", "a,b", "--public", public, "--epsilon", 5_000, "--keep", "Xaver,4729", "--seed", 1)
    told = say("privacy", "rewrite", path, *words, "--json").json
    found = [json.loads(line) for line in (tmp_path / "notes.private.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["more"] for row in found] == [row["more"] for row in rows]
    assert [row["b"] for row in found[1:]] == [None] * 3 and found[0]["b"].endswith("!")
    assert found[1]["a"].endswith(" xaver 4729")
    sentence = told["columns"]["a"]["guarantee"]["sentence"]
    assert sentence == "No guarantee: words were drawn from a seed, and can be drawn again."


def test_a_text_may_be_as_long_as_it_likes(say, tmp_path, public):
    path = tmp_path / "long.csv"
    path.write_text(f'said,id\n"{"book a table, " * 12_000}",1\n', encoding="utf-8")  # beyond csv's own limit
    limit = csv.field_size_limit()
    say("privacy", "rewrite", path, "--column", "said", "--public", public)
    assert csv.field_size_limit() == limit
    said = (tmp_path / "long.private.csv").read_text(encoding="utf-8")
    assert said.count(",") == 12_000 + 2 and said.endswith('",1\n')


def test_lines_end_where_files_say_so(say, tmp_path, public):
    path = tmp_path / "pages.txt"
    path.write_bytes("book a\x0c table\r\nfind\x85 a\u2028film\n\n".encode())
    say("privacy", "rewrite", path, "--public", public)
    found = (tmp_path / "pages.private.txt").read_text(encoding="utf-8").split("\n")
    assert [len(line.split()) for line in found] == [3, 3, 0, 0]


def test_a_column_named_twice_is_written_once_and_the_rest_is_named(say, tmp_path, public):
    path = tmp_path / "notes.csv"
    path.write_text("said,who\nbook a table,ann\n", encoding="utf-8")
    said = say("privacy", "rewrite", path, "--column", "said,said", "--public", public)
    assert "Not rewritten, and not protected: who." in said.err


def test_another_column_of_the_same_file_may_be_public(say, tmp_path):
    path = tmp_path / "both.csv"
    path.write_text("said,known\n" + "".join(f"ring me,{text}\n" for text in PUBLIC), encoding="utf-8")
    words = ("privacy", "rewrite", path, "--column", "said", "--public", path, "--public-column")
    say(*words, "known")
    told = say(*words, "said", code=2).err
    assert "itself, and what is learnt from the very texts that are to be protected tells of them" in told


def test_vectors_may_be_given(say, tmp_path):
    random = np.random.default_rng(0)
    lines = [f"{word} {' '.join(map(str, random.normal(size=5)))}" for word in {w for t in PUBLIC for w in t.split()}]
    (tmp_path / "own.vec").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    told = say(
        *("privacy", "rewrite", tmp_path / "notes.txt", "--vectors", tmp_path / "own.vec"),
        *("--method", "laplace", "--epsilon", 30, "--json"),
    ).json
    guarantee = told["columns"]["text"]["guarantee"]
    assert (guarantee["method"], guarantee["epsilon"], guarantee["vectors"]) == ("laplace", 30.0, "own.vec")


def test_whole_texts_are_written_anew(say, tmp_path, public, require):
    require("torch")
    require("dp-accounting")
    (tmp_path / "notes.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    words = (
        "privacy",
        "rewrite",
        tmp_path / "notes.txt",
        "--method",
        "autoencoder",
        "--public",
        public,
        "--epsilon",
        8,
    )
    said = say(*words, "--json")
    guarantee = said.json["columns"]["text"]["guarantee"]
    assert guarantee["epsilon"] == pytest.approx(8, rel=2e-3) and guarantee["neighbours"] == "replace one"
    assert guarantee["sentence"].startswith("Each text is (epsilon 8, delta 1e-05)-differentially private as a whole")
    # How much that is, at worst; and an empty line comes out empty, whatever the noise.
    assert "at most exp(8) times as likely, but for a chance of 1e-05" in guarantee["sentence"]
    assert guarantee["sentence"].endswith("The 1 empty ones stayed empty: whether there was a text is not hidden.")
    lines = (tmp_path / "notes.private.txt").read_text(encoding="utf-8").split("\n")
    assert [bool(line) for line in lines] == [True, True, False, True, False]
    assert "Learning an auto-encoder from 108 public texts" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.csv",), "There is no file 'nowhere.csv'; name a file of texts."),
        (("t.csv",), "Say which column holds texts with --column COL; there are id, said."),
        (("t.csv", "--column", "sayd"), "There is no column 'sayd'; there are id, said."),
        (
            ("t.csv", "--column", "said", "--method", "magic"),
            "There is no --method 'magic'; there are truncated, density",
        ),
        (("t.csv", "--column", "said", "--epsilon", "0"), "epsilon is 0.0; give a number above 0"),
        (("t.csv", "--column", "said", "--delta", 1e-6), "leaves nothing to chance, and has no --delta"),
        (("t.csv", "--column", "said", "--method", "autoencoder"), "learns from public texts of the same kind"),
        (("t.csv", "--column", "said", "--method", "autoencoder", "--keep", "a"), "can --keep no word"),
        (("t.csv", "--column", "said", "--vectors", "v", "--public", "p"), "Give either --vectors or --public"),
        (("t.csv", "--column", "said", "--vectors", "v"), "There is no file 'v'; name one of word vectors"),
        (("t.csv", "--column", "said", "--public", "t.csv"), "--public is 't.csv' itself"),
        (
            ("t.csv", "--column", "said", "--public", "twocol.csv"),
            "holds texts with --public-column COL; there are id, said",
        ),
        (("t.csv", "--column", "said", "--vectors", "bad.vec.gz"), "'bad.vec.gz' cannot be unpacked as .gz"),
        (("t.csv", "--column", "said", "--vectors", "cut.npz"), "'cut.npz' holds no word vectors as Bakeoff saves"),
        (("half.jsonl", "--column", "a"), "Line 2 of 'half.jsonl' holds half of a character"),
        (("t.csv", "--column", "said", "--output", "t.csv"), "itself, whose texts would be gone; name another file"),
        (("t.csv", "--column", "said", "--output", "t.tsv"), "has another form than 't.csv'; let it end in .csv"),
        (("t.csv", "--column", "said", "--output", "no/t.csv"), "lies in a folder that is not there"),
        (("t.doc",), "does not say what form it has; let it end in .csv, .tsv, .jsonl, .ndjson, .txt"),
        (("latin.txt",), "'latin.txt' is no UTF-8 (byte 3); write it as UTF-8"),
        (("empty.csv",), "'empty.csv' is empty; its first line names the columns."),
        (("twice.csv", "--column", "a"), "'twice.csv' names a column twice"),
        (("short.csv", "--column", "a"), "Row 1 of 'short.csv' has 1 cells for 2 columns."),
        (("bad.jsonl", "--column", "a"), "Line 1 of 'bad.jsonl' is no JSON"),
        (("list.jsonl", "--column", "a"), "Line 1 of 'list.jsonl' is no object"),
        (("number.jsonl", "--column", "a"), "Row 1 of column 'a' holds 3, which is no text"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(say, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("id,said\n1,a b\n")
    (tmp_path / "twocol.csv").write_text("id,said\n1,a b\n")
    (tmp_path / "bad.vec.gz").write_bytes(b"no zip")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "half.jsonl").write_text('{"a": "\\ud83d\\ude00"}\n{"a": "x", "b": "\\ud800"}\n')
    (tmp_path / "t.doc").write_text("a")
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    (tmp_path / "short.csv").write_text("a,b\n1\n")
    (tmp_path / "bad.jsonl").write_text("{a")
    (tmp_path / "list.jsonl").write_text("[1]")
    (tmp_path / "number.jsonl").write_text('{"a": 3}')
    said = say("privacy", "rewrite", *words, code=2)
    assert told in " ".join(said.err.split())
    assert (tmp_path / "t.csv").read_text() == "id,said\n1,a b\n"
