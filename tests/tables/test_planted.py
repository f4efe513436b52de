"""Every planted problem is found and named with its rows, and its clean twin gets no remark at all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted_tables import ERRORS, PLANTED, ROWS, quantity, rng, sound
from planted_texts import TEXT_PLANTED

from bakeoff.errors import TableError
from bakeoff.nouns import ColumnType, Split
from bakeoff.tables import Settings, read, read_settings, standardise
from bakeoff.tables.checks.leaks import NEARLY
from bakeoff.tables.checks.structure import COLUMN_CHECKS, TABLE_CHECKS, WITH_DUPLICATES, given_away
from bakeoff.tables.splits import PRECISION

DOCS = Path(__file__).parents[2] / "docs"
PLANTED = {**PLANTED, **TEXT_PLANTED}
NAMES = {check.name for check in (*COLUMN_CHECKS, *TABLE_CHECKS)} | {*WITH_DUPLICATES, NEARLY}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_problem_is_found_and_its_clean_twin_is_quiet(tmp_path: Path, what: str) -> None:
    planted = PLANTED[what]
    (tmp_path / "clean").mkdir()
    assert [remark.text for remark in planted.examined(tmp_path / "clean", spoiled=False).remarks] == []
    (tmp_path / "spoiled").mkdir()
    data = planted.examined(tmp_path / "spoiled", spoiled=True)
    found = [remark for remark in data.remarks if (remark.check, remark.column) == (planted.check, planted.column)]
    assert found, [remark.text for remark in data.remarks]
    assert any(all(says in remark.text for says in planted.says) for remark in found), found
    if planted.rows:
        assert found[0].rows == planted.rows
        assert f"data row{'s' * (len(planted.rows) > 1)} {planted.rows[0]}" in found[0].text
    assert planted.check in data.checked
    for remark in data.remarks:
        assert re.fullmatch(r"[^\n]*; [^\n]*\.", remark.text), f"no mend in: {remark.text}"


@pytest.mark.parametrize("what", ERRORS)
def test_a_planted_fault_stops_the_table_and_its_clean_twin_is_quiet(tmp_path: Path, what: str) -> None:
    planted, says = ERRORS[what]
    assert planted.examined(tmp_path, spoiled=False).remarks == ()
    if what == "a row with too few cells":
        lines = (tmp_path / "made.csv").read_text().splitlines()
        (tmp_path / "made.csv").write_text("\n".join([*lines[:3], "1.5", *lines[3:]]))
        with pytest.raises(TableError, match=re.escape(says)):
            standardise(read(tmp_path / "made.csv", Settings(target="y")))
        return
    with pytest.raises(TableError, match=re.escape(says)):
        planted.examined(tmp_path, spoiled=True)


def test_every_check_has_a_planted_problem_and_a_line_in_the_reference() -> None:
    assert {planted.check for planted in PLANTED.values()} == NAMES
    text = (DOCS / "reference" / "checks.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    assert NAMES | {"reading", PRECISION} <= documented
    assert "reference/checks.md" in (DOCS / "how-to" / "bring-a-table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(8))
def test_chance_gives_no_remark(seed: int) -> None:
    """Random columns of every shape, few or many of each, tell nothing of a random target."""
    generator = rng(seed)
    rows = int(generator.choice([24, 60, 150, 700]))
    held: dict[str, object] = {}
    for place in range(int(generator.integers(2, 25))):
        shape = place % 5
        if shape == 0:
            held[f"n{place}"] = generator.normal(size=rows).round(int(generator.integers(0, 6)))
        elif shape == 1:
            held[f"c{place}"] = generator.choice([f"v{i}" for i in range(int(generator.integers(2, 9)))], rows)
        elif shape == 2:
            held[f"w{place}"] = generator.integers(0, int(generator.choice([2, 5, 400])), rows)
        elif shape == 3:
            held[f"d{place}"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(0, 1500, rows), "D")
        else:
            held[f"g{place}"] = np.where(generator.random(rows) < 0.3, None, generator.choice(["p", "q", "r"], rows))
    target = generator.choice(["u", "v", "w"], rows) if seed % 2 else generator.normal(size=rows)
    found = standardise(read(pd.DataFrame({**held, "y": target}), Settings(target="y"))).remarks
    # That few test rows tell little is true of any small table.
    assert [remark.text for remark in found if remark.check != PRECISION] == []


def test_common_rows_are_no_copies_of_each_other() -> None:
    """Rows of few nested values repeat by themselves; nobody copied them, and their labels may differ."""
    generator = rng(2)
    town = generator.integers(0, 40, 3000)
    nested = pd.DataFrame(
        {
            "town": [f"t{t}" for t in town],
            "county": [f"c{t // 4}" for t in town],
            "country": [f"l{t // 20}" for t in town],
            "gap": np.where(town < 20, None, generator.choice(["x", "y"], 3000)),
            "y": generator.choice(["u", "v"], 3000),
        }
    )
    assert standardise(read(nested, Settings(target="y"))).notes == ()
    told = nested.assign(
        story=[" ".join(words) for words in generator.choice(sound()["story"].str.split()[0], (3000, 9))]
    )
    twice = pd.concat([told, told.head(500)], ignore_index=True)
    checks = {remark.check for remark in standardise(read(twice, Settings(target="y"))).remarks}
    assert "duplicates" in checks


def test_row_numbers_are_those_of_each_file(tmp_path: Path) -> None:
    frame = sound()
    frame.loc[[2, 310], "colour"] = "gr\ufffdn"
    frame.head(300).to_csv(tmp_path / "train.csv", index=False)
    frame.tail(100).to_csv(tmp_path / "test.csv", index=False)
    (remark,) = standardise(read(tmp_path, Settings(target="y"))).remarks
    assert "data row 3 of train and data row 11 of test" in remark.text
    assert remark.rows == (3, 11)


def test_columns_that_give_the_target_away_are_named() -> None:
    frame = sound().assign(state=lambda f: f["y"].str.upper())
    assert given_away(standardise(read(frame, Settings(target="y")))) == ["state"]
    assert given_away(standardise(read(sound(), Settings(target="y")))) == []
    # A column that is wrong in some rows is told, but left to its owner.
    frame.loc[rng().permutation(ROWS)[:8], "state"] = "KEPT"
    data = standardise(read(frame, Settings(target="y")))
    assert [(remark.check, remark.column) for remark in data.remarks] == [(NEARLY, "state")]
    assert given_away(data) == []
    frame.loc[rng().permutation(ROWS)[:80], "state"] = "KEPT"
    assert standardise(read(frame, Settings(target="y"))).remarks == ()


def test_a_large_table_is_judged_by_a_sample_with_its_rare_class() -> None:
    """Of 30,000 rows a class of 40 tells itself by a column that all others leave empty."""
    frame = sound(30_000)
    rare = rng().permutation(30_000)[:40]
    frame.loc[rare, "y"] = "lost"
    frame["search"] = None
    frame["search"] = frame["search"].astype(object)
    frame.loc[rare, "search"] = rng().choice(["harbour", "depot"], 40)
    found = standardise(read(frame, Settings(target="y"))).remarks
    assert any(remark.check == "telling gaps" and "class 'lost'" in remark.text for remark in found)


def test_a_declared_type_is_not_doubted() -> None:
    frame = sound()
    frame["height"] = frame["height"].astype(object)
    frame.loc[6, "height"] = "tall"
    frame = frame.astype({"height": str})
    assert {remark.check for remark in standardise(read(frame, Settings(target="y"))).remarks} == {"mixed types"}
    declared = Settings(target="y", types={"height": ColumnType.CATEGORICAL})
    assert standardise(read(frame, declared)).remarks == ()


def test_what_tells_a_quantity_is_found_in_sums_and_ratios() -> None:
    frame = quantity()
    one, other = rng(1).normal(50, 9, ROWS).round(3), rng(2).uniform(2, 9, ROWS).round(3)
    for made in (one + other, 2 * one - 3 * other, one / other, other / one):
        parts = frame.assign(one=one, other=other, y=made.round(4))
        checks = [remark.check for remark in standardise(read(parts, Settings(target="y"))).remarks]
        assert checks == ["given away by two"]


def test_the_checks_of_a_split_by_time_look_at_times() -> None:
    data = standardise(read(sound(), Settings(target="y", split=Split("time", "sold"))))
    assert {"untimed rows", "test share"} <= set(data.checked)
    assert "picture names" not in data.checked


KNOWN = {
    "adult": set(),
    "sst2": set(),
    "compas_two_year": set(),
    "trec6": {"near-duplicates"},
    "bigfoot_class": {"spelling", "file order"},
    "clinc150": {"given away", "file order"},
    "google_play_category": {"garbled text", "constant"},
    "houses_price_band": {"near-duplicates"},
    "ikea_category": {"duplicates", "conflicting labels", "near-duplicates", "file order"},
    "snips": {"garbled text", "duplicates"},
    "videogame_genre": set(),
}


@pytest.mark.parametrize("name", KNOWN)
def test_public_tables_give_the_remarks_that_were_looked_at(bakeoff_data: Path, name: str) -> None:
    assert read_settings(bakeoff_data / name).target
    found = standardise(read(bakeoff_data / name)).remarks
    assert {remark.check for remark in found} - {"reading", PRECISION} == KNOWN[name]
    assert len(found) <= 6
