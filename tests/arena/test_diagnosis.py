"""What the doctor finds, each with a partner that is well."""

import fcntl
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from little import little_frame

from bakeoff.arena import Challenge, TableOptions
from bakeoff.arena.challenge_files import Rules
from bakeoff.arena.diagnosis import OK, WARNING, WRONG, examine
from bakeoff.arena.diagnosis.checks import Visit
from bakeoff.arena.diagnosis.machine import clock
from bakeoff.arena.diagnosis.scratch import scratch_checks, sort_out
from bakeoff.arena.diagnosis.store import store_checks
from bakeoff.arena.diagnosis.wall import wall_checks
from bakeoff.arena.store.access import Access
from bakeoff.arena.store.bundle import unwatched
from bakeoff.arena.store.schema import HEAD, upgrade
from bakeoff.nouns import Cell, CellResult, Level, Outcome

MODEL = "from sklearn.linear_model import LogisticRegression\nalgorithm = LogisticRegression()\n"


@pytest.fixture
def shop(tmp_path):
    """A challenge with a table, a submission and two results, closed."""
    challenge = Challenge.create(tmp_path / "shop")
    challenge.add_table(little_frame(60), TableOptions(name="little", target="y"))
    (tmp_path / "mine.py").write_text(MODEL)
    challenge.submit(tmp_path / "mine.py", team="us")
    for seed in range(2):
        answers = challenge.store.artefacts.put(b"answers of %d" % seed)
        cell = Cell("mine", "e" * 64, "little", "t" * 64, seed, "p", "1")
        challenge.store.save(CellResult(cell, Outcome.DONE, answers=answers), {})
    challenge.close()
    return challenge


def visit_of(challenge, *, mend=False, quick=False, **rules):
    opened = Challenge.open(challenge.places.root)
    return Visit(opened.places, replace(opened.rules, **rules), mend, quick, unwatched)


def about_store(challenge, **more):
    """The state and words of each check of the store, by name; several of one name end to end."""
    found = {}
    for check in store_checks(visit_of(challenge, **more), challenge.places):
        state, words = found.get(check.name, (check.state, ""))
        found[check.name] = (state, f"{words} {check.found} | {check.mend}".strip())
    return found


def about_folder(challenge, **more):
    from bakeoff.arena.diagnosis.folder import folder_checks

    checks = folder_checks(visit_of(challenge, **more), challenge.places)
    return {check.name: (check.state, f"{check.found} | {check.mend}") for check in checks}


def test_a_sound_challenge_is_well(shop):
    assert {state for state, _ in about_folder(shop).values()} == {OK}
    found = about_store(shop)
    assert {state for state, _ in found.values()} == {OK}
    assert "whole (integrity_check)" in found["database"][1]
    assert "2 results, 1 submission" in found["rows"][1]
    assert "2 in" in found["kept answers"][1] and "all whole" in found["kept answers"][1]
    assert found["version"][1].startswith(HEAD)
    quick = about_store(shop, quick=True)
    assert "all there" in quick["kept answers"][1]


def test_missing_and_damaged_answers_are_named_and_damaged_ones_put_aside_when_asked(shop):
    first, second = sorted(shop.store.artefacts.sizes())
    shop.store.artefacts.path(first).unlink()
    shop.store.artefacts.path(second).write_bytes(b"damaged")
    state, words = about_store(shop)["kept answers"]
    assert state == WRONG
    assert f"1 of 2 in {shop.store.artefacts.where} is missing: {first[:12]} | bakeoff run makes them anew" in words
    assert f"is damaged: {second[:12]} | bakeoff doctor --mend" in words
    assert "bakeoff restore FILE --artefacts-only" in words
    assert shop.store.artefacts.has(second)
    assert "then bakeoff run" not in about_store(shop, mend=True)["kept answers"][1]
    assert not shop.store.artefacts.has(second)
    assert about_store(shop)["put aside"][1].startswith("1 damaged file in")
    quick = about_store(shop, quick=True)["kept answers"]
    assert (quick[0], "are missing" in quick[1], "is damaged" in quick[1]) == (WRONG, True, False)
    shop.close()


def test_files_that_no_row_names_are_taken_away_when_they_are_old_and_ours(shop, tmp_path):
    artefacts = shop.store.artefacts
    young, old = artefacts.put(b"on its way"), artefacts.put(b"of a killed run")
    os.utime(artefacts.path(old), (time.time() - 1e6,) * 2)
    state, words = about_store(shop)["other answers"]
    assert (state, "1 file that no row names" in words) == (WARNING, True)
    about_store(shop, mend=True)
    assert (artefacts.has(young), artefacts.has(old), len(artefacts.sizes())) == (True, False, 3)
    shared = tmp_path / "shared"
    for name in sorted(artefacts.sizes()):
        (shared / name[:2]).mkdir(parents=True, exist_ok=True)
        (shared / name[:2] / name).write_bytes(artefacts.get(name))
        os.utime(shared / name[:2] / name, (time.time() - 1e6,) * 2)
    state, words = about_store(shop, artefacts=str(shared), mend=True)["other answers"]
    assert (state, "another challenge may name them" in words) == (OK, True)
    assert len(list(shared.glob("??/*"))) == 3
    shop.close()


