"""Entries for text tasks: tagging, intent with slots, spans, generation and language models.

Each kind has baselines that count or rank, and a network of `bakeoff.training`. They are scikit-learn style estimators
and work without a schema too. Nothing here knows the arena or the wall.
"""

from __future__ import annotations

from typing import Any

_PLACES = {
    "CRFTagger": "crf",
    "ContextMixing": "context_mixing",
    "Copy": "suffix_rules",
    "Inflector": "inflector",
    "LinearCRF": "linear_crf",
    "NGram": "ngram",
    "NeuralJointTagger": "tagger",
    "NeuralLanguageModel": "causal_lm",
    "NeuralSeq2Seq": "seq2seq",
    "NeuralSpanReader": "span_reader",
    "NeuralTagger": "tagger",
    "Overlap": "overlap",
    "Retrieval": "retrieval",
    "SpanCRF": "span_crf",
    "SuffixRules": "suffix_rules",
    "UnigramJoint": "unigram",
    "UnigramTagger": "unigram",
}

__all__ = [
    "CRFTagger",
    "ContextMixing",
    "Copy",
    "Inflector",
    "LinearCRF",
    "NGram",
    "NeuralJointTagger",
    "NeuralLanguageModel",
    "NeuralSeq2Seq",
    "NeuralSpanReader",
    "NeuralTagger",
    "Overlap",
    "Retrieval",
    "SpanCRF",
    "SuffixRules",
    "UnigramJoint",
    "UnigramTagger",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
