"""Whatever somebody gives that is none, is told in one sentence: never a traceback, a 0 or silence."""

import numpy as np
import pandas as pd
import pytest

from bakeoff.errors import UsageError
from bakeoff.fairness import (
    Asked,
    Attribute,
    RankSettings,
    Settings,
    WordSets,
    association,
    audit,
    by_attributes,
    by_identities,
    compare_groups,
    compare_rankings,
    count,
    gender,
    looked_up,
    of_black_box,
    of_linear,
    prediction_sensitivity,
    row_sensitivity,
    soft_weights,
    swap,
    variants,
    word_swap_sensitivity,
)

SETS = WordSets(("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"))
GROUPS = by_attributes({"g": list("aabb") * 30})
TRUTH = np.array([0, 1] * 60)
MEN = ["he is"] * 30
TABLE = pd.DataFrame({"y": ["a", "b"] * 20, "g": ["x", "z"] * 20, "prediction": ["a", "b"] * 20})


def asks(answer):
    return lambda: word_swap_sensitivity(answer, MEN, gender())


class Changing:
    """A classifier that knows one class more whenever it is asked."""

    classes = 1

    def __call__(self, texts):
        self.classes += 1
        return np.full((len(texts), self.classes), 1 / self.classes)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        # Encoders
        (lambda: association(lambda x: np.full((len(x), 3), np.nan), SETS), "numbers that are none for 8 texts"),
        (lambda: association(lambda x: [[1.0] * (1 + place) for place in range(len(x))], SETS), "of different lengths"),
        (lambda: association(lambda x: [["q"]] * len(x), SETS), "something else than numbers"),
        (lambda: association(lambda x: None, SETS), r"shape \(\) for 8 texts"),
        (lambda: association(lambda x: np.ones((len(x), 2, 2)), SETS), r"shape \(8, 2, 2\) for 8 texts"),
        (lambda: association(lambda x: np.ones((1, 2)), SETS), r"shape \(1, 2\) for 8 texts"),
        (lambda: association(looked_up({"a": [1, 2]}), SETS), "no vector for 'b', 'c', 'd' .7 of 8 words"),
        (
            lambda: association(looked_up({word: [1.0] * (1 + at % 2) for at, word in enumerate(SETS.all)}), SETS),
            "The table of vectors holds rows of different lengths",
        ),
        (lambda: SETS.among({}), "None of the words of 'first' .a, b, ...."),
        # Groups
        (lambda: compare_groups(count(TRUTH, TRUTH, GROUPS), Settings(reference=(("g", "z"),))), "no group 'z' of 'g'"),
        (
            lambda: compare_groups(count(TRUTH, TRUTH, GROUPS), Settings(reference=(("race", "a"),))),
            "no attribute 'race' .* there are: g",
        ),
        (lambda: compare_groups(count(np.ones(120), np.ones(120), GROUPS)), "All rows are of the class '1.0'"),
        (lambda: compare_groups(count([], [], by_attributes({"g": []}))), "There are no rows to compare"),
        (lambda: by_attributes({"g": [None] * 5}), "'g' is missing in all 5 rows"),
        (lambda: by_attributes({"g": [np.nan] * 5}), "'g' is missing in all 5 rows"),
        (lambda: by_attributes({"g": [["a"], ["b"]]}), "'g' is no single column"),
        (lambda: by_identities({"g": [np.nan] * 5}), "'g' holds other values than 0 and 1"),
        (lambda: by_identities({"g": [0] * 5}), "No row has the identity 'g'"),
        # Words
        (lambda: word_swap_sensitivity(Changing(), "the man", gender()), "The texts are one string"),
        (lambda: word_swap_sensitivity(Changing(), ["he", None], gender()), "Text 1 is None .1 are no texts"),
        (asks(lambda texts: np.full((len(texts), 2), np.nan)), "no numbers for 30 of 30 texts"),
        (asks(lambda texts: ["a"] * len(texts)), "something else than numbers"),
        (asks(lambda texts: [[0.1], [0.2, 0.3]] * 15), "rows of different lengths"),
        (asks(Changing()), r"answers of shape \(30, 2\) and their twins \(30, 3\)"),
        (lambda: swap(None, gender()), "None is no text"),
        (lambda: variants(3, gender()), "3 is no text"),
        (lambda: Attribute("a", {"x": "he", "y": "it"}), "The words of 'x' are one string"),
        (lambda: Attribute("a", {"x": [""], "y": ["z"]}), "'' of 'x' is no single word"),
        (lambda: Attribute("a", {"x": ["middle aged"], "y": ["old"]}), "'middle aged' of 'x' is no single word"),
        (lambda: Attribute("a", {"x": [1], "y": [2]}), "1 of 'x' is no single word"),
        # Sensitivity
        (lambda: prediction_sensitivity([[["a"]]], [[1]], [1]), "The Jacobian holds something else"),
        (
            lambda: prediction_sensitivity(np.ones((2, 2, 3)), np.ones((2, 2)), np.ones(2)),
            r"shape \(2,\); they must be",
        ),
        (
            lambda: row_sensitivity(np.ones((2, 2, 3)), np.ones((2, 2)), np.ones(3), present=np.ones((2, 2))),
            "What rows hold has the shape",
        ),
        (lambda: of_linear(np.ones((2, 3)), np.zeros(2), np.ones((4, 5))), r"coefficients \(2, 3\), intercepts"),
        (
            lambda: of_black_box(lambda held: np.zeros(len(held)), np.ones((4, 2)), np.ones(2)),
            r"shape \(4,\) for 4 rows",
        ),
        (lambda: soft_weights(np.ones((2, 2))), r"the shape \(2, 2\); it must be"),
        (lambda: soft_weights(np.ones((2, 2, 2)), np.array([5, 0])), "one of the 2 groups"),
        # Audits
        (lambda: audit(TABLE.assign(g=None), None, Asked("y", ["g"])), "'g' is missing in all 40 rows"),
        (lambda: audit(TABLE, None, Asked("y", ["g"], positive="q")), "There is no class 'q'; there are a, b"),
        (lambda: audit(TABLE, None, Asked("y", ["g"], metrics=["q"])), "no fairness metric called 'q'"),
        (lambda: audit(TABLE, None, Asked("y", ["g"], reference={"g": "q"})), "There is no group 'q' of 'g'"),
        (lambda: audit(TABLE, None, Asked("y", "g")), "The protected columns are one string, 'g'"),
        (lambda: audit([1, 2], None, Asked("y", ["g"])), "The table must be a pandas frame, and not a list"),
        (
            lambda: audit(TABLE, pd.DataFrame({"row_id": ["a"], "prediction": ["a"]}), Asked("y", ["g"])),
            "row_id of the answers holds something else",
        ),
        (
            lambda: audit(TABLE, pd.DataFrame({"row_id": [0, 40], "prediction": ["a", "b"]}), Asked("y", ["g"])),
            "row_id 40 is none of 0 to 39",
        ),
    ],
)
def test_what_is_none_is_told(call, why):
    with pytest.raises(UsageError, match=why) as told:
        call()
    assert "\n" not in str(told.value)


