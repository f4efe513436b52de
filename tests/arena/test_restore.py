"""A restore checks everything before it touches anything, and takes nobody's place unasked."""

import json
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from contextlib import closing

import pytest
from backups_made import folder_is_untouched, make_shop, rezipped, rows_of

from bakeoff.arena import Challenge
from bakeoff.arena.store.bundle import MANIFEST
from bakeoff.arena.store.restore import Wanted, with_key
from bakeoff.errors import NotFound, StoreError, UsageError


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    challenge = make_shop(tmp_path_factory.mktemp("held"))
    yield challenge
    challenge.close()


@pytest.fixture(scope="module")
def made(shop, tmp_path_factory):
    """The backup of that challenge."""
    path = tmp_path_factory.mktemp("made") / "shop.zip"
    shop.backup(path)
    return path


# Other versions


def test_a_backup_of_the_first_version_is_brought_up_to_date(shop, made, tmp_path):
    def older(held, about):
        about["schema"] = "0001"
        for name in ("leases", "runners"):
            del held[f"rows/{name}.jsonl"]
        for name, later in (("results", {"token", "claim"}), ("submissions", {"token"})):
            head, *lines = map(json.loads, held[f"rows/{name}.jsonl"].splitlines())
            gone = {at for at, column in enumerate(head["columns"]) if column in later}
            assert len(gone) == len(later)
            for column in later:
                del head["columns"][column]
            kept = [[value for place, value in enumerate(line) if place not in gone] for line in lines]
            held[f"rows/{name}.jsonl"] = "".join(json.dumps(line) + "\n" for line in [head, *kept]).encode()

    path = rezipped(made, tmp_path / "old.zip", older)
    with closing(Challenge.open(Challenge.restore(path, tmp_path / "again").folder)) as again:
        assert again.store.results() == shop.store.results()
        assert [entry.name for entry in again.store.entries()] == ["mine"]
        assert set(again.store.tokens().values()) == {""}


@pytest.mark.parametrize(
    ("said", "why"), [("9999", "newer Bakeoff .store 9999.*upgrade"), ("0000", "'0000' that never was"), ("x", "newer")]
)
def test_a_backup_of_a_version_not_known_is_refused(made, tmp_path, said, why):
    path = rezipped(made, tmp_path / "new.zip", lambda held, about: about.update(schema=said))
    with pytest.raises(StoreError, match=why):
        Challenge.restore(path, tmp_path / "again")
    assert folder_is_untouched(tmp_path / "again")


# Damage


def test_a_changed_byte_anywhere_is_found_and_its_file_named(made, tmp_path):
    with zipfile.ZipFile(made) as archive:
        infos = archive.infolist()
    whole = made.read_bytes()
    assert len(infos) > 15
    for info in infos:
        at = info.header_offset + 30 + len(info.filename.encode()) + 20 + info.compress_size // 2
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        said = r"cut off, or is no backup" if info.filename == MANIFEST else info.filename.replace(".", r"\.")
        with pytest.raises(StoreError, match=rf"damaged\.zip is damaged: .*{said}.*take another backup"):
            Challenge.restore(damaged, tmp_path / "again")
        assert folder_is_untouched(tmp_path / "again")
    assert Challenge.restore(made, tmp_path / "again").rows


