"""What is wrong is said in one line each, with the mend, and in the exit code."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bakeoff.arena.wall.confinement import why_no_bubblewrap
from bakeoff.cli.doctor import show


def test_without_a_challenge_the_machine_is_looked_at(say, tmp_path):
    said = say("doctor", "-C", tmp_path)
    for word in (
        "machine",
        "python",
        "cores",
        "memory",
        "LightGBM",
        "wall",
        "L1 process with limits",
        "scratch",
        "no challenge in",
    ):
        assert word in said.out
    assert "Nothing is wrong" in said.out
    assert not [line for line in said.out.splitlines() if line != line.rstrip()]
    told = say("doctor", "-C", tmp_path, "--json").json
    assert told["well"] is True
    assert {"about", "name", "state", "found", "mend"} == set(told["checks"][0])
    levels = {check["name"]: check for check in told["checks"] if check["about"] == "wall"}
    assert (levels["L2 bubblewrap"]["state"] == "ok") is not bool(why_no_bubblewrap())


def test_what_is_wrong_is_said_with_the_mend_and_leaves_with_1(say, tmp_path):
    folder = tmp_path / "shop"
    say("new", "challenge", folder)
    assert "'shop' in" in say("doctor", "-C", folder).out
    (folder / ".bakeoff").chmod(0o755)
    said = say("doctor", "-C", folder, "--quick", code=1)
    assert "wrong    .bakeoff" in said.out
    assert "1 wrong, " in said.out
    assert "bakeoff doctor --mend" in said.out
    assert say("doctor", "-C", folder, "--quick", "--json", code=1).json["well"] is False
    assert "Nothing is wrong" in say("doctor", "-C", folder, "--quick", "--mend").out
    assert (folder / ".bakeoff").stat().st_mode & 0o777 == 0o700


def test_a_system_without_openmp_is_told_and_how_to_mend_it(tmp_path):
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')\n")
    rows = "".join(f"{row},{row % 7},{'ab'[row % 2]}\n" for row in range(200))
    (tmp_path / "data.csv").write_text("a,b,y\n" + rows, encoding="utf-8")
    without = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def ran(*words):
        code = [sys.executable, "-c", "from bakeoff.cli import main; main()", *words]
        return subprocess.run(code, capture_output=True, text=True, cwd=tmp_path, env=without, check=False)

    doctor = ran("doctor", "--quick")
    assert doctor.returncode == 1
    assert "wrong    LightGBM" in doctor.stdout and "apt install libgomp1" in " ".join(doctor.stdout.split())
    ran("new", "challenge", "shop")
    added = ran("table", "add", "data.csv", "--target", "y", "-C", "shop")
    assert added.returncode == 2
    assert added.stderr.splitlines()[-1].startswith("bakeoff: LightGBM cannot be loaded here (libgomp.so.1: ")
    assert "Traceback" not in added.stderr


def test_a_broken_store_is_a_finding_and_no_crash(say, tmp_path):
    folder = tmp_path / "shop"
    say("new", "challenge", folder)
    (folder / ".bakeoff" / "store.db").write_bytes(b"this is not a database" * 100)
    said = say("doctor", "-C", folder, code=1)
    assert "wrong    database" in said.out
    assert "store.db" in said.out


def test_warnings_alone_leave_with_0(say, tmp_path):
    folder = tmp_path / "shop"
    say("new", "challenge", folder)
    (folder / ".bakeoff" / "secret").chmod(0o644)
    said = say("doctor", "-C", folder, "--quick")
    assert "warning  truth" in said.out


def test_long_findings_stay_in_their_column(capsys, monkeypatch):
    from bakeoff.arena.diagnosis import Check

    monkeypatch.setenv("COLUMNS", "120")
    show(
        [Check("wall", "L1", "ok", "layer, " * 40, "a mend " * 30), Check("wall", "long name", "wrong", "[red]x[/red]")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    assert [line[:22] for line in lines[2:-2]] == [" " * 22] * len(lines[2:-2])
    assert "[red]x[/red]" in lines[-2]
    assert lines[-1] == "1 wrong, no warnings."


DOCTOR = "from bakeoff.cli import main; main()"


@pytest.mark.parametrize("strict", [True, False])
def test_strict_leaves_with_5_where_there_is_no_bubblewrap(tmp_path, strict):
    command = [sys.executable, "-c", DOCTOR, "doctor", "-C", str(tmp_path), *(["--strict"] if strict else [])]
    done = subprocess.run(
        command, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert "apt install bubblewrap" in done.stdout
    assert done.returncode == (5 if strict else 0)
    assert done.stderr.startswith("bakeoff: Entries cannot be confined by bubblewrap here") is strict
