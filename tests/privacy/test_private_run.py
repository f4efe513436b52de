"""Any torch network can be trained in private in one call or in a loop of one's own, and misuse is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("dp_accounting", reason="dp-accounting is not installed; pip install 'bakeoff[privacy]'")

from sklearn.base import BaseEstimator  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset, TensorDataset  # noqa: E402

from bakeoff.algorithms import Network  # noqa: E402
from bakeoff.errors import BakeoffError, NoGuarantee, UsageError  # noqa: E402
from bakeoff.privacy import Budget, private  # noqa: E402
from bakeoff.privacy.clipping import Flat  # noqa: E402
from bakeoff.privacy.drawing import Draw, Sampler  # noqa: E402
from bakeoff.training import Records  # noqa: E402

RATE = 0.1
PLAN = {"batch": 8, "epochs": 2, "optimiser": "sgd", "rate": RATE, "clipping": Flat(1.0)}


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def rows(count: int = 64, seed: int = 0):
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 4, generator=random)
    return inputs, (inputs @ torch.randn(4, 3, generator=random)).argmax(1)


def weights(network: nn.Module):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


# What it does


def test_one_call_learns_and_stays_within_the_budget():
    network, (inputs, targets) = net(), rows(3000)
    run = private(network, epsilon=4.0, delta=1e-5, batch=150, epochs=5, rate=0.02)
    assert run.fit(inputs, targets) is run
    assert run.made == run.steps == 100
    assert 3.5 < run.epsilon() <= 4.0
    assert run.claim() == {
        "epsilon": run.epsilon(),
        "delta": 1e-5,
        "unit": "record",
        "neighbours": "add or remove one",
    }
    assert not network.training
    assert float((network(inputs).argmax(1) == targets).float().mean()) > 0.8


def test_a_loop_of_ones_own_makes_the_same_steps():
    inputs, targets = rows()
    one, other = net(), net()
    private(one, records=64, seed=3, **PLAN).fit(inputs, targets)
    run = private(other, records=64, seed=3, **PLAN)
    other.train()
    for some, answers in run.batches(inputs, targets):
        run.step(some, answers)
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=0)
    assert [(entry.count, entry.rate) for entry in run.ledger.entries if entry.private] == [(16, 0.125)]


def test_a_step_is_that_of_the_obvious_loop():
    network, (inputs, targets) = net(), rows(60)
    run = private(network, epsilon=20.0, delta=1e-3, records=60, **PLAN)
    batches = run.batches(inputs, targets)
    for _ in range(4):
        some, answers = next(batches)
        before = weights(network)
        expected = torch.zeros_like(before)
        for place in range(len(some)):
            loss = functional.cross_entropy(network(some[place : place + 1]), answers[place : place + 1])
            gradient = torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(network.parameters()))])
            expected += gradient * min(1.0, 1.0 / float(gradient.norm()))
        run.step(some, answers)
        moved = (before - weights(network)) * 8 / RATE
        # What remains is noise, of which sigma is told.
        assert float((moved - expected).abs().max()) < 6 * run.sigma
        assert run.sigma < 1


def test_batches_are_split_into_physical_ones_without_a_difference():
    inputs, targets = rows()
    found = []
    for physical in (0, 1, 3):
        network = net()
        private(network, records=64, seed=5, physical=physical, **PLAN).fit(inputs, targets)
        found.append(weights(network))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[0], found[2], rtol=1e-4, atol=1e-5)


def test_empty_batches_are_steps_too():
    inputs, targets = rows(40)
    network, run_of = net(), {**PLAN, "batch": 1, "epochs": 1}
    run = private(network, **run_of)
    sizes = []
    for some, answers in run.batches(inputs, targets):
        sizes.append(len(some))
        before = weights(network)
        run.step(some, answers)
        assert not torch.equal(before, weights(network))
    assert 0 in sizes
    assert len(sizes) == 40


class Two(nn.Module):
    """Takes two inputs by name or by place."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(2, 5), nn.Embedding(7, 5)

    def forward(self, numbers, codes):
        return self.left(numbers) + self.right(codes)


def test_inputs_may_be_arrays_frames_tuples_or_mappings():
    random = np.random.default_rng(0)
    numbers, codes, targets = random.normal(size=(30, 2)), random.integers(0, 7, 30), random.integers(0, 5, 30)
    plan = {**PLAN, "batch": 10, "epochs": 1}
    found = []
    for inputs in ((numbers, codes), {"codes": codes, "numbers": numbers}):
        torch.manual_seed(0)
        network = Two()
        private(network, delta=1e-3, seed=1, **plan).fit(inputs, targets)
        found.append(weights(network))
    assert torch.equal(*found)
    private(nn.Linear(2, 5), **plan).fit(pd.DataFrame(numbers), pd.Series(targets))


