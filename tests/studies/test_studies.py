"""Studies are run setting by setting, kept, taken up again, and judged by what stands in their settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.errors import NotFound, StoreError, UsageError
from bakeoff.studies import Claim, Grid, Kept, Setting, Verdict, find, run, studies
from bakeoff.studies.report import page
from bakeoff.studies.running import Choice


class Squares:
    """A study of squares, one of which cannot be had and one of which fails."""

    name, title, source = "squares", "Squares", "Euclid"

    def __init__(self) -> None:
        self.measured: list[str] = []
        self.stop = ""

    def settings(self, quick):
        numbers = [1, 2] if quick else [1, 2, 3, 4, 5]
        return [Setting(f"square of {number}", {"number": number}) for number in numbers]

    def measure(self, setting, data):
        self.measured.append(setting.name)
        if setting.name == self.stop:
            raise KeyboardInterrupt
        number = setting.values["number"]
        if number == 3:
            raise NotFound("There is no three here.")
        if number == 4:
            raise ZeroDivisionError("four")
        return {"square": number**2}

    def claims(self, results):
        right = all(one.figures["square"] == one.setting.values["number"] ** 2 for one in results)
        verdict = Verdict.INCONCLUSIVE if not results else Verdict.REPRODUCED if right else Verdict.NOT_REPRODUCED
        return [Claim("Squares are squares", "Euclid", verdict, {"n": len(results)}, "They were multiplied.")]

    def grids(self, results):
        return [Grid("Squares", ("of", "is"), [[one.setting.name, str(one.figures["square"])] for one in results])]


def test_what_cannot_be_measured_is_left_out_by_name_and_tried_again(tmp_path):
    study = Squares()
    outcome = run(study, tmp_path)
    assert outcome.measured == 3 and outcome.settings == 5
    assert outcome.left_out == {
        "square of 3": "There is no three here.",
        "square of 4": "It failed with ZeroDivisionError: four",
    }
    assert outcome.claims[0].figures == {"n": 3}
    study.measured.clear()
    assert run(study, tmp_path).measured == 3
    assert study.measured == ["square of 3", "square of 4"]


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path):
    study = Squares()
    study.stop = "square of 2"
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, choice=Choice(quick=True))
    study.stop = ""
    study.measured.clear()
    outcome = run(study, tmp_path, choice=Choice(quick=True))
    assert study.measured == ["square of 2"]
    assert outcome.as_plain()["settings"] == {"all": 2, "measured": 2, "left out": {}}


def test_a_part_of_a_study_is_told_as_one(tmp_path):
    study = Squares()
    outcome = run(study, tmp_path, choice=Choice(only=("of 5",)))
    assert study.measured == ["square of 5"]
    assert (outcome.measured, outcome.settings) == (1, 5)
    assert "1 of 5 measured, so verdicts rest on a part of the settings" in page(study, outcome)
    with pytest.raises(UsageError, match="No setting's name holds 'cube'; names are like: square of 1"):
        run(study, tmp_path, choice=Choice(only=("cube",)))


def test_other_values_are_another_setting(tmp_path):
    kept = Kept(tmp_path)
    run(Squares(), tmp_path, choice=Choice(quick=True))
    (one, _) = Squares().settings(quick=True)
    assert kept.has(one)
    assert kept.has(replace(one, name="called otherwise"))
    assert not kept.has(replace(one, values={"number": 1, "seed": 1}))


def test_a_broken_result_is_named(tmp_path):
    run(Squares(), tmp_path, choice=Choice(quick=True))
    (path, _) = sorted(tmp_path.iterdir())
    path.write_text(path.read_text()[:-20])
    with pytest.raises(StoreError, match=f"{path.name}.* holds no result of a study"):
        run(Squares(), tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; name a folder"):
        run(Squares(), tmp_path / "file")


def test_a_page_tells_verdicts_tables_and_versions(tmp_path):
    study = Squares()
    text = page(study, run(study, tmp_path))
    assert "- **reproduced**: Squares are squares (Euclid). They were multiplied." in text
    assert "| square of 5 | 25 |" in text
    assert "- square of 3: There is no three here." in text
    assert "numpy" in text.rpartition("## Made with")[2]


def test_the_studies_of_the_house_are_found():
    names = [study.name for study in studies()]
    assert names == sorted(names)
    assert {"edp-sgd", "prediction-sensitivity"} <= set(names)
    assert find("edp-sgd").source.startswith("Dupuy")
    with pytest.raises(NotFound, match="no study called 'edp_sgd'; did you mean 'edp-sgd'"):
        find("edp_sgd")


@pytest.mark.parametrize("name", [study.name for study in studies()])
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "full"])
def test_settings_say_all_of_it_and_no_two_are_alike(name, quick):
    settings = find(name).settings(quick)
    assert len({setting.digest for setting in settings}) == len({setting.name for setting in settings}) == len(settings)
    for setting in settings:
        assert json.loads(json.dumps(setting.values)) == setting.values
        assert setting.values["version"]


@pytest.mark.parametrize("name", [study.name for study in studies()])
def test_without_results_every_claim_is_inconclusive(name):
    claims = find(name).claims([])
    assert claims
    assert {claim.verdict for claim in claims} == {Verdict.INCONCLUSIVE}
    assert all(claim.source and claim.why for claim in claims)
    assert find(name).grids([]) == []


def test_settings_lie_in_the_package():
    import bakeoff.studies.edp_sgd as home

    assert (Path(home.__file__).parent / "settings.toml").is_file()
