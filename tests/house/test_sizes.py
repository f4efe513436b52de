"""Files, functions and names keep the house's measure."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("src", "tests", "bench") for path in (REPOSITORY / folder).rglob("*.py")
)  # fmt: skip
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "misc", "core", "manager", "managers", "other"}
LINES, PARAMETERS, METHODS = 400, 7, 15
DOORS = {"Challenge"}  # the one door to everything, each of its methods a step into another module
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
PASSIVE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """Lines that hold code: no blank line, comment or docstring."""
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    held = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in PASSIVE:
            held |= set(range(token.start[0], token.end[0] + 1))
    return len(held - docstrings)


def too_many_parameters(source: str) -> list[str]:
    """Functions with more than seven parameters, self and cls apart."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len([name for name in names if name not in ("self", "cls")]) > PARAMETERS:
                found.append(f"{node.name} takes {len(names)} parameters")
    return found


def too_many_methods(source: str) -> list[str]:
    """Classes with more than fifteen public methods."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name not in DOORS:
            public = [n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
            if len(public) > METHODS:
                found.append(f"{node.name} has {len(public)} public methods")
    return found


def forbidden_names(files: list[Path]) -> list[str]:
    """Files and folders with a name that says nothing."""
    return [
        str(path.relative_to(REPOSITORY))
        for path in files
        if {path.stem, *path.relative_to(REPOSITORY).parts[:-1]} & FORBIDDEN
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_file_keeps_its_measure(path):
    source = path.read_text(encoding="utf-8")
    assert lines_of_code(source) < LINES
    assert too_many_methods(source) == []
    if path.is_relative_to(REPOSITORY / "src"):
        assert too_many_parameters(source) == []


def test_no_name_says_nothing():
    assert forbidden_names(FILES) == []


def test_the_measures_can_fail():
    assert len(FILES) > 30
    assert lines_of_code('"""Doc."""\n# why\n\nx = [\n  1,\n]\n') == 3
    assert lines_of_code("x = 1\n" * 400) == LINES
    assert too_many_parameters("def f(self, a, b, c, d, e, f, g): ...") == []
    assert too_many_parameters("def f(a, b, c, d, *, e, f, g, h): ...") == ["f takes 8 parameters"]
    assert too_many_methods("class A:\n" + "".join(f"  def m{i}(self): ...\n" for i in range(16)))
    assert forbidden_names([REPOSITORY / "src" / "utils" / "x.py", REPOSITORY / "src" / "helpers.py"])


def of_one_name(files: list[Path]) -> list[str]:
    """Names that several files of tests have: pytest imports them by name, and would read one for the other."""
    names = [file.name for file in files if file.name.startswith("test_")]
    return sorted({name for name in names if names.count(name) > 1})


def test_no_two_files_of_tests_have_one_name():
    assert of_one_name(FILES) == []
    assert of_one_name([Path("a/test_x.py"), Path("b/test_x.py"), Path("b/test_y.py"), Path("a/x.py"), Path("b/x.py")])