def test_a_backup_that_is_cut_off_is_refused(made, tmp_path):
    whole = made.read_bytes()
    for share in (0, 0.3, 0.9, 0.999):
        (tmp_path / "cut.zip").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(StoreError, match=r"cut\.zip is damaged: it is cut off, or is no backup at all"):
            Challenge.restore(tmp_path / "cut.zip", tmp_path / "again")
        assert folder_is_untouched(tmp_path / "again")
    with pytest.raises(NotFound, match="There is no backup"):
        Challenge.restore(tmp_path / "none.zip", tmp_path / "again")


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def device(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return info


HOSTILE = {
    "up": ("files/../../evil", None, "leads out"),
    "from the root": ("/etc/evil", None, "leads out"),
    "up from a room": ("rows/../evil", None, "leads out"),
    "twice the sign": ("files//evil", None, "leads out"),
    "another room": ("evil/x", None, "leads out"),
    "a folder": ("files/tables/evil/", None, "leads out"),
    "a link": ("files/tables/evil", link, "a link, a device or a folder"),
    "a device": ("files/tables/evil", device, "a link, a device or a folder"),
    "not of a challenge": ("files/evil.py", None, "is no file of a challenge"),
    "a built environment": ("files/.bakeoff/environments/evil.py", None, "is no file of a challenge"),
    "a database": ("files/.bakeoff/store.db", None, "is no file of a challenge"),
    "answers of another name": (f"artefacts/{'0' * 64}", None, "is not what its name says"),
    "a table that no store has": ("rows/evil.jsonl", None, "'evil', a table that no store has"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(made, tmp_path, name):
    path, info, why = HOSTILE[name]

    def plant(held, about):
        held[path] = b'{"table":"evil","columns":{}}\n'
        return {path: info(path)} if info else {}

    with pytest.raises(StoreError, match=why):
        Challenge.restore(rezipped(made, tmp_path / "evil.zip", plant), tmp_path / "again")
    assert folder_is_untouched(tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip"]


def test_an_archive_put_together_anew_without_anything_hostile_is_restored(made, tmp_path):
    path = rezipped(made, tmp_path / "fine.zip", lambda held, about: held.update({"files/tasks/fine.txt": b"fine"}))
    assert (Challenge.restore(path, tmp_path / "again").folder / "tasks" / "fine.txt").read_bytes() == b"fine"


def test_what_is_not_listed_or_not_there_or_there_twice_is_refused(made, tmp_path):
    def unlisted(held, about):
        held["files/tasks/more.toml"] = b""
        about["unlisted"] = ["files/tasks/more.toml"]

    def promised(held, about):
        about["promised"] = {"files/tasks/more.toml": {"size": 0, "sha256": ""}}

    for change, why in ((unlisted, "more.toml is not in its list"), (promised, "more.toml is not in it")):
        with pytest.raises(StoreError, match=why):
            Challenge.restore(rezipped(made, tmp_path / "x.zip", change), tmp_path / "again")
    twice = rezipped(made, tmp_path / "x.zip", lambda held, about: None)
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("files/challenge.toml", "title = 'evil'")
    with pytest.raises(StoreError, match="two files of one name"):
        Challenge.restore(twice, tmp_path / "again")
    assert folder_is_untouched(tmp_path / "again")


def test_rows_that_are_none_are_refused(made, tmp_path):
    for rows in (
        b"",
        b"nonsense\n",
        b"{}\n",
        b'{"columns":{"nonsense":"text"}}\n',
        b'{"columns":{"key":"text"}}\n[1,2]\n',
    ):
        path = rezipped(
            made, tmp_path / "x.zip", lambda held, about, rows=rows: held.update({"rows/plans.jsonl": rows})
        )
        with pytest.raises(StoreError, match="plans"):
            Challenge.restore(path, tmp_path / "again")
        assert folder_is_untouched(tmp_path / "again")


# Places that are taken


def test_a_challenge_is_not_written_over_unless_it_is_empty_or_that_is_asked(shop, made, tmp_path):
    taken = Challenge.restore(made, tmp_path / "taken").folder
    (taken / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"taken' holds a challenge already; .*--replace"):
        Challenge.restore(made, taken)
    restored = Challenge.restore(made, taken, Wanted(replace=True))
    assert restored.former == tmp_path / "taken.before-restore-1"
    assert (restored.former / "notes.txt").read_text() == "mine"
    assert not (taken / "notes.txt").exists()
    Challenge.restore(made, taken, Wanted(replace=True))
    assert (tmp_path / "taken.before-restore-2").is_dir()
    bare = Challenge.create(tmp_path / "bare")
    Challenge.restore(made, bare.places.root)
    with closing(Challenge.open(bare.places.root)) as opened:
        assert rows_of(opened) == rows_of(shop)
    (tmp_path / "empty").mkdir()
    assert Challenge.restore(made, tmp_path / "empty").former is None
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    for replace in (False, True):
        with pytest.raises(UsageError, match=r"other' is not empty and holds no challenge"):
            Challenge.restore(made, tmp_path / "other", Wanted(replace=replace))
    with pytest.raises(UsageError, match=r"notes.txt' is a file"):
        Challenge.restore(made, tmp_path / "other" / "notes.txt")


def test_the_folder_is_called_as_the_challenge_was(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Challenge.restore(made).folder == tmp_path / "shop"
    strange = rezipped(made, tmp_path / "x.zip", lambda held, about: about.update(name="../../-x y/"))
    assert Challenge.restore(strange).folder == tmp_path / "x-y"


def test_a_disk_without_room_is_told_before_anything_is_written(made, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(StoreError, match="has room for 0 MiB; make room, or name a folder on another disk"):
        Challenge.restore(made, tmp_path / "again")
    assert folder_is_untouched(tmp_path / "again")


KILLED = """
import os, signal, sys
from pathlib import Path
from bakeoff.arena import Challenge

def watch(doing, done, total):
    if doing == "restoring" and done > total * float(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

Challenge.restore(sys.argv[1], Path(sys.argv[2]), None, watch)
"""


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_killed_restore_leaves_no_half_challenge(made, tmp_path, share):
    command = [sys.executable, "-c", KILLED, str(made), str(tmp_path / "again"), str(share)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "again").exists()
    assert Challenge.restore(made, tmp_path / "again").rows


@pytest.mark.parametrize(
    ("text", "value", "made"),
    [
        ("", "u", 'store = "u"\n'),
        ("", "", ""),
        ('title = "x"\n', "u", 'title = "x"\nstore = "u"\n'),
        ('title = "x"\nstore = "old" # why\nseeds = 1\n', "", 'title = "x"\nseeds = 1\n'),
        ('store = "old"\n[limits]\nseconds = 1\n', "a\\b", 'store = "a\\\\b"\n[limits]\nseconds = 1\n'),
        ("seeds = 1\n\n[limits]\nseconds = 1\n", "u", 'seeds = 1\nstore = "u"\n\n[limits]\nseconds = 1\n'),
        ('store="old"', "", ""),
    ],
)
def test_a_key_of_challenge_toml_is_set_and_nothing_else(text, value, made):
    assert with_key(text, "store", value) == made


@pytest.mark.parametrize(
    "text", ['"store" = "x"\n', 'store = """\nold\n"""\n', 'title = """\nstore = 1\n"""\nstore = "x"\n']
)
def test_a_key_that_is_written_strangely_is_told(text):
    with pytest.raises(StoreError, match="says store in a way that cannot be changed by a program"):
        with_key(text, "store", "")
    with pytest.raises(StoreError, match="not valid TOML"):
        with_key("= 1", "store", "")
