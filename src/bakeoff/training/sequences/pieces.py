"""Texts as pieces: by blanks, by characters, or as sub-words of the library `tokenizers`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import NotFound, UsageError
from bakeoff.extras import need
from bakeoff.training.preparation import Preparation

KINDS = ("auto", "blanks", "characters", "subwords")
UNSEEN, START, END, FIRST_SLOT, SLOTS = 1, 2, 3, 4, 8
FIRST = FIRST_SLOT + SLOTS  # 0 is padding
APART = re.compile(r"\d+(?:[.,:]\d+)*|\w+|[^\w\s]")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class PieceStyle:
    """How texts are cut: at blanks, into characters, into sub-words, or auto: at blanks where targets are spelt.

    Sub-words are `size` pieces of a byte-level BPE or a unigram model (`model`) trained on the training texts, or those
    of a tokenizer file (`file`, as `tokenizers` writes it), which takes nothing from them. Blanks and characters keep
    the `most` frequent that `least` texts have; what is in none of them can still be copied from the source.
    """

    kind: str = "auto"
    size: int = 2_000
    model: str = "bpe"
    file: str = ""
    least: int = 2
    most: int = 5_000

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"There are no pieces called {self.kind!r}; there are {', '.join(KINDS)}.")
        if self.model not in ("bpe", "unigram"):
            raise UsageError(f"There is no model of sub-words called {self.model!r}; there are bpe, unigram.")


class Pieces:
    """Texts to the numbers of their pieces and back; sources and targets share them."""

    def __init__(self, style: PieceStyle | None = None) -> None:
        self.style = style or PieceStyle()
        self.kind = self.style.kind
        self.names: list[str] = []
        self._places: dict[str, int] = {}
        self._tokenizer: Any = None
        self._written = ""

    def __len__(self) -> int:
        return FIRST + (len(self.names) if self._tokenizer is None else self._tokenizer.get_vocab_size())

    def learn(self, sources: Sequence[str], targets: Sequence[str], preparation: Preparation) -> Pieces:
        """The pieces there are; a tokenizer file, or known `pieces`, takes nothing from texts."""
        if self.kind == "auto":
            self.kind = "blanks" if _spelt(targets) else "subwords"
        if self.kind == "subwords":
            return self._learn_subwords(sources, targets, preparation)
        given = preparation.known.vocabularies.get("pieces")
        if given is not None:
            self._take(list(dict.fromkeys(given)))
            preparation.public("vocabulary", "pieces", len(self.names))
            return self
        counts: Counter[str] = Counter()
        for text in (*sources, *targets):
            counts.update(set(self._cut(text)))
        kept = sorted(
            (one for one, count in counts.items() if count >= self.style.least), key=lambda x: (-counts[x], x)
        )
        self._take(kept[: self.style.most])
        preparation.taken("vocabulary", "pieces", len(self.names), len(sources), self.kind)
        return self

    def _learn_subwords(self, sources: Sequence[str], targets: Sequence[str], preparation: Preparation) -> Pieces:
        if self.style.file:
            self._tokenizer = _from_file(Path(self.style.file))
            preparation.public("sub-words", "pieces", len(self), Path(self.style.file).name)
        else:
            self._tokenizer = _trained(self.style, [*map(apart, sources), *targets])
            detail = f"{self.style.model} trained on training texts"
            preparation.taken("sub-words", "pieces", len(self), len(sources), detail)
        self._written = self._tokenizer.to_str()
        return self

    def _take(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._places = {name: FIRST + place for place, name in enumerate(self.names)}

    def _cut(self, text: str) -> list[str]:
        return text.split(" ") if self.kind == "blanks" else list(text)

    def source(self, text: str) -> tuple[list[int], dict[str, int]]:
        """The numbers of a source's pieces, and those of its unseen ones: each has a slot of its own, up to 8."""
        if self._tokenizer is not None:
            return [FIRST + code for code in self._tokenizer.encode(apart(text)).ids] or [UNSEEN], {}
        own: dict[str, int] = {}
        codes = []
        for one in self._cut(text):
            code = self._places.get(one)
            if code is None:
                slot = own.get(one, FIRST_SLOT + len(own))
                code = own.setdefault(one, slot) if slot < FIRST else UNSEEN
            codes.append(code)
        return codes or [UNSEEN], own

    def target(self, text: str, own: Mapping[str, int]) -> list[int]:
        """The numbers of a target's pieces, given its source's unseen ones."""
        if self._tokenizer is not None:
            return [FIRST + code for code in self._tokenizer.encode(text).ids]
        return [self._places.get(one, own.get(one, UNSEEN)) for one in self._cut(text)]

    def text(self, codes: Sequence[int], own: Mapping[str, int]) -> str:
        """The text that these numbers stand for, the end left out."""
        kept = [code for code in codes if code >= FIRST_SLOT]
        if self._tokenizer is not None:
            return str(self._tokenizer.decode([code - FIRST for code in kept if code >= FIRST])).strip()
        slots = {slot: one for one, slot in own.items()}
        words = [self.names[code - FIRST] if code >= FIRST else slots.get(code, "") for code in kept]
        return (" " if self.kind == "blanks" else "").join(words)

    def state(self) -> dict[str, Any]:
        """What was learnt, as plain values."""
        return {"kind": self.kind, "names": self.names, "tokenizer": self._written}

    def restore(self, state: Mapping[str, Any]) -> Pieces:
        """Take up what was learnt before."""
        self.kind = state["kind"]
        self._take(state["names"])
        self._written = state["tokenizer"]
        if self._written:
            self._tokenizer = need("tokenizers", "language").Tokenizer.from_str(self._written)
        return self


def apart(text: str) -> str:
    """A source with words and marks written apart, underscores as blanks and camelCase in two words.

    A word then has the same pieces in a source as in a target, from which it can be copied.
    """
    return " ".join(APART.findall(HUMP.sub(" ", text.replace("_", " "))))


def _spelt(targets: Sequence[str]) -> bool:
    """Whether pieces between blanks are mostly single characters."""
    words = [word for text in targets[:1_000] for word in text.split(" ")]
    return bool(words) and sum(map(len, words)) / len(words) < 1.5


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise NotFound(
            f"There is no tokenizer file {path}; a tokenizer.json as the library tokenizers writes it is needed."
        )
    return need("tokenizers", "language").Tokenizer.from_file(str(path))


def _trained(style: PieceStyle, texts: Sequence[str]) -> Any:
    library = need("tokenizers", "language")
    models, trainers = library.models, library.trainers
    byte_level = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    shared = {"vocab_size": style.size, "initial_alphabet": alphabet, "show_progress": False}
    if style.model == "bpe":
        tokenizer, trainer = library.Tokenizer(models.BPE()), trainers.BpeTrainer(min_frequency=2, **shared)
    else:
        tokenizer, trainer = library.Tokenizer(models.Unigram()), trainers.UnigramTrainer(**shared)
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = library.decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
