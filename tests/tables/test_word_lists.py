"""Word lists of a table.toml: what they say, all that is wrong with them at once, and that they are written back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.errors import TableError
from bakeoff.nouns import Swaps, Task
from bakeoff.tables import Settings, read_settings, settings_toml
from bakeoff.tables.word_lists import WORD, read_swaps, swaps_toml

FAITHS = (("christian", "muslim"), ("church", "mosque"))
GREEK = (("χριστιανός", "μουσουλμάνος"), ("εκκλησία", "τζαμί"))


def said(tmp_path, text):
    (tmp_path / "table.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path)


def test_lists_neutral_words_and_switches_are_read(tmp_path):
    read = said(
        tmp_path,
        "[swaps]\nenglish = false\nplurals = true\n"
        'religion = [["christian", "muslim"], ["church", "mosque"]]\n'
        '"πίστη" = [["χριστιανός", "μουσουλμάνος"], ["εκκλησία", "τζαμί"]]\n'
        'neutral = [["big", "large"]]\n',
    )
    assert read.swaps == Swaps({"religion": FAITHS, "πίστη": GREEK}, (("big", "large"),), english=False, plurals=True)
    assert not said(tmp_path, 'target = "y"\n').swaps


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    with pytest.raises(TableError) as told:
        said(
            tmp_path,
            '[swaps]\nenglish = "no"\n'
            'religion = ["christian", "muslim"]\n'
            "colour = []\n"
            'origin = [["greek", "turk"], ["athens"], ["x", "y", "z"]]\n'
            'age = [["young man", "old"], ["boy", 3]]\n'
            'size = [["big", "small"], ["Small", "tiny"]]\n'
            'gender = [["he", "she", "they"]]\n'
            'neutral = [["he", "also"]]\n',
        )
    problems = told.value.problems
    assert all(problem.startswith("In table.toml: swaps.") for problem in problems)
    assert [problem.removeprefix("In table.toml: ") for problem in problems] == [
        "swaps.english is 'no'; it must be true or false.",
        "swaps.religion is ['christian', 'muslim']; it must be rows of words that stand for each other, such as "
        '[["christian", "muslim"], ["church", "mosque"]].',
        "swaps.colour is []; it must be rows of words that stand for each other, such as "
        '[["christian", "muslim"], ["church", "mosque"]].',
        "swaps.origin: rows 2, 3 have not 2 words; give each side's word in every row, in the same order.",
        "swaps.age has 'young man', which is no single word of letters; swaps go word by word.",
        "swaps.age has 3, which is no single word of letters; swaps go word by word.",
        "swaps.size has 'Small' on two sides; leave it on one.",
        "swaps.neutral has 'he', which is a word of swaps.gender too; take it out of one.",
        "swaps.gender has more than two words in a row, and English pairs are swapped along with it; "
        "give pairs (male, female), or say english = false.",
    ]
    with pytest.raises(TableError, match=r"swaps is 3; it must be a table: \[swaps\]"):
        said(tmp_path, "swaps = 3\n")


def test_an_about_json_with_faulty_lists_has_none(tmp_path):
    about = tmp_path / "about.json"
    about.write_text('{"swaps": {"religion": [["a", "a"]]}}')
    assert not read_settings(about).swaps
    about.write_text('{"swaps": {"religion": [["a", "b"]]}}')
    assert read_settings(about).swaps.lists == {"religion": (("a", "b"),)}, "the partner"


WORDS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Mn"]), min_size=1, max_size=6).filter(WORD.fullmatch)
NAMES = st.text(min_size=1, max_size=8).filter(
    lambda name: name.strip() and name.isprintable() and name not in ("english", "plurals", "neutral", "gender")
)


@given(names=st.lists(NAMES, unique=True, max_size=3), sides=st.integers(2, 3), data=st.data())
def test_what_is_read_is_written_back_equal(tmp_path_factory, names, sides, data):
    row = st.lists(WORDS, min_size=sides, max_size=sides).map(tuple)
    given_words = {
        "english": data.draw(st.booleans()),
        "plurals": data.draw(st.booleans()),
        **{name: data.draw(st.lists(row, min_size=1, max_size=3)) for name in names},
    }
    faults: list[str] = []
    swaps = read_swaps(given_words, faults)
    if faults:
        assert all("on two sides" in fault for fault in faults)
        return
    folder = tmp_path_factory.mktemp("told")
    assert said(folder, settings_toml(Settings(target="y", swaps=swaps))).swaps == swaps
    assert bool(swaps_toml(swaps)) is bool(swaps)


def test_a_task_without_lists_has_the_digest_that_it_had_before():
    task = Task("t", "t", "d" * 64, "classification", "y", "accuracy", ("no", "yes"))
    assert task.digest == "de8279bc024eeccc8c768f80980f9d15c4eb698dafbd19f198531edb33d72bbd"
    listed = Task("t", "t", "d" * 64, "classification", "y", "accuracy", ("no", "yes"), swaps=Swaps({"r": FAITHS}))
    assert listed.digest != task.digest
