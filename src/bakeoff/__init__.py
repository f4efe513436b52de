"""Bakeoff: every algorithm on every table, judged on quality, cost, privacy, fairness and robustness.

The public names are loaded when they are first used, so that importing the package stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakeoff.arena.board import Board as Board
    from bakeoff.arena.challenge import AuditRequest as AuditRequest
    from bakeoff.arena.challenge import Challenge as Challenge
    from bakeoff.arena.challenge import RunRequest as RunRequest
    from bakeoff.arena.comparison import CompareOptions as CompareOptions
    from bakeoff.arena.comparison import Comparison as Comparison
    from bakeoff.arena.comparison import compare as compare
    from bakeoff.arena.intake import TableOptions as TableOptions
    from bakeoff.arena.predictor import Predictor as Predictor
    from bakeoff.arena.predictor import load as load
    from bakeoff.errors import BakeoffError as BakeoffError
    from bakeoff.errors import Declined as Declined
    from bakeoff.nouns import Answered as Answered
    from bakeoff.nouns import Auditor as Auditor
    from bakeoff.nouns import Brief as Brief
    from bakeoff.nouns import Column as Column
    from bakeoff.nouns import ColumnType as ColumnType
    from bakeoff.nouns import Finding as Finding
    from bakeoff.nouns import Insertion as Insertion
    from bakeoff.nouns import Limits as Limits
    from bakeoff.nouns import Plan as Plan
    from bakeoff.nouns import Probe as Probe
    from bakeoff.nouns import Role as Role
    from bakeoff.nouns import Schema as Schema

_HOMES = {
    "Answered": "bakeoff.nouns",
    "AuditRequest": "bakeoff.arena.challenge",
    "Auditor": "bakeoff.nouns",
    "BakeoffError": "bakeoff.errors",
    "Board": "bakeoff.arena.board",
    "Brief": "bakeoff.nouns",
    "Challenge": "bakeoff.arena.challenge",
    "Column": "bakeoff.nouns",
    "ColumnType": "bakeoff.nouns",
    "CompareOptions": "bakeoff.arena.comparison",
    "Comparison": "bakeoff.arena.comparison",
    "Declined": "bakeoff.errors",
    "Finding": "bakeoff.nouns",
    "Insertion": "bakeoff.nouns",
    "Limits": "bakeoff.nouns",
    "Plan": "bakeoff.nouns",
    "Predictor": "bakeoff.arena.predictor",
    "Probe": "bakeoff.nouns",
    "Role": "bakeoff.nouns",
    "RunRequest": "bakeoff.arena.challenge",
    "Schema": "bakeoff.nouns",
    "TableOptions": "bakeoff.arena.intake",
    "compare": "bakeoff.arena.comparison",
    "load": "bakeoff.arena.predictor",
}

__all__ = [
    "Answered",
    "AuditRequest",
    "Auditor",
    "BakeoffError",
    "Board",
    "Brief",
    "Challenge",
    "Column",
    "ColumnType",
    "CompareOptions",
    "Comparison",
    "Declined",
    "Finding",
    "Insertion",
    "Limits",
    "Plan",
    "Predictor",
    "Probe",
    "Role",
    "RunRequest",
    "Schema",
    "TableOptions",
    "__version__",
    "compare",
    "load",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("bakeoff")
    if name not in _HOMES:
        raise AttributeError(f"module 'bakeoff' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
