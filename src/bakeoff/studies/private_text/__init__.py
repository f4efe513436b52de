"""The study `private-text`: what private text is good for, what an attack still learns, and what proofs are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.studies.study import Claim, Grid, Result, Setting


class PrivateText:
    """Words replaced by four kinds of noise, and texts rewritten from a noisy code, beside attacks on both."""

    name = "private-text"
    title = "Private text: use against attack"
    source = "Feyisetan et al. 2020, Krishna et al. 2021, Habernal 2021, Carvalho et al. 2023, Asghar et al. 2026"

    def settings(self, quick: bool) -> Sequence[Setting]:
        """The published proof, where words go, then words and codes on each set."""
        from bakeoff.studies.private_text.settings import settings

        return settings(quick)

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one setting; BakeoffError where a package or a data set is missing."""
        from bakeoff.studies.private_text.measures import measured
        from bakeoff.training.seeding import threads

        if setting.values["kind"] != "codes":
            return measured(setting.values, data)
        from bakeoff.extras import need

        need("torch", "privacy")
        with threads(1):
            return measured(setting.values, data)

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts by the thresholds that stand in the settings."""
        from bakeoff.studies.private_text.claims import claims

        return claims(results)

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """The published proof, where words go, use and attacks by setting."""
        from bakeoff.studies.private_text.grids import grids

        return grids(results)
