"""What is said about a table beside its data: `table.toml`, or an `about.json` with the same fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from bakeoff.errors import NotFound, TableError
from bakeoff.nouns import ColumnType, Role, Split, Swaps
from bakeoff.tables.sentences import near
from bakeoff.tables.word_lists import read_swaps, swaps_toml

MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A")
DATE_ORDERS = ("day first", "month first")  # of dates such as 03/04/2025
METHODS = ("given", "stratified", "random", "owner", "time", "records")
LABELS = ("real", "made")
READERS = ("shown", "organiser")  # who reads what entries print
TYPE_WORDS: Mapping[str, ColumnType] = {
    **{str(kind): kind for kind in ColumnType},
    "boolean": ColumnType.CATEGORICAL,
    "date": ColumnType.DATETIME,
    "tags": ColumnType.TOKENS,
}
LEFT_OUT = ("left out", "ignored", "label-like")
KEYS = (
    *("name", "kind", "target", "metric", "label", "track", "owner", "time", "id", "protected", "columns", "leave_out"),
    *("split", "images", "missing", "licence", "source", "commit", "notes", "files", "more", "ignore", "complete"),
    *("terms", "expires", "precision", "logs", "swaps"),
)


@dataclass(frozen=True)
class Settings:
    """A table's name, question, column types and roles as declared; whatever is empty is inferred.

    `images` is the folder that image paths are relative to, itself relative to the data; `dates` says of columns whose
    dates could be read both ways that they are written day first or month first; `missing` are the cells that mean "no
    value"; `leave_out` names columns that are not part of the table; `label` is real, made, or empty when
    nobody said which. `ignore` are the columns of a matching table in which two records may differ and still match, and
    `complete` says that all matches among its records are labelled. `terms` are the owner's terms of use, `expires` the
    last day (ISO 8601) on which the table may be run, and `precision` the half-width of a 95 % interval that the public
    test part should allow. `logs` is shown, organiser (who alone then reads what entries print), or empty. `swaps` are
    the words that stand for each other in twins of texts. `lenient`
    settings (from about.json) may name columns that the data lack. `targets` are all columns that were named as one,
    where they are several; `target` is the first that can be classified.
    """

    name: str = ""
    target: str = ""
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    split: Split | None = None
    kind: str = ""
    metric: str = ""
    label: str = ""
    track: str = ""
    images: str = ""
    dates: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = MISSING
    licence: str = ""
    source: str = ""
    commit: str = ""
    notes: str = ""
    ignore: tuple[str, ...] = ()
    complete: bool = False
    terms: str = ""
    expires: str = ""
    logs: str = ""
    precision: float = 0.05
    swaps: Swaps = field(default_factory=Swaps)
    lenient: bool = False
    targets: tuple[str, ...] = ()

    def asking(self, target: str) -> Settings:
        """These settings with another target; the former one would give the answer away and is left out."""
        if target == self.target:
            return self
        if not self.target:
            return replace(self, target=target, leave_out=tuple(name for name in self.leave_out if name != target))
        left_out = dict.fromkeys(name for name in (*self.leave_out, self.target) if name not in ("", target))
        types = {name: kind for name, kind in self.types.items() if name != self.target}
        return replace(self, target=target, leave_out=tuple(left_out), types=types, kind="", metric="")

    def column_of(self, role: Role) -> str:
        """The column declared with this role, or an empty string."""
        return next((name for name, given in self.roles.items() if given is role), "")


def read_settings(path: str | Path) -> Settings:
    """Settings from a `table.toml` or `about.json` file, or from the one in a folder; empty when the folder has none.

    Raises NotFound for a missing file, TableError with every fault of a table.toml. An about.json is read leniently:
    what is not known there is passed over.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in ("table.toml", "about.json") if (path / name).is_file()]
        return read_settings(found[0]) if found else Settings()
    if not path.is_file():
        raise NotFound(f"There is no settings file {str(path)!r}.")
    lenient = path.suffix == ".json"
    fields = _parse(path, lenient)
    faults: list[str] = []
    settings = _Reader(fields, lenient, faults).settings()
    if faults:
        raise TableError([f"In {path.name}: {fault}" for fault in faults])
    return settings


def _parse(path: Path, lenient: bool) -> Mapping[str, Any]:
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        fields = json.loads(text) if lenient else tomllib.loads(text)
    except (ValueError, UnicodeDecodeError) as fault:
        told = f"{str(path)!r} is not valid {'JSON' if lenient else 'TOML'}: {str(fault).rstrip('.')}"
        raise TableError(f"{told}; {_mend(fault, lenient)}.") from fault
    if not isinstance(fields, dict):
        raise TableError(f"{str(path)!r} must hold named fields, not {type(fields).__name__}.")
    return fields


