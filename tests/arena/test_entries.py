"""Entries: what is one, what is not and why, and what their digest covers."""

import sys
import tarfile
import zipfile
from types import ModuleType

import pytest

from bakeoff.arena import RunRequest
from bakeoff.arena.entries import baselines, keep_entry, read_entry
from bakeoff.arena.environments import build_environment
from bakeoff.arena.scaffold import write_scaffold
from bakeoff.arena.wall.worker import only
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
        ({"model__py": MODEL, "entry__toml": "name = 5\n"}, r'gives name = 5; it must be text, name = "\.\.\."'),
        ({"model__py": MODEL, "entry__toml": "team = [1]\n"}, r"gives team = \[1\]; it must be text"),
        ({"model__py": MODEL, "entry__toml": "algorithm = 3\n"}, r"gives algorithm = 3; it must be text"),
        ({"model__py": MODEL, "entry__toml": "predictions = true\n"}, r"gives predictions = True; it must be text"),
        ({"model__py": MODEL, "entry__toml": 'name = "a\\nb"\n'}, r"cannot name an entry"),
        ({"model__py": MODEL, "entry__toml": 'name = ".."\n'}, r"'\.\.' cannot name an entry"),
        ({"model__py": MODEL, "entry__toml": f'name = "{"n" * 101}"\n'}, r"cannot name an entry"),
        ({"model__py": MODEL, "entry__toml": 'team = "a/b"\n'}, r"'a/b' cannot name a team"),
        (
            {"model__py": MODEL, "entry__toml": "[parameters]\nwhen = 2024-05-06\n"},
            r"gives parameters.when = 2024-05-06, a date; write it as text",
        ),
        (
            {"model__py": MODEL, "entry__toml": "[claims]\na.b = [[07:30:00]]\n"},
            r"gives claims.a.b = 07:30:00, a time; write it as text",
        ),
        ({"model__py": MODEL, "entry__toml": f"[parameters]\na = {'9' * 5000}\n"}, r"entry.toml is not valid TOML"),
        ({"model__py": MODEL, "entry__toml": f"[parameters]\na = {'[' * 5000}{']' * 5000}\n"}, r"nested too deeply"),
        ({"model__py": f"a = {'-' * 100000}1\n"}, r"nested too deeply|is not valid Python"),
        ({"model__py": f"a = {'a.' * 100000}a\n"}, r"nested too deeply|is not valid Python"),
        ({"my__model__py": MODEL}, r"my\.model\.py cannot be imported for the dot in its name; call it my\.py"),
        ({"model__py": MODEL, "a\nb": ""}, r"has a name that cannot be printed"),
    ],
)
def test_what_is_no_entry_is_said_in_one_sentence(tmp_path, files, message):
    with pytest.raises(EntryError, match=message) as error:
        read_entry(folder(tmp_path, **files))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", ["../../truth", "{}/answers", "..", "a/../../answers", "", ".git/out", "a\\\\b"])
def test_predictions_stay_inside_the_entrys_folder(tmp_path, given):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "little.csv").write_text("row_id,prediction\n")
    home = folder(tmp_path, entry__toml=f'predictions = "{given.format(tmp_path)}"\n')
    (home / ".git").mkdir()
    (home / ".git" / "out").symlink_to(tmp_path / "answers")
    with pytest.raises(EntryError, match=r"gives predictions = .*; it must name a folder inside the entry's own"):
        read_entry(home)


def test_predictions_need_a_file_when_they_are_handed_in(tmp_path):
    home = folder(tmp_path, entry__toml='predictions = "out"\n')
    with pytest.raises(EntryError, match=r"names a folder 'out' that is not there"):
        read_entry(home)
    (home / "out").mkdir()
    for name in ("notes.txt", "deeper/little.csv"):
        (home / "out" / name).parent.mkdir(exist_ok=True)
        (home / "out" / name).touch()
        with pytest.raises(EntryError, match=r"out holds no prediction files; put TASK.csv or TASK.parquet there"):
            read_entry(home)
    (home / "out" / "little.csv").write_text("row_id,prediction\n")
    kept = keep_entry(read_entry(home), tmp_path / "kept")
    assert (tmp_path / "kept" / kept.digest / kept.source.what / "little.csv").is_file()