def test_regression_has_squared_error_without_a_word():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(2000, 4)).astype(np.float32)
    targets = inputs @ np.array([0.5, -0.5, 0.2, 0.0], dtype=np.float32)
    network = nn.Linear(4, 1)
    private(network, epsilon=8.0, batch=200, epochs=10, rate=0.05).fit(inputs, targets)
    assert float(((network(torch.from_numpy(inputs))[:, 0].detach().numpy() - targets) ** 2).mean()) < 0.1


def test_losses_of_ones_own_may_be_several_numbers_for_a_record():
    inputs = torch.randn(40, 4)
    network = nn.Linear(4, 6)
    run = private(network, losses=nn.MSELoss(reduction="none"), **PLAN)
    run.fit(inputs, torch.zeros(40, 6))
    assert run.made == run.steps


def test_a_dataset_is_drawn_from_and_a_loader_made_of_it():
    inputs, targets = rows(24)
    dataset = TensorDataset(inputs, targets)
    plan = {**PLAN, "batch": 2}
    private(net(), **plan).fit(dataset)
    run = private(net(), seed=1, **plan)
    loader = run.loader(dataset)
    sizes = []
    for _ in range(2):
        assert len(loader) == 12
        for some, answers in loader:
            sizes.append(len(some))
            run.step(some, answers)
    assert 0 in sizes
    assert run.made == run.steps == 24
    with pytest.raises(UsageError, match="budget is spent"):
        next(iter(loader))


def test_a_loader_may_have_workers():
    inputs, targets = rows(24)
    run = private(net(), **{**PLAN, "epochs": 1})
    for some, answers in run.loader(TensorDataset(inputs, targets), num_workers=1):
        run.step(some, answers)
    assert run.made == 3


def test_a_network_of_bakeoffs_own_takes_records():
    inputs, targets = rows(40)

    class Learner(nn.Module):
        mixed = False

        def __init__(self) -> None:
            super().__init__()
            self.inner = net()

        def losses(self, batch):
            return functional.cross_entropy(self.inner(batch.inputs["x"]["x"]), batch.targets, reduction="none")

    run = private(Learner(), physical=3, **PLAN)
    run.fit(Records({"x": {"x": inputs.numpy()}}, 40, targets.numpy()))
    assert run.made == run.steps


def test_a_scheduler_may_change_the_rate_of_the_runs_optimiser():
    inputs, targets = rows()
    network = net()
    run = private(network, optimiser=torch.optim.Adam(network.parameters(), lr=0.1), batch=8, epochs=1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(run.optimiser, 0.5)
    for some, answers in run.batches(inputs, targets):
        run.step(some, answers)
        scheduler.step()
    assert run.optimiser.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**8)


def test_noise_may_fall_from_epoch_to_epoch():
    inputs, targets = rows()
    run = private(net(), noise=[1.0, 0.5], **PLAN).fit(inputs, targets)
    sigmas = [entry.sigma for entry in run.ledger.entries if entry.private]
    assert sigmas == pytest.approx([run.sigma, run.sigma / 2])
    assert run.epsilon() <= 3.0


def test_owners_come_and_go_as_one():
    inputs, targets = rows(60)
    owners = np.repeat(np.arange(20), 3)
    run = private(net(), delta=1e-3, unit="owner", most=2, physical=3, **{**PLAN, "batch": 5})
    seen = []
    for some, answers in run.batches(inputs, targets, owners=owners):
        seen.append(len(some))
        run.step(some, answers)
    assert all(size % 2 == 0 for size in seen)
    assert run.claim()["unit"] == "owner"
    assert [entry.rate for entry in run.ledger.entries if entry.private] == [0.25]


@given(st.lists(st.integers(1, 4), max_size=8), st.integers(0, 5))
@settings(max_examples=50)
def test_an_owners_records_stay_in_one_physical_batch(sizes, physical):
    owners = np.repeat(np.arange(len(sizes)), sizes)
    parts = list(Draw(np.arange(len(owners)), owners).parts(physical))
    places = np.concatenate([where for where, _ in parts]) if parts else np.zeros(0)
    assert places.tolist() == list(range(len(owners)))
    for where, mine in parts:
        assert mine is not None
        assert mine[0] == 0
        assert set(owners[where]) & set(np.delete(owners, where)) == set()
        assert not physical or len(where) <= physical or len(set(owners[where])) == 1


