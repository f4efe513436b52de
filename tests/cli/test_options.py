"""Records of options become options, and words become the house's records."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from bakeoff.cli.options import RunChoices, column_types, split_names
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError
from bakeoff.nouns import ColumnType, Limits


@dataclass(frozen=True)
class Taste:
    sweet: Annotated[int, typer.Option(min=0, help="How sweet.")] = 1
    kinds: Annotated[list[str] | None, typer.Option()] = None


def bake(name: Annotated[str, typer.Argument()], taste: Taste, loud: bool = False) -> None:
    typer.echo(f"{name} {taste} {loud}")


def test_a_record_becomes_options_and_comes_back_as_a_record():
    app = typer.Typer()
    app.command()(spread(bake))
    assert list(inspect.signature(spread(bake)).parameters) == ["name", "sweet", "kinds", "loud"]
    said = CliRunner().invoke(app, ["pie", "--sweet", "3", "--kinds", "a", "--kinds", "b", "--loud"])
    assert said.stdout.strip() == "pie Taste(sweet=3, kinds=['a', 'b']) True"
    assert CliRunner().invoke(app, ["pie"]).stdout.strip() == "pie Taste(sweet=1, kinds=None) False"
    assert CliRunner().invoke(app, ["pie", "--sweet", "-1"]).exit_code == 2


def test_limits_fill_in_what_was_not_said():
    rules = Limits(seconds=7, memory_mib=300, processes=9)
    assert RunChoices().limits(rules) == rules
    assert RunChoices(time=5).limits(rules) == Limits(seconds=5, memory_mib=300, processes=9)
    assert RunChoices(memory=900).limits(rules).memory_mib == 900


def test_types_and_names_are_read():
    assert column_types(["a=b=text", "c=image"]) == {"a=b": ColumnType.TEXT, "c": ColumnType.IMAGE}
    assert split_names(["a,b", " c "]) == ("a", "b", "c")
    assert split_names(None) == ()


@pytest.mark.parametrize("word", ["text", "a=", "a=colour"])
def test_what_is_no_type_is_named(word):
    with pytest.raises(UsageError, match=f"--type '{word}' is not COL=TYPE with a type of numeric, categorical, text"):
        column_types([word])
