"""Micro-batch clipping does what was published, and states what that is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from bakeoff.errors import BakeoffError, NoGuarantee, UsageError  # noqa: E402
from bakeoff.privacy import Budget, Ledger, MicroBatch, MicroBatchSettings  # noqa: E402
from bakeoff.privacy.clipping import Flat, Layerwise, Quantile  # noqa: E402
from bakeoff.privacy.microbatch import NAME, MicroBatchStep  # noqa: E402
from bakeoff.privacy.wrapping import Wrapped, packed, some  # noqa: E402
from bakeoff.training import Recipe, fit  # noqa: E402
from bakeoff.training.records import Batch, Records  # noqa: E402

RECIPE = Recipe(epochs=2, batch=4, clip=0.0, held_out=0.0, optimiser="sgd", rate=0.1, decay=0.0)


def small(seed: int = 0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))


def batch(records: int, seed: int = 0) -> Batch:
    random = np.random.default_rng(seed)
    inputs = torch.from_numpy(random.normal(size=(records, 3)).astype(np.float32) * 5)
    targets = torch.from_numpy(random.integers(0, 2, records))
    return Batch(np.arange(records), packed(inputs, targets))


def started(network, **how):
    """A step that is ready, at rate 0.01, with a ledger."""
    step = MicroBatchStep(Ledger(), MicroBatchSettings(**how))
    learner = Wrapped(network)
    step.begin(learner, RECIPE)
    step.sampled(0.01)
    return step, learner


def gradients(network):
    return [parameter.grad.clone() for parameter in network.parameters()]


@given(st.integers(1, 12), st.integers(1, 4), st.booleans(), st.integers(0, 10**6))
@settings(max_examples=15)
def test_it_is_the_sum_of_the_clipped_means_of_its_micro_batches(records, parts, layerwise, seed):
    network, given_ = small(seed), batch(records, seed)
    clipping = Layerwise(0.3) if layerwise else Flat(0.3)
    step, learner = started(network, sigma=0.0, parts=parts, clipping=clipping, seed=seed)
    twin, _ = started(small(), parts=parts, seed=seed)
    dealt = list(twin._dealt(given_))
    assert sorted(np.concatenate([one.positions for one in dealt]).tolist()) == list(range(records))
    step.gradient(learner, given_)
    found = gradients(network)
    expected = [torch.zeros_like(one) for one in found]
    for one in dealt:
        network.zero_grad()
        learner.losses(one).mean().backward()
        made = gradients(network)
        for places, bound in clipped_together(network, clipping):
            norm = torch.stack([made[place].norm() for place in places]).norm()
            for place in places:
                expected[place] += made[place] * min(1.0, bound / float(norm)) / parts
    for mine, slow in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, slow, rtol=1e-4, atol=1e-6)


def clipped_together(network, clipping):
    """Places of the parameters that share a norm, and its bound: all, or those of one layer."""
    sizes = [parameter.numel() for parameter in network.parameters()]
    if isinstance(clipping, Flat):
        return [(range(len(sizes)), clipping.bound)]
    return [((at, at + 1), 0.3 * ((sizes[at] + sizes[at + 1]) / sum(sizes)) ** 0.5) for at in (0, 2)]


def test_one_record_changes_a_clipped_mean_by_twice_the_bound():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)

    def summed(values):
        step = MicroBatchStep(Ledger(), MicroBatchSettings(sigma=0.0, clipping=Flat(1.0)))
        learner = Wrapped(network, lambda outputs, targets: outputs[:, 0])  # the gradient is the input
        step.begin(learner, RECIPE)
        inputs = torch.tensor(values, dtype=torch.float32)[:, None]
        step.gradient(learner, Batch(np.arange(len(values)), packed(inputs, None)))
        return float(network.weight.grad)

    assert abs(summed([5.0, 5.0]) - summed([5.0, 5.0, -90.0])) == pytest.approx(2.0)


def test_the_published_example_is_stated_as_what_it_is(require):
    require("dp-accounting")
    step, learner = started(torch.nn.Linear(1, 1, bias=False), sigma=1.0)
    nobody = Batch(np.arange(0), packed(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64)))
    for _ in range(10_000):
        step.gradient(learner, nobody)
    assert step.published_epsilon(1e-5) == pytest.approx(6.1877, abs=2e-3)
    assert step.ledger.epsilon(1e-5) == pytest.approx(43.4, abs=0.1)
    assert [(entry.name, entry.count, entry.sigma) for entry in step.ledger.entries] == [(NAME, 10_000, 0.5)]


def test_falling_noise_stands_in_the_ledger_epoch_by_epoch():
    step, learner = started(small(), sigma=2.0, decay=0.5)
    step.sampled(0.25)
    for _ in range(10):
        step.gradient(learner, batch(3))
    assert [(entry.count, entry.sigma) for entry in step.ledger.entries] == [(4, 1.0), (4, 0.5), (2, 0.25)]


def test_settings_within_a_budget_are_within_it(require):
    require("dp-accounting")
    settings_ = MicroBatchSettings(decay=0.9).within(Budget(3.0, 1e-5), 0.05, 4)
    step, learner = started(torch.nn.Linear(1, 1, bias=False), sigma=settings_.sigma, decay=0.9)
    step.sampled(0.05)
    nobody = Batch(np.arange(0), packed(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64)))
    for _ in range(80):
        step.gradient(learner, nobody)
    assert 2.9 < step.ledger.epsilon(1e-5) <= 3.0
    assert step.published_epsilon(1e-5) < 1.5


def test_which_records_share_a_micro_batch_is_nobodys_to_know():
    def dealt(**how):
        step, _ = started(small(), parts=4, **how)
        return [part.positions.tolist() for part in step._dealt(batch(64))]

    assert dealt() != dealt()
    assert dealt(seed=1) == dealt(seed=1)
    step, _ = started(small(), seed=1)
    with pytest.raises(NoGuarantee, match="seed"):
        step.ledger.epsilon(1e-5)


def test_dropout_has_a_stream_of_its_own_that_nobody_knows():
    network = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Dropout(0.5), torch.nn.Linear(64, 2))

    def made(seed=None):
        step, learner = started(network, sigma=0.0, seed=seed)
        torch.manual_seed(0)
        step.gradient(learner, batch(8))
        return torch.cat([one.flatten() for one in gradients(network)]), torch.rand(1)

    assert not torch.equal(made()[0], made()[0])
    assert torch.equal(made(3)[0], made(3)[0])
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), made()[1])


def test_noise_has_the_deviation_of_sigma_and_the_bound():
    network = torch.nn.Linear(100, 200)
    step, learner = started(network, sigma=3.0, parts=2, clipping=Flat(0.5), seed=1)
    step.gradient(learner, Batch(np.arange(0), packed(torch.zeros(0, 100), torch.zeros(0, dtype=torch.int64))))
    assert float(network.weight.grad.std()) == pytest.approx(3.0 * 0.5 / 2, rel=0.04)


def test_without_poisson_sampling_no_epsilon_is_stated():
    step = MicroBatchStep(Ledger(), MicroBatchSettings())
    learner = Wrapped(small())
    step.begin(learner, RECIPE)
    step.gradient(learner, batch(3))
    with pytest.raises(NoGuarantee, match="Poisson"):
        step.ledger.epsilon(1e-5)


def test_a_network_that_keeps_means_of_records_is_refused():
    with pytest.raises(UsageError, match="GroupNorm"):
        started(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)))
    started(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, track_running_stats=False)))


@pytest.mark.parametrize("wrong", [{"sigma": -1.0}, {"decay": 0.0}, {"decay": 1.5}, {"parts": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="Micro-batch"):
        MicroBatchSettings(**wrong)


def test_a_bound_that_follows_the_data_is_refused():
    with pytest.raises(UsageError, match="Quantile"):
        MicroBatchSettings(clipping=Quantile())


def test_gradients_that_are_no_numbers_are_refused():
    step, learner = started(small())
    wrong = batch(3)
    next(iter(wrong.inputs["inputs"].values()))[1, 0] = float("nan")
    with pytest.raises(BakeoffError, match="not a number"):
        step.gradient(learner, wrong)


def test_a_kept_state_goes_on_with_ledger_and_epoch():
    step, learner = started(small(), sigma=2.0, decay=0.5)
    step.sampled(0.5)
    for _ in range(3):
        step.gradient(learner, batch(3))
    other, learner = started(small(), sigma=2.0, decay=0.5)
    other.restore(step.state())
    other.gradient(learner, batch(3))
    assert [(entry.count, entry.sigma) for entry in other.ledger.entries] == [(2, 1.0), (2, 0.5)]


def test_some_records_of_a_batch():
    whole = batch(5)
    part = some(whole, np.array([4, 1]))
    assert part.positions.tolist() == [4, 1]
    assert torch.equal(part.inputs["inputs"][""], whole.inputs["inputs"][""][[4, 1]])
    assert torch.equal(part.inputs["targets"][""], whole.inputs["targets"][""][[4, 1]])


def test_it_is_a_regime_of_any_fit():
    ledger, random = Ledger(), np.random.default_rng(0)
    records = Records({"inputs": {"": random.normal(size=(40, 3)).astype(np.float32)}}, 40, random.integers(0, 2, 40))

    class Learner(torch.nn.Module):
        mixed = False

        def __init__(self) -> None:
            super().__init__()
            self.inner = small()

        def losses(self, batch):
            logits = self.inner(batch.inputs["inputs"][""])
            return torch.nn.functional.cross_entropy(logits, batch.targets, reduction="none")

        def held_out_loss(self, records, device):
            return 0.0

    fit(Learner(), records, RECIPE, regime=MicroBatch(ledger, MicroBatchSettings(sigma=8.0)))
    assert sum(entry.count for entry in ledger.entries if entry.name == NAME) == 20
    assert all(entry.rate == 0.1 for entry in ledger.entries if entry.name == NAME)