@pytest.mark.parametrize("given", ["../outside:Model", "..outside:Model", "/outside", "__pycache__.model", "model:a.b"])
def test_an_algorithm_is_a_module_of_the_entrys_folder(tmp_path, given):
    (tmp_path / "outside.py").write_text(MODEL)
    home = folder(tmp_path, model__py=MODEL, entry__toml=f'algorithm = "{given}"\n')
    (home / "__pycache__").mkdir()
    (home / "__pycache__" / "model.py").write_text(MODEL)
    with pytest.raises(EntryError, match=r"a module in the entry's folder|there is no model.py"):
        read_entry(home)
    (home / "part").mkdir()
    (home / "part" / "model.py").write_text(MODEL)
    (home / "entry.toml").write_text('algorithm = "part.model:Model"\n')
    assert read_entry(home).source.what == "part.model:Model"


def test_an_entrys_style_is_its_own_affair(tmp_path):
    home = folder(tmp_path, model__py=MODEL + "PATTERN = '\\d'\nassert (1, 'always')\n")
    assert read_entry(home).name == "mine"


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


def test_chosen_baselines_are_named_and_an_unknown_one_names_its_neighbour():
    assert [entry.name for entry in baselines(("linear", "constant"))] == ["constant", "linear"]
    assert baselines(False) == baselines(()) == []
    with pytest.raises(UsageError, match="no baseline 'linar'; did you mean 'linear'"):
        baselines(("linar",))
    with pytest.raises(UsageError, match=r"no baseline 'xyz'; baselines are .*constant"):
        baselines(("constant", "xyz"))


def test_a_baselines_digest_covers_the_modules_beside_its_own(tmp_path, monkeypatch):
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bakeoff.algorithms]\nstrange = strange.model:M\nlone = strange_lone:M\n")
    package = folder(tmp_path, "strange", __init____py="", model__py="from strange.deep import part\n", side__py="")
    folder(package, "deep", __init____py="", part__py="")
    folder(tmp_path, ".", strange_lone__py="", neighbour__py="")
    monkeypatch.syspath_prepend(tmp_path)

    def digests():
        return {entry.name: entry.digest for entry in baselines(("strange", "lone"))}

    first = digests()
    (tmp_path / "neighbour.py").write_text("a = 1\n")
    assert digests() == first
    for file in ("side.py", "model.py", "deep/part.py"):
        before = digests()
        (package / file).write_text("a = 1\n")
        assert digests()["strange"] != before["strange"]
        assert digests()["lone"] == first["lone"]
    (tmp_path / "strange_lone.py").write_text("a = 1\n")
    assert digests()["lone"] != first["lone"]


def test_a_baselines_digest_covers_the_room_that_it_learns_by(tmp_path, monkeypatch):
    info = tmp_path / "house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[bakeoff.algorithms]\nlearner = house.algorithms.net:M\nplain = house.plain.sums:M\n"
    )
    package = folder(tmp_path, "house", __init____py="")
    folder(package, "algorithms", __init____py="", net__py="def fit():\n    from house.training.loop import run\n")
    folder(package, "plain", __init____py="", sums__py="import math\n")
    folder(package, "training", __init____py="", loop__py="")
    monkeypatch.syspath_prepend(tmp_path)

    def digests():
        return {entry.name: entry.digest for entry in baselines(("learner", "plain"))}

    first = digests()
    (package / "training" / "loop.py").write_text("a = 1\n")
    assert digests()["learner"] != first["learner"]
    assert digests()["plain"] == first["plain"]


def test_a_baselines_name_and_another_teams_name_are_taken(challenge, tmp_path):
    with pytest.raises(
        UsageError, match="'linear' is the name of a baseline; give the entry another name, with --name or"
    ):
        challenge.submit(folder(tmp_path, "linear", model__py=MODEL))
    challenge.submit(folder(tmp_path, "mine", model__py=MODEL), team="red")
    challenge.submit(folder(tmp_path, "mine", model__py=MODEL), team="red")
    with pytest.raises(UsageError, match="'mine' already belongs to team 'red'"):
        challenge.submit(folder(tmp_path, "mine", model__py=MODEL), team="blue")


