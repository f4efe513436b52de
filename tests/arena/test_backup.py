"""A backup holds everything, is of one moment, and is checked before it touches anything."""

import os
import resource
import signal
import sqlite3
import stat
import threading
import zipfile
from contextlib import closing

import numpy as np
import pytest
import sqlalchemy as sa
from backups_made import MODEL, files_of, folder_is_untouched, kept_result, listed, make_shop, rows_of

from bakeoff.arena import Challenge, RunRequest
from bakeoff.arena.store.bundle import Bundle
from bakeoff.arena.store.dump import snapshot
from bakeoff.arena.store.restore import Wanted, with_key
from bakeoff.arena.store.schema import HEAD, tables
from bakeoff.errors import StoreError, UsageError
from bakeoff.nouns import Level


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


def test_everything_comes_back(shop, made, tmp_path):
    restored = Challenge.restore(made, tmp_path / "again")
    with closing(Challenge.open(restored.folder)) as again:
        assert again.places.root == tmp_path / "again"
        assert rows_of(again) == rows_of(shop)
        assert files_of(again) == files_of(shop)
        assert again.store.results() == shop.store.results()
        assert again.store.picks() == {("us", "little"): "mine"}
        (entry,) = (entry for entry in again.entries() if entry.name == "mine")
        assert entry.source.folder == str(again.places.entries / entry.digest)
        assert (again.places.entries / entry.digest / "mine.py").read_text() == MODEL
        assert again.places.secret() == shop.places.secret()
        assert again.store.leases.holders() == []
        numbers = again.store.findings(again.store.results())
        for found in numbers.values():
            assert list(found[0][1].replicates[:3]) == [0.1, 1 / 3, float("inf")]
            assert np.isnan(found[0][1].replicates[3])
    for path in (restored.folder / ".bakeoff").rglob("*"):
        if "artefacts" not in path.parts and path.name != "store.db":
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert restored.rows == sum(len(lines) - 1 for lines in rows_of(shop).values())
    assert (restored.artefacts, restored.former, restored.remarks) == (3, None, ())


def test_the_backup_is_for_its_owner_alone_and_says_what_it_holds(shop, made):
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with closing(Bundle(made)) as bundle:
        assert bundle.about["title"] == "The shop “é”"
        assert (bundle.about["name"], bundle.about["schema"]) == ("shop", HEAD)
        names = bundle.names("files")
        assert {"challenge.toml", ".bakeoff/secret", ".bakeoff/truth/little.parquet", "tasks/little.toml"} <= set(names)
        assert not [name for name in names if "store.db" in name or "environments" in name or "artefacts" in name]
    assert str(shop.places.root) not in "".join(
        zipfile.ZipFile(made).read(name).decode("latin-1") for name in listed(made)
    )


def in_no_backup(database, archive):
    """The tables of a SQLite store whose rows an archive does not hold."""
    with closing(sqlite3.connect(database)) as connection:
        there = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    return there - {"alembic_version"} - {name[5:-6] for name in listed(archive) if name.startswith("rows/")}


def test_every_table_of_the_store_is_in_a_backup(shop, made, tmp_path):
    database = shop.places.private / "store.db"
    assert in_no_backup(database, made) == set()
    with closing(sqlite3.connect(database)) as from_, closing(sqlite3.connect(tmp_path / "copy.db")) as to:
        from_.backup(to)
        to.execute("create table prizes (name text)")
    assert in_no_backup(tmp_path / "copy.db", made) == {"prizes"}


# From either database into either


