"""A challenge that commands made goes into a file and comes back, as a person does it."""

from __future__ import annotations

import json
import shutil
import stat

import pytest

from bakeoff.cli.backup import ByteBar, counted, size


@pytest.fixture
def file(say, challenge, tmp_path):
    path = tmp_path / "shop.zip"
    say("backup", path, "-C", challenge)
    return path


def test_the_board_is_the_same_and_nothing_is_run_again(say, challenge, tmp_path):
    said = say("backup", tmp_path / "shop.zip", "-C", challenge)
    assert "read back and whole; " in said.out
    assert "It holds the truth and the secret, so only you may read it (mode 0600)" in said.out
    assert stat.S_IMODE((tmp_path / "shop.zip").stat().st_mode) == 0o600
    said = say("restore", tmp_path / "shop.zip", tmp_path / "again")
    assert f"Restored to {tmp_path / 'again'}: " in said.out
    assert f"Next: bakeoff doctor -C {tmp_path / 'again'}" in said.out
    assert say("board", "-C", tmp_path / "again", "--json").out == say("board", "-C", challenge, "--json").out
    assert "0 cells run" in say("run", "-C", tmp_path / "again").out
    assert "Nothing is wrong" in say("doctor", "-C", tmp_path / "again").out


def test_json(say, challenge, tmp_path):
    made = say("backup", tmp_path / "x.zip", "-C", challenge, "--json").json
    assert (made["path"], made["lost"]) == (str(tmp_path / "x.zip"), [])
    assert made["size"] == (tmp_path / "x.zip").stat().st_size
    back = say("restore", tmp_path / "x.zip", tmp_path / "again", "--json").json
    assert (back["folder"], back["former"], back["rows"]) == (str(tmp_path / "again"), None, made["rows"])
    fetched = say("restore", tmp_path / "x.zip", tmp_path / "again", "--artefacts-only", "--json").json
    assert fetched == {"mended": [], "lost": []}


def test_lost_answers_are_found_by_the_doctor_and_brought_back(say, file, tmp_path):
    again = tmp_path / "again"
    say("restore", file, again)
    answers = sorted((again / ".bakeoff" / "artefacts").glob("??/*"))
    assert len(answers) > 3
    answers[0].unlink()
    answers[1].write_bytes(b"damaged")
    said = say("doctor", "-C", again, code=1)
    assert answers[0].name[:12] in said.out and answers[1].name[:12] in said.out
    said = say("backup", tmp_path / "poor.zip", "-C", again)
    assert "The answers of 2 cells are missing or damaged" in said.err
    assert (
        "2 more are lost and not in this backup" in say("restore", tmp_path / "poor.zip", again, "--artefacts-only").out
    )
    assert "2 kept answers brought back." in say("restore", file, again, "--artefacts-only").out
    assert "No kept answer is missing or damaged" in say("restore", file, again, "--artefacts-only").out
    assert "Nothing is wrong" in say("doctor", "-C", again).out


def test_damaged_answers_are_run_anew(say, file, tmp_path):
    again = tmp_path / "again"
    say("restore", file, again)
    answers = sorted((again / ".bakeoff" / "artefacts").glob("??/*"))
    answers[0].write_bytes(b"damaged")
    say("doctor", "-C", again, "--mend", code=1)
    assert "1 cell run" in say("run", "-C", again).out
    assert "Nothing is wrong" in say("doctor", "-C", again).out


def test_what_is_refused_is_one_sentence(say, challenge, file, tmp_path):
    assert "is there already" in say("backup", file, "-C", challenge, code=2).err
    say("backup", file, "-C", challenge, "--replace")
    assert "is there already" not in say("backup", tmp_path / "new.zip", "-C", challenge).err
    taken = tmp_path / "taken"
    say("restore", file, taken)
    assert "--replace" in say("restore", file, taken, code=2).err
    said = say("restore", file, taken, "--replace").out
    assert f"What was there before is in {taken}.before-restore-1" in said
    assert "There is no backup" in say("restore", tmp_path / "none.zip", code=2).err
    (tmp_path / "x.zip").write_bytes(file.read_bytes()[:-100])
    said = say("restore", tmp_path / "x.zip", tmp_path / "y", code=6)
    assert "x.zip is damaged" in said.err
    assert not (tmp_path / "y").exists()
    assert "leave the other options out" in say("restore", file, taken, "--artefacts-only", "--replace", code=2).err
    assert "There is no challenge.toml" in say("backup", tmp_path / "z.zip", "-C", tmp_path, code=2).err


def test_rows_from_elsewhere_are_told(say, file, tmp_path, postgres):
    there, back = tmp_path / "there", tmp_path / "back"
    say("restore", file, there, "--store", postgres, "--replace")
    assert json.loads((there / "challenge.toml").read_text().partition("store = ")[2].partition("\n")[0]) == postgres
    assert "PostgreSQL" in say("doctor", "-C", there).out
    say("backup", tmp_path / "second.zip", "-C", there)
    said = say("restore", tmp_path / "second.zip", back).out
    assert "The rows were kept at postgresql://127.0.0.1" in said
    assert "SQLite" in say("doctor", "-C", back).out
    shutil.rmtree(there)


def test_sizes_and_counts_are_said_as_people_say_them():
    assert [size(number) for number in (0, 1023, 1536, 20 << 10, 3 << 20, 5 << 30)] == [
        *("0 B", "1023 B", "1.5 KiB", "20 KiB", "3.0 MiB", "5.0 GiB")
    ]
    assert (counted(1, "file"), counted(2000, "row")) == ("1 file", "2,000 rows")


def test_ctrl_c_says_what_is_kept():
    with pytest.raises(KeyboardInterrupt, match=r"Interrupted. Nothing was written."), ByteBar("Nothing was written."):
        raise KeyboardInterrupt