def _mend(fault: ValueError, lenient: bool) -> str:
    if isinstance(fault, UnicodeDecodeError):
        return "save it as UTF-8"
    if "Illegal character '\\n'" in str(fault) or "Unterminated string" in str(fault):
        return "a quote may not be closed there"
    return "correct it there" if lenient else 'correct it there: a line is key = "text", and a section [columns]'


class _Reader:
    """Turns the fields of a file into settings, noting each fault of a strict file in `faults`."""

    def __init__(self, fields: Mapping[str, Any], lenient: bool, faults: list[str]) -> None:
        self.fields = fields
        self.lenient = lenient
        self.faults = faults

    def settings(self) -> Settings:
        if not self.lenient:
            self.faults.extend(
                f"the key {key!r} is not known{near(key, KEYS)}." for key in self.fields if key not in KEYS
            )
        types, roles, left_out, target = self.columns()
        targets = self.texts("target") or ([target] if target else [])
        chosen = self.classifiable(targets)
        # What else could be asked of the rows gives the answer away, so it is no feature.
        left_out = list(dict.fromkeys([*self.texts("leave_out"), *left_out, *(t for t in targets if t != chosen)]))
        kinds = self.texts("kind")
        return Settings(
            name=self.text("name"),
            target=chosen,
            types={name: kind for name, kind in types.items() if name not in left_out},
            roles={name: role for name, role in roles.items() if name not in left_out and name != chosen},
            leave_out=tuple(left_out),
            split=self.split(),
            kind="classification" if "classification" in kinds else next(iter(kinds), ""),
            metric=self.text("metric"),
            # Who publishes a table with an about.json and does not say that it was made has observed it.
            label=self.one_of("label", LABELS, "real" if self.lenient else ""),
            track=self.text("track"),
            images=self.text("images"),
            dates=self.dates(),
            missing=tuple(self.texts("missing")) if "missing" in self.fields else MISSING,
            licence=self.text("licence"),
            source=self.text("source"),
            commit=self.text("commit"),
            notes=self.text("notes"),
            ignore=tuple(self.texts("ignore")),
            complete=self.fields.get("complete") is True,
            terms=self.text("terms"),
            expires=self.day("expires"),
            logs=self.one_of("logs", READERS, ""),
            precision=self.share("precision", Settings.precision),
            swaps=self.swaps(),
            lenient=self.lenient,
            targets=tuple(targets) if len(targets) > 1 else (),
        )

    def swaps(self) -> Swaps:
        """The word lists for twins; of an about.json none where anything is wrong with them."""
        faults: list[str] = []
        found = read_swaps(self.mapping("swaps"), faults)
        if not self.lenient:
            self.faults.extend(faults)
        return Swaps() if faults else found

    def dates(self) -> dict[str, str]:
        """The columns that are said to hold dates written day first or month first."""
        said = {name: _words(str(words), self.lenient) for name, words in self.mapping("columns").items()}
        return {name: order for name, words in said.items() for order in DATE_ORDERS if order in words}

    def columns(self) -> tuple[dict[str, ColumnType], dict[str, Role], list[str], str]:
        types: dict[str, ColumnType] = {}
        roles: dict[str, Role] = {}
        left_out: list[str] = []
        target = ""
        for name, said in self.mapping("columns").items():
            for word in _words(str(said), self.lenient):
                if word in TYPE_WORDS:
                    types.setdefault(name, TYPE_WORDS[word])
                elif word in ("label", "target"):
                    target = target or name
                elif word in LEFT_OUT:
                    left_out.append(name)
                elif word in {str(role) for role in Role}:
                    roles.setdefault(name, Role(word))
                elif word in DATE_ORDERS:
                    types.setdefault(name, ColumnType.DATETIME)
                elif not self.lenient:
                    known = [*TYPE_WORDS, *Role, *DATE_ORDERS, LEFT_OUT[0]]
                    self.faults.append(
                        f"column {name!r} is said to be {word!r}, which is no type or role{near(word, known)}."
                    )
        for role in (Role.OWNER, Role.ID, Role.TIME, Role.PROTECTED):
            for name in self.texts(str(role)):
                roles[name] = role if role is not Role.PROTECTED else roles.get(name, role)
        return types, roles, left_out, target

    def classifiable(self, targets: list[str]) -> str:
        columns = self.mapping("columns")
        fit = [t for t in targets if not {"tags", "tokens"} & set(_words(str(columns.get(t, "")), True))]
        return next(iter([*fit, *targets]), "")

    def split(self) -> Split | None:
        said = self.mapping("split")
        if not said:
            return None
        if not self.lenient:
            known = ("method", "column", "test_share", "seed", "public_share")
            self.faults.extend(
                f"the key split.{key} is not known{near(key, known)}." for key in said if key not in known
            )
        method = said.get("method", "stratified")
        if method not in METHODS:
            self.faults.append(f"split.method is {method!r}; it must be one of {', '.join(METHODS)}.")
        share, seed = said.get("test_share", Split.test_share), said.get("seed", Split.seed)
        if not isinstance(share, (int, float)) or not (0 < share < 1 or (share == 0 and method == "given")):
            self.faults.append(f"split.test_share is {share!r}; it must be a number between 0 and 1.")
            share = Split.test_share
        if not isinstance(seed, int):
            self.faults.append(f"split.seed is {seed!r}; it must be a whole number.")
            seed = Split.seed
        public = said.get("public_share", Split.public_share)
        if not isinstance(public, (int, float)) or isinstance(public, bool) or not 0 <= public < 1:
            self.faults.append(f"split.public_share is {public!r}; it must be a number from 0 to below 1.")
            public = Split.public_share
        return Split(str(method), str(said.get("column", "")), float(share), seed, float(public))

    def day(self, key: str) -> str:
        said = self.fields.get(key)
        if said is None or said == "":
            return ""
        if isinstance(said, (date, datetime)):
            return said.isoformat()[:10]
        try:
            return date.fromisoformat(str(said)).isoformat()
        except ValueError:
            self.fault(key, said, 'a day such as "2027-12-31"')
            return ""

    def share(self, key: str, otherwise: float) -> float:
        said = self.fields.get(key, otherwise)
        if isinstance(said, (int, float)) and not isinstance(said, bool) and 0 < said < 1:
            return float(said)
        self.fault(key, said, "a number between 0 and 1")
        return otherwise

    def mapping(self, key: str) -> Mapping[str, Any]:
        said = self.fields.get(key) or {}
        if isinstance(said, dict):
            return said
        self.fault(key, said, f"a table: [{key}]")
        return {}

    def text(self, key: str) -> str:
        said = self.fields.get(key)
        if said is None or isinstance(said, str):
            return said or ""
        if not self.lenient:
            self.fault(key, said, "a text")
            return ""
        return json.dumps(said)

    def texts(self, key: str) -> list[str]:
        said = self.fields.get(key)
        if said is None or isinstance(said, str):
            return [said] if said else []
        if isinstance(said, list) and all(isinstance(item, str) for item in said):
            return said
        self.fault(key, said, "a text or a list of texts")
        return []

    def one_of(self, key: str, known: tuple[str, ...], otherwise: str) -> str:
        said = self.text(key)
        if not said:
            return otherwise
        if said not in known:
            self.fault(key, said, f"one of {', '.join(known)}")
            return otherwise
        return said

    def fault(self, key: str, said: object, wanted: str) -> None:
        if not self.lenient:
            self.faults.append(f"{key} is {said!r}; it must be {wanted}.")