@pytest.fixture
def database(postgres):
    """An empty database of its own on the server."""
    name = f"b{os.urandom(4).hex()}"
    engine = sa.create_engine(postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    engine.dispose()
    return postgres.rsplit("/", 1)[0] + f"/{name}"


def test_from_sqlite_into_postgresql_and_back(shop, made, tmp_path, database):
    there = Challenge.restore(made, tmp_path / "there", Wanted(store=database))
    with closing(Challenge.open(there.folder)) as opened:
        assert opened.rules.store == database
        assert not (opened.places.private / "store.db").exists()
        assert rows_of(opened) == rows_of(shop)
        (tmp_path / "other.py").write_text(MODEL)
        assert opened.submit(tmp_path / "other.py", team="us").number == 2, "numbers go on where they were"
        opened.backup(tmp_path / "second.zip")
        held = rows_of(opened)
    back = Challenge.restore(tmp_path / "second.zip", tmp_path / "back")
    with closing(Challenge.open(back.folder)) as opened:
        assert opened.rules.store == ""
        assert rows_of(opened) == held
        assert (opened.places.private / "store.db").exists()
    (remark,) = back.remarks
    assert "The rows were kept at postgresql://127.0.0.1" in remark
    assert "s3cret" not in remark


def test_a_database_that_is_filled_is_refused_and_replaced_when_asked(shop, made, tmp_path, database):
    Challenge.restore(made, tmp_path / "one", Wanted(store=database))
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("create table theirs (name text)"))
        connection.execute(sa.text("delete from picks"))
    with pytest.raises(UsageError, match=r"The database at 127.0.0.1:\d+/b\w+ holds a store already; .*--replace"):
        Challenge.restore(made, tmp_path / "two", Wanted(store=database))
    assert folder_is_untouched(tmp_path / "two")
    Challenge.restore(made, tmp_path / "two", Wanted(store=database, replace=True))
    with closing(Challenge.open(tmp_path / "two")) as opened:
        assert rows_of(opened) == rows_of(shop)
    with engine.connect() as connection:
        assert sa.inspect(connection).has_table("theirs")
    engine.dispose()


def test_tables_of_something_else_are_never_dropped(made, tmp_path, database):
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    for name, version in (("results", ""), ("alembic_version", "a1b2c3")):
        with engine.begin() as connection:
            connection.execute(sa.text(f"create table {name} (version_num text)"))
            connection.execute(sa.text(f"insert into {name} values ('{version}')"))
        for replace in (False, True):
            with pytest.raises(UsageError, match=r"has a table '\w+' of something else; name another database"):
                Challenge.restore(made, tmp_path / "again", Wanted(store=database, replace=replace))
    with engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from results")).scalar() == 1
    engine.dispose()
    assert folder_is_untouched(tmp_path / "again")


def test_rows_in_a_database_elsewhere_and_the_folder_appear_both_or_neither(made, tmp_path, database, monkeypatch):
    from bakeoff.arena.store import restore

    def failing(making, folder):
        raise OSError("the folder cannot be renamed")

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="the folder cannot be renamed"):
        patch.setattr(restore, "_swap", failing)
        Challenge.restore(made, tmp_path / "one", Wanted(store=database))
    assert folder_is_untouched(tmp_path / "one")
    Challenge.restore(made, tmp_path / "one", Wanted(store=database))


def test_artefacts_may_go_elsewhere(shop, made, tmp_path):
    kept = tmp_path / "kept"
    restored = Challenge.restore(made, tmp_path / "again", Wanted(artefacts=str(kept)))
    with closing(Challenge.open(restored.folder)) as again:
        assert len(again.store.artefacts.sizes()) == 3
        assert again.store.artefacts.where == str(kept)
        again.backup(tmp_path / "second.zip")
    assert not (restored.folder / ".bakeoff" / "artefacts").exists()
    back = Challenge.restore(tmp_path / "second.zip", tmp_path / "back")
    assert back.artefacts == 3
    assert "The kept answers were kept at" in back.remarks[0]


