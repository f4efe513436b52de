"""The judge of fairness with a table's own word lists: any attribute, any script, several sides, and what is told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cells_made import answered, task

from bakeoff.judges import Fairness
from bakeoff.nouns import Brief, Column, ColumnType, Role, Swaps, Table

COLUMNS = (Column("note", ColumnType.TEXT), Column("y", ColumnType.CATEGORICAL, Role.TARGET))
MOVED, FLIPPED = "mean change of probabilities", "share of changed answers"
GREEK = (("χριστιανός", "μουσουλμάνος"), ("εκκλησία", "τζαμί"))
HINDI = (("हिन्दू", "मुस्लिम"), ("मंदिर", "मस्जिद"))
FAITHS = (("christian", "muslim", "jewish"), ("church", "mosque", "synagogue"))


def notes(frames, words, rows=400):
    """Texts that hold these words in turn, in these sentences in turn."""
    return [frames[row % len(frames)].format(words[row % len(words)], row % 9) for row in range(rows)]


def judged(swaps, texts, looks_at=(), columns=COLUMNS, **more):
    """The findings on twins of an entry that answers by whether a text has one of these words, by name; and its plan.

    Each change of a probe comes with the text that it is a change of.
    """
    test = pd.DataFrame({"note": texts})
    question = replace(task(("no", "yes")), swaps=swaps, **more)
    table, labels = Table("t", columns, 2400, "d" * 64), np.resize(["no", "yes"], 1800)
    plan = Fairness().plan(Brief(question, table, test, labels, b"k" * 32, 10_000, test))

    def entry(texts):
        share = np.array([0.9 if any(word in text.lower() for word in looks_at) else 0.2 for text in texts])
        return np.column_stack([1 - share, share])

    asked = [probe.changes["note"] for probe in plan.ask]
    made = answered(question, np.resize(labels, len(test)), entry(texts), y=labels, plan=plan)
    made = replace(made, test=test, table=table, probes=entry(asked) if asked else made.probes)
    found = [one for one in Fairness().judge(made) if one.split == "twins"]
    pairs = [(texts[probe.row], change) for probe, change in zip(plan.ask, asked, strict=True)]
    return {(one.metric, one.group, one.variant): one for one in found}, pairs


@pytest.mark.parametrize(
    ("rows", "frames"),
    [
        (GREEK, ["Ο {} ήρθε χθες, ώρα {}", "ένας {} μίλησε {} φορές"]),
        (HINDI, ["वह {} कल आया {}", "एक {} यहाँ था {}"]),
    ],
)
def test_words_of_another_script_have_twins_by_their_name(rows, frames):
    words = [word for row in rows for word in row]
    only = Swaps({"faith": rows}, english=False)
    found, pairs = judged(only, notes(frames, words), looks_at=[row[1] for row in rows])
    assert {group for _, group, _ in found} == {"text: faith"}
    assert found[FLIPPED, "text: faith", ""].value == 1.0
    assert found[FLIPPED, "text: faith", ""].n == len(pairs) > 300
    others = {row[0]: row[1] for row in rows} | {row[1]: row[0] for row in rows}
    for text, change in pairs:
        assert change == " ".join(others.get(word, word) for word in text.split())
    blind, _ = judged(only, notes(frames, words))
    assert blind[FLIPPED, "text: faith", ""].value == 0.0, "the partner"


def test_english_words_of_gender_stand_beside_unless_the_table_leaves_them_out():
    texts = notes(["The {} left and he was happy at {}", "The {} left and she was big at {}"], [*FAITHS[0], *FAITHS[1]])
    found, _ = judged(Swaps({"religion": FAITHS}), texts, looks_at=["christian", "church"])
    assert {group for _, group, _ in found} == {"text: gender", "text: religion"}
    assert found[FLIPPED, "text: gender", ""].value == 0.0
    assert 0.5 < found[FLIPPED, "text: religion", ""].value < 0.8, "two of three sides meet the third now and then"
    assert found[FLIPPED, "text: religion", "neutral words"].value == 0.0
    assert found[FLIPPED, "text: religion", "difference"].low > 0.4
    without, _ = judged(Swaps({"religion": FAITHS}, english=False), texts)
    assert {group for _, group, _ in without} == {"text: religion"}


def test_of_three_sides_each_other_one_is_as_likely():
    _, pairs = judged(Swaps({"religion": FAITHS}, english=False), notes(["a {} here {}"], FAITHS[0], 900))
    became = [(text.split()[1], change.split()[1]) for text, change in pairs]
    counts = {pair: became.count(pair) for pair in set(became)}
    assert set(counts) == {(one, other) for one in FAITHS[0] for other in FAITHS[0] if one != other}
    # 500 twins fall into six kinds; under a fair die one below 40 or above 130 is beyond five deviations.
    assert all(40 < count < 130 for count in counts.values())


def test_pairs_of_gender_go_along_with_ours_and_before_them():
    texts = notes(["The {} met John and her dog {}"], ["actor", "king"])
    _, pairs = judged(Swaps({"gender": (("John", "Mary"), ("king", "chief"))}), texts)
    assert {change.rsplit(" ", 1)[0] for _, change in pairs} == {
        "The actress met Mary and his dog",
        "The chief met Mary and his dog",
    }
    _, alone = judged(Swaps({"gender": (("John", "Mary"),)}, english=False), texts)
    assert {change.rsplit(" ", 1)[0] for _, change in alone} == {
        "The actor met Mary and her dog",
        "The king met Mary and her dog",
    }


def test_english_plurals_follow_where_asked_for():
    texts = notes(["two {} left {}"], ["christians", "churches"], 60)
    assert len(judged(Swaps({"religion": FAITHS}, english=False, plurals=True), texts)[1]) == 60
    found, pairs = judged(Swaps({"religion": FAITHS}, english=False), texts)
    assert not pairs, "the partner"
    assert found[MOVED, "text: religion", ""].reason == "0 rows hold a word of religion and 20 are needed"


def test_a_twin_that_two_lists_make_alike_is_asked_once_and_counts_for_both():
    texts = notes(["The jew spoke {} {}"], ["well"])
    both = Swaps({"religion": (("jew", "muslim"),), "origin": (("jew", "muslim"),)}, english=False)
    found, pairs = judged(both, texts, looks_at=["muslim"])
    assert len(pairs) == len({text for text, _ in pairs}) * len(texts) // len(set(texts))
    for name in both.lists:
        assert (found[FLIPPED, f"text: {name}", ""].value, found[FLIPPED, f"text: {name}", ""].n) == (1.0, len(pairs))


def test_neutral_words_may_be_the_tables_own_and_their_lack_is_told():
    texts = notes(["ο {} είπε κάτι μεγάλο {}"], [row[0] for row in GREEK])
    swaps = Swaps({"faith": GREEK}, english=False)
    found, _ = judged(swaps, texts, looks_at=["τζαμί", "μουσουλμάνος", "τεράστιο"])
    lack = found[MOVED, "text: faith", "neutral words"]
    assert lack.value is None
    assert lack.reason == "0 rows hold a neutral word and 20 are needed; table.toml may list some as swaps.neutral"
    own = replace(swaps, neutral=(("μεγάλο", "τεράστιο"),))
    found, _ = judged(own, texts, looks_at=["τζαμί", "μουσουλμάνος", "τεράστιο"])
    assert found[FLIPPED, "text: faith", "neutral words"].value == 1.0
    assert found[FLIPPED, "text: faith", "difference"].value == 0.0
    size = Swaps({"size": (("big", "small"),)}, english=False)
    texts = notes(["a {} dog {}"], ["big", "large"])
    assert judged(size, texts)[0][MOVED, "text: size", "neutral words"].reason.startswith("0 rows hold a neutral word")


def test_lists_that_can_tell_nothing_say_so():
    found, pairs = judged(Swaps({"faith": GREEK}), notes(["nothing to see {} {}"], ["here"]))
    assert not pairs
    assert found[MOVED, "text: faith", ""].reason == "0 rows hold a word of faith and 20 are needed"
    assert found[MOVED, "text: gender", ""].reason == "0 rows hold a word of gender and 20 are needed"
    german = notes(["Der {} und das ist nicht {}"], ["Christ", "Muslim"])
    found, pairs = judged(Swaps({"faith": (("Christ", "Muslim"),)}), german)
    assert "do not look English" in found[MOVED, "text: gender", ""].reason
    assert found[MOVED, "text: faith", ""].n == len(pairs) > 100
    hidden = (replace(COLUMNS[0], role=Role.ID), COLUMNS[1])
    found, pairs = judged(Swaps({"faith": GREEK}), notes(["{} {}"], ["εκκλησία"]), columns=hidden)
    assert {one.reason for one in found.values()} == {"entries see no column of text or tokens"}
    assert {group for _, group, _ in found} == {"text: faith"}
    found, _ = judged(Swaps({"faith": GREEK}), notes(["{} {}"], ["εκκλησία"]), kind="span")
    assert {one.reason for one in found.values()} == {"there are no twins in a span task"}
