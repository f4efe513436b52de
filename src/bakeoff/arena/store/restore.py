"""Bringing a challenge back from a backup: whole into a new folder, or only the answers that were lost.

Everything in the backup is checked before anything is touched. The folder is made beside its place and renamed when it
is complete; rows that go to a database elsewhere go there in one transaction, which ends after that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.arena.challenge_files import Places
from bakeoff.arena.store.access import Access
from bakeoff.arena.store.artefacts import Artefacts, artefacts_place
from bakeoff.arena.store.bundle import ARTEFACTS, FILES, ROWS, Bundle, Watch, unwatched
from bakeoff.arena.store.dump import Dump, artefact_names, fill, is_filled, is_version, refuse_foreign, snapshot
from bakeoff.arena.store.holdings import PRIVATE, belongs
from bakeoff.arena.store.schema import HEAD
from bakeoff.errors import StoreError, UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from bakeoff.arena.challenge import Challenge

STORE_FILE = "store.db"
# Room that a restore leaves free on the disk, in bytes.
SPARE = 64 << 20


@dataclass(frozen=True)
class Wanted:
    """Where a restored challenge keeps its rows and artefacts (empty: in its folder), and whether it takes a place.

    `replace` puts a challenge that is there already aside, and empties the database at `store`.
    """

    store: str = ""
    artefacts: str = ""
    replace: bool = False


@dataclass(frozen=True)
class Restored:
    """What was restored, and where; `former` is where the challenge that was there before is kept now.

    `remarks` are sentences about what is elsewhere than it was when it was backed up.
    """

    folder: Path
    files: int
    rows: int
    artefacts: int
    former: Path | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """Artefacts brought back, and those that are lost and not in the backup either."""

    mended: tuple[str, ...]
    lost: tuple[str, ...]


def restore(
    backup: Path, folder: Path | None = None, wanted: Wanted | None = None, watch: Watch = unwatched
) -> Restored:
    """Bring the challenge in `backup` back into `folder`, which is new or empty; by its former name when not given.

    Raises StoreError for a damaged backup or one of a newer Bakeoff, UsageError for a place that is taken.
    """
    wanted = wanted or Wanted()
    with closing(Bundle(backup)) as bundle:
        folder = (folder or Path(_plain(bundle.about["name"]))).absolute()
        _check_version(bundle)
        _check_place(folder, wanted)
        for name in bundle.names(FILES):
            if not belongs(name):
                raise bundle.unsafe(f"{name!r} is no file of a challenge")
        bundle.check(watch)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_room(bundle, folder)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-restored-", dir=folder.parent))
        try:
            return _Restoring(bundle, folder, wanted, watch).into(making)
        except OSError as error:
            said = f"The challenge could not be restored to {folder}: {error.strerror or error}"
            raise StoreError(f"{said}; mend that and restore again. Nothing was left there.") from error
        finally:
            shutil.rmtree(making, ignore_errors=True)


class _Restoring:
    """One restore on its way into a folder beside its place."""

    def __init__(self, bundle: Bundle, folder: Path, wanted: Wanted, watch: Watch) -> None:
        self.bundle, self.folder, self.wanted, self.watch = bundle, folder, wanted, watch
        self._done, self._total = 0, bundle.size()

    def into(self, making: Path) -> Restored:
        making.chmod(0o755)
        self._write_files(making)
        remarks = self._write_rules(Places(making))
        kept = self._write_artefacts(making)
        if self.wanted.store:
            rows, former = self._elsewhere(making)
        else:
            with closing(Access(making / PRIVATE, upgrade=False)) as access, access.begin() as connection:
                rows = self._fill(connection)
            former = _swap(making, self.folder)
        return Restored(self.folder, len(self.bundle.names(FILES)), rows, kept, former, tuple(remarks))

    def _write_files(self, making: Path) -> None:
        (making / PRIVATE).mkdir(mode=0o700)
        for name in self.bundle.names(FILES):
            path, private = making / name, name.startswith(f"{PRIVATE}/")
            for folder in reversed(path.relative_to(making).parents[:-1]):
                (making / folder).mkdir(exist_ok=True, mode=0o700 if private else 0o777)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
            with os.fdopen(handle, "wb") as file:
                for piece in self.bundle.pieces(f"{FILES}/{name}"):
                    file.write(piece)
                    self._step(len(piece))
                file.flush()
                os.fsync(file.fileno())
            # Whether a table's settings were edited after its task was made is told by their dates.
            if (changed := self.bundle.changed(f"{FILES}/{name}")) is not None:
                os.utime(path, ns=(changed, changed))

    def _write_rules(self, places: Places) -> list[str]:
        """Let challenge.toml say where rows and artefacts are now."""
        text = places.rules.read_text(encoding="utf-8") if places.rules.exists() else ""
        said = _read_toml(text)
        remarks = []
        for key, value, what in (
            ("store", self.wanted.store, "rows"),
            ("artefacts", self.wanted.artefacts, "kept answers"),
        ):
            if said.get(key) and not value:
                was = re.sub(r"//[^/]*@", "//", str(said[key]))
                remarks.append(
                    f"The {what} were kept at {was}; now they are in the folder, and challenge.toml says so. "
                    f"To keep them elsewhere, restore with --{key} URL."
                )
            text = with_key(text, key, value)
        places.rules.write_text(text, encoding="utf-8")
        return remarks

    def _write_artefacts(self, making: Path) -> int:
        artefacts = Artefacts(artefacts_place(self.wanted.artefacts, making))
        names = self.bundle.names(ARTEFACTS)
        for name in names:
            data = b"".join(self.bundle.pieces(f"{ARTEFACTS}/{name}"))
            if not artefacts.mend(name, data):
                raise self.bundle.damaged(f"{ARTEFACTS}/{name} is not what its name says")
            self._step(len(data))
        return len(names)

    def _elsewhere(self, making: Path) -> tuple[int, Path | None]:
        """Rows go to a database outside the folder; both appear, or neither."""
        with ExitStack() as undo, closing(Access(making, self.wanted.store, upgrade=False)) as access:
            with access.begin() as connection:
                refuse_foreign(connection, access.where)
                if is_filled(connection) and not self.wanted.replace:
                    raise UsageError(
                        f"The database at {access.where} holds a store already; name an empty one, "
                        "or replace what it holds with --replace."
                    )
                rows = self._fill(connection)
                former = _swap(making, self.folder)
                undo.callback(_swap_back, self.folder, making, former)
            undo.pop_all()
        return rows, former

    def _fill(self, connection: sa.Connection) -> int:
        return sum(fill(connection, self.bundle.about["schema"], self._dumps(), self.folder).values())

    def _dumps(self) -> Iterator[Dump]:
        for name in self.bundle.names(ROWS):
            yield Dump(name.removesuffix(".jsonl"), self._lines(f"{ROWS}/{name}"))

    def _lines(self, name: str) -> Iterator[bytes]:
        for line in self.bundle.lines(name):
            self._step(len(line) + 1)
            yield line

    def _step(self, count: int) -> None:
        self._done += count
        self.watch("restoring", self._done, self._total)


def fetch_artefacts(challenge: Challenge, backup: Path, watch: Watch = unwatched) -> Fetched:
    """Bring back what rows name and what is missing or damaged; everything else stays as it is."""
    store = challenge.store
    with closing(Bundle(backup)) as bundle:
        with snapshot(store.access) as connection:
            names = artefact_names(connection)
        looked = iter(range(1, len(names) + 1))
        lost = store.artefacts.damaged(names, lambda _: watch("checking kept answers", next(looked), len(names)))
        there = set(bundle.names(ARTEFACTS))
        mended = []
        for done, name in enumerate(sorted(set(lost) & there), 1):
            data = b"".join(bundle.pieces(f"{ARTEFACTS}/{name}"))
            if not store.artefacts.mend(name, data):
                raise bundle.damaged(f"{ARTEFACTS}/{name} is not what its name says")
            mended.append(name)
            watch("bringing back kept answers", done, len(lost))
    return Fetched(tuple(mended), tuple(sorted(set(lost) - set(mended))))


def with_key(text: str, key: str, value: str) -> str:
    """The text of challenge.toml with one of its top keys set, or taken out when `value` is empty.

    StoreError when the file is written in a way that leaves it unclear.
    """
    before = _read_toml(text)
    if before.get(key, "") == value:
        return text
    section = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    at = section.start() if section else len(text)
    head, tail = text[:at], text[at:]
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}\n" if value else ""
    head, changed = re.subn(rf"^[ \t]*{key}[ \t]*=.*(?:\n|\Z)", lambda _: line, head, count=1, flags=re.MULTILINE)
    if not changed:
        head = "\n".join(filter(None, [head.rstrip("\n"), line])) + ("\n" if tail else "")
    made = head + tail
    wanted = {name: said for name, said in before.items() if name != key} | ({key: value} if value else {})
    try:
        right = tomllib.loads(made) == wanted
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise StoreError(f"The challenge.toml in the backup says {key} in a way that cannot be changed by a program.")
    return made


def _read_toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StoreError(f"The challenge.toml in the backup is not valid TOML: {error}.") from error


def _check_version(bundle: Bundle) -> None:
    kept = bundle.about["schema"]
    if kept > HEAD:
        raise StoreError(
            f"The backup {bundle.path} was written by a newer Bakeoff (store {kept}, this one knows {HEAD}); "
            "upgrade Bakeoff."
        )
    if not is_version(kept):
        raise bundle.unsafe(f"its store is of a version {kept!r} that never was")


def _plain(name: str) -> str:
    """The name of a folder, from what somebody else's backup says it was called."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "challenge"


