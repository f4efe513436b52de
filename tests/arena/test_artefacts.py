"""Artefacts: whole or not at all, checked on reading, on a local disk, at S3 and wherever fsspec reaches."""

import errno
import importlib.util
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from bakeoff.arena.store.artefacts import Artefacts, artefacts_place
from bakeoff.arena.store.shelves import ASIDE, PARTIAL, LocalShelf
from bakeoff.errors import MissingExtra, StoreError
from bakeoff.nouns import digest

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(scope="module")
def bucket():
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("s3fs") is None:
        pytest.skip("moto and s3fs are needed; install them with: pip install 'moto[server,s3]' s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "up",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        patch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    fsspec.filesystem("s3").mkdir("kept")
    yield "s3://kept"
    server.stop()
    patch.undo()
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield "memory://kept"
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture(params=["folder", "file url", "memory", "renaming", "s3"])
def place(request, tmp_path):
    """A place of each sort, with the means to change what lies there behind the artefacts' back."""
    if request.param == "folder":
        return tmp_path / "artefacts"
    if request.param == "file url":
        return f"{(tmp_path / 'with a blank').as_uri()}"
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"
    if request.param == "renaming":
        # The local disk as fsspec sees it, where a put is not whole by itself.
        return f"dir::{(tmp_path / 'chained').as_uri()}"
    return f"{request.getfixturevalue('memory')}/{tmp_path.name}"


def overwrite(artefacts, name, data):
    """Change what lies there, as a bad disk would."""
    shelf = artefacts._shelf
    if isinstance(shelf, LocalShelf):
        shelf.path(name).write_bytes(data)
    else:
        shelf._system.pipe_file(shelf.path(name), data)


def test_what_is_put_comes_back(place):
    artefacts = Artefacts(place)
    name = artefacts.put(b"answers")
    assert name == digest(b"answers")
    assert artefacts.put(b"answers") == name
    assert artefacts.get(name) == b"answers"
    other = Artefacts(place)
    assert (other.has(name), other.sound(name), other.has("0" * 64)) == (True, True, False)
    late = artefacts.put(b"put after the other has looked")
    assert other.has(late)
    assert other.sizes() == {name: 7, late: 30}
    assert other.partial() == []
    other.remove(late)
    other.remove(late)
    assert not other.has(late)


def test_a_damaged_artefact_is_found_named_put_aside_and_made_anew(place):
    artefacts = Artefacts(place)
    name, fine = artefacts.put(b"answers"), artefacts.put(b"fine")
    overwrite(artefacts, name, b"better!")
    looked = []
    assert artefacts.damaged([name, fine, "0" * 64], looked.append) == {name: "damaged", "0" * 64: "missing"}
    assert looked == [name, fine, "0" * 64]
    assert artefacts.has(name)
    with pytest.raises(StoreError, match=rf"{name[:12]}.* were changed, so they were put aside; run again .*restore"):
        artefacts.get(name)
    assert not artefacts.has(name)
    assert (list(artefacts.sizes()), artefacts.aside()) == ([fine], [name])
    with pytest.raises(StoreError, match=rf"{name[:12]} are missing from .*run again"):
        artefacts.get(name)
    assert artefacts.put(b"answers") == name
    assert artefacts.get(name) == b"answers"


def test_a_put_replaces_a_damaged_file_of_its_name(place):
    artefacts = Artefacts(place)
    name = artefacts.put(b"answers")
    for damaged in (b"better!", b"cut", b""):
        overwrite(artefacts, name, damaged)
        assert Artefacts(place).put(b"answers") == name
        assert Artefacts(place).get(name) == b"answers"


def test_a_file_cut_off_to_nothing_is_not_there(place):
    artefacts = Artefacts(place)
    name, empty = artefacts.put(b"answers"), artefacts.put(b"")
    overwrite(artefacts, name, b"")
    again = Artefacts(place)
    assert not again.has(name)
    assert again.has(empty)


def test_mending_takes_only_what_the_name_says(place):
    artefacts = Artefacts(place)
    name = digest(b"answers")
    assert not artefacts.mend(name, b"other answers")
    assert artefacts.sizes() == {}
    assert artefacts.mend(name, b"answers")
    assert artefacts.sound(name)


# The S3 server of these tests cannot take two writers of one key itself.
@pytest.mark.parametrize("place", ["folder", "memory", "renaming"], indirect=True)
def test_several_writers_of_one_artefact_are_fine(place):
    data = [b"%d" % number * 50_000 for number in range(4)]
    troubles = []

    def write():
        try:
            artefacts = Artefacts(place)
            for one in data:
                assert artefacts.get(artefacts.put(one)) == one
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert len(Artefacts(place).sizes()) == 4


WRITER = """
import sys
from pathlib import Path
from bakeoff.arena.store.artefacts import Artefacts
artefacts = Artefacts(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(100000):
    artefacts.put(b"%d" % number * 100_000)
"""


def test_a_killed_writer_leaves_nothing_half_written_under_a_name(tmp_path):
    for round_ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(0.05 + 0.02 * round_)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    artefacts = Artefacts(tmp_path)
    assert len(artefacts.sizes()) > 5
    assert artefacts.damaged(artefacts.sizes()) == {}


def gone_process():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_left_over_partial_files_are_swept_and_those_of_the_living_are_not(tmp_path):
    artefacts = Artefacts(tmp_path)
    name = artefacts.put(b"answers")
    host = artefacts._shelf._host
    partial = tmp_path / PARTIAL
    left, mine, elsewhere = f"{host}-{gone_process()}-x", f"{host}-{os.getpid()}-x", "other-1-x"
    old = "other-2-x"
    for path in (partial / left, partial / mine, partial / elsewhere, partial / old):
        path.write_bytes(b"half")
    os.utime(partial / old, (time.time() - 1e6,) * 2)
    assert Artefacts(tmp_path).partial() == [str(path) for path in sorted([partial / left, partial / old])]
    assert artefacts.sweep() == 2
    assert sorted(path.name for path in partial.iterdir()) == sorted([mine, elsewhere])
    (partial / left).write_bytes(b"half")
    Artefacts(tmp_path).put(b"the first put of a process sweeps")
    assert not (partial / left).exists()
    assert artefacts.sound(name)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    artefacts = Artefacts(tmp_path)
    kept = artefacts.put(b"small")
    # The limit on a file's size stands in for the end of a disk: the write itself fails, as on a full one.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(
            StoreError, match=r"cannot take the answers of a cell: .*; the cell stays due, so run again"
        ):
            artefacts.put(b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / PARTIAL).iterdir()) == []
    assert list(artefacts.sizes()) == [kept]
    assert artefacts.sound(artefacts.put(b"x" * 5000))


