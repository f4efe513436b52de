"""The study `edp-sgd`: an efficient DP-SGD by micro-batches (Dupuy, Arava, Gupta and Rumshisky, 2021), run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.studies.study import Claim, Grid, Result, Setting


class EdpSgd:
    """Micro-batches whose mean gradient is clipped, beside every record's gradient clipped, at equal honest epsilon."""

    name = "edp-sgd"
    title = "An efficient DP-SGD by micro-batches"
    source = "Dupuy et al. 2021, arXiv 2107.14586"

    def settings(self, quick: bool) -> Sequence[Setting]:
        """The claimed epsilon, seconds per step, then quality on one set and model after another."""
        from bakeoff.studies.edp_sgd.settings import settings

        return settings(quick)

    def measure(self, setting: Setting, data: Path | None) -> Mapping[str, Any]:
        """Figures of one setting; BakeoffError where a package or a data set is missing."""
        from bakeoff.extras import need

        need("torch", "privacy")
        need("dp_accounting", "privacy")
        kind = setting.values["kind"]
        if kind == "quality":
            from bakeoff.studies.edp_sgd.quality import quality

            return quality(setting.values, data)
        if kind == "speed":
            from bakeoff.studies.edp_sgd.speed import speed

            return speed(setting.values)
        if kind in ("accounted", "attacked"):
            from bakeoff.studies.edp_sgd.claimed import accounted, attacked

            return accounted(setting.values) if kind == "accounted" else attacked(setting.values)
        raise UsageError(f"The study edp-sgd knows no settings of kind {kind!r}.")

    def claims(self, results: Sequence[Result]) -> Sequence[Claim]:
        """Verdicts by the thresholds that stand in the settings."""
        from bakeoff.studies.edp_sgd.claims import claims

        return claims(results)

    def grids(self, results: Sequence[Result]) -> Sequence[Grid]:
        """Quality by set, model and method; seconds per step; the claimed epsilon."""
        from bakeoff.studies.edp_sgd.grids import grids

        return grids(results)
