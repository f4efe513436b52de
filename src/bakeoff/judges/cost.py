"""Cost: what the parent measured from outside while a cell ran."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.nouns import Answered, Brief, Finding, Level, Plan

FIGURES = (  # metric, field of Measurements
    ("wall", "wall"),
    ("cpu", "cpu"),
    ("peak_mib", "peak_mib"),
    ("fit_self_reported", "fit"),
)


class Cost:
    """Wall and CPU seconds from go to answers, peak memory in MiB, and the seconds that the entry says fit took."""

    name = "cost"
    version = "1"

    def plan(self, brief: Brief) -> Plan:
        """Nothing: the parent measures anyway."""
        return Plan()

    def judge(self, answered: Answered) -> Sequence[Finding]:
        """One finding for each figure, without interval: a cell runs once."""
        file = answered.result.level is Level.PREDICTIONS
        findings = []
        for metric, field in FIGURES:
            value = getattr(answered.result.measurements, field)
            if file or value is None:
                reason = "a prediction file has no cost" if file else "not measured"
                findings.append(Finding(self.name, metric, None, split="", status="insufficient", reason=reason))
            else:
                findings.append(Finding(self.name, metric, float(value), split="", n=1, reason="one timed run"))
        return findings