def test_a_really_full_disk_says_so():
    with pytest.raises(OSError, match="No space left") as full, open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    assert full.value.errno == errno.ENOSPC
    with (
        pytest.raises(StoreError, match="is full; free some space and run again, what was finished before is kept"),
        Artefacts("nowhere")._said("take the answers of a cell", "the cell stays due"),
    ):
        raise full.value


def test_a_place_out_of_reach_has_lost_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    artefacts = Artefacts(tmp_path / "file" / "artefacts")
    for ask in (artefacts.has, artefacts.sound, artefacts.get):
        with pytest.raises(StoreError, match=r"cannot .*: Not a directory; try again when it can be reached"):
            ask("0" * 64)


def test_a_network_that_is_gone_is_one_sentence(bucket, monkeypatch):
    artefacts = Artefacts(f"{bucket}/unreachable")
    name = artefacts.put(b"answers")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    try:
        away = Artefacts(f"{bucket}/unreachable")
        for ask in (away.has, away.get):
            with pytest.raises(StoreError, match=r"s3://kept/unreachable cannot .*; try again when it can be reached"):
                ask(name)
        with pytest.raises(StoreError, match=r"cannot take the answers of a cell: .*; the cell stays due"):
            away.put(b"answers")
    finally:
        fsspec.filesystem("s3").clear_instance_cache()


