"""Every error a user can meet, as one tree.

    BakeoffError                 exit 1, HTTP 500
    ├── UsageError               exit 2, HTTP 400   the command or the call is wrong
    │   ├── NotFound             exit 2, HTTP 404   nothing has that name or path
    │   └── MissingExtra         exit 2, HTTP 501   a part of Bakeoff is not installed
    ├── TableError               exit 3, HTTP 422   a table has problems; it carries all of them
    ├── TaskError                exit 3, HTTP 422   a question that the table cannot answer
    ├── EntryError               exit 4, HTTP 422   an entry is not one
    │   ├── Declined             an entry says it cannot handle this table
    │   └── Refused              answers that cannot be scored
    ├── ConfinementError         exit 5, HTTP 503   the wall, or what must run behind it, failed
    ├── StoreError               exit 6, HTTP 503   the store cannot be read or written
    └── NoGuarantee              exit 7, HTTP 409   no epsilon can be stated, since an assumption was broken

The message is one sentence that names the thing, what was given, and the mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class BakeoffError(Exception):
    """The root: whatever Bakeoff raises on purpose."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


class UsageError(BakeoffError):
    """The command or the call is wrong."""

    exit_code = 2
    http_status = 400


class NotFound(UsageError):
    """Nothing has that name or path."""

    http_status = 404


class MissingExtra(UsageError):
    """A part of Bakeoff needs packages that are not installed."""

    http_status = 501


BESIDES = "So that all can be mended at once, this is remarked besides: "


class TableError(BakeoffError):
    """A table has problems; `problems` holds one sentence for each, and a last one with remarks may begin BESIDES."""

    exit_code = 3
    http_status = 422

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class TaskError(BakeoffError):
    """The table cannot answer the question asked of it."""

    exit_code = 3
    http_status = 422


class EntryError(BakeoffError):
    """What was handed in is not an entry."""

    exit_code = 4
    http_status = 422


class Declined(EntryError):
    """Raised by an entry that cannot handle a table: an outcome, not a crash."""


class Refused(EntryError):
    """The answers cannot be scored: rows missing, not a number, or outside the classes."""


class ConfinementError(BakeoffError):
    """The wall could not be built, or what was to run behind it could not start."""

    exit_code = 5
    http_status = 503


class StoreError(BakeoffError):
    """The store cannot be read or written."""

    exit_code = 6
    http_status = 503


class NoGuarantee(BakeoffError):
    """No epsilon can be stated, since something that it rests on does not hold; the message names it."""

    exit_code = 7
    http_status = 409
