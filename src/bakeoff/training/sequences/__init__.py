"""Networks of sequences: taggers, joint labels and tags, spans, sequence to sequence, and language models.

Each is fitted by the one loop of `bakeoff.training`, under any regime. What a network answers to a record depends on
that record alone. Torch is imported with the first name that needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "BeamStyle": "beam",
    "CausalLM": "language",
    "Chain": "chain",
    "Circumstances": "circumstances",
    "JointShape": "joint",
    "JointTagger": "joint",
    "LanguageShape": "language",
    "MaskedLM": "masked",
    "MaskedShape": "masked",
    "PieceStyle": "pieces",
    "PretrainedLM": "pretrained_language",
    "PretrainedSeq2Seq": "pretrained_writing",
    "Seq2Seq": "writing",
    "SpanReader": "span",
    "SpanShape": "span_network",
    "Tagger": "tagging",
    "TaggerShape": "tagging",
    "TokenShape": "layers",
    "WordStyle": "words",
    "WriterShape": "writer_network",
}
_LIGHT = {"pieces", "words"}

__all__ = [
    "BeamStyle",
    "CausalLM",
    "Chain",
    "Circumstances",
    "JointShape",
    "JointTagger",
    "LanguageShape",
    "MaskedLM",
    "MaskedShape",
    "PieceStyle",
    "PretrainedLM",
    "PretrainedSeq2Seq",
    "Seq2Seq",
    "SpanReader",
    "SpanShape",
    "Tagger",
    "TaggerShape",
    "TokenShape",
    "WordStyle",
    "WriterShape",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] not in _LIGHT:
        from bakeoff.extras import need

        need("torch", "neural")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