def test_samples_are_poisson():
    sampler = Sampler(0.05, seed=1)
    draws = [sampler.draw(400).positions for _ in range(2000)]
    sizes = np.array([len(one) for one in draws])
    # Binomial: 20 on average with variance 19; a shuffled batch would have none.
    assert abs(sizes.mean() - 20) < 0.6
    assert 16 < sizes.var() < 22
    counts = np.bincount(np.concatenate(draws), minlength=400)
    assert counts.min() > 55
    assert counts.max() < 150


def test_a_kept_state_goes_on_where_it_was():
    inputs, targets = rows()
    network = net()
    run = private(network, records=64, **PLAN)
    for number, (some, answers) in enumerate(run.batches(inputs, targets)):
        run.step(some, answers)
        if number == 5:
            break
    other = net(1)
    other.load_state_dict(network.state_dict())
    later = private(other, records=64, **PLAN)
    later.load_state_dict(run.state_dict())
    assert torch.equal(weights(other), weights(network))
    later.fit(inputs, targets)
    assert later.made == later.steps == 16
    assert sum(entry.count for entry in later.ledger.entries if entry.private) == 16
    assert later.epsilon() <= 3.0


def test_mixed_precision_on_a_processor():
    inputs, targets = rows()
    run = private(net(), mixed=True, **PLAN).fit(inputs, targets)
    assert run.made == run.steps


def test_estimators_of_the_house_take_a_budget():
    made = private(Network(epochs=2), epsilon=2.0, unit="owner")
    assert made.get_params()["privacy"] == Budget(2.0, 1e-5, "owner")
    assert made.get_params()["epochs"] == 2


def test_an_estimator_is_copied_with_its_budget():
    class Estimator(BaseEstimator):
        def __init__(self, privacy=None, epochs=3):
            self.privacy, self.epochs = privacy, epochs

    given_ = Estimator()
    made = private(given_, epsilon=2.0, delta=1e-6, epochs=5)
    assert made.privacy == Budget(2.0, 1e-6)
    assert (made.epochs, given_.epochs, given_.privacy) == (5, 3, None)
    with pytest.raises(UsageError, match="no parameter epoch;"):
        private(given_, epoch=5)


# What it refuses


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"epsilon": 0.0}, "epsilon is 0.0"),
        ({"epsilon": -1.0}, "epsilon is -1.0"),
        ({"delta": 1.0}, "delta is 1.0"),
        ({"delta": 0.1, "records": 50}, "there are 50 records"),
        ({"unit": "family"}, "no unit"),
        ({"lr": 0.1}, "no setting lr"),
        ({"optimiser": "adagrad"}, "no optimiser 'adagrad'"),
        ({"optimiser": torch.optim.LBFGS}, "LBFGS"),
        ({"optimiser": torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)}, "not learnt by the network"),
        ({"losses": nn.CrossEntropyLoss()}, "reduction='none'"),
        ({"losses": nn.Bilinear(2, 2, 2)}, "parameters of its own"),
    ],
)
def test_bad_settings_are_refused_when_the_run_is_made(how, said):
    with pytest.raises(UsageError, match=said):
        private(net(), **how)


def test_a_great_delta_is_refused_as_soon_as_the_number_of_records_is_known():
    with pytest.raises(UsageError, match="there are 64 records"):
        private(net(), delta=0.02, **PLAN).fit(*rows(64))


def test_batch_normalisation_is_refused_with_what_to_take():
    with pytest.raises(UsageError, match="GroupNorm"):
        private(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)))
    private(nn.Sequential(nn.Linear(4, 8), nn.GroupNorm(2, 8), nn.Linear(8, 3)), **PLAN).fit(*rows())


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (functional.cross_entropy, "one number for the whole batch"),
        (
            lambda outputs, targets: functional.cross_entropy(outputs, targets, reduction="none")[:1],
            "shape",
        ),
        (lambda outputs, targets: 3.0, "tensor"),
        (lambda outputs, targets: (outputs - outputs.mean(0)).square().sum(1), "depends on the other records"),
    ],
)
def test_a_loss_that_mixes_records_is_refused(losses, said):
    with pytest.raises(UsageError, match=said):
        private(net(), losses=losses, **{**PLAN, "batch": 32}).fit(*rows())


def test_a_network_that_mixes_records_is_refused():
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net()

        def forward(self, inputs):
            return self.inner(inputs - inputs.mean(0))

    with pytest.raises(UsageError, match="depends on the other records"):
        private(Mixing(), **{**PLAN, "batch": 32}).fit(*rows())