# Making one


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_a_backup_made_while_a_runner_writes_is_of_one_moment(tmp_path, request, where):
    challenge = Challenge.create(tmp_path / "busy")
    if where == "postgresql":
        rules = challenge.places.rules
        rules.write_text(with_key(rules.read_text(), "store", request.getfixturevalue("database")))
        challenge = Challenge.open(challenge.places.root)
    stop, written = threading.Event(), []

    def write():
        while not stop.is_set():
            written.append(kept_result(challenge, len(written)))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 5:
            stop.wait(0.01)
        for number in range(4):
            before = len(written)
            challenge.backup(tmp_path / f"{number}.zip")
            after = len(written)
            with closing(
                Challenge.open(Challenge.restore(tmp_path / f"{number}.zip", tmp_path / str(number)).folder)
            ) as again:
                results = again.store.results()
                assert before <= len(results) <= after + 1
                assert {len(found) for found in again.store.findings(results).values()} == {20}
                assert len(again.store.judged()) == len(results)
                assert again.store.artefacts.damaged(result.answers for result in results.values()) == {}
            while len(written) == after:
                stop.wait(0.01)
    finally:
        stop.set()
        writer.join()
        challenge.close()


def test_a_read_between_two_writes_would_not_be_of_one_moment(made, tmp_path):
    again = Challenge.open(Challenge.restore(made, tmp_path / "again").folder)
    with again.store.access.engine.connect() as first, snapshot(again.store.access) as whole:
        counted = sa.select(sa.func.count()).select_from(tables()["results"])
        seen = [connection.execute(counted).scalar() for connection in (first, whole)]
        first.rollback()
        kept_result(again, 77)
        assert [connection.execute(counted).scalar() for connection in (first, whole)] == [seen[0] + 1, seen[1]]
    again.close()


def test_an_edited_table_is_still_an_edited_one(made, tmp_path):
    challenge = Challenge.open(Challenge.restore(made, tmp_path / "again").folder)
    settings, task = challenge.places.tables / "little" / "table.toml", challenge.places.tasks / "little.toml"
    assert settings.stat().st_mtime_ns <= task.stat().st_mtime_ns
    os.utime(settings, ns=(task.stat().st_mtime_ns + 1,) * 2)
    challenge.backup(tmp_path / "x.zip")
    places = Challenge.open(Challenge.restore(tmp_path / "x.zip", tmp_path / "third").folder).places
    dates = [(places.root / path).stat().st_mtime_ns for path in ("tables/little/table.toml", "tasks/little.toml")]
    assert dates == [settings.stat().st_mtime_ns, task.stat().st_mtime_ns]
    challenge.close()


def test_a_file_that_changes_meanwhile_is_told(made, tmp_path):
    challenge = Challenge.open(Challenge.restore(made, tmp_path / "again").folder)
    path = challenge.places.tables / "little" / "card.json"

    def change(doing, done, total):
        if doing == "kept answers":
            path.write_text(path.read_text() + " ")

    with pytest.raises(StoreError, match=r"card.json was changed while it was backed up; back up again when"):
        challenge.backup(tmp_path / "x.zip", watch=change)
    assert not list(tmp_path.glob("*x.zip*"))
    challenge.backup(tmp_path / "x.zip")
    challenge.close()


def test_links_are_refused_and_what_is_being_made_is_left_out(made, tmp_path):
    challenge = Challenge.open(Challenge.restore(made, tmp_path / "again").folder)
    places = challenge.places
    for path in ("tables/.little.x/data.parquet", ".bakeoff/truth/.little.x", ".bakeoff/entries/0.partial/a.py"):
        (places.root / path).parent.mkdir(parents=True, exist_ok=True)
        (places.root / path).write_text("half made")
    (places.environments / "built").mkdir(parents=True)
    (places.environments / "built" / "package.py").write_text("made anew")
    (places.root / "notes.txt").write_text("not of the challenge")
    challenge.backup(tmp_path / "x.zip")
    assert sorted(listed(tmp_path / "x.zip")) == sorted(listed(made))
    (places.tables / "little" / "link.csv").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match=r"link.csv is a link, and a backup holds files only"):
        challenge.backup(tmp_path / "y.zip")
    challenge.close()


