"""The command privacy rewrite: a file of texts, written anew so that little can be learnt of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from bakeoff.cli.options import Json, Names, check_path, print_json, split_names
from bakeoff.cli.showing import console
from bakeoff.cli.spreading import spread
from bakeoff.errors import UsageError

if TYPE_CHECKING:
    from bakeoff.privacy.texts.coding import Coded
    from bakeoff.privacy.texts.files import TextFile
    from bakeoff.privacy.texts.replacing import Replaced

    Rewritten = Replaced | Coded
    Rewrite = Callable[[Sequence[str], Callable[[int, int], None]], Rewritten]

CODER = "autoencoder"
SHOWN = 3
USUAL = {"words": 20.0, "texts": 50.0}

_Columns = Option(metavar="COL", help="A column of texts; may be repeated. A file of plain lines needs none.")
_Method = Option(
    metavar="NAME", help="truncated, density, laplace or ranked (each word), or autoencoder (each whole text)."
)
_Epsilon = Option(metavar="E", help="For words, per typical distance (20); for autoencoder, of a text (50).")
DELTA = 1e-5
_Delta = Option(metavar="D", show_default=False, help="For autoencoder: the chance left to more than epsilon (1e-5).")
_Vectors = Option(metavar="FILE", help="Public word vectors: word2vec or GloVe text, .gz, or .npz of Bakeoff.")
_Public = Option(metavar="FILE", help="Public texts, from which vectors or the auto-encoder are learnt.")
_Kept = Option(metavar="WORD", help="A word that may stay as it is, unprotected; may be repeated, or with commas.")
_Output = Option("--output", "-o", metavar="FILE", help="Where to write; FILE.private.SUFFIX when it is not given.")
_Seed = Option(help="Makes it repeatable for tests; then nothing is protected.")


@dataclass(frozen=True)
class WayChoices:
    """How texts are rewritten, and with what noise."""

    method: Annotated[str, _Method] = "truncated"
    epsilon: Annotated[float | None, _Epsilon] = None
    delta: Annotated[float | None, _Delta] = None
    keep: Annotated[Names, _Kept] = None
    seed: Annotated[int | None, _Seed] = None


@dataclass(frozen=True)
class PublicChoices:
    """What is public and may be learnt from."""

    vectors: Annotated[Path | None, _Vectors] = None
    public: Annotated[Path | None, _Public] = None
    public_column: Annotated[str, Option(metavar="COL", help="The column of texts in the public file.")] = ""


@spread
def privacy_rewrite(
    file: Annotated[Path, Argument(metavar="FILE", help="Texts: .csv, .tsv, .jsonl or .txt (one a line), in UTF-8.")],
    way: WayChoices,
    public: PublicChoices,
    column: Annotated[Names, _Columns] = None,
    output: Annotated[Path | None, _Output] = None,
    as_json: Json = False,
) -> None:
    """Write a file of texts anew with noise, and say what guarantee that has, and for what."""
    from bakeoff.privacy.texts.files import read_texts

    held = read_texts(file)
    columns = _columns(held, split_names(column))
    to = output or file.with_name(f"{file.stem}.private{file.suffix}")
    check_path("--output", to, f"texts{file.suffix}")
    if to.suffix.lower() != held.suffix:
        raise UsageError(f"--output {str(to)!r} has another form than {str(file)!r}; let it end in {held.suffix}.")
    if to.exists() and to.samefile(file):
        raise UsageError(f"--output is {str(file)!r} itself, whose texts would be gone; name another file.")
    originals = {name: held.texts(name) for name in columns}
    _check_public(public, file, columns)
    rewrite = _rewriter(way, public, most=max(map(len, originals.values()), default=0))
    found: dict[str, Rewritten] = {}
    for name, texts in originals.items():
        with _shown(f"rewriting {name}", len(texts)) as watcher:
            found[name] = rewrite(texts, watcher)
        held = held.with_texts(name, found[name].texts)
    held.write(to)
    told = {name: _told(one, originals[name]) for name, one in found.items()}
    if as_json:
        print_json({"output": str(to), "columns": told})
        return
    for name, one in found.items():
        _show(name, originals[name], one, told[name])
    typer.echo(f"Wrote {to}")
    if len(held.names) > len(columns):
        rest = ", ".join(name for name in held.names if name not in columns)
        typer.echo(f"Not rewritten, and not protected: {rest}.", err=True)


def _columns(held: TextFile, asked: Sequence[str]) -> tuple[str, ...]:
    if not asked and len(held.names) > 1:
        raise UsageError(f"Say which column holds texts with --column COL; there are {', '.join(held.names)}.")
    held.check(asked)
    return tuple(dict.fromkeys(asked)) or held.names


def _check_public(public: PublicChoices, file: Path, columns: Sequence[str]) -> None:
    """UsageError where what is to be protected is called public."""
    given = public.public
    if given is None or not given.exists() or not given.samefile(file):
        return
    if public.public_column in columns or (len(columns) == 1 and not public.public_column):
        raise UsageError(
            f"--public is {str(file)!r} itself, and what is learnt from the very texts that are to be protected tells "
            "of them; name other texts."
        )


def _rewriter(way: WayChoices, public: PublicChoices, most: int) -> Rewrite:
    """What rewrites texts; all that can be refused is refused before anything is learnt."""
    from bakeoff.privacy.texts.mechanisms import METHODS, checked

    if way.method == CODER:
        if public.vectors is not None or way.keep:
            raise UsageError(
                "--method autoencoder writes whole texts, which needs no --vectors and can --keep no word."
            )
        return _coder(way, public, most)
    if way.method not in METHODS:
        raise UsageError(f"There is no --method {way.method!r}; there are {', '.join(METHODS)} and {CODER}.")
    if way.delta is not None:
        raise UsageError(f"--method {way.method} leaves nothing to chance, and has no --delta; leave it out.")
    from bakeoff.privacy.texts.replacing import WordReplacer

    epsilon = checked(USUAL["words"] if way.epsilon is None else way.epsilon)
    return WordReplacer(_vectors(public), way.method, epsilon, kept=split_names(way.keep), seed=way.seed).rewrite


def _vectors(public: PublicChoices) -> Any:
    from bakeoff.privacy.texts.public import train_vectors, usual_vectors
    from bakeoff.privacy.texts.vectors import read_vectors

    if public.vectors is not None and public.public is not None:
        raise UsageError("Give either --vectors or --public, from which vectors are learnt, and not both.")
    if public.vectors is not None:
        return read_vectors(public.vectors)
    if public.public is not None:
        return train_vectors(_public_texts(public), name=public.public.name)
    typer.echo(
        "No public texts or vectors were named (--public, --vectors): those of this installation are used.", err=True
    )
    return usual_vectors()


def _coder(way: WayChoices, public: PublicChoices, most: int) -> Rewrite:
    from bakeoff.extras import need

    if public.public is None:
        raise UsageError(
            "--method autoencoder learns from public texts of the same kind; name them with --public FILE."
        )
    need("torch", "privacy")
    need("dp_accounting", "privacy")
    from bakeoff.privacy.texts.coding import TextCoder

    epsilon = USUAL["texts"] if way.epsilon is None else way.epsilon
    coder = TextCoder(epsilon, DELTA if way.delta is None else way.delta, seed=way.seed)
    coder.budget.check(most)
    texts = _public_texts(public)
    typer.echo(f"Learning an auto-encoder from {len(texts):,} public texts ...", err=True)
    return coder.fit(texts, name=public.public.name).rewrite


def _public_texts(public: PublicChoices) -> list[str]:
    from bakeoff.privacy.texts.files import read_texts

    assert public.public is not None
    held = read_texts(public.public)
    if not public.public_column and len(held.names) > 1:
        raise UsageError(
            f"Say which column of {str(public.public)!r} holds texts with --public-column COL; there are "
            f"{', '.join(held.names)}."
        )
    return held.texts(public.public_column or held.names[0])


@contextmanager
def _shown(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    out = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done, _: progress.update(task, completed=done)


def _told(found: Rewritten, before: Sequence[str]) -> dict[str, Any]:
    """As JSON can hold it. Empty cells stay empty, which a promise of whole texts does not cover, and so is said."""
    told = found.as_plain()
    told["empty"] = sum(not text for text in before)
    if "words" not in told and told["empty"]:
        told["guarantee"]["sentence"] += (
            f" The {told['empty']:,} empty ones stayed empty: whether there was a text is not hidden."
        )
    return told


def _show(name: str, before: Sequence[str], found: Rewritten, told: dict[str, Any]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(escape(f"{name}, before"), "after", box=box.SIMPLE_HEAD, pad_edge=False)
    shown = [pair for pair in zip(before, found.texts, strict=True) if pair[0]][:SHOWN]
    for pair in shown:
        grid.add_row(*(Text(text[:300]) for text in pair))
    if shown:
        console().print(grid)
    line = f"{told['texts']:,} texts"
    if "words" in told:
        line += (
            f", {told['words']:,} words, of which {told['changed']:.0%} came out as others and {told['unknown']:.0%} "
            "were unknown to the vectors (shares of your texts: not for release)"
        )
    typer.echo(f"{line}.\n{told['guarantee']['sentence']}")
