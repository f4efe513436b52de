"""The study `fairness-metrics`: do metrics of encoders agree with those of classifiers made from them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.studies.study import Claim, Grid, Result, Setting


class FairnessMetrics:
    """Encoders that differ in text, size, seed and planted association: intrinsic beside extrinsic metrics of each."""

    name = "fairness-metrics"
    title = "Intrinsic and extrinsic fairness metrics"
    source = "Cao et al. 2022, arXiv 2203.13928"

    def settings(self, quick: bool) -> Sequence[Setting]:
        """One for each encoder."""
        from bakeoff.studies.fairness_metrics.settings import settings

        return settings(quick)

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one encoder; BakeoffError where torch or a data set is missing."""
        from bakeoff.extras import need

        need("torch", "neural")
        from bakeoff.studies.fairness_metrics.measuring import measured

        return measured(setting.values, data)

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts by the thresholds that stand in the settings."""
        from bakeoff.studies.fairness_metrics.claims import claims

        return claims(results)

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """Correlations of pairs of metrics, and every encoder's figures."""
        from bakeoff.studies.fairness_metrics.grids import grids

        return grids(results)
