"""Little fitted networks of every kind that reads texts, made once."""

from __future__ import annotations

from functools import cache

import numpy as np

FRAMES = ("the {job} said that {who} left", "the {job} knew that {who} would stay", "{who} is a {job} here")
TEXTS = [
    frame.format(job=job, who=who)
    for who, jobs in (("she", ("nurse", "cook")), ("he", ("pilot", "miner")))
    for job in jobs
    for frame in FRAMES
] * 8


@cache
def masked():
    """A masked model of texts in which two jobs go with she and two with he."""
    from bakeoff.training import Recipe
    from bakeoff.training.sequences import MaskedLM, MaskedShape, TokenShape

    shape = MaskedShape(24, TokenShape("transformer", 24, 1, 2, 0.0), least=1, hidden=0.25)
    return MaskedLM(shape).fit(TEXTS, Recipe(epochs=25, batch=16, rate=1e-2, clip=50.0, held_out=0.0))


@cache
def causal():
    from bakeoff.training import Recipe
    from bakeoff.training.sequences import CausalLM, LanguageShape

    shape = LanguageShape("recurrent", embedding=8, width=16, dropout=0.0, window=32)
    return CausalLM(shape).fit(TEXTS[:12], Recipe(epochs=2, batch=8, rate=1e-2, held_out=0.0))


@cache
def tagged():
    from bakeoff.training import Recipe
    from bakeoff.training.sequences import Tagger, TaggerShape, TokenShape, WordStyle

    words = WordStyle(embedding=12, affixes=8, least=1, slots=512, unseen=0.0, dropout=0.0)
    tokens = [text.split() for text in TEXTS[:12]]
    tags = [["B-who" if word in ("she", "he") else "O" for word in one] for one in tokens]
    shape = TaggerShape(words, TokenShape("recurrent", 16, dropout=0.0))
    return Tagger(shape).fit(tokens, tags, Recipe(epochs=2, batch=4, rate=1e-2, held_out=0.0))


@cache
def table():
    """A table's network that reads a number and a text, and its reader."""
    import pandas as pd

    from bakeoff.nouns import Schema
    from bakeoff.training import Preparation, Recipe, TableNetwork, TableReader, fit, head_for
    from bakeoff.training.encoders.numeric import Numeric
    from bakeoff.training.encoders.texts import Sequence, SequenceStyle
    from bakeoff.training.network import TrunkShape

    random = np.random.default_rng(0)
    rows = pd.DataFrame({"weight": random.normal(size=60)})
    rows["remark"] = random.choice(["came late", "all fine", "box was torn"], 60)
    back = np.where(rows["remark"] == "box was torn", "yes", "no")
    preparation = Preparation()
    encoders = [Numeric(["weight"]), Sequence("remark", SequenceStyle("convolution", embedding=8, width=12))]
    reader = TableReader(encoders).learn(rows, preparation)
    schema = Schema((), "classification", "back", "log_loss", ("no", "yes"), 0, 60.0)
    network = TableNetwork(reader.encoders, TrunkShape(16, 1), head_for(schema, 16, back, preparation))
    records = reader.read(rows, network.head.targets(back))
    return fit(network, records, Recipe(epochs=2, batch=16, held_out=0.0)).network, reader
