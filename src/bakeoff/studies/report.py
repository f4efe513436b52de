"""A study's outcome as a Markdown page that can be kept."""

from __future__ import annotations

from bakeoff.studies.running import Outcome
from bakeoff.studies.study import Grid, Study


def page(study: Study, outcome: Outcome) -> str:
    """Verdicts with their reasons, what they rest on, tables, and what it was made with."""
    part = "every setting" if outcome.measured == outcome.settings else "a part of the settings"
    kind = "quick" if outcome.quick else "full"
    lines = [
        f"# {study.title}",
        "",
        f"Study `{study.name}` ({study.source}), the {kind} settings: {outcome.measured} of {outcome.settings} "
        f"measured, so verdicts rest on {part}.",
        "",
        "## Claims",
        "",
    ]
    for claim in outcome.claims:
        lines += [f"- **{claim.verdict.value}**: {claim.claim} ({claim.source}). {claim.why}"]
    if outcome.left_out:
        lines += ["", "Left out in the last run:", ""]
        lines += [f"- {name}: {' '.join(why.split())}" for name, why in outcome.left_out.items()]
    for grid in outcome.grids:
        lines += ["", f"## {grid.title}", "", *_markdown(grid)]
    lines += ["", "## Made with", ""]
    for made in outcome.made_with:
        versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        lines.append(f"- {made['day']}: {versions}; Python {made['python']}; {made['machine']}")
    return "\n".join([*lines, ""])


def _markdown(grid: Grid) -> list[str]:
    def row(words: object) -> str:
        assert isinstance(words, (list, tuple))
        return f"| {' | '.join(str(word).replace('|', '/') for word in words)} |"

    heads = [row(list(grid.heads)), row(["---"] * len(grid.heads))]
    return heads + [row(list(one)) for one in grid.rows]