def test_half_written_answers_are_told_and_swept(shop):
    partial = shop.places.private / "artefacts" / "partial"
    (partial / "other-1-x").write_bytes(b"half")
    os.utime(partial / "other-1-x", (time.time() - 1e6,) * 2)
    assert about_store(shop)["half-written files"][0] == WARNING
    assert "half-written files" not in about_store(shop, mend=True)


def test_a_damaged_database_is_told_by_what_sqlite_says(shop):
    database = shop.places.private / "store.db"
    data = bytearray(database.read_bytes())
    data[8192:16384] = bytes(8192)
    database.write_bytes(data)
    state, words = about_store(shop)["database"]
    assert (state, "restore it from a backup" in words) == (WRONG, True)
    assert "damaged" in words or "cannot be read" in words
    database.write_bytes(b"this is not a database" * 100)
    state, words = about_store(shop)["database"]
    assert (state, "cannot be opened" in words or "cannot be read" in words) == (WRONG, True)


def test_a_store_of_another_version_is_told_and_not_changed(shop, tmp_path):
    database = shop.places.private / "store.db"
    database.unlink()
    with closing(Access(shop.places.private, upgrade=False)) as access, access.begin() as connection:
        upgrade(connection, "0001")
    found = about_store(shop)
    assert found["version"][0] == WARNING
    assert f"0001; this Bakeoff knows {HEAD}" in found["version"][1]
    assert found["rows"] == (OK, "0 results, 0 submissions |")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("0001",)
        connection.execute("update alembic_version set version_num = '9999'")
        connection.commit()
    state, words = about_store(shop)["version"]
    assert (state, "written by a newer Bakeoff" in words) == (WRONG, True)
    database.unlink()
    assert about_store(shop) == {"database": (OK, "none yet; the first command that needs it makes it |")}
    assert not database.exists()


def test_postgresql_is_looked_at_and_told_when_it_does_not_answer(shop, postgres, tmp_path):
    there = tmp_path / "there"
    shop.backup(tmp_path / "x.zip")
    from bakeoff.arena.store.restore import Wanted

    Challenge.restore(tmp_path / "x.zip", there, Wanted(store=postgres, replace=True))
    opened = Challenge.open(there)
    found = about_store(opened)
    assert {state for state, _ in found.values()} == {OK}
    assert found["database"][1].startswith("PostgreSQL ")
    state, words = about_store(opened, store="postgresql://nobody:secret@127.0.0.1:9/none")["database"]
    assert (state, "cannot be opened" in words, "secret" in words) == (WRONG, True, False)
    shop.close()


def test_results_of_tasks_that_are_not_there_are_told_and_those_of_removed_tables_are_not(shop):
    cell = Cell("mine", "e" * 64, "gone", "t" * 64, 0, "p", "1")
    shop.store.save(CellResult(cell, Outcome.FAILED), {})
    state, words = about_store(shop)["tasks"]
    assert (state, "does not have: gone" in words) == (WARNING, True)
    (shop.places.private / "versions" / "gone").mkdir()
    state, words = about_store(shop)["tasks"]
    assert (state, "results of removed tables are kept: gone" in words) == (OK, True)
    shop.close()


def test_entries_whose_files_are_gone_are_told(shop):
    for home in shop.places.entries.iterdir():
        home.rename(home.with_name("elsewhere"))
    state, words = about_store(shop)["entries"]
    assert (state, "the files of mine are not there" in words, "bakeoff submit" in words) == (WRONG, True, True)


def test_results_of_days_to_come_are_told(shop):
    with closing(sqlite3.connect(shop.places.private / "store.db")) as connection:
        late = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="milliseconds")
        connection.execute("update results set ended_at = ?", (late,))
        connection.commit()
    state, words = about_store(shop)["rows"]
    assert (state, "still to come" in words) == (WARNING, True)


CLAIMER = """
import sys
from bakeoff.arena import Challenge
store = Challenge.open(sys.argv[1]).store
runner = store.leases.join()
assert store.leases.claim(runner, {"c" * 64: None}, "token").lease
"""


def test_leases_of_runners_that_ended_are_told_and_those_of_the_living_are_no_trouble(shop):
    store = shop.store
    assert store.leases.claim(store.leases.join(), {"d" * 64: None}, "mine").lease
    state, words = about_store(shop)["runners"]
    assert (state, "1 runner on" in words, "with 1 cell" in words) == (OK, True, True)
    subprocess.run([sys.executable, "-c", CLAIMER, str(shop.places.root)], check=True)
    words = about_store(shop)["runners"][1]
    assert "1 cell held by 1 runner that ended without giving them back | nothing to do" in words
    assert len(store.leases.held()) == 2
    shop.close()


