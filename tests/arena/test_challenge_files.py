"""The files of a challenge: what challenge.toml may say, and the secret."""

import os
import re
import stat
import subprocess
import sys

import pytest

from bakeoff.arena.challenge_files import EnvironmentRules, Places, Rules, read_rules, write_rules
from bakeoff.errors import StoreError, UsageError
from bakeoff.nouns import Limits


def rules(tmp_path, text):
    (tmp_path / "challenge.toml").write_text(text)
    return read_rules(Places(tmp_path))


def test_the_template_reads_back_as_the_rules_it_stands_for(tmp_path):
    write_rules(Places(tmp_path), 'a "title" é')
    assert read_rules(Places(tmp_path)) == Rules('a "title" é')


def test_rules_are_read_whole(tmp_path):
    read = rules(
        tmp_path,
        'title = "t"\nseeds = 2\nbaselines = ["a", "b"]\nreference = "r"\nstore = "u"\n'
        "[limits]\nseconds = 1.5\nthreads = 2\n",
    )
    assert read == Rules("t", 2, ("a", "b"), "r", Limits(seconds=1.5, threads=2), "u")
    assert rules(tmp_path, "baselines = false\n").baselines is False
    assert (rules(tmp_path, "").least_level, rules(tmp_path, "").logs) == ("L1", "shown")
    more = rules(
        tmp_path,
        'least_level = "L2"\nlogs = "organiser"\n'
        '[environments]\nwheelhouse = "w"\nsdists = true\nmodels = "m"\nseconds = 60\nmib = 512\n',
    )
    assert (more.least_level, more.logs) == ("L2", "organiser")
    assert more.environments == EnvironmentRules("w", True, "m", 60, 512)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[limits]\nmemory_mib = 1.5\n", "the limit memory_mib = 1.5; it must be a whole number"),
        ("[limits]\nthreads = 2.0\n", "the limit threads = 2.0; it must be a whole number"),
        ("[limits]\nseconds = inf\n", "the limit seconds = inf; it must be a number above 0"),
        ("[limits]\nseconds = nan\n", "the limit seconds = nan; it must be a number above 0"),
        ("[limits]\nseconds = true\n", "the limit seconds = True; it must be a number above 0"),
        (f"[limits]\nprocesses = {10**400}\n", "the limit processes = 1000"),
        ('[limits]\nlog_mib = "8"\n', "the limit log_mib = '8'; it must be a number above 0"),
        ("[limits]\nsecond = 8\n", "an unknown limit 'second'; did you mean 'seconds'?"),
        ("limits = 3\n", "gives limits = 3; it must be a table, [limits]"),
        ("title = 3\n", 'gives title = 3; it must be text, title = "..."'),
        ("reference = []\n", "gives reference = []; it must be text"),
        ("store = false\n", "gives store = False; it must be text"),
        ('baselines = "linear"\n', "gives baselines = 'linear'; it must be true, false, or a list of names"),
        ("baselines = [1]\n", "gives baselines = [1]; it must be true, false, or a list of names"),
        ("baselines = 1\n", "gives baselines = 1; it must be true, false, or a list of names"),
        ("seeds = 0\n", "gives seeds = 0; it must be a whole number of at least 1"),
        ("seed = 1\n", "an unknown key 'seed'; did you mean 'seeds'?"),
        ('least_level = "L3"\n', 'gives least_level = \'L3\'; it must be one of "L0", "L1", "L2"'),
        ("least_level = 2\n", "gives least_level = 2; it must be one of"),
        ('logs = "nobody"\n', 'gives logs = \'nobody\'; it must be one of "shown", "organiser"'),
        ("environments = 3\n", "gives environments = 3; it must be a table, [environments]"),
        ("[environments]\nwheels = 3\n", "an unknown key 'wheels' in [environments]; did you mean 'wheelhouse'?"),
        ("[environments]\nwheelhouse = 3\n", 'gives wheelhouse = 3; it must name a folder, wheelhouse = "DIR"'),
        ('[environments]\nmodels = "a\\u0000b"\n', "it must name a folder"),
        ('[environments]\nsdists = "yes"\n', "gives sdists = 'yes'; it must be true or false"),
        ("[environments]\nseconds = 0\n", "gives seconds of [environments] = 0; it must be a number above 0"),
        ("[environments]\nmib = 1.5\n", "gives mib of [environments] = 1.5; it must be a whole number"),
        (f"title = {'[' * 5000}\n", "is not valid TOML"),
        (f"seeds = {'9' * 5000}\n", "is not valid TOML"),
    ],
)
def test_what_challenge_toml_may_not_say_is_one_sentence(tmp_path, text, message):
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        rules(tmp_path, text)
    assert "\n" not in str(error.value)


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    places = Places(tmp_path)
    secret = places.secret()
    assert len(secret) == 32
    assert places.secret() == secret
    assert Places(tmp_path / "other").secret() != secret
    assert stat.S_IMODE((places.private / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(places.private.stat().st_mode) == 0o700
    assert os.listdir(places.private) == ["secret"]


@pytest.mark.parametrize("text", ["", "ab", "00" * 31, "00" * 33, "not hexadecimal", "é"])
def test_what_is_no_secret_is_refused_and_left_alone(tmp_path, text):
    places = Places(tmp_path)
    places.private.mkdir()
    (places.private / "secret").write_text(text)
    with pytest.raises(StoreError, match=r"The challenge's secret at .* (has \d+ bytes instead of 32|cannot be read)"):
        places.secret()
    assert (places.private / "secret").read_text() == text


MAKER = """
import sys, time
from pathlib import Path
from bakeoff.arena.challenge_files import Places
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    print(Places(Path(sys.argv[1]) / str(number)).secret().hex())
"""


def test_the_first_of_several_makers_wins(tmp_path):
    command = [sys.executable, "-c", MAKER, str(tmp_path)]
    makers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for maker in makers:
        maker.stdout.readline()
    said = []
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    for maker in makers:
        out, err = maker.communicate()
        assert err == ""
        said.append(out.split())
    assert len(said[0]) == 200
    assert said[0] == said[1] == said[2]
