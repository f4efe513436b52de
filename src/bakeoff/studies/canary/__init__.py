"""The study `canary`: what an attacker gets back of codes from the weights of a text classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.studies.study import Claim, Grid, Result, Setting


class CanaryStudy:
    """Codes inserted R times into SNIPS, four networks, five defences and private training, each beside R = 0."""

    name = "canary"
    title = "Canary extraction from text classifiers"
    source = "Parikh, Dupuy and Gupta 2022, arXiv 2203.13920"

    def settings(self, quick: bool) -> Sequence[Setting]:
        """Seed by seed: networks, then defences, private training, other secrets, the whole vocabulary."""
        from bakeoff.studies.canary.settings import settings

        return settings(quick)

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one network; BakeoffError where a package or the data set is missing."""
        from bakeoff.extras import need

        need("torch", "privacy")
        if setting.values["epsilon"]:
            need("dp_accounting", "privacy")
        from bakeoff.studies.canary.measuring import measured

        return measured(setting.values, data)

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts by the thresholds that stand in the settings."""
        from bakeoff.studies.canary.claims import claims

        return claims(results)

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """Recovery and exposure by network, defence and repetitions."""
        from bakeoff.studies.canary.grids import grids

        return grids(results)