def test_groups_of_one_class_are_insufficient_with_their_counts():
    one_sided = np.array([0, 0, 1, 1] * 30)
    found = compare_groups(count(one_sided, TRUTH, GROUPS))
    few = found.find("true positive rate", "a")
    assert (few.status, few.value, few.reason) == ("insufficient", None, "0 rows of 'a' count, 10 are needed")
    assert found.find("accuracy", "a").status == "ok", "the partner"
    ranked = compare_rankings(one_sided, np.arange(120.0), GROUPS, RankSettings(draws=2))
    assert "'a' has 0 true and 60 other rows" in next(one.reason for one in ranked if one.group == "a")
    (only,) = [one for one in compare_groups(count(TRUTH, TRUTH, by_attributes({"g": ["a"] * 120}))) if one.reason][:1]
    assert only.reason == "there is one group alone"


def test_texts_without_any_word_are_insufficient_with_their_count():
    for texts in (["человек и женщина"] * 30, ["他是医生"] * 30, [""] * 30, []):
        for one in word_swap_sensitivity(lambda held: np.full((len(held), 2), 0.5), texts, gender()):
            assert (one.status, one.value, one.n) == ("insufficient", None, 0)
            assert one.reason == "0 texts hold a word of 'gender' and 20 are needed"


@pytest.mark.parametrize(
    ("text", "first", "second", "becomes"),
    [
        ("वह लड़का है।", "लड़का", "लड़की", "वह लड़की है।"),
        ("هذا رَجُل طيب", "رَجُل", "امرأة", "هذا امرأة طيب"),
        ("он врач, ОН", "он", "она", "она врач, ОНА"),
        ("Ο άντρας ήρθε", "άντρας", "γυναίκα", "Ο γυναίκα ήρθε"),
        ("这位 男士 来了", "男士", "女士", "这位 女士 来了"),
        ("él vino", "él", "ella", "ella vino"),
    ],
)
def test_words_of_other_scripts_are_swapped_whole(text, first, second, becomes):
    words = Attribute("it", {"a": [first], "b": [second]})
    assert swap(text, words).text == becomes
    assert swap(becomes, words).text == text
    assert not swap(f"a {first}{second}!", words).changed, "a part of a word is no word"


def test_an_accent_may_be_a_sign_of_its_own():
    words = Attribute("género", {"m": ["él"], "f": ["ella"]})
    assert swap("e\u0301l vino", words).text == "ella vino"
    assert swap("e\u0301lan vino", words).text == "e\u0301lan vino"
