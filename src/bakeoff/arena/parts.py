"""Which part of the test rows a board is about: all of them, the public or the private ones."""

from __future__ import annotations

from collections.abc import Iterable

from bakeoff.nouns import Finding, Task

WHOLE, PUBLIC, PRIVATE = "test", "public", "private"
PARTS = (WHOLE, PUBLIC, PRIVATE)
OF_ROWS = ("quality", "linkage", "fairness")


def shown(task: Task, part: str) -> str:
    """The part of a task that a board about `part` shows: all test rows where they are not divided."""
    return part if task.split.public_share else WHOLE


def counts(finding: Finding, task: Task, part: str) -> bool:
    """Whether a finding belongs on a board about `part`: what tells of test rows does where they are those shown.

    Quality, linkage and fairness are judged part by part; what is of other rows than the test's counts on each.
    """
    return finding.judge not in OF_ROWS or finding.split not in PARTS or finding.split == shown(task, part)


def notice(part: str, shows: str, tasks: Iterable[Task]) -> str:
    """What a reader of a board about `part` must know where the rules show `shows`, in one sentence, or nothing."""
    divided = any(task.split.public_share for task in tasks)
    if not divided:
        return "" if part == WHOLE else "No task's test rows are divided here, so all of them count."
    if shows == PUBLIC and part != PUBLIC:
        return "For the organiser's eyes: challenge.toml shows the public test rows alone."
    return ""