# The folder


def test_who_may_read_truth_is_looked_at_and_mended(shop):
    places = shop.places
    places.private.chmod(0o755)
    (places.truth / "little.parquet").chmod(0o644)
    found = about_folder(shop)
    assert (found[".bakeoff"][0], found["truth"][0]) == (WRONG, WARNING)
    assert "mode 0755" in found[".bakeoff"][1]
    found = about_folder(shop, mend=True)
    assert found[".bakeoff"][0] == OK and "truth" not in found
    assert (places.private.stat().st_mode & 0o777, (places.truth / "little.parquet").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        (".bakeoff/truth/little.parquet", "tables", "little.parquet is not there"),
        ("tables/little/train.parquet", "tables", "tables/little/train.parquet is not there"),
        (".bakeoff/secret", "secret", "no longer meet their plans"),
    ],
)
def test_what_is_missing_is_named(shop, path, name, words):
    (shop.places.root / path).unlink()
    state, said = about_folder(shop)[name]
    assert (state, words in said, "bakeoff restore FILE" in said) == (WRONG, True, True)


def test_a_secret_that_is_none_and_a_task_that_is_none_are_told(shop):
    (shop.places.private / "secret").write_text("short")
    (shop.places.tasks / "odd.toml").write_text("nonsense = 1\n")
    found = about_folder(shop)
    assert (found["secret"][0], found["odd.toml"][0]) == (WRONG, WRONG)
    assert "does not hold a secret of 32 bytes" in found["secret"][1]


def test_what_cannot_be_looked_at_is_a_finding(shop):
    (shop.places.tasks / "odd.toml").mkdir()
    found = [check for check in examine(shop.places.root, quick=True) if check.name == "reading"]
    assert [(check.about, check.state) for check in found] == [("challenge", WRONG), ("store", WRONG)]
    assert "odd.toml: Is a directory" in found[0].found


