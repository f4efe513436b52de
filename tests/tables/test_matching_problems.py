"""Each fault that a matching table can have is found, told all at once, and not found on its clean twin."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as examples
from hypothesis import settings as searching
from hypothesis import strategies as st
from matching_made import shop

from bakeoff.errors import TableError
from bakeoff.nouns import Split
from bakeoff.tables import Settings
from bakeoff.tables.matching.clusters import leakage, split_by_records
from bakeoff.tables.matching.pairs import parse_labels
from bakeoff.tables.matching.problems import CHECKED
from bakeoff.tables.matching.standardised import read_matching, standardise_matching
from bakeoff.tables.types import TRUTHS

BY_RECORDS = Settings(name="shop", split=Split("records"))


def problems(given, settings=BY_RECORDS) -> list[str]:
    with pytest.raises(TableError) as told:
        given.standard(settings)
    return list(told.value.problems)


def spoiled(given, **columns):
    return replace(given, pairs=given.pairs.assign(**columns))


def labels(given, rows, cell):
    said = given.pairs["label"].astype(object)
    said[rows] = cell
    return spoiled(given, label=said)


CLEAN, OWN = shop(), shop(within=True)
PLANTED = {
    "unknown id": (
        CLEAN.with_pair(left_id=1, label=0),
        "The pairs' column 'left_id' holds 1 id that no left record has: data row 181 names one; mend the id or "
        "add the record.",
    ),
    "repeated pair": (
        CLEAN.with_pair(),
        "Data row 181 repeats a pair of earlier rows; remove the repeats.",
    ),
    "contradiction": (
        CLEAN.with_pair(label=0),
        "The same pair is labelled a match and no match: data rows 1 and 181; keep the label that is right.",
    ),
    "contradiction the other way round": (
        OWN.with_pair(left_id=OWN.pairs["right_id"][0], right_id=OWN.pairs["left_id"][0], label=0),
        "The same pair is labelled a match and no match: data rows 1 and 181; keep the label that is right.",
    ),
    "chain": (
        # 7000 = x000 = 7002 = x002, and the third row says that 7000 is not x002.
        CLEAN.with_pair(left_id=7002, right_id="x000", label=1),
        "Data row 3 says no match for records that other rows join by a chain of matches (a = b and",
    ),
    "itself": (
        OWN.with_pair(right_id="a000", left_id="a000", label=0),
        "A record is paired with itself in data row 181; remove these pairs.",
    ),
    "missing label": (
        labels(CLEAN, [4, 9], None),
        "The label 'label' is missing in 2 of 180 pairs: data rows 5 and 10; fill it in or remove these pairs.",
    ),
    "strange label": (
        labels(CLEAN, [4], "perhaps"),
        "The label 'label' holds 'perhaps' (data row 5), which says neither match nor no match; "
        "write 1 or 0, true or false, yes or no.",
    ),
    "repeated record": (
        replace(CLEAN, left=pd.concat([CLEAN.left, CLEAN.left.head(1)], ignore_index=True)),
        "The left records' id 'id' comes more than once: data row 61 repeats an earlier one; give each record its own "
        "id.",
    ),
    "no matches": (
        spoiled(CLEAN, label=0),
        "No pair is labelled a match; add pairs that match.",
    ),
    "all matches": (
        spoiled(CLEAN, label=1),
        "All pairs are labelled a match, which doesn't tell what is none; add labelled non-matches, best pairs that "
        "are alike.",
    ),
    "no labels": (
        replace(CLEAN, pairs=CLEAN.pairs.drop(columns="label")),
        "The pairs have no column of labels beside 'left_id' and 'right_id', and matches alone don't tell what is no "
        "match; add a column `label` with 1 for a match and 0 for none, and pairs that are alike and don't match.",
    ),
    "no rows": (
        replace(CLEAN, right=CLEAN.right.head(0)),
        "The right records have columns but no rows; add records.",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_with_its_rows_and_the_mend(name):
    given, said = PLANTED[name]
    told = problems(given)
    assert any(said in sentence for sentence in told), told


@pytest.mark.parametrize("clean", [CLEAN, OWN])
def test_the_clean_twin_has_nothing_but_what_it_is(clean):
    data = clean.standard(BY_RECORDS)
    assert data.notes == (
        "One-to-one: no record matches more than one other.",
        *[note for note in data.notes if "test part has" in note],
    )
    assert len(data.frame) == 180
    assert {"leakage of records", "contradictions", "given away"} <= set(data.checked)


def test_all_faults_are_told_at_once():
    given = labels(CLEAN.with_pair(left_id=1, label=0), [4], None)
    given = replace(given, left=pd.concat([given.left, given.left.head(1)], ignore_index=True))
    assert [sentence.partition(" ")[2].split(";")[0] for sentence in problems(given)] == [
        "left records' id 'id' comes more than once: data row 61 repeats an earlier one",
        "label 'label' is missing in 1 of 181 pairs: data row 5",
        "pairs' column 'left_id' holds 1 id that no left record has: data row 181 names one",
    ]
    given = labels(CLEAN.with_pair(left_id=1, label=0).with_pair(label=0).with_pair(), [4], "maybe")
    given = replace(given, pairs=pd.concat([given.pairs, given.pairs.iloc[[7]]], ignore_index=True))
    told = problems(given)
    assert len(told) == 4
    for sentence, says in zip(
        told,
        (
            "holds 'maybe' (data row 5)",
            "no left record has: data row 181 names one",
            "labelled a match and no match: data rows 1, 182 and 183",
            "Data rows 183 and 184 repeat pairs of earlier rows",
        ),
        strict=True,
    ):
        assert says in sentence
    given = CLEAN.with_pair(left_id=1, label=0).with_pair(right_id="nobody").with_pair(label=0)
    told = problems(given)
    assert [sentence.split(" ")[0:3] for sentence in told] == [
        ["The", "pairs'", "column"],
        ["The", "pairs'", "column"],
        ["The", "same", "pair"],
    ]


def test_columns_and_splits_that_are_not_there_are_named():
    told = problems(CLEAN, Settings(name="s", ignore=("colur",), leave_out=("prize",)))
    assert told == [
        "There is no record column 'prize', which leave_out in table.toml names (did you mean 'price'?).",
        "There is no record column 'colur' to be ignored (did you mean 'colour'?).",
    ]
    told = problems(CLEAN, Settings(name="s", ignore=("name", "price", "colour")))
    assert told == ["All record columns are to be ignored, so nothing tells a match; ignore fewer."]
    assert problems(CLEAN, Settings(name="s", split=Split("owner", "name"))) == [
        "A matching table cannot be split by owner; split it given, stratified, random, or by records."
    ]
    given = problems(CLEAN, Settings(name="s", split=Split("given")))
    assert given == ["The split is 'given', but there are no train and test files of pairs; give them in a folder."]
    assert problems(CLEAN, Settings(name="s", target="mach")) == [
        "The pairs have no column 'mach' to be the label (known: 'left_id', 'right_id' and 'label')."
    ]


def test_ids_are_found_by_their_values_and_asked_for_when_two_columns_fit():
    given = replace(CLEAN, left=CLEAN.left.rename(columns={"id": "number"}))
    assert len(given.standard(BY_RECORDS).frame) == 180
    given = replace(given, left=given.left.assign(copy=given.left["number"]))
    assert problems(given) == [
        "Which column identifies the left records cannot be told ('number' and 'copy' could each be it); "
        "name it with --id COL."
    ]
    given = replace(CLEAN, left=CLEAN.left.drop(columns="id"))
    assert "none holds the ids of the pairs" in problems(given)[0]


def test_a_published_table_is_kept_with_its_repeats_and_chains_and_says_so():
    given = CLEAN.with_pair().with_pair(left_id=7002, right_id="x000", label=1)
    lenient = replace(BY_RECORDS, lenient=True, split=Split("stratified"))
    notes = " ".join(given.standard(lenient).notes)
    assert "1 of 182 pairs repeats another; the published table is kept as it is." in notes
    assert "1 of 182 pairs is labelled no match, although a chain of matches joins their records" in notes
    assert "Not one-to-one: a record matches up to 2 others." in notes


def test_a_column_that_gives_the_label_away_is_remarked_on_and_its_noisy_twin_is_not():
    key = np.arange(60) % 37 + np.arange(60) // 37 * 50
    given = replace(CLEAN, left=CLEAN.left.assign(key=key), right=CLEAN.right.assign(key=key))
    (remark,) = [remark for remark in given.standard(BY_RECORDS).remarks if remark.check == "given away"]
    assert remark.column == "key"
    assert "alike in all pairs that match and in no other" in remark.text
    noisy = replace(given, right=given.right.assign(key=np.where(np.arange(60) == 8, 0, key)))
    assert not [remark for remark in noisy.standard(BY_RECORDS).remarks if remark.check == "given away"]


def test_leakage_between_the_parts_is_shown_in_numbers(tmp_path):
    folder = CLEAN.write(tmp_path / "shop")
    pairs = pd.read_csv(folder / "pairs.csv")
    (folder / "pairs.csv").unlink()
    # In the test: a pair again, one that follows (7000 = x000, 7001 != x000 gives nothing), and strangers.
    extra = pd.DataFrame({"left_id": [7000, 7050], "right_id": ["x000", "x050"], "label": [1, 1]})
    pairs.iloc[:144].to_csv(folder / "train.csv", index=False)
    pd.concat([pairs.iloc[144:], extra]).to_csv(folder / "test.csv", index=False)
    raw = read_matching(folder)
    with pytest.raises(TableError, match=r"Data rows 37 and 38 of test repeat pairs of earlier rows"):
        standardise_matching(raw)
    data = standardise_matching(replace(raw, settings=replace(raw.settings, lenient=True)))
    notes = " ".join(data.notes)
    assert "1 of 38 test pairs is a training pair too and can be looked up." in notes
    assert "1 of 38 test pairs has a record that is in a training pair too, 1 of them both." in notes
    assert (
        "1 of 38 test pairs follows from training pairs by transitivity and can be looked up: 1 as matches, 0" in notes
    )


def slow_leakage(first, second, label, test):
    """Each test pair looked at by itself, with closures made by repeated merging."""

    def closure(rows):
        of = {}
        for a, b in rows:
            group = {a, b} | of.get(a, set()) | of.get(b, set())
            for node in group:
                of[node] = group
        return of

    train = [(a, b, y) for a, b, y, t in zip(first, second, label, test, strict=True) if not t]
    seen = {node for a, b, _ in train for node in (a, b)}
    learnt = closure([(a, b) for a, b, y in train if y])
    whole = closure([(a, b) for a, b, y in zip(first, second, label, strict=True) if y])
    degree = {}
    for a, b in {tuple(sorted((a, b))) for a, b, y in zip(first, second, label, strict=True) if y}:
        degree[a], degree[b] = degree.get(a, 0) + 1, degree.get(b, 0) + 1
    apart = {(frozenset(learnt.get(a, {a})), frozenset(learnt.get(b, {b}))) for a, b, y in train if not y}
    apart |= {(b, a) for a, b in apart}
    counts = np.zeros(7, int)
    for a, b, t in zip(first, second, test, strict=True):
        if not t:
            continue
        one, two = frozenset(learnt.get(a, {a})), frozenset(learnt.get(b, {b}))
        near = [bool(whole.get(node, {node}) & seen) for node in (a, b)]
        match, none = b in one, b not in one and (one, two) in apart
        taken = not match and not none and max(degree.values(), default=0) <= 1 and (len(one) > 1 or len(two) > 1)
        again = any({a, b} == {c, d} for c, d, _ in train)
        counts += [a in seen or b in seen, a in seen and b in seen, any(near), match, none, taken, again]
    return counts.tolist()


@searching(max_examples=150, deadline=None)
@examples(st.integers(0, 10**6), st.integers(2, 40), st.integers(4, 16), st.booleans())
def test_leakage_counts_are_those_of_looking_at_each_pair(seed, pairs, nodes, sparse):
    rng = np.random.default_rng(seed)
    two = np.array([rng.choice(nodes, 2, replace=False) for _ in range(pairs)])
    label = (rng.random(pairs) < (0.15 if sparse else 0.5)).astype(np.int64)
    test = rng.random(pairs) < 0.4
    found = leakage(two[:, 0], two[:, 1], label, test, nodes)
    counts = [found.one, found.both, found.clusters, found.follow_match, found.follow_none, found.taken, found.repeated]
    assert counts == slow_leakage(two[:, 0].tolist(), two[:, 1].tolist(), label.tolist(), test.tolist())
    assert found.pairs == test.sum()


@searching(max_examples=60, deadline=None)
@examples(st.integers(0, 10**6), st.integers(20, 200), st.integers(6, 60))
def test_a_split_by_records_leaves_no_record_on_both_sides_and_drops_no_match(seed, pairs, nodes):
    rng = np.random.default_rng(seed)
    two = np.array([rng.choice(nodes, 2, replace=False) for _ in range(pairs)])
    label = (rng.random(pairs) < 0.15).astype(np.int64)
    test, crossing = split_by_records(two[:, 0], two[:, 1], label, 0.25, seed)
    train = ~test & ~crossing
    assert not (test & crossing).any()
    assert not set(two[test].ravel()) & set(two[train].ravel())
    assert not label[crossing].any()
    again = split_by_records(two[:, 0], two[:, 1], label, 0.25, seed)
    np.testing.assert_array_equal(test, again[0])


def test_a_split_by_records_says_what_it_left_out():
    given = shop(60)
    ring = [(7000 + i, f"x{(i + 6) % 60:03d}", 0) for i in range(60)]
    joined = pd.concat([given.pairs, pd.DataFrame(ring, columns=given.pairs.columns)], ignore_index=True)
    data = replace(given, pairs=joined).standard(BY_RECORDS)
    (note,) = [note for note in data.notes if "left out" in note]
    assert "so that no record is on both sides; matches are" in note
    assert len(data.frame) < 240
    assert not [note for note in data.notes if "is in a training pair" in note]
    named = {part: set(data.rows(part)["left_price"]) for part in ("train", "test")}
    assert not {price for price in named["train"] & named["test"] if not np.isnan(price)}


def test_every_check_of_matching_tables_has_a_line_in_the_reference() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "checks.md").read_text(encoding="utf-8")
    section = text.split("## Remarks on a matching table")[1]
    documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    assert {check for check in CHECKED if check not in ("pairs' ids", "labels")} <= documented


@pytest.mark.parametrize(("yes", "no"), [("ja", "nein"), ("Oui", "non"), ("sí", "no"), ("vrai", "faux"), ("on", "off")])
def test_truth_in_other_languages_labels_pairs(yes, no):
    said = CLEAN.pairs["label"].map({1: yes, 0: no})
    data = spoiled(CLEAN, label=said).standard(BY_RECORDS)
    assert (np.concatenate([data.labels("train"), data.labels("test")]) == 1).sum() == 60
    assert "says neither match nor no match" in " ".join(problems(spoiled(CLEAN, label=said.replace(no, "nichts"))))


def test_every_pair_of_words_that_a_card_calls_true_or_false_labels_pairs():
    assert [sorted(parse_labels(pd.Series(sorted(words)))) for words in TRUTHS] == [[0, 1]] * len(TRUTHS)


def test_swapped_sides_and_a_second_table_left_out_are_guessed():
    (told,) = problems(replace(CLEAN, left=CLEAN.right, right=CLEAN.left))[-1:]
    assert told == (
        "The pairs' column 'left_id' holds ids of the right records, and 'right_id' those of the left ones; give the "
        "two tables the other way round, or name the pairs' columns so."
    )
    named = replace(CLEAN, right=CLEAN.right.rename(columns={"sku": "id"}))
    assert problems(replace(named, left=named.right, right=named.left)) == [told]
    (told,) = problems(replace(CLEAN, right=None))
    assert told == (
        "The records have 0 of the 60 ids in the pairs' column 'right_id'; if these are of another table, name that "
        "with --right, else add the records."
    )
    # A few unknown ids are told as such.
    assert "no right record has: data row 181" in problems(CLEAN.with_pair(right_id="x999", label=0))[0]


def test_one_is_singular():
    rng = np.random.default_rng(1)
    pairs = [(2 * i, 2 * i + 1, int(i % 2)) for i in range(60)] + [(1000, 1001, 1), (1001, 1002, 1), (1000, 1002, 1)]
    parts = ["train"] * 50 + ["test"] * 10 + ["train"] * 2 + ["test"]
    records = pd.DataFrame({"id": sorted({i for pair in pairs for i in pair[:2]})})
    records["name"] = [f"lamp {i}" for i in rng.permutation(len(records))]
    frame = pd.DataFrame(pairs, columns=["left_id", "right_id", "label"])
    raw = read_matching(records, pairs=frame, settings=Settings(name="s"))
    notes = standardise_matching(replace(raw, parts=np.array(parts, dtype=object))).notes
    assert any(note.startswith("1 of 11 test pairs has a record that is in a training pair too") for note in notes)
    assert any(note.startswith("1 of 11 test pairs follows from training pairs by transitivity") for note in notes)


def test_numbers_and_notes_of_the_pairs_are_those_of_their_file(tmp_path):
    folder = labels(CLEAN, [29], "maybe").write(tmp_path)
    lines = (folder / "pairs.csv").read_text().splitlines()
    lines.insert(10, "7000,x000")  # data row 10, so that the strange label is in data row 31
    (folder / "pairs.csv").write_text("\n".join(lines))
    right = (folder / "right.csv").read_text().replace("Ox", "Öx").encode("cp1252")
    (folder / "right.csv").write_bytes(right)
    with pytest.raises(TableError) as raised:
        standardise_matching(read_matching(folder))
    told = raised.value.problems
    assert "data row 10 has 2" in told[0]
    assert "(data row 31)" in told[1]
    assert "was read as Windows-1252" in told[2]
    assert len(told) == 3


def test_a_split_of_another_name_is_guessed():
    (told,) = problems(CLEAN, Settings(name="s", split=Split("record")))
    assert told == (
        "There is no split 'record' (did you mean 'records'?); a matching table can be split given, stratified, "
        "random or by records."
    )
