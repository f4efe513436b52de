"""CoNLL files: a token with its tags on each line, a blank line after each sentence; each sentence becomes a row.

The columns of a CoNLL-U file have the names of the format (universaldependencies.org/format.html); of others the first
is the tokens and the last the tags, as in the shared tasks of 2000 to 2003.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType
from bakeoff.tables.readers.encodings import Utf8
from bakeoff.tables.readers.locations import Readable
from bakeoff.tables.readers.streams import Stream, batch_of
from bakeoff.tables.sentences import SHOWN
from bakeoff.tables.settings import Settings

ROWS = 5_000
HEAD = 1 << 14  # bytes by which a file of another ending is told to be one
DOCUMENT = "-DOCSTART-"
UNIVERSAL = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
FIELDS = {2: ("tokens", "tags"), 3: ("tokens", "pos", "tags"), 4: ("tokens", "pos", "chunks", "tags")}
WHOLE = re.compile(r"\d+")  # the number of a word, where 3-4 is a contraction and 3.1 an empty node
SAID = re.compile(r"#\s*([\w.]+)\s*=\s*(.*)")
TAG = re.compile(r"O|[BIES]-\S+")


def is_conll(head: bytes) -> bool:
    """Whether a text begins like a CoNLL file of entities: blank lines between lines of as many words, B-x among them.

    Delimited texts hold neither blank lines nor such tags at the end of most of their lines.
    """
    lines = head.decode("utf-8", "replace").split("\n")
    lines = lines[:-1] if len(head) >= HEAD else lines
    told = [line.split() for line in lines if line.strip() and not line.startswith(("#", DOCUMENT))]
    blank = any(not line.strip() for line in lines[:-1])
    if not blank or len(told) < 4 or len({len(words) for words in told}) > 1 or len(told[0]) < 2:
        return False
    tags = [words[-1] for words in told]
    return all(TAG.fullmatch(tag) for tag in tags) and any(tag != "O" for tag in tags)


@dataclass
class _Sentences:
    """Lines on their way to rows: the fields of the present sentence, and what was wrong."""

    name: str
    universal: bool
    rows: list[tuple[list[list[str]], dict[str, str]]] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    width: int = 0
    begun: int = 0  # the number of sentences met, good or not
    wrong: list[str] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    bad: bool = False
    document: str = ""

    def take(self, number: int, line: str) -> None:
        """One line of the file."""
        if not line.strip():
            self.end()
        elif not self._is_comment(line):
            self._word(number, line)
        elif line.startswith("# newdoc id"):
            self.document = line.partition("=")[2].strip()
        elif said := SAID.fullmatch(line.strip()):
            self.said[said[1]] = said[2]

    def _is_comment(self, line: str) -> bool:
        # A hash may be a token, or begin one, which then has its tags beside it.
        if not line.startswith("#") or self.universal:
            return line.startswith("#")
        return len(line.split()) != self.width if self.width else line.startswith("# ")

    def _word(self, number: int, line: str) -> None:
        words = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if words[0] == DOCUMENT or (self.universal and not WHOLE.fullmatch(words[0])):
            return
        self.width = self.width or len(words)
        if len(words) != self.width or len(words) < 2:
            self.bad = True
            if len(self.wrong) < SHOWN:
                self.wrong.append(f"line {number} has {len(words)} columns, not {self.width}")
            return
        self.words.append(words)

    def end(self) -> None:
        """The end of a sentence; one without words is none."""
        if self.bad:
            self.dropped.append(self.begun)
        elif self.words:
            self.rows.append((self.words, {**self.said, **({"document": self.document} if self.document else {})}))
        self.begun += bool(self.bad or self.words)
        self.words, self.said, self.bad = [], {}, False


def read_conll(file: Readable, name: str, ending: str = "") -> Stream:
    """The sentences of a CoNLL file as rows of lists, a column for each of its columns, `tokens` and `tags` among them.

    The tags are the last column, in a .conllu file UPOS, or XPOS where no word has a UPOS; `-DOCSTART-` and comments
    are no words, and contractions and empty nodes of CoNLL-U neither. Comments of CoNLL-U that tell the text, its id
    and its document become columns. Sentences with a line of more or fewer columns are left out and told of.
    """
    text = Utf8(file, name)
    found = _Sentences(name, ending == ".conllu")
    for number, line in enumerate(_lines(text), 1):
        found.take(number, line)
    found.end()
    if not found.rows:
        raise TableError(
            f"{name!r} holds no sentence; a CoNLL file has a token and its tag on each line, and a blank line after "
            "each sentence."
        )
    names = _names(found)
    tags = "xpos" if found.universal and not any(word[3] != "_" for row, _ in found.rows for word in row) else "upos"
    shown = {"form": "tokens", tags: "tags"} if found.universal else {}
    columns = {
        shown.get(one, one): place for place, one in enumerate(names) if one not in ("id", "head", "deps", "misc")
    }
    more = [one for one in ("text", "sent_id", "document") if any(one in said for _, said in found.rows)]
    return Stream(
        (*columns, *more),
        _batches(found.rows, columns, more),
        texts=False,
        settings=Settings(kind="tagging", target="tags", types={"tokens": ColumnType.TOKENS, **_types(more)}),
        problems=lambda: [*_problems(found), *text.problems()],
        notes=text.notes,
        dropped=lambda: found.dropped,
    )


def _types(more: Sequence[str]) -> dict[str, ColumnType]:
    return {"text": ColumnType.TEXT} if "text" in more else {}


def _lines(text: Utf8) -> Iterator[str]:
    rest = b""
    while block := text.read(1 << 20):
        *lines, rest = (rest + block).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
    yield rest.decode("utf-8", "replace").rstrip("\r")


def _names(found: _Sentences) -> tuple[str, ...]:
    if found.universal:
        if found.width != len(UNIVERSAL):
            raise TableError(
                f"{found.name!r} has {found.width} columns, and a CoNLL-U file has {len(UNIVERSAL)}; call it .conll."
            )
        return UNIVERSAL
    return FIELDS.get(found.width) or ("tokens", *(f"column{n}" for n in range(2, found.width)), "tags")


def _batches(rows: Sequence[Any], columns: dict[str, int], more: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        arrays = [
            pa.array([[word[place] for word in words] for words, _ in some], pa.large_list(pa.large_string()))
            for place in columns.values()
        ]
        arrays += [pa.array([said.get(one) for _, said in some], pa.large_string()) for one in more]
        yield batch_of(arrays, [*columns, *more])


def _problems(found: _Sentences) -> list[str]:
    if not found.dropped:
        return []
    many = len(found.dropped)
    left = many - len(found.wrong)
    more = f" and {left:,} more" if left > 0 else ""
    return [
        f"{found.name!r} has {many:,} {'sentence' if many == 1 else 'sentences'} with lines of other widths "
        f"({'; '.join(found.wrong)}{more}); give each token as many columns."
    ]