def test_lost_answers_are_told_and_their_cells_are_due_again(made, tmp_path):
    challenge = Challenge.open(Challenge.restore(made, tmp_path / "again").folder)
    first, second, third = sorted(challenge.store.artefacts.sizes())
    challenge.store.artefacts.path(first).unlink()
    challenge.store.artefacts.path(second).write_bytes(b"damaged")
    made_now = challenge.backup(tmp_path / "x.zip")
    assert (made_now.artefacts, made_now.lost) == (1, (first, second))
    fetched = challenge.fetch_artefacts(tmp_path / "x.zip")
    assert (fetched.mended, fetched.lost) == ((), (first, second))
    fetched = challenge.fetch_artefacts(made)
    assert (fetched.mended, fetched.lost) == ((first, second), ())
    assert challenge.store.artefacts.damaged([first, second, third]) == {}
    assert challenge.fetch_artefacts(made).mended == ()
    challenge.close()


def test_where_it_may_not_go(shop, tmp_path):
    root = shop.places.root
    for path, why in (
        (root / "tables" / "x.zip", "lies in what is backed up itself; name a place outside of tables"),
        (root, "is a folder; name a file in it"),
        (tmp_path / "none" / "x.zip", "lies in a folder that is not there"),
    ):
        with pytest.raises(UsageError, match=why):
            shop.backup(path)
    with pytest.raises(UsageError, match="is not a file"):
        shop.backup("/dev/full", replace=True)
    (tmp_path / "x.zip").write_text("something else")
    with pytest.raises(UsageError, match="is there already"):
        shop.backup(tmp_path / "x.zip")
    assert (tmp_path / "x.zip").read_text() == "something else"
    shop.backup(tmp_path / "x.zip", replace=True)
    assert Challenge.restore(tmp_path / "x.zip", tmp_path / "again").rows


def test_a_full_disk_and_ctrl_c_leave_nothing_under_the_name(shop, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(StoreError, match=r"x.zip could not be written: .*; make room, or name another place"):
            shop.backup(tmp_path / "x.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    def stopped(doing, done, total):
        if doing == "checking the backup":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.backup(tmp_path / "x.zip", watch=stopped)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_in_order(shop, tmp_path):
    told = []
    shop.backup(tmp_path / "x.zip", watch=lambda *said: told.append(said))
    doings = list(dict.fromkeys(doing for doing, _, _ in told))
    assert doings == ["rows", "files", "kept answers", "checking the backup"]
    assert all(done <= total for doing, done, total in told if total)
    assert told[-1][1] == told[-1][2]


def test_folders_that_the_rules_name_are_not_in_it_and_that_is_said(made, tmp_path):
    challenge = Challenge.open(Challenge.restore(made, tmp_path / "again").folder)
    rules = challenge.places.rules
    rules.write_text(rules.read_text() + '\n[environments]\nmodels = "models"\n')
    (challenge.places.root / "models").mkdir()
    with closing(Challenge.open(challenge.places.root)) as opened:
        (said,) = opened.backup(tmp_path / "x.zip").left_out
    assert said.startswith("models = 'models' of challenge.toml is not in it")
    challenge.close()


def test_a_restored_challenge_runs_its_entries(made, tmp_path, shop):
    with closing(Challenge.open(Challenge.restore(made, tmp_path / "again").folder)) as again:
        summary = again.run(RunRequest(entries=("mine",)))
        assert dict(summary.outcomes) == {"done": 1}
        assert {result.level for result in again.store.results().values()} >= {summary.level}
        assert summary.level is not Level.PREDICTIONS


def test_a_challenge_that_was_moved_still_runs_its_entries(made, tmp_path):
    moved = Challenge.restore(made, tmp_path / "again").folder.rename(tmp_path / "elsewhere")
    with closing(Challenge.open(moved)) as opened:
        (entry,) = (entry for entry in opened.entries() if entry.name == "mine")
        assert entry.source.folder == str(moved / ".bakeoff" / "entries" / entry.digest)
