"""The error tree: every class is drawn, and carries what the drawing says."""

from __future__ import annotations

import inspect
import re

import pytest

from bakeoff import errors
from bakeoff.errors import BakeoffError, TableError

LINE = re.compile(r"^(?P<indent>[\s│├└─]*)(?P<name>[A-Z]\w+)(?:\s+exit (?P<exit>\d+), HTTP (?P<http>\d+))?")


def drawn() -> list[tuple[str, str | None, int | None, int | None]]:
    """(name, parent, exit code, HTTP status) for each line of the drawing; None where the parent's hold."""
    found, path = [], []
    for line in (errors.__doc__ or "").splitlines()[1:]:
        match = LINE.match(line)
        if match and line.startswith("    "):
            depth = (len(match["indent"]) - 4) // 4
            path = [*path[:depth], match["name"]]
            code = int(match["exit"]) if match["exit"] else None
            status = int(match["http"]) if match["http"] else None
            found.append((match["name"], path[-2] if len(path) > 1 else None, code, status))
    return found


def classes() -> dict[str, type[BakeoffError]]:
    members = inspect.getmembers(errors, inspect.isclass)
    return {name: member for name, member in members if issubclass(member, BakeoffError)}


def test_the_drawing_shows_every_class_once():
    names = [name for name, *_ in drawn()]
    assert sorted(names) == sorted(classes())
    assert len(names) >= 11


@pytest.mark.parametrize(("name", "parent", "code", "status"), drawn())
def test_the_drawing_is_true(name, parent, code, status):
    error = classes()[name]
    assert error.__base__.__name__ == (parent or "Exception")
    above = classes()[parent] if parent else None
    assert error.exit_code == (above.exit_code if code is None else code)
    assert error.http_status == (above.http_status if status is None else status)
    assert 400 <= error.http_status < 600
    assert 0 < error.exit_code < 126
    assert error.__doc__ and error.__doc__.rstrip().endswith(".")


def test_the_exit_codes_tell_the_branches_apart():
    branches = [error for error in classes().values() if error.__base__ is BakeoffError]
    codes = {error.exit_code for error in branches}
    assert codes == {2, 3, 4, 5, 6, 7}


def test_a_table_error_carries_each_problem():
    error = TableError(["the first", "the second"])
    assert error.problems == ("the first", "the second")
    assert str(error) == "the first\nthe second"
    assert TableError("alone").problems == ("alone",)
