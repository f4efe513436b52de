"""The study `theory-practice`: whether the epsilon that is stated and what attacks find go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.studies.study import Claim, Grid, Result, Setting


class TheoryPractice:
    """Networks fitted within one epsilon after another, attacked by their answers and from inside."""

    name = "theory-practice"
    title = "Stated epsilon and measured leakage"
    source = "Jayaraman and Evans 2019, arXiv 1902.08874; Dupuy et al. 2021, arXiv 2107.14586"

    def settings(self, quick: bool) -> Sequence[Setting]:
        """One seed after another, every epsilon of each model."""
        from bakeoff.studies.theory_practice.settings import settings

        return settings(quick)

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one setting; BakeoffError where a package or a data set is missing."""
        from bakeoff.extras import need

        need("torch", "privacy")
        need("dp_accounting", "privacy")
        from bakeoff.studies.theory_practice import fits

        kind = setting.values["kind"]
        if kind not in ("outside", "inside"):
            raise UsageError(f"The study theory-practice knows no settings of kind {kind!r}.")
        return fits.outside(setting.values, data) if kind == "outside" else fits.inside(setting.values, data)

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts by the thresholds that stand in the settings."""
        from bakeoff.studies.theory_practice.claims import claims

        return claims(results)

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """Leakage by model and epsilon, from outside and from inside."""
        from bakeoff.studies.theory_practice.grids import grids

        return grids(results)
