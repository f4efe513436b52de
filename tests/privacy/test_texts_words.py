"""Words replaced with noise: the promise holds in exact figures, and nothing passes unseen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import NotFound, UsageError
from bakeoff.privacy.texts import METHODS, Vectors, WordReplacer, guess_words, link_texts, read_vectors, train_vectors
from bakeoff.privacy.texts.chance import Chance
from bakeoff.privacy.texts.cutting import cut, joined
from bakeoff.privacy.texts.mechanisms import Density, Laplace, Ranked, Truncated, distances_of, halfway

WORDS = [f"w{place}" for place in range(40)]
TEXTS = ["w1 w2, w3!", "w4 w5 unknown w6", "", "w7"]


def vectors_of(words=40, width=3, seed=0):
    return Vectors(WORDS[:words], np.random.default_rng(seed).normal(size=(words, width)), "made up")


@given(st.text(max_size=60))
def test_a_text_is_cut_and_joined_and_only_plain_marks_stand_between(text):
    words, between = cut(text)
    assert len(between) == len(words) + 1
    again = cut(joined(words, between))
    assert again == (words, between)
    assert set("".join(between)) <= set('.,;:!?()"- \n')


def test_what_may_tell_something_is_a_word():
    assert cut("I’d pay €40 \u200b@Ann😀")[0] == ["i'd", "pay", "€", "40", "\u200b", "@", "ann", "😀"]


@pytest.mark.parametrize("method", ["truncated", "density"])
@pytest.mark.parametrize("epsilon", [0.5, 3.0, 12.0, 60.0])
def test_draws_keep_their_promise_exactly(method, epsilon):
    vectors = vectors_of()
    mechanism = METHODS[method](vectors, epsilon)
    points = np.arange(vectors.points)
    words = np.arange(len(vectors))
    logs = mechanism.log_odds(points, words)
    assert np.allclose(np.exp(logs).sum(axis=1), 1)
    for point in points.tolist():
        apart = np.append(mechanism.apart(point, words), np.nan)
        # The unknown point has no row of its own in `apart`; its distance to words is theirs to it.
        if point == len(vectors):
            apart[-1] = 0.0
        else:
            apart[-1] = mechanism.apart(len(vectors), np.array([point]))[0]
        told = np.abs(logs[point] - logs).max(axis=1)
        assert (told <= epsilon * apart + 1e-9).all()
        assert apart.max() <= mechanism.farthest + 1e-9


def test_a_draw_with_half_the_noise_would_be_caught():
    vectors = vectors_of()
    sharp = Truncated(vectors, 6.0)
    logs = sharp.log_odds(np.arange(40), np.arange(40))
    told = max(
        np.abs(logs[point] - logs).max(axis=1)[1] / sharp.apart(point, np.array([1]))[0] for point in range(2, 40)
    )
    assert told <= 6.0 < 2 * told


@pytest.mark.parametrize("method", ["truncated", "density"])
def test_words_come_as_often_as_they_should(method):
    vectors = vectors_of(12)
    mechanism = METHODS[method](vectors, 4.0)
    points = np.repeat(np.arange(13), 4000)
    drawn = mechanism.draw(points, Chance(3))
    counts = np.zeros((13, 12))
    np.add.at(counts, (points, drawn), 1)
    wanted = np.exp(mechanism.log_odds(np.arange(13), np.arange(12)))
    error = np.sqrt(wanted * (1 - wanted) / 4000)
    assert (np.abs(counts / 4000 - wanted) < 6 * error + 1e-9).all()


def test_truncated_draws_are_those_of_gumbel_noise_with_one_word_for_all_far_ones():
    vectors = vectors_of(30)
    mechanism = Truncated(vectors, 14.0)
    random = np.random.default_rng(5)
    apart = vectors.distances(vectors.matrix[[4]])[0]
    near = np.flatnonzero(apart <= mechanism.limit)
    far = np.flatnonzero(apart > mechanism.limit)
    assert len(near) > 1 and len(far) > 1
    scores = np.append(-apart[near], -mechanism.limit + 2 * math.log(len(far)) / 14.0)
    chosen = (scores + random.gumbel(scale=2 / 14.0, size=(40_000, len(scores)))).argmax(axis=1)
    drawn = np.where(
        chosen < len(near), near[np.minimum(chosen, len(near) - 1)], far[random.integers(0, len(far), 40_000)]
    )
    share = np.bincount(drawn, minlength=30) / 40_000
    wanted = np.exp(mechanism.log_odds(np.array([4]), np.arange(30)))[0]
    assert (np.abs(share - wanted) < 6 * np.sqrt(wanted / 40_000) + 1e-9).all()


def test_laplace_noise_has_the_length_and_the_directions_that_it_should():
    vectors = vectors_of(width=5)
    noise = Laplace(vectors, 2.0).noise(40_000, Chance(1))
    lengths = np.linalg.norm(noise, axis=1)
    assert abs(lengths.mean() - 5 / 2.0) < 6 * math.sqrt(5) / 2 / 200
    assert abs(lengths.var() - 5 / 4) < 0.1
    assert np.abs(noise.mean(axis=0)).max() < 6 * noise.std() / 200


def test_laplace_on_a_line_keeps_its_promise():
    vectors = Vectors(WORDS[:10], np.arange(10.0)[:, None], "a line")
    mechanism = Laplace(vectors, 1.5)
    drawn = [np.bincount(mechanism.draw(np.full(60_000, point), Chance(point)), minlength=10) for point in (3, 4)]
    told = np.abs(np.log(drawn[0] / drawn[1]))
    assert told.max() <= 1.5 * mechanism.apart(3, np.array([4]))[0] + 0.1


@pytest.mark.parametrize("epsilon", [5.0, 40.0])
def test_ranked_moves_by_ranks_of_the_word_that_came_out(epsilon):
    vectors = vectors_of(20)
    mechanism = Ranked(vectors, epsilon, step=0.1)
    points = np.repeat(np.arange(20), 1000)
    near = Laplace(vectors, epsilon).draw(points, Chance(9))
    chance = Chance(9)
    moved = mechanism.draw(points, chance)  # draws the same noise first
    order = np.argsort(vectors.distances(vectors.matrix), axis=1)
    ranks = (order[near] == moved[:, None]).argmax(axis=1)
    wanted = np.exp(-0.1 * epsilon * np.arange(20))
    share = np.bincount(ranks, minlength=20) / len(points)
    assert (np.abs(share - wanted / wanted.sum()) < 6 / math.sqrt(len(points))).all()


def test_half_of_the_words_remain_at_the_halfway_epsilon():
    vectors = vectors_of(40, 8)
    epsilon = halfway(vectors)
    points = np.repeat(np.arange(40), 200)
    kept = (Laplace(vectors, epsilon).draw(points, Chance(2)) == points).mean()
    assert 0.35 < kept < 0.65
    assert (Laplace(vectors, 4 * epsilon).draw(points, Chance(2)) == points).mean() > 0.85


def test_more_epsilon_is_less_noise():
    for method in METHODS:
        kept = []
        for epsilon in (1.0, 20.0, 200.0):
            found = WordReplacer(vectors_of(), method, epsilon, seed=1).rewrite([" ".join(WORDS)] * 20)
            kept.append(1 - found.changed)
        assert kept[0] < kept[1] <= kept[2]
        assert kept[0] < 0.2


def test_unknown_words_never_pass_and_kept_ones_do():
    replacer = WordReplacer(vectors_of(), epsilon=1e6, kept=["w4"], seed=0)
    found = replacer.rewrite(TEXTS)
    assert found.texts[0] == "w1 w2, w3!" and found.texts[2] == "" and found.texts[3] == "w7"
    assert "unknown" not in found.texts[1] and "w4 w5 " in found.texts[1]
    assert found.words == 8 and found.unknown == 1 / 8 and found.changed == 1 / 8
    assert (
        "1 words that were to be kept are not protected" in WordReplacer(vectors_of(), kept=["w4"]).guarantee.sentence()
    )


def test_words_do_not_run_into_one_another():
    (found,) = WordReplacer(vectors_of(), epsilon=1.0).rewrite(["€40 😀😀 don't#w1"]).texts
    assert len(found.split()) == 7 and set(found.split()) <= set(WORDS)


def test_all_unknown_words_are_alike():
    replacer = WordReplacer(vectors_of(), epsilon=2.0)
    assert set(replacer.points(["ann", "4729", "€"]).tolist()) == {40}


def test_chance_is_not_repeated_without_a_seed_and_is_with_one():
    texts = [" ".join(WORDS)] * 5
    first, second = (WordReplacer(vectors_of(), epsilon=1.0).rewrite(texts).texts for _ in range(2))
    assert first != second
    first, second = (WordReplacer(vectors_of(), epsilon=1.0, seed=4).rewrite(texts).texts for _ in range(2))
    assert first == second
    uniform = Chance().uniform(50_000)
    assert uniform.min() > 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 6 * 0.29 / 223


def test_the_guarantee_is_called_what_it_is():
    vectors = vectors_of()
    guarantee = WordReplacer(vectors, "laplace", 5.0).guarantee
    assert guarantee.sentence().startswith("Metric differential privacy of each word, which is weaker than epsilon")
    apart = vectors.distances(vectors.matrix)
    assert guarantee.farthest >= apart.max() and guarantee.per_word == 5.0 * guarantee.farthest
    assert guarantee.nearest == pytest.approx(np.median(np.sort(apart, axis=1)[:, 1]))
    assert 0.8 < guarantee.typical < 1.2
    assert guarantee.as_plain()["kind"] == "metric differential privacy of each word"
    assert WordReplacer(vectors, seed=1).guarantee.sentence().startswith("No guarantee: words were drawn from a seed")


def test_density_gives_less_noise_where_words_stand_close():
    random = np.random.default_rng(0)
    matrix = np.concatenate([random.normal(size=(20, 3)) * 0.2, 4 + random.normal(size=(20, 3)) * 2])
    vectors = Vectors(WORDS, matrix, "two towns")
    mechanism = Density(vectors, 8.0)
    assert mechanism.spacing[:20].mean() < 0.4 * mechanism.spacing[20:40].mean()
    dense = np.repeat(np.arange(20), 200)
    own = [(one(vectors, 8.0).draw(dense, Chance(1)) == dense).mean() for one in (Truncated, Density)]
    assert own[1] > own[0] + 0.1
    nearest, typical = distances_of(mechanism, vectors)
    assert 0 < nearest < typical <= mechanism.farthest


@pytest.mark.parametrize(
    ("words", "matrix", "told"),
    [
        (["a"], np.zeros((1, 2)), "There are 1 words, 1 of them different; word vectors need at least 10"),
        (["a"] * 12, np.zeros((12, 2)), "There are 12 words, 1 of them different"),
        (WORDS[:12], np.zeros((12, 2)), "Most of the vectors 'bad' are the same"),
        (WORDS[:12], np.full((12, 2), np.nan), "hold values that are no numbers"),
        (WORDS[:12], np.zeros((11, 2)), r"There are 12 words and vectors of shape \(11, 2\)"),
    ],
)
def test_vectors_that_are_none_are_told_in_a_sentence(words, matrix, told):
    with pytest.raises(UsageError, match=told):
        Vectors(words, matrix, "bad")


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.inf, math.nan])
def test_an_epsilon_that_is_none_is_told(epsilon):
    with pytest.raises(UsageError, match=f"epsilon is {epsilon}; give a number above 0"):
        WordReplacer(vectors_of(), epsilon=epsilon)


def test_an_unknown_method_and_what_is_no_text_are_told():
    with pytest.raises(UsageError, match="no way of replacing words called 'magic'; there are truncated, density"):
        WordReplacer(vectors_of(), "magic")
    with pytest.raises(UsageError, match="Text 1 is None; give strings"):
        WordReplacer(vectors_of()).rewrite(["w1", None])


def test_files_of_vectors_are_read(tmp_path):
    random = np.random.default_rng(0)
    rows = {word: random.normal(size=4).round(3) for word in WORDS[:12]}
    lines = [f"{word.upper()} {' '.join(map(str, row))}" for word, row in rows.items()]
    (tmp_path / "glove.txt").write_text("\n".join([*lines, "two words 1 2 3 4", "W1 9 9 9 9"]))
    (tmp_path / "word2vec.vec").write_text("\n".join(["12 4", *lines]))
    found, other = read_vectors(tmp_path / "glove.txt"), read_vectors(tmp_path / "word2vec.vec")
    assert found.words == other.words == tuple(WORDS[:12]) and np.allclose(found.matrix, other.matrix)
    found.save(tmp_path / "own.npz")
    again = read_vectors(tmp_path / "own.npz")
    assert again.words == found.words and np.allclose(again.matrix, found.matrix) and again.name == "glove.txt"
    (tmp_path / "bad.txt").write_text("\n".join([*lines, "w99 1 2 x 4"]))
    with pytest.raises(UsageError, match=r"bad\.txt, line 13, holds 'w99' and then something that is no number"):
        read_vectors(tmp_path / "bad.txt")
    (tmp_path / "few.txt").write_text(lines[0])
    with pytest.raises(UsageError, match="holds 1 word vectors; a line is a word and its numbers"):
        read_vectors(tmp_path / "few.txt")
    (tmp_path / "none.npz").write_text("no archive")
    with pytest.raises(UsageError, match="holds no word vectors as Bakeoff saves them"):
        read_vectors(tmp_path / "none.npz")
    with pytest.raises(NotFound, match="There is no file"):
        read_vectors(tmp_path / "nowhere.txt")


def test_trained_vectors_put_like_words_together():
    random = np.random.default_rng(0)
    pets, meals = ["cat", "dog", "hamster"], ["soup", "bread", "cake"]
    texts = [f"my {random.choice(pets)} sleeps and purrs at home" for _ in range(200)]
    texts += [f"we cook {random.choice(meals)} with salt for lunch" for _ in range(200)]
    vectors = train_vectors(texts, name="made up", width=8)
    apart = vectors.distances(vectors.matrix[[vectors.places["cat"]]])[0]
    assert apart[vectors.places["dog"]] < 0.5 * apart[vectors.places["soup"]]
    again = train_vectors(texts, name="made up", width=8)
    assert np.allclose(again.matrix, vectors.matrix)
    with pytest.raises(UsageError, match="The public texts hold 0 words that come 2 times or more"):
        train_vectors(["one", "two"], name="few")


def test_words_are_guessed_where_noise_is_small_and_hardly_where_it_is_great():
    random = np.random.default_rng(2)
    texts = [" ".join(random.choice(WORDS, 6)) for _ in range(150)]
    found = {}
    for method in METHODS:
        for epsilon in (0.5, 400.0):
            replacer = WordReplacer(vectors_of(), method, epsilon, seed=3)
            found[method, epsilon] = guess_words(replacer, texts, replacer.rewrite(texts).texts, texts)
    for method in METHODS:
        blind, open_ = found[method, 0.5], found[method, 400.0]
        assert blind.low <= 0.12 and blind.chance < 0.06 and blind.of == 900
        assert open_.value > 0.6 and open_.low < open_.value < open_.high + 1e-12
    with pytest.raises(UsageError, match="another number of words"):
        guess_words(WordReplacer(vectors_of()), ["w1 w2"], ["w1"], texts)
    with pytest.raises(UsageError, match="No word of the public texts has a vector"):
        guess_words(WordReplacer(vectors_of()), texts, texts, ["nothing"])


def test_texts_are_linked_where_they_are_the_same_and_not_where_they_are_noise():
    random = np.random.default_rng(2)
    texts = [" ".join(random.choice(WORDS, 8)) for _ in range(200)]
    assert link_texts(texts, texts).value > 0.95
    noise = [" ".join(random.choice(WORDS, 8)) for _ in range(200)]
    found = link_texts(texts, noise)
    assert found.chance == pytest.approx(0.01) and found.low <= 0.03
    assert link_texts(texts, ["w1"] * 200).value < 0.05
    replacer = WordReplacer(vectors_of(), epsilon=8.0, seed=1)
    rewritten = replacer.rewrite(texts).texts
    knowing, plain = link_texts(texts, rewritten, replacer=replacer), link_texts(texts, rewritten)
    assert knowing.low > plain.high > plain.chance
    noise = WordReplacer(vectors_of(), epsilon=0.01, seed=1)
    assert link_texts(texts, noise.rewrite(texts).texts, replacer=noise).low <= 0.03
    # Marks and the number of words stay, and tell texts apart however strong the noise.
    told = ["w1", "w1 w2", "w1, w2", "w1 w2 w3", "w1. w2"]
    assert link_texts(told, noise.rewrite(told).texts, replacer=noise).value == 1.0
    with pytest.raises(UsageError, match="There are 1 texts and 1 rewritten"):
        link_texts(["a"], ["a"])
    with pytest.raises(UsageError, match="None of the texts holds a word"):
        link_texts(["", "."], ["", "."])


@settings(max_examples=20)
@given(st.lists(st.sampled_from([*WORDS, "strange", "."]), max_size=12))
def test_a_text_keeps_its_number_of_words(words):
    text = " ".join(words)
    (found,) = WordReplacer(vectors_of(), epsilon=3.0).rewrite([text]).texts
    assert len(cut(found)[0]) == len(cut(text)[0]) and cut(found)[1] == cut(text)[1]
