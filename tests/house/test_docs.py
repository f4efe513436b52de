"""Everything a user can name is documented, and what the documentation shows is true."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import tomllib

import pytest
import typer.main
from pages import DOCS, PAGES, README, REPOSITORY, blocks, links, quoted, sections

import bakeoff
from bakeoff import errors
from bakeoff.cli import app

REFERENCE = DOCS / "reference"
BUILT_IN = {"--help", "-h", "--install-completion", "--show-completion", "--version"}


def commands(group=None, prefix="bakeoff"):
    """Each command's full name with its parameters."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def undocumented(text_of: dict[str, str]) -> list[str]:
    """Commands without a section and options without a word in it."""
    lacking = []
    for name, command in commands():
        if name not in text_of:
            lacking.append(name)
            continue
        words = quoted(text_of[name])
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
        lacking += [f"{name} {option}" for option in sorted(options - BUILT_IN - words)]
        if not (command.help or "").strip():
            lacking.append(f"{name} has no help")
    return lacking


def test_every_command_and_option_is_documented():
    assert len(list(commands())) >= 13
    assert undocumented(sections(REFERENCE / "commands.md", 2)) == []


def test_every_documented_command_and_option_is_there():
    known = dict(commands())
    for name, text in sections(REFERENCE / "commands.md", 2).items():
        options = {option for parameter in known[name].params for option in parameter.opts}
        table = "\n".join(line.partition("|")[2].partition("|")[0] for line in text.splitlines() if line[:1] == "|")
        assert {word for word in quoted(table) if word.startswith("-")} <= options, name


def test_an_undocumented_option_is_caught():
    text_of = sections(REFERENCE / "commands.md", 2)
    del text_of["bakeoff judge"]
    text_of["bakeoff run"] = text_of["bakeoff run"].replace("--again", "--often")
    assert undocumented(text_of) == ["bakeoff run --again", "bakeoff judge"]


def test_every_public_name_is_documented_and_the_other_way_round():
    assert set(sections(REFERENCE / "python.md", 3)) == set(bakeoff.__all__)
    assert set(dir(bakeoff)) == set(bakeoff.__all__)


@pytest.mark.parametrize("name", bakeoff.__all__)
def test_a_public_name_is_there_and_its_parts_are_documented(name):
    thing = getattr(bakeoff, name)
    words = quoted(sections(REFERENCE / "python.md", 3)[name])
    parts = set()
    if dataclasses.is_dataclass(thing):
        parts = {field.name for field in dataclasses.fields(thing)}
    elif inspect.isclass(thing) and not issubclass(thing, (Exception, str)):
        parts = {part for part, member in vars(thing).items() if part[0] != "_" and inspect.isroutine(member)}
    if inspect.isfunction(thing):
        parts = set(inspect.signature(thing).parameters)
    assert inspect.getdoc(thing), f"{name} has no docstring"
    plain = {word.split(".")[-1] for word in words}
    assert parts - plain - {"hand_in"} == set(), f"undocumented parts of {name}"


def test_the_public_names_agree_with_what_a_type_checker_sees():
    source = ast.parse((REPOSITORY / "src" / "bakeoff" / "__init__.py").read_text(encoding="utf-8"))
    (guarded,) = (node for node in source.body if isinstance(node, ast.If))
    seen = {alias.asname: f"{node.module}.{alias.name}" for node in guarded.body for alias in node.names}
    assert seen == {name: f"{home}.{name}" for name, home in bakeoff._HOMES.items()}
    assert {*seen, "__version__"} == set(bakeoff.__all__)


@pytest.mark.parametrize("room", ["training", "privacy", "fairness", "studies"])
def test_every_public_name_of_a_room_is_documented(room):
    module = importlib.import_module(f"bakeoff.{room}")
    words = quoted(sections(REFERENCE / "python.md", 2)[room.capitalize()])
    assert set(module.__all__) - words == set()
    assert set(module.__all__) == set(module._HOMES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'bakeoff' has no attribute 'compere'"):
        bakeoff.compere  # noqa: B018


def test_every_error_is_documented_with_its_codes():
    rows = {}
    for line in (REFERENCE / "errors.md").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| `(\w+)` \| (\d+) \| (\d+) \|", line):
            rows[match[1]] = (int(match[2]), int(match[3]))
    classes = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, Exception)]
    known = {error.__name__: (error.exit_code, error.http_status) for error in classes if hasattr(error, "exit_code")}
    assert rows == known


def test_every_outcome_is_documented():
    from bakeoff.nouns import Level, Outcome

    text = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    assert [outcome for outcome in Outcome if f"| {outcome.value} |" not in text] == []
    board = (DOCS / "how-to" / "read-the-board.md").read_text(encoding="utf-8")
    assert [level for level in Level if level.value not in board] == []


def test_every_key_of_every_file_is_documented():
    from bakeoff.arena.challenge_files import Rules
    from bakeoff.arena.entries import KNOWN
    from bakeoff.nouns import ColumnType, Limits, Role, Split, Task
    from bakeoff.tables.settings import KEYS, METHODS

    def fields(record):
        return {field.name for field in dataclasses.fields(record)}

    wanted = {
        "challenge-toml.md": fields(Rules) | fields(Limits) | (fields(Task) - {"name", "split", "see"}),
        "entry-toml.md": set(KNOWN),
        "table-toml.md": set(KEYS) | fields(Split) | set(METHODS) | {*ColumnType, *Role},
    }
    for page, keys in wanted.items():
        assert keys - quoted((REFERENCE / page).read_text(encoding="utf-8")) == set(), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if target.name == "board.png" and page == README:
            continue  # the picture is made from a run on data that are not part of the repository
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            headings = [
                line.lstrip("# ").strip("`").lower() for line in target.read_text().splitlines() if line[:1] == "#"
            ]
            assert anchor.replace("-", " ") in headings, f"{page.name} links to {link}"


def test_every_page_can_be_reached_from_the_readme():
    reached, todo = set(), [README]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if ".md" in link]
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_blocks_are_sound(page):
    for block in blocks(page):
        assert block.language in {"python", "sh", "toml"}, f"{page.name}, line {block.line}: say the language"
        if block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "python":
            compile(block.text, str(page), "exec")
        else:
            subprocess.run(["bash", "-n", "-c", block.text], check=True, capture_output=True)


def test_the_readme_is_short_and_quick_to_the_point():
    text = README.read_text(encoding="utf-8")
    assert len(text.split()) < 600
    first = blocks(README)[0]
    assert first.language == "sh"
    assert first.line < 20
    setup, test = [block.text for block in blocks(README) if block.language == "sh"][:2]
    for command in (setup, test):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -c requirements.txt -e ")
    assert setup.endswith("&& .venv/bin/bakeoff demo\n")
    assert "'.[dev]'" in test and "&& .venv/bin/pytest" in test


def test_the_pinned_versions_are_plain_and_cover_what_is_needed():
    lines = [line for line in (REPOSITORY / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][\w.]*", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in asked}
    assert names - pinned == set()


def test_the_changelog_speaks_of_this_version():
    assert f"## {bakeoff.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