def _words(said: str, lenient: bool) -> list[str]:
    pieces = [piece.split("(")[0].strip().lower() for piece in said.split(",")]
    if lenient:
        # An about.json explains its columns in prose: the word before the explanation is the type or role.
        pieces = [piece if piece in (*LEFT_OUT, *DATE_ORDERS) else re.split(r"[\s:]", piece)[0] for piece in pieces]
    return [piece for piece in pieces if piece]


def settings_toml(settings: Settings) -> str:
    """The settings as the text of a `table.toml` that reads back equal, save for `lenient`."""
    lines = [f"{key} = {_text(value)}" for key, value in _simple(settings).items() if value]
    if settings.targets:
        lines = [line if not line.startswith("target = ") else f"target = {_texts(settings.targets)}" for line in lines]
    if settings.missing != MISSING:
        lines.append(f"missing = {_texts(settings.missing)}")
    if settings.leave_out:
        lines.append(f"leave_out = {_texts(settings.leave_out)}")
    if settings.ignore:
        lines.append(f"ignore = {_texts(settings.ignore)}")
    if settings.complete:
        lines.append("complete = true")
    if settings.precision != Settings.precision:
        lines.append(f"precision = {settings.precision!r}")
    if settings.split is not None:
        split = settings.split
        lines += ["", "[split]", f"method = {_text(split.method)}"]
        lines += [f"column = {_text(split.column)}"] if split.column else []
        lines += [f"test_share = {split.test_share!r}", f"seed = {split.seed}"]
        lines += [f"public_share = {split.public_share!r}"] if split.public_share else []
    names = list(dict.fromkeys([*settings.types, *settings.roles]))
    if names:
        lines += ["", "[columns]"]
        for name in names:
            said = filter(None, [settings.types.get(name), settings.roles.get(name), settings.dates.get(name)])
            lines.append(f"{_text(name)} = {_text(', '.join(said))}")
    lines += swaps_toml(settings.swaps)
    return "\n".join(lines) + "\n"


def _simple(settings: Settings) -> Mapping[str, str]:
    keys = (
        *("name", "target", "kind", "metric", "label", "track", "images", "licence", "source", "commit", "notes"),
        *("terms", "expires", "logs"),
    )
    return {key: str(getattr(settings, key)) for key in keys}


def _text(value: str) -> str:
    # JSON's escapes are TOML's; only DEL must be escaped in TOML and is not in JSON.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, values))}]"
