"""Entries: what is one, what is not and why, and what their digest covers."""

import zipfile

import pytest

from bakeoff.arena import RunRequest
from bakeoff.arena.entries import baselines, keep_entry, read_entry, write_scaffold
from bakeoff.arena.environments import build_environment
from bakeoff.errors import EntryError, NotFound, UsageError
from bakeoff.nouns import Outcome

MODEL = "class Model:\n    def fit(self, X, y): return self\n    def predict(self, X): return [0] * len(X)\n"


def folder(tmp_path, name="mine", **files):
    home = tmp_path / name
    home.mkdir(exist_ok=True)
    for file, text in files.items():
        (home / file.replace("__", ".")).write_text(text)
    return home


def test_a_file_and_a_folder_and_a_folder_with_toml_are_entries(tmp_path):
    home = folder(tmp_path, model__py=MODEL)
    assert read_entry(home / "model.py").name == "model"
    assert read_entry(home).source.what == "model"
    (home / "entry.toml").write_text(
        'name = "best"\nteam = "red"\nalgorithm = "model:Model"\n[claims]\nepsilon = 3.0\n'
    )
    entry = read_entry(home)
    assert (entry.name, entry.team, entry.source.what, entry.claims) == ("best", "red", "model:Model", {"epsilon": 3.0})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"model__py": "def broken(:\n"}, r"model.py is not valid Python, line 1"),
        ({"model__py": "x: int\n", "entry__toml": 'algorithm = "model:Modl"\n'}, r"has no 'Modl'"),
        ({"model__py": MODEL, "entry__toml": 'algorithm = "model:Modl"\n'}, r"has no 'Modl'; did you mean 'Model'\?"),
        (
            {"model__py": MODEL, "entry__toml": 'algorithm = "modl:Model"\n'},
            r"the module 'modl', but there is no modl.py",
        ),
        ({"model__py": MODEL, "entry__toml": "algorithm = \n"}, r"entry.toml is not valid TOML"),
        (
            {"model__py": MODEL, "entry__toml": 'algoritm = "model"\n'},
            r"unknown key 'algoritm'; did you mean 'algorithm'\?",
        ),
        ({"model__py": MODEL, "entry__toml": "protocol = 9\n"}, r"protocol = 9; this Bakeoff speaks 1"),
        ({"model__py": MODEL, "entry__toml": "parameters = 3\n"}, r"parameters = 3; it must be a table"),
        ({"model__py": MODEL, "other__py": MODEL}, r"has no entry.toml and 2 Python files"),
        ({"model__py": "print('hello')\n"}, r"defines nothing to run"),
        ({"notes__txt": "nothing"}, r"has no entry.toml and 0 Python files"),
    ],
)
def test_what_is_no_entry_is_said_in_one_sentence(tmp_path, files, message):
    with pytest.raises(EntryError, match=message) as error:
        read_entry(folder(tmp_path, **files))
    assert "\n" not in str(error.value)


def test_a_missing_entry_names_its_neighbour(tmp_path):
    folder(tmp_path, "mine", model__py=MODEL)
    with pytest.raises(NotFound, match=r"no entry at .*/mein; did you mean mine\?"):
        read_entry(tmp_path / "mein")


def test_links_are_refused_since_they_could_point_at_the_truth(tmp_path):
    home = folder(tmp_path, model__py=MODEL)
    (home / "data.csv").symlink_to("/etc/hostname")
    with pytest.raises(EntryError, match=r"data.csv is a link"):
        read_entry(home)


def test_the_digest_covers_code_parameters_and_requirements_but_no_names(tmp_path):
    home = folder(tmp_path, model__py=MODEL, entry__toml='algorithm = "model:Model"\n')
    first = read_entry(home).digest
    assert read_entry(home, name="other", team="blue").digest == first
    (home / "entry.toml").write_text('algorithm = "model:Model"\nteam = "red"\n[claims]\nepsilon = 1.0\n')
    assert read_entry(home).digest == first
    seen = {first}
    (home / "entry.toml").write_text('algorithm = "model:Model"\n[parameters]\nk = 3\n')
    seen.add(read_entry(home).digest)
    (home / "requirements.txt").write_text("six\n")
    seen.add(read_entry(home).digest)
    (home / "model.py").write_text(MODEL + "\n")
    seen.add(read_entry(home).digest)
    assert len(seen) == 4