def _check_place(folder: Path, wanted: Wanted) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is a file; name a folder to restore to.")
    if not folder.exists() or not any(folder.iterdir()) or _is_bare(folder):
        return
    if not (folder / "challenge.toml").is_file():
        raise UsageError(f"{str(folder)!r} is not empty and holds no challenge; name a new folder.")
    if not wanted.replace:
        raise UsageError(
            f"{str(folder)!r} holds a challenge already; name a new folder, or take its place with --replace, "
            "which puts it aside."
        )


def _is_bare(folder: Path) -> bool:
    """Whether a folder holds a challenge as `bakeoff new challenge` makes it, to which nothing has come yet."""
    places = Places(folder)
    if not {path.name for path in folder.iterdir()} <= {"challenge.toml", ".gitignore", PRIVATE}:
        return False
    private = {path.name for path in places.private.iterdir()} if places.private.is_dir() else set()
    return places.rules.is_file() and private <= {"secret"}


def _check_room(bundle: Bundle, folder: Path) -> None:
    free, needed = shutil.disk_usage(folder.parent).free, bundle.size() + SPARE
    if free < needed:
        raise StoreError(
            f"The backup holds {needed >> 20:,} MiB, and {folder.parent} has room for {free >> 20:,} MiB; "
            "make room, or name a folder on another disk."
        )


def _swap(making: Path, folder: Path) -> Path | None:
    """Put a finished folder in its place; what is there is put aside, and where to is given back."""
    former = None
    if folder.exists() and any(folder.iterdir()):
        former = _aside(folder)
        folder.rename(former)
    try:
        making.rename(folder)
    except BaseException:
        if former is not None:
            former.rename(folder)
        raise
    return former


def _swap_back(folder: Path, making: Path, former: Path | None) -> None:
    folder.rename(making)
    if former is not None:
        former.rename(folder)


def _aside(folder: Path) -> Path:
    number = 1
    while (path := folder.with_name(f"{folder.name}.before-restore-{number}")).exists():
        number += 1
    return path
