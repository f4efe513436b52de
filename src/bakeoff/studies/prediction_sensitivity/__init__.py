"""The study `prediction-sensitivity`: how far predictions move along what tells of a protected status, run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.studies.study import Claim, Grid, Result, Setting


class PredictionSensitivity:
    """Classifiers with planted dependence, classifiers of real posts, and people's judgements where there are any."""

    name = "prediction-sensitivity"
    title = "Measuring fairness of text classifiers by prediction sensitivity"
    source = "Krishna et al. 2022, arXiv 2203.08670"

    def settings(self, quick: bool) -> Sequence[Setting]:
        """Planted dependence and real posts, one seed after another, then judgements of people."""
        from bakeoff.studies.prediction_sensitivity.settings import settings

        return settings(quick)

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one setting; BakeoffError where torch or a data set is missing."""
        from bakeoff.extras import need

        need("torch", "neural")
        kind = setting.values["kind"]
        if kind == "planted":
            from bakeoff.studies.prediction_sensitivity.planted import planted

            return planted(setting.values, data)
        if kind == "real":
            from bakeoff.studies.prediction_sensitivity.posts import real

            return real(setting.values, data)
        if kind == "people":
            from bakeoff.studies.prediction_sensitivity.people import people

            return people(setting.values, data)
        raise UsageError(f"The study prediction-sensitivity knows no settings of kind {kind!r}.")

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts by the thresholds that stand in the settings."""
        from bakeoff.studies.prediction_sensitivity.claims import claims

        return claims(results)

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """Planted dependence by strength, what follows it, and classifiers of posts."""
        from bakeoff.studies.prediction_sensitivity.grids import grids

        return grids(results)
