"""The commands for studies, as a person meets them."""

from __future__ import annotations

import json

import pytest


def test_studies_are_listed(say):
    assert (
        "edp-sgd: An efficient DP-SGD by micro-batches (Dupuy et al. 2021, arXiv 2107.14586;"
        in say("study", "list").out
    )
    (told,) = [one for one in say("study", "list", "--json").json if one["study"] == "edp-sgd"]
    assert 0 < told["settings"]["quick"] < told["settings"]["full"]


def test_settings_are_listed_without_being_run(say, tmp_path):
    out = say("study", "run", "edp-sgd", "--list", "--only", "speed", "--keep", tmp_path / "kept").out
    assert out.startswith("due       speed mlp batch 64\n")
    told = say("study", "run", "edp-sgd", "--quick", "--list", "--json", "--keep", tmp_path / "kept").json
    assert all(one["values"] and not one["measured"] for one in told)
    assert not (tmp_path / "kept").exists()


def test_a_part_of_a_study_is_run_kept_and_judged(say, tmp_path, require):
    require("torch")
    require("dp-accounting")
    words = ("study", "run", "edp-sgd", "--quick", "--only", "account of", "--keep", tmp_path / "kept")
    page = tmp_path / "page.md"
    first = say(*words, "--json", "--report", page)
    assert set(first.json) >= {"study", "claims"}
    assert all(set(claim) == {"claim", "source", "verdict", "why", "figures"} for claim in first.json["claims"])
    assert first.json["settings"]["measured"] == 1
    assert "1 of 1: account of the published epsilon" in first.err
    assert page.read_text().startswith("# An efficient DP-SGD by micro-batches")
    again = say(*words)
    assert "1 settings are kept from before, 0 are due." in again.err
    assert "so that verdicts rest on a part of the study" in again.out
    assert "INCONCLUSIVE: Micro-batches yield competitive models" in again.out
    (kept,) = (tmp_path / "kept").iterdir()
    assert json.loads(kept.read_text())["figures"]["claimed"] == pytest.approx(6.19, abs=0.01)


def test_what_cannot_be_measured_is_said_once(say, tmp_path, monkeypatch, require):
    require("torch")
    require("dp-accounting")
    monkeypatch.delenv("BAKEOFF_DATA", raising=False)
    said = say("study", "run", "edp-sgd", "--quick", "--only", "quality adult", "--keep", tmp_path / "kept")
    assert said.err.count("This part of the study reads public data sets; name their folder with --data DIR.") == 1
    assert "Left out: quality adult mlp plain seed 0 and 5 more" in said.err


def test_bad_input_is_one_sentence(say, tmp_path):
    assert "There is no study called 'edp'; did you mean 'edp-sgd'?" in say("study", "run", "edp", code=2).err
    words = ("study", "run", "edp-sgd", "--keep", tmp_path / "kept")
    assert "No setting's name holds 'cubes'" in say(*words, "--only", "cubes", code=2).err
    (tmp_path / "file").write_text("")
    assert (
        "is a file; name a folder" in say("study", "run", "edp-sgd", "--list", "--keep", tmp_path / "file", code=2).err
    )
    there = tmp_path / "no" / "page.md"
    assert "--report" in say(*words, "--list", "--report", there, code=2).err


def test_an_interrupted_study_says_what_is_kept(tmp_path):
    from bakeoff.cli.progress import Interrupted
    from bakeoff.cli.study import Steps
    from bakeoff.studies import Setting

    setting = Setting("one", {"number": 1})
    told = r"after 1 of 2 settings\. They are kept in .*kept; the same command goes on"
    with pytest.raises(Interrupted, match=told), Steps(tmp_path / "kept") as steps:
        steps.start(2, 0)
        steps.began(setting)
        steps.ended(setting, 0.1, "")
        raise KeyboardInterrupt
