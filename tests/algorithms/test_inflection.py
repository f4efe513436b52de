"""Forms of words by counting: edits, contexts, particles, features that agree, and a network beside the counts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.algorithms.text import Inflector, NeuralSeq2Seq, SuffixRules
from bakeoff.algorithms.text.agreed import inflected
from bakeoff.algorithms.text.edits import Beginning, Ending, applied, edits
from bakeoff.algorithms.text.inflecting import Inflection
from bakeoff.algorithms.text.particles import Particles, Row, bare
from bakeoff.algorithms.text.word_contexts import Contexts, before_end, blended

WORDS = st.text(alphabet="abcdé_", max_size=9)
BASES = ["machen", "sagen", "leben", "fragen", "lachen", "legen", "decken", "passen"]
APART = [Row(f"zu{one}", "PST", f"{one[:-2]}te_zu") for one in BASES[:4]]


def likeliest(model: Inflection, lemma: str, features: str) -> str:
    answers = model.answers(lemma, features)
    return max(answers, key=answers.__getitem__)


@given(WORDS, WORDS)
def test_edits_make_the_target_of_the_source(source, target):
    assert applied(source, *edits(source, target)) == target


def test_a_vowel_that_changes_is_told_apart_from_the_ending():
    assert edits("Wald", "Wälder") == (Beginning("", ""), Ending("a", "ä", "", "er"))
    assert applied("Strand", Beginning("", ""), Ending("a", "ä", "", "e")) == "Strände"
    assert edits("sagen", "gesagt") == (Beginning("", "ge"), Ending("", "", "en", "t"))
    assert applied("Kind", Beginning("", ""), Ending("a", "ä", "", "er")) is None
    assert applied("ab", Beginning("abc", ""), Ending("", "", "", "")) is None
    assert applied("ab", Beginning("ab", "x"), Ending("", "", "b", "y")) is None  # nothing is cut twice


@given(st.lists(st.tuples(st.text(alphabet="ab", min_size=1, max_size=5), st.sampled_from("xyz")), max_size=12))
def test_shorter_contexts_count_in_how_many_longer_ones_a_change_was_seen(seen):
    counted: Contexts[str] = Contexts()
    for word, change in seen:
        counted.add(before_end(word), change)
    for word, change in seen:
        assert counted.seen("^" + word)[change] == Counter(seen)[word, change]
        for ending in before_end(word)[:-1]:
            longer = {
                other[-len(ending) - 1 :]
                for other, own in seen
                if own == change and other.endswith(ending) and other != ending
            }
            # A word that ends here is one more: the context of the whole word.
            assert counted.seen(ending)[change] == len(longer) + ((ending, change) in seen)


@given(st.lists(st.tuples(WORDS, st.sampled_from("xyz"), st.booleans()), max_size=10), WORDS)
def test_blended_chances_sum_to_1_over_changes_that_fit(seen, word):
    own, lent = Contexts[str](), Contexts[str]()
    for other, change, borrowed in seen:
        (lent if borrowed else own).add(before_end(other), change, 0.7 if borrowed else 1.0)
    chances = blended(own, lent, before_end(word), lambda change: change != "z")
    assert "z" not in chances
    assert sum(chances.values()) == pytest.approx(1.0 if {change for _, change, _ in seen} - {"z"} else 0.0)


def test_fifty_words_of_one_ending_do_not_outvote_the_others():
    rows = [Row(f"{first}{second}in", "PL", f"{first}{second}innen") for first in "bdfgh" for second in "aeiou"]
    rows += [Row(one, "PL", one + "en") for one in ("bahn", "uhn", "zeln", "dorn", "farm")]
    assert likeliest(Inflection().fit(rows), "hirn", "PL") == "hirnen"
    assert likeliest(Inflection().fit(rows), "hirtin", "PL") == "hirtinnen"


def test_particles_that_move_are_taken_off_first():
    plain = [Row(one, "PST", f"{one[:-2]}te") for one in BASES]
    whole = [Row(f"zu{one}", "PTCP", f"zuge{one[:-2]}t") for one in BASES[:4]]
    model = Inflection().fit([*plain, *APART, *whole, *(Row(one, "PTCP", f"ge{one[:-2]}t") for one in BASES)])
    assert likeliest(model, "zupassen", "PST") == "passte_zu"
    assert likeliest(model, "zupassen", "PTCP") == "zugepasst"
    assert likeliest(model, "suchen", "PST") == "suchte"
    # Without a word that divides, none does.
    assert likeliest(Inflection().fit(plain), "zupassen", "PST") == "zupasste"


def test_words_with_blanks_divide_at_the_last_one():
    known = [Row(f"in_Ruhe_{one}", "PST", f"{one[:-2]}te_in_Ruhe") for one in BASES[:3]]
    model = Inflection().fit([*known, *(Row(one, "PST", f"{one[:-2]}te") for one in BASES)])
    assert likeliest(model, "auf_Zeit_lernen", "PST") == "lernte_auf_Zeit"


def test_a_known_form_that_shows_no_particle_tells_that_there_is_none():
    particles = Particles([*APART, *(Row(one, "PST", f"{one[:-2]}te") for one in BASES)])
    apart = {one.particle: one.chance for one in particles.likely("zulegen", {})}
    assert apart["zu"] > 0.9
    assert {one.particle: one.chance for one in particles.likely("zulegen", {"PST": "zulegte"})}["zu"] < 0.6
    assert sum(apart.values()) == pytest.approx(1)
    assert (bare("legte_zu", "zu"), bare("zugelegt", "zu"), bare("legt", "zu")) == ("legte", "gelegt", None)


def test_features_that_always_agree_lend_each_other_their_words():
    known = [
        Row(f"{one}um", features, f"{one}a")
        for one in ("dat", "for", "ver", "medi", "centr", "qu")
        for features in "NA"
    ]
    model = Inflection().fit([*known, Row("cactus", "N", "cacti"), Row("virus", "A", "virusse")])
    assert likeliest(model, "cactus", "A") == "cacti"
    # Where the same words differ in both, nothing is lent.
    other = [row if row.features == "N" else row._replace(form=row.form + "m") for row in known]
    model = Inflection().fit([*other, Row("cactus", "N", "cacti"), Row("virus", "A", "virusse")])
    assert likeliest(model, "cactus", "A") == "cactusse"


def test_what_was_never_seen_stays_and_long_symbols_are_kept_whole():
    rows = pd.DataFrame({"source": ["g e h e n | V SG", "one two | X", "a"]})
    model = Inflector().fit(rows, ["g e h t", "one three", "b"])
    asked = pd.DataFrame({"source": ["s e h e n | V SG", "six two | X", "x y | Z", "", "a"]})
    assert list(model.predict(asked)) == ["s e h t", "six three", "x y", "", "b"]


@settings(max_examples=25)
@given(st.lists(st.tuples(WORDS, st.sampled_from("XY"), WORDS), min_size=1, max_size=8), WORDS)
def test_any_words_are_answered_and_chances_are_chances(rows, word):
    model = Inflection().fit([Row(*row) for row in rows])
    for features in "XYZ":
        chances = model.answers(word, features)
        assert chances
        assert 0 < sum(chances.values()) <= 1 + 1e-9


def test_counting_is_as_good_on_validation_rows_as_when_first_measured(bakeoff_data):
    train, valid = (pd.read_parquet(bakeoff_data / "inflection_de" / f"{part}.parquet") for part in ("train", "valid"))
    exact = [
        np.mean(model.fit(train[["source"]], train.target).predict(valid[["source"]]) == valid.target.to_numpy())
        for model in (SuffixRules(), Inflector())
    ]
    assert exact[0] == pytest.approx(0.84, abs=0.005)
    assert exact[1] >= 0.915


def spelt(count: int) -> tuple[pd.DataFrame, list[str]]:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abdeklmnorst"), 5)) + "en" for _ in range(count)]
    ends = random.choice(["SG", "PL"], count)
    sources = [f"{' '.join(word)} | V {end}" for word, end in zip(words, ends, strict=True)]
    forms = [word[:-2] + ("t" if end == "SG" else "en") for word, end in zip(words, ends, strict=True)]
    return pd.DataFrame({"source": sources}), [" ".join(form) for form in forms]


def test_a_network_of_spelt_words_answers_together_with_what_is_counted(require):
    require("torch")
    X, y = spelt(1_060)
    model = NeuralSeq2Seq(epochs=1, random_state=0).fit(X[:1_000], y[:1_000])
    assert model.agreed_ is not None
    assert (model.agreed_.weights >= 0).all()
    asked, truth = X[1_000:], np.array(y[1_000:], dtype=object)
    alone = np.array(model.model_.predict(list(asked.source)), dtype=object)
    assert np.mean(model.predict(asked) == truth) > 0.95
    assert np.mean(alone == truth) < 0.8  # one epoch is too few for the network
    assert list(model.predict(asked[:0])) == []
    assert NeuralSeq2Seq(epochs=1).fit(X[:60], y[:60]).agreed_ is None  # too few rows to hold any out


def test_only_spelt_words_with_features_are_inflected():
    X, y = spelt(20)
    assert inflected(list(X.source), y)
    assert not inflected([text.split(" |")[0] for text in X.source], y)
    assert not inflected([f"name[Aromi] | food[{text}]" for text in y], ["Aromi serves food."] * 20)