def wheel(path, name, code, more=""):
    """A minimal wheel, made by hand."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{more}")
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


@pytest.mark.parametrize(
    "line",
    [
        *(
            "-e .",
            "--index-url x",
            "git+https://example.org/x",
            "./folder",
            "../up.whl",
            "vendor/pkg",
            "no-such-folder",
        ),
        *("pkg-1.0.tar.gz", "./pkg-1.0.zip", "\ufeff\ufeff--pre", "\ufeff-r other.txt", "${EVIL}", "six===${EVIL}"),
        *("pkg @ file:///tmp/pkg", "pkg @ https://example.org/pkg.whl", "deep/mine-1.0-py3-none-any.whl", "six \\\\"),
        *("/tmp/mine-1.0-py3-none-any.whl", "file:mine-1.0-py3-none-any.whl", "six --hash", "six; x == '"),
    ],
)
def test_requirements_that_would_run_code_or_reach_out_are_refused(tmp_path, line, monkeypatch):
    ran = tmp_path / "ran"
    home = folder(tmp_path, requirements__txt=line + "\n")
    monkeypatch.setenv("EVIL", "./folder")
    build = f"open({str(ran)!r}, 'w')\ndef get_requires_for_build_wheel(c=None): return []\n"
    for name in ("folder", "no-such-folder", "vendor/pkg"):
        (home / name).mkdir(parents=True)
        (home / name / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "be"\nbackend-path = ["."]\n'
        )
        (home / name / "be.py").write_text(build)
    with tarfile.open(home / "pkg-1.0.tar.gz", "w:gz") as archive:
        archive.add(home / "folder", "pkg-1.0")
    words = "name packages, or wheels of the entry's own folder"
    if line == "no-such-folder":
        # The name of a folder is the name of a package as well, and is only ever taken for that.
        words = "could not be installed"
    with pytest.raises(EntryError, match=words):
        build_environment(home, tmp_path / "built")
    assert not ran.exists()


def test_an_entrys_own_pip_is_not_run(tmp_path):
    home = folder(tmp_path, requirements__txt="\ufeff# mine\nhalf; python_version < '3'\n")
    (home / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert build_environment(home, tmp_path / "built") is None
    with (home / "requirements.txt").open("a") as file:
        file.write(wheel(home, "halfway", "HALF = 0.5\n").removeprefix("./") + "  # by hand\n")
    built = build_environment(home, tmp_path / "built")
    assert (built / "halfway.py").exists()
    assert not (tmp_path / "ran").exists()
    assert list((tmp_path / "built").iterdir()) == [built]


def test_a_wheel_is_there_has_a_wheels_name_and_needs_packages_by_name_alone(tmp_path):
    home = folder(tmp_path, requirements__txt="./mine-1.0-py3-none-any.whl\n")
    file, built = home / "mine-1.0-py3-none-any.whl", tmp_path / "built"
    with pytest.raises(EntryError, match=r"names './mine-1.0-py3-none-any.whl', but the entry holds no such wheel"):
        build_environment(home, built)
    file.write_bytes(b"no archive")
    with pytest.raises(EntryError, match=r"mine-1.0-py3-none-any.whl is not a wheel that can be read"):
        build_environment(home, built)
    for need in (f"evil @ file://{home}/vendor", "evil\n @ https://example.org/evil.tar.gz"):
        wheel(home, "mine", "", f"Requires-Dist: {need}\n")
        with pytest.raises(EntryError, match=r"needs 'evil.*'; a wheel may only need packages by name"):
            build_environment(home, built)
    wheel(home, "mine", "", "Requires-Dist: numpy>=1; extra == 'more'\n")
    assert (build_environment(home, built) / "mine.py").exists()
    (home / "odd.whl").write_bytes(file.read_bytes())
    (home / "requirements.txt").write_text("odd.whl\n")
    with pytest.raises(EntryError, match=r"'odd.whl' is not the name of a wheel"):
        build_environment(home, built)


def test_requirements_that_cannot_be_had_are_one_sentence(tmp_path):
    home = folder(tmp_path, requirements__txt="bakeoff-no-such-package==99\n")
    with pytest.raises(EntryError, match=r"requirements.txt could not be installed: .*bakeoff-no-such-package"):
        build_environment(home, tmp_path / "built")
    assert list((tmp_path / "built").iterdir()) == []


def test_an_entry_like_a_baseline_has_its_packages_and_runs_as_it_is(challenge, tmp_path):
    write_scaffold(tmp_path / "mine", like="xgboost")
    asked = (tmp_path / "mine" / "requirements.txt").read_text().splitlines()
    assert [line.partition(">")[0] for line in asked[1:]] == ["xgboost-cpu" if sys.platform != "darwin" else "xgboost"]
    with pytest.raises(UsageError, match="did you mean 'boosted'"):
        write_scaffold(tmp_path / "other", like="bosted")
    write_scaffold(tmp_path / "own", like="boosted")
    challenge.submit(tmp_path / "own")
    challenge.run(RunRequest(entries=("own",)))
    (result,) = challenge.store.results().values()
    assert (result.outcome, result.reason) == (Outcome.DONE, "")


def test_the_scaffold_runs_as_it_is(challenge, tmp_path):
    write_scaffold(tmp_path / "fresh", team="red")
    with pytest.raises(EntryError, match="is not empty"):
        write_scaffold(tmp_path / "fresh")
    entry = challenge.submit(tmp_path / "fresh").entry
    assert (entry.name, entry.team) == ("fresh", "red")
    challenge.run(RunRequest(entries=("fresh",)))
    (result,) = challenge.store.results().values()
    assert (result.outcome, result.reason) == (Outcome.DONE, "")


def test_a_baseline_whose_packages_are_missing_takes_part_only_when_it_is_named(tmp_path, monkeypatch):
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    needs = "Requires-Dist: no-such-package; extra == 'far'\nRequires-Dist: numpy; extra == 'near'\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n{needs}")
    points = "lone = strange_lone:M\nlone-far = strange_lone:M [far]\nlone-near = strange_lone:M [near]\n"
    (info / "entry_points.txt").write_text(f"[bakeoff.algorithms]\n{points}")
    folder(tmp_path, ".", strange_lone__py="")
    monkeypatch.syspath_prepend(tmp_path)
    names = {entry.name for entry in baselines()}
    assert {"lone", "lone-near", "linear"} <= names
    assert "lone-far" not in names
    assert [entry.name for entry in baselines(("lone-far",))] == ["lone-far"]


CLASS = "class {}:\n    def fit(self, X, y): pass\n    def predict(self, X): pass\n"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (CLASS.format("Mine"), "Mine"),
        (CLASS.format("Mine") + "model = Mine()\n", "model"),
        (CLASS.format("Mine") + "model = same = Mine()\n_spare = Mine()\n", "model"),
        ("from sklearn.linear_model import Ridge\nmodel = Ridge()\n", "model"),
    ],
)
def test_the_only_estimator_of_a_module_is_found(code, found):
    assert only(module_of(code)) == found


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n", r"^mine.py holds no class or object with fit and predict; .* algorithm = model$"),
        (CLASS.format("A") + CLASS.format("B"), r"^mine.py holds 2 classes and objects .*\(A, B\); .* algorithm = A$"),
        (CLASS.format("A") + "b = A()\nc = A()\n", r"holds 3 classes and objects with fit and predict \(A, b, c\)"),
    ],
)
def test_what_is_to_run_must_be_named_where_there_is_a_choice(code, message):
    with pytest.raises(EntryError, match=message):
        only(module_of(code))


def module_of(code):
    made = ModuleType("mine")
    exec(code, made.__dict__)
    return made


def test_the_digest_of_a_baseline_deep_in_a_package_covers_the_room_that_it_is_in(tmp_path, monkeypatch):
    info = tmp_path / "manor-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: manor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bakeoff.algorithms]\ndeep = manor.algorithms.deep:M\n")
    house = folder(tmp_path, "manor", __init____py="", other__py="")
    room = folder(house, "algorithms", __init____py="", side__py="")
    deep = folder(room, "deep", part__py="from manor.training.loop import fit\n")
    (deep / "__init__.py").write_text("")
    folder(house, "training", __init____py="", loop__py="")
    folder(house, "privacy", __init____py="", loop__py="")
    monkeypatch.syspath_prepend(tmp_path)

    def made_of():
        return baselines(("deep",))[0].digest

    for file in ("algorithms/side.py", "algorithms/deep/part.py", "training/loop.py"):
        before = made_of()
        with (house / file).open("a") as more:
            more.write("a = 1\n")
        assert made_of() != before, file
    before = made_of()
    for file in ("privacy/loop.py", "other.py"):
        (house / file).write_text("a = 1\n")
    assert made_of() == before, "the partner: what it does not learn by is not in it"
