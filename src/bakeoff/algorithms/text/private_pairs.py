"""What span readers, writers and language models take from texts, asked privately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.algorithms.text.private_texts import COMMON, LENGTH, PIECES, PrivateTexts, plain_words
from bakeoff.errors import UsageError
from bakeoff.nouns import Schema
from bakeoff.privacy.preparing import Values
from bakeoff.privacy.quantiles import Sketch

USUAL = 20.0  # tokens or pieces of an answer where nothing was told of their number


def spans_asked(private: PrivateTexts, contexts: Sequence[str], answers: Sequence[Mapping[str, Any]]) -> Any:
    """A span reader that knows how many tokens answers have and which words are common; words are hashed."""
    from bakeoff.training.sequences.overlap import tokens
    from bakeoff.training.sequences.span import SpanReader
    from bakeoff.training.sequences.span_network import SpanShape

    stems = {context: tokens(context).stems for context in set(contexts)}
    lengths = np.array([max(len(tokens(text).words) for text in answer["text"]) for answer in answers], dtype=float)
    title = "word rarity of 'context'"
    found, sketches = private.asked(
        {"common words": Values(title, [stems[context] for context in contexts], COMMON, 3.0)}, {LENGTH: lengths}
    )
    usual = SpanShape()
    shape = replace(usual, words=plain_words(usual.words), reader=replace(usual.reader, dropout=0.0))
    ranges = {LENGTH: (1.0, _longest(sketches[LENGTH]))}
    return SpanReader(shape, private.known(vocabularies=found, ranges=ranges))


def pairs_asked(private: PrivateTexts, sources: Sequence[str], targets: Sequence[str]) -> Any:
    """A writer of pieces between blanks that come often enough, which can copy others from its source."""
    from bakeoff.training.sequences.pieces import PieceStyle
    from bakeoff.training.sequences.writer_network import WriterShape
    from bakeoff.training.sequences.writing import Seq2Seq

    held = [{*source.split(" "), *target.split(" ")} for source, target in zip(sources, targets, strict=True)]
    lengths = np.array([1 + len(target.split(" ")) for target in targets], dtype=np.float64)
    values = {"pieces": Values("vocabulary of 'pieces'", held, PIECES, 3.0)}
    found, sketches = private.asked(values, {LENGTH: lengths})
    usual = WriterShape()
    reader = replace(usual.reader, dropout=0.0)
    shape = replace(usual, pieces=PieceStyle(kind="blanks"), reader=reader, dropout=0.0)
    ranges = {LENGTH: (1.0, _longest(sketches[LENGTH]))}
    return Seq2Seq(shape, private.known(vocabularies=found, ranges=ranges))


def characters_asked(private: PrivateTexts, y: Any, schema: Schema | None, reader: str) -> tuple[Schema, Any]:
    """A language model of the task's own characters, which are public; each text's pieces are bounded together.

    UsageError where there is no task to say which characters there are.
    """
    from bakeoff.tasks.language_model import LanguageModel
    from bakeoff.training.sequences.language import CausalLM, LanguageShape

    if schema is None or not schema.classes:
        raise UsageError(
            "A private language model needs to know its characters from outside; give a schema whose classes are the "
            f"characters, then {', '.join(map(repr, LanguageModel().classes(np.array([], dtype=object))))}."
        )
    shape = LanguageShape(kind=reader, dropout=0.0)
    texts = [text if isinstance(text, str) else "" for text in y]
    private.asked({})
    private.windows([-(-(len(text) + 1) // shape.window) for text in texts])
    characters = [one for one in schema.classes if len(str(one)) == 1]
    return schema, CausalLM(shape, private.known(vocabularies={"characters": characters}))


def _longest(sketch: Sketch) -> float:
    found = sketch.quantiles([0.99])
    return float(np.clip(found[0], 1.0, 1e4)) if len(found) else USUAL
