"""Swapped words, and how far they move a classifier."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import UsageError
from bakeoff.fairness import Attribute, SwapSettings, gender, swap, variants, word_swap_sensitivity

GENDER = gender([("John", "Mary"), ("Ahmed", "Fatima")])

# Written by hand; each line is a text and what it becomes.
BY_HAND = """
She lost her keys. | He lost his keys.
I saw her yesterday. | I saw him yesterday.
They told her to wait. | They told him to wait.
Her mother called. | His father called.
He gave her a book. | She gave him a book.
He likes her. | She likes him.
He likes her very much. | She likes him very much.
We met her and left. | We met him and left.
Her old car broke down. | His old car broke down.
Ask her, please. | Ask him, please.
Is it her? | Is it him?
It is hers. | It is his.
Hers is better. | His is better.
His is better. | Hers is better.
The book is his. | The book is hers.
His brother knows him. | Her sister knows her.
He saw his own face. | She saw her own face.
I will call her when I can. | I will call him when I can.
She did it herself. | He did it himself.
Let her go. | Let him go.
Let her see the doctor. | Let him see the doctor.
I know her from school. | I know him from school.
I know her well. | I know him well.
Her second husband left her. | His second wife left him.
HER NAME IS MARY. | HIS NAME IS JOHN.
The king's daughter is a princess. | The queen's son is a prince.
The waitresses served the gentlemen. | The waiters served the ladies.
Two policewomen and a fireman. | Two policemen and a firewoman.
A friend of hers came. | A friend of his came.
Nobody believed her because she laughed. | Nobody believed him because he laughed.
They made her captain of the team. | They made him captain of the team.
He took her hand. | She took his hand.
We gave her our word. | We gave him our word.
Her "best" friend. | His "best" friend.
I thanked her. She smiled. | I thanked him. He smiled.
John and his wife met Mary and her husband. | Mary and her husband met John and his wife.
""".strip().splitlines()


def test_pronouns_go_by_what_follows_in_nearly_all_sentences():
    pairs = [line.split(" | ") for line in BY_HAND]
    wrong = [(text, swap(text, GENDER).text) for text, wanted in pairs if swap(text, GENDER).text != wanted]
    assert len(wrong) <= 0.05 * len(pairs), wrong


def test_swapping_twice_gives_the_text_again_and_places_are_those_of_the_new_words():
    for line in BY_HAND:
        text = line.split(" | ")[0]
        once = swap(text, GENDER)
        assert swap(once.text, GENDER).text == text
        assert all(GENDER.value_of(once.text[start:end]) for start, end in once.places)
        assert len(once.places) >= 1


@given(text=st.text(max_size=60))
def test_a_text_without_such_words_stays_as_it_is(text):
    other = swap(text, Attribute("a", {"x": ["zebrafish"], "y": ["stickleback"]}))
    assert other.text == text or "zebrafish" in text.lower() or "stickleback" in text.lower()
    assert other.changed == (other.text != text)


def test_other_scripts_and_words_within_words_are_left_alone():
    for text in ("человек и женщина", "他和她", "the theme of history", "human mankind"):
        assert not swap(text, GENDER).changed
    assert swap("ÉL y ELLA", Attribute("género", {"m": ["él"], "f": ["ella"]})).text == "ELLA y ÉL"


def test_variants_make_every_word_one_value():
    religion = Attribute("religion", {"a": ["christian", "church"], "b": ["muslim", "mosque"], "c": ["jewish", "shul"]})
    found = variants("A Christian left the MOSQUE.", religion)
    assert {value: one.text for value, one in found.items()} == {
        "a": "A Christian left the CHURCH.",
        "b": "A Muslim left the MOSQUE.",
        "c": "A Jewish left the SHUL.",
    }
    assert variants("Nothing here.", religion) == {}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"a": ["x"]}, "has 1 values"),
        ({"a": ["x"], "b": ["y", "z"]}, "equally many words"),
        ({"a": [], "b": []}, "equally many words"),
        ({"a": ["x"], "b": ["X"]}, "'X' stands for 'a' and for 'b'"),
    ],
)
def test_lists_that_cannot_be_swapped_are_refused(values, why):
    with pytest.raises(UsageError, match=why):
        Attribute("it", values)


def classifier(weight):
    """One that looks at "woman" with this weight, at "large" a little, and at nothing else."""

    def predict_proba(texts):
        logit = np.array([weight * ("woman" in text) + 0.3 * ("large" in text) for text in texts])
        share = 1 / (1 + np.exp(0.1 - logit))
        return np.column_stack([1 - share, share])

    return predict_proba


def test_a_classifier_that_looks_at_gender_moves_and_a_blind_one_does_not():
    texts = [f"The {who} has a big dog, number {place}." for place in range(30) for who in ("man", "woman")]
    moved, flipped = word_swap_sensitivity(classifier(3.0), texts, GENDER)
    share = 1 / (1 + np.exp(0.1 - 3.0)) - 1 / (1 + np.exp(0.1))
    assert moved.value == pytest.approx(share, abs=1e-12)
    assert flipped.value == 1.0
    neutral = 1 / (1 + np.exp(0.1 - 0.3)) - 1 / (1 + np.exp(0.1))
    assert moved.low <= moved.value <= moved.high
    assert 0 < moved.expected < 0.1
    assert moved.expected == pytest.approx(
        np.mean([neutral, 1 / (1 + np.exp(0.1 - 3.3)) - 1 / (1 + np.exp(0.1 - 3.0))]), abs=1e-12
    )
    blind, _ = word_swap_sensitivity(classifier(0.0), texts, GENDER)
    assert blind.value == 0.0, "the partner"


def test_too_few_texts_and_answers_that_are_none_are_told():
    few, _ = word_swap_sensitivity(classifier(1.0), ["The man.", "A tree."], GENDER)
    assert (few.status, few.value, few.n) == ("insufficient", None, 1)
    assert "1 texts hold a word of 'gender'" in few.reason
    with pytest.raises(UsageError, match=r"shape .1,. for 1 texts"):
        word_swap_sensitivity(lambda texts: np.ones(len(texts)), ["The man."], GENDER, SwapSettings(least=1))