def test_a_bucket_that_is_not_there_is_one_sentence(bucket):
    with pytest.raises(StoreError, match=r"s3://none/here cannot take the answers"):
        Artefacts("s3://none/here").put(b"answers")


def test_an_address_that_nothing_reads_is_told(monkeypatch):
    with pytest.raises(StoreError, match=r"cannot be kept at nonsense://here: .*nonsense"):
        Artefacts("nonsense://here").put(b"answers")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[cloud\]'"):
        Artefacts("memory://here").put(b"answers")


def test_a_run_asks_an_object_store_for_one_listing_and_not_for_every_cell(bucket, monkeypatch):
    artefacts = Artefacts(f"{bucket}/many")
    names = [artefacts.put(b"%d" % number) for number in range(5)]
    again = Artefacts(f"{bucket}/many")
    system = again._shelf._system
    asked, info = [], system.info

    def counted(path, **more):
        asked.append(path.rsplit("/", 1)[-1])
        return info(path, **more)

    monkeypatch.setattr(system, "info", counted)
    assert all(again.has(name) for name in names)
    assert asked == []
    assert not again.has("0" * 64)
    assert asked == ["0" * 64]


def test_a_password_in_an_address_is_not_shown(memory):
    assert Artefacts("memory://user:secret@host/x").where == "host/x"


def test_where_a_challenge_keeps_them(tmp_path):
    root = tmp_path / "shop"
    assert artefacts_place("", root) == root / ".bakeoff" / "artefacts"
    assert artefacts_place("kept", root) == root / "kept"
    assert artefacts_place("/mnt/kept", root) == type(root)("/mnt/kept")
    assert artefacts_place("s3://b/x", root) == "s3://b/x"


def test_challenge_toml_says_where_they_go_and_damaged_ones_are_run_again(challenge, memory):
    from bakeoff.arena import Challenge, RunRequest

    rules = challenge.places.rules
    rules.write_text(rules.read_text().replace("seeds = 1", f'seeds = 1\nartefacts = "{memory}"'))
    with pytest.raises(Exception, match="artefacts = 3; it must be text"):
        rules_of(rules, "artefacts = 3")
    opened = Challenge.open(challenge.places.root)
    request = RunRequest(entries=("constant",))
    assert opened.run(request).ran == 1
    (kept,) = opened.store.results().values()
    assert opened.store.artefacts.where == memory
    assert opened.store.artefacts.sound(kept.answers)
    assert not (opened.places.private / "artefacts").exists()
    overwrite(opened.store.artefacts, kept.answers, b"damaged!")
    summary = opened.run(RunRequest(entries=("constant",)))
    assert summary.ran == 0, "the digest is checked when answers are read"
    with pytest.raises(StoreError, match="were changed, so they were put aside"):
        opened.store.artefacts.get(kept.answers)
    assert opened.run(request).ran == 1
    assert opened.store.artefacts.sound(kept.answers)
    opened.close()


def rules_of(path, line):
    from bakeoff.arena.challenge_files import Places, read_rules

    other = path.parent / "other"
    other.mkdir(exist_ok=True)
    (other / "challenge.toml").write_text(f"{line}\n")
    return read_rules(Places(other))


def test_put_aside_files_stay_for_a_person_to_look_at(tmp_path):
    artefacts = Artefacts(tmp_path)
    name = artefacts.put(b"answers")
    artefacts.path(name).write_bytes(b"damaged")
    artefacts.put_aside(name)
    artefacts.put_aside(name)
    assert (tmp_path / ASIDE / name).read_bytes() == b"damaged"
    assert artefacts.sizes() == {}