def test_a_kept_entry_does_not_follow_later_changes(tmp_path):
    home = folder(tmp_path, model__py=MODEL)
    kept = keep_entry(read_entry(home), tmp_path / "kept")
    (home / "model.py").write_text("changed = 1\n")
    assert (tmp_path / "kept" / kept.digest / "model.py").read_text() == MODEL


def test_the_house_enters_by_the_same_door_as_a_stranger():
    names = [entry.name for entry in baselines()]
    assert {"constant", "neighbours", "linear", "forest", "boosted", "image"} <= set(names)
    assert len({entry.digest for entry in baselines()}) == len(names)


def test_a_baselines_name_and_another_teams_name_are_taken(challenge, tmp_path):
    with pytest.raises(UsageError, match="'linear' is the name of a baseline"):
        challenge.submit(folder(tmp_path, "linear", model__py=MODEL))
    challenge.submit(folder(tmp_path, "mine", model__py=MODEL), team="red")
    challenge.submit(folder(tmp_path, "mine", model__py=MODEL), team="red")
    with pytest.raises(UsageError, match="'mine' already belongs to team 'red'"):
        challenge.submit(folder(tmp_path, "mine", model__py=MODEL), team="blue")


def wheel(path, name, code):
    """A minimal wheel, made by hand."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"./{name}-1.0-py3-none-any.whl"


def test_an_environment_is_built_once_and_seen_behind_the_wall(challenge, tmp_path):
    home = folder(
        tmp_path,
        "packed",
        model__py="import halfway\nimport numpy as np\nclass Model:\n"
        "    def fit(self, X, y): self.classes_ = np.unique(y)\n"
        "    def predict_proba(self, X): return np.full((len(X), 2), halfway.HALF)\n",
    )
    (home / "requirements.txt").write_text("# mine\n" + wheel(home, "halfway", "HALF = 0.5\n") + "\n")
    entry = challenge.submit(home).entry
    (built,) = challenge.places.environments.iterdir()
    assert (built / "halfway.py").exists()
    stamp = built.stat().st_mtime_ns
    summary = challenge.run(RunRequest(entries=("packed",)))
    (result,) = challenge.store.results().values()
    assert (result.outcome, result.reason, summary.troubles) == (Outcome.DONE, "", ())
    assert build_environment(challenge.places.entries / entry.digest, challenge.places.environments) == built
    assert built.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("line", ["-e .", "--index-url x", "git+https://example.org/x", "./folder", "../up.whl"])
def test_requirements_that_would_run_code_or_reach_out_are_refused(tmp_path, line):
    home = folder(tmp_path, requirements__txt=line + "\n")
    with pytest.raises(EntryError, match="name packages, or wheels of the entry's own folder"):
        build_environment(home, tmp_path / "built")


def test_requirements_that_cannot_be_had_are_one_sentence(tmp_path):
    home = folder(tmp_path, requirements__txt="bakeoff-no-such-package==99\n")
    with pytest.raises(EntryError, match=r"requirements.txt could not be installed: .*bakeoff-no-such-package"):
        build_environment(home, tmp_path / "built")
    assert list((tmp_path / "built").iterdir()) == []


def test_the_scaffold_runs_as_it_is(challenge, tmp_path):
    write_scaffold(tmp_path / "fresh", team="red")
    with pytest.raises(EntryError, match="is not empty"):
        write_scaffold(tmp_path / "fresh")
    entry = challenge.submit(tmp_path / "fresh").entry
    assert (entry.name, entry.team) == ("fresh", "red")
    challenge.run(RunRequest(entries=("fresh",)))
    (result,) = challenge.store.results().values()
    assert (result.outcome, result.reason) == (Outcome.DONE, "")