def test_a_network_inside_another_is_refused():
    with pytest.raises(UsageError, match=r"give its \.module"):
        private(nn.DataParallel(net()))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")
def test_a_compiled_network_is_refused():
    with pytest.raises(UsageError, match="as it was before"):
        private(torch.compile(net()))


def test_gradients_that_are_no_numbers_are_refused():
    inputs, targets = rows()
    inputs[:, 1] = float("nan")
    run = private(net(), **{**PLAN, "batch": 32})
    with pytest.raises(BakeoffError, match="not a number"):
        run.fit(inputs, targets)
    with pytest.raises(NoGuarantee, match="half done"):
        run.epsilon()


def test_a_loader_without_poisson_sampling_is_refused():
    loader = DataLoader(TensorDataset(*rows()), batch_size=8, shuffle=True)
    with pytest.raises(UsageError, match=r"without Poisson sampling.*loader\.dataset"):
        private(net(), **PLAN).fit(loader)
    run = private(net(), **PLAN)
    with pytest.raises(UsageError, match="batch_size, shuffle cannot be given"):
        run.loader(TensorDataset(*rows()), batch_size=8, shuffle=True)


def test_data_that_cannot_be_drawn_from_are_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            yield torch.zeros(4), 0

    for inputs, targets, said in (
        (Stream(), None, "its own order"),
        (np.array(["a", "b"]), np.array([0, 1]), "not numbers"),
        (torch.zeros(4, 4), torch.zeros(3), "different numbers"),
    ):
        with pytest.raises(UsageError, match=said):
            private(net(), **PLAN).fit(inputs, targets)


def test_an_optimiser_cannot_be_swapped():
    network, (inputs, targets) = net(), rows()
    run = private(network, **PLAN)
    other = torch.optim.SGD(network.parameters(), lr=0.1)
    with pytest.raises(UsageError, match="cannot be swapped"):
        run.optimiser = other
    batches = run.batches(inputs, targets)
    run.step(*next(batches))
    functional.cross_entropy(network(inputs), targets).backward()
    other.step()
    with pytest.raises(UsageError, match="another optimiser"):
        run.step(*next(batches))


def test_a_layer_cannot_be_swapped():
    network, (inputs, targets) = net(), rows()
    run = private(network, **PLAN)
    network[2] = nn.Linear(8, 3)
    with pytest.raises(UsageError, match="new layer"):
        run.step(*next(run.batches(inputs, targets)))


def test_every_batch_is_stepped_whole_and_once():
    inputs, targets = rows()
    plan = {**PLAN, "batch": 32}
    run = private(net(), **plan)
    with pytest.raises(UsageError, match="not known yet"):
        run.step(inputs, targets)
    run = private(net(), records=64, **plan)
    with pytest.raises(UsageError, match="Poisson samples"):
        run.step(inputs[:32], targets[:32])
    batches = run.batches(inputs, targets)
    some, answers = next(batches)
    with pytest.raises(UsageError, match="the one that is due has"):
        run.step(some[:4], answers[:4])
    run = private(net(), records=64, **plan)
    batches = run.batches(inputs, targets)
    next(batches)
    with pytest.raises(UsageError, match="not given to step"):
        next(batches)
    run = private(net(), records=64, **plan)
    some, answers = next(run.batches(inputs, targets))
    run.step(some, answers)
    with pytest.raises(UsageError, match="none is due"):
        run.step(some, answers)


def test_a_spent_budget_pays_for_no_more_steps():
    run = private(net(), **PLAN).fit(*rows())
    with pytest.raises(UsageError, match="budget is spent"):
        run.fit(*rows())


def test_owners_are_asked_for_where_they_are_the_unit_and_only_there():
    with pytest.raises(UsageError, match="owners="):
        private(net(), delta=1e-3, unit="owner", **PLAN).fit(*rows())
    with pytest.raises(UsageError, match="unit='owner'"):
        private(net(), **PLAN).fit(*rows(), owners=np.arange(64))
    with pytest.raises(UsageError, match="owners of 3 records"):
        private(net(), delta=1e-3, unit="owner", **PLAN).fit(*rows(), owners=np.arange(3))


def test_noise_that_can_be_repeated_states_no_epsilon():
    run = private(net(), seed=0, **PLAN).fit(*rows())
    with pytest.raises(NoGuarantee, match="seed"):
        run.epsilon()


@pytest.mark.parametrize("estimator", [LogisticRegression(), LogisticRegression, "network", 3])
def test_what_has_no_private_fit_is_refused(estimator):
    with pytest.raises(UsageError, match="no private fit"):
        private(estimator)
