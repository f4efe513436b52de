"""What an audit found, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.arena import board_words as words
from bakeoff.arena.audits import Audited, AuditSummary
from bakeoff.arena.board import Estimate
from bakeoff.arena.board_export import stand_json, tellable
from bakeoff.arena.privacy_words import KINDS, stand_said, titled
from bakeoff.nouns import Finding, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# What is counted for later is no figure for a reader; verdicts are those of the board, corrected for all claims.
QUIET = ("right guesses", "fits", "claim")


def audit_json(summary: AuditSummary) -> dict[str, Any]:
    """An audit as what JSON can hold; whatever is not a finite number is null."""
    ran = summary.run
    told = {
        "audited": [plain(one) for one in summary.audited],
        "ran": ran.ran,
        "kept": ran.kept,
        "outcomes": plain(ran.outcomes),
        "seconds": ran.seconds,
        "level": ran.level.value,
        "troubles": list(summary.troubles),
        "privacy": {entry: stand_json(stand) for entry, stand in summary.stands.items()},
    }
    return tellable(told)  # type: ignore[no-any-return]


def audit_text(summary: AuditSummary, console: Console, told: Sequence[str] = ()) -> None:
    """Print what was found of each entry; troubles that a person was `told` of meanwhile are not said again."""
    from rich.text import Text

    ran = summary.run
    console.print(f"{ran.ran} fit{'s' * (ran.ran != 1)} run in {ran.seconds:.0f} s, {ran.kept} kept from before.")
    for one in summary.audited:
        console.print()
        form = ", quick form" if one.quick else ""
        title = f"{words.one_line(one.entry)} on {words.one_line(one.task)}, seed {one.seed}{form}"
        done = f": {one.done} of {one.fits} fits ended well" if one.fits else ""
        console.print(Text(title + done, style="bold"))
        for sentence in (*one.stopped, *([one.reason] if one.reason else [])):
            console.print(Text(f"  {words.one_line(sentence)}"))
        _figures(one, console)
        if one.entry in summary.stands and (said := stand_said(summary.stands[one.entry])):
            console.print(Text(f"  {said}."))
    for trouble in summary.troubles:
        if trouble not in told:
            console.print(Text(f"bakeoff: {words.one_line(trouble)}"))


def _figures(one: Audited, console: Console) -> None:
    """For each split a table: what was looked at, by figure; why a figure is missing stands below."""
    from rich.text import Text

    unicode = console.encoding.lower().startswith("utf")
    shown = [finding for finding in one.findings if finding.metric not in QUIET]
    for split in dict.fromkeys(finding.split for finding in shown):
        mine = [finding for finding in shown if finding.split == split]
        console.print(Text(_plain(f"  {KINDS.get(split, words.one_line(split))}", unicode), style="bold dim"))
        for together in _alike(mine):
            console.print(_grid(together, unicode))
        reasons: dict[str, list[str]] = {}
        for finding in mine:
            if finding.reason:
                what = reasons.setdefault(words.one_line(finding.reason), [])
                what += [finding.metric] if finding.metric not in what else []
        for reason, metrics in reasons.items():
            console.print(Text(_plain(f"  {', '.join(map(titled, metrics))}: {reason}", unicode), style="dim"))


def _alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings in groups that have the same figures, so that no grid is mostly empty."""
    metrics: dict[str, frozenset[str]] = {}
    for finding in findings:
        metrics[_of(finding)] = metrics.get(_of(finding), frozenset()) | {finding.metric}
    groups: dict[frozenset[str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(metrics[_of(finding)], []).append(finding)
    return list(groups.values())


def _grid(findings: Sequence[Finding], unicode: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    metrics = list(dict.fromkeys(finding.metric for finding in findings))
    found = {(_of(finding), finding.metric): finding for finding in findings}
    grid = Table(box=box.SIMPLE_HEAD if unicode else box.ASCII2, show_edge=False, pad_edge=False)
    for head in ("", *map(titled, metrics), "rows"):
        grid.add_column(head, justify="right" if head else "left")
    for name in dict.fromkeys(name for name, _ in found):
        mine = [found.get((name, metric)) for metric in metrics]
        rows = max((finding.n for finding in mine if finding is not None), default=0)
        cells = (
            titled(name),
            *("" if finding is None else _value(finding) for finding in mine),
            f"{rows:,}" if rows else "",
        )
        grid.add_row(*(Text(_plain(words.one_line(cell), unicode)) for cell in cells))
    return grid


def _of(finding: Finding) -> str:
    return ", ".join(filter(None, (finding.group, finding.variant)))


def _value(finding: Finding) -> str:
    """A figure with its interval; a bound, which has a low end alone, as what it is."""
    if finding.low is not None and finding.high is None:
        return f"at least {words.figure(finding.low)}"
    said = words.figure(finding.value)
    if finding.value is None or finding.low is None or finding.high is None:
        return said
    return f"{said} {words.range_of(Estimate(finding.value, finding.low, finding.high))}"


def _plain(text: str, unicode: bool) -> str:
    return text if unicode else text.replace("–", "-").encode("ascii", "replace").decode()
