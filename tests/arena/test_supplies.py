"""What a challenge provides and asks for: the least level, a wheelhouse, shared models."""

import base64
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bakeoff.arena import Challenge, RunRequest
from bakeoff.arena.entries import baselines, read_entry
from bakeoff.arena.environments import build_environment
from bakeoff.arena.predictor import take
from bakeoff.arena.runner import LocalRunner
from bakeoff.arena.supplies import Supplies, refusal, supplies
from bakeoff.errors import ConfinementError, EntryError, UsageError
from bakeoff.nouns import Level, Limits, Outcome

MODEL = """
import os
import numpy as np
class Model:
    def fit(self, X, y): self.classes_ = np.unique(y)
    def predict_proba(self, X): return np.full((len(X), 2), 0.5)
"""


def ruled(challenge, first, last=""):
    """The challenge with further lines before and after its rules."""
    path = challenge.places.rules
    path.write_text(first + path.read_text() + last)
    return Challenge.open(challenge.places.root)


def written(folder, name="mine", requirements="", code=MODEL):
    home = folder / name
    home.mkdir(exist_ok=True)
    (home / "model.py").write_text(code)
    if requirements:
        (home / "requirements.txt").write_text(requirements)
    return home


def wheel(folder, name, version="1.0", code="", needs=()):
    """A wheel made by hand, with a record, as pip checks it."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": code or f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        made = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={made},{len(text.encode())}\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(file, (2020, 1, 1, 0, 0, 0)), text)
    return path


# The least level


def test_strangers_code_runs_at_the_least_level_or_above(tmp_path):
    entry = read_entry(written(tmp_path))
    (house,) = baselines(("constant",))
    answers = tmp_path / "answers"
    answers.mkdir()
    (answers / "little.csv").write_text("row_id,prediction\n")
    for least in ("L0", "L1", "L2"):
        assert refusal(entry, least, Level.BUBBLEWRAP) == ""
        assert bool(refusal(entry, least, Level.PROCESS)) == (least == "L2")
        assert refusal(house, least, Level.PROCESS) == refusal(read_entry(answers), least, Level.PROCESS) == ""
    said = refusal(entry, "L2", Level.PROCESS)
    assert said.startswith("the challenge lets entries' code run at L2 bubblewrap or better, and this machine has L1 ")


@pytest.mark.parametrize(("least", "outcomes"), [("L2", ["constant"]), ("L1", ["constant", "mine"])])
def test_code_below_the_least_level_is_refused_and_nothing_else(challenge, tmp_path, least, outcomes):
    challenge.submit(written(tmp_path))
    challenge = ruled(challenge, f'least_level = "{least}"\n')
    request = RunRequest(entries=("mine", "constant"))
    matrix, cells, limits = challenge._matrix(request, None)
    summary = matrix.run(cells, limits, LocalRunner(level=Level.PROCESS))
    kept = challenge.store.results()
    assert sorted(result.cell.entry for result in kept.values()) == outcomes
    assert {result.outcome for result in kept.values()} == {Outcome.DONE}
    refused = [trouble for trouble in summary.troubles if "nothing is charged" in trouble]
    assert [trouble.partition(" was not run")[0] for trouble in refused] == (["mine"] if least == "L2" else [])
    due = challenge.due(request)
    assert [cell.entry for cell in due] == (["mine"] if least == "L2" else [])
    challenge.close()


def test_an_entry_is_not_taken_below_the_least_level(challenge, tmp_path, monkeypatch):
    entry = read_entry(written(tmp_path))
    data = challenge.data(challenge.tasks()[0])
    monkeypatch.setattr("bakeoff.arena.predictor.best_level", lambda: Level.PROCESS)
    with pytest.raises(ConfinementError, match="mine cannot be taken here: the challenge lets entries' code run at L2"):
        take(entry, data, tmp_path / "to", Limits(), tmp_path / "environments", Supplies(least="L2"))
    assert not (tmp_path / "to").exists()


# A wheelhouse


def test_packages_come_from_the_wheelhouse_and_from_nowhere_else(tmp_path, monkeypatch):
    house, reach = tmp_path / "house", tmp_path / "reach"
    wheel(house, "first", needs=["second>=1"])
    wheel(house, "second")
    wheel(reach, "first", "2.0")
    wheel(reach, "third")
    monkeypatch.setenv("PIP_FIND_LINKS", str(reach))
    monkeypatch.setenv("PIP_INDEX_URL", reach.as_uri())
    supplied = Supplies(wheelhouse=house)
    built = build_environment(written(tmp_path, requirements="first\n"), tmp_path / "built", supplied)
    assert sorted(path.name for path in built.glob("*.py")) == ["first.py", "second.py"]
    assert (built / "first.py").read_text() == "VERSION = '1.0'\n"
    lacking = written(tmp_path, "other", requirements="third==1.0\n")
    with pytest.raises(EntryError) as error:
        build_environment(lacking, tmp_path / "built", supplied)
    assert str(error.value) == (
        f"The wheelhouse {house} lacks third==1.0, which other/requirements.txt needs; "
        f"fill it where there is a network: pip download --only-binary=:all: 'third==1.0' -d {house}"
    )
    assert [path for path in (tmp_path / "built").iterdir() if path != built] == []
    # The same entry where pip may reach that place.
    assert (build_environment(lacking, tmp_path / "built") / "third.py").exists()


def test_what_a_needed_package_lacks_is_named(tmp_path):
    house = tmp_path / "house"
    wheel(house, "first", needs=["second>=1"])
    with pytest.raises(EntryError, match=r"The wheelhouse .* lacks second>=1, which mine/requirements.txt needs"):
        build_environment(written(tmp_path, requirements="first\n"), tmp_path / "built", Supplies(wheelhouse=house))


def test_the_digest_covers_what_could_be_taken_of_the_wheelhouse_and_no_more(tmp_path):
    house, built, home = tmp_path / "house", tmp_path / "built", written(tmp_path, requirements="first\n")
    supplied = Supplies(wheelhouse=house)
    wheel(house, "first", needs=["second"])
    wheel(house, "second")
    first = build_environment(home, built, supplied)
    wheel(house, "unrelated")
    os.utime(house / "first-1.0-py3-none-any.whl")
    assert build_environment(home, built, supplied) == first
    wheel(house, "second", "2.0")
    second = build_environment(home, built, supplied)
    assert second != first
    assert "2.0" in (second / "second.py").read_text()


def test_the_rules_name_folders_beside_challenge_toml(challenge):
    again = ruled(challenge, "", '[environments]\nwheelhouse = "house"\nmodels = "shared"\nmib = 7\n')
    with pytest.raises(UsageError, match=r"gives wheelhouse = 'house', but there is no such folder; make it, and fill"):
        again.supplies()
    (again.places.root / "house").mkdir()
    with pytest.raises(UsageError, match=r"gives models = 'shared', but there is no such folder; make it, or leave"):
        again.supplies()
    (again.places.root / "shared").mkdir()
    root = again.places.root
    assert supplies(again.places, again.rules) == Supplies(root / "house", False, root / "shared", mib=7)
    again.close()


# Hashes


def test_hashes_are_honoured_where_they_are_given(tmp_path):
    house = tmp_path / "house"
    right = hashlib.sha256(wheel(house, "first").read_bytes()).hexdigest()
    supplied = Supplies(wheelhouse=house)
    good = written(tmp_path, "good", f"first==1.0 \\\n    --hash=sha256:{right} \\\n    --hash=sha256:{'0' * 64}\n")
    assert (build_environment(good, tmp_path / "built", supplied) / "first.py").exists()
    bad = written(tmp_path, "bad", f"first==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EntryError, match=r"bad/requirements.txt could not be installed: .*HASHES"):
        build_environment(bad, tmp_path / "built", supplied)
    mixed = written(tmp_path, "mixed", f"first==1.0 --hash=sha256:{right}\nsecond==1.0\n")
    with pytest.raises(EntryError, match=r"gives hashes, but none for 'second==1.0'; give each package one"):
        build_environment(mixed, tmp_path / "built", supplied)


@pytest.mark.parametrize("given", ["sha256:00", "md5:" + "0" * 32, "sha256:" + "G" * 64, "sha256:" + "0" * 64 + ";x"])
def test_what_is_no_hash_is_refused(tmp_path, given):
    with pytest.raises(EntryError, match=r"as a hash; write sha256: and 64 digits"):
        build_environment(written(tmp_path, requirements=f"six==1.0 --hash={given}\n"), tmp_path / "built")


def test_an_own_wheel_goes_with_hashes(tmp_path):
    home = written(tmp_path)
    wheel(home, "own")
    right = hashlib.sha256(wheel(tmp_path / "house", "first").read_bytes()).hexdigest()
    (home / "requirements.txt").write_text(f"own-1.0-py3-none-any.whl\nfirst==1.0 --hash=sha256:{right}\n")
    built = build_environment(home, tmp_path / "built", Supplies(wheelhouse=tmp_path / "house"))
    assert (built / "own.py").exists()


# Sdists

BACKEND = """
import base64, hashlib, os, zipfile
def build_wheel(folder, config=None, metadata=None):
    {doing}
    name = "built-1.0-py3-none-any.whl"
    info = "built-1.0.dist-info"
    files = {{
        "built.py": "WHERE = " + repr(os.getcwd()) + chr(10),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: hand\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(info + "/RECORD", "".join(path + ",,\\n" for path in [*files, info + "/RECORD"]))
    return name
"""


def sdist(folder, doing="pass", requires=()):
    """An sdist whose own backend builds it, and does something besides."""
    folder.mkdir(exist_ok=True)
    needs = ", ".join(f'"{need}"' for need in requires)
    files = {
        "pyproject.toml": f'[build-system]\nrequires = [{needs}]\nbuild-backend = "be"\nbackend-path = ["."]\n',
        "be.py": BACKEND.format(doing=doing),
        "PKG-INFO": "Metadata-Version: 2.1\nName: built\nVersion: 1.0\n",
    }
    with tarfile.open(folder / "built-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"built-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def test_sdists_are_built_behind_the_wall_and_only_where_they_are_allowed(tmp_path):
    ran = tmp_path / "ran"
    house = tmp_path / "house"
    sdist(
        house,
        f"import first; open({str(tmp_path / 'seen')!r}, 'w') if os.path.exists({str(tmp_path)!r}) else 0",
        ["first"],
    )
    wheel(house, "first")
    home = written(tmp_path, requirements="built\n")
    with pytest.raises(EntryError, match=r"The wheelhouse .* lacks built, which mine/requirements.txt needs"):
        build_environment(home, tmp_path / "environments", Supplies(wheelhouse=house))
    found = build_environment(home, tmp_path / "environments", Supplies(wheelhouse=house, sdists=True))
    assert (found / "built.py").read_text().startswith("WHERE = '/tmp/")
    assert not ran.exists()
    assert not (tmp_path / "seen").exists()
    assert [path for path in (tmp_path / "environments").iterdir()] == [found]
    # Whatever is added could now be needed.
    wheel(house, "second")
    assert build_environment(home, tmp_path / "environments", Supplies(wheelhouse=house, sdists=True)) != found


def test_an_sdist_that_cannot_be_built_is_one_sentence(tmp_path):
    house = tmp_path / "house"
    home = written(tmp_path, requirements="built\n")
    supplied = Supplies(wheelhouse=house, sdists=True)
    for doing, needs, message in (
        (
            "import socket; socket.create_connection(('192.0.2.1', 80), 3)",
            (),
            "(unreachable|Network|not permitted|denied)",
        ),
        ("pass", ("absent",), "No matching distribution found for absent"),
    ):
        sdist(house, doing, needs)
        with pytest.raises(EntryError, match=rf"^The wheelhouse's built-1.0.tar.gz could not be built .*: .*{message}"):
            build_environment(home, tmp_path / "environments", supplied)
    assert list((tmp_path / "environments").iterdir()) == []


def test_sdists_need_a_wheelhouse(challenge):
    again = ruled(challenge, "", "[environments]\nsdists = true\n")
    with pytest.raises(UsageError, match="gives sdists = true without a wheelhouse; name the folder that holds them"):
        again.supplies()
    again.close()


# Caps, and several builders


def test_what_takes_too_much_room_or_time_is_given_up(tmp_path):
    house = tmp_path / "house"
    wheel(house, "large", code=f"DATA = {'x' * (24 << 20)!r}\n")
    home = written(tmp_path, requirements="large\n")
    for cap, words in (({"mib": 8}, "take more than 8 MiB"), ({"seconds": 0.01}, "take more than 0.01 s")):
        with pytest.raises(EntryError, match=rf"mine/requirements.txt {words} to install; name fewer"):
            build_environment(home, tmp_path / "built", Supplies(wheelhouse=house, **cap))
        assert list((tmp_path / "built").iterdir()) == []
    assert build_environment(home, tmp_path / "built", Supplies(wheelhouse=house)) is not None


BUILDER = """
import sys
from pathlib import Path
from bakeoff.arena.environments import build_environment
from bakeoff.arena.supplies import Supplies
root = Path(sys.argv[1])
print(build_environment(root / "mine", root / "built", Supplies(wheelhouse=root / "house")))
"""


def test_two_processes_build_one_environment_once_and_what_dead_ones_left_goes(tmp_path):
    wheel(tmp_path / "house", "first")
    written(tmp_path, requirements="first\n")
    left = tmp_path / "built" / "0123.partial"
    left.mkdir(parents=True)
    (left / "lock").touch()
    command = [sys.executable, "-c", BUILDER, str(tmp_path)]
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda _: subprocess.run(command, capture_output=True, text=True, check=True), range(3)))
    assert {one.stderr for one in said} == {""}
    (built,) = {one.stdout.strip() for one in said}
    assert [str(path) for path in (tmp_path / "built").iterdir()] == [built]


def test_a_builder_that_was_killed_is_followed_by_another(tmp_path):
    wheel(tmp_path / "house", "first")
    wheel(tmp_path / "house", "large", code=f"DATA = {'x' * (64 << 20)!r}\n")
    home = written(tmp_path, requirements="first\nlarge\n")
    killed = subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path)], stdout=subprocess.PIPE)
    while not list(tmp_path.glob("built/*.partial/packages")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert list(tmp_path.glob("built/*.partial"))
    built = build_environment(home, tmp_path / "built", Supplies(wheelhouse=tmp_path / "house"))
    assert (built / "large.py").exists()
    assert list((tmp_path / "built").iterdir()) == [built]


# Shared models

READER = """
import os
from pathlib import Path
import numpy as np
class Model:
    def fit(self, X, y):
        home = Path(os.environ["BAKEOFF_MODELS"])
        assert (home / "half.txt").read_text() == "0.5"
        try:
            (home / "mine.txt").write_text("kept")
        except OSError:
            pass
        self.classes_ = np.unique(y)
    def predict_proba(self, X): return np.full((len(X), 2), 0.5)
"""


def test_shared_models_are_read_behind_the_wall_and_stand_with_the_result(challenge, tmp_path):
    shared = challenge.places.root / "shared"
    shared.mkdir()
    (shared / "half.txt").write_text("0.5")
    challenge = ruled(challenge, "", '[environments]\nmodels = "shared"\n')
    challenge.submit(written(tmp_path, code=READER), tried=True)
    challenge.run(RunRequest(entries=("mine",)))
    (result,) = challenge.store.results().values()
    assert (result.outcome, result.reason) == (Outcome.DONE, "")
    assert result.made_with["models"]["name"] == "shared"
    assert result.made_with["models"]["files"] == 1
    assert [path.name for path in shared.iterdir()] == ["half.txt"]
    (shared / "more.txt").write_text("1")
    matrix, _, _ = challenge._matrix(RunRequest(), None)
    assert matrix.provided["models"]["digest"] != result.made_with["models"]["digest"]
    challenge.close()


def test_without_shared_models_nothing_is_told_of_them(challenge, tmp_path):
    challenge.submit(written(tmp_path, code=READER))
    challenge.run(RunRequest(entries=("mine",)))
    (result,) = challenge.store.results().values()
    assert result.outcome is Outcome.FAILED
    assert "BAKEOFF_MODELS" in result.reason
    assert "models" not in result.made_with


def test_paths_of_a_wheelhouse_are_plain(tmp_path):
    odd = tmp_path / "a house; with #odd $HOME words"
    wheel(odd, "first")
    built = build_environment(
        written(tmp_path, requirements="first\n"), tmp_path / "built", Supplies(wheelhouse=Path(odd))
    )
    assert (built / "first.py").exists()
