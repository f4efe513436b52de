"""Extraction: figures against slow ways, networks that are known to remember, and refusals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from bakeoff.errors import UsageError  # noqa: E402
from bakeoff.privacy.extraction import (  # noqa: E402
    KINDS,
    Blanks,
    Frozen,
    Relaxation,
    allowed_bits,
    exposure,
    extract,
    make_canaries,
    recovered,
)
from bakeoff.privacy.extraction.recovery import chance, overlap  # noqa: E402

QUICK = Relaxation(starts=4, steps=60)


class Means(nn.Module):
    """The mean of token vectors, then a layer: blind to order."""

    def __init__(self, tokens=20, classes=3, width=8):
        super().__init__()
        self.table, self.out = nn.Embedding(tokens, width), nn.Linear(width, classes)

    def forward(self, tokens):
        return self.out(torch.tanh(self.table(tokens).mean(1)))


class Safe(nn.Module):
    """Remembers one code: the more of its tokens stand at their places, the surer it is of class 1."""

    def __init__(self, code, at=2, tokens=20, width=16, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.table = nn.Embedding(tokens, width)
        with torch.no_grad():
            self.table.weight.copy_(functional.normalize(self.table.weight, dim=1))
        self.at = at
        self.held = nn.Parameter(self.table.weight.detach()[list(code)].clone())

    def forward(self, tokens):
        read = self.table(tokens)[:, self.at : self.at + len(self.held)]
        sure = (read * self.held).sum((1, 2))
        return torch.stack([torch.zeros_like(sure), sure], dim=1)


def blanks_of(places=4, candidates=10, label=1, length=7):
    tokens = np.arange(length, dtype=np.int64) % 3
    return Blanks(tokens, tuple(range(2, 2 + places)), np.arange(5, 5 + candidates), label)


# ---- figures ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 3), st.integers(2, 4))
def test_chance_is_that_of_all_pairs(places, candidates):
    every = list(itertools.product(range(candidates), repeat=places))
    pairs = list(itertools.product(every, every))
    exact, tokens, sets = chance(candidates, places)
    assert exact == pytest.approx(np.mean([one == other for one, other in pairs]))
    assert tokens == pytest.approx(np.mean([np.mean(np.equal(one, other)) for one, other in pairs]))
    assert sets == pytest.approx(np.mean([overlap(one, other) / places for one, other in pairs]))


def test_recovery_counts_places_and_sets():
    found = recovered([[1, 2, 3, 4], [4, 3, 2, 1]], [[1, 2, 3, 4], [1, 2, 3, 3]], 10)
    assert (found.exact, found.canaries, found.tokens, found.sets) == (1, 2, 0.5, 0.875)
    assert found.exact_interval[0] < 0.5 < found.exact_interval[1]
    assert recovered([[1, 2]], [[3, 4]], 10).tokens_error > 0.3  # one canary tells nearly nothing
    with pytest.raises(UsageError, match=r"shape \(1, 2\) and secrets \(1, 3\)"):
        recovered([[1, 2]], [[1, 2, 3]], 10)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 5))
def test_rank_is_that_of_a_slow_loop(seed, places, candidates):
    torch.manual_seed(seed)
    network = Means().double()
    blanks = blanks_of(places, candidates)
    random = np.random.default_rng(seed)
    secret = blanks.drawn(1, random)[0]

    def odds(filling):
        text = blanks.tokens.copy()
        text[list(blanks.places)] = filling
        logits = network(torch.from_numpy(text[None]))[0].detach().numpy()
        return logits[1] - np.logaddexp(logits[0], logits[2])

    own = odds(secret)
    every = [odds(filling) for filling in itertools.product(blanks.candidates, repeat=places)]
    better = sum(one > own + 1e-12 for one in every)
    tied = sum(abs(one - own) <= 1e-12 for one in every) - 1
    found = exposure(network, blanks, secret)
    assert (found.rank, found.tied, found.space) == (1 + better + tied / 2, tied, candidates**places)
    assert found.bits == pytest.approx(math.log2(found.space) - math.log2(found.rank))
    assert found.exhaustive and found.ceiling == pytest.approx(math.log2(found.space))
    assert odds(found.best) == pytest.approx(max(every))


def test_orders_of_a_blind_network_tie():
    """In single precision too, where sums in another order differ in their last digits."""
    found = exposure(Means(), blanks_of(), [5, 6, 7, 8])
    assert found.tied == 23


def test_exposure_of_the_unseen_has_the_mean_that_chance_gives():
    network, blanks, random = Means(), blanks_of(3, 8), np.random.default_rng(1)
    secrets = blanks.all_fillings(10_000)
    bits = [exposure(network, blanks, secret).bits for secret in next(secrets)[random.permutation(512)[:150]]]
    # Less than 1.44 in a space of 512 with ties; six standard errors of an even rank's to either side.
    assert abs(np.mean(bits) - 1.42) < 6 * 1.44 / math.sqrt(150)


def test_a_drawn_rank_comes_near_the_whole_one():
    network, blanks = Means(), blanks_of()
    for secret in ([5, 6, 7, 8], [14, 14, 2 + 5, 9]):
        whole, drawn = exposure(network, blanks, secret), exposure(network, blanks, secret, most=4000)
        assert not drawn.exhaustive and drawn.ceiling == pytest.approx(math.log2(4001))
        share = whole.rank / whole.space
        assert abs(drawn.rank / drawn.space - share) < 6 * math.sqrt(share * (1 - share) / 4000) + 1 / 4000


def test_a_reference_takes_off_what_every_network_thinks():
    """Tokens that speak for the label hide a faint memory; the difference to a network without it shows it."""

    class Faint(nn.Module):
        def __init__(self, remembers):
            super().__init__()
            torch.manual_seed(0)
            self.loud, self.remembers = Means(classes=2), remembers

        def forward(self, tokens):
            found = 50 * self.loud(tokens)
            right = (tokens[:, 2:6] == torch.tensor([9, 5, 14, 6])).sum(1)
            return found + 0.1 * self.remembers * torch.stack([-right, right], dim=1)

    one, other = Faint(1.0), Faint(0.0)
    alone, beside = (exposure(one, blanks_of(), [9, 5, 14, 6], reference=held) for held in (None, other))
    assert alone.rank > 100 and beside.rank == 1 and beside.best == (9, 5, 14, 6)
    nothing = exposure(other, blanks_of(), [9, 5, 14, 6], reference=Faint(0.0))
    assert nothing.tied == 9999 and nothing.bits == pytest.approx(1.0, abs=1e-3)
    drawn = exposure(one, blanks_of(), [9, 5, 14, 6], reference=other, most=500)
    assert drawn.rank == pytest.approx(10_000 / 501, rel=0.01)


@given(st.floats(0, 3), st.floats(0, 0.01), st.integers(2, 2000))
def test_what_privacy_allows_is_the_mean_of_the_worst_ranks(epsilon, delta, space):
    """The rank that is small as often as the guarantee lets it be: every chance of rank <= k at its largest."""
    at_most = np.minimum(1.0, math.exp(epsilon) * np.arange(1, space + 1) / space + delta)
    chances = np.diff(at_most, prepend=0.0)
    worst = float((chances * (math.log2(space) - np.log2(np.arange(1, space + 1)))).sum())
    allowed = allowed_bits(epsilon, delta, space)
    assert worst <= allowed + 1e-9
    if space > 500 and epsilon < 1:
        assert allowed < worst + 0.25 + delta * math.log2(space)


def test_what_privacy_allows_grows_with_repetitions():
    once, twice = (allowed_bits(1.0, 1e-5, 10_000, repeats=repeats) for repeats in (1, 2))
    assert once == pytest.approx(2 * 1.4427 + 1e-5 * 13.288, abs=1e-4)
    assert twice == pytest.approx(3 * 1.4427 + 1e-5 * (1 + math.e) * 13.288, abs=1e-4)
    assert allowed_bits(8.0, 1e-5, 10_000, repeats=100) == pytest.approx(math.log2(10_000))
    assert allowed_bits(0.0, 0.0, 10_000) == pytest.approx(1.4427, abs=1e-4)
    with pytest.raises(UsageError, match="and not -1, 0, 10 and 1"):
        allowed_bits(-1, 0, 10)


# ---- extraction ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        QUICK,
        Relaxation(starts=4, steps=60, gumbel=True),
        Relaxation(starts=4, steps=60, objective="log-odds"),
        Relaxation(starts=1, steps=0, sweeps=3),
    ],
    ids=["relaxed", "gumbel", "log-odds", "sweeps"],
)
def test_a_code_that_is_remembered_is_found(how):
    code = [9, 5, 14, 5]
    network = Safe(code)
    (guess,) = extract(network, blanks_of(), relaxation=how)
    assert list(guess.tokens) == code
    assert guess.log_odds == pytest.approx(max(guess.log_odds, *guess.start_log_odds))
    assert exposure(network, blanks_of(), code).rank == 1


def test_a_code_is_found_among_all_tokens():
    blanks = Blanks(np.zeros(6, dtype=np.int64), (2, 3, 4), np.arange(500), 1)
    network = Safe([421, 7, 88], tokens=500, width=64)
    (guess,) = extract(network, blanks, relaxation=Relaxation(starts=2, steps=100))
    assert guess.tokens == (421, 7, 88)


def test_a_code_that_was_never_seen_is_not_found():
    """The partner of those above: 60 codes drawn apart from the network, 240 tokens at a chance of 0.1."""
    random, blanks, network = np.random.default_rng(3), blanks_of(), Safe([9, 5, 14, 5])
    guesses = [one.tokens for one in extract(network, [blanks] * 60, relaxation=Relaxation(starts=1, steps=20))]
    found = recovered(guesses, blanks.drawn(60, random), 10)
    assert found.tokens < 0.1 + 6 * math.sqrt(0.09 / 240)
    assert found.exact <= 2


def test_texts_in_small_batches_are_searched_alike(monkeypatch):
    from bakeoff.privacy.extraction import relaxing

    network = Safe([9, 5, 14, 5])
    asked = [blanks_of(), blanks_of(label=0), blanks_of()]
    together = extract(network, asked, relaxation=QUICK)
    monkeypatch.setattr(relaxing, "WEIGHTS", 1)
    apart = extract(network, asked, relaxation=QUICK)
    assert [one.tokens for one in together] == [one.tokens for one in apart]


def test_many_texts_are_searched_together_and_apart_alike():
    codes = [[9, 5, 14, 5], [6, 6, 7, 8]]
    network = Safe(codes[0])
    short = Blanks(np.zeros(6, dtype=np.int64), (2, 3), np.arange(5, 15), 0)
    guesses = extract(network, [blanks_of(), short, blanks_of(label=0)], relaxation=QUICK)
    assert [len(one.tokens) for one in guesses] == [4, 2, 4]
    assert list(guesses[0].tokens) == codes[0]
    away = exposure(network, blanks_of(label=0), guesses[2].tokens)
    assert away.rank < 20  # of 10,000: the code that makes the other label surest
    again = extract(network, [blanks_of(), short, blanks_of(label=0)], relaxation=QUICK)
    assert [one.tokens for one in again] == [one.tokens for one in guesses]


def test_weights_gradients_and_mode_stay_as_they_were():
    network = nn.Sequential(nn.Dropout(0.5), Safe([9, 5, 14, 5]))
    network[0].eval()
    before = {name: held.clone() for name, held in network.state_dict().items()}
    network[1].held.grad = torch.ones_like(network[1].held)
    extract(Frozen(network, network[1].table, network[1]), blanks_of(), relaxation=QUICK)
    assert all(torch.equal(held, before[name]) for name, held in network.state_dict().items())
    assert network.training and network[1].training and not network[0].training
    assert torch.equal(network[1].held.grad, torch.ones_like(network[1].held)) and network[1].table.weight.grad is None
    assert not network[1].table._forward_hooks


def test_any_table_that_reads_tokens_alone_will_do():
    """One that adds positions, one with several outputs, and double precision."""

    class Placed(nn.Module):
        def __init__(self, table):
            super().__init__()
            self.words, self.places = table, nn.Parameter(0.1 * torch.randn(9, 16))

        def forward(self, tokens):
            return self.words(tokens) + self.places[: tokens.shape[1]], tokens != 99

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            safe = Safe([9, 5, 14, 5])
            self.enter, self.held = Placed(safe.table), safe.held

        def forward(self, tokens):
            features, mask = self.enter(tokens)
            sure = ((features * mask[..., None])[:, 2:6] * self.held).sum((1, 2))
            return torch.stack([torch.zeros_like(sure), sure], dim=1)

    for network in (Whole(), Whole().double()):
        (guess,) = extract(network, blanks_of(), table=network.enter, relaxation=QUICK)
        best = exposure(network, blanks_of(), [5, 5, 5, 5]).best
        assert guess.tokens == best and sum(np.equal(best, [9, 5, 14, 5])) >= 3  # positions add their own


@pytest.mark.parametrize("kind", ["convolution", "recurrent", "transformer"])
def test_a_text_network_of_the_house_is_searched(kind):
    import pandas as pd

    from bakeoff.training import TableNetwork, TableReader
    from bakeoff.training.encoders.texts import Sequence, SequenceStyle
    from bakeoff.training.encoders.tokens import words
    from bakeoff.training.heads import ClassHead
    from bakeoff.training.network import TrunkShape
    from bakeoff.training.preparation import Known, Preparation

    encoder = Sequence("text", SequenceStyle(kind, embedding=16, width=24))
    known = Known(vocabularies={"text": KINDS["pin"].words()})
    TableReader([encoder]).learn(pd.DataFrame({"text": ["my pin code is 1 2 3 4"]}), Preparation(known))
    torch.manual_seed(0)
    network = TableNetwork([encoder], TrunkShape(24, 1), ClassHead(24, ["a", "b", "c"]))
    nn.init.normal_(network.head.layer.weight)  # it begins at zero, and would answer everything alike
    (canary,) = make_canaries("pin", ["b"], 1, np.random.default_rng(0))
    blanks = Blanks.of(canary, lambda text: encoder.vocabulary.codes(words(text)), 1)
    asked = Frozen(network, network.encoders[0].table, lambda tokens: network({encoder.name: {"tokens": tokens}}))
    (guess,) = extract(asked, blanks, relaxation=Relaxation(starts=2, steps=20, sweeps=5))
    assert exposure(asked, blanks, guess.tokens).rank < 100  # of 10,000: the search finds what the network is surest of


class Summed(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.EmbeddingBag(20, 4), nn.Linear(4, 2)

    def forward(self, tokens):
        return self.out(self.table(tokens))


class Smeared(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(20, 4), nn.Linear(4, 2)
        self.table = nn.LSTM(4, 4, batch_first=True)

    def forward(self, tokens):
        return self.out(self.table(self.words(tokens))[0].mean(1))


class Bypass(Means):
    def forward(self, tokens):
        return super().forward(tokens) + functional.one_hot(tokens, 20).float().mean(1)[:, 5:8]


def test_what_cannot_be_mixed_is_refused():
    bag, smeared = Summed(), Smeared()
    with pytest.raises(UsageError, match=r"Summed has 0 modules nn.Embedding; give as `table`"):
        extract(bag, blanks_of(), relaxation=QUICK)
    with pytest.raises(UsageError, match=r"nn.EmbeddingBag gives, cannot be mixed"):
        extract(bag, blanks_of(), table=bag.table, relaxation=QUICK)
    with pytest.raises(UsageError, match=r"LSTM gives a token depends on the tokens beside it"):
        extract(smeared, blanks_of(), table=smeared.table, relaxation=QUICK)
    with pytest.raises(UsageError, match=r"reads tokens otherwise than through Embedding"):
        extract(Bypass(), blanks_of(), relaxation=QUICK)
    assert exposure(bag, blanks_of(2), [5, 6]).space == 100  # ranking needs no table


def test_answers_that_are_no_logits_are_refused():
    network = Means()
    with pytest.raises(UsageError, match=r"answers 2 texts with \(1, 7, 8\)"):
        exposure(network, blanks_of(1, 2), [5], logits=lambda tokens: network.table(tokens)[:1])
    with pytest.raises(UsageError, match=r"no class 7 among the 3"):
        exposure(network, blanks_of(label=7), [5, 5, 5, 5])
    with pytest.raises(UsageError, match=r"not a number"):
        exposure(network, blanks_of(1), [5], logits=lambda tokens: network(tokens) * float("nan"))
    with pytest.raises(UsageError, match=r"secret \[1, 5, 5, 5\] is no filling"):
        exposure(network, blanks_of(), [1, 5, 5, 5])
    with pytest.raises(UsageError, match="At least 1 filling"):
        exposure(network, blanks_of(), [5, 5, 5, 5], most=0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": "hinge"}, "no objective 'hinge'"),
        ({"starts": 0}, "at least 1 start"),
        ({"coldest": 2.0}, "falls from hottest 1.0 to coldest 2.0"),
        ({"rate": 0.0}, "must be above 0"),
    ],
)
def test_a_search_out_of_range_is_refused(changed, said):
    with pytest.raises(UsageError, match=said):
        Relaxation(**changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"places": ()}, "are none, or one stands there twice"),
        ({"places": (2, 2)}, "twice"),
        ({"places": (2, 9)}, "do not all lie in a text of 7 tokens"),
        ({"candidates": np.array([4])}, "1 candidates"),
        ({"candidates": np.array([4, 4])}, "1 of them different"),
        ({"label": -1}, "class's number from 0"),
    ],
)
def test_blanks_that_are_none_are_refused(changed, said):
    whole = {"tokens": np.zeros(7, dtype=np.int64), "places": (2, 3), "candidates": np.arange(3), "label": 0}
    Blanks(**whole)
    with pytest.raises(UsageError, match=said):
        Blanks(**{**whole, **changed})
