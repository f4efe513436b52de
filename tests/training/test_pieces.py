"""Texts as pieces and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bakeoff.errors import NotFound, UsageError
from bakeoff.training import Known, Preparation
from bakeoff.training.sequences.pieces import FIRST, FIRST_SLOT, UNSEEN, Pieces, PieceStyle, apart

QUICK = settings(deadline=None, max_examples=30)
TEXTS = ["a b c | X", "b c a | Y", "c a b | X", "a c b | Y"]


def test_spelt_words_are_cut_at_blanks_and_what_is_unseen_can_be_copied():
    preparation = Preparation()
    pieces = Pieces(PieceStyle(least=2)).learn(TEXTS, ["a b", "b c", "c", "a"], preparation)
    assert pieces.kind == "blanks" and len(pieces) == FIRST + 6
    codes, own = pieces.source("a ß b µ ß")
    assert codes[1] == codes[4] == FIRST_SLOT and codes[3] == FIRST_SLOT + 1
    target = pieces.target("ß a é", own)
    assert target[0] == FIRST_SLOT and target[2] == UNSEEN
    assert pieces.text([*target[:2], 3], own) == "ß a"
    assert [step.name for step in preparation.from_training] == ["vocabulary"]


@QUICK
@given(some.text(max_size=20))
def test_characters_come_back_as_they_were(text):
    pieces = Pieces(PieceStyle("characters", least=1)).learn([text, "ab"], ["b"], Preparation())
    codes, own = pieces.source(text)
    assert pieces.text(codes, own) == text or not text


def test_known_pieces_take_nothing_from_texts():
    preparation = Preparation(Known(vocabularies={"pieces": ["a", "b"]}))
    pieces = Pieces(PieceStyle("characters")).learn(["abc"], ["c"], preparation)
    preparation.require_public()
    assert len(pieces) == FIRST + 2


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_sub_words_are_trained_come_back_and_are_read_from_a_file(model, require, tmp_path):
    require("tokenizers")
    texts = ["The Cambridge Blue is near Burger King.", "Burger King is cheap, isn't it?"] * 20
    preparation = Preparation()
    pieces = Pieces(PieceStyle(size=320, model=model)).learn(["name[Burger King]"] * 40, texts, preparation)
    assert pieces.kind == "subwords"
    for text in (texts[0], "Ünseen wörds — 漢字 🙂"):
        assert pieces.text(pieces.target(text, {}), {}) == text
    name = pieces.source("near[Burger King]")[0]
    target = pieces.target("near Burger King", {})
    assert set(target) <= set(name), "what stands in a source cannot be copied"
    assert preparation.from_training[0].name == "sub-words"
    again = Pieces(pieces.style).restore(pieces.state())
    assert again.target(texts[1], {}) == pieces.target(texts[1], {}) and len(again) == len(pieces)

    path = tmp_path / "tokenizer.json"
    path.write_text(pieces.state()["tokenizer"], encoding="utf-8")
    public = Preparation()
    read = Pieces(PieceStyle("subwords", file=str(path))).learn(["other"], ["texts"], public)
    public.require_public()
    assert read.target(texts[1], {}) == pieces.target(texts[1], {})
    with pytest.raises(NotFound, match=r"no tokenizer file .*missing.json"):
        Pieces(PieceStyle("subwords", file=str(tmp_path / "missing.json"))).learn([""], [""], Preparation())


def test_a_source_is_written_apart():
    assert apart('Aarhus_Airport | cityServed | "Aarhus, 24.5"') == 'Aarhus Airport | city Served | " Aarhus , 24.5 "'


def test_unknown_kinds_are_told():
    with pytest.raises(UsageError, match="no pieces called 'words'"):
        PieceStyle("words")
    with pytest.raises(UsageError, match="no model of sub-words called 'x'"):
        PieceStyle(model="x")