def test_environments_half_built_are_taken_away_and_those_being_built_are_not(shop):
    rooms = [shop.places.environments / f"{name}.partial" for name in ("dead", "alive")]
    for room in rooms:
        room.mkdir(parents=True)
        (room / "lock").touch()
    with open(rooms[1] / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        state, words = about_folder(shop)["environments"]
        assert (state, "1 environment half built: dead" in words) == (WARNING, True)
        assert "environments" not in about_folder(shop, mend=True)
        assert [room.exists() for room in rooms] == [False, True]


def test_a_challenge_toml_that_cannot_be_read_is_one_finding(shop):
    shop.places.rules.write_text("nonsense = 1\n")
    found = {check.name: check for check in examine(shop.places.root, quick=True)}
    assert found["challenge.toml"].state == WRONG
    assert "unknown key 'nonsense'" in found["challenge.toml"].found
    assert "database" not in found and "tables" in found


# The machine


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_scratch_of_ended_processes_is_found_and_that_of_living_ones_left(tmp_path, monkeypatch):
    dead, mine = ended_process(), os.getpid()
    left = [f"bakeoff-{kind}-{dead}-abc_123" for kind in ("box", "columns", "stage")] + ["bakeoff-take-old1"]
    kept = [f"bakeoff-{kind}-{mine}-abc" for kind in ("box", "columns", "stage")]
    kept += ["bakeoff-take-young", "bakeoff-take-open", "bakeoff-postgres-x", f"bakeoff-other-{dead}-x"]
    for name in (*left, *kept):
        (tmp_path / name / "inside").mkdir(parents=True)
        (tmp_path / name / "inside" / "file").write_bytes(b"x" * 1000)
    (tmp_path / f"bakeoff-box-{dead}-link").symlink_to(tmp_path / kept[0])
    for name in ("bakeoff-take-old1", "bakeoff-take-open"):
        for path in [*(tmp_path / name).rglob("*"), tmp_path / name]:
            os.utime(path, (time.time() - 1e6,) * 2)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    visit = Visit(None, Rules(), False, False, unwatched)
    with open(tmp_path / "bakeoff-take-open" / "inside" / "file"):
        found, others = sort_out(tmp_path)
        assert sorted(path.name for path in found) == sorted(left)
        assert others == 5
        (check,) = scratch_checks(visit)
        assert (check.state, "4 folders in" in check.found, "5 folders in use" in check.found) == (WARNING, True, True)
        assert check.mend == "bakeoff doctor --mend takes them away"
        (check,) = scratch_checks(replace(visit, mend=True))
        assert (check.state, "of ended processes taken away" in check.found) == (OK, True)
        assert sorted(path.name for path in tmp_path.iterdir() if not path.is_symlink()) == sorted(kept)
        (check,) = scratch_checks(visit)
        assert check.found.startswith("nothing in")
    assert [path.name for path in sort_out(tmp_path)[0]] == ["bakeoff-take-open"], "nobody has it open any more"


SLEEPER = """
import sys, tempfile
from pathlib import Path
from bakeoff.tables.scratch import Scratch
kept = Scratch()
print(kept.folder, flush=True)
sys.stdin.read()
"""


def test_scratch_of_a_living_table_reader_is_left_and_that_of_a_killed_one_is_found(tmp_path):
    reader = subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = Path(reader.stdout.readline().strip())
    assert sort_out(tmp_path) == ([], 1)
    reader.kill()
    reader.communicate()
    assert sort_out(tmp_path) == ([folder], 0)


def test_a_clock_that_stands_before_bakeoff_is_wrong():
    installed = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    assert clock(installed + 10, installed).state == OK
    assert clock(installed - 3600, installed).state == OK
    wrong = clock(0.0, installed)
    assert (wrong.state, wrong.found) == (WRONG, "1970-01-01 00:00 UTC, but Bakeoff was installed on 2026-11-21")


def test_disks_and_memory_that_are_short_are_told(shop, monkeypatch, tmp_path):
    import shutil

    def found(**rules):
        from bakeoff.arena.diagnosis.machine import machine_checks

        return {check.name: check for check in machine_checks(visit_of(shop, **rules))}

    well = found()
    assert {well[name].state for name in ("python", "cores", "clock", "extras")} <= {OK, WARNING}
    assert "free at" in well["temporary files"].found and "free at" in well["challenge"].found
    hungry = replace(Challenge.open(shop.places.root).rules.limits, memory_mib=1 << 40)
    assert (found(limits=hungry)["memory"].state, "lower memory_mib" in found(limits=hungry)["memory"].mend) == (
        WARNING,
        True,
    )
    for free, state in ((1 << 40, OK), (1 << 30, WARNING), (1 << 20, WRONG)):
        usage = shutil._ntuple_diskusage(1 << 41, 0, free)
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        assert found()["temporary files"].state == state
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    lost = found()["temporary files"]
    assert (lost.state, "cannot be written" in lost.found, "TMPDIR" in lost.mend) == (WRONG, True, True)


def test_each_level_is_told_with_its_layers_or_why_not(shop, require):
    require("bubblewrap")
    from bakeoff.arena.wall.confinement import layers

    found = {check.name: check for check in wall_checks(visit_of(shop))}
    assert set(Level) <= set(found)
    best = found[Level.BUBBLEWRAP]
    assert best.state == OK and best.found.startswith("entries run here: ")
    assert set(layers(Level.BUBBLEWRAP)) <= set(best.found.removeprefix("entries run here: ").split(", "))


WITHOUT = """
import sys
from pathlib import Path
from bakeoff.arena.diagnosis import examine
for check in examine(Path(sys.argv[1]), quick=True):
    if check.about == "wall":
        print(check.state, check.name, check.found, check.mend, sep="|")
"""


@pytest.mark.parametrize(("least", "state"), [("L1", WARNING), ("L2", WRONG)])
def test_a_level_that_cannot_be_had_is_wrong_where_the_challenge_wants_it(shop, tmp_path, least, state):
    rules = shop.places.rules
    rules.write_text(rules.read_text().replace("seeds = 1", f'seeds = 1\nleast_level = "{least}"'))
    command = [sys.executable, "-c", WITHOUT, str(shop.places.root)]
    done = subprocess.run(
        command, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    said = {line.split("|")[1]: line for line in done.stdout.splitlines()}
    assert said[Level.BUBBLEWRAP].startswith(f"{state}|L2 bubblewrap|cannot be had here")
    assert "apt install bubblewrap" in said[Level.BUBBLEWRAP]
    assert ("no entry's code runs" in said[Level.BUBBLEWRAP]) is (least == "L2")
    assert said[Level.PROCESS].startswith("ok|")


def test_nothing_is_changed_unless_it_is_to_be_mended(shop):
    def state():
        paths = sorted(shop.places.root.rglob("*"))
        return [(path, path.stat().st_mode, path.stat().st_mtime_ns) for path in paths if path.name[:5] != "store"]

    before = state()
    list(examine(shop.places.root))
    assert [one for one in state() if one[0] != shop.places.private] == [
        one for one in before if one[0] != shop.places.private
    ]


def test_without_a_challenge_the_machine_and_the_wall_are_looked_at(tmp_path):
    found = list(examine(tmp_path))
    assert {"machine", "wall", "scratch", "challenge"} == {check.about for check in found}
    assert found[-1].found.startswith(f"there is no challenge in {tmp_path}")
