"""Tokens per CPU second that each network of sequences learns from, beside the obvious loop in plain PyTorch.

The plain loop is what one would write first: random batches padded to their longest, packed nn.LSTM or
nn.TransformerEncoder of the same width, one embedding, Adam, and a decoder that goes step by step. It has neither the
affixes nor the field of the taggers nor the copying of the writer, so its networks do less for each token. Both learn
from the same made-up rows, turn by turn in one run; a ratio above 1 is in favour of ours.
Run: python bench/text_speed.py [--rows 2000] [--repeats 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bakeoff.training import Recipe
from bakeoff.training.sequences import (
    CausalLM,
    JointTagger,
    LanguageShape,
    Seq2Seq,
    SpanReader,
    Tagger,
    TaggerShape,
    TokenShape,
)

BATCH, WIDTH = 32, 256
RECIPE = Recipe(epochs=1, batch=BATCH, clip=5.0, held_out=0.0)


def sentences(rows: int) -> list[list[str]]:
    """Words by Zipf's law in sentences of about eleven, some of them long, as people write."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(2.3, 0.5, rows), 1, 60).astype(int)
    return [[f"word{code % 8000}" for code in random.zipf(1.3, length)] for length in lengths]


class Recurrent(nn.Module):
    """Packed BiLSTM over embeddings, (rows, tokens) to (rows, tokens, width)."""

    def __init__(self, words: int, inside: int = 200) -> None:
        super().__init__()
        self.table = nn.Embedding(words, inside, padding_idx=0)
        self.cell = nn.LSTM(inside, WIDTH // 2, batch_first=True, bidirectional=True)

    def forward(self, codes):
        lengths = (codes != 0).sum(1)
        packed = pack_padded_sequence(self.table(codes), lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.cell(packed)[0], batch_first=True)[0]


class Attending(nn.Module):
    """nn.TransformerEncoder over embeddings and learnt positions."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(words, WIDTH, padding_idx=0), nn.Embedding(512, WIDTH)
        self.inner = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, batch_first=True, norm_first=True),
            1,
            enable_nested_tensor=False,
        )

    def forward(self, codes):
        inside = self.table(codes) + self.places(torch.arange(codes.shape[1]))
        return self.inner(inside, src_key_padding_mask=codes == 0)


class PlainTagger(nn.Module):
    """A reader and a softmax at each token."""

    def __init__(self, reader: nn.Module, tags: int) -> None:
        super().__init__()
        self.reader, self.out = reader, nn.Linear(WIDTH, tags)

    def forward(self, codes, targets):
        logits = self.out(self.reader(codes))
        return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


class PlainLanguage(nn.Module):
    """nn.LSTM over characters."""

    def __init__(self, characters: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(characters, 64, padding_idx=0)
        self.cell, self.out = nn.LSTM(64, width, batch_first=True), nn.Linear(width, characters)

    def forward(self, codes, targets):
        logits = self.out(self.cell(self.table(codes))[0])
        return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


class PlainWriter(nn.Module):
    """A packed BiLSTM encoder, and a decoder with attention that goes step by step."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.reader, self.table = Recurrent(pieces, 128), nn.Embedding(pieces, 128, padding_idx=0)
        self.cell, self.look = nn.LSTMCell(128 + WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(2 * WIDTH, pieces)

    def forward(self, codes, targets):
        hidden = self.reader(codes)
        state = memory = seen = hidden.new_zeros(len(codes), WIDTH)
        last, total = torch.full((len(codes),), 1), 0.0
        for place in range(targets.shape[1]):
            state, memory = self.cell(torch.cat([self.table(last), seen], dim=1), (state, memory))
            scores = (hidden @ self.look(state).unsqueeze(2)).squeeze(2).masked_fill(codes == 0, -1e9)
            seen = (scores.softmax(1).unsqueeze(1) @ hidden).squeeze(1)
            logits = self.out(torch.cat([state, seen], dim=1))
            total = total + nn.functional.cross_entropy(logits, targets[:, place], ignore_index=-1)
            last = targets[:, place].clamp(min=0)
        return total / targets.shape[1]


def plain_seconds(network: nn.Module, sources: list, targets: list) -> float:
    """CPU seconds of one epoch of the obvious loop."""
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    network.train()
    began = time.process_time()
    order = torch.randperm(len(sources)).tolist()
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        codes = nn.utils.rnn.pad_sequence([sources[row] for row in rows], batch_first=True)
        known = nn.utils.rnn.pad_sequence([targets[row] for row in rows], batch_first=True, padding_value=-1)
        loss = network(codes, known)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
    return time.process_time() - began


@dataclass(frozen=True)
class Rival:
    """One network: how ours is fitted, the plain one with its rows, and how many tokens either reads."""

    ours: object
    plain: nn.Module
    sources: list
    targets: list
    tokens: int


def tensors(lists) -> list:
    return [torch.tensor(one, dtype=torch.int64) for one in lists]


def rivals(rows: int) -> dict[str, Rival]:
    given = sentences(rows)
    places = {word: 1 + place for place, word in enumerate(sorted({word for one in given for word in one}))}
    codes = tensors([[places[word] for word in one] for one in given])
    marks = [["B-a" if len(word) % 3 else "O" for word in one] for one in given]
    tags = tensors([[int(mark == "O") for mark in one] for one in marks])
    count = sum(map(len, given))
    labels = [str(len(one) % 7) for one in given]
    texts = [" ".join(one) for one in given]
    spelt = [list(text[:24].replace(" ", "_")) for text in texts]
    letters = {one: 4 + place for place, one in enumerate(sorted({one for text in texts for one in text} | {"_"}))}
    spelt_codes = tensors([[letters[one] for one in word] for word in spelt])
    contexts = [" ".join([*one, *other]) for one, other in zip(given, given[::-1], strict=True)]
    answers = [{"text": [one.split(" ")[0]], "answer_start": [0]} for one in contexts]
    long = tensors([[places[word] for word in one.split(" ")] for one in contexts])
    first = tensors([[0] + [1] * (len(one) - 1) for one in long])
    lines = tensors([[letters[one] for one in text[:192]] for text in texts])
    onward = tensors([[*one[1:].tolist(), 3] for one in lines])
    sources = [" ".join(word) for word in spelt]
    transformer = TaggerShape(reader=TokenShape("transformer", width=WIDTH))
    words, characters = len(places) + 1, len(letters) + 4
    return {
        "tagger (BiLSTM, CRF)": Rival(
            lambda: Tagger().fit(given, marks, RECIPE), PlainTagger(Recurrent(words), 2), codes, tags, count
        ),
        "tagger (transformer, CRF)": Rival(
            lambda: Tagger(transformer).fit(given, marks, RECIPE), PlainTagger(Attending(words), 2), codes, tags, count
        ),
        "joint tagger": Rival(
            lambda: JointTagger().fit(given, labels, marks, RECIPE),
            PlainTagger(Recurrent(words), 2),
            codes,
            tags,
            count,
        ),
        "span reader": Rival(
            lambda: SpanReader().fit(contexts, texts, answers, RECIPE),
            PlainTagger(Recurrent(words), 2),
            long,
            first,
            2 * count,
        ),
        "sequence to sequence": Rival(
            lambda: Seq2Seq().fit(sources, sources, RECIPE),
            PlainWriter(characters),
            spelt_codes,
            spelt_codes,
            sum(map(len, spelt)),
        ),
        "language model (LSTM)": Rival(
            lambda: CausalLM(LanguageShape(width=WIDTH)).fit(texts, replace(RECIPE, clip=50.0)),
            PlainLanguage(characters, WIDTH),
            lines,
            onward,
            sum(map(len, lines)),
        ),
    }


def fitted_seconds(ours) -> float:
    """CPU seconds of one epoch of ours, reading the rows included."""
    began = time.process_time()
    ours()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    shown = Table("network", "tokens", "ours, tokens/CPU s", "plain, tokens/CPU s", "ratio", "from", "to")
    found = {}
    Tagger().fit(sentences(50), [["O"] * len(one) for one in sentences(50)], RECIPE)  # what is imported on first use
    for name, rival in rivals(args.rows).items():
        pairs = []
        for _ in range(args.repeats):
            pairs.append((fitted_seconds(rival.ours), plain_seconds(rival.plain, rival.sources, rival.targets)))
        ratios = sorted(plain / ours for ours, plain in pairs)
        speeds = [rival.tokens / statistics.median(side) for side in zip(*pairs, strict=True)]
        found[name] = {"ours": speeds[0], "plain": speeds[1], "ratio": statistics.median(ratios), "ratios": ratios}
        shown.add_row(
            name,
            f"{rival.tokens:,}",
            *(f"{speed:,.0f}" for speed in speeds),
            *(f"{ratio:.2f}" for ratio in (statistics.median(ratios), ratios[0], ratios[-1])),
        )
    Console().print(shown)
    versions = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.processor()}
    if args.json:
        args.json.write_text(json.dumps({"networks": found, "rows": args.rows, **versions}, indent=1))


if __name__ == "__main__":
    main()
